"""Files of Debian packages: the package is a real one; apt-get is played, for only root can give it another list."""

import gzip
import os
import shutil
import subprocess
import sys

import pytest
from packing import CONTENT, sha256

from gluon_lessons.files import cache, fetch, packages

MEMBER = "usr/share/tiny/d.gz"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def client(tmp_path, monkeypatch):
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is not installed")
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: tiny-data\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: tiny\n"
    )
    (tree / MEMBER).parent.mkdir(parents=True)
    (tree / MEMBER).write_bytes(gzip.compress(CONTENT))
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(tmp_path / "tiny.deb")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    client = tmp_path / "bin" / "apt-get"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\ntest "$1 $2" = "download tiny-data" && cp "{tmp_path}/tiny.deb" .\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    return client


def test_a_file_is_known_by_the_hash_of_its_content_however_it_was_compressed(client):
    path = fetch.apt("tiny-data", MEMBER, sha256(CONTENT))
    assert path == cache.root() / "packages" / "tiny-data" / MEMBER
    assert gzip.decompress(path.read_bytes()) == CONTENT
    client.unlink()
    assert fetch.apt("tiny-data", MEMBER, sha256(CONTENT)) == path
    assert fetch.apt("tiny-data", MEMBER, sha256(path.read_bytes())) == path


def test_another_content_is_refused(client):
    with pytest.raises(fetch.WrongHash, match=r"tiny-data arrived with the wrong hash"):
        fetch.apt("tiny-data", MEMBER, sha256(CONTENT[1:]))
    with pytest.raises(ValueError, match="without a hash"):
        fetch.apt("tiny-data", MEMBER)


def test_who_asks_without_a_hash_is_told_of_which_file():
    with pytest.raises(ValueError, match=r"^b, c is not fetched without a hash"):
        packages.Wanted(["a", "b", "c"], {"a": "0" * 64})


def test_a_package_damaged_on_the_way_is_fetched_once_more(client, tmp_path):
    good = (tmp_path / "tiny.deb").read_bytes()
    (tmp_path / "good.deb").write_bytes(good)
    (tmp_path / "tiny.deb").write_bytes(good[:300])
    client.write_text(client.read_text() + f'cp "{tmp_path}/good.deb" "{tmp_path}/tiny.deb"\n')
    assert gzip.decompress(fetch.apt("tiny-data", MEMBER, sha256(CONTENT)).read_bytes()) == CONTENT


def test_a_package_that_arrives_damaged_is_said(client, tmp_path):
    (tmp_path / "tiny.deb").write_bytes((tmp_path / "tiny.deb").read_bytes()[:300])
    with pytest.raises(fetch.DamagedArchive, match=r"tiny\.deb cannot be unpacked"):
        fetch.apt("tiny-data", MEMBER, sha256(CONTENT))


def test_no_more_of_a_package_is_fetched_than_its_members_lie_in(client, tmp_path):
    """The client sends the beginning, and the rest only if nobody stops it within a minute."""
    tree = tmp_path / "tree"
    (tree / "usr/share/tiny/e").write_bytes(os.urandom(3 << 20))
    (tree / "usr/share/tiny/z").write_bytes(os.urandom(3 << 20))
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(tmp_path / "tiny.deb")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = tmp_path / "tiny.deb"
    client.write_text(f'#!/bin/sh\nhead -c 3800000 "{whole}" > tiny.deb\nexec sleep 60\n')
    assert gzip.decompress(fetch.apt("tiny-data", MEMBER, sha256(CONTENT)).read_bytes()) == CONTENT
    client.write_text(f'#!/bin/sh\nhead -c 3800000 "{whole}" > tiny.deb\nsleep 2\ncp "{whole}" tiny.deb\n')
    last = (tree / "usr/share/tiny/z").read_bytes()
    assert fetch.apt("tiny-data", "usr/share/tiny/z", sha256(last)).read_bytes() == last


@pytest.mark.parametrize(("tool", "cure"), [("npm", "Install Node.js"), ("apt-get", "Debian and Ubuntu")])
def test_a_missing_program_is_named_with_its_cure(monkeypatch, tmp_path, tool, cure):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(fetch.MissingTool, match=f"{tool} is not on this machine. .*{cure}"):
        fetch.npm("x", "1", "x", "0" * 64) if tool == "npm" else fetch.apt("x", "x", "0" * 64)
