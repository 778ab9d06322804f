"""MXNet's own data sets and model zoo, as programs use them, find their files though their host is gone."""

import gzip
import os
import pickle
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from loopback import serving
from mxnet.gluon.model_zoo import model_store, vision

from gluon_lessons import datasets, mxnet_hook
from gluon_lessons.errors import LessonError
from gluon_lessons.files import fetch
from gluon_lessons.zoo import catalogue, store
from gluon_lessons.zoo.readers import mxnet_params

MXNETS = mx.gluon.data.vision.datasets


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_, **__):
        raise fetch.NoNetwork("These tests fetch nothing.")

    monkeypatch.setattr(fetch, "url", refuse)
    monkeypatch.setattr(fetch, "npm", refuse)
    monkeypatch.setattr(fetch, "apt", refuse)


def small(name, count):
    random = np.random.default_rng(len(name))
    parts = [
        datasets.Pictures(random.integers(0, 256, (n, 28, 28), np.uint8), random.integers(0, 10, n).astype(np.int32))
        for n in (count, count // 2)
    ]
    return datasets.DataSet(name, *parts, tuple("0123456789"), "made", "none")


@pytest.fixture(params=["MNIST", "FashionMNIST"])
def data_set(request, monkeypatch):
    """One of MXNet's classes and what it should give."""
    data = small(request.param, 12)
    function = {"MNIST": "mnist", "FashionMNIST": "fashion_mnist"}[request.param]
    monkeypatch.setattr(datasets, function, lambda: data)
    return getattr(mx.gluon.data.vision, request.param), data


@pytest.mark.parametrize("train", [True, False])
def test_pictures_and_labels_are_those_of_the_course(data_set, train):
    make, data = data_set
    theirs, part = make(train=train), data.train if train else data.test
    assert len(theirs) == len(part)
    picture, label = theirs[3]
    assert picture.shape == (28, 28, 1) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture.asnumpy()[:, :, 0], part.pictures[3])
    assert label == part.labels[3] and label.dtype == np.int32


def test_a_transform_changes_both(data_set):
    make, data = data_set
    picture, label = make(train=False, transform=lambda x, y: (x.astype("float32") / 255, y + 100))[2]
    np.testing.assert_allclose(picture.asnumpy()[:, :, 0], data.test.pictures[2] / 255, rtol=1e-6)
    assert label == data.test.labels[2] + 100


def test_a_loader_takes_it_with_transform_first(data_set):
    make, data = data_set
    transformed = make(train=True).transform_first(mx.gluon.data.vision.transforms.ToTensor())
    batch, labels = next(iter(mx.gluon.data.DataLoader(transformed, batch_size=4)))
    assert batch.shape == (4, 1, 28, 28) and batch.dtype == np.float32
    np.testing.assert_allclose(batch.asnumpy()[:, 0], data.train.pictures[:4] / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels.asnumpy(), data.train.labels[:4])


def test_a_folder_of_ones_own_gets_the_files(data_set, tmp_path):
    make, data = data_set
    make(root=str(tmp_path), train=False)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]
    content = gzip.decompress((tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes())
    np.testing.assert_array_equal(datasets._idx(content), data.test.pictures)


def test_files_that_mxnet_once_fetched_are_read(data_set, tmp_path, monkeypatch):
    make, _ = data_set
    old = small("old", 6)
    for name, array in mxnet_hook._parts(old).items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(mxnet_hook._as_idx(array)))
    for module in MXNETS, mx.gluon.utils:
        monkeypatch.setattr(module, "check_sha1", lambda *_: True)
    theirs = make(root=str(tmp_path))
    assert len(theirs) == 6
    np.testing.assert_array_equal(theirs[0][0].asnumpy()[:, :, 0], old.train.pictures[0])


def test_a_host_of_ones_own_is_asked(data_set, tmp_path, monkeypatch):
    make, _ = data_set
    with serving() as host:
        monkeypatch.setenv("MXNET_GLUON_REPO", host.address(""))
        with pytest.raises(RuntimeError, match="Failed downloading"):
            make(root=str(tmp_path))
    assert host.asked[0][0].startswith("gluon/dataset/")


def test_with_numpy_arrays_switched_on(data_set):
    make, data = data_set
    with mx.util.np_array(True):
        picture, label = make(train=False)[1]
        assert isinstance(picture, mx.np.ndarray) and int(label) == data.test.labels[1]


def test_what_cannot_be_had_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path))
    with pytest.raises(LessonError, match="Fashion-MNIST could not be fetched"):
        mx.gluon.data.vision.FashionMNIST()


# The tools for tests, which many tutorials use.


@pytest.fixture
def mnist(monkeypatch, tmp_path):
    data = small("mnist", 60)
    monkeypatch.setattr(datasets, "mnist", lambda: data)
    monkeypatch.chdir(tmp_path)
    return data


