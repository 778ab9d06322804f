"""Damaged pictures: each is read or refused in one sentence; nothing crashes or hangs, and memory stays bounded.

They are read in a process of its own, so that a crash is seen and its memory can be measured.
"""

import json
import random
import resource
import subprocess
import sys
import warnings

import numpy as np
import pytest
from pictures import damaged, saved, scene
from PIL import Image

SEED = 14
GROWTH = 600  # MiB: a header can claim 89 million pixels of four bytes


def samples():
    """One picture of every kind and mode that is read."""
    colour, exif = Image.fromarray(scene()), Image.Exif()
    exif[0x0112] = 6
    alpha = Image.fromarray(np.dstack([scene(), np.full((40, 60), 100, np.uint8)]))
    sixteen = Image.fromarray(scene()[:, :, 0].astype(np.uint16) * 257)
    fractions = Image.fromarray(scene()[:, :, 0].astype(np.float32) / 255)
    yield from (saved(colour, "JPEG"), saved(colour, "JPEG", progressive=True, exif=exif))
    yield from (saved(colour.convert(mode), "JPEG") for mode in ("L", "CMYK"))
    yield from (saved(image, "PNG") for image in (colour, alpha, sixteen, colour.convert("P"), colour.convert("1")))
    yield saved(colour.convert("P"), "PNG", transparency=3, exif=exif)
    yield from (saved(colour, kind, save_all=True, append_images=[colour]) for kind in ("GIF", "WEBP"))
    yield from (saved(alpha, "WEBP", lossless=True), saved(colour, "BMP"), saved(colour.convert("P"), "BMP"))
    yield from (saved(image, "TIFF") for image in (colour, sixteen, fractions, colour.convert("LAB")))
    yield from (saved(colour, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_deflate", "jpeg"))
    yield from (saved(colour, "PPM"), saved(colour, "JPEG2000"), saved(alpha, "ICO"), saved(colour, "AVIF"))


def read_damaged(number):
    """Read so many damaged pictures; print what became of them."""
    from gluon_lessons import photos

    warnings.simplefilter("ignore")
    whole, chance = list(samples()), random.Random(SEED)
    for data in whole:
        photos.read(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    for index in range(number):
        data = damaged(whole[index % len(whole)], chance)
        try:
            picture, size = photos.read_sized(data, shorter_side=(None, 4, 20)[index % 3])
            assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
            assert (picture.shape[0] <= picture.shape[1]) == (size[0] <= size[1]) or index % 3
            read += 1
        except photos.PhotoError as error:
            assert "\n" not in str(error) and len(str(error)) < 500
            refused += 1
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"read": read, "refused": refused, "growth": growth}))


@pytest.mark.parametrize("number", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_damaged_pictures_are_read_or_refused(number):
    done = subprocess.run([sys.executable, __file__, str(number)], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    print(outcome)
    assert outcome["read"] + outcome["refused"] == number
    assert min(outcome["read"], outcome["refused"]) > number / 10
    assert outcome["growth"] < GROWTH


if __name__ == "__main__":
    read_damaged(int(sys.argv[1]))
