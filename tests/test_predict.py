"""Predictions see what GluonCV's presets see, count in the photograph's own pixels, and name their weights' source."""

import concurrent.futures
import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from click.testing import CliRunner
from gluoncv.data.transforms.presets import imagenet, rcnn, segmentation, yolo
from gluoncv.data.transforms.presets import ssd as ssd_preset
from matplotlib.figure import Figure
from PIL import Image

from gluon_lessons import boxes, photos, predict, zoo
from gluon_lessons.cli import predict as predict_command
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue, families, store
from gluon_lessons.zoo.families import detector as detector_family
from gluon_lessons.zoo.families import ssd

INSTALLED = ("cat", "coffee", "temple", "astronaut", "canteen", "motorcycle")  # samples that need no network
LEVEL = 1 / 255 / 0.225  # one of 256 shades, as the networks see it


@pytest.fixture(scope="module")
def pictures():
    return {name: photos.read(name) for name in INSTALLED}


def as_mxnet(picture):
    return mx.nd.array(picture, dtype="uint8")


@dataclasses.dataclass(frozen=True)
class Stub:
    """A network of the catalogue that answers what the test says, whatever it is shown."""

    entry: catalogue.Entry
    answer: tuple
    provenance: str = "weights from nowhere"
    plain: None = None

    def net(self, tensor):
        assert tensor.shape[:2] == (1, 3)
        return tuple(mx.nd.array(part)[None] for part in self.answer)


def stub(name, *answer):
    return Stub(catalogue.entry(name), answer)


# What goes in


@pytest.mark.parametrize("name", INSTALLED)
def test_classification_input_is_that_of_the_preset(name, pictures):
    ours, size = predict.prepare(pictures[name], catalogue.entry("resnet50_v1"))
    theirs = imagenet.transform_eval(as_mxnet(pictures[name])).asnumpy()
    assert size == pictures[name].shape[:2]
    assert ours.shape == theirs.shape == (1, 3, 224, 224)
    assert abs(ours - theirs).max() < 0.01 * LEVEL


def test_larger_classifiers_see_more_of_the_picture(pictures):
    ours, _ = predict.prepare(pictures["temple"], catalogue.entry("inceptionv3"))
    theirs = imagenet.transform_eval(as_mxnet(pictures["temple"]), resize_short=342, crop_size=299).asnumpy()
    assert abs(ours - theirs).max() < 0.01 * LEVEL


PRESETS = [
    ("ssd_300_mobilenet1.0_voc", ssd_preset.SSDDefaultValTransform(300, 300)),
    ("ssd_512_mobilenet1.0_voc", ssd_preset.SSDDefaultValTransform(512, 512)),
    ("yolo3_darknet53_coco", yolo.YOLO3DefaultValTransform(416, 416)),
]


@pytest.mark.parametrize(("network", "preset"), PRESETS, ids=["ssd 300", "ssd 512", "yolo"])
@pytest.mark.parametrize("size", [(220, 280), (1100, 1400)], ids=["enlarged", "shrunk"])
def test_detection_input_is_that_of_the_preset_within_a_shade(network, preset, size, pictures):
    picture = np.asarray(Image.fromarray(pictures["temple"]).resize(size[::-1]))
    ours, _ = predict.prepare(picture, catalogue.entry(network))
    theirs = preset(as_mxnet(picture), np.zeros((1, 4)))[0].asnumpy()
    assert abs(ours[0] - theirs).max() < 1.1 * LEVEL
    assert abs(ours[0] - theirs).mean() < 0.05 * LEVEL


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize(("network", "preset"), PRESETS, ids=["ssd 300", "ssd 512", "yolo"])
def test_detection_input_is_that_of_the_preset_on_photographs(name, network, preset, pictures):
    ours, _ = predict.prepare(pictures[name], catalogue.entry(network))
    theirs = preset(as_mxnet(pictures[name]), np.zeros((1, 4)))[0].asnumpy()
    assert abs(ours[0] - theirs).max() < 1.1 * LEVEL


