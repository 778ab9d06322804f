"""The README's picture: made again it is the same, and its words are numbers that the networks give."""

import dataclasses
import io

import numpy as np
import picture
import pytest
from lessons import ROOT
from PIL import Image


@pytest.fixture(scope="module")
def seen():
    return {photo: picture.see(photo) for photo in picture.ROWS}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def differing(png, other):
    """Return the share of pixels that differ to the eye."""
    return (np.abs(pixels(png) - pixels(other)).max(axis=-1) > 24).mean()


def test_it_can_be_made_again(seen):
    assert differing(picture.draw(seen), picture.TARGET.read_bytes()) < 0.002


def test_another_answer_makes_another_picture(seen):
    boxes, masks, poses = seen["dog"]
    moved = dataclasses.replace(boxes, boxes=boxes.boxes + 20)
    assert differing(picture.draw(seen | {"dog": (moved, masks, poses)}), picture.TARGET.read_bytes()) > 0.005


def test_the_readme_says_what_it_shows(seen):
    assert f"![{picture.alt_text(seen)}](data/seen.png)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"bicycle", "car", "dog"} == set(seen["dog"][0].names)


def test_it_is_small():
    assert picture.TARGET.stat().st_size < 150_000
