"""Every network of the catalogue has a family, and a family answers for what its networks can do and cannot."""

import dataclasses
import gc
import weakref

import mxnet as mx
import numpy as np
import pytest

from gluon_lessons import fast, photos, predict, serve, zoo
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue, families, store
from gluon_lessons.zoo.families.base import Family

ENTRIES = {entry.name: entry for entry in catalogue.entries()}
ONE_EACH = {entry.family: entry for entry in ENTRIES.values()}
PICTURE = np.zeros((30, 40, 3), np.uint8)


def network(name, net=None, plain=None):
    return zoo.Network(net, ENTRIES[name], "weights from nowhere", plain)


def test_every_network_has_a_family_that_says_what_it_sees():
    for entry in ENTRIES.values():
        family = families.of(entry)
        assert isinstance(family, Family)
        pixels, size = family.prepare(PICTURE, entry)
        assert size == (30, 40) and pixels.shape[:2] == (1, 3) and pixels.dtype == np.float32
        if family.fixed_size:
            assert pixels.shape[2:] == family.picture(entry).size


def test_black_is_what_the_networks_constants_say():
    for entry in ONE_EACH.values():
        pixels, _ = families.of(entry).prepare(PICTURE, entry)
        expected = -np.array(entry.mean) / np.array(entry.deviation)
        np.testing.assert_allclose(pixels.mean(axis=(0, 2, 3)), expected, rtol=1e-5)


def test_what_no_endpoint_can_run_is_refused_before_anything_is_written(tmp_path):
    refused = {"posenet", "simple_pose", "faster_rcnn", "mask_rcnn", "torchvision_rcnn"}
    for entry in ONE_EACH.values():
        if entry.family in refused:
            with pytest.raises(LessonError, match=f"No endpoint can run {entry.name}: "):
                serve.archive(network(entry.name), tmp_path / "model.tar.gz")
        else:
            families.of(entry).check_served(network(entry.name))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["ssd_300_mobilenet1.0_voc", "centernet_mobilenetv3_coco"])
def test_half_a_detector_is_not_served(name, tmp_path):
    quick = network(name, plain=network(name))
    with pytest.raises(LessonError, match="give it the plain network"):
        serve.save(quick, tmp_path / "served")


@pytest.mark.parametrize("name", ["posenet_mobilenet0.75", "centernet_mobilenetv3_coco"])
def test_a_network_without_normalizations_is_not_computed_in_integers(name):
    net = store.build(ENTRIES[name])
    net.initialize()
    with pytest.raises(LessonError, match=f"{name} cannot be computed in integers: .*normalization"):
        fast.int8(network(name, net), ["astronaut"])


def test_integers_want_photographs_of_one_shape(pictures_of_two_shapes):
    with pytest.raises(LessonError, match="513 x 385 and 513 x 513 among them: give photographs of one shape"):
        fast.int8(zoo.load("deeplab_mobilenetv2_voc"), pictures_of_two_shapes)
    with pytest.raises(LessonError, match="no photograph"):
        fast.int8(zoo.load("deeplab_mobilenetv2_voc"), [])


@pytest.fixture
def pictures_of_two_shapes():
    return [np.zeros((300, 400, 3), np.uint8), np.zeros((400, 400, 3), np.uint8)]


@pytest.mark.parametrize("name", ["posenet_mobilenet0.75", "simple_pose_resnet18_v1b"])
def test_poses_are_not_compared(name):
    with pytest.raises(LessonError, match="`people` of both results"):
        fast.agreement(network(name), network(name), ["astronaut"])


def test_nothing_is_not_compared():
    with pytest.raises(LessonError, match="no photograph"):
        fast.agreement(network("resnet50_v1"), network("resnet50_v1"), [])


def things(*found):
    """A result with these things in it, each (name, left, score), all ten pixels wide and high."""
    corners = np.array([[left, 0, left + 10, 10] for _, left, _ in found], float).reshape(-1, 4)
    return predict.Boxes("cat", "", corners, [name for name, *_ in found], np.array([score for *_, score in found]))


@pytest.mark.parametrize(
    ("one", "other", "alike", "total", "difference"),
    [
        (things(("dog", 0, 0.9)), things(("dog", 0, 0.7)), 1, 1, 0.2),
        (things(("dog", 0, 0.9)), things(("cat", 0, 0.9)), 0, 2, 0),
        (things(("dog", 0, 0.9)), things(("dog", 5, 0.9)), 0, 2, 0),  # a third of both together
        (things(("dog", 0, 0.9), ("dog", 0, 0.8)), things(("dog", 0, 0.6)), 1, 2, 0.3),  # nothing is found twice
        (things(("dog", 0, 0.9), ("cat", 50, 0.5)), things(("cat", 50, 0.4), ("dog", 0, 0.9)), 2, 2, 0.1),
        (things(), things(("dog", 0, 0.9)), 0, 1, 0),
        (things(), things(), 0, 0, 0),
    ],
)
def test_boxes_are_compared_one_by_one(one, other, alike, total, difference):
    family = families.of(ENTRIES["yolo3_mobilenet1.0_voc"])
    assert family.compare(one, other, 0.5) == (alike, total, pytest.approx(difference))
    assert family.compared == "boxes"


