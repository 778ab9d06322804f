"""Files by address, from a host on this machine that fails in every way there is."""

import errno
import hashlib
import io
import os
import pathlib

import pytest
from loopback import serving
from packing import CONTENT, sha256, zipped

from gluon_lessons.files import cache, fetch

ONES, TWOS = b"1" * 5000, b"2" * 5000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def host():
    with serving() as host:
        yield host


def kept():
    """The names of all files in the cache."""
    paths = cache.folder("downloads").rglob("*")
    return sorted(path.name for path in paths if path.is_file() and not path.name.endswith(".lock"))


def test_it_is_fetched_once(host):
    host.files["x.bin"] = CONTENT
    path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT), size=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)) == path
    assert len(host.asked) == 1


def test_a_corrupted_file_is_fetched_again(host):
    host.files["x.bin"] = CONTENT
    path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
    path.write_bytes(CONTENT[::-1])
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(host):
    host.files["x.bin"], host.cut, host.cuts_left = CONTENT, 1000, 1
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT
    assert host.asked == [("x.bin", None), ("x.bin", "bytes=1000-")]


def test_half_a_download_is_said_and_resumed_by_the_next_call(host):
    host.files["x.bin"], host.cut, host.cuts_left = CONTENT, 1000, 9
    with pytest.raises(fetch.HalfDownload, match=r"3,000 of 1,048,576 bytes.*run the same again"):
        fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
    assert kept() == ["x.bin.part"]
    host.cuts_left = 0
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT
    assert host.asked[-1] == ("x.bin", "bytes=3000-")


def test_too_long_a_beginning_is_thrown_away(host):
    host.files["x.bin"] = CONTENT
    folder = cache.folder("downloads") / sha256(CONTENT)[:16]
    folder.mkdir()
    (folder / "x.bin.part").write_bytes(CONTENT * 2)
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT


def test_a_wrong_hash_is_fetched_once_more(host):
    host.files["x.bin"], host.spoil = CONTENT, 1
    path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
    assert path.read_bytes() == CONTENT
    assert path.with_name("x.bin.rejected").read_bytes() != CONTENT
    assert len(host.asked) == 2


def test_a_hash_that_stays_wrong_is_an_error_and_the_file_is_kept_aside(host):
    host.files["x.bin"] = CONTENT
    with pytest.raises(fetch.WrongHash, match=r"x\.bin\.rejected.*next source"):
        fetch.url(host.address("x.bin"), sha256="0" * 64)
    assert len(host.asked) == 2
    assert kept() == ["x.bin.rejected"]


def test_a_missing_file_is_said(host):
    with pytest.raises(fetch.FetchError, match="answered 404"):
        fetch.url(host.address("x.bin"), sha256="0" * 64)


def test_no_network_is_said():
    with pytest.raises(fetch.NoNetwork, match="Check the network"):
        fetch.url("http://127.0.0.1:9/x.bin", sha256="0" * 64)


def test_a_full_disk_is_said_and_what_came_is_not_taken_for_whole(host, monkeypatch):
    host.files["x.bin"] = CONTENT
    really_open = pathlib.Path.open

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_full(path, *mode, **options):
        return Full() if path.suffix == ".part" else really_open(path, *mode, **options)

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "open", open_full)
        with pytest.raises(cache.DiskFull, match="Free some space"):
            fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
    assert "x.bin" not in kept()
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT


def test_a_member_of_an_archive(host):
    host.files["x.zip"] = zipped({"a.params": CONTENT, "b": b"other"})
    path = fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a.params")
    assert (path.name, path.read_bytes()) == ("a.params", CONTENT)
    assert fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a.params") == path
    assert len(host.asked) == 1


def test_an_archive_damaged_on_the_way_is_fetched_once_more(host):
    host.files["x.zip"], host.spoil = zipped({"a": CONTENT}), 1
    assert fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a").read_bytes() == CONTENT


def test_a_file_that_somebody_brought(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(CONTENT)
    assert fetch.file(path, sha256=sha256(CONTENT)) == path
    with pytest.raises(fetch.WrongHash):
        fetch.file(path, sha256="0" * 64)
    with pytest.raises(fetch.FetchError, match="no file"):
        fetch.file(tmp_path / "y")


@pytest.mark.parametrize("weak", [None, "", "0" * 7, "0" * 65, "no hash at all"])
def test_nothing_comes_without_a_hash_that_means_something(host, weak):
    host.files["x.bin"] = CONTENT
    with pytest.raises(ValueError, match=r"without a hash|is no sha256"):
        fetch.url(host.address("x.bin"), sha256=weak)
    assert kept() == []


def test_files_of_equal_name_from_two_hosts_do_not_meet(host):
    with serving() as other:
        host.files["x.bin"], other.files["x.bin"] = ONES, TWOS
        other.cut, other.cuts_left = 1000, 9
        with pytest.raises(fetch.HalfDownload):
            fetch.url(other.address("x.bin"), sha256=sha256(TWOS))
        first = fetch.url(host.address("x.bin"), sha256=sha256(ONES))
        other.cuts_left = 0
        second = fetch.url(other.address("x.bin"), sha256=sha256(TWOS))
    assert (first.read_bytes(), second.read_bytes()) == (ONES, TWOS)
    assert other.asked[-1] == ("x.bin", "bytes=3000-")
    assert host.asked == [("x.bin", None)]


def test_a_sha1_serves_where_a_publisher_gives_no_more(host):
    host.files["x.bin"] = CONTENT
    path = fetch.url(host.address("x.bin"), sha1=hashlib.sha1(CONTENT).hexdigest())
    assert path.read_bytes() == CONTENT
    with pytest.raises(fetch.WrongHash):
        fetch.url(host.address("x.bin"), sha1="0" * 40)


def test_it_is_called_as_asked(host, tmp_path):
    host.files["x.bin"] = CONTENT
    path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT), into=tmp_path / "mine", name="y.bin")
    assert path == tmp_path / "mine" / "y.bin"
    assert path.read_bytes() == CONTENT


def test_a_file_of_another_size_than_published_is_received_anew(host):
    host.files["x.bin"] = CONTENT
    folder = cache.folder("downloads") / sha256(CONTENT)[:16]
    folder.mkdir()
    (folder / "x.bin.part").write_bytes(CONTENT)
    assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT), size=len(CONTENT)).read_bytes() == CONTENT
    assert host.asked == []  # it was whole already
