"""A data set comes whole from its first source that has it, says which that was, and is fetched once."""

import functools
import gzip
import hashlib
import http.server
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from packing import zipped

from gluon_lessons import datasets
from gluon_lessons.files import clients, fetch, verify

PICTURES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 10


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch, request):
    if "network" not in request.keywords:
        monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


CONTENTS = [idx(PICTURES), idx(LABELS), idx(PICTURES[:4]), idx(LABELS[:4])]


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """A Debian package of 12 clothes, and how often it was fetched."""
    calls = []

    def apt(package, members, hashes, into=None):
        calls.append(package)
        for member, content in zip(members, CONTENTS, strict=True):
            (into / member).parent.mkdir(parents=True, exist_ok=True)
            (into / member).write_bytes(gzip.compress(content))
        return [into / member for member in members]

    monkeypatch.setattr(fetch, "apt", apt)
    hashes = tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS)
    monkeypatch.setattr(datasets, "FASHION_SHA256", hashes)
    monkeypatch.setattr(datasets, "DJL", "http://127.0.0.1:9")
    return calls


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A host that serves what the Deep Java Library's does."""
    folder = tmp_path / "host" / "fashmnist" / "1.0"
    folder.mkdir(parents=True)
    for part, content in zip(datasets.PARTS, CONTENTS, strict=True):
        (folder / f"{part}.gz").write_bytes(gzip.compress(content))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "host")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_arrays_classes_and_source(debian):
    data = datasets.fashion_mnist()
    assert np.array_equal(data.train.pictures, PICTURES)
    assert np.array_equal(data.train.labels, LABELS)
    assert np.array_equal(data.test.pictures, PICTURES[:4])
    assert data.train.labels.dtype == np.int32
    assert data.classes[9] == "ankle boot" and len(data.classes) == 10
    assert data.source == "Debian package dataset-fashion-mnist"
    assert len(data.train) == 12


def test_it_is_fetched_once(debian):
    datasets.fashion_mnist()
    again = datasets.fashion_mnist()
    assert debian == ["dataset-fashion-mnist"]
    assert np.array_equal(again.train.pictures, PICTURES)
    assert again.source == "Debian package dataset-fashion-mnist"


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"", None])
def test_a_damaged_cache_is_built_anew(debian, tmp_path, damage):
    datasets.fashion_mnist()
    file = tmp_path / "cache" / "datasets" / "fashion-mnist.npz"
    content = bytearray(file.read_bytes())
    if damage:
        file.write_bytes(damage(content))
    else:
        content[len(content) // 3] ^= 1  # a single bit, inside a picture
        file.write_bytes(content)
    assert np.array_equal(datasets.fashion_mnist().train.pictures, PICTURES)
    assert len(debian) == 2


def test_the_next_source_serves_when_the_first_cannot(debian, repository, monkeypatch):
    def no_apt(*_, **__):
        raise fetch.MissingTool("apt-get is not on this machine.")

    monkeypatch.setattr(fetch, "apt", no_apt)
    monkeypatch.setattr(datasets, "DJL", repository)
    data = datasets.fashion_mnist()
    assert data.source == "the Deep Java Library's repository"
    assert np.array_equal(data.train.pictures, PICTURES)


def test_other_pictures_than_the_published_ones_are_refused(debian, repository, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "FASHION_SHA256", ("0" * 64, *datasets.FASHION_SHA256[1:]))
    monkeypatch.setattr(datasets, "DJL", repository)
    with pytest.raises(datasets.DataError) as caught:
        datasets.fashion_mnist()
    assert "Debian package" in str(caught.value) and f"{repository}/fashmnist" in str(caught.value)
    assert "sent a file with the wrong hash" in str(caught.value)
    assert not list((tmp_path / "cache" / "datasets").glob("*.npz"))


def test_a_gluon_loader_takes_it(debian):
    import mxnet as mx

    loader = mx.gluon.data.DataLoader(
        datasets.fashion_mnist().train.dataset().transform_first(mx.gluon.data.vision.transforms.ToTensor()), 5
    )
    batch, labels = next(iter(loader))
    assert batch.shape == (5, 1, 28, 28)
    assert np.allclose(batch.asnumpy()[:, 0], PICTURES[:5] / 255)
    assert labels.asnumpy().tolist() == [0, 1, 2, 3, 4]


@pytest.fixture
def cells(monkeypatch):
    """A wheel of three solar cells, and how often it was fetched."""
    pictures = [np.full((300, 300), shade, np.uint8) for shade in (0, 100, 200)]
    kinds = [("0.0", "mono"), ("0.3333333333333333", "poly"), ("1.0", "poly")]
    table = "".join(f"images/{number}.png {defect} {kind}\n" for number, (defect, kind) in enumerate(kinds))
    members = {"elpv_dataset/data/labels.csv": table.encode()}
    for number, picture in enumerate(pictures):
        members[f"elpv_dataset/data/images/{number}.png"] = cv2.imencode(".png", picture)[1].tobytes()
    archive, calls = zipped(members), []

    def run(command, label, cwd=None):
        calls.append(label)
        (Path(command[command.index("--dest") + 1]) / "elpv.whl").write_bytes(archive)

    monkeypatch.setattr(clients, "run", run)
    monkeypatch.setattr(datasets, "ELPV_SHA256", hashlib.sha256(archive).hexdigest())
    return calls


def test_solar_cells_have_the_size_asked_for_and_are_fetched_once(cells):
    for size in (224, 64, 224):
        data = datasets.solar_cells(size)
        assert data.pictures.shape == (3, size, size)
        assert data.pictures[:, 0, 0].tolist() == [0, 100, 200]
        assert data.labels.tolist() == [0, 0, 1]
        assert data.monocrystalline.tolist() == [True, False, False]
        assert len(data.dataset()) == len(data) == 3
    assert cells == ["pip: elpv-dataset 1.0.0.post1"]


def test_other_solar_cells_are_refused(cells, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "ELPV_SHA256", "0" * 64)
    with pytest.raises(fetch.WrongHash, match="elpv-dataset"):
        datasets.solar_cells()
    assert not list((tmp_path / "cache" / "datasets").glob("*.npz"))


@pytest.mark.parametrize("size", [0, -1, 2.5, "224", None, True, 3000])
def test_a_size_that_is_none_is_refused(cells, size):
    with pytest.raises(datasets.DataError, match="size"):
        datasets.solar_cells(size)
    assert not cells


def test_every_hash_is_whole():
    hashes = [*datasets.FASHION_SHA256, *datasets.MNIST_SHA256, datasets.ELPV_SHA256]
    assert all(map(verify.is_full, hashes))
    assert len(set(hashes)) == 9


@pytest.mark.network
def test_the_real_sets_are_the_published_ones():
    for data in (datasets.fashion_mnist(), datasets.mnist()):
        assert data.train.pictures.shape == (60000, 28, 28)
        assert data.test.pictures.shape == (10000, 28, 28)
    assert np.bincount(datasets.fashion_mnist().train.labels).tolist() == [6000] * 10
    cells = datasets.solar_cells()
    assert cells.pictures.shape == (2624, 224, 224)
    assert cells.labels.sum() == 821
