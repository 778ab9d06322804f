"""The readers of weight files, on files that weight_files.py and MXNet write: number for number."""

import gzip
import io
import struct
import tarfile

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import nn
from weight_files import (
    caffe_model,
    darknet_file,
    fact,
    field,
    numbers,
    old_blob,
    safetensors_file,
    same,
    tflite_model,
    write_tfjs,
)

from gluon_lessons.zoo.readers import (
    UnreadableFile,
    caffe,
    count_of,
    darknet,
    mxnet_params,
    safetensors,
    tfjs,
    tflite,
)


def test_caffe_layers_come_back_by_name_and_number(tmp_path):
    weight, bias = numbers(4, 1, 3, 3), numbers(4)
    file = tmp_path / "net.caffemodel"
    file.write_bytes(caffe_model([weight, bias]))
    same(caffe.read(file), {"conv1/dw.0": weight, "conv1/dw.1": bias})


def test_caffe_files_of_the_first_format_are_read(tmp_path):
    weight = numbers(2, 3, 4, 5)
    file = tmp_path / "old.caffemodel"
    file.write_bytes(field(2, field(4, b"conv1") + field(5, 4) + field(6, old_blob(weight))))
    same(caffe.read(file), {"conv1.0": weight})


@pytest.mark.parametrize("count", [31, 32, 33, 4096])  # 32 numbers are 128 bytes, a length of two bytes
def test_caffe_arrays_of_any_length(tmp_path, count):
    file = tmp_path / "net.caffemodel"
    file.write_bytes(caffe_model([numbers(count)]))
    same(caffe.read(file), {"conv1/dw.0": numbers(count)})


def test_caffe_doubles_and_fixed_width_fields(tmp_path):
    weight = numbers(3, kind="f8")
    blob = field(7, field(1, 3)) + field(8, weight.tobytes())
    unknown = bytes([15 << 3 | 5]) + b"abcd" + bytes([14 << 3 | 1]) + b"abcdefgh"
    file = tmp_path / "net.caffemodel"
    file.write_bytes(field(100, field(1, b"conv1") + unknown + field(7, blob)))
    same(caffe.read(file), {"conv1.0": weight.astype("f4")})


def test_tfjs_weights_across_shards(tmp_path):
    kernel, count, flag = numbers(3, 3, 2), numbers(5, kind="i4"), np.array([True, False])
    weights = [fact("a/kernel", kernel, "float32"), fact("b", count, "int32"), fact("c", flag, "bool")]
    weights += [fact("d", np.float32(3), "float32"), fact("e", np.arange(3, dtype="u1"), "uint8")]
    read = tfjs.read(write_tfjs(tmp_path, weights, shards=3))
    same(read, {"a/kernel": kernel, "b": count, "c": flag, "d": np.float32(3), "e": np.arange(3, dtype="u1")})


def test_tfjs_quantized_weights_come_back_as_what_they_stand_for(tmp_path):
    bytes_, words, halves = np.arange(6, dtype="u1"), np.arange(4, dtype="u2"), numbers(3, kind="f2")
    weights = [
        fact("bytes", bytes_, "float32", dtype="uint8", scale=0.5, min=-1.0),
        fact("words", words, "float32", dtype="uint16", scale=0.25, min=2.0),
        fact("halves", halves, "float32", dtype="float16"),
    ]
    expected = {"bytes": bytes_ * 0.5 - 1, "words": words * 0.25 + 2, "halves": halves}
    same(tfjs.read(write_tfjs(tmp_path, weights)), {name: array.astype("f4") for name, array in expected.items()})


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


def test_tflite_constants_come_back_and_computed_tensors_do_not(tmp_path):
    arrays = {kind: numbers(2, 3, kind=kind) for kind in ("f4", "f2", "i4", "u1", "i8", "i2", "i1", "?")}
    file = tmp_path / "net.tflite"
    file.write_bytes(tflite_model([(name, array, None) for name, array in arrays.items()]))
    same(tflite.read(file), arrays)


def test_a_tflite_tensor_of_another_size_than_its_shape_is_named(tmp_path):
    content = tflite_model([("a", numbers(2, 3), None)])
    shape = struct.pack("<2i", 2, 3)
    assert content.count(shape) == 1
    (tmp_path / "net.tflite").write_bytes(content.replace(shape, struct.pack("<2i", 2, 4)))
    with pytest.raises(UnreadableFile, match=r"a tensor of shape \[2, 4\] holds 24 bytes"):
        tflite.read(tmp_path / "net.tflite")


