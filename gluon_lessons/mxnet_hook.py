"""The hooks in MXNet: its own data sets and its own model zoo find what the course can get, since their host is gone.

A program that names a host of its own in MXNET_GLUON_REPO keeps it.
"""

import functools
import gzip
import os
import pickle
from pathlib import Path

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache

_MNISTS = {"mnist": "mnist", "fashion-mnist": "fashion_mnist"}  # MXNet's name, and the function of `datasets`
_CIFARS = ("cifar10", "cifar100")


def attach_data_sets(datasets):
    """Put the course's sources before those of `MNIST`, `FashionMNIST`, `CIFAR10` and `CIFAR100`."""
    read_mnist, read_cifar = datasets.MNIST._get_data, datasets.CIFAR10._get_data

    @functools.wraps(read_mnist)
    def get_mnist(self):
        if self._namespace not in _MNISTS or _has_host_of_its_own() or _are_there(self, datasets.check_sha1):
            read_mnist(self)
            return
        pictures, labels = _mnist(self._namespace, self._train, Path(self._root))
        to_array = datasets._mx_np.array if datasets.is_np_array() else datasets.nd.array
        self._data = to_array(pictures[:, :, :, None], dtype="uint8")
        self._label = to_array(labels, dtype="int32") if datasets.is_np_array() else labels

    @functools.wraps(read_cifar)
    def get_cifar(self):
        if self._namespace in _CIFARS and not _has_host_of_its_own():
            from gluon_lessons import cifar

            cifar.files(self._namespace, Path(self._root))
        read_cifar(self)

    datasets.MNIST._get_data, datasets.CIFAR10._get_data = get_mnist, get_cifar


def attach_test_data(mxnet):
    """Let MXNet's tools for tests find MNIST: `get_mnist`, and its forms as files in the folder `data`.

    Reached through the package, since pytest takes every module called `test_...` into its own hands.
    """
    test_utils = mxnet.test_utils
    from_host = test_utils.get_cifar10

    def get_mnist():
        data = _mnist_data()

        def scaled(pictures):
            return pictures[:, None].astype(np.float32) / 255

        return {
            "train_data": scaled(data.train.pictures),
            "train_label": data.train.labels.astype(np.int8),
            "test_data": scaled(data.test.pictures),
            "test_label": data.test.labels.astype(np.int8),
        }

    def get_mnist_ubyte():
        from gluon_lessons import datasets

        arrays = _parts(_mnist_data())
        for name in datasets.PARTS:
            file = Path("data", name)
            if not file.exists():
                with cache.writing(file) as target:
                    target.write(_as_idx(arrays[name]))

    def get_mnist_pkl():
        file = Path("data", "mnist.pkl.gz")
        if file.exists():
            return
        data = _mnist_data()
        pictures = [part.pictures.reshape(len(part), -1).astype(np.float32) / 255 for part in (data.train, data.test)]
        labels = [part.labels.astype(np.int64) for part in (data.train, data.test)]
        cuts = (0, slice(50_000)), (0, slice(50_000, None)), (1, slice(None))  # to train, to validate, to test
        with cache.writing(file) as target, gzip.open(target, "wb", compresslevel=1) as packed:
            pickle.dump(tuple((pictures[part][cut], labels[part][cut]) for part, cut in cuts), packed, protocol=2)

    @functools.wraps(from_host)
    def get_cifar10():
        try:
            return from_host()
        except OSError as error:
            raise LessonError(
                "CIFAR-10 in MXNet's record files lived on a host that is gone: take `mxnet.gluon.data.vision.CIFAR10`."
            ) from error

    for function in get_mnist, get_mnist_ubyte, get_mnist_pkl:
        setattr(test_utils, function.__name__, functools.wraps(getattr(test_utils, function.__name__))(function))
    test_utils.get_cifar10 = get_cifar10


