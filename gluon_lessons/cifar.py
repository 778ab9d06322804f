"""CIFAR-10 and CIFAR-100 in their binary form: fetched from the internet, each file checked, unpacked into a folder.

MXNet's own data sets read these very files, and publish the hash of each.
"""

import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache, verify
from gluon_lessons.files.download import download
from gluon_lessons.files.unpack import contents, unpack

SIDE = 32  # pixels
# SHA-1 of the files to train with, and of the one to test with.
TRAIN = {
    "cifar10": {
        "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
        "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
        "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
        "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
        "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    },
    "cifar100": {"train.bin": "e207cd2e05b73b1393c74c7f5e7bea451d63e08e"},
}
TEST = {
    "cifar10": {"test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c"},
    "cifar100": {"test.bin": "8fb6623e830365ff53cf14adec797474f5478006"},
}
DJL = "https://mlrepo.djl.ai/dataset/cv/ai/djl/basicdataset"
PIXELS = 3 * SIDE * SIDE
BATCH = 10_000 * (1 + PIXELS)  # bytes of a file of CIFAR-10
LABELS = {"cifar10": 1, "cifar100": 2}  # bytes before the pixels of a picture; the last is the class
# The Deep Java Library's archives hold the files one behind the other, the original's hold them by name.
SOURCES = {
    "cifar10": (
        tuple(f"{DJL}/cifar10/{part}_batch.bin.gz" for part in ("data", "test")),
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    ),
    "cifar100": (("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),),
}


class NoCifar(LessonError):
    """CIFAR could not be fetched."""


def files(name: str, folder: Path) -> list[Path]:
    """The files of `cifar10` or `cifar100` in `folder`, those to train with first; when missing, 163 MB are fetched."""
    wanted = TRAIN[name] | TEST[name]
    with cache.lock(folder / name), cache.explained(folder / name):
        if not all(verify.verified(folder / file, sha1=sha1) for file, sha1 in wanted.items()):
            fetch(name, SOURCES[name], folder)
    return [folder / file for file in wanted]


def read(file: Path, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of one file, (picture, 32, 32, 3), and their labels, (picture, `labels`)."""
    rows = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, labels + PIXELS)
    pictures = rows[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), rows[:, :labels].astype(np.int32)


def fetch(name: str, sources: tuple[tuple[str, ...], ...], folder: Path) -> None:
    """Put the files of `cifar10` or `cifar100` into a folder, from the first source that holds all of them."""
    wanted = TRAIN[name] | TEST[name]
    incoming = folder / f".{name}.incoming"  # stays when a download breaks off, and is then taken up again
    incoming.mkdir(exist_ok=True)
    complaints = []
    for addresses in sources:
        try:
            found = {hashlib.sha1(content).hexdigest(): content for content in _contents(addresses, incoming)}
        except LessonError as error:
            complaints.append(str(error))
            continue
        if other := [file for file, sha1 in wanted.items() if sha1 not in found]:
            complaints.append(f"{addresses[0]} holds another {other[0]} than the published one.")
            continue
        for file, sha1 in wanted.items():
            with cache.writing(folder / file) as target:
                target.write(found[sha1])
        shutil.rmtree(incoming)
        return
    raise NoCifar(
        f"{name} is in no package, and the internet does not answer: get {SOURCES[name][-1][0]} on a machine "
        f"that can, and put its .bin files into {folder}. {' '.join(complaints)}"
    )


def _contents(addresses: tuple[str, ...], incoming: Path) -> Iterator[bytes]:
    """The files in the archives at these addresses."""
    for address in addresses:
        archive = incoming / address.rpartition("/")[2]
        download(address, archive)
        if archive.name.endswith(".tar.gz"):
            with tempfile.TemporaryDirectory(dir=incoming) as unpacked:
                members = [name for name in contents(archive) if name.endswith(".bin")]
                for path in unpack(archive, members, unpacked):
                    yield path.read_bytes()
        else:
            with gzip.open(archive) as batches:
                while batch := batches.read(BATCH):
                    yield batch
