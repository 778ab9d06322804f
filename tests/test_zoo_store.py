"""The store: weights found, fetched from the next source when one fails, verified each time, and never half there."""

import errno
import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile

import mxnet as mx
import numpy as np
import pytest
from click.testing import CliRunner
from gluoncv.model_zoo import get_model
from loopback import serving

from gluon_lessons import zoo
from gluon_lessons.cli import main as cli
from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache
from gluon_lessons.zoo import by_hand, catalogue, store
from gluon_lessons.zoo.same_layers import Misfit

NAME = "mobilenet0.25"  # small, and GluonCV's
PICTURE = mx.nd.array(np.random.default_rng(0).normal(0, 1, (1, 3, 64, 64)))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A network with random weights in the place of the trained one, and its file as the hosts would serve it."""
    folder = tmp_path_factory.mktemp("original")
    net = get_model(NAME)
    net.initialize(mx.init.Xavier())
    net.hybridize()
    net.expected = net(PICTURE).asnumpy()
    net.export(str(folder / "net"))
    net.exported = gzip.compress((folder / "net-0000.params").read_bytes(), 1)
    net.save_parameters(str(folder / "net.params"))
    net.saved = (folder / "net.params").read_bytes()
    return net


@pytest.fixture
def host():
    with serving() as host:
        yield host


def sha1(content):
    return hashlib.sha1(content).hexdigest()


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch, host, original):
    """A cache of its own, and a catalogue of one network with two sources on a host of this machine."""
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    member = f"{NAME}-{sha1(original.saved)[:8]}.params"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(member, original.saved)
    host.files |= {"net.params.gz": original.exported, f"gluon/models/{member}.zip": zipped.getvalue()}
    common = {"kind": "url", "reader": "mxnet_params"}
    facts = {
        "hosts": {"djl": host.address(""), "gluon": host.address("gluon/models/")},
        "lessons": [NAME],
        "families": {"classifier": "classify"},
        "networks": {
            NAME: {
                "family": "classifier",
                "dataset": "imagenet",
                "size": 224,
                "licence": "Apache-2.0",
                "about": "small",
                "sources": [
                    common | {"address": "djl:net.params.gz", "sha1": sha1(original.exported)},
                    common | {"address": f"gluon:{member}.zip", "member": member, "sha1": sha1(original.saved)},
                ],
            }
        },
    }
    monkeypatch.setattr(catalogue, "_data", lambda: facts)
    monkeypatch.setattr(store, "_loaded", {})
    catalogue.entry.cache_clear()
    yield facts
    catalogue.entry.cache_clear()


def models():
    return sorted(path.name for path in cache.folder("models").iterdir() if not path.name.startswith("."))


def is_the_original(network, original):
    np.testing.assert_allclose(network.net(PICTURE).asnumpy(), original.expected, rtol=1e-5, atol=1e-6)


class TestLoading:
    def test_from_the_first_source(self, original):
        network = zoo.load(NAME)
        is_the_original(network, original)
        assert "MXNet weights from http://127.0.0.1" in str(network.provenance)
        assert str(network.provenance).endswith("net.params.gz, licence Apache-2.0.")
        assert network.entry.task == "classify" and len(network.entry.classes) == 1000
        assert zoo.load(NAME.upper()) is network
        assert models() == [f"{NAME}-{network.provenance.sha1[:8]}.{kind}" for kind in ("json", "params")]
        assert not (cache.folder("models") / ".incoming" / NAME).exists()

    def test_from_a_warm_cache_without_the_host(self, original, host, monkeypatch):
        before = zoo.load(NAME)
        host.files.clear()
        monkeypatch.setattr(store, "_loaded", {})
        again = zoo.load(NAME)
        assert again is not before and again.provenance == before.provenance
        is_the_original(again, original)

    def test_a_corrupted_file_in_the_cache_is_never_loaded(self, original, monkeypatch):
        path, _ = store.obtain(NAME)
        content, times = path.read_bytes(), path.stat()
        path.write_bytes(content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert [right for *_, right in store.check()] == [False]
        is_the_original(zoo.load(NAME), original)
        assert [right for *_, right in store.check()] == [True]

    @pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"name": "x"}'])
    def test_a_corrupted_record_makes_the_file_anew(self, original, record):
        path, _ = store.obtain(NAME)
        path.with_suffix(".json").write_bytes(record)
        is_the_original(zoo.load(NAME), original)

    def test_when_the_way_changes_in_which_it_is_made_it_is_made_anew(self, world, host):
        old, _ = store.obtain(NAME)
        old_content = old.read_bytes()
        world["networks"][NAME]["sources"][0]["edition"] = 2
        catalogue.entry.cache_clear()
        asked = len(host.asked)
        assert store.find(NAME) is None
        assert store.obtain(NAME)[0].read_bytes() == old_content
        assert len(host.asked) == asked + 1

    def test_what_came_first_must_come_again(self, original, host):
        path, provenance = store.obtain(NAME)
        assert provenance.source_sha256 == hashlib.sha256(original.exported).hexdigest()
        path.write_bytes(b"damaged")
        assert store.obtain(NAME)[0].read_bytes() != b"damaged"
        record = path.with_suffix(".json")
        record.write_text(record.read_text().replace(provenance.source_sha256, "a" * 64))
        path.write_bytes(b"damaged")
        again = store.obtain(NAME)[1]
        assert ".zip" in again.origin and provenance.recipe != again.recipe  # the next source, not another file

    def test_a_source_known_in_part_says_so(self, original, world):
        sha256 = hashlib.sha256(original.exported).hexdigest()
        source = world["networks"][NAME]["sources"][0]
        del source["sha1"]
        source["sha256"] = sha256[:8]
        catalogue.entry.cache_clear()
        provenance = zoo.load(NAME).provenance
        assert "of whose SHA-256 8 of 64 digits are published" in str(provenance)
        assert provenance.source_sha256 == sha256

    def test_a_file_in_the_cache_is_not_taken_without_its_hash(self, original, world, host):
        """Nor by a hash that the store forgets to pass on."""
        source = world["networks"][NAME]["sources"][1]
        del source["sha1"]
        source["sha256"] = "0" * 64
        world["networks"][NAME]["sources"] = [source]
        catalogue.entry.cache_clear()
        (cache.folder("models") / source["member"]).write_bytes(original.saved)
        with pytest.raises(store.NoWeights, match="wrong hash"):
            zoo.load(NAME)

    def test_a_file_that_gluoncv_fetched_in_while_its_host_answered_is_used(self, original, world, host):
        host.files.clear()
        del world["networks"][NAME]["sources"][0]
        member = world["networks"][NAME]["sources"][0]["member"]
        (cache.folder("models") / member).write_bytes(original.saved)
        is_the_original(zoo.load(NAME), original)
        assert host.asked == []

    def test_an_unknown_name_gets_its_nearest(self):
        with pytest.raises(catalogue.UnknownNetwork, match=r"mobilnet0\.25.*Did you mean mobilenet0\.25"):
            zoo.load("mobilnet0.25")
        with pytest.raises(catalogue.UnknownNetwork, match="weights list"):
            zoo.load("zzz")


class TestFailing:
    def test_the_next_source_is_tried(self, original, host):
        del host.files["net.params.gz"]
        network = zoo.load(NAME)
        is_the_original(network, original)
        assert ".zip" in network.provenance.origin

    def test_a_wrong_hash_is_kept_aside_fetched_again_and_passed_over(self, original, host):
        host.files["net.params.gz"] = b"something else"
        assert ".zip" in zoo.load(NAME).provenance.origin
        assert [path for path, _ in host.asked].count("net.params.gz") == 2

    def test_all_that_was_tried_is_said_and_how_to_help(self, host):
        host.files = {"net.params.gz": b"something else"}
        with pytest.raises(store.NoWeights) as caught:
            zoo.load(NAME)
        message = str(caught.value)
        assert (
            message.index("wrong hash")
            < message.index("answered 404")
            < message.index("gluon-lessons weights import FILE")
        )
        assert models() == []
        assert list(cache.folder("models").rglob("net.params.gz.rejected"))

    def test_no_network(self, world):
        world["hosts"] |= {"djl": "http://127.0.0.1:9/", "gluon": "http://127.0.0.1:9/"}
        with pytest.raises(
            store.NoWeights, match=rf"can be reached\. Get http.*weights import FILE --as {NAME}` here\.$"
        ):
            zoo.load(NAME)
        assert models() == []

    def test_half_a_download_is_resumed_by_the_next_call(self, original, host):
        del host.files[next(path for path in host.files if path.endswith(".zip"))]
        host.cut, host.cuts_left = 1000, 3
        with pytest.raises(store.NoWeights, match="what came is kept"):
            zoo.load(NAME)
        assert models() == []
        is_the_original(zoo.load(NAME), original)
        assert ("net.params.gz", "bytes=3000-") in host.asked

    def test_a_checkpoint_with_code_in_it(self, world, host, tmp_path):
        class Evil:
            def __reduce__(self):
                return (os.system, (f"touch {tmp_path}/run",))

        content = (
            pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001) + pickle.dumps({}) + pickle.dumps({"w": Evil()})
        )
        host.files = {"net.pth": content}
        source = {"address": "djl:net.pth", "sha1": sha1(content), "reader": "torch_checkpoint"}
        world["networks"][NAME]["sources"] = [world["networks"][NAME]["sources"][0] | source]
        with pytest.raises(store.NoWeights, match="which is code and not a tensor"):
            zoo.load(NAME)
        assert not (tmp_path / "run").exists()
        assert models() == []

    def test_an_archive_that_climbs_out_of_its_folder(self, original, world, host, tmp_path):
        del host.files["net.params.gz"]
        source = world["networks"][NAME]["sources"][1]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(source["member"], original.saved)
            archive.writestr("../../../evil", b"evil")
        host.files = {path: packed.getvalue() for path in host.files}
        with pytest.raises(store.NoWeights, match="outside its folder"):
            zoo.load(NAME)
        assert not list(tmp_path.rglob("evil"))
        assert models() == []

    def test_a_file_of_another_network(self, world, host):
        other = get_model("mobilenet0.5")
        other.initialize()
        other(PICTURE)
        buffer = io.BytesIO()
        arrays = {name: value.data().asnumpy() for name, value in other.collect_params().items()}
        store.mxnet_params.write(buffer, arrays)
        host.files = {"net.params.gz": gzip.compress(buffer.getvalue(), 1)}
        world["networks"][NAME]["sources"][0]["sha1"] = sha1(host.files["net.params.gz"])
        with pytest.raises(store.NoWeights, match="has the shape"):
            zoo.load(NAME)
        assert models() == []

    def test_a_full_disk_ends_it_and_leaves_nothing(self, monkeypatch, host, original):
        def refuse(_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        really_make = store.make

        def make_on_a_full_disk(*arguments, **options):
            with monkeypatch.context() as patched:
                patched.setattr(cache.os, "fsync", refuse)
                return really_make(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(store, "make", make_on_a_full_disk)
            with pytest.raises(cache.DiskFull, match="Free some space"):
                zoo.load(NAME)
        assert models() == []
        assert len(host.asked) == 1  # another source would need as much room
        is_the_original(zoo.load(NAME), original)


TWIN = """
import json, sys
from gluon_lessons.zoo import by_hand, catalogue, store
facts = json.loads(sys.argv[1])
catalogue._data = lambda: facts
print(store.obtain(sys.argv[2])[0])
"""


def test_two_processes_at_once_fetch_once(world, host):
    command = [sys.executable, "-c", TWIN, json.dumps(world), NAME]
    twins = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {twin.communicate(timeout=120)[0] for twin in twins}
    assert [twin.returncode for twin in twins] == [0, 0]
    assert len(answers) == 1
    assert [path for path, _ in host.asked] == ["net.params.gz"]
    assert [right for *_, right in store.check()] == [True]


class TestGluonCV:
    def test_its_own_get_model_finds_the_weights(self, original):
        net = get_model(NAME, pretrained=True)
        np.testing.assert_allclose(net(PICTURE).asnumpy(), original.expected, rtol=1e-5, atol=1e-6)

    def test_in_the_folder_that_it_is_given(self, original, tmp_path, host):
        net = get_model(NAME, pretrained=True, root=str(tmp_path / "mine"))
        np.testing.assert_allclose(net(PICTURE).asnumpy(), original.expected, rtol=1e-5, atol=1e-6)
        assert list((tmp_path / "mine").glob("*.params"))
        assert models() == []

    def test_a_name_that_only_the_catalogue_has(self):
        from gluoncv.model_zoo import get_model_list

        assert {"efficientnet_lite0", "ssd_300_mobilenet1.0_voc", "deeplab_mobilenetv2_voc"} <= set(get_model_list())

    def test_what_nobody_has_is_said(self, monkeypatch):
        monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9/")
        with pytest.raises(LessonError, match=r"cifar_resnet20_v1 are not in the catalogue.*weights list"):
            get_model("cifar_resnet20_v1", pretrained=True)

    def test_its_variable_for_another_host_is_honoured(self, original, world, host, monkeypatch):
        host.files = {path: content for path, content in host.files.items() if path.startswith("gluon/")}
        world["hosts"]["gluon"] = "http://127.0.0.1:9/"
        monkeypatch.setenv("MXNET_GLUON_REPO", host.address(""))
        is_the_original(zoo.load(NAME), original)


def run(*arguments):
    return CliRunner().invoke(cli.main, ["weights", *map(str, arguments)])


class TestCommands:
    def test_list_says_for_each_task_and_network_where_its_weights_are(self, world):
        (source, _) = world["networks"][NAME]["sources"]
        package = source | {"kind": "npm", "package": "x", "version": "1", "member": "package/net.params"}
        world["networks"]["mobilenet0.5"] = world["networks"][NAME] | {"sources": [package]}
        assert [line.split("   ")[0] for line in run("list").output.splitlines()] == [
            "Classify", "  mobilenet0.5", f"  {NAME}"
        ]  # fmt: skip
        assert "by package" in run("list").output.splitlines()[1]
        assert "with the internet" in run("list").output.splitlines()[2]
        run("fetch", NAME)
        assert run("list").output.splitlines()[1].split()[:2] == [NAME, "here"]
        assert run("list", "--task", "pose").output == ""

    def test_fetch_and_where_and_check(self, host):
        assert run("where", NAME).exit_code == 1
        assert "It can come, in this order, from" in run("where", NAME).output
        assert run("fetch", "--lessons").exit_code == 0
        (path, provenance, _) = store.check()[0]
        assert run("where", NAME).output == f"{path}\n{provenance}\n"
        assert run("check").output == f"whole   {path.name}\n"
        asked = len(host.asked)
        assert run("fetch", NAME).output == f"{provenance}\n  {path}\n"
        assert len(host.asked) == asked
        path.write_bytes(b"damaged")
        damaged = run("check")
        assert damaged.exit_code == 1
        assert f"DAMAGED {path.name}" in damaged.output and f"weights fetch {NAME}" in damaged.output

    def test_fetch_says_what_failed_and_goes_on(self, host):
        answer = run("fetch", "nonsense", NAME)
        assert answer.exit_code == 1
        assert (
            "no network called 'nonsense'" in answer.output and "1 of 2 could not be fetched: nonsense" in answer.output
        )
        assert store.find(NAME)

    def test_fetch_of_nothing_asks_what(self):
        assert "say --lessons" in run("fetch").output

    def test_import_of_a_known_file(self, original, host, tmp_path):
        host.files.clear()
        brought = tmp_path / "any name"
        brought.write_bytes(original.exported)
        answer = run("import", brought)
        assert answer.exit_code == 0
        assert "any name, brought by hand, the same as from http://127.0.0.1" in answer.output
        is_the_original(zoo.load(NAME), original)

    def test_import_of_a_known_file_in_its_archive(self, original, host, tmp_path):
        brought = tmp_path / "x.zip"
        brought.write_bytes(next(content for path, content in host.files.items() if path.endswith(".zip")))
        assert run("import", brought).exit_code == 0
        is_the_original(zoo.load(NAME), original)

    def test_import_of_a_known_npm_package(self, original, world, tmp_path):
        brought = tmp_path / "x.tgz"
        with tarfile.open(brought, "w:gz") as archive:
            info = tarfile.TarInfo("package/net.params")
            info.size = len(original.saved)
            archive.addfile(info, io.BytesIO(original.saved))
        source = {"kind": "npm", "package": "x", "version": "1", "member": "package/net.params"}
        source |= {"sha256": cache.digest(brought), "reader": "mxnet_params"}
        world["networks"][NAME]["sources"].insert(0, source)
        assert "the same as from the npm package x 1" in run("import", brought).output
        is_the_original(zoo.load(NAME), original)

    def test_import_of_a_folder_takes_what_is_known(self, original, world, tmp_path):
        (tmp_path / "brought" / "deeper").mkdir(parents=True)
        (tmp_path / "brought" / "deeper" / "net").write_bytes(original.exported)
        (tmp_path / "brought" / "read me.txt").write_text("words")
        answer = run("import", tmp_path / "brought")
        assert answer.exit_code == 0 and answer.output.count("brought by hand, the same as from") == 1
        is_the_original(zoo.load(NAME), original)

    def test_import_of_a_folder_on_a_persons_word(self, original, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        answer = run("import", folder)
        assert answer.exit_code == 1 and "mine holds none of the files" in answer.output
        mx.nd.save(
            str(folder / "mine.params"), {name: value.data() for name, value in original.collect_params().items()}
        )
        assert run("import", folder, "--as", NAME).exit_code == 0
        is_the_original(zoo.load(NAME), original)
        (folder / "other.params").write_bytes(b"more")
        answer = run("import", folder, "--as", NAME)
        assert answer.exit_code == 1 and "mine holds mine.params and other.params: name one" in answer.output

    def test_import_of_an_unknown_file_needs_a_word(self, original, tmp_path):
        brought = tmp_path / "mine.params"
        mx.nd.save(str(brought), {name: value.data() for name, value in original.collect_params().items()})
        answer = run("import", brought)
        assert answer.exit_code == 1 and "weights import mine.params --as NAME" in answer.output
        assert run("import", brought, "--as", NAME).exit_code == 0
        network = zoo.load(NAME)
        is_the_original(network, original)
        assert "mine.params, brought by hand" in str(network.provenance) and "licence unknown" in str(
            network.provenance
        )

    @pytest.mark.parametrize("shape", [(3,), (3, 3, 3, 3), (24, 24)])
    def test_a_converter_that_meets_other_shapes_is_one_sentence(self, world, tmp_path, monkeypatch, shape):
        supplied = tmp_path / "mine.params"
        mx.nd.save(str(supplied), {"weight": mx.nd.ones(shape)})
        world["networks"][NAME]["sources"][0]["converter"] = "made_here"
        catalogue.entry.cache_clear()

        class Module:
            build = staticmethod(lambda classes, *_: get_model(NAME, classes=len(classes)))

            @staticmethod
            def convert(tensors):
                turned = tensors["weight"].transpose(3, 2, 0, 1)
                return dict.fromkeys(get_model(NAME)._collect_params_with_prefix(), turned)

        monkeypatch.setattr(store, "_network_module", lambda name: Module)
        with pytest.raises(store.NoWeights, match=r"mine\.params does not hold .*: its tensors"):
            by_hand.take(supplied, NAME)

    def test_import_of_what_does_not_fit(self, tmp_path):
        brought = tmp_path / "mine.params"
        mx.nd.save(str(brought), {"weight": mx.nd.ones(3)})
        with pytest.raises(Misfit):
            by_hand.take(brought, NAME)
        (tmp_path / "mine.txt").write_bytes(b"words")
        assert "endings of a weight file" in run("import", tmp_path / "mine.txt", "--as", NAME).output
        assert models() == []
