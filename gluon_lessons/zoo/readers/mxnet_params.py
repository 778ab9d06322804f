"""The MXNet reader, and writer: the arrays of a `.params` file, old or new, saved or exported, plain or packed."""

import gzip
import math
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np

from gluon_lessons.zoo.readers import reading

_LIST_MAGIC = 0x112
_ARRAY_MAGICS = {0xF993FAC8: 1, 0xF993FAC9: 2, 0xF993FACA: 3}
_WRITTEN_MAGIC = 0xF993FAC9
_DENSE = 0
_CPU = (1, 0)
_TYPES = ("<f4", "<f8", "<f2", "<u1", "<i4", "<i1", "<i8", "?")
_GZIP_MAGIC = b"\x1f\x8b"


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays by name, in the order of the file; `arg:` and `aux:`, which exports add, are taken off."""
    with reading(path, "MXNet parameter file"):
        view = _View(_content(Path(path)))
        if view.numbers("<Q") != _LIST_MAGIC:
            raise ValueError("its first bytes are not MXNet's")
        view.numbers("<Q")
        arrays = [_array(view) for _ in range(view.numbers("<Q"))]
        names = [_name(view) for _ in range(view.numbers("<Q"))]
        if len(names) != len(arrays):
            raise ValueError("its arrays have no names")
        if view.rest:
            raise ValueError(f"{view.rest} bytes follow its end")
        return dict(zip(names, arrays, strict=True))


def write(file, arrays: dict[str, np.ndarray]):
    """Write arrays to an open binary file as `net.load_parameters` and `mx.nd.load` read them."""
    file.write(struct.pack("<3Q", _LIST_MAGIC, 0, len(arrays)))
    for array in arrays.values():
        array = np.ascontiguousarray(array, np.float32)
        file.write(struct.pack(f"<IiI{array.ndim}q", _WRITTEN_MAGIC, _DENSE, array.ndim, *array.shape))
        file.write(struct.pack("<3i", *_CPU, _TYPES.index("<f4")))
        file.write(memoryview(array).cast("B"))
    file.write(struct.pack("<Q", len(arrays)))
    for name in arrays:
        file.write(struct.pack("<Q", len(name.encode())) + name.encode())


def _content(path):
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            (member,) = (info for info in archive if info.isfile() and info.name.endswith(".params"))
            return archive.extractfile(member).read()
    content = path.read_bytes()
    try:
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except zlib.error as error:
        raise ValueError(error) from error


class _View:
    """Bytes and how far they were read; reading past the end is an error, never a short answer."""

    def __init__(self, content):
        self._content, self._at = memoryview(content), 0

    @property
    def rest(self):
        return len(self._content) - self._at

    def bytes(self, count):
        if count > self.rest:
            raise ValueError("it is cut off")
        self._at += count
        return bytes(self._content[self._at - count : self._at])

    def numbers(self, layout):
        values = struct.unpack(layout, self.bytes(struct.calcsize(layout)))
        return values[0] if len(values) == 1 else values

    def array(self, kind, shape):
        count, at = math.prod(shape), self._at
        self._at += count * np.dtype(kind).itemsize
        if self.rest < 0:
            raise ValueError("it is cut off")
        return np.frombuffer(self._content, kind, count, at).reshape(shape)


def _name(view):
    return view.bytes(view.numbers("<Q")).decode().removeprefix("arg:").removeprefix("aux:")


def _array(view):
    magic = view.numbers("<I")
    version = _ARRAY_MAGICS.get(magic, 0)
    if version >= 2 and view.numbers("<i") != _DENSE:
        raise ValueError("it holds a sparse array")
    dimensions = view.numbers("<I") if version else magic  # the oldest have no magic number, and short sizes
    if dimensions > 32:
        raise ValueError(f"an array claims {dimensions} dimensions")
    shape = [view.numbers("<q" if version else "<I") for _ in range(dimensions)]
    if min(shape, default=0) < 0 or (not dimensions and version < 3):
        raise ValueError("an array has no shape")
    view.numbers("<ii")  # the device that it was on
    return view.array(_TYPES[view.numbers("<i")], shape)
