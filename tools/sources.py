"""Fetch from every source on the internet, and show which serve what was published.

    python tools/sources.py [NAME...]

Each network is made anew from each of its sources, in a cache that is thrown away; the data sets likewise. NAME is the
beginning of what to try, such as `resnet` or `cifar10`. All of it is 15 GB; without the internet every row says so.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gluon_lessons import cifar, datasets
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue, store

UNREACHABLE = "cannot be reached"
ROW = "{:<34} {:<46} {:>6}  {}"


def checks() -> dict[tuple[str, str], Callable[[Path], object]]:
    """What to try, by name and host: a function of an empty folder that fails with a sentence."""
    tries = {}
    for entry in catalogue.entries():
        for source in entry.sources:
            if not source.package:
                tries[entry.name, urlsplit(source.address).netloc] = _weights(entry, source)
    for name, sources in cifar.SOURCES.items():
        for addresses in sources:
            tries[name, urlsplit(addresses[0]).netloc] = _cifar(name, addresses)
    for name, folder, hashes in (
        ("fashion_mnist", "fashmnist", datasets.FASHION_SHA256),
        ("mnist", "mnist", datasets.MNIST_SHA256),
    ):
        tries[name, urlsplit(datasets.DJL).netloc] = datasets._from_djl(folder, hashes)
    return tries


def attempt(check: Callable[[Path], object]) -> tuple[float, str]:
    """The seconds that a try took, and what went wrong, if anything did."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(Path(folder))
        except LessonError as error:
            complaint = str(error).splitlines()[0]
            return time.monotonic() - started, UNREACHABLE if UNREACHABLE in complaint else complaint
    return time.monotonic() - started, ""


def main(names: list[str]) -> int:
    wrong = tried = 0
    print(ROW.format("what", "from", "s", "result"))
    for (name, host), check in checks().items():
        if names and not name.startswith(tuple(names)):
            continue
        seconds, complaint = attempt(check)
        tried, wrong = tried + 1, wrong + bool(complaint)
        print(ROW.format(name, host, f"{seconds:.0f}", complaint or "as published"), flush=True)
    print(f"{tried - wrong} of {tried} sources serve what was published.")
    return 1 if wrong else 0


def _weights(entry, source):
    def check(folder: Path):
        path = store.fetch_source(entry, source, folder)
        store.make(entry, source, path, folder, str(source))

    return check


def _cifar(name, addresses):
    return lambda folder: cifar.fetch(name, (addresses,), folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
