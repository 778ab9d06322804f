"""Small weight files of every format, written by these functions as the frameworks would write them."""

import contextlib
import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from unittest import mock

import flatbuffers
import numpy as np

from gluon_lessons.zoo.readers import caffe, darknet, mxnet_params, safetensors, tfjs, tflite, torch_checkpoint


def numbers(*shape, kind="f4", seed=0):
    values = np.random.default_rng(seed).normal(0, 50, shape)
    return values.astype(kind)


def same(read, expected):
    assert list(read) == list(expected)
    for name, array in expected.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(read[name], array, err_msg=name)


# Caffe: protocol buffers, written field by field.


def varint(value):
    rest, low = value >> 7, value & 0x7F
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array):
    return field(7, field(1, b"".join(varint(size) for size in array.shape))) + field(5, array.astype("<f4").tobytes())


def old_blob(array):
    shape = (1,) * (4 - array.ndim) + array.shape
    return b"".join(field(number + 1, size) for number, size in enumerate(shape)) + field(5, array.tobytes())


def caffe_model(arrays):
    layers = [(b"data", []), (b"conv1/dw", arrays), (b"relu", [])]
    written = [
        field(1, name) + field(2, b"Convolution") + b"".join(field(7, blob(array)) for array in blobs)
        for name, blobs in layers
    ]
    return field(1, b"net") + b"".join(field(100, layer) for layer in written)


# PyTorch: pickles that name PyTorch's functions, so stand-ins of the same names are needed to write them.


class Storage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@contextlib.contextmanager
def torch_stand_ins():
    """While it lasts, `torch` is a module with the names that a checkpoint's pickle names."""

    def _rebuild_tensor_v2():
        raise AssertionError("writing a pickle calls nothing")

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"

    def _rebuild_parameter():
        raise AssertionError("writing a pickle calls nothing")

    _rebuild_parameter.__module__, _rebuild_parameter.__qualname__ = "torch._utils", "_rebuild_parameter"
    utils._rebuild_tensor_v2, utils._rebuild_parameter = _rebuild_tensor_v2, _rebuild_parameter
    for name in torch_checkpoint._TYPES:
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield torch


def pickled(table, torch):
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return "storage", getattr(torch, thing.kind), thing.key, "cpu", len(thing.values)
            return None

    Pickler(file := io.BytesIO(), protocol=2).dump(table)
    return file.getvalue()


