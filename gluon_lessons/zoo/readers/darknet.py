"""Darknet weight files: a version, a count of pictures seen, then all weights in a row, without names."""

import struct
from pathlib import Path

import numpy as np

from gluon_lessons.zoo.readers import reading


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the row under the name "weights"; only the network's architecture tells what each number is."""
    with reading(path, "Darknet weight file"):
        content = Path(path).read_bytes()
        major, minor, _revision = struct.unpack("<3i", content[:12])
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise ValueError("its first bytes are not Darknet's")
        header = 12 + (8 if major * 10 + minor >= 2 else 4)  # older ones count the pictures in four bytes
        if len(content) < header or (len(content) - header) % 4:
            raise ValueError("it is cut off")
        return {"weights": np.frombuffer(content, "<f4", offset=header)}
