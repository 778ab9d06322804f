"""`make sources`: every source on the internet is tried, and the table says what each serves."""

import gzip
import hashlib

import mxnet as mx
import pytest
import sources as tool
from gluoncv.model_zoo import get_model
from loopback import serving

from gluon_lessons import cifar, datasets
from gluon_lessons.zoo import catalogue

CHECKS = tool.checks()


@pytest.mark.network
@pytest.mark.parametrize("source", CHECKS, ids="-".join)
def test_a_source_serves_what_was_published(source):
    assert tool.attempt(CHECKS[source])[1] == ""


def test_every_source_with_an_address_is_tried():
    addresses = {
        (entry.name, source.address.split("/")[2])
        for entry in catalogue.entries()
        for source in entry.sources
        if source.kind == "url"
    }
    data = {name for name, _ in CHECKS} - {name for name, _ in addresses}
    assert addresses == {source for source in CHECKS if source[0] not in data}
    assert data == {"cifar10", "cifar100", "fashion_mnist", "mnist"}


def test_the_table_tells_right_from_wrong_and_unreachable(monkeypatch, tmp_path, capsys):
    net = get_model("mobilenet0.25")
    net.initialize()
    net(mx.nd.zeros((1, 3, 224, 224)))
    net.save_parameters(str(tmp_path / "net.params"))
    content = (tmp_path / "net.params").read_bytes()
    entry = catalogue.entry("mobilenet0.25")
    with serving() as host:
        host.files["right.params"], host.files["wrong.params"] = content, gzip.compress(b"another")
        addresses = host.address("right.params"), host.address("wrong.params"), "http://127.0.0.1:9/net.params"
        checks = {
            ("mobilenet0.25", address): tool._weights(
                entry,
                catalogue.Source(
                    kind="url", reader="mxnet_params", address=address, sha1=hashlib.sha1(content).hexdigest()
                ),
            )
            for address in addresses
        }
        monkeypatch.setattr(tool, "checks", lambda: checks)
        assert tool.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("as published")
    assert "wrong hash" in lines[2] and "cannot be reached" in lines[3]
    assert lines[4] == "1 of 3 sources serve what was published."


def test_data_sets_are_tried_alone(monkeypatch, capsys):
    monkeypatch.setattr(datasets, "DJL", "http://127.0.0.1:9")
    unreachable = dict.fromkeys(cifar.SOURCES, (("http://127.0.0.1:9/x.tar.gz",),))
    monkeypatch.setattr(cifar, "SOURCES", unreachable)
    assert tool.main(["cifar", "mnist"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["cifar10", "cifar100", "mnist"]
    assert lines[-1] == "0 of 3 sources serve what was published."