def test_get_mnist(mnist):
    theirs = mx.test_utils.get_mnist()
    assert {name: array.dtype.name for name, array in theirs.items()} == {
        "train_data": "float32", "train_label": "int8", "test_data": "float32", "test_label": "int8"
    }  # fmt: skip
    assert theirs["train_data"].shape == (60, 1, 28, 28)
    np.testing.assert_allclose(theirs["test_data"][:, 0], mnist.test.pictures / np.float32(255))
    np.testing.assert_array_equal(theirs["train_label"], mnist.train.labels)


def test_the_iterators_read_the_files(mnist):
    train, test = mx.test_utils.get_mnist_iterator(batch_size=10, input_shape=(1, 28, 28))
    assert sorted(file.name for file in Path("data").iterdir()) == sorted(datasets.PARTS)
    batches = list(test)  # MXNet shuffles these, too
    pictures = np.concatenate([batch.data[0].asnumpy()[:, 0] for batch in batches])
    labels = np.concatenate([batch.label[0].asnumpy() for batch in batches])
    for picture, label in zip(mnist.test.pictures, mnist.test.labels, strict=True):
        (place,) = np.flatnonzero(np.abs(pictures - picture / 256).max(axis=(1, 2)) < 1e-6)
        assert labels[place] == label
    assert len(list(train)) == 6


def test_the_pickle_of_theano(mnist):
    mx.test_utils.get_mnist_pkl()
    with gzip.open("data/mnist.pkl.gz") as file:
        parts = pickle.load(file, encoding="latin1")
    assert [len(labels) for _, labels in parts] == [60, 0, 30]
    np.testing.assert_allclose(parts[2][0][5], mnist.test.pictures[5].ravel() / np.float32(255))


def test_cifar_in_record_files_is_gone_and_says_so(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise ConnectionError("no such host")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mx.test_utils, "download", unreachable)
    with pytest.raises(LessonError, match=r"gluon\.data\.vision\.CIFAR10"):
        mx.test_utils.get_cifar10()


# The model zoo.


def filled(net, seed=0):
    """The network's parameters with numbers of their own, so that a layer in the wrong place shows."""
    random = np.random.default_rng(seed)
    net.initialize()
    net(mx.nd.zeros((1, 3, 224, 224)))
    for name, parameter in net._collect_params_with_prefix().items():
        small_numbers = (
            random.uniform(0.5, 1, parameter.shape) if name.endswith("var") else random.normal(0, 0.1, parameter.shape)
        )
        parameter.set_data(mx.nd.array(small_numbers))
    return net


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Whatever is asked of the zoo is a file here."""
    asked = []

    def obtain(name, folder=None):
        asked.append((name, folder))
        return tmp_path / f"{name}-12345678.params", None

    monkeypatch.setattr(store, "obtain", obtain)
    return asked


@pytest.mark.parametrize("name", ["squeezenet1.1", "mobilenet0.25", "mobilenetv2_0.25", "resnet18_v1"])
def test_mxnets_networks_take_gluoncvs_weights_and_say_the_same(name, kept, tmp_path):
    ours = filled(store.build(catalogue.entry(name)))
    arrays = {key: value.data().asnumpy() for key, value in ours._collect_params_with_prefix().items()}
    with (tmp_path / f"{name}-12345678.params").open("wb") as file:
        mxnet_params.write(file, arrays)
    x = mx.nd.random.uniform(-1, 1, (1, 3, 224, 224))
    theirs = vision.get_model(name, pretrained=True, root=str(tmp_path))
    np.testing.assert_allclose(theirs(x).asnumpy(), ours(x).asnumpy(), rtol=1e-4, atol=1e-5)
    assert kept == [(name, Path(tmp_path))]


def test_the_default_folder_is_the_cache(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path))
    model_store.get_model_file("alexnet", root=os.path.join(mx.base.data_dir(), "models"))  # noqa: PTH118
    assert kept == [("alexnet", tmp_path / "models")]


@pytest.mark.parametrize("name", [name for name in model_store._model_sha1 if name in catalogue.names()])
def test_every_network_that_both_have_has_the_same_parameters(name):
    theirs, ours = (
        net._collect_params_with_prefix() for net in (vision.get_model(name), store.build(catalogue.entry(name)))
    )
    assert len(theirs) == len(ours) + (5 if name.startswith("mobilenetv2") else 0)
    if len(theirs) == len(ours):
        assert {key: value.shape for key, value in theirs.items()} == {key: value.shape for key, value in ours.items()}


def test_classifiers_that_only_the_course_has_are_made_by_name():
    net = vision.get_model("efficientnet_lite0", classes=7)
    net.initialize()
    assert net(mx.nd.zeros((1, 3, 64, 64))).shape == (1, 7)
    with pytest.raises(ValueError, match="is not supported"):
        vision.get_model("ssd_300_mobilenet1.0_voc")


def test_what_nobody_serves_is_one_sentence(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise ConnectionError("no such host")

    monkeypatch.setattr(model_store, "download", unreachable)
    with pytest.raises(LessonError, match="resnet18_v2 are not in the catalogue"):
        vision.get_model("resnet18_v2", pretrained=True, root=str(tmp_path))
