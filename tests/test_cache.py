"""The cache never holds half a file: not after a full disk, not after a death, not with two processes at once."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_one_variable_moves_everything(tmp_path, monkeypatch):
    assert cache.folder("models") == tmp_path / "cache" / "models"
    assert cache.folder("models").is_dir()
    monkeypatch.delenv("GLUON_LESSONS_CACHE")
    assert cache.root().name == ".mxnet"


def test_a_file_appears_when_it_is_whole():
    path = cache.folder("models") / "new" / "file"
    with cache.writing(path) as file:
        file.write(b"first half")
        assert not path.exists()
    assert path.read_bytes() == b"first half"
    assert names(path.parent) == ["file"]


def test_what_fails_leaves_the_old_file_and_nothing_else():
    path = cache.folder("models") / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), cache.writing(path) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["file"]


def test_a_full_disk_is_explained_and_leaves_nothing(monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = cache.folder("models") / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(cache.os, "fsync", refuse)
    with pytest.raises(cache.DiskFull, match=r"disk is full.*GLUON_LESSONS_CACHE"), cache.writing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_explained(tmp_path):
    tmp_path.chmod(stat.S_IREAD | stat.S_IEXEC)
    with pytest.raises(LessonError, match="folder that is yours"):
        cache.folder("models")


def test_a_folder_that_cannot_be_written_to_is_explained(tmp_path):
    with pytest.raises(LessonError, match="folder that is yours"), cache.explained(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "denied")


DEATH = """
import os, sys
from gluon_lessons.files import cache
with cache.writing(cache.folder("models") / sys.argv[1]):
    os._exit(9)
"""


def test_a_lock_clears_what_a_dead_process_left_of_its_item_only():
    folder = cache.folder("models")
    for item in ("item", "item2"):
        subprocess.run([sys.executable, "-c", DEATH, item], check=False)
    (folder / ".item.0.tmp").mkdir()
    with cache.lock(folder / "item"):
        (left,) = names(folder)
    assert left.startswith(".item2.")


ADDER = """
import pathlib, sys
from gluon_lessons.files import cache
path = cache.folder("models") / "sum"
for _ in range(40):
    with cache.lock(path):
        value = int(path.read_text())
        with cache.writing(path) as file:
            file.write(str(value + 1).encode())
"""


def test_two_processes_take_turns():
    path = cache.folder("models") / "sum"
    path.write_text("0")
    adders = [subprocess.Popen([sys.executable, "-c", ADDER]) for _ in range(2)]
    assert [adder.wait(timeout=60) for adder in adders] == [0, 0]
    assert path.read_text() == "80"
