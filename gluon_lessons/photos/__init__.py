"""Sample pictures by name, with source and licence, and any picture that a person has, read safely.

photos.names()              # "cat", "coffee", "dog", ...
photos.read("dog")          # (height, width, 3), uint8, RGB
photos.read("my_own.jpg")   # so is a file, its bytes, a Pillow image or an array
photos.truth("canteen")     # what is really in it: boxes, label map, instances
photos.frames("city")       # a video, frame by frame
"""

from gluon_lessons.photos.annotations import UNKNOWN, VOC_CLASSES, Truth, truth
from gluon_lessons.photos.catalogue import Photo, about, names
from gluon_lessons.photos.errors import PhotoError
from gluon_lessons.photos.reading import read, read_sized
from gluon_lessons.photos.sources import path
from gluon_lessons.photos.video import frames

__all__ = [
    "UNKNOWN",
    "VOC_CLASSES",
    "Photo",
    "PhotoError",
    "Truth",
    "about",
    "frames",
    "names",
    "path",
    "read",
    "read_sized",
    "truth",
]
