"""Exercises: every check answers one of three things, whatever it is given: not attempted, a hint, or correct.

The checks of a lesson lie beside its notebook, in `notebooks/checks/`, and are imported from here:
`from gluon_lessons.course.check import lesson_01`. Each is a function that looks at an answer and returns None when it
is right, or the hint that fits the mistake:

    @exercise("Correct. A batch comes first.")
    def shape_of_a_batch(answer):
        if answer == (224, 224, 3):
            return "That is one photograph. Where does the number of photographs go?"
        ...

A check may take for granted that its answer is of the right kind: what goes wrong with any other becomes a hint here.
"""

import functools
import inspect
import reprlib
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gluon_lessons.course import copies, progress
from gluon_lessons.course.progress import CORRECT, HINT, NOT_ATTEMPTED

LONGEST_HINT = 500  # characters
ELEMENTS_LOOKED_AT = 10_000  # when looking for a `...` that is left in an answer
_looked_at: ContextVar[tuple[str, Any]] = ContextVar("looked_at")  # how a sentence about it begins, and the value
OURS = (Path(__file__).parents[2], copies.CHECKS, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
NOT_THE_LEARNERS = (*map(str, OURS), "<")

__path__.append(str(copies.CHECKS))  # where the lessons' checks are imported from


@dataclass(frozen=True)
class Verdict:
    """What a check thinks of an answer: its state, and the sentence that the learner reads."""

    state: str
    message: str


class Check(Protocol):
    """What `exercise` makes of a function: calling it prints a verdict, `verdict` returns it."""

    __name__: str
    verdict: Callable[[Any], Verdict]

    def __call__(self, answer: Any) -> None: ...


class Blank(Exception):
    """The learner has not written an answer yet: a `...` still stands."""


class Mistake(Exception):
    """There is no answer that could be looked at; the message is the hint."""


def exercise(praise: str) -> Callable[[Callable[[Any], str | None]], Check]:
    """Turn `mark(answer) -> hint or None` into a check that prints a verdict; `praise` says why right is right."""

    def decorate(mark: Callable[[Any], str | None]) -> Check:
        def verdict(answer: Any) -> Verdict:
            _looked_at.set(("Your answer is", answer))
            try:
                hint = mark(_plain(answer))
            except Blank:
                return Verdict(NOT_ATTEMPTED, "Not attempted yet. Replace the ... by your answer, then run the cell.")
            except Mistake as mistake:
                hint = str(mistake)
            except (Exception, SystemExit) as error:
                hint = _hint_for(error)
            return Verdict(CORRECT, praise) if hint is None else Verdict(HINT, _shortened(f"Not yet. {hint}"))

        @functools.wraps(mark)
        def check(answer: Any) -> None:
            said = verdict(answer)
            lesson = mark.__module__.rpartition("gluon_lessons.course.check.lesson_")[2]
            progress.record(lesson, mark.__name__, said.state, said.message)
            print(said.message)

        check.verdict = verdict  # type: ignore[attr-defined]
        return check  # type: ignore[return-value]

    return decorate


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what the learner's function answers; an untouched stub or an error ends the check at once."""
    if not callable(function):
        raise Mistake(f"Hand over the function itself, without calling it; yours is {_kind(function)}.")
    _check_signature(function, arguments)
    try:
        answer = function(*arguments)
    except (Exception, SystemExit) as error:
        raise Mistake(f"Your function stopped with {_said(error)}") from error
    if answer is None:
        raise Mistake("Your function returns None. Is there a return at its end?")
    _looked_at.set(("Your function returns", answer))
    return _plain(answer)


# ---- what an answer may be


def _plain(answer: Any) -> Any:
    """Return the answer as checks want it: a scalar of NumPy's as Python's; refuse what has no content to look at."""
    if _has_dots(answer):
        raise Blank
    if isinstance(answer, np.generic) or (isinstance(answer, np.ndarray) and answer.ndim == 0):
        return answer.item()
    if inspect.iscoroutine(answer):
        answer.close()
        raise Mistake("Your function has not begun to run: write def without async.")
    if isinstance(answer, Iterator):
        raise Mistake(
            f"{_looked_at.get()[0]} {_kind(answer)}, which can be read only once: make a list of it, list(...)."
        )
    if getattr(answer, "size", None) == 0 and hasattr(answer, "shape"):
        raise Mistake(f"{_looked_at.get()[0]} an empty array, of shape {answer.shape}.")
    return answer


def _has_dots(answer: Any) -> bool:
    """True when a `...` is left anywhere in an answer made of tuples, lists, sets and dictionaries."""
    waiting, looked_at = [answer], 0
    while waiting and looked_at < ELEMENTS_LOOKED_AT:
        value = waiting.pop()
        looked_at += 1
        if value is ...:
            return True
        if type(value) in (tuple, list, set):
            waiting.extend(value if len(value) < ELEMENTS_LOOKED_AT else list(value)[:ELEMENTS_LOOKED_AT])
        elif type(value) is dict:
            waiting.extend(list(value.values())[:ELEMENTS_LOOKED_AT])
    return False


def _check_signature(function: Callable[..., Any], arguments: tuple) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # what is written in C often has none
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise Mistake(f"Keep the first line of the function as it was given; calling it stops with {error}.") from error


# ---- what goes wrong


def _hint_for(error: BaseException) -> str:
    """Return the hint for an error that a check did not expect: in the learner's code, or over a wrong kind of answer.

    Errors in a learner's code come here when a check calls it by another way than `call`, such as a layer's `forward`.
    """
    if _learners_line(error) is not None:
        return f"Your code stopped with {_said(error)}"
    subject, value = _looked_at.get()
    return f"{subject} {_kind(value)}, {_shown(value)}: the exercise asks for something of another kind."


def _said(error: BaseException) -> str:
    """Return an error's kind, its first line, and where in the learner's code it came from."""
    name = type(error).__name__
    try:
        lines = str(error).splitlines()
    except Exception:
        lines = []
    # MXNet's messages begin with a traceback through its own source.
    words = next((line.removeprefix(f"{name}: ") for line in lines if line[:1].strip() and line[:9] != "Traceback"), "")
    line = _learners_line(error)
    where = f" (line {line.lineno}: {line.line[:100]})" if line is not None and line.line else ""
    return f"{name}: {words}"[:250].rstrip(": ") + where


def _learners_line(error: BaseException) -> traceback.FrameSummary | None:
    """Return the last line of the learner's code that an error passed through."""
    stack = traceback.extract_tb(error.__traceback__, limit=-200)
    return next((frame for frame in reversed(stack) if not frame.filename.startswith(NOT_THE_LEARNERS)), None)


def _kind(value: Any) -> str:
    """Name the type of a value with its article: an int, a list."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _shown(value: Any) -> str:
    """Return a value as Python writes it, in one short line."""
    try:
        return " ".join(reprlib.repr(value).split())[:80]
    except Exception:
        return "which cannot be shown"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_HINT else f"{text[: LONGEST_HINT - 4]} ..."