def test_tflite_quantized_tensors_come_back_as_what_they_stand_for(tmp_path):
    whole, rows = np.arange(6, dtype="u1").reshape(2, 3), np.arange(-3, 3, dtype="i1").reshape(2, 3)
    tensors = [("whole", whole, ([0.5], [4], 0)), ("rows", rows, ([0.5, 0.25], [0, 1], 0))]
    tensors.append(("columns", rows, ([1.0, 2.0, 4.0], [0, 0, 0], 1)))
    file = tmp_path / "net.tflite"
    file.write_bytes(tflite_model(tensors))
    expected = {"whole": (whole - 4.0) * 0.5, "rows": (rows - [[0.0], [1.0]]) * [[0.5], [0.25]]}
    expected["columns"] = rows * [1.0, 2.0, 4.0]
    same(tflite.read(file), {name: array.astype("f4") for name, array in expected.items()})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "net.params"


ARRAYS = {"b.weight": numbers(3, 2, 5, 5), "a.bias": numbers(7, seed=1), "c.scale": numbers(1, seed=2)}


def saved(path, arrays):
    mx.nd.save(str(path), {name: mx.nd.array(array, dtype=array.dtype) for name, array in arrays.items()})
    return path


class TestMXNet:
    def test_what_mxnet_saved(self, file):
        same(mxnet_params.read(saved(file, ARRAYS)), ARRAYS)

    @pytest.mark.parametrize("kind", ["float64", "float16", "uint8", "int32", "int8", "int64"])
    def test_every_kind_of_number(self, file, kind):
        same(mxnet_params.read(saved(file, {"x": numbers(4, 3, kind=kind)})), {"x": numbers(4, 3, kind=kind)})

    def test_what_a_network_exported(self, tmp_path):
        net = nn.HybridSequential(prefix="net_")
        net.add(nn.Conv2D(4, 3, prefix="conv_"), nn.BatchNorm(prefix="norm_"))
        net.initialize(mx.init.Xavier())
        net.hybridize()
        net(mx.nd.ones((1, 3, 8, 8)))
        net.export(str(tmp_path / "net"))
        expected = {name: value.data().asnumpy() for name, value in net.collect_params().items()}
        same(mxnet_params.read(tmp_path / "net-0000.params"), expected)

    def test_one_that_was_zipped(self, file):
        packed = file.with_name("net.params.gz")
        packed.write_bytes(gzip.compress(saved(file, ARRAYS).read_bytes()))
        same(mxnet_params.read(packed), ARRAYS)

    def test_one_in_a_tarball(self, file):
        saved(file, ARRAYS)
        packed = file.with_name("net.tar.gz")
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(file, "net/net-0000.params")
            archive.addfile(tarfile.TarInfo("net/synset.txt"), io.BytesIO())
        same(mxnet_params.read(packed), ARRAYS)

    @pytest.mark.parametrize("version", ["oldest", "first"])
    def test_files_of_long_ago(self, file, version):
        """Written before MXNet 1.0: sizes of four bytes without a magic number, then of eight with another one."""
        content = struct.pack("<3Q", 0x112, 0, len(ARRAYS))
        for array in ARRAYS.values():
            sizes = array.shape
            content += (
                struct.pack("<I", len(sizes)) if version == "oldest" else struct.pack("<II", 0xF993FAC8, len(sizes))
            )
            content += struct.pack(f"<{len(sizes)}{'I' if version == 'oldest' else 'q'}", *sizes)
            content += struct.pack("<3i", 1, 0, 0) + array.tobytes()
        content += struct.pack("<Q", len(ARRAYS))
        content += b"".join(struct.pack("<Q", len(name)) + name.encode() for name in ARRAYS)
        file.write_bytes(content)
        same(mxnet_params.read(file), ARRAYS)
        same({name: array.asnumpy() for name, array in mx.nd.load(str(file)).items()}, ARRAYS)

    def test_what_is_written_is_what_mxnet_reads(self, file):
        with file.open("wb") as target:
            mxnet_params.write(target, ARRAYS)
        same({name: array.asnumpy() for name, array in mx.nd.load(str(file)).items()}, ARRAYS)
        assert file.read_bytes() == saved(file.with_name("theirs"), ARRAYS).read_bytes()

    def test_one_that_is_cut_off_anywhere(self, file):
        content = saved(file, {"x": numbers(3), "y": numbers(2, 2)}).read_bytes()
        for length in range(len(content)):
            file.write_bytes(content[:length])
            with pytest.raises(UnreadableFile, match=r"net\.params is damaged or is not a MXNet"):
                mxnet_params.read(file)

    def test_other_bytes(self, file):
        sparse = saved(file, {"x": numbers(3)}).read_bytes()
        for content in (
            b"",
            b"no such thing" * 9,
            b"\x1f\x8b" + b"x" * 50,
            sparse[:28] + b"\x01" + sparse[29:],
            sparse + b"x",
        ):
            file.write_bytes(content)
            with pytest.raises(UnreadableFile):
                mxnet_params.read(file)


