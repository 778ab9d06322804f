"""The weights of a Caffe model (`.caffemodel`), from the protocol-buffer bytes themselves.

A protocol-buffer message is a sequence of fields, each a key (number and kind) and a value; the few field numbers that
matter here are named below. An array is called LAYER.INDEX: `conv0.0` holds the weights and `conv0.1` the biases.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gluon_lessons.zoo.readers import count_of, reading

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

_NET_OLD_LAYER, _NET_LAYER = 2, 100
_OLD_LAYER_NAME, _OLD_LAYER_BLOB = 4, 6
_LAYER_NAME, _LAYER_BLOB = 1, 7
_BLOB_OLD_SHAPE, _BLOB_DATA, _BLOB_SHAPE, _BLOB_DOUBLES = (1, 2, 3, 4), 5, 7, 8
_SHAPE_DIMENSION = 1
_LONGEST_VARINT = 10  # bytes, for 64 bits


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the blobs of each layer that has any, by LAYER.INDEX."""
    with reading(path, "Caffe model"):
        arrays = {}
        for number, layer in _fields(memoryview(Path(path).read_bytes())):
            if number == _NET_LAYER:
                arrays |= _blobs(layer, _LAYER_NAME, _LAYER_BLOB)
            elif number == _NET_OLD_LAYER:
                arrays |= _blobs(layer, _OLD_LAYER_NAME, _OLD_LAYER_BLOB)
        if not arrays:
            raise ValueError("no layer holds a weight")
        return arrays


def _blobs(layer: memoryview, name_field: int, blob_field: int) -> dict[str, np.ndarray]:
    fields = list(_fields(layer))
    name = next((bytes(value).decode() for number, value in fields if number == name_field), "")
    blobs = [value for number, value in fields if number == blob_field]
    return {f"{name}.{index}": _array(blob) for index, blob in enumerate(blobs)}


def _array(blob: memoryview) -> np.ndarray:
    shape, old_shape, chunks = None, {}, []
    for number, value in _fields(blob):
        if number == _BLOB_SHAPE:
            shape = [size for key, sizes in _fields(value) if key == _SHAPE_DIMENSION for size in _varints(sizes)]
        elif number in _BLOB_OLD_SHAPE:
            old_shape[number] = value
        elif number == _BLOB_DATA:
            chunks.append(np.frombuffer(value, "<f4"))
        elif number == _BLOB_DOUBLES:
            chunks.append(np.frombuffer(value, "<f8").astype("<f4"))
    values = np.concatenate(chunks) if chunks else np.empty(0, "<f4")
    if shape is None:
        shape = [old_shape.get(number, 1) for number in _BLOB_OLD_SHAPE]
    if count_of(shape) != values.size:
        raise ValueError(f"a blob of shape {shape} holds {values.size} numbers")
    return values.reshape(shape)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield (field number, value) for each field: an int for a varint, the raw bytes for anything else."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _LENGTH:
            length, position = _varint(message, position)
        elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if kind == _FOUR_BYTES else 8
        else:
            raise ValueError(f"field kind {kind} at byte {position}")
        if position + length > len(message):
            raise ValueError("it ends in the middle of a field")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number stored seven bits per byte, lowest first, and the position behind it."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = message[position + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, position + place + 1
    raise ValueError(f"the number at byte {position} does not end")


def _varints(packed: int | memoryview) -> list[int]:
    if isinstance(packed, int):
        return [packed]
    values, position = [], 0
    while position < len(packed):
        value, position = _varint(packed, position)
        values.append(value)
    return values
