"""The tensors of a PyTorch checkpoint, old or zipped, without PyTorch and without running what is in it.

A checkpoint is a pickle, and a pickle may name any function to be called while it is read. This unpickler knows the
four names that a table of tensors needs; a file that asks for a fifth is refused.
"""

import mmap
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.readers import check_unpacked, count_of, reading

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


def _tensor(storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: Any) -> _Tensor:
    """Return what PyTorch's function of the same arguments would make a tensor of."""
    whole = all(isinstance(number, int) for number in (offset, *shape, *strides))
    if not isinstance(storage, _Storage) or not whole:
        raise TypeError("a tensor has no storage, or a place in it that is no number")
    return _Tensor(storage, offset, shape, strides)


class RefusedFile(LessonError):
    """A checkpoint that wants more than tensors."""


class _Table(OrderedDict):
    """A dictionary by text alone: to hash a nested tuple can take for ever."""

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a name is a {type(name).__name__}")
        super().__setitem__(name, value)


class _Unpickler(pickle._Unpickler):
    """The unpickler written in Python: the one in C takes as much memory as a file cares to ask for."""

    append: Callable[[Any], None]  # puts a value on the stack
    dispatch: ClassVar[dict[int, Callable]] = dict(pickle._Unpickler.dispatch)

    def load_empty_dictionary(self) -> None:
        self.append(_Table())

    dispatch[pickle.EMPTY_DICT[0]] = load_empty_dictionary

    def refuse(self) -> None:
        raise pickle.UnpicklingError("it holds something else than a table of tensors")

    for opcode in (pickle.DICT, pickle.EMPTY_SET, pickle.FROZENSET, pickle.ADDITEMS):
        dispatch[opcode[0]] = refuse

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return lambda items=(): _Table(items)  # made anew: a pickle may alter what it is given here
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: _tensor(*arguments)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _TYPES:
            return _StorageType(name)
        raise RefusedFile(
            f"The checkpoint asks for {module}.{name}, which is code and not a tensor, so it was not read; "
            "use one that holds the state dictionary alone."
        )

    def persistent_load(self, identity: Any) -> _Storage:
        _, kind, key, _, size = identity[:5]
        if not isinstance(key, str | int) or not isinstance(size, int):
            raise TypeError("a storage has no name or no size")
        return _Storage(kind.name, str(key), size)


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of the checkpoint's state dictionary by name, each contiguous."""
    with reading(path, "PyTorch checkpoint"):
        table, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_old(path)
        arrays, size = {}, 0
        for name, tensor in table.items():
            arrays[name] = _array(tensor, storages[tensor.storage.key])
            size += arrays[name].nbytes
            check_unpacked(size, path)
        return arrays


def _read_zip(path: Path) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        _check_members(archive.infolist(), path)
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
            if archive.getinfo(member).file_size != storage.size * _kind(storage).itemsize:
                raise ValueError(f"storage {storage.key} is not as long as it says")
            storages[storage.key] = np.frombuffer(archive.read(member), _kind(storage))
    return table, storages


def _check_members(members: list[zipfile.ZipInfo], path: Path) -> None:
    """Refuse what would take far more memory than the file has bytes."""
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ValueError("a member is packed in a way that PyTorch does not use")
    if any(member.compress_size > Path(path).stat().st_size for member in members):
        raise ValueError("a member is longer than the file")
    check_unpacked(sum(member.file_size for member in members), path)


def _read_old(path: Path) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    # Mapped into memory, since an open file sets aside as much as it is asked for before it reads what there is.
    with Path(path).open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as file:
        magic, protocol, _machine = (_Unpickler(file).load() for _ in range(3))
        if (magic, protocol) != (_OLD_MAGIC, _OLD_PROTOCOL):
            raise ValueError("its first bytes are not a checkpoint's")
        table = _table(file)
        kinds = {storage.key: storage for storage in _storages(table)}
        storages = {}
        for key in _Unpickler(file).load():
            kind = _kind(kinds[key])
            size = int.from_bytes(file.read(8), "little")
            data = file.read(size * kind.itemsize)
            if size != kinds[key].size or len(data) != size * kind.itemsize:
                raise ValueError(f"storage {key} is not as long as it says")
            storages[key] = np.frombuffer(data, kind)
    return table, storages


def _table(file: IO[bytes] | mmap.mmap) -> dict[str, _Tensor]:
    table = _Unpickler(file).load()
    if not isinstance(table, dict) or not all(isinstance(value, _Tensor) for value in table.values()):
        raise ValueError("it holds something else than a table of tensors")
    return table


def _storages(table: dict[str, _Tensor]) -> set[_Storage]:
    return {tensor.storage for tensor in table.values()}


def _kind(storage: _Storage) -> np.dtype:
    return np.dtype(_TYPES[storage.type])


def _array(tensor: _Tensor, data: np.ndarray) -> np.ndarray:
    """Copy the view out of its storage; strides may be in any order, but never lead outside."""
    count, strides = count_of(tensor.shape), tensor.strides
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    if min((tensor.offset, *tensor.shape, *strides)) < 0 or count > data.size or (count and last >= data.size):
        raise ValueError(f"a tensor of shape {tensor.shape} leads outside its storage")
    if tensor.storage.type == "BFloat16Storage":
        data = (data.astype(np.uint32) << 16).view(np.float32)
    start = data[tensor.offset :]
    view = np.lib.stride_tricks.as_strided(start, tensor.shape, [stride * data.itemsize for stride in strides])
    return np.ascontiguousarray(view).reshape(tensor.shape)