def attach_weights(model_store):
    """Put the zoo before `get_model_file` of MXNet's model store, which all its networks ask for weights."""
    ask_old_host = model_store.get_model_file

    @functools.wraps(ask_old_host)
    def get_model_file(name, root=str(Path("~", ".mxnet", "models"))):
        from gluon_lessons.zoo import catalogue, gluoncv_hook, store

        folder = gluoncv_hook.folder_of(root)
        if name in catalogue.names() and not _has_host_of_its_own():
            path, _ = store.obtain(name, folder)
            return str(_with_first_expansion(path) if name.startswith("mobilenetv2") else path)
        try:
            return ask_old_host(name, str(folder))
        except OSError as error:
            raise LessonError(
                f"The weights of {name} are not in the catalogue, and MXNet's own host does not answer. "
                "`gluon-lessons weights list` shows what can be had."
            ) from error

    model_store.get_model_file = get_model_file
    model_store.download = functools.partial(model_store.download, retries=0)  # what is not there is asked for once


def attach_names(vision):
    """Let MXNet's `get_model` make the classifiers that only the catalogue has."""
    make = vision.get_model

    @functools.wraps(make)
    def get_model(name, **options):
        try:
            return make(name, **options)
        except ValueError:
            from gluon_lessons.zoo import catalogue, gluoncv_hook

            if name.lower() not in catalogue.names() or catalogue.entry(name).task != "classify":
                raise
            if isinstance(options.get("classes"), int):
                options["classes"] = range(options["classes"])
            return gluoncv_hook.make(name.lower(), **options)

    vision.get_model = get_model


def _has_host_of_its_own() -> bool:
    return bool(os.environ.get("MXNET_GLUON_REPO"))


def _are_there(data_set, has_sha1) -> bool:
    """Whether the files that MXNet itself once fetched lie where the data set would look for them."""
    part = "train" if data_set._train else "test"
    wanted = [getattr(data_set, f"_{part}_{what}") for what in ("data", "label")]
    return all(
        Path(data_set._root, name).exists() and has_sha1(str(Path(data_set._root, name)), sha1) for name, sha1 in wanted
    )


def _mnist(namespace: str, train: bool, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels; where a program says in which folder it wants the files, they are put there too."""
    from mxnet import base

    from gluon_lessons import datasets

    data = getattr(datasets, _MNISTS[namespace])()
    if root != Path(base.data_dir(), "datasets", namespace):
        arrays = _parts(data)
        for name in datasets.PARTS[:2] if train else datasets.PARTS[2:]:
            file = root / f"{name}.gz"
            if not file.exists():
                with cache.writing(file) as target:
                    target.write(gzip.compress(_as_idx(arrays[name]), compresslevel=1, mtime=0))
    part = data.train if train else data.test
    return part.pictures, part.labels


def _mnist_data():
    from gluon_lessons import datasets

    return datasets.mnist()


def _parts(data) -> dict[str, np.ndarray]:
    """The four arrays of a data set by the names of their files."""
    from gluon_lessons import datasets

    arrays = data.train.pictures, data.train.labels, data.test.pictures, data.test.labels
    return dict(zip(datasets.PARTS, arrays, strict=True))


def _as_idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    header = np.array([0x0800 + array.ndim, *array.shape], ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def _with_first_expansion(path: Path) -> Path:
    """GluonCV's weights of MobileNetV2 for MXNet's network, which widens once more, by a factor of one.

    What is widened there lies between 0 and 6 already, so a convolution that copies its input changes nothing.
    """
    from gluon_lessons.zoo.networks import normalization_that_adds
    from gluon_lessons.zoo.readers import mxnet_params

    arrays, block = {}, "features.3.out."
    for name, array in mxnet_params.read(path).items():
        if name.startswith(block):
            layer, part = name.removeprefix(block).split(".")
            name = f"{block}{int(layer) + 3}.{part}"
        arrays[name] = array
    channels = len(arrays[f"{block}3.weight"])
    arrays[f"{block}0.weight"] = np.eye(channels, dtype=np.float32)[:, :, None, None]
    parts = "gamma", "beta", "running_mean", "running_var"
    for part, values in zip(parts, normalization_that_adds(np.zeros(channels, np.float32), 1e-5), strict=True):
        arrays[f"{block}1.{part}"] = values
    target = path.with_name(f"{path.stem}-mxnet.params")
    with cache.writing(target) as file:
        mxnet_params.write(file, arrays)
    return target
