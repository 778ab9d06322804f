"""The catalogue: every entry is complete, every source pinned and hashed, the lessons' weights come by package name."""

import re

import pytest
from gluoncv.model_zoo.model_store import _model_sha1

from gluon_lessons.zoo import catalogue

ENTRIES = {entry.name: entry for entry in catalogue.entries()}
SOURCES = [(entry.name, source) for entry in ENTRIES.values() for source in entry.sources]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_complete(name):
    entry = ENTRIES[name]
    sizes = {"imagenet": {1000}, "ucf101": {101}, "cifar10": {10}, "voc": {20, 21}, "coco": {80, 17}}
    assert len(entry.classes) in sizes[entry.dataset]
    assert len(set(entry.classes)) >= len(entry.classes) - 2  # ImageNet has two cranes and two maillots
    assert entry.about and entry.licence and entry.sources
    if entry.published:
        assert 0 < entry.published.value < 1


@pytest.mark.parametrize(("name", "source"), SOURCES)
def test_a_source_is_pinned_and_hashed(name, source):
    if source.kind == "url":
        assert source.address.startswith("https://") and not source.package
    else:
        assert source.kind in ("pip", "npm") and source.package and source.version and source.member
    assert re.fullmatch("[0-9a-f]{40}", source.sha1) or re.fullmatch("[0-9a-f]{8}|[0-9a-f]{64}", source.sha256)
    assert len(source.sha256) != 8 or f"-{source.sha256}." in source.address  # the publisher's own, in the name
    if source.member.endswith(".params"):
        assert source.sha1 == _model_sha1[name]
    assert source.licence


def test_no_two_sources_of_a_network_are_the_same():
    for entry in ENTRIES.values():
        assert len({source.recipe for source in entry.sources}) == len(entry.sources), entry.name


def test_what_the_lessons_need_comes_by_package_name():
    assert {ENTRIES[name].task for name in catalogue.lessons()} == {"classify", "detect", "segment", "pose"}
    for name in catalogue.lessons():
        assert ENTRIES[name].sources[0].kind in ("pip", "npm")
        assert len(ENTRIES[name].sources[0].sha256) == 64


def test_a_name_may_be_in_capitals():
    assert catalogue.entry("ResNet50_v1") == catalogue.entry("resnet50_v1")


def test_an_address_is_whole_or_begins_with_a_known_host(monkeypatch):
    facts = {"kind": "url", "reader": "mxnet_params", "sha256": "0" * 64}
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    for given, whole in (
        ("timm:x.pth", catalogue._data()["hosts"]["timm"] + "x.pth"),
        ("https://example.org/x.params", "https://example.org/x.params"),
    ):
        assert catalogue._source(facts | {"address": given}, {"licence": "MIT"}).address == whole
