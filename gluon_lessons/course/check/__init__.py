"""The marking room: every exercise answers with one of three things: not attempted, a hint that fits, or correct.

A lesson's exercises live in a module of their own, `gluon_lessons.course.check.lesson_01` and so on. Each is a function
that looks at an answer and returns None when it is right, or the hint that fits the mistake:

    @exercise("Correct. A batch comes first.")
    def shape_of_a_batch(answer):
        if answer == (224, 224, 3):
            return "That is one photograph. Where does the number of photographs go?"
        ...
"""

import functools
from dataclasses import dataclass

NOT_ATTEMPTED = "not attempted"
HINT = "hint"
CORRECT = "correct"


@dataclass(frozen=True)
class Verdict:
    """What a check thinks of an answer: its state, and the sentence that the learner reads."""

    state: str
    message: str


class Blank(Exception):
    """The learner has not written an answer yet: the `...` still stands."""


class Mistake(Exception):
    """The learner's function did not give an answer at all; the message is the hint."""


def exercise(praise):
    """Turn `mark(answer) -> hint or None` into a check that prints a verdict; `praise` says why right is right."""

    def decorate(mark):
        def verdict(answer):
            if answer is ...:
                return Verdict(NOT_ATTEMPTED, "Not attempted yet. Replace the ... by your answer, then run the cell.")
            try:
                hint = mark(answer)
            except Blank:
                return Verdict(NOT_ATTEMPTED, "Not attempted yet. Replace the ... by your code, then run the cell.")
            except Mistake as mistake:
                hint = str(mistake)
            return Verdict(CORRECT, praise) if hint is None else Verdict(HINT, f"Not yet. {hint}")

        @functools.wraps(mark)
        def check(answer):
            print(verdict(answer).message)

        check.verdict = verdict
        return check

    return decorate


def call(function, *arguments):
    """Return what the learner's function answers; an untouched stub or an error ends the marking at once."""
    if not callable(function):
        raise Mistake(f"Hand over the function itself, without calling it; this is a {type(function).__name__}.")
    try:
        answer = function(*arguments)
    except Exception as error:
        raise Mistake(f"Your function stopped with {type(error).__name__}: {error}") from error
    if answer is ...:
        raise Blank
    if answer is None:
        raise Mistake("Your function returns None. Is there a return at its end?")
    return answer
