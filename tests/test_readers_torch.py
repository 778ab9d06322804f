"""PyTorch's checkpoints: tensors come back, and nothing in a file is run, hashed or copied without bounds."""

import functools
import io
import os
import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from weight_files import Storage, Tensor, numbers, same, torch_stand_ins, write_old, write_zip

from gluon_lessons.zoo.readers import UnreadableFile, torch_checkpoint


@pytest.fixture
def torch_names():
    with torch_stand_ins() as torch:
        yield torch


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


@pytest.mark.parametrize(
    ("module", "name"),
    [("torch", "load"), ("os", "FloatStorage"), ("torch._utils", "OrderedDict"), ("collections", "Counter")],
)
def test_torch_names_count_only_together_with_their_module(module, name):
    unpickler = torch_checkpoint._Unpickler(io.BytesIO(f"c{module}\n{name}\n.".encode()))
    with pytest.raises(torch_checkpoint.RefusedFile, match=f"{module}.{name}, which is code"):
        unpickler.load()


@pytest.mark.parametrize(("key", "size"), [(None, 2), (b"0", 2), ("0", "2"), ("0", 2.0)])
def test_torch_storages_have_a_name_and_a_size(key, size):
    kind = torch_checkpoint._StorageType("FloatStorage")
    unpickler = torch_checkpoint._Unpickler(io.BytesIO())
    assert unpickler.persistent_load(("storage", kind, 0, "cpu", 2)) == ("FloatStorage", "0", 2)
    with pytest.raises(TypeError, match="no name or no size"):
        unpickler.persistent_load(("storage", kind, key, "cpu", size))


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


@pytest.mark.parametrize("write", [write_zip, write_old])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("f8", "Double"), ("f4", "Float"), ("f2", "Half"), ("i8", "Long"), ("i4", "Int"), ("i2", "Short"), ("i1", "Char"),
     ("u1", "Byte"), ("?", "Bool")],
)  # fmt: skip
def test_torch_storages_of_every_kind(tmp_path, torch_names, write, kind, name):
    storage = Storage(f"{name}Storage", "0", numbers(6, kind=kind))
    write(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (6,), (1,))}, torch_names, [storage])
    same(torch_checkpoint.read(tmp_path / "weights.pth"), {"a": storage.values})


def test_torch_tensors_without_numbers(tmp_path, torch_names):
    storage = Storage("FloatStorage", "0", numbers(2))
    write_zip(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (0, 5), (5, 1))}, torch_names, [storage])
    assert torch_checkpoint.read(tmp_path / "weights.pth")["a"].shape == (0, 5)


def test_torch_file_with_big_end_first_or_two_tables_is_refused(tmp_path, torch_names):
    storage = Storage("FloatStorage", "0", numbers(2))
    for name, content, said in (
        ("weights/byteorder", "big", "big end first"),
        ("more/data.pkl", "", "it holds 2 tables of tensors"),
    ):
        write_zip(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (2,), (1,))}, torch_names, [storage])
        with zipfile.ZipFile(tmp_path / "weights.pth") as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        with zipfile.ZipFile(tmp_path / "weights.pth", "w") as archive:
            for member, bytes_ in (members | {name: content}).items():
                archive.writestr(member, bytes_)
        with pytest.raises(UnreadableFile, match=said):
            torch_checkpoint.read(tmp_path / "weights.pth")


@pytest.mark.parametrize(("place", "value"), [(0, 1), (1, 1002)])
def test_torch_file_of_the_old_form_begins_with_its_numbers(tmp_path, torch_names, place, value):
    storage, numbers_ = Storage("FloatStorage", "0", numbers(2)), [0x1950A86A20F9469CFC6C, 1001]
    write_old(tmp_path / "weights.pth", {"a": Tensor(storage, 0, (2,), (1,))}, torch_names, [storage])
    right = pickle.dumps(numbers_[place], 2)
    whole = (tmp_path / "weights.pth").read_bytes()
    (tmp_path / "weights.pth").write_bytes(whole.replace(right, pickle.dumps(value, 2), 1))
    with pytest.raises(UnreadableFile, match="its first bytes are not a checkpoint's"):
        torch_checkpoint.read(tmp_path / "weights.pth")


