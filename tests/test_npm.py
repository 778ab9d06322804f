"""Files of npm packages: the real client against a registry on this machine."""

import base64
import hashlib
import json
import os
import shutil

import pytest
from loopback import serving
from packing import CONTENT, sha256, tarball

from gluon_lessons.files import cache, fetch, packages

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def host():
    with serving() as host:
        yield host


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
        self.archive_sha256 = sha256(packed)

    def test_several_files_are_fetched_once_and_again_when_one_is_corrupted(self, host):
        wanted = ["package/m/model.json", "package/m/"]
        model, folder = fetch.npm("tiny-weights", "1.2.3", wanted, self.archive_sha256)
        assert (model.read_bytes(), (folder / "shard1").read_bytes()) == (b"{}", CONTENT)
        asked = len(host.asked)
        assert fetch.npm("tiny-weights", "1.2.3", wanted, self.archive_sha256) == [model, folder]
        assert len(host.asked) == asked
        (folder / "shard1").write_bytes(b"damaged")
        assert fetch.npm("tiny-weights", "1.2.3", wanted, self.archive_sha256) == [model, folder]
        assert (folder / "shard1").read_bytes() == CONTENT

    def test_another_file_of_the_same_package_leaves_the_first_in_place(self):
        first = fetch.npm("tiny-weights", "1.2.3", "package/m/shard1", self.archive_sha256)
        fetch.npm("tiny-weights", "1.2.3", "package/m/model.json", self.archive_sha256)
        record = json.loads((first.parents[2] / packages.RECORD).read_text())
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
            fetch.npm("tiny-weights", "1.2.3", "package/good", self.archive_sha256)
        assert not list(tmp_path.rglob("evil"))

    def test_what_is_not_there_is_said(self, monkeypatch):
        with pytest.raises(fetch.FetchError, match=r"No matching version found for tiny-weights@9"):
            fetch.npm("tiny-weights", "9.0.0", "package/m/", self.archive_sha256)
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
        with pytest.raises(fetch.NoNetwork, match="registry cannot be reached"):
            fetch.npm("tiny-weights", "1.2.3", "package/m/", self.archive_sha256)
