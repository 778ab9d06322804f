"""Arrays as pictures: validated once, here, and turned into (height, width, 3) of uint8."""

import numpy as np

from gluon_lessons.photos.errors import PhotoError

# How far beyond 0 to 1, or 0 to 255, fractions may reach: enlarging with cubic interpolation overshoots.
OVERSHOOT = 0.25


def from_array(photo) -> np.ndarray:
    """The picture in an array, a nested list or an NDArray.

    It is grey, (height, width) or (height, width, 1), in colour, (height, width, 3), or has alpha too, (height, width,
    4), which goes over white. Fractions go from 0 to 1 or from 0 to 255, whole numbers from 0 to 255 or, where one is
    larger, to 65535. A picture that is right already is returned as it is, not copied.
    """
    picture = _array(photo)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size:
        raise PhotoError(
            f"An array of shape {picture.shape if picture.ndim == 3 else np.shape(photo)} is no picture: "
            "it must be (height, width) or (height, width, 3)."
        )
    picture = _as_bytes(picture)
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    return over_white(picture) if picture.shape[2] == 4 else picture


def sixteen_bits(picture: np.ndarray) -> np.ndarray:
    """16 bits as 8: the upper ones."""
    return (picture.astype(np.uint16) >> 8).astype(np.uint8)


def over_white(picture: np.ndarray) -> np.ndarray:
    """Red, green, blue and alpha as what is seen on white paper."""
    from PIL import Image

    image = Image.fromarray(picture)
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))


def _array(photo) -> np.ndarray:
    try:
        picture = np.asarray(photo.asnumpy() if hasattr(photo, "asnumpy") else photo)
    except ValueError as error:
        raise PhotoError("A list whose rows differ in length is no picture: make it an array first.") from error
    if picture.dtype == object or (picture.ndim == 0 and picture.dtype.kind not in "US"):
        raise PhotoError(
            f"{type(photo).__name__} is no picture: give a name, a path, bytes, a Pillow image or an array."
        )
    if picture.dtype.kind not in "buif":
        raise PhotoError(f"An array of type {picture.dtype} is no picture: it must hold real numbers.")
    return picture


def _as_bytes(picture: np.ndarray) -> np.ndarray:
    """Any numbers as uint8."""
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.bool_:
        return picture.astype(np.uint8) * 255
    if picture.dtype.kind == "f":
        return _fractions_as_bytes(picture)
    low, high = picture.min(), picture.max()
    if low < 0 or high > 65535:
        raise PhotoError(
            f"This array goes from {low} to {high}: a picture of whole numbers goes from 0 to 255, or to 65535."
        )
    return picture.astype(np.uint8) if high <= 255 else sixteen_bits(picture)


def _fractions_as_bytes(picture: np.ndarray) -> np.ndarray:
    low, high = float(picture.min()), float(picture.max())
    if np.isnan(low) or np.isnan(high):
        raise PhotoError(
            "This array holds NaN, which is no brightness: find where it comes from, or use np.nan_to_num."
        )
    scale = 255 if high <= 1 + OVERSHOOT else 1
    if low < -OVERSHOOT * 255 / scale or high > 255 * (1 + OVERSHOOT):
        raise PhotoError(
            f"This array goes from {low:.4g} to {high:.4g}: a picture of fractions goes from 0 to 1 or from 0 to 255. "
            "Was it normalized for a network? Then give the picture before that."
        )
    return np.clip(np.rint(picture * np.float32(scale)), 0, 255).astype(np.uint8)
