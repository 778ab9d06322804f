"""Exercises: three states, and a hint for every mistake that learners make."""

import importlib

import nbformat
import numpy as np
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
        (lambda: 6, "Keep the first line of the function as it was given"),
        (lambda number: iter([6]), "make a list of it"),
    ],
)
def test_a_function_that_gives_no_answer_is_told_why(answer, hint):
    verdict = doubled.verdict(answer)
    assert verdict.state == HINT
    assert hint in verdict.message


def test_an_error_names_the_line_that_it_came_from():
    def halves(number):
        return number / 0

    line = halves.__code__.co_firstlineno + 1
    assert doubled.verdict(halves).message.endswith(
        f"ZeroDivisionError: division by zero (line {line}: return number / 0)"
    )


def test_an_error_in_code_that_a_check_calls_later_is_told_as_the_learners():
    @exercise("Correct. It grows.")
    def grows(make):
        return None if call(make).step(1) == 2 else "It should grow."

    class Stuck:
        def step(self, number):
            raise IndexError("past the end")

    verdict = grows.verdict(Stuck)
    assert verdict.state == HINT
    assert "Your code stopped with IndexError: past the end" in verdict.message


def test_an_answer_of_another_kind_is_named():
    check = importlib.import_module("gluon_lessons.course.check.lesson_02").exactly_one
    verdict = check.verdict(4.5)
    assert verdict.state == HINT
    assert "Your answer is a float, 4.5: the exercise asks for something of another kind." in verdict.message
    assert check.verdict(([[1, ...]], [1])).state == NOT_ATTEMPTED


def test_numbers_of_numpys_are_as_good_as_pythons():
    check = importlib.import_module("gluon_lessons.course.check.lesson_02").parameters_of_a_dense_layer
    assert check.verdict(np.int64(150_529_000)).state == CORRECT
    assert doubled.verdict(lambda number: np.array(6)).state == CORRECT


def test_a_stop_by_the_person_is_not_a_hint():
    def stopped(number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        doubled.verdict(stopped)


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