def write_zip(path, table, torch, storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", pickled(table, torch))
        archive.writestr("weights/byteorder", "little")
        for storage in storages:
            archive.writestr(f"weights/data/{storage.key}", storage.values.tobytes())


def write_old(path, table, torch, storages):
    written = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    written += [pickled(table, torch), pickle.dumps([storage.key for storage in storages], 2)]
    written += [struct.pack("<q", len(storage.values)) + storage.values.tobytes() for storage in storages]
    path.write_bytes(b"".join(written))


# TensorFlow.js: JSON and shards.


def write_tfjs(folder, weights, shards=2):
    data = b"".join(values.tobytes() for _, values in weights)
    cut = -(-len(data) // shards)
    paths = [f"group1-shard{index + 1}of{shards}.bin" for index in range(shards)]
    for index, name in enumerate(paths):
        (folder / name).write_bytes(data[index * cut : (index + 1) * cut])
    manifest = [{"paths": paths, "weights": [facts for facts, _ in weights]}]
    (folder / "model.json").write_text(json.dumps({"modelTopology": {}, "weightsManifest": manifest}))
    return folder / "model.json"


def fact(name, values, kind, **quantization):
    facts = {"name": name, "shape": list(values.shape), "dtype": kind}
    return facts | {"quantization": quantization} if quantization else facts, values


# TensorFlow Lite: written with the FlatBuffers library.


def tflite_table(builder, *fields):
    """A table from one function a field, each adding its value at the number that it is given; None leaves one out."""
    builder.StartObject(len(fields))
    for number, add in enumerate(fields):
        if add:
            add(number)
    return builder.EndObject()


def tflite_vector(builder, values, add, size):
    builder.StartVector(size, len(values), size)
    for value in reversed(values):
        add(value)
    return builder.EndVector()


def tflite_model(tensors):
    builder = flatbuffers.Builder()

    def reference(offset):
        return lambda number: builder.PrependUOffsetTRelativeSlot(number, offset, 0)

    def references(offsets):
        return reference(tflite_vector(builder, offsets, builder.PrependUOffsetTRelative, 4))

    def tensor(index, name, values, quantization):
        shape = reference(tflite_vector(builder, values.shape, builder.PrependInt32, 4))
        code = {"f4": 0, "f2": 1, "i4": 2, "u1": 3, "i8": 4, "b1": 6, "i2": 7, "i1": 9}[values.dtype.str[1:]]
        text, scaling = reference(builder.CreateString(name)), None
        if quantization:
            scale, zero, axis = quantization
            fields = [tflite_vector(builder, scale, builder.PrependFloat32, 4)]
            fields.append(tflite_vector(builder, zero, builder.PrependInt64, 8))
            parts = [None, None, *map(reference, fields), None, None]
            scaling = reference(tflite_table(builder, *parts, lambda n: builder.PrependInt32Slot(n, axis, 0)))
        return tflite_table(
            builder,
            shape,
            lambda number: builder.PrependInt8Slot(number, code, 0),
            lambda number: builder.PrependUint32Slot(number, index, 0),
            text,
            scaling,
        )

    buffers = [tflite_table(builder)]
    for _, values, _ in tensors:
        buffers.append(tflite_table(builder, reference(builder.CreateByteVector(values.tobytes()))))
    computed = tensor(0, "computed", np.empty((1, 2), "f4"), None)
    offsets = [computed, *(tensor(index + 1, *facts) for index, facts in enumerate(tensors))]
    graph = tflite_table(builder, references(offsets))
    model = tflite_table(builder, None, None, references([graph]), None, references(buffers))
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())


# safetensors, Darknet.


def safetensors_file(table, data):
    head = json.dumps(table).encode()
    return struct.pack("<Q", len(head)) + head + data


def darknet_file(values, version=(0, 2)):
    seen = struct.pack("<q" if version >= (0, 2) else "<i", 32013312)
    return struct.pack("<3i", *version, 0) + seen + values.tobytes()


# All of them.


def one_of_each(folder: Path, torch: types.ModuleType) -> list[tuple[Path, types.ModuleType]]:
    """Write a small whole file of each format, and return each with its reader."""
    values = numbers(2, 3)
    storage = Storage("FloatStorage", "0", values.ravel())
    table = OrderedDict(a=Tensor(storage, 0, (2, 3), (3, 1)))
    (folder / "net.caffemodel").write_bytes(caffe_model([values]))
    write_zip(folder / "new.pth", table, torch, [storage])
    write_old(folder / "old.pth", table, torch, [storage])
    (folder / "net.tflite").write_bytes(tflite_model([("a", values, ([0.5], [1], 0))]))
    with (folder / "net.params").open("wb") as file:
        mxnet_params.write(file, {"a": values})
    places = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    (folder / "net.safetensors").write_bytes(safetensors_file(places, values.tobytes()))
    (folder / "net.weights").write_bytes(darknet_file(values))
    written = {
        "net.caffemodel": caffe,
        "new.pth": torch_checkpoint,
        "old.pth": torch_checkpoint,
        "net.tflite": tflite,
        "net.params": mxnet_params,
        "net.safetensors": safetensors,
        "net.weights": darknet,
    }
    files = [(folder / name, reader) for name, reader in written.items()]
    return [*files, (write_tfjs(folder, [fact("a", values, "float32")], shards=1), tfjs)]