def test_torch_parameters_are_tensors_too(tmp_path, torch_names):
    storage = Storage("FloatStorage", "0", numbers(2))

    class Parameter:
        def __reduce__(self):
            return sys.modules["torch._utils"]._rebuild_parameter, (Tensor(storage, 0, (2,), (1,)), True, {})

    write_zip(tmp_path / "weights.pth", OrderedDict(a=Parameter()), torch_names, [storage])
    same(torch_checkpoint.read(tmp_path / "weights.pth"), {"a": storage.values})


# Pickles by hand: what follows cannot be built in Python, since building it takes as long as reading it would.
DEEP = b")" + b"2\x86" * 60  # tuples that hold each other twice: to hash them, or write them out, takes 2 ** 60 steps
NAME, ONE, TWO = b"X\x01\0\0\0a", b"K\x01", b"K\x02"


def by_hand(key=NAME, value=None, storage_key=NAME, offset=b"K\0", shape=TWO + b"\x85", strides=ONE + b"\x85"):
    storage = b"(" + NAME + b"ctorch\nFloatStorage\n" + storage_key + NAME + TWO + b"tQ"
    return b"\x80\2}" + key + (value or tensor(storage, offset, shape, strides)) + b"s."


def tensor(storage, offset=b"K\0", shape=TWO + b"\x85", strides=ONE + b"\x85"):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + strides + b"\x89}tR"


def zipped(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", content)
        archive.writestr("weights/data/a", numbers(2).tobytes())
    return path


def test_a_pickle_by_hand_is_read(tmp_path):
    same(torch_checkpoint.read(zipped(tmp_path / "weights.pth", by_hand())), {"a": numbers(2)})


@pytest.mark.parametrize(
    "content",
    [
        by_hand(key=DEEP),
        by_hand(key=b"K\0"),
        by_hand(value=b"ccollections\nOrderedDict\n(]" + DEEP + ONE + b"\x86atR"),
        by_hand(value=b"(" + DEEP + ONE + b"d"),
        by_hand(value=b"\x8f(" + DEEP + b"\x90"),
        by_hand(value=b"(" + DEEP + b"\x91"),
        by_hand(storage_key=DEEP),
        by_hand(value=tensor(DEEP)),
        by_hand(offset=DEEP),
        by_hand(shape=DEEP + b"\x85"),
        by_hand(shape=b"K\0J\xff\xff\xff\x7f\x86", strides=ONE + DEEP + b"\x86"),
    ],
    ids=["key", "number", "pair", "dict", "set", "frozenset", "storage key", "storage", "offset", "shape", "stride"],
)
def test_torch_file_that_would_be_hashed_or_written_out_for_ever(tmp_path, content):
    with pytest.raises(UnreadableFile):
        torch_checkpoint.read(zipped(tmp_path / "weights.pth", content))


def test_a_pickle_cannot_alter_how_the_next_file_is_read(tmp_path):
    for name in (b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n"):
        state = b"N}X\x0c\0\0\0__defaults__N\x85sX\x0b\0\0\0__setitem__Ns\x86b"
        with pytest.raises(UnreadableFile):
            torch_checkpoint.read(zipped(tmp_path / "weights.pth", by_hand(value=name + state)))
        same(torch_checkpoint.read(zipped(tmp_path / "weights.pth", by_hand())), {"a": numbers(2)})


def test_many_tensors_of_one_storage_stay_within_bounds(tmp_path, torch_names):
    storage = Storage("FloatStorage", "0", numbers(100_000))
    for count, fits in ((100, True), (200, False)):
        table = OrderedDict((str(index), Tensor(storage, 0, (100_000,), (1,))) for index in range(count))
        write_zip(tmp_path / "weights.pth", table, torch_names, [storage])
        if fits:
            assert len(torch_checkpoint.read(tmp_path / "weights.pth")) == count
        else:
            with pytest.raises(UnreadableFile, match="it would unpack to 67,200,000 bytes or more"):
                torch_checkpoint.read(tmp_path / "weights.pth")


def test_a_member_that_unpacks_to_far_more_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", by_hand())
        archive.writestr("weights/data/a", bytes(70 << 20))
    with pytest.raises(UnreadableFile, match="it would unpack to 73,400"):
        torch_checkpoint.read(tmp_path / "weights.pth")