def test_a_large_jpeg_is_seen_as_the_presets_see_it(pictures, tmp_path):
    large = Image.fromarray(pictures["temple"]).resize((2400, 1602), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    decoded = mx.image.imdecode((tmp_path / "large.jpg").read_bytes())
    ours, size = predict.prepare(tmp_path / "large.jpg", catalogue.entry("resnet50_v1"))
    assert size == (1602, 2400)
    assert abs(ours - imagenet.transform_eval(decoded).asnumpy()).max() < 2.1 * LEVEL  # two JPEG decoders
    ours, size = predict.prepare(tmp_path / "large.jpg", catalogue.entry("ssd_300_mobilenet1.0_voc"))
    theirs = PRESETS[0][1](decoded, np.zeros((1, 4)))[0].asnumpy()
    assert size == (1602, 2400)
    assert abs(ours[0] - theirs).mean() < 0.5 * LEVEL  # decoded at half its size


def test_detections_are_those_of_the_preset():
    network, preset = zoo.load("ssd_300_mobilenet1.0_voc"), PRESETS[0][1]
    theirs = ours = 0
    for name in INSTALLED:
        picture = photos.read(name)
        tensor = preset(as_mxnet(picture), np.zeros((1, 4)))[0].expand_dims(0)
        ids, scores, corners = (output.asnumpy()[0] for output in network.net(tensor))
        answer = predict.detect(picture, network)
        for kind, score, box in zip(ids[:, 0], scores[:, 0], corners, strict=True):
            if score >= 0.6:  # one near the threshold may fall on either side of it
                theirs += 1
                same = [other == network.entry.classes[int(kind)] for other in answer.names]
                overlap = boxes.iou(box / 300 * np.tile(picture.shape[1::-1], 2), answer.boxes[same])
                ours += overlap.size > 0 and overlap.max() > 0.9
    assert theirs >= 10
    assert ours >= 0.9 * theirs


@pytest.mark.parametrize("name", INSTALLED)
def test_rcnn_input_is_that_of_the_preset_within_a_shade(name, pictures):
    ours, _ = predict.prepare(pictures[name], catalogue.entry("mask_rcnn_resnet18_v1b_coco"))
    theirs = rcnn.transform_test(as_mxnet(pictures[name]), short=600, max_size=1000)[0].asnumpy()
    assert abs(ours - theirs).max() < 1.1 * LEVEL


def test_segmentation_input_is_that_of_the_preset_where_nothing_is_resized(pictures):
    picture = np.ascontiguousarray(pictures["motorcycle"][:385, :513])
    ours, _ = predict.prepare(picture, catalogue.entry("deeplab_mobilenetv2_voc"))
    theirs = segmentation.test_transform(as_mxnet(picture), mx.cpu()).asnumpy()
    assert abs(ours - theirs).max() < 0.01 * LEVEL


@pytest.mark.parametrize(
    ("network", "longer", "stride"), [("deeplab_mobilenetv2_voc", 513, 8), ("posenet_mobilenet0.75", 353, 16)]
)
def test_networks_for_whole_pictures_keep_the_proportions(network, longer, stride):
    for height, width in ((400, 600), (600, 400), (31, 500), (500, 500)):
        tensor, _ = predict.prepare(np.zeros((height, width, 3), np.uint8), catalogue.entry(network))
        sides = np.array(tensor.shape[2:])
        assert sides.max() == longer
        assert (sides % stride == 1).all()
        assert abs(sides - longer / max(height, width) * np.array([height, width])).max() <= stride / 2


def test_a_port_with_constants_of_its_own_gets_them(pictures):
    picture = np.ascontiguousarray(pictures["coffee"][:256, :256])
    ours, _ = predict.prepare(picture, catalogue.entry("efficientnet_lite0"))
    assert np.allclose(ours[0].transpose(1, 2, 0), (picture[16:240, 16:240].astype(np.float32) - 127) / 128, atol=1e-5)


def test_a_large_photo_is_decoded_small_and_looks_the_same(pictures):
    large = Image.fromarray(pictures["temple"]).resize((2560, 1708), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=95)
    for network in predict.NETWORKS.values():
        entry = catalogue.entry(network)
        quick, size = predict.prepare(file.getvalue(), entry)
        exact, _ = predict.prepare(photos.read(file.getvalue()), entry)
        assert size == (1708, 2560)
        assert quick.shape == exact.shape
        assert abs(quick - exact).mean() < 4 * LEVEL


# What comes out


def boxes_stub():
    """In the 416 by 416 pixels that the network sees: a dog, nothing, a surer person, a bird half outside."""
    ids = [[11], [-1], [14], [2]]
    scores = [[0.6], [0.9], [0.8], [0.4]]
    corners = np.array([[30, 60, 150, 180], [0, 0, 10, 10], [150, 0, 300, 300], [-30, 270, 60, 330]]) * 416 / 300
    return stub("yolo3_mobilenet1.0_voc", ids, scores, corners)


def test_boxes_are_in_pixels_of_the_photograph_surest_first():
    picture = np.zeros((600, 900, 3), np.uint8)
    found = predict.detect(picture, boxes_stub(), threshold=0.3)
    assert found.names == ["person", "dog", "bird"]
    assert np.allclose(found.scores, [0.8, 0.6, 0.4])
    assert np.allclose(found.boxes, [[450, 0, 900, 600], [90, 120, 450, 360], [0, 540, 180, 600]])
    assert predict.detect(picture, boxes_stub()).names == ["person", "dog"]
    assert len(predict.detect(picture, boxes_stub(), threshold=0.95)) == 0


def test_a_list_in_gives_a_list_out():
    picture = np.zeros((30, 30, 3), np.uint8)
    assert [len(found) for found in predict.detect([picture, picture], boxes_stub())] == [2, 2]
    assert predict.detect([], boxes_stub()) == []
    assert isinstance(predict.detect(picture, boxes_stub()), predict.Boxes)


def test_boxes_can_be_read_drawn_and_stored():
    picture = np.zeros((600, 900, 3), np.uint8)
    found = predict.detect(picture, boxes_stub())
    assert found.table().splitlines() == [
        "0.80  person           450     0   900   600",
        "0.60  dog               90   120   450   360",
    ]
    assert repr(found) == found.table()
    assert isinstance(found.plot(), Figure) and len(found.plot().axes[0].patches) == 2
    stored = json.loads(found.to_json())
    assert stored["boxes"][1] == {"name": "dog", "score": pytest.approx(0.6), "box": [90, 120, 450, 360]}
    assert stored["provenance"] == "weights from nowhere"
    nothing = predict.detect(picture, boxes_stub(), threshold=0.95)
    assert nothing.table() == "Nothing found."
    assert json.loads(nothing.to_json())["boxes"] == []
    assert isinstance(nothing.plot(), Figure)


def test_instance_masks_lie_in_their_boxes():
    halves = np.zeros((2, 14, 14), np.float32)
    halves[0, :, :7], halves[1, 7:, :] = 1, 1  # the left half of a person, the lower half of a dog
    corners = [[0, 0, 300, 600], [300, 0, 900, 600]]  # the network sees 600 by 900
    network = stub("mask_rcnn_resnet18_v1b_coco", [[0], [16]], [[0.9], [0.8]], corners, halves)
    found = predict.detect(np.zeros((300, 450, 3), np.uint8), network)
    assert found.names == ["person", "dog"]
    assert found.masks.shape == (2, 300, 450)
    assert found.masks[0, 5:-5, 5:70].all() and not found.masks[0, :, 80:].any()
    assert found.masks[1, 160:-5, 155:445].all() and not found.masks[1, :140].any()
    assert isinstance(found.plot(), Figure)


def test_classes_are_probabilities_likeliest_first():
    scores = np.zeros(1000, np.float32)
    scores[[285, 967, 3]] = 9, 8, 7
    answer = predict.classify(np.zeros((50, 50, 3), np.uint8), stub("resnet50_v1", scores), top=3)
    assert answer.names == ["Egyptian cat", "espresso", catalogue.entry("resnet50_v1").classes[3]]
    assert answer.probabilities.sum() == pytest.approx(1)
    assert answer.scores[0] / answer.scores[1] == pytest.approx(np.e)
    assert answer.table().splitlines()[0].split() == [f"{answer.scores[0]:.1%}", "Egyptian", "cat"]
    assert json.loads(answer.to_json())["classes"][1]["name"] == "espresso"
    assert isinstance(answer.plot(), Figure)


def test_masks_have_the_size_of_the_photograph():
    entry = catalogue.entry("deeplab_mobilenetv2_voc")
    tensor, _ = predict.prepare(np.zeros((100, 200, 3), np.uint8), entry)
    scores = np.zeros((21, *tensor.shape[2:]), np.float32)
    scores[0], scores[15, :, : tensor.shape[3] // 2] = 2, 5  # the left half is a person
    answer = predict.segment(np.zeros((100, 200, 3), np.uint8), stub("deeplab_mobilenetv2_voc", scores))
    assert answer.labels.shape == answer.probabilities.shape == (100, 200)
    assert answer.names == ["background", "person"] or answer.names == ["person", "background"]
    assert answer.mask("person")[:, :98].all() and not answer.mask("person")[:, 102:].any()
    expected = np.exp([2, 5]) / np.array([np.exp(2) + 20, np.exp(5) + np.exp(2) + 19])
    assert np.allclose([answer.probabilities[50, 190], answer.probabilities[50, 10]], expected, atol=1e-4)
    with pytest.raises(LessonError, match="There is no class 'martian'"):
        answer.mask("martian")
    stored = json.loads(answer.to_json())
    labels = np.concatenate([np.full(count, label) for label, count in stored["runs"]]).reshape(stored["size"])
    assert np.array_equal(labels, answer.labels)
    assert sum(stored["shares"].values()) == pytest.approx(1)
    assert isinstance(answer.plot(), Figure)


def test_top_down_poses_lie_where_the_heat_was(monkeypatch):
    """A person fills the box; each keypoint's heat is a point of the window around it."""
    box = np.array([[100, 50, 220, 370]], np.float32)
    monkeypatch.setattr(store, "load", lambda name: stub(name))
    detector = families.of(catalogue.entry("ssd_300_mobilenet1.0_voc"))
    things = {"boxes": np.concatenate([[[0, 0, 9, 9]], box]), "names": ["dog", "person"]}
    monkeypatch.setattr(detector, "answer", lambda *_, **__: things)
    heat = np.zeros((17, 64, 48), np.float32)
    for keypoint in range(17):
        heat[keypoint, 32, 24] = 0.9  # the centre of the window is the centre of the box
    heat[5] = 0
    heat[5, 16, 24] = 0.8  # a quarter down
    heat[6] = 0
    heat[6, 32, 12] = 0.7  # a quarter from the left
    network = stub("simple_pose_resnet18_v1b", heat)
    answer = predict.poses(np.zeros((400, 300, 3), np.uint8), network)
    assert answer.people.shape == (1, 17, 3)
    assert np.allclose(answer.people[0, 0], [160, 210, 0.9], atol=1e-3)
    height = 320 * 1.25
    assert np.allclose(answer.people[0, 5], [160, 210 - height / 4, 0.8], atol=1e-3)
    assert np.allclose(answer.people[0, 6], [160 - height * 192 / 256 / 4, 210, 0.7], atol=1e-3)
    assert json.loads(answer.to_json())["people"][0]["keypoints"]["nose"] == [160, 210, 0.9]
    assert isinstance(answer.plot(), Figure)


@pytest.mark.parametrize("place", [(210, 160), (110, 160), (210, 85)])
def test_the_network_for_one_person_sees_the_window_around_the_person(monkeypatch, place):
    """A spot of the photograph lies in the network's input where the window of 300 by 400 pixels has it."""
    monkeypatch.setattr(store, "load", lambda name: stub(name))
    detector = families.of(catalogue.entry("ssd_300_mobilenet1.0_voc"))
    box = np.array([[100, 50, 220, 370]], np.float32)
    monkeypatch.setattr(detector, "answer", lambda *_, **__: {"boxes": box, "names": ["person"]})
    network = stub("simple_pose_resnet18_v1b")
    picture = np.zeros((400, 300, 3), np.uint8)
    picture[place[0] - 4 : place[0] + 4, place[1] - 4 : place[1] + 4] = 255
    [pixels] = families.of(network.entry).inputs(picture, network)
    assert pixels.shape == (1, 3, 256, 192)
    rows, columns = np.nonzero(pixels[0, 0] > pixels[0, 0].mean() + 1)
    expected = (place[0] - 10) * 256 / 400, (place[1] - 10) * 192 / 300
    assert np.allclose([rows.mean(), columns.mean()], expected, atol=1)


def test_without_a_detector_the_whole_photograph_is_one_person():
    entry = catalogue.entry("simple_pose_resnet18_v1b")
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[48:52, 48:52] = 255
    pixels, size = predict.prepare(picture, entry)
    rows, columns = np.nonzero(pixels[0, 0] > pixels[0, 0].mean() + 1)
    assert size == (100, 100)
    assert np.allclose([rows.mean(), columns.mean()], [128, 96], atol=1.1)


def test_the_largest_class_of_a_mask_comes_first():
    labels = np.array([[1, 2, 2], [2, 0, 2], [1, 2, 2]], np.uint8)
    found = predict.Masks("cat", "weights from nowhere", labels, np.ones((3, 3)), ["background", "cat", "dog"])
    assert list(found.shares().items()) == [("dog", 6 / 9), ("cat", 2 / 9), ("background", 1 / 9)]
    assert found.names == ["dog", "cat", "background"]
    assert found.table().splitlines() == [" 66.7%  dog", " 22.2%  cat", " 11.1%  background"]
    stored = json.loads(found.to_json())
    assert stored["classes"] == ["background", "cat", "dog"]
    assert list(stored["shares"]) == ["dog", "cat", "background"]


def test_the_surest_boxes_hold_something_and_the_first_class_counts():
    classes, scores = np.array([0, -1, 3, 0, 2]), np.array([0.5, 0.9, 0.7, 0.49, 0.8])
    assert detector_family.surest(classes, scores, 0.5).tolist() == [4, 2, 0]


def test_nobody_is_a_result_too():
    heat, offset, ways = np.zeros((17, 16, 23)), np.zeros((34, 16, 23)), np.zeros((32, 16, 23))
    answer = predict.poses(np.zeros((240, 353, 3), np.uint8), stub("posenet_mobilenet0.75", heat, offset, ways, ways))
    assert len(answer) == 0 and answer.people.shape == (0, 17, 3)
    assert answer.table() == "Nobody found."
    assert isinstance(answer.plot(), Figure)


@pytest.mark.parametrize(
    ("function", "network", "right"),
    [
        (predict.classify, "ssd_300_mobilenet1.0_voc", "detect"),
        (predict.detect, "posenet_mobilenet0.75", "poses"),
        (predict.segment, "mask_rcnn_resnet18_v1b_coco", "detect"),
        (predict.poses, "resnet50_v1", "classify"),
    ],
)
def test_the_wrong_question_is_pointed_to_the_right_one(function, network, right):
    with pytest.raises(LessonError, match=rf"use predict\.{right}"):
        function(np.zeros((9, 9, 3), np.uint8), stub(network))


def test_a_bad_photograph_is_one_clear_error(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(photos.PhotoError, match=r"bad\.jpg"):
        predict.detect(tmp_path / "bad.jpg", boxes_stub())


# Real networks on real photographs


def test_a_cat_is_a_cat():
    answer = predict.classify("cat")
    assert {"tiger cat", "Egyptian cat", "tabby"} == set(answer.names[:3])
    assert answer.scores[:3].sum() > 0.8
    assert answer.provenance.startswith("efficientnet_lite0: ")
    assert answer.provenance == str(zoo.load("efficientnet_lite0").provenance)


def test_people_in_the_canteen_are_found():
    truth, found = photos.truth("canteen"), predict.detect("canteen")
    people = [box for box, name in zip(found.boxes, found.names, strict=True) if name == "person"]
    assert len(people) >= 5
    seated = truth.boxes[[name == "person" for name in truth.names]]
    for left, top, right, bottom in people:
        across = np.minimum(right, seated[:, 2]) - np.maximum(left, seated[:, 0])
        down = np.minimum(bottom, seated[:, 3]) - np.maximum(top, seated[:, 1])
        both = np.clip(across, 0, None) * np.clip(down, 0, None)
        either = (right - left) * (bottom - top) + np.prod(seated[:, 2:] - seated[:, :2], axis=1) - both
        assert (both / either).max() > 0.5


@pytest.mark.parametrize("name", ["canteen", "motorcycle", "astronaut"])
@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.5])
def test_boxes_are_those_of_the_network_itself(name, threshold):
    network = zoo.load("ssd_300_mobilenet1.0_voc")
    tensor, (height, width) = predict.prepare(name, network.entry)
    ids, scores, corners = (output.asnumpy()[0] for output in network.net(mx.nd.array(tensor)))
    sure = scores[:, 0] >= threshold
    answer = predict.detect(name, threshold=threshold)
    assert answer.names == [network.entry.classes[int(index)] for index in ids[sure, 0]]
    assert np.allclose(answer.scores, scores[sure, 0], atol=1e-5)
    theirs = np.clip(corners[sure] / 300 * ([width, height] * 2), 0, [width, height] * 2)
    assert np.allclose(answer.boxes, theirs, atol=0.01)


def test_more_overlap_leaves_more_boxes():
    few, some, many = (
        predict.detect("canteen", threshold=0.3, overlap=overlap) for overlap in (0.05, ssd.OVERLAP, 0.9)
    )
    assert len(few) < len(some) < len(many)
    assert np.array_equal(some.boxes, predict.detect("canteen", threshold=0.3).boxes)


def test_threads_do_not_disturb_each_other():
    wishes = [(name, overlap) for name in ("canteen", "astronaut") for overlap in (0.05, 0.9)]
    expected = [predict.detect(name, threshold=0.3, overlap=overlap).boxes for name, overlap in wishes]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(
            threads.map(lambda wish: predict.detect(wish[0], threshold=0.3, overlap=wish[1]).boxes, wishes * 5)
        )
    for answer, right in zip(answers, expected * 5, strict=True):
        assert np.array_equal(answer, right)


def test_a_network_with_its_overlap_built_in_says_so():
    with pytest.raises(LessonError, match="has its overlap built in"):
        predict.detect(np.zeros((9, 9, 3), np.uint8), boxes_stub(), overlap=0.6)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_detection_fits_in_700_megabytes():
    code = """
from pathlib import Path
from gluon_lessons import predict
assert predict.detect("canteen").names
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    # Not getrusage: its peak begins with that of the process that started this one.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 700 * 1024


@pytest.mark.network
def test_segmentation_agrees_with_the_truth():
    agreement = []
    for name in photos.names(truth=True):
        truth, answer = photos.truth(name), predict.segment(name)
        known = truth.labels != photos.UNKNOWN
        agreement.append((answer.labels == truth.labels)[known].mean())
    assert len(agreement) >= 5
    assert np.mean(agreement) > 0.94


@pytest.mark.network
def test_three_women_on_a_sofa_have_three_poses():
    answer = predict.poses("sofa")
    assert len(answer) == 3
    women = photos.truth("sofa").boxes[:3]
    noses = answer.people[:, 0, :2]
    for nose in noses:
        assert any(left < nose[0] < right and top < nose[1] < bottom for left, top, right, bottom in women)
    assert ((answer.people[:, :, 2] > 0.5).sum(axis=1) >= 12).all()


# The command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two photographs and one that is none, and a detector that needs no weights."""
    monkeypatch.chdir(tmp_path)
    for name in ("one.jpg", "two.png"):
        Image.new("RGB", (90, 60), "grey").save(name)
    Path("bad.jpg").write_bytes(b"no picture")
    monkeypatch.setitem(predict.NETWORKS, "detect", "yolo3_mobilenet1.0_voc")
    monkeypatch.setattr(zoo, "load", lambda name: dataclasses.replace(boxes_stub(), entry=catalogue.entry(name)))
    return tmp_path


def call(*arguments):
    from gluon_lessons.cli.main import main

    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def test_the_command_prints_a_table_and_draws_beside_the_photograph(folder):
    answer = call("one.jpg", "two.png")
    assert answer.exit_code == 0
    assert "0.80  person" in answer.output and "weights from nowhere" in answer.output
    for drawn in ("one-detect.png", "two-detect.png"):
        assert drawn in answer.output
        assert Image.open(drawn).size[0] == 800


def test_one_bad_photograph_does_not_lose_the_others(folder):
    answer = call("one.jpg", "bad.jpg", "absent.jpg", "two.png")
    assert answer.exit_code == 1
    assert "bad.jpg is not a picture" in answer.stderr
    assert "There is no file absent.jpg" in answer.stderr
    assert "2 of 4 photographs could not be done" in answer.stderr
    assert Path("one-detect.png").exists() and Path("two-detect.png").exists()
    assert call("bad.jpg").exit_code == 1


def test_json_is_a_line_a_photograph_and_nothing_is_drawn(folder):
    answer = call("one.jpg", "two.png", "--json", "--threshold", "0.7")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(line["photo"], len(line["boxes"])) for line in lines] == [("one.jpg", 1), ("two.png", 1)]
    assert not list(folder.glob("*-detect.png"))


