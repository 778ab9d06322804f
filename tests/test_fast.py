"""The quick forms of a network: the same answers, other operations, and an honest count of what differs."""

import json

import numpy as np
import pytest

from gluon_lessons import fast, predict, zoo
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue

PHOTOS = ["cat", "coffee", "astronaut"]
CLASSIFIER, DETECTOR, SEGMENTER = "efficientnet_lite0", "ssd_300_mobilenet1.0_voc", "deeplab_mobilenetv2_voc"


@pytest.fixture(scope="module")
def fused():
    return {name: fast.fused(zoo.load(name)) for name in (CLASSIFIER, DETECTOR)}


def operations(network, folder):
    """The names of the operations in a network's graph."""
    network.net.export(str(folder / "graph"))
    return {node["op"] for node in json.loads((folder / "graph-symbol.json").read_text())["nodes"]}


@pytest.mark.parametrize("name", [CLASSIFIER, DETECTOR])
def test_a_fused_network_answers_the_same(fused, name):
    plain = zoo.load(name)
    agreement = fast.agreement(plain, fused[name], PHOTOS)
    assert agreement.same == 1
    assert agreement.difference < 1e-4
    assert fused[name].provenance == plain.provenance
    assert zoo.load(name).net is not fused[name].net


def test_a_fused_network_computes_fused_operations(fused, tmp_path):
    predict.classify("cat", fused[CLASSIFIER])
    assert "_sg_mkldnn_conv" in operations(fused[CLASSIFIER], tmp_path)
    assert "BatchNorm" not in operations(fused[CLASSIFIER], tmp_path)


def test_a_fused_detector_gives_the_very_boxes_of_the_plain_one(fused):
    for photo in PHOTOS:
        for overlap in (0.3, 0.45, 0.8):
            one = predict.detect(photo, DETECTOR, threshold=0.05, overlap=overlap)
            other = predict.detect(photo, fused[DETECTOR], threshold=0.05, overlap=overlap)
            assert one.names == other.names
            assert np.allclose(one.boxes, other.boxes, atol=0.05)
            assert np.allclose(one.scores, other.scores, atol=1e-4)


def test_a_detector_without_a_find_answers_nothing(fused):
    found = predict.detect(np.full((300, 300, 3), 127, np.uint8), fused[DETECTOR], threshold=0.9)
    assert len(found) == 0


def test_int8_computes_in_integers_and_stays_close(tmp_path, capfd):
    plain = zoo.load(CLASSIFIER)
    quick = fast.int8(plain, PHOTOS)
    assert capfd.readouterr().err == ""
    predict.classify("cat", quick)
    assert "_contrib_quantize_v2" in operations(quick, tmp_path)
    agreement = fast.agreement(plain, quick, PHOTOS)
    assert agreement.same == 1
    assert 0 < agreement.difference < 0.25
    assert predict.classify("cat", plain).scores[0] == predict.classify("cat", CLASSIFIER).scores[0]


def test_static_is_the_network_itself():
    network = zoo.load(CLASSIFIER)
    assert fast.static(network) is network


class Answer:
    """A stand-in for a network, with the answers that it gives."""

    def __init__(self, name, **answers):
        self.entry = catalogue.entry(name)
        self.answers = answers


@pytest.fixture
def answering(monkeypatch):
    for task in ("classify", "detect", "segment"):
        monkeypatch.setitem(predict.FUNCTIONS, task, lambda photo, network: network.answers[photo])


def boxes(*found):
    return predict.Boxes(
        None, "", np.array([box for _, _, box in found], float).reshape(-1, 4), [name for name, _, _ in found],
        np.array([score for _, score, _ in found]),
    )  # fmt: skip


def test_agreement_of_boxes_counts_the_missing_and_the_extra(answering):
    dog, moved, cat = ("dog", 0.9, [0, 0, 10, 10]), ("dog", 0.8, [0, 0, 10, 9.5]), ("cat", 0.7, [0, 0, 10, 10])
    one = Answer(DETECTOR, a=boxes(dog, cat), b=boxes(dog))
    other = Answer(DETECTOR, a=boxes(moved), b=boxes(dog, ("dog", 0.6, [50, 50, 60, 60])))
    agreement = fast.agreement(one, other, ["a", "b"])
    assert agreement.same == pytest.approx(2 / 4)  # dog twice; a cat is missing, a dog is extra
    assert agreement.difference == pytest.approx(0.1)
    assert fast.agreement(one, other, ["a"], overlap=0.99).same == 0
    assert "On 2 photographs 50.0% of the boxes agree" in str(agreement)


def test_agreement_of_classes_and_pixels(answering):
    def classes(*probabilities):
        return predict.Classes(None, "", [], np.array([]), np.array(probabilities))

    one = Answer(CLASSIFIER, a=classes(0.9, 0.1), b=classes(0.6, 0.4))
    other = Answer(CLASSIFIER, a=classes(0.8, 0.2), b=classes(0.3, 0.7))
    assert fast.agreement(one, other, ["a", "b"]) == fast.Agreement(2, 0.5, pytest.approx(0.3), "first classes")

    def masks(labels):
        return predict.Masks(None, "", np.array(labels), np.ones((1, 4)), ["x", "y"])

    one, other = Answer(SEGMENTER, a=masks([[0, 0, 1, 1]])), Answer(SEGMENTER, a=masks([[0, 1, 1, 1]]))
    assert fast.agreement(one, other, ["a"]).same == 0.75


def test_on_a_gpu_the_plain_network_is_named_as_the_cure(monkeypatch):
    import mxnet as mx

    monkeypatch.setattr(fast, "device", lambda: mx.gpu())
    for way in (lambda: fast.fused(zoo.load(CLASSIFIER)), lambda: fast.int8(zoo.load(CLASSIFIER), PHOTOS)):
        with pytest.raises(LessonError, match="plain network"):
            way()
