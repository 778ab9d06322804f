"""The readers' room: a module for each file format, whose `read(path)` gives the arrays by name.

None needs the framework that wrote the file. One that is cut off, damaged or of another format gets one clear error.
"""

import contextlib
import struct
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError

from gluon_lessons.errors import LessonError

# What parsing bytes that are not what they claim to be can raise; a programming error elsewhere stays itself.
_SIGNS_OF_DAMAGE = (
    struct.error, ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, MemoryError,
    RuntimeError, OSError, UnpicklingError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class UnreadableFile(LessonError):
    """A weight file that is cut off, damaged, or not of the format it was taken for."""


@contextlib.contextmanager
def reading(path: Path, format: str):
    """Turn every way of failing to parse a file into one sentence that names the file and the cure."""
    try:
        yield
    except _SIGNS_OF_DAMAGE as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise UnreadableFile(
            f"{Path(path).name} is damaged or is not a {format} ({reason}); delete it and fetch it again."
        ) from error
