"""Videos, frame by frame."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from gluon_lessons.photos import catalogue, sources
from gluon_lessons.photos.decode import MOST_PIXELS
from gluon_lessons.photos.errors import PhotoError


def frames(video: str | os.PathLike, every: int = 1) -> Iterator[tuple[int, np.ndarray]]:
    """Return an iterator of (number, picture) over every `every`-th frame of a video: a sample's name or a path."""
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise PhotoError(f"every={every!r} means nothing: it is a whole number from 1, which reads each frame.")
    name = video if isinstance(video, str) and video in catalogue.entries() else None
    file = sources.path(name) if name else Path(video).expanduser()
    if not file.is_file():
        raise PhotoError(f"There is no video {video}. Videos here: {', '.join(catalogue.names(video=True))}.")
    return _frames(file, every)


def _frames(file: Path, every: int) -> Iterator[tuple[int, np.ndarray]]:
    capture = cv2.VideoCapture(str(file))
    try:
        if not capture.isOpened():
            raise PhotoError(f"{file} is not a video that OpenCV can read.")
        if capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) > MOST_PIXELS:
            raise PhotoError(f"{file} has frames of more than {MOST_PIXELS / 1e6:.0f} million pixels.")
        number = 0
        while capture.grab():
            if number % every == 0:
                whole, frame = capture.retrieve()
                if not whole:
                    raise PhotoError(f"{file} is damaged at frame {number}. Copy or download it again.")
                yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            number += 1
    finally:
        capture.release()
