"""Any picture that a person has, by name, path, bytes or array."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from gluon_lessons.photos import catalogue, sources
from gluon_lessons.photos.arrays import from_array
from gluon_lessons.photos.decode import decode, from_image
from gluon_lessons.photos.errors import PhotoError

MOST_BYTES = 1 << 30  # of a file


def read(photo) -> np.ndarray:
    """Return any picture as an array (height, width, 3) of uint8, red first.

    `photo` is the name of a sample, a path, the bytes of a file, a Pillow image, or an array. It is turned upright as
    its EXIF data say; transparency becomes white; of an animation the first frame counts.
    """
    return read_sized(photo)[0]


def read_sized(photo, shorter_side: int | None = None) -> tuple[np.ndarray, tuple[int, int]]:
    """Return what `read` does, and the picture's true (height, width).

    A JPEG is decoded at a half, a quarter or an eighth of its size, which is quicker, as long as its shorter side keeps
    `shorter_side` pixels.
    """
    if isinstance(photo, str | os.PathLike):
        label, data = _content(photo)
    elif isinstance(photo, bytes | bytearray | memoryview):
        label, data = "The picture", bytes(photo)
    else:
        picture = from_image(photo) if isinstance(photo, Image.Image) else from_array(photo)
        return picture, (picture.shape[0], picture.shape[1])
    if not data:
        raise PhotoError(f"{label} is empty: it holds no picture. Copy it again.")
    return decode(data, label, shorter_side)


def _content(photo: str | os.PathLike) -> tuple[str, bytes]:
    """A label for messages and the content of a file, or of a sample."""
    if isinstance(photo, str) and photo in catalogue.entries():
        if catalogue.about(photo).is_video:
            raise PhotoError(f"{photo!r} is a video: photos.frames({photo!r}) reads it frame by frame.")
        return photo, sources.path(photo).read_bytes()
    try:
        file = Path(photo).expanduser()
        if file.is_dir():
            raise PhotoError(f"{photo} is a folder: name the pictures in it.")
        if file.exists() and not file.is_file():
            raise PhotoError(f"{photo} is a device or a pipe, not a file.")
        if file.is_file() and file.stat().st_size > MOST_BYTES:
            raise PhotoError(f"{photo} has more than {MOST_BYTES >> 20} MiB. Save the picture as JPEG or PNG.")
        return str(photo), file.read_bytes()
    except FileNotFoundError:
        if isinstance(photo, str) and not file.suffix and len(file.parts) == 1:
            catalogue.entry(photo)  # it looks like a sample's name: say which names are near
        raise PhotoError(f"There is no file {photo}.") from None
    except OSError as error:
        raise PhotoError(f"{str(photo)[:100]} cannot be opened: {error.strerror}.") from error
    except (ValueError, RuntimeError, TypeError) as error:  # a zero byte, the home of somebody unknown, a path of bytes
        raise PhotoError(f"{str(photo)[:100]!r} is no path: {error}.") from error
