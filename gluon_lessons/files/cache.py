"""The cache room: where fetched things live, and how a file gets there whole or not at all."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from glob import escape
from pathlib import Path

from gluon_lessons.errors import LessonError


class DiskFull(LessonError):
    """There is no room left where the cache lives."""


def root() -> Path:
    """The folder of everything fetched: `GLUON_LESSONS_CACHE` where it is set, else `~/.mxnet`."""
    return Path(os.environ.get("GLUON_LESSONS_CACHE") or "~/.mxnet").expanduser()


def folder(kind: str) -> Path:
    """The folder for one kind of thing ("models", "datasets", "photos"), made when it is missing."""
    path = root() / kind
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def digest(path: Path, algorithm: str = "sha256") -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def verified(path: Path, sha256: str | None = None, sha1: str | None = None) -> bool:
    """True when the file is there and its bytes have the hash; they are read each time: cheaper than loading them.

    A hash may be given by its first digits (eight or more), as some publishers do in their file names.
    """
    if not Path(path).is_file():
        return False
    expected = {"sha256": sha256, "sha1": sha1}
    return all(digest(path, algorithm).startswith(wanted) for algorithm, wanted in expected.items() if wanted)


@contextlib.contextmanager
def lock(path: Path):
    """Hold this item for one process at a time; the others wait. Leftovers of a process that died here are removed."""
    from filelock import FileLock

    path = Path(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = FileLock(path.with_name(f".{path.name}.lock"))
        holder.acquire()
    try:
        for leftover in path.parent.glob(f".{escape(path.name)}.*.tmp"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        yield
    finally:
        holder.release()


@contextlib.contextmanager
def writing(path: Path):
    """Yield a binary file that becomes `path` when the block ends well, and vanishes when it does not."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path):
    """Yield the name of a temporary file in the same folder that becomes `path` when the block ends well."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path):
    """Turn the system's refusal to write into a sentence that names the cure."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"The disk is full: {Path(path).name} was not written to {Path(path).parent}. "
                "Free some room, or set GLUON_LESSONS_CACHE to a folder on a larger disk."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise LessonError(
                f"{Path(path).parent} cannot be written to. Set GLUON_LESSONS_CACHE to a folder that is yours."
            ) from error
        raise
