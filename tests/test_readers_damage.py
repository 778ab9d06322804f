"""Damaged and hostile weight files, the same for every reader: one sentence, in time, in bounded memory."""

import gzip
import io
import random
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest
from weight_files import fact, field, numbers, one_of_each, safetensors_file, torch_stand_ins, write_tfjs

from gluon_lessons.zoo.readers import (
    UnreadableFile,
    caffe,
    darknet,
    mxnet_params,
    safetensors,
    tfjs,
    tflite,
    torch_checkpoint,
)

READERS = {
    caffe: "Caffe model",
    darknet: "Darknet weight file",
    mxnet_params: "MXNet parameter file",
    safetensors: "safetensors file",
    tfjs: "TensorFlow.js model",
    tflite: "TensorFlow Lite model",
    torch_checkpoint: "PyTorch checkpoint",
}
REFUSALS = UnreadableFile, torch_checkpoint.RefusedFile
NOTHING_MUCH = 70 << 20  # bytes: what any file may unpack to, and a little


@pytest.fixture
def files(tmp_path):
    with torch_stand_ins() as torch:
        return one_of_each(tmp_path, torch)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.split(".")[-1])
@pytest.mark.parametrize("content", [b"", b"not weights at all, but a page that says no", b"PK\3\4", bytes(5001)])
def test_what_is_not_a_weight_file_gets_one_clear_sentence(tmp_path, content, reader):
    file = tmp_path / "file.bin"
    file.write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        reader.read(file)
    said = str(caught.value)
    assert said.startswith(f"file.bin is damaged or is not a {READERS[reader]} (")
    assert said.endswith("); delete it and fetch it again.") and "\n" not in said


