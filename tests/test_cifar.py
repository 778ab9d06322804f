"""CIFAR in its binary form: from either archive, each file checked by its hash, resumed, read by MXNet's own class."""

import gzip
import hashlib
import io
import tarfile

import mxnet as mx
import numpy as np
import pytest
from loopback import serving

from gluon_lessons import cifar, datasets

RANDOM = np.random.default_rng(0)


def made(labels, count):
    return RANDOM.integers(0, 10, (count, labels + cifar.PIXELS), np.uint8).tobytes()


def tarball(folder, contents):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def small(monkeypatch, tmp_path):
    """CIFAR of four pictures a file, on a host of this machine; its files by name."""
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cifar, "BATCH", 4 * (1 + cifar.PIXELS))
    contents = {name: {} for name in cifar.TRAIN}
    for table in cifar.TRAIN, cifar.TEST:
        for name in list(table):
            contents[name] |= {file: made(cifar.LABELS[name], 4) for file in table[name]}
            hashes = {file: hashlib.sha1(contents[name][file]).hexdigest() for file in table[name]}
            monkeypatch.setitem(table, name, hashes)
    with serving() as host:
        batches = list(contents["cifar10"].values())
        host.files["data_batch.bin.gz"] = gzip.compress(b"".join(batches[:-1]))
        host.files["test_batch.bin.gz"] = gzip.compress(batches[-1])
        host.files["cifar-10-binary.tar.gz"] = tarball("cifar-10-batches-bin", contents["cifar10"])
        host.files["cifar-100-binary.tar.gz"] = tarball("cifar-100-binary", contents["cifar100"])
        for name, sources in cifar.SOURCES.items():
            here = tuple(tuple(host.address(address.rpartition("/")[2]) for address in source) for source in sources)
            monkeypatch.setitem(cifar.SOURCES, name, here)
        host.contents = contents
        yield host


def test_the_first_source_is_cut_into_files(small, tmp_path):
    files = cifar.files("cifar10", tmp_path)
    assert [file.name for file in files] == [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    assert {file.name: file.read_bytes() for file in files} == small.contents["cifar10"]
    asked = len(small.asked)
    assert cifar.files("cifar10", tmp_path) == files
    assert len(small.asked) == asked == 2


def test_the_second_source_serves_when_the_first_holds_something_else(small, tmp_path):
    small.files["data_batch.bin.gz"] = gzip.compress(made(1, 20))
    files = cifar.files("cifar10", tmp_path)
    assert {file.name: file.read_bytes() for file in files} == small.contents["cifar10"]
    assert small.asked[-1][0] == "cifar-10-binary.tar.gz"


def test_a_damaged_file_is_fetched_anew(small, tmp_path):
    file = cifar.files("cifar100", tmp_path)[0]
    file.write_bytes(b"?" + file.read_bytes()[1:])
    assert cifar.files("cifar100", tmp_path)[0].read_bytes() == small.contents["cifar100"]["train.bin"]


def test_a_download_that_broke_off_goes_on(small, tmp_path):
    small.cut, small.cuts_left = 4000, 5
    with pytest.raises(cifar.NoCifar, match="broke off"):
        cifar.files("cifar100", tmp_path)
    small.cuts_left = 0
    cifar.files("cifar100", tmp_path)
    assert int(small.asked[-1][1].removeprefix("bytes=").removesuffix("-")) > 4000


def test_nothing_wrong_is_kept_and_the_message_names_the_cure(small, tmp_path):
    for archive in ("data_batch.bin.gz", "cifar-10-binary.tar.gz"):
        small.files[archive] = small.files["test_batch.bin.gz"]
    with pytest.raises(cifar.NoCifar, match=r"cifar-10-binary.tar.gz on a machine that can, and put its .bin files"):
        cifar.files("cifar10", tmp_path)
    assert not list(tmp_path.glob("*.bin"))


def test_the_course_reads_what_mxnet_reads(small, tmp_path, monkeypatch):
    monkeypatch.setattr(mx.gluon.data.vision.datasets, "check_sha1", lambda *_: True)  # made files have other hashes
    data = datasets.cifar10()
    assert data.train.pictures.shape == (20, 32, 32, 3) and data.test.labels.shape == (4,)
    asked = len(small.asked)
    root = tmp_path / "cache" / "datasets" / "cifar10"
    for train, part in (True, data.train), (False, data.test):
        theirs = mx.gluon.data.vision.CIFAR10(str(root), train=train)
        ours = part.dataset()
        assert len(theirs) == len(ours)
        for number in range(len(ours)):
            np.testing.assert_array_equal(theirs[number][0].asnumpy(), ours[number][0].asnumpy())
            assert theirs[number][1] == ours[number][1]
    assert len(small.asked) == asked


@pytest.mark.parametrize("fine", [False, True])
def test_cifar100_has_coarse_and_fine_labels(small, tmp_path, monkeypatch, fine):
    monkeypatch.setattr(mx.gluon.data.vision.datasets, "check_sha1", lambda *_: True)
    data = mx.gluon.data.vision.CIFAR100(str(tmp_path), fine_label=fine, train=False)
    raw = small.contents["cifar100"]["test.bin"]
    assert [label for _, label in data] == [raw[row * (2 + cifar.PIXELS) + fine] for row in range(4)]
