"""The cache: where fetched files live, and how a file gets there whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import BinaryIO, cast

from gluon_lessons.errors import LessonError
from gluon_lessons.files.errors import DiskFull
from gluon_lessons.files.verify import digest, verified

__all__ = ["DiskFull", "digest", "explained", "folder", "lock", "replacing", "root", "verified", "writing"]


def root() -> Path:
    """The folder of everything fetched: `GLUON_LESSONS_CACHE` where it is set, else `~/.mxnet`."""
    return Path(os.environ.get("GLUON_LESSONS_CACHE") or "~/.mxnet").expanduser()


def folder(kind: str) -> Path:
    """The folder for one kind of thing ("models", "datasets", "photos"), made when it is missing."""
    path = root() / kind
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
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
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends well, and vanishes when it does not."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        yield cast(BinaryIO, file)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
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
def explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a sentence that names the cure."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"The disk is full: {Path(path).name} was not written to {Path(path).parent}. "
                "Free some space, or set GLUON_LESSONS_CACHE to a folder on a larger disk."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise LessonError(
                f"{Path(path).parent} cannot be written to. Set GLUON_LESSONS_CACHE to a folder that is yours."
            ) from error
        raise