def test_out_is_a_folder_or_one_file(folder):
    (folder / "more").mkdir()
    Image.new("RGB", (90, 60)).save(folder / "more" / "one.jpg")
    assert call("one.jpg", "more/one.jpg", "--out", "drawn").exit_code == 0
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["one-detect-2.png", "one-detect.png"]
    assert call("one.jpg", "--out", "new/result.svg").exit_code == 0
    assert Path("new/result.svg").read_text().startswith("<?xml")


def test_a_photograph_is_never_written_over(folder):
    before = Path("two.png").read_bytes()
    answer = call("two.png", "--out", "two.png")
    assert answer.exit_code == 2 and "is one of the photographs" in answer.stderr
    assert Path("two.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing argument"),
        (["one.jpg", "two.png", "--out", "both.png"], "must be a folder"),
        (["one.jpg", "--out", "result.doc"], "ends in .png"),
        (["one.jpg", "--task", "classify", "--threshold", "0.5"], "means nothing to classify"),
        (["one.jpg", "--threshold", "7"], "0<=x<=1"),
    ],
)
def test_a_wrong_option_is_explained(folder, arguments, complaint):
    answer = call(*arguments)
    assert answer.exit_code == 2
    assert complaint in answer.stderr


def test_the_task_follows_from_the_network(folder):
    assert call("one.jpg", "--network", "yolo3_darknet53_coco").exit_code == 0
    answer = call("one.jpg", "--network", "resnet50_v1", "--task", "detect")
    assert answer.exit_code == 1 and "use predict.classify" in answer.stderr


def test_what_cannot_be_written_is_said(folder):
    Path("a file").write_text("")
    answer = call("one.jpg", "--out", "a file/below")
    assert answer.exit_code == 1
    assert "cannot be written" in answer.stderr and "--out" in answer.stderr


def test_help_is_quick_and_loads_no_framework():
    code = "import sys; import gluon_lessons.cli.predict; assert not {'mxnet', 'numpy', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "PHOTO..." in CliRunner().invoke(predict_command.command, ["--help"]).output
