"""Picture files decoded: upright, transparent parts on white, whole or refused, and never larger than memory bears."""

import contextlib
import io
import struct
import threading
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from gluon_lessons.photos.arrays import from_array, over_white, sixteen_bits
from gluon_lessons.photos.errors import PhotoError

MOST_PIXELS = (256 << 20) // 3  # 256 MiB in RGB; what Pillow warns of by default, whatever it is set to
# Those that Pillow reads by itself and in little time; some others run programs, or take any file for their own.
KINDS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "JPEG2000", "AVIF", "ICO", "DIB")
JPEG_END = b"\xff\xd9"
ORIENTATION = 0x0112  # the EXIF field
REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
# What Pillow raises when bytes are not those of a picture.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError),
    *(AttributeError, ZeroDivisionError, AssertionError, RuntimeError, struct.error, cv2.error),
)


def decode(data: bytes, label: str, shorter_side: int | None = None) -> tuple[np.ndarray, tuple[int, int]]:
    """A file's content as (height, width, 3) of uint8, and its true (height, width) where it was decoded smaller."""
    with _explained(label), Image.open(io.BytesIO(data), formats=KINDS) as image:  # reads the header only
        _refuse_bombs(image, label)
        if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB") and data.endswith(JPEG_END):
            return _decode_jpeg(data, image, shorter_side)
        picture = _upright(_as_rgb(image), _orientation(image))
        return picture, (picture.shape[0], picture.shape[1])


def from_image(image: Image.Image) -> np.ndarray:
    """A Pillow image of any mode as (height, width, 3) of uint8."""
    label = "The picture"
    with _explained(label):
        _refuse_bombs(image, label)
        return _upright(_as_rgb(image), _orientation(image))


@contextlib.contextmanager
def _explained(label: str) -> Iterator[None]:
    try:
        with _strict():
            yield
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{label} is not a picture of a known kind. Save it as JPEG or PNG, and check that the download was whole."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(label) from error
    except DAMAGE as error:
        raise PhotoError(f"{label} is damaged or cut short ({error}). Copy or download it again.") from error


def _refuse_bombs(image: Image.Image, label: str) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(label)


def _too_large(label: str) -> PhotoError:
    return PhotoError(f"{label} has more than {MOST_PIXELS / 1e6:.0f} million pixels. Make it smaller first.")


_strict_lock = threading.Lock()
_strict_users = 0
_strict_before = False


@contextlib.contextmanager
def _strict() -> Iterator[None]:
    """Half a picture is an error meanwhile. GluonCV makes Pillow take it for a whole one; what it set is put back."""
    global _strict_users, _strict_before
    with _strict_lock:
        if not _strict_users:
            _strict_before = ImageFile.LOAD_TRUNCATED_IMAGES
        _strict_users += 1
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        with _strict_lock:
            _strict_users -= 1
            if not _strict_users:
                ImageFile.LOAD_TRUNCATED_IMAGES = _strict_before


def _decode_jpeg(data: bytes, image: Image.Image, shorter_side: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode with OpenCV, which is quicker than Pillow; at a part of the size where the caller can do with less."""
    size, flags = (image.height, image.width), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    for part, flag in REDUCED:
        if shorter_side and min(size) >= part * shorter_side:
            flags |= flag
            break
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise OSError("OpenCV cannot decode it")
    orientation = _orientation(image)
    return _upright(picture, orientation), size[::-1] if orientation >= 5 else size


def _orientation(image: Image.Image) -> int:
    """How the picture lies, 1 to 8, as its EXIF data say; 1 where they say nothing or are damaged."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return orientation if orientation in range(1, 9) else 1


def _upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    if orientation >= 5:  # lying
        picture = picture.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def _as_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return np.repeat(sixteen_bits(np.asarray(image))[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        return from_array(np.asarray(image))
    image.load()
    if image.mode == "La":
        image = image.convert("LA")  # no other way leads on
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        return over_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))  # a copy, so that it can be written to
