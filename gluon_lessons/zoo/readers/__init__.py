"""Readers of weight files: one module per format, whose `read(path)` returns the arrays by name.

None needs the framework that wrote the file. One that is cut off, damaged, of another format, or made to fill the
memory gets one clear error.
"""

import contextlib
import lzma
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError

from gluon_lessons.errors import LessonError

# What parsing bytes that are not what they claim to be can raise; a programming error elsewhere stays itself.
_SIGNS_OF_DAMAGE = (
    struct.error, ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, MemoryError,
    RuntimeError, OSError, UnpicklingError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip

_DIMENSIONS = 32  # NumPy's own limit
_ALWAYS_ALLOWED = 64 << 20  # bytes that any file may unpack to
_GROWTH = 32  # times its own size that a larger file may unpack to


class UnreadableFile(LessonError):
    """A weight file that is cut off, damaged, or not of the format it was taken for."""


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn every way of failing to parse a file into one sentence that names the file and the cure."""
    try:
        yield
    except _SIGNS_OF_DAMAGE as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise UnreadableFile(
            f"{Path(path).name} is damaged or is not a {kind} ({reason}); delete it and fetch it again."
        ) from error


def count_of(shape: Sequence[int]) -> int:
    """Return how many numbers an array of this shape holds; refuse what is no shape."""
    if len(shape) > _DIMENSIONS:
        raise ValueError(f"an array claims {len(shape)} dimensions")
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError("an array's shape is not made of whole numbers from 0")
    return math.prod(shape)


def most_bytes(path: Path) -> int:
    """Return how much a file may unpack to; a few kilobytes can be made to ask for more than the memory has."""
    return max(_ALWAYS_ALLOWED, _GROWTH * Path(path).stat().st_size)


def check_unpacked(size: int, path: Path) -> None:
    """Refuse a file that would unpack to so many bytes that no weights can be meant."""
    if size > most_bytes(path):
        raise ValueError(f"it would unpack to {size:,} bytes or more")
