"""Fetch what the lessons and the tests need, so that both then run with the network off.

    python tools/fetch.py

What is there and whole is left alone, without a word; a broken download goes on.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from tqdm import tqdm

from gluon_lessons import datasets, photos
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue, store

DATA_SETS = {"fashion_mnist": datasets.fashion_mnist, "mnist": datasets.mnist, "solar_cells": datasets.solar_cells}
SLOW = 2  # seconds; what takes longer was not there, and is worth a line


def main() -> int:
    tasks = what_to_fetch()
    failures: list[str] = []
    with (
        ThreadPoolExecutor(4) as pool,
        tqdm(total=len(tasks), desc="what lessons need", disable=None, leave=False) as bar,
    ):
        running = {pool.submit(run, task): what for what, task in tasks.items()}
        for future in as_completed(running):
            seconds, error = future.result()
            if error:
                failures.append(f"{running[future]}: {error}")
            elif seconds > SLOW:
                tqdm.write(f"Fetched: {running[future]} ({seconds:.0f} s).", file=sys.stderr)
            bar.update()
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        print(f"{len(failures)} of {len(tasks)} could not be fetched; the same command goes on.", file=sys.stderr)
    return 1 if failures else 0


def what_to_fetch() -> dict[str, tuple]:
    """Return what lessons need, each with the function that fetches it and its arguments."""
    weights = {f"weights of {name}": (store.obtain, name) for name in catalogue.lessons()}
    pictures = {f"photograph {name}": (photos.path, name) for name in photos.names() + photos.names(video=True)}
    return weights | pictures | {f"data set {name}": (fetch,) for name, fetch in DATA_SETS.items()}


def run(task: tuple) -> tuple[float, LessonError | None]:
    """Return how long it took, and what kept it from being done."""
    function, *names = task
    started = time.monotonic()
    try:
        function(*names)
    except LessonError as error:
        return time.monotonic() - started, error
    return time.monotonic() - started, None


if __name__ == "__main__":
    sys.exit(main())
