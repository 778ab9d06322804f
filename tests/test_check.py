"""Exercises: three states, and a hint for every mistake that learners make."""

import importlib

import nbformat
import pytest
from lessons import LESSONS, check_module, exercise_names

from gluon_lessons.course.check import CORRECT, HINT, NOT_ATTEMPTED, call, exercise


@exercise("Correct. Two and two.")
def four(answer):
    return None if answer == 4 else "Count again."


@exercise("Correct. It doubles.")
def doubled(function):
    return None if call(function, 3) == 6 else "Try it with 3."


def test_a_blank_answer_is_not_attempted():
    assert four.verdict(...).state == NOT_ATTEMPTED
    assert doubled.verdict(lambda number: ...).state == NOT_ATTEMPTED


def test_a_wrong_answer_gets_the_hint(capsys):
    assert four.verdict(5).state == HINT
    four(5)
    assert capsys.readouterr().out == "Not yet. Count again.\n"


def test_a_right_answer_gets_the_reason(capsys):
    assert four.verdict(4).state == CORRECT
    assert four(4) is None, "a cell that ends with a check must not show a value"
    assert capsys.readouterr().out == "Correct. Two and two.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (6, "Hand over the function itself"),
        (lambda number: None, "returns None"),
        (lambda number: number / 0, "ZeroDivisionError"),
        (lambda: 6, "TypeError"),
    ],
)
def test_a_function_that_gives_no_answer_is_told_why(answer, hint):
    verdict = doubled.verdict(answer)
    assert verdict.state == HINT
    assert hint in verdict.message


CHECKS = [(path, name) for path in LESSONS for name in exercise_names(path)]


@pytest.mark.parametrize(("path", "name"), CHECKS, ids=[f"{path.stem}-{name}" for path, name in CHECKS])
def test_each_exercise_rejects_the_usual_mistakes_with_a_hint_of_its_own(path, name):
    check = getattr(check_module(path), name)
    wrong = importlib.import_module(f"wrong_answers.{check_module(path).__name__.rpartition('.')[2]}").WRONG_ANSWERS
    assert check.verdict(...).state == NOT_ATTEMPTED
    assert len(wrong[name]) >= 3
    for answer, fragment in wrong[name]:
        verdict = check.verdict(answer)
        assert verdict.state == HINT, f"a wrong answer passes, or counts as blank: {answer}"
        assert fragment in verdict.message
    assert len({fragment for _, fragment in wrong[name]}) >= 3, "three different mistakes get three different hints"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_exercise_of_a_lesson_is_left_unused(path):
    source = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    module = check_module(path)
    for name in vars(module):
        if hasattr(getattr(module, name), "verdict"):
            assert f"check.{name}(" in source
