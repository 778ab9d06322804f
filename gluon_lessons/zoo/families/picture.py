"""How a photograph becomes the input of a network: what a family wants, and the arithmetic that gives it."""

from dataclasses import dataclass

import cv2
import numpy as np

from gluon_lessons import photos
from gluon_lessons.errors import LessonError

NARROWEST = 100  # the longer side of a photograph is at most so many times the shorter one
Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Picture:
    """What a network wants to see. `serve` writes it into `model.json`, for the endpoint to prepare pictures alike.

    `fit` is "stretch" (the whole photograph, its shape changed), "crop" (the short side to `short`, then the middle),
    "long" (the long side to that of `size`, each side a multiple of `stride` and 1) or "short" (the short side to
    `short`, but the long one to `longest` at most).

    `as_torch` says that what is resized is rounded as torchvision does it: the sides down, and the shades not at all.
    """

    size: Size  # of the input
    mean: tuple[float, ...]  # per channel, of values from 0 to 255
    std: tuple[float, ...]
    fit: str = "stretch"
    short: int = 0
    interpolation: int | str = 1  # as OpenCV numbers them (0 nearest, 1 linear, 2 cubic, 3 area), or "best"
    stride: int = 8
    longest: int = 0
    as_torch: bool = False


def prepare(photo, wanted: Picture) -> tuple[np.ndarray, Size]:
    """A photograph as (1, 3, height, width), and its true (height, width).

    One decoding, one resizing, one pass over the numbers, in the geometry of GluonCV's presets. A large JPEG is decoded
    smaller only where that hardly shows: before areas are averaged, or where no preset resizes.
    """
    shorter_side = {"stretch": 2 * max(wanted.size), "long": max(wanted.size)}.get(wanted.fit)
    pixels, size = photos.read_sized(photo, shorter_side)
    height, width = resized_size(size, wanted)
    pixels = pixels.astype(np.float32) if wanted.as_torch else pixels
    pixels = resize(pixels, height, width, _interpolation(pixels.shape, (height, width), wanted.interpolation))
    if wanted.fit == "crop":
        top, left = (height - wanted.size[0]) // 2, (width - wanted.size[1]) // 2
        pixels = pixels[top : top + wanted.size[0], left : left + wanted.size[1]]
    return as_input(pixels, wanted), size


def resized_size(size: Size, wanted: Picture) -> Size:
    """The (height, width) to which a photograph of that size is brought."""
    if max(size) > NARROWEST * min(size):
        raise LessonError(
            f"A photograph of {size[1]} x {size[0]} pixels is too narrow: "
            f"crop it until the longer side is at most {NARROWEST} times the shorter one."
        )
    if wanted.fit == "stretch":
        return wanted.size
    if wanted.fit == "crop":
        height, width = (wanted.short * side // min(size) for side in size)
    elif wanted.fit == "short":
        scale = min(wanted.short / min(size), wanted.longest / max(size))
        height, width = (int(side * scale) if wanted.as_torch else round(side * scale) for side in size)
    else:
        scale = max(wanted.size) / max(size)
        height, width = (round((side * scale - 1) / wanted.stride) * wanted.stride + 1 for side in size)
    return height, width


def resize(pixels: np.ndarray, height: int, width: int, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=interpolation)


def as_input(pixels: np.ndarray, wanted: Picture) -> np.ndarray:
    """(height, width, 3) of bytes to (1, 3, height, width) of normalized numbers."""
    mean, deviation = np.array(wanted.mean), np.array(wanted.std)
    scale, shift = (1 / deviation).astype(np.float32), (-mean / deviation).astype(np.float32)
    result = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    for channel, plane in enumerate(cv2.split(pixels)):
        np.multiply(plane, scale[channel], out=result[0, channel])
        result[0, channel] += shift[channel]
    return result


def _interpolation(shape: tuple[int, ...], target: Size, wanted: int | str) -> int:
    """OpenCV's number; "best" is what GluonCV's presets for detectors do: cubic to enlarge, by area to shrink."""
    if wanted != "best":
        return int(wanted)
    (height, width), (new_height, new_width) = shape[:2], target
    if new_height > height and new_width > width:
        return cv2.INTER_CUBIC
    return cv2.INTER_AREA if new_height < height and new_width < width else cv2.INTER_LINEAR