def test_a_missing_array_is_said_in_words(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(UnreadableFile, match=r"\(it has no 'weightsManifest'\)"):
        tfjs.read(tmp_path / "model.json")


def test_a_file_cut_off_anywhere_is_unreadable(files):
    for file, reader in files:
        assert reader.read(file)
        whole = file.read_bytes()
        for kept in (len(whole) - 1, len(whole) * 3 // 4, len(whole) // 2, len(whole) // 4, 10):
            if file.suffix == ".tflite" and kept == len(whole) - 1:
                continue  # the last byte may be padding
            file.write_bytes(whole[:kept])
            with pytest.raises(REFUSALS):
                reader.read(file)


def damage(content: bytes, chance: random.Random) -> bytes:
    """Return the content with a few bytes changed, a number made extreme, or a piece lost, doubled or moved."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, way = chance.randrange(len(changed)), chance.randrange(6)
        piece = changed[at : at + chance.randint(1, 16)]
        if way <= 1:
            changed[at] = chance.randrange(256)
        elif way == 2:
            extreme = chance.choice((0, 1, 0x7F, 0x80, 0xFF)).to_bytes(1, "little") * chance.choice((1, 2, 4, 8))
            changed[at : at + len(extreme)] = extreme
        elif way == 3 and len(changed) > 32:
            del changed[at : at + len(piece)]
        elif way == 4:
            changed[at:at] = piece
        else:
            to = chance.randrange(len(changed))
            changed[to : to + len(piece)] = piece
    return bytes(changed)


@pytest.mark.parametrize(
    "count", [400, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])], ids=str
)
def test_damaged_bytes_never_escape_as_another_error_nor_fill_the_memory(files, count):
    chance, most, longest = random.Random(count), 0, 0.0
    refused = dict.fromkeys((file for file, _ in files), 0)
    whole = {file: file.read_bytes() for file, _ in files}
    tracemalloc.start()
    try:
        for number in range(count):
            file, reader = files[number % len(files)]
            file.write_bytes(damage(whole[file], chance))
            tracemalloc.reset_peak()
            begin = time.perf_counter()
            try:
                reader.read(file)
            except REFUSALS:
                refused[file] += 1
            longest = max(longest, time.perf_counter() - begin)
            most = max(most, tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    print(f"{count} files, {sum(refused.values())} refused, {most / 1e6:.1f} MB at most, {longest:.2f} s at most")
    assert most < NOTHING_MUCH
    assert min(refused.values()) > 0, refused


def test_what_a_compressed_file_unpacks_to_is_bounded(tmp_path):
    many = b"\1" * (70 << 20)
    file = tmp_path / "net.params"
    file.write_bytes(gzip.compress(many))
    with pytest.raises(UnreadableFile, match="it would unpack to 67,108,865 bytes or more"):
        mxnet_params.read(file)
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo("net.params")
        member.size = len(many)
        archive.addfile(member, io.BytesIO(many))
    with pytest.raises(UnreadableFile, match="it would unpack to 73,400,320 bytes or more"):
        mxnet_params.read(file)


def test_a_damaged_archive_is_unreadable(tmp_path):
    file = tmp_path / "net.tar"
    with tarfile.open(file, "w") as archive:
        for name in ("a.txt", "net.params"):
            member = tarfile.TarInfo(name)
            member.size = 600
            archive.addfile(member, io.BytesIO(bytes(600)))
    whole = file.read_bytes()
    for kept in (1536 + 100, 1536 + 512):  # in the head of the second member, and behind it
        file.write_bytes(whole[:kept])
        with pytest.raises(UnreadableFile):
            mxnet_params.read(file)


def test_a_number_that_does_not_end_is_refused_at_once(tmp_path):
    file = tmp_path / "net.caffemodel"
    file.write_bytes(b"\x80" * 2_000_000)
    with pytest.raises(UnreadableFile, match="the number at byte 0 does not end"):
        caffe.read(file)


@pytest.mark.parametrize("dimensions", [33, 20_000])
def test_too_many_dimensions_are_refused_before_they_are_multiplied(tmp_path, dimensions):
    file = tmp_path / "net"
    shape = field(7, field(1, b"\xff\xff\xff\xff\xff\xff\xff\x7f" * dimensions))
    said = f"an array claims {dimensions} dimensions"
    file.write_bytes(field(100, field(1, b"a") + field(7, shape + field(5, bytes(4)))))
    with pytest.raises(UnreadableFile, match=said):
        caffe.read(file)
    table = {"a": {"dtype": "F32", "shape": [2**62] * dimensions, "data_offsets": [0, 4]}}
    file.write_bytes(safetensors_file(table, bytes(4)))
    with pytest.raises(UnreadableFile, match=said):
        safetensors.read(file)


@pytest.mark.parametrize("shape", [[-1, -1], [1.0], ["1"], None])
def test_a_shape_is_made_of_whole_numbers(tmp_path, shape):
    file = tmp_path / "net.safetensors"
    file.write_bytes(safetensors_file({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}, bytes(4)))
    with pytest.raises(UnreadableFile):
        safetensors.read(file)


def test_tensors_that_overlap_are_refused(tmp_path):
    file = tmp_path / "net.safetensors"
    table = {"a": [0, 8], "b": [8, 16], "c": [12, 20]}
    table = {name: {"dtype": "BF16", "shape": [4], "data_offsets": place} for name, place in table.items()}
    file.write_bytes(safetensors_file(table, bytes(20)))
    with pytest.raises(UnreadableFile, match="the tensors b and c overlap"):
        safetensors.read(file)


def test_a_shard_counts_once(tmp_path):
    model = write_tfjs(tmp_path, [fact("a", numbers(4), "float32")], shards=1)
    name = '"group1-shard1of1.bin"'
    model.write_text(model.read_text().replace(name, f"{name}, {name}"))
    with pytest.raises(UnreadableFile, match="it names a shard twice"):
        tfjs.read(model)


def tflite_by_hand(tables: int, fields: int) -> bytes:
    """A model whose one list of `tables` buffers points at one table, with `fields` fields in its list of them."""
    listed = struct.pack(f"<HH{fields}H", 4 + 2 * fields, 4, *[0] * fields)
    model = struct.pack("<I4s", 24, b"TFL3") + struct.pack("<8H", 14, 8, 0, 0, 0, 0, 4, 0)
    model += struct.pack("<iI", 16, 4)  # the root, whose only field points at the list of buffers
    end = len(model) + 4 + 4 * tables
    model += struct.pack("<I", tables)
    model += b"".join(struct.pack("<I", end + len(listed) - (len(model) + 4 * entry)) for entry in range(tables))
    return model + listed + struct.pack("<i", len(listed))


def test_lists_of_fields_are_not_copied_for_each_table(tmp_path):
    file = tmp_path / "net.tflite"
    file.write_bytes(tflite_by_hand(tables=2000, fields=30_000))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile, match="not enough values to unpack"):
            tflite.read(file)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_readers_need_no_framework():
    folder = Path(caffe.__file__).parent
    modules = [f"gluon_lessons.zoo.readers.{path.stem}" for path in folder.glob("[a-z]*.py")]
    assert len(modules) >= len(READERS)
    frameworks = {"mxnet", "torch", "caffe", "tensorflow", "flatbuffers"}
    check = f"import {', '.join(modules)}, sys; print(sorted({frameworks} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
