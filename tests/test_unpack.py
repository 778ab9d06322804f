"""Archives are data: what climbs, lies, is damaged or encrypted gets one sentence, and nothing lands outside."""

import io
import random
import shutil
import subprocess
import tarfile
import zipfile

import pytest
from packing import CONTENT, tarball, zipped
from pictures import damaged

from gluon_lessons.files import fetch, unpack

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")


@pytest.mark.parametrize("pack", [zipped, tarball], ids=["zip", "tar"])
@pytest.mark.parametrize("evil", ["../evil", "/evil", "a/../../evil", "a\\..\\evil"])
def test_one_that_climbs_out_of_its_folder_is_refused(tmp_path, pack, evil):
    archive = tmp_path / "box" / "x.bin"
    archive.parent.mkdir()
    archive.write_bytes(pack({"good": b"good", evil: b"evil"}))
    with pytest.raises(fetch.BadArchive, match="outside its folder"):
        fetch.unpack(archive, ["good"], tmp_path / "box" / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["box", "x.bin"]


def test_a_link_is_not_followed(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        link = tarfile.TarInfo("good")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (tmp_path / "x.tar").write_bytes(packed.getvalue())
    with pytest.raises(fetch.BadArchive, match="no good"):
        fetch.unpack(tmp_path / "x.tar", "good", tmp_path / "out")


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", tarball({"a": CONTENT})[:500], zipped({"a": CONTENT})[:500]],
    ids=["empty", "text", "cut tar", "cut zip"],
)
def test_a_damaged_one_is_said(tmp_path, content):
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(fetch.BadArchive, match=r"x\.tgz"):
        fetch.unpack(tmp_path / "x.tgz", "a", tmp_path / "out")


def test_a_folder_brings_all_below_it_and_nothing_beside_it(tmp_path):
    (tmp_path / "x.tgz").write_bytes(tarball({"a/1": b"1", "a/b/2": b"2", "ab": b"3"}))
    fetch.unpack(tmp_path / "x.tgz", "a/", tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"a/1", "a/b/2"}


def test_an_encrypted_zip_is_said(tmp_path):
    packed = bytearray(zipped({"a": b"secret"}))
    packed[6] |= 1  # the flag of the entry, and of the directory
    packed[packed.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(packed)
    with pytest.raises(fetch.BadArchive, match=r"x\.zip is encrypted.*without a password"):
        fetch.unpack(tmp_path / "x.zip", "a", tmp_path / "out")


def test_a_way_of_packing_that_python_lacks_is_said(tmp_path):
    packed = bytearray(zipped({"a": b"odd"}))
    packed[8] = packed[packed.index(b"PK\1\2") + 10] = 97
    (tmp_path / "x.zip").write_bytes(packed)
    with pytest.raises(fetch.BadArchive, match=r"x\.zip is encrypted or packed in a way"):
        fetch.unpack(tmp_path / "x.zip", "a", tmp_path / "out")


@needs_dpkg
@pytest.mark.parametrize("content", [b"", b"no package", b"!<arch>\ndebian-binary   0"], ids=["empty", "text", "cut"])
def test_a_damaged_debian_package_is_said(tmp_path, content, capfd):
    (tmp_path / "x.deb").write_bytes(content)
    with pytest.raises(fetch.DamagedArchive, match=r"x\.deb cannot be unpacked .*fetch it again"):
        fetch.unpack(tmp_path / "x.deb", "a", tmp_path / "out")
    assert fetch.contents(tmp_path / "x.deb") == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pack", [zipped, tarball], ids=["zip", "tar"])
def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path, pack):
    (tmp_path / "x.bin").write_bytes(pack({"a/b": b"1", "a/b/c": b"2"}))
    with pytest.raises(fetch.BadArchive, match="same place"):
        fetch.unpack(tmp_path / "x.bin", "a/", tmp_path / "out")


@pytest.mark.parametrize("pack", [zipped, tarball], ids=["zip", "tar"])
def test_an_archive_that_swells_beyond_measure_is_refused_before_it_is_unpacked(tmp_path, pack, monkeypatch):
    (tmp_path / "x.bin").write_bytes(pack({"a/1": bytes(600), "a/2": bytes(400), "b": bytes(10_000)}))
    monkeypatch.setattr(unpack, "MOST_BYTES", 999)
    with pytest.raises(fetch.BadArchive, match="would unpack to more than"):
        fetch.unpack(tmp_path / "x.bin", "a/", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(unpack, "MOST_BYTES", 1000)
    assert len(fetch.unpack(tmp_path / "x.bin", "a/", tmp_path / "out")) == 2


def test_names_are_listed_and_what_is_no_archive_has_none(tmp_path):
    file = tmp_path / "x"
    for content, names in ((zipped({"a": b"", "b/c": b""}), ["a", "b/c"]), (tarball({"./a": b""}), ["a"]), (b"x", [])):
        file.write_bytes(content)
        assert fetch.contents(file) == names


@pytest.mark.parametrize("number", [1500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_damaged_archives_never_raise_anything_else(tmp_path, number):
    chance = random.Random(14)
    members = {"a/1": CONTENT[:3000], "a/2": b"two", "b": b""}
    squeezed = io.BytesIO()
    with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    kinds = [zipped(members), squeezed.getvalue()]
    kinds += [tarball(members, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")]
    refused = 0
    for index in range(number):
        (tmp_path / "x").write_bytes(damaged(kinds[index % len(kinds)], chance))
        try:
            fetch.unpack(tmp_path / "x", ["a/", "b"], tmp_path / "out")
        except fetch.BadArchive:
            refused += 1
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert number > refused > number / 3
    assert {path.name for path in tmp_path.iterdir()} == {"x"}


@needs_dpkg
def test_damaged_debian_packages_never_raise_anything_else(tmp_path):
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    fields = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: tiny\n"
    (tree / "DEBIAN" / "control").write_text(fields)
    (tree / "a").write_bytes(CONTENT[:3000])
    command = ["dpkg-deb", "--root-owner-group", "-b", tree, tmp_path / "good.deb"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    good, chance = (tmp_path / "good.deb").read_bytes(), random.Random(14)
    assert fetch.unpack(tmp_path / "good.deb", "a", tmp_path / "out")[0].read_bytes() == CONTENT[:3000]
    refused = 0
    for _ in range(60):
        (tmp_path / "x.deb").write_bytes(damaged(good, chance))
        try:
            fetch.unpack(tmp_path / "x.deb", "a", tmp_path / "out")
        except fetch.BadArchive:
            refused += 1
    assert refused > 20
