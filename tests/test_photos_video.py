"""A video is read frame by frame, or refused in one sentence."""

import cv2
import numpy as np
import pytest

from gluon_lessons import photos
from gluon_lessons.photos import video


@pytest.fixture
def film(tmp_path):
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(7):
        writer.write(np.full((48, 64, 3), (0, 0, 30 * number), np.uint8))  # ever redder
    writer.release()
    return file


def test_a_video_is_read_frame_by_frame(film):
    reds = {number: picture[24, 32] for number, picture in photos.frames(film, every=3)}
    assert list(reds) == [0, 3, 6]
    assert np.allclose([red[0] for red in reds.values()], [0, 90, 180], atol=6)
    with pytest.raises(photos.PhotoError, match="There is no video"):
        next(photos.frames("no-such.avi"))
    film.write_bytes(b"not a film")
    with pytest.raises(photos.PhotoError, match="not a video"):
        next(photos.frames(film))
    with pytest.raises(photos.PhotoError, match=r"photos\.frames"):
        photos.read("city")


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", None, True])
def test_a_step_that_is_none_is_refused_at_once(film, every):
    with pytest.raises(photos.PhotoError, match=r"every=.* a whole number from 1"):
        photos.frames(film, every=every)


def test_every_frame_is_numbered(film):
    assert [number for number, _ in photos.frames(film)] == list(range(7))
    assert [number for number, _ in photos.frames(str(film), every=100)] == [0]


def test_frames_too_large_for_memory_are_refused(film, monkeypatch):
    monkeypatch.setattr(video, "MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(photos.PhotoError, match="million pixels"):
        next(photos.frames(film))
    monkeypatch.setattr(video, "MOST_PIXELS", 64 * 48)
    assert len(list(photos.frames(film))) == 7


def test_a_frame_that_cannot_be_decoded_is_named(film, monkeypatch):
    real = cv2.VideoCapture

    class Damaged:
        def __init__(self, path):
            self.capture, self.number = real(path), -1

        def __getattr__(self, name):
            return getattr(self.capture, name)

        def retrieve(self):
            self.number += 1
            return (True, self.capture.retrieve()[1]) if self.number < 2 else (False, None)

    monkeypatch.setattr(cv2, "VideoCapture", Damaged)
    with pytest.raises(photos.PhotoError, match="damaged at frame 2"):
        list(photos.frames(film))