class TestSafetensors:
    def test_tensors_come_in_the_order_of_the_file(self, tmp_path):
        first, second = numbers(2, 3), numbers(4, kind="int64")
        table = {
            "__metadata__": {"format": "pt"},
            "z": {"dtype": "I64", "shape": [4], "data_offsets": [24, 56]},
            "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        }
        path = tmp_path / "x.safetensors"
        path.write_bytes(safetensors_file(table, first.tobytes() + second.tobytes()))
        same(safetensors.read(path), {"a": first, "z": second})

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("F64", "f8"), ("F32", "f4"), ("F16", "f2"), ("I64", "i8"), ("I32", "i4"), ("I16", "i2"), ("I8", "i1"),
         ("U8", "u1"), ("BOOL", "?")],
    )  # fmt: skip
    def test_every_kind_of_number(self, tmp_path, name, kind):
        values, path = numbers(2, 3, kind=kind), tmp_path / "x.safetensors"
        path.write_bytes(
            safetensors_file(
                {"x": {"dtype": name, "shape": [2, 3], "data_offsets": [0, values.nbytes]}}, values.tobytes()
            )
        )
        same(safetensors.read(path), {"x": values})

    def test_tensors_that_share_bytes_are_refused(self, tmp_path):
        path = tmp_path / "x.safetensors"
        table = {
            name: {"dtype": "F32", "shape": [2], "data_offsets": offsets}
            for name, offsets in {"a": [0, 8], "b": [4, 12]}.items()
        }
        path.write_bytes(safetensors_file(table, bytes(12)))
        with pytest.raises(UnreadableFile, match="the tensors a and b overlap"):
            safetensors.read(path)

    def test_brain_floats_are_widened(self, tmp_path):
        path = tmp_path / "x.safetensors"
        table = {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
        path.write_bytes(safetensors_file(table, struct.pack("<HH", 0x3FC0, 0xC000)))
        same(safetensors.read(path), {"x": np.array([1.5, -2], np.float32)})

    @pytest.mark.parametrize("offsets", [[0, 9], [4, 12], [-8, 0], [8, 0]])
    def test_tensors_that_lead_outside_are_refused(self, tmp_path, offsets):
        path = tmp_path / "x.safetensors"
        path.write_bytes(safetensors_file({"x": {"dtype": "F32", "shape": [2], "data_offsets": offsets}}, bytes(8)))
        with pytest.raises(UnreadableFile):
            safetensors.read(path)

    def test_one_that_is_cut_off_anywhere(self, tmp_path):
        path = tmp_path / "x.safetensors"
        content = safetensors_file({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8))
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(UnreadableFile):
                safetensors.read(path)


class TestDarknet:
    @pytest.mark.parametrize(("version", "seen"), [((0, 1), "<i"), ((0, 2), "<q")])
    def test_the_row_starts_behind_the_count_of_pictures(self, tmp_path, version, seen):
        path = tmp_path / "x.weights"
        path.write_bytes(struct.pack("<3i", *version, 0) + struct.pack(seen, 32013312) + numbers(9).tobytes())
        same(darknet.read(path), {"weights": numbers(9)})

    @pytest.mark.parametrize(
        ("version", "right"),
        [((0, 0), True), ((999, 0), True), ((0, 999), True),
         ((-1, 0), False), ((0, -1), False), ((1000, 0), False), ((0, 1000), False)],
    )  # fmt: skip
    def test_the_version_tells_a_file_from_other_bytes(self, tmp_path, version, right):
        path = tmp_path / "x.weights"
        path.write_bytes(darknet_file(numbers(9), version))
        if right:
            same(darknet.read(path), {"weights": numbers(9)})
        else:
            with pytest.raises(UnreadableFile, match="its first bytes are not Darknet's"):
                darknet.read(path)

    @pytest.mark.parametrize("content", [b"", bytes(15), struct.pack("<3iq", 0, 2, 0, 1) + bytes(7), b"PK\3\4" * 9])
    def test_other_bytes(self, tmp_path, content):
        path = tmp_path / "x.weights"
        path.write_bytes(content)
        with pytest.raises(UnreadableFile):
            darknet.read(path)


@pytest.mark.parametrize("shape", [(-1,), (2, -3), (1.0,), ("2",), (1,) * 33])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"dimensions|whole numbers from 0"):
        count_of(shape)


def test_a_shape_says_how_many_numbers_there_are():
    assert [count_of(shape) for shape in ((), (0, 5), (2, 3, 4), (1,) * 32)] == [1, 0, 24, 1]
