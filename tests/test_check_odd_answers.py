"""Exercises, given what nobody asked for: every one answers not attempted or a hint, and never an error or praise."""

import asyncio
import itertools

import numpy as np
import pytest
from lessons import LESSONS, check_module, exercise_names
from mxnet import nd
from mxnet.gluon import nn

from gluon_lessons.course.check import CORRECT, HINT, NOT_ATTEMPTED


class Unfriendly:
    """An object that refuses to be compared, printed, counted or walked through."""

    def _refuse(self, *_):
        raise RuntimeError("no")

    __eq__ = __repr__ = __len__ = __iter__ = __bool__ = __float__ = __array__ = __getitem__ = __hash__ = _refuse


def cyclic():
    itself = [1, 2]
    itself.append(itself)
    return itself


# By name, made anew for each use: a generator can be walked through only once.
VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "zero": lambda: 0,
    "negative": lambda: -1,
    "huge integer": lambda: 10**400,
    "fraction": lambda: 0.123456,
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "complex": lambda: 1 + 2j,
    "empty text": lambda: "",
    "text": lambda: "somewhere",
    "digits": lambda: "42",
    "bytes": lambda: b"\xff\x00",
    "numpy integer": lambda: np.int64(-7),
    "numpy float": lambda: np.float32(0.3),
    "numpy nan": lambda: np.float32("nan"),
    "numpy bool": lambda: np.bool_(False),
    "date": lambda: np.datetime64("2026-01-01"),
    "empty tuple": tuple,
    "empty list": list,
    "empty dictionary": dict,
    "empty set": set,
    "pair": lambda: (1, 2),
    "four texts": lambda: ("a", "b", "c", "d"),
    "four numbers": lambda: (-1, -2, -3, -4),
    "nested": lambda: [[1, [2, "x"]], None],
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "many": lambda: [0] * 100_000,
    "list of None": lambda: [None, None],
    "list of itself": cyclic,
    "dictionary": lambda: {"a": None, 3: [..., "b"]},
    "dictionary of four": lambda: {"a": [], "b": {}, "c": None, "d": 4},
    "range": lambda: range(3),
    "dots in a tuple": lambda: (32, ..., 224, 224),
    "dots in a pair": lambda: (..., [1, ...]),
    "dots within lists": lambda: [[1, ...], [...]],
    "empty array": lambda: np.zeros((0,)),
    "number in an array": lambda: np.array(-3.5),
    "vector": lambda: np.array([1.0, -2.0, 3.0]),
    "array of nan": lambda: np.full((2, 3), np.nan),
    "array of objects": lambda: np.array([None, "a"], dtype=object),
    "array of texts": lambda: np.array([["a", "b"], ["c", "d"]]),
    "array of five axes": lambda: np.zeros((1, 2, 1, 2, 1)),
    "photograph": lambda: np.zeros((4, 4, 3), np.uint8),
    "NDArray": lambda: nd.zeros((2, 3)),
    "number in an NDArray": lambda: nd.array([-3.5]),
    "NDArray of nan": lambda: nd.full((2,), float("nan")),
    "generator": lambda: (number for number in range(3)),
    "endless": itertools.count,
    "map": lambda: map(str, [1, 2]),
    "module": lambda: itertools,
    "class": lambda: dict,
    "layer": lambda: nn.Dense(2),
    "layers": nn.HybridSequential,
    "exception": lambda: ValueError("wrong"),
    "object": object,
    "unfriendly": Unfriendly,
}


def fail(error):
    raise error


async def later(*_):
    await asyncio.sleep(0)


def steps(*_):
    yield 1


# What stands where a function, or a class, is asked for.
FUNCTIONS = {
    "no arguments": lambda: 1,
    "seven arguments": lambda a, b, c, d, e, f, g: 1,
    "names only": lambda *, size: 1,
    "itself": lambda: FUNCTIONS["itself"],
    "endless recursion": lambda *words: FUNCTIONS["endless recursion"](*words),
    "asynchronous": later,
    "yields": steps,
    "exits": lambda *_: fail(SystemExit(3)),
    "asserts": lambda *_: fail(AssertionError()),
    "stops an iteration": lambda *_: fail(StopIteration()),
    "several lines": lambda *_: fail(RuntimeError("first line\nsecond line\n" * 100)),
    "unprintable": lambda *_: fail(ValueError(Unfriendly())),
    "gives back what came": lambda *words: words,
    "gives back the first": lambda first=None, *_: first,
    "built in": len,
    "type": int,
    "numpy": np.sum,
}

CHECKS = [(path, name) for path in LESSONS for name in exercise_names(path)]


def odd_answers():
    for name, make in VALUES.items():
        yield name, make()
        yield f"function that returns: {name}", lambda *_, make=make: make()
    for name, function in FUNCTIONS.items():
        yield f"function: {name}", function


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("path", "name"), CHECKS, ids=[f"{path.stem}-{name}" for path, name in CHECKS])
def test_an_odd_answer_gets_a_hint_or_counts_as_not_attempted(path, name):
    check = getattr(check_module(path), name)
    wrong = []
    for kind, answer in odd_answers():
        try:
            verdict = check.verdict(answer)
        except (Exception, SystemExit) as error:
            wrong.append(f"{kind}: {type(error).__name__}")
            continue
        if verdict.state == CORRECT:
            wrong.append(f"{kind}: correct")
        if verdict.state == HINT and not 10 < len(verdict.message) < 700:
            wrong.append(f"{kind}: a message of {len(verdict.message)} characters")
        if kind.startswith("dots") and verdict.state != NOT_ATTEMPTED:
            wrong.append(f"{kind}: {verdict.message[:100]}")
    assert not wrong, "\n".join([f"{len(wrong)} of them:", *wrong])