def test_classes_are_compared_by_the_first_and_pixels_one_by_one():
    chances = np.array([0.1, 0.6, 0.3]), np.array([0.2, 0.3, 0.5]), np.array([0.2, 0.5, 0.3])
    first, second, third = (predict.Classes("cat", "", [], chance, chance) for chance in chances)
    family = families.of(ENTRIES["resnet50_v1"])
    assert family.compare(first, second, 0.5) == (0, 1, pytest.approx(0.3))
    assert family.compare(first, third, 0.5) == (1, 1, pytest.approx(0.1))
    assert "of the first classes agree" in str(fast.Agreement(1, 1.0, 0.0, family.compared))
    labels, chance = np.array([[0, 1, 2], [2, 1, 0]], np.uint8), np.full((2, 3), 0.5)
    one = predict.Masks("cat", "", labels, chance, ["a", "b", "c"])
    other = predict.Masks("cat", "", labels[:, ::-1], chance - 0.2, ["a", "b", "c"])
    family = families.of(ENTRIES["deeplab_mobilenetv2_voc"])
    assert family.compare(one, other, 0.5) == (2, 6, pytest.approx(0.2))


@pytest.mark.parametrize("family", sorted(ONE_EACH))
@pytest.mark.parametrize("shape", [(1, 2000), (30_000, 1), (1, 5000), (10, 1001)])
def test_too_narrow_a_photograph_is_refused(family, shape):
    entry = ONE_EACH[family]
    with pytest.raises(LessonError, match=f"{shape[1]} x {shape[0]} pixels is too narrow"):
        predict.FUNCTIONS[entry.task](np.zeros((*shape, 3), np.uint8), network(entry.name))
    with pytest.raises(LessonError, match="too narrow"):
        families.of(entry).prepare(np.zeros((*shape, 3), np.uint8), entry)


@pytest.mark.parametrize("family", sorted(ONE_EACH))
@pytest.mark.parametrize("shape", [(10, 1000), (1000, 10), (1, 1), (3, 300)])
def test_the_narrowest_photograph_makes_no_large_input(family, shape):
    entry = ONE_EACH[family]
    pixels, size = families.of(entry).prepare(np.zeros((*shape, 3), np.uint8), entry)
    assert size == shape
    assert min(pixels.shape[2:]) >= 1 and pixels.size < 3_100_000


@pytest.fixture
def detector():
    """An SSD with random weights that nothing else knows."""
    net = store.build(ENTRIES["ssd_300_mobilenet1.0_voc"])
    net.initialize(mx.init.Normal(0.05))
    return network("ssd_300_mobilenet1.0_voc", net)


def test_a_detector_that_nobody_needs_is_forgotten(detector):
    predict.detect(PICTURE, detector)
    predict.detect(PICTURE, fast.fused(detector))
    family = families.of(detector.entry)
    assert family.body(detector) is family.body(detector)
    known = weakref.ref(detector.net)
    object.__setattr__(detector, "net", None)
    gc.collect()
    assert known() is None


def test_a_quick_form_keeps_the_anchors_of_its_own_network(detector):
    """Not those of the catalogue's network of that name."""
    for generator in detector.net.anchor_generators:
        generator.anchors.set_data(generator.anchors.data() * 0.5)
    one = predict.detect(photos.read("astronaut"), detector, threshold=0.06)
    other = predict.detect(photos.read("astronaut"), fast.fused(detector), threshold=0.06)
    assert len(one) > 0
    assert one.names == other.names
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.1)


def test_a_new_family_needs_a_module_and_a_line(monkeypatch):
    """What the catalogue names is asked, and nothing else is known of a network."""

    class Answers(Family):
        def answer(self, photo, network, **options):
            return {"boxes": np.zeros((1, 4)), "names": ["thing"], "scores": np.array([options["threshold"]])}

    monkeypatch.setattr(families, "of", lambda entry: {"mine": Answers()}[entry.family])
    entry = dataclasses.replace(ENTRIES["yolo3_mobilenet1.0_voc"], family="mine")
    assert predict.detect(PICTURE, zoo.Network(None, entry, ""), threshold=0.4).scores[0] == 0.4
