"""safetensors files: a table of contents in JSON, then the numbers."""

import itertools
import json
from pathlib import Path

import numpy as np

from gluon_lessons.zoo.readers import count_of, reading

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1"}
_TYPES |= {"U8": "<u1", "BOOL": "?", "BF16": "<u2"}  # the last is widened to float32 below: NumPy has no such type


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors by name, in the order in which they lie in the file."""
    with reading(path, "safetensors file"):
        content = memoryview(Path(path).read_bytes())
        length = int.from_bytes(content[:8], "little")
        if len(content) < 8 + length:
            raise ValueError("it is cut off")
        table = json.loads(bytes(content[8 : 8 + length]))
        table.pop("__metadata__", None)
        data = content[8 + length :]
        order = sorted(table, key=lambda name: table[name]["data_offsets"])
        for before, name in itertools.pairwise(order):
            if table[name]["data_offsets"][0] < table[before]["data_offsets"][1]:
                raise ValueError(f"the tensors {before} and {name} overlap")
        return {name: _tensor(data, **table[name]) for name in order}


def _tensor(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    start, end = data_offsets
    kind = np.dtype(_TYPES[dtype])
    if not 0 <= start <= end <= len(data) or end - start != count_of(shape) * kind.itemsize:
        raise ValueError(f"a tensor of shape {shape} is not as long as it says")
    array = np.frombuffer(data[start:end], kind).reshape(shape)
    return (array.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else array
