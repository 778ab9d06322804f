"""The readers of other frameworks' weight files, on files of the same formats that these tests write."""

import functools
import json
import os
import pickle
import random
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from gluon_lessons.zoo.readers import UnreadableFile, caffe, tfjs, tflite, torch_checkpoint

flatbuffers = pytest.importorskip("flatbuffers", reason="flatbuffers comes with the onnx extra")


def numbers(*shape, kind="f4", seed=0):
    values = np.random.default_rng(seed).normal(0, 50, shape)
    return values.astype(kind)


def same(read, expected):
    assert list(read) == list(expected)
    for name, array in expected.items():
        assert read[name].shape == array.shape, name
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


def test_caffe_layers_come_back_by_name_and_number(tmp_path):
    weight, bias = numbers(4, 1, 3, 3), numbers(4)
    file = tmp_path / "net.caffemodel"
    file.write_bytes(caffe_model([weight, bias]))
    same(caffe.read(file), {"conv1/dw.0": weight, "conv1/dw.1": bias})


def test_caffe_files_of_the_first_format_are_read(tmp_path):
    weight = numbers(2, 3, 1, 1)
    file = tmp_path / "old.caffemodel"
    file.write_bytes(field(2, field(4, b"conv1") + field(5, 4) + field(6, old_blob(weight))))
    same(caffe.read(file), {"conv1.0": weight})


def test_caffe_doubles_and_fixed_width_fields(tmp_path):
    weight = numbers(3, kind="f8")
    blob = field(7, field(1, 3)) + field(8, weight.tobytes())
    unknown = bytes([15 << 3 | 5]) + b"abcd" + bytes([14 << 3 | 1]) + b"abcdefgh"
    file = tmp_path / "net.caffemodel"
    file.write_bytes(field(100, field(1, b"conv1") + unknown + field(7, blob)))
    same(caffe.read(file), {"conv1.0": weight.astype("f4")})


# PyTorch: pickles that name PyTorch's functions, so stand-ins of the same names are needed to write them.


class Storage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = storage, offset, shape, strides, False, OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture
def torch_names(monkeypatch):
    def _rebuild_tensor_v2():
        raise AssertionError("writing a pickle calls nothing")

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for name in ("FloatStorage", "LongStorage", "BoolStorage", "BFloat16Storage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def pickled(table, torch):
    import io

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


@pytest.mark.parametrize("write", [write_zip, write_old])
def test_torch_tensors_with_their_strides_and_shared_storages(tmp_path, torch_names, write):
    floats, longs = Storage("FloatStorage", "7", numbers(24)), Storage("LongStorage", "9", numbers(2, kind="i8"))
    table = OrderedDict(
        plain=Tensor(floats, 0, (2, 3, 4), (12, 4, 1)),
        turned=Tensor(floats, 0, (4, 3, 2), (1, 4, 12)),
        inner=Tensor(floats, 5, (2, 2), (12, 2)),
        count=Tensor(longs, 1, (), ()),
    )
    write(tmp_path / "weights.pth", table, torch_names, [floats, longs])
    cube = floats.values.reshape(2, 3, 4)
    expected = {"plain": cube, "turned": cube.transpose(2, 1, 0), "inner": cube[:, 1, 1::2]}
    read = torch_checkpoint.read(tmp_path / "weights.pth")
    same(read, expected | {"count": longs.values[1]})
    assert all(array.flags.c_contiguous for array in read.values())


def test_torch_half_width_floats_are_widened(tmp_path, torch_names):
    exact = np.array([1.5, -2, 0.15625, 3e38], "f4").view("u4") & 0xFFFF0000
    storage = Storage("BFloat16Storage", "0", (exact >> 16).astype("u2"))
    write_zip(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (4,), (1,))}, torch_names, [storage])
    same(torch_checkpoint.read(tmp_path / "weights.pth"), {"a": exact.view("f4")})


