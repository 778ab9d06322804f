"""The sample pictures: their titles, licences and sources, and what a person counted in them."""

import difflib
import functools
import importlib.resources
import json
from dataclasses import dataclass

import yaml

from gluon_lessons.photos.errors import PhotoError

VIDEOS = (".mp4", ".avi")


@dataclass(frozen=True)
class Photo:
    """A sample photograph or video; `people` is how many people a person counted in it (a mapping, frame by frame)."""

    name: str
    title: str
    licence: str
    source: str
    people: int | dict[int, int] | None
    is_video: bool
    has_truth: bool


def names(*, video: bool = False, truth: bool = False) -> list[str]:
    """The names of the sample photographs; of the videos; of the photographs whose truth is known."""
    photos = (about(name) for name in entries())
    return [photo.name for photo in photos if photo.is_video == video and (photo.has_truth or not truth)]


def about(name: str) -> Photo:
    """Title, source and licence of a sample."""
    facts = entry(name)
    return Photo(
        name=name,
        title=facts["title"],
        licence=facts["licence"],
        source=title(facts["sources"][0]),
        people=facts.get("people"),
        is_video=file_name(facts).endswith(VIDEOS),
        has_truth="truth" in facts or name in outlines(),
    )


def entries() -> dict[str, dict]:
    """What catalogue.yaml says of each sample."""
    return _data()["photos"]


def packages() -> dict[str, dict]:
    """How each package that samples come from is fetched."""
    return _data()["packages"]


@functools.cache
def outlines() -> dict[str, list[dict]]:
    """The objects that were outlined by hand for this course, photograph by photograph."""
    return json.loads((importlib.resources.files("gluon_lessons.photos") / "outlines.json").read_text())


def entry(name: str) -> dict:
    """What the catalogue says of one sample, or which names are near."""
    if name not in entries():
        close = difflib.get_close_matches(str(name), entries(), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else "photos.names() lists them."
        raise PhotoError(f"There is no sample photograph {name!r}. {hint}")
    return entries()[name]


def file_name(facts: dict) -> str:
    """The name of a sample's file at its first source."""
    source = facts["sources"][0]
    return source.get("file") or source["url"]


def title(source: dict) -> str:
    """A source in words."""
    if "url" in source:
        return source["url"]
    recipe = packages()[source["package"]]
    kind = {"installed": "Python package", "pip": "Python package", "apt": "Debian package"}[recipe["kind"]]
    version = f" {recipe['version']}" if "version" in recipe else ""
    return f"{kind} {source['package']}{version}"


@functools.cache
def _data() -> dict:
    return yaml.safe_load((importlib.resources.files("gluon_lessons.photos") / "catalogue.yaml").read_text())
