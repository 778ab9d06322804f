"""The PyTorch reader: the tensors of a checkpoint, old or zipped, without PyTorch and without running what is in it.

A checkpoint is a pickle, and a pickle may name any function to be called while it is read. This unpickler knows the
four names that a table of tensors needs; a file that asks for a fifth is refused.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.readers import reading

_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_PROTOCOL = 1001
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",  # widened to float32 below: NumPy has no such type
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class _StorageType(NamedTuple):
    name: str


class _Storage(NamedTuple):
    type: str
    key: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage. Pickles can alter objects that they make, but not a tuple."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


class RefusedFile(LessonError):
    """A checkpoint that wants more than tensors."""


class _Unpickler(pickle._Unpickler):
    """The unpickler written in Python: the one in C takes as much memory as a file cares to ask for."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _TYPES:
            return _StorageType(name)
        raise RefusedFile(
            f"The checkpoint asks for {module}.{name}, which is code and not a tensor, so it was not read; "
            "use one that holds the state dictionary alone."
        )

    def persistent_load(self, identity):
        _, kind, key, _, size = identity[:5]
        return _Storage(kind.name, str(key), size)


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of the checkpoint's state dictionary by name, each contiguous."""
    with reading(path, "PyTorch checkpoint"):
        table, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_old(path)
        return {name: _array(tensor, storages[tensor.storage.key]) for name, tensor in table.items()}


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it holds {len(pickles)} tables of tensors")
        root = pickles[0].removesuffix("data.pkl")
        if root + "byteorder" in archive.namelist() and archive.read(root + "byteorder") != b"little":
            raise ValueError("its numbers are stored big end first")
        with archive.open(root + "data.pkl") as file:
            table = _table(file)
        storages = {}
        for storage in _storages(table):
            member = f"{root}data/{storage.key}"
            if archive.getinfo(member).file_size != storage.size * np.dtype(_TYPES[storage.type]).itemsize:
                raise ValueError(f"storage {storage.key} is not as long as it says")
            storages[storage.key] = np.frombuffer(archive.read(member), _TYPES[storage.type])
    return table, storages


def _read_old(path):
    with Path(path).open("rb") as file:
        magic, protocol, _machine = (_Unpickler(file).load() for _ in range(3))
        if (magic, protocol) != (_OLD_MAGIC, _OLD_PROTOCOL):
            raise ValueError("its first bytes are not a checkpoint's")
        table = _table(file)
        kinds = {storage.key: storage for storage in _storages(table)}
        storages = {}
        for key in _Unpickler(file).load():
            kind = np.dtype(_TYPES[kinds[key].type])
            size = int.from_bytes(file.read(8), "little")
            data = file.read(size * kind.itemsize)
            if size != kinds[key].size or len(data) != size * kind.itemsize:
                raise ValueError(f"storage {key} is not as long as it says")
            storages[key] = np.frombuffer(data, kind)
    return table, storages


def _table(file):
    table = _Unpickler(file).load()
    if not isinstance(table, dict) or not all(isinstance(value, _Tensor) for value in table.values()):
        raise ValueError("it holds something else than a table of tensors")
    return table


def _storages(table):
    return {tensor.storage for tensor in table.values()}


def _array(tensor, data):
    """Copy the view out of its storage; strides may be in any order, but never lead outside."""
    count, strides = math.prod(tensor.shape), tensor.strides
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    if min((tensor.offset, *tensor.shape, *strides)) < 0 or count > data.size or (count and last >= data.size):
        raise ValueError(f"a tensor of shape {tensor.shape} leads outside its storage")
    if tensor.storage.type == "BFloat16Storage":
        data = (data.astype(np.uint32) << 16).view(np.float32)
    start = data[tensor.offset :]
    view = np.lib.stride_tricks.as_strided(start, tensor.shape, [stride * data.itemsize for stride in strides])
    return np.ascontiguousarray(view).reshape(tensor.shape)
