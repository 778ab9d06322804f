"""The errand: fetches what the lessons and the tests need, so that both then run with the network off.

    python tools/fetch.py

What is there and whole is left alone; a broken download goes on.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from gluon_lessons import datasets, photos
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue, store

DATA_SETS = {"fashion_mnist": datasets.fashion_mnist, "mnist": datasets.mnist, "solar_cells": datasets.solar_cells}


def main():
    errands = [(f"weights of {name}", store.obtain, name) for name in catalogue.lessons()]
    errands += [(f"photograph {name}", photos.path, name) for name in photos.names() + photos.names(video=True)]
    with ThreadPoolExecutor(4) as pool:
        running = [(what, pool.submit(fetch, name)) for what, fetch, name in errands]
        running += [(f"data set {name}", pool.submit(fetch)) for name, fetch in DATA_SETS.items()]
        failures = [f"{what}: {failure}" for what, future in running if (failure := _failure(future))]
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        print(f"{len(failures)} of {len(running)} could not be fetched; the same command goes on.", file=sys.stderr)
    return 1 if failures else 0


def _failure(future):
    try:
        future.result()
    except LessonError as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(main())