class Attack:
    """A pickle of this runs a function when an ordinary unpickler reads it."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("write", [write_zip, write_old])
@pytest.mark.parametrize(
    "function", [os.mkdir, functools.partial, eval, getattr], ids=lambda function: function.__name__
)
def test_torch_file_with_code_in_it_is_refused_and_not_run(tmp_path, torch_names, write, function):
    trap = tmp_path / "ran"
    arguments = {os.mkdir: (str(trap),), functools.partial: (os.mkdir, str(trap)), getattr: ("", "join")}
    attack = Attack(function, *arguments.get(function, (f"__import__('os').mkdir({str(trap)!r})",)))
    storage = Storage("FloatStorage", "0", numbers(2))
    table = OrderedDict(a=Tensor(storage, 0, (2,), (1,)), b=attack)
    write(tmp_path / "weights.pth", table, torch_names, [storage])
    with pytest.raises(torch_checkpoint.RefusedFile, match=r"is code and not a tensor.*; use one that holds"):
        torch_checkpoint.read(tmp_path / "weights.pth")
    assert not trap.exists()


def test_torch_file_that_is_code_alone_is_refused(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps(Attack(os.mkdir, str(tmp_path / "ran"))))
    with pytest.raises(torch_checkpoint.RefusedFile, match="mkdir"):
        torch_checkpoint.read(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (3,), (1,)), (1, (2,), (1,)), (0, (2,), (2,)), (1, (2,), (-1,)), (-1, (1,), (1,)), (0, (10**12,), (0,))],
)
def test_torch_tensor_that_leads_outside_its_storage(tmp_path, torch_names, offset, shape, strides):
    storage = Storage("FloatStorage", "0", numbers(2))
    write_zip(tmp_path / "weights.pth", {"a": Tensor(storage, offset, shape, strides)}, torch_names, [storage])
    with pytest.raises(UnreadableFile, match="leads outside its storage"):
        torch_checkpoint.read(tmp_path / "weights.pth")


@pytest.mark.parametrize("write", [write_zip, write_old])
def test_torch_storage_that_is_too_short(tmp_path, torch_names, write):
    storage = Storage("FloatStorage", "0", numbers(2))
    missing = Storage("FloatStorage", "0", numbers(1))
    write(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (2,), (1,))}, torch_names, [missing])
    with pytest.raises(UnreadableFile, match="storage 0 is not as long as it says"):
        torch_checkpoint.read(tmp_path / "weights.pth")


def test_torch_file_without_a_table_of_tensors(tmp_path, torch_names):
    write_zip(tmp_path / "weights.pth", {"epoch": 3}, torch_names, [])
    with pytest.raises(UnreadableFile, match="something else than a table of tensors"):
        torch_checkpoint.read(tmp_path / "weights.pth")


def test_what_pytorch_itself_writes(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not part of the environment")
    cube = torch.randn(2, 3, 4)
    table = {"a": cube, "b": cube.transpose(0, 2), "c": torch.nn.Parameter(cube[1, :, 2]), "d": torch.tensor(7)}
    table |= {"e": cube.bfloat16(), "f": cube > 0}
    for zipped in True, False:
        torch.save(table, tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
        expected = {name: tensor.detach().float().numpy() for name, tensor in table.items()}
        same(torch_checkpoint.read(tmp_path / "weights.pth"), expected)


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


def test_tfjs_weights_across_shards(tmp_path):
    kernel, count, flag = numbers(3, 3, 2), numbers(5, kind="i4"), np.array([True, False])
    weights = [fact("a/kernel", kernel, "float32"), fact("b", count, "int32"), fact("c", flag, "bool")]
    read = tfjs.read(write_tfjs(tmp_path, [*weights, fact("d", np.float32(3), "float32")], shards=3))
    same(read, {"a/kernel": kernel, "b": count, "c": flag, "d": np.float32(3)})


def test_tfjs_quantized_weights_come_back_as_what_they_stand_for(tmp_path):
    bytes_, words, halves = np.arange(6, dtype="u1"), np.arange(4, dtype="u2"), numbers(3, kind="f2")
    weights = [
        fact("bytes", bytes_, "float32", dtype="uint8", scale=0.5, min=-1.0),
        fact("words", words, "float32", dtype="uint16", scale=0.25, min=2.0),
        fact("halves", halves, "float32", dtype="float16"),
    ]
    read = tfjs.read(write_tfjs(tmp_path, weights))
    same(read, {"bytes": bytes_ * 0.5 - 1, "words": words * 0.25 + 2, "halves": halves.astype("f4")})
    assert {array.dtype.str for array in read.values()} == {"<f4"}


def test_tfjs_shard_that_is_missing_or_too_long(tmp_path):
    model = write_tfjs(tmp_path, [fact("a", numbers(4), "float32")])
    with (tmp_path / "group1-shard2of2.bin").open("ab") as shard:
        shard.write(b"more")
    with pytest.raises(UnreadableFile, match=r"4 bytes of group1-shard2of2.bin belong to no weight"):
        tfjs.read(model)
    (tmp_path / "group1-shard2of2.bin").unlink()
    with pytest.raises(UnreadableFile, match=r"group1-shard2of2.bin"):
        tfjs.read(model)


def test_tfjs_shard_outside_the_folder_is_not_opened(tmp_path):
    (tmp_path / "secret").write_bytes(numbers(4).tobytes())
    (tmp_path / "model").mkdir()
    model = write_tfjs(tmp_path / "model", [fact("a", numbers(4), "float32")], shards=1)
    model.write_text(model.read_text().replace("group1-shard1of1.bin", "../secret"))
    with pytest.raises(UnreadableFile, match=r"the shard ../secret is not beside the model"):
        tfjs.read(model)


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


def test_tflite_constants_come_back_and_computed_tensors_do_not(tmp_path):
    arrays = {kind: numbers(2, 3, kind=kind) for kind in ("f4", "f2", "i4", "u1", "i8", "i2", "i1")}
    file = tmp_path / "net.tflite"
    file.write_bytes(tflite_model([(name, array, None) for name, array in arrays.items()]))
    same(tflite.read(file), arrays)


def test_tflite_quantized_tensors_come_back_as_what_they_stand_for(tmp_path):
    whole, rows = np.arange(6, dtype="u1").reshape(2, 3), np.arange(-3, 3, dtype="i1").reshape(2, 3)
    tensors = [("whole", whole, ([0.5], [4], 0)), ("rows", rows, ([0.5, 0.25], [0, 1], 0))]
    tensors.append(("columns", rows, ([1.0, 2.0, 4.0], [0, 0, 0], 1)))
    file = tmp_path / "net.tflite"
    file.write_bytes(tflite_model(tensors))
    expected = {"whole": (whole - 4.0) * 0.5, "rows": (rows - [[0.0], [1.0]]) * [[0.5], [0.25]]}
    same(tflite.read(file), expected | {"columns": rows * [1.0, 2.0, 4.0]})


# Damage, the same for all.


@pytest.fixture
def files(tmp_path, torch_names):
    """A small whole file of each format, and its reader."""
    storage = Storage("FloatStorage", "0", numbers(6))
    table = OrderedDict(a=Tensor(storage, 0, (2, 3), (3, 1)))
    written = {name: tmp_path / name for name in ("net.caffemodel", "new.pth", "old.pth", "net.tflite")}
    written["net.caffemodel"].write_bytes(caffe_model([numbers(2, 3)]))
    write_zip(written["new.pth"], table, torch_names, [storage])
    write_old(written["old.pth"], table, torch_names, [storage])
    written["net.tflite"].write_bytes(tflite_model([("a", numbers(2, 3), None)]))
    model = write_tfjs(tmp_path, [fact("a", numbers(2, 3), "float32")], shards=1)
    readers = caffe, torch_checkpoint, torch_checkpoint, tflite
    return [*zip(written.values(), readers, strict=True), (model, tfjs)]


@pytest.mark.parametrize("content", [b"", b"not weights at all, but a page that says no", b"PK\3\4", bytes(5000)])
def test_what_is_not_a_weight_file_gets_one_clear_sentence(tmp_path, content):
    for reader in caffe, torch_checkpoint, tfjs, tflite:
        file = tmp_path / "file.bin"
        file.write_bytes(content)
        with pytest.raises(
            UnreadableFile, match=r"^file.bin is damaged or is not a .*; delete it and fetch it again.$"
        ):
            reader.read(file)


def test_a_file_cut_off_anywhere_is_unreadable(files):
    for file, reader in files:
        assert reader.read(file)
        whole = file.read_bytes()
        for kept in (len(whole) - 1, len(whole) * 3 // 4, len(whole) // 2, len(whole) // 4, 10):
            if file.suffix == ".tflite" and kept == len(whole) - 1:
                continue  # the last byte may be padding
            file.write_bytes(whole[:kept])
            with pytest.raises((UnreadableFile, torch_checkpoint.RefusedFile)):
                reader.read(file)


def test_damaged_bytes_never_escape_as_another_error(files):
    chance = random.Random(0)
    for file, reader in files:
        whole = file.read_bytes()
        refused = 0
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(whole))] = chance.randrange(256)
            file.write_bytes(damaged)
            try:
                reader.read(file)
            except (UnreadableFile, torch_checkpoint.RefusedFile):
                refused += 1
        assert refused, file


def test_readers_need_no_framework():
    import subprocess

    room = Path(caffe.__file__).parent
    modules = [f"gluon_lessons.zoo.readers.{path.stem}" for path in room.glob("*.py")]
    modules = [name for name in modules if not name.endswith(("__init__", "mxnet_params"))]
    frameworks = {"mxnet", "torch", "caffe", "tensorflow", "flatbuffers"}
    check = f"import {', '.join(modules)}, sys; print(sorted({frameworks} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
