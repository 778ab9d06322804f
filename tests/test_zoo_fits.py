"""Foreign files become the very network: tensor for tensor and output for output, or are refused."""

import ctypes
import functools
import gc
import gzip

import cv2
import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import get_model

from gluon_lessons.zoo import catalogue, same_layers, store
from gluon_lessons.zoo.networks import DEVIATION, MEAN, darknet_yolo3
from gluon_lessons.zoo.readers import darknet, mxnet_params


@pytest.fixture(autouse=True, scope="module")
def what_was_here_before_is_let_be():
    """Otherwise each search for memory to give back, below, goes through every module that the process has loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def memory_is_given_back():
    """Large networks come and go here; without this the process keeps over 3 GB of them."""
    yield
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc's, so not on a Mac
        ctypes.CDLL(None).malloc_trim(0)


def picture(name):
    side = 224 if name == "googlenet" else 96  # small ones are quick; that network takes no other size
    return mx.nd.array(np.random.default_rng(0).normal(0, 1, (1, 3, side, side)))


def made(name):
    """The network with random weights, none of which is like another, and normalizations that do something."""
    net = store.build(catalogue.entry(name))
    net.initialize(mx.init.Normal(0.05), ctx=mx.cpu())
    net(picture(name))
    random = np.random.default_rng(1)
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("gamma", "beta", "running_mean", "running_var", "moving_mean", "moving_var")):
            parameter.set_data(mx.nd.array(random.uniform(0.5, 1.5, parameter.shape)))
    net.hybridize()
    return net


def refilled(name, tensors, folder):
    net = store.build(catalogue.entry(name))
    arrays = same_layers.fit(tensors, net)
    with (folder / "fitted.params").open("wb") as file:
        mxnet_params.write(file, arrays)
    net.load_parameters(str(folder / "fitted.params"))
    return net


def flat(outputs):
    return [output.asnumpy() for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def same_network(name, net, other):
    ours, theirs = net._collect_params_with_prefix(), other._collect_params_with_prefix()
    assert list(ours) == list(theirs)
    for key in ours:
        np.testing.assert_array_equal(ours[key].data().asnumpy(), theirs[key].data().asnumpy(), err_msg=key)
    answers, expected = flat(other(picture(name))), flat(net(picture(name)))
    assert any(answer.std() > 0 for answer in expected)  # a network that says nothing would agree with any other
    for answer, wanted in zip(answers, expected, strict=True):
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(answer, wanted, rtol=1e-5, atol=1e-5)


EXPORTED = (
    "mobilenetv3_small",
    "googlenet",
    "ssd_512_mobilenet1.0_voc",
    "yolo3_mobilenet1.0_voc",
    "simple_pose_resnet18_v1b",
)


@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_and_zipped_file(name, tmp_path):
    net = made(name)
    net(picture(name))
    net.export(str(tmp_path / "net"))
    packed = tmp_path / "net-0000.params.gz"
    packed.write_bytes(gzip.compress((tmp_path / "net-0000.params").read_bytes(), 0))
    same_network(name, net, refilled(name, mxnet_params.read(packed), tmp_path))


@pytest.mark.parametrize("name", ["mobilenet0.25", "ssd_512_mobilenet1.0_voc"])
def test_a_file_that_gluon_saved(name, tmp_path):
    net = made(name)
    net.save_parameters(str(tmp_path / "net.params"))
    same_network(name, net, refilled(name, mxnet_params.read(tmp_path / "net.params"), tmp_path))


@pytest.mark.parametrize("prefix", ["", "mobilenet7_"])
def test_an_old_file_with_full_prefixes(prefix, tmp_path):
    net = made("mobilenet0.25")
    full = {prefix + name: value.data() for name, value in net.collect_params().items()}
    mx.nd.save(str(tmp_path / "old.params"), full)
    same_network("mobilenet0.25", net, refilled("mobilenet0.25", mxnet_params.read(tmp_path / "old.params"), tmp_path))


def as_torch(net):
    """The network's weights as PyTorch keeps them: its words for a normalization, and a count that Gluon has not."""
    words = {"gamma": "weight", "beta": "bias"}
    state = {}
    for name, parameter in net._collect_params_with_prefix().items():
        layer, kind = name.rsplit(".", 1)
        state[f"{layer}.{words.get(kind, kind)}"] = parameter.data().asnumpy()
        if kind == "running_var":
            state[f"{layer}.num_batches_tracked"] = np.array(12345)
    return state


@pytest.mark.parametrize("name", ["resnet18_v1b", "se_resnext50_32x4d"])
def test_a_checkpoint_of_pytorch(name, tmp_path):
    net = made(name)
    state = as_torch(net)
    if name.startswith("se_"):  # timm writes the dense layers of its attention as 1x1 convolutions
        state = {
            key: value[..., None, None] if ".se." in key and value.ndim == 2 else value for key, value in state.items()
        }
    same_network(name, net, refilled(name, state, tmp_path))


