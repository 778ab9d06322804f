"""The weights of a TensorFlow.js `model.json` and the shards that lie beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from gluon_lessons.zoo.readers import count_of, reading

_TYPES = {"float32": "<f4", "int32": "<i4", "uint8": "<u1", "bool": "?"}
_STORED_TYPES = {"uint8": "<u1", "uint16": "<u2", "float16": "<f2"}  # what a quantized weight is kept as


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the weights by name; `path` is the `model.json`. Quantized ones come back as what they stand for."""
    with reading(path, "TensorFlow.js model"):
        arrays = {}
        groups = json.loads(Path(path).read_text())["weightsManifest"]
        paths = [name for group in groups for name in group["paths"]]
        if len(set(paths)) != len(paths):
            raise ValueError("it names a shard twice")
        for group in groups:
            data = memoryview(b"".join(_shard(Path(path), name) for name in group["paths"]))
            for weight in group["weights"]:
                kind, count = _stored_type(weight), count_of(weight["shape"])
                taken, data = data[: count * kind.itemsize], data[count * kind.itemsize :]
                arrays[weight["name"]] = _value(np.frombuffer(taken, kind, count), weight).reshape(weight["shape"])
            if data:
                raise ValueError(f"{len(data)} bytes of {group['paths'][-1]} belong to no weight")
        return arrays


def _shard(path: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise ValueError(f"the shard {name} is not beside the model")
    return (path.parent / name).read_bytes()


def _stored_type(weight: dict[str, Any]) -> np.dtype:
    quantization = weight.get("quantization")
    return np.dtype(_STORED_TYPES[quantization["dtype"]] if quantization else _TYPES[weight["dtype"]])


def _value(stored: np.ndarray, weight: dict[str, Any]) -> np.ndarray:
    quantization = weight.get("quantization")
    if not quantization:
        return stored
    if quantization["dtype"] != "float16":
        stored = stored * np.float32(quantization["scale"]) + np.float32(quantization["min"])
    return stored.astype(_TYPES[weight["dtype"]])
