"""The constant tensors of a TensorFlow Lite model (`.tflite`), from the FlatBuffer bytes themselves.

A FlatBuffer table begins with the distance back to its own list of field positions; the few fields that matter here
are numbered below in the order in which the format declares them.
"""

import struct
from pathlib import Path

import numpy as np

from gluon_lessons.zoo.readers import check_unpacked, count_of, reading

_MODEL_GRAPHS, _MODEL_BUFFERS = 2, 4
_GRAPH_TENSORS = 0
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTIZATION = range(5)
_BUFFER_DATA = 0
_QUANTIZATION_SCALE, _QUANTIZATION_ZERO, _QUANTIZATION_AXIS = 2, 3, 6
_LONGEST_NAME = 4096
_TYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "<u1", 4: "<i8", 6: "?", 7: "<i2", 9: "<i1"}


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors that have data, by name. Quantized ones come back as the numbers they stand for."""
    with reading(path, "TensorFlow Lite model"):
        data = Path(path).read_bytes()
        if data[4:8] != b"TFL3":
            raise ValueError("its identifier is not TFL3")
        model = _Table(data, _pointed(data, 0))
        buffers = [buffer.vector(_BUFFER_DATA, "B") for buffer in model.tables(_MODEL_BUFFERS)]
        (graph,) = model.tables(_MODEL_GRAPHS)
        named = {tensor.text(_TENSOR_NAME): tensor for tensor in graph.tables(_GRAPH_TENSORS)}
        arrays, size = {}, 0
        for name, tensor in named.items():
            array = _array(tensor, buffers[tensor.number(_TENSOR_BUFFER, "I")])
            if array is not None:
                arrays[name] = array
                size += array.nbytes
                check_unpacked(size, path)
        return arrays


def _array(tensor: "_Table", data: np.ndarray) -> np.ndarray | None:
    """Return the tensor's numbers, or None where it is computed when the network runs."""
    if not data.size:
        return None
    kind, shape = np.dtype(_TYPES[tensor.number(_TENSOR_TYPE, "b")]), tensor.vector(_TENSOR_SHAPE, "i")
    if data.size != count_of(shape.tolist()) * kind.itemsize:
        raise ValueError(f"a tensor of shape {shape.tolist()} holds {data.size} bytes")
    values = data.view(kind).reshape(shape)
    quantization = tensor.table(_TENSOR_QUANTIZATION)
    if quantization is None:
        return values
    scale = quantization.vector(_QUANTIZATION_SCALE, "f")
    if not scale.size:
        return values
    zero, axis = quantization.vector(_QUANTIZATION_ZERO, "q"), quantization.number(_QUANTIZATION_AXIS, "i")
    along = [-1 if index == axis else 1 for index in range(values.ndim)] if scale.size > 1 else []
    return ((values.astype(np.float64) - zero.reshape(along)) * scale.reshape(along)).astype(np.float32)


class _Table:
    """A FlatBuffer table: its fields by number, each read when it is asked for."""

    def __init__(self, data: bytes, position: int):
        self._data, self._position = data, position
        self._list = position - struct.unpack_from("<i", data, position)[0]
        if self._list < 0:
            raise ValueError("a table begins before the file")
        (size,) = struct.unpack_from("<H", data, self._list)
        self._count = size // 2 - 2

    def _field(self, index: int) -> int:
        """Return the position of a field's value, or 0 where the field was left out."""
        if index >= self._count:
            return 0
        (offset,) = struct.unpack_from("<H", self._data, self._list + 4 + 2 * index)
        return offset and self._position + offset

    def number(self, index: int, kind: str) -> int:
        field = self._field(index)
        return struct.unpack_from(f"<{kind}", self._data, field)[0] if field else 0

    def table(self, index: int) -> "_Table | None":
        field = self._field(index)
        return _Table(self._data, _pointed(self._data, field)) if field else None

    def tables(self, index: int) -> list["_Table"]:
        field = self._field(index)
        if not field:
            return []
        start = _pointed(self._data, field)
        (count,) = struct.unpack_from("<I", self._data, start)
        return [_Table(self._data, _pointed(self._data, start + 4 + 4 * entry)) for entry in range(count)]

    def vector(self, index: int, kind: str) -> np.ndarray:
        field = self._field(index)
        if not field:
            return np.empty(0, f"<{np.dtype(kind).str[1:]}")
        start = _pointed(self._data, field)
        (count,) = struct.unpack_from("<I", self._data, start)
        return np.frombuffer(self._data, np.dtype(kind).newbyteorder("<"), count, start + 4)

    def text(self, index: int) -> str:
        letters = self.vector(index, "B")
        if letters.size > _LONGEST_NAME:
            raise ValueError(f"a name of {letters.size} bytes")
        return letters.tobytes().decode()


def _pointed(data: bytes, position: int) -> int:
    """Follow a pointer, which counts from where it is stored and only ever leads forward."""
    return position + struct.unpack_from("<I", data, position)[0]
