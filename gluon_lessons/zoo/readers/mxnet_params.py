"""The arrays of an MXNet `.params` file, old or new, saved or exported, plain or packed; and how to write one."""

import contextlib
import gzip
import struct
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gluon_lessons.zoo.readers import check_unpacked, count_of, most_bytes, reading

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


def write(file: BinaryIO, arrays: dict[str, np.ndarray]) -> None:
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


def _content(path: Path) -> bytes:
    """Return the file's bytes, out of the archive or the compression that they came in."""
    content = path.read_bytes()
    packed = content.startswith(_GZIP_MAGIC)
    # Not whatever tarfile knows: as LZMA, a damaged file could ask for gigabytes.
    with contextlib.suppress(tarfile.ReadError), tarfile.open(path, "r:gz" if packed else "r:") as archive:
        members = [info for info in archive if info.isfile() and info.name.endswith(".params")]
        if len(members) != 1:
            raise ValueError(f"it holds {len(members)} parameter files")
        check_unpacked(members[0].size, path)
        with archive.extractfile(members[0]) as file:  # type: ignore[union-attr]  # it is a plain file
            return file.read()
    if packed:
        with gzip.open(path) as file:
            content = file.read(most_bytes(path) + 1)
        check_unpacked(len(content), path)
    return content


class _View:
    """Bytes and how far they were read; reading past the end is an error, never a short answer."""

    def __init__(self, content: bytes):
        self._content, self._at = memoryview(content), 0

    @property
    def rest(self) -> int:
        return len(self._content) - self._at

    def bytes(self, count: int) -> bytes:
        if count > self.rest:
            raise ValueError("it is cut off")
        self._at += count
        return bytes(self._content[self._at - count : self._at])

    def numbers(self, layout: str) -> Any:
        values = struct.unpack(layout, self.bytes(struct.calcsize(layout)))
        return values[0] if len(values) == 1 else values

    def array(self, kind: str, shape: list[int]) -> np.ndarray:
        count, at = count_of(shape), self._at
        self._at += count * np.dtype(kind).itemsize
        if self.rest < 0:
            raise ValueError("it is cut off")
        return np.frombuffer(self._content, kind, count, at).reshape(shape)


def _name(view: _View) -> str:
    return view.bytes(view.numbers("<Q")).decode().removeprefix("arg:").removeprefix("aux:")


def _array(view: _View) -> np.ndarray:
    magic = view.numbers("<I")
    version = _ARRAY_MAGICS.get(magic, 0)
    if version >= 2 and view.numbers("<i") != _DENSE:
        raise ValueError("it holds a sparse array")
    dimensions = view.numbers("<I") if version else magic  # the oldest have no magic number, and short sizes
    shape = [view.numbers("<q" if version else "<I") for _ in range(dimensions)]
    if not dimensions and version < 3:
        raise ValueError("an array has no shape")
    view.numbers("<ii")  # the device that it was on
    return view.array(_TYPES[view.numbers("<i")], shape)