TORCHVISION = {
    "resnet18_v1b": "resnet18",
    "densenet121": "densenet121",
    "squeezenet1.1": "squeezenet1_1",
    "fcn_resnet50_v1b_voc": "fcn_resnet50",
    "deeplab_resnet50_v1b_voc": "deeplabv3_resnet50",
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_it_gives_the_answer_of_torchvision(name, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    models = pytest.importorskip("torchvision", reason="torchvision is not a dependency").models
    options = {"weights": None}
    if "voc" in name:
        models, options = (
            models.segmentation,
            {"weights": None, "weights_backbone": None, "num_classes": 21, "aux_loss": True},
        )
    torch.manual_seed(0)
    original = getattr(models, TORCHVISION[name])(**options).eval()
    shown = torch.randn(1, 3, 480, 480) if "voc" in name else torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        answer = original(shown)
    net = refilled(name, {key: value.numpy() for key, value in original.state_dict().items()}, tmp_path)
    expected = (answer["out"] if "voc" in name else answer).numpy()
    np.testing.assert_allclose(flat(net(mx.nd.array(shown.numpy())))[0], expected, atol=1e-4 * np.abs(expected).max())


def without_numbers(name):
    """The network and a file of its layers that weighs nothing: all its numbers are one zero."""
    net = store.build(catalogue.entry(name))
    shapes = {name: [size or 3 for size in parameter.shape or (3,)] for name, parameter in net.collect_params().items()}
    return net, {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


FITTED = [e.name for e in catalogue.entries() if not all(source.converter for source in e.sources)]


@pytest.mark.parametrize("name", FITTED)
def test_every_network_of_the_catalogue_takes_a_file_of_its_layers(name):
    net, tensors = without_numbers(name)
    assert set(same_layers.fit(tensors, net)) == set(net._collect_params_with_prefix())


def test_constants_may_be_missing_and_are_gluons_own():
    net, tensors = without_numbers("yolo3_mobilenet1.0_voc")
    learned = {name: array for name, array in tensors.items() if name[-2:] not in ("_0", "_1", "_2")}
    assert len(learned) < len(tensors)
    missing = set(net._collect_params_with_prefix()) - set(same_layers.fit(learned, net))
    assert missing and all(name.endswith(("anchors", "offsets")) for name in missing)


def test_names_count_more_than_order(tmp_path):
    net = made("yolo3_mobilenet1.0_voc")
    tensors = {"old_" + name: value.data().asnumpy() for name, value in net.collect_params().items()}
    same_network(
        "yolo3_mobilenet1.0_voc", net, refilled("yolo3_mobilenet1.0_voc", dict(reversed(tensors.items())), tmp_path)
    )


class TestMisfit:
    @pytest.fixture
    def net(self):
        net = get_model("mobilenet0.25")
        net.initialize()
        net(picture("mobilenet0.25"))
        return net

    def test_too_few_of_gluons_own_names(self, net):
        tensors = {name: value.data() for name, value in net.collect_params().items()}
        tensors.popitem()
        with pytest.raises(same_layers.Misfit, match=r"nothing for mobilenet\d+_dense0_bias"):
            same_layers.fit(tensors, net)

    @pytest.mark.parametrize(
        ("spoil", "complaint"),
        [
            (lambda t: t.popitem(), "136 tensors where the network has 137"),
            (lambda t: t.update({"extra.weight": np.zeros(3)}), "138 tensors where the network has 137"),
            (lambda t: t.update({"features.0.weight": np.zeros((9, 9))}), "has the shape"),
            (lambda t: t.update({"features.0.weight": t.pop("features.0.weight")}), "stands where the network has"),
        ],
        ids=["one too few", "one too many", "another shape", "another order"],
    )
    def test_a_checkpoint_of_another_network(self, net, spoil, complaint):
        state = {name: array for name, array in as_torch(net).items() if "num_batches" not in name}
        spoil(state)
        with pytest.raises(same_layers.Misfit, match=complaint):
            same_layers.fit(state, net)

    def test_layers_that_are_mixed_up(self, net):
        state = as_torch(net)
        one, other = "features.1.running_mean", "features.4.running_mean"
        swapped = {one: other, other: one}
        with pytest.raises(same_layers.Misfit, match="another layer"):
            same_layers.fit({swapped.get(name, name): array for name, array in state.items()}, net)


# Darknet's YOLOv3. OpenCV reads the same plan and the same weights, and is asked what it thinks.

PREDICTIONS = ("conv_81", "conv_93", "conv_105")


def plan_of_yolo3():
    """Darknet's plan of the network, in its own language."""
    text = ["[net]\nwidth=96\nheight=96\nchannels=3\n"]

    def convolution(channels, side, stride=1, plain=False):
        norm, activation = ("", "linear") if plain else ("batch_normalize=1\n", "leaky")
        text.append(
            f"[convolutional]\n{norm}filters={channels}\nsize={side}\nstride={stride}\npad=1\nactivation={activation}\n"
        )

    convolution(32, 3)
    channels = 32
    for repeats in (1, 2, 8, 8, 4):
        channels *= 2
        convolution(channels, 3, stride=2)
        for _ in range(repeats):
            convolution(channels // 2, 1)
            convolution(channels, 3)
            text.append("[shortcut]\nfrom=-3\nactivation=linear\n")
    for width, base in ((512, 61), (256, 36), (128, None)):
        for _ in range(3):
            convolution(width, 1)
            convolution(width * 2, 3)
        convolution(255, 1, plain=True)
        anchors = "10,13, 16,30, 33,23, 30,61, 62,45, 59,119, 116,90, 156,198, 373,326"
        text.append(f"[yolo]\nmask=0,1,2\nanchors={anchors}\nclasses=80\nnum=9\n")
        if base:
            text.append("[route]\nlayers=-4\n")
            convolution(width // 2, 1)
            text.append(f"[upsample]\nstride=2\n[route]\nlayers=-1,{base}\n")
    return "\n".join(text)


@functools.cache
def weights_of_yolo3():
    """A row of random weights: small ones, and normalizations that divide by something."""
    random, rows = np.random.default_rng(0), []
    for name, channels, inputs, side in darknet_yolo3._layers():
        count = channels * inputs * side * side
        weight = random.standard_normal(count, np.float32) * np.float32(1.4 / np.sqrt(inputs * side * side))
        if inputs == 3:  # only the middle of each kernel, so that what surrounds the picture does not matter
            kernels = weight.reshape(-1, 3, 3)
            kernels[:, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
        if name.endswith("prediction"):
            rows += [random.standard_normal(channels, np.float32), weight]
        else:
            beta, mean = random.standard_normal((2, channels), np.float32) / 10
            gamma, variance = random.uniform(0.5, 1.5, (2, channels)).astype(np.float32)
            rows += [beta, gamma, mean, variance, weight]
    return np.concatenate(rows)


def predictions(net, picture):
    """What YOLO's three last convolutions say, before anchors and thresholds."""
    features, rows = [], picture
    for stage in net.stages:
        rows = stage(rows)
        features.append(rows)
    answers = []
    for index, (block, output) in enumerate(zip(net.yolo_blocks, net.yolo_outputs, strict=True)):
        rows, tip = block(rows)
        answers.append(output.prediction(tip).asnumpy())
        if index < 2:
            rows = net.transitions[index](rows).repeat(2, axis=2).repeat(2, axis=3)
            rows = mx.nd.concat(rows, features[1 - index], dim=1)
    return answers


def test_yolo3_gives_the_answer_that_opencv_gives_from_darknets_file(tmp_path):
    row = weights_of_yolo3()
    assert row.size == 62_001_757
    file = tmp_path / "yolov3.weights"
    file.write_bytes(np.array([0, 2, 0, 32013312, 0], "<i4").tobytes() + row.tobytes())
    (tmp_path / "yolov3.cfg").write_text(plan_of_yolo3())
    shown = np.random.default_rng(3).uniform(0, 1, (1, 3, 96, 96)).astype(np.float32)

    original = cv2.dnn.readNetFromDarknet(str(tmp_path / "yolov3.cfg"), str(file))
    original.setInput(shown)
    expected = original.forward(PREDICTIONS)

    net = store.build(catalogue.entry("yolo3_darknet53_coco"))
    arrays = darknet_yolo3.convert(darknet.read(file))
    with (tmp_path / "net.params").open("wb") as target:
        mxnet_params.write(target, arrays)
    net.load_parameters(str(tmp_path / "net.params"), allow_missing=True)
    normalized = (shown - MEAN.reshape(1, 3, 1, 1)) / DEVIATION.reshape(1, 3, 1, 1)
    for mine, theirs in zip(predictions(net, mx.nd.array(normalized)), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3 * np.abs(theirs).max())


def test_darknets_normalization_is_met_exactly():
    """Where a variance is tiny, dividing by deviation + 1e-6 and by the root of variance + 1e-5 are far apart."""
    row = weights_of_yolo3().copy()
    row[32 * 3 : 32 * 4] = np.logspace(-12, 0, 32)
    beta, gamma, mean, variance = row[: 32 * 4].astype(np.float64).reshape(4, 32)
    arrays = darknet_yolo3.convert({"weights": row})
    mine = (0.7 - mean) * arrays["stages.0.0.1.gamma"] / np.sqrt(arrays["stages.0.0.1.running_var"] + 1e-5) + beta
    np.testing.assert_allclose(mine, gamma * (0.7 - mean) / (np.sqrt(variance) + 1e-6) + beta, rtol=1e-5)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_darknet_file_of_another_length_is_refused(change):
    row = np.zeros(62_001_757 + change, np.float32)
    with pytest.raises(same_layers.Misfit, match="numbers"):
        darknet_yolo3.convert({"weights": row})
