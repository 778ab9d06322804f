"""The errand: says what it fetched and what it could not, and nothing where all is there."""

import time

import fetch as errand
import pytest
from lessons import ROOT  # noqa: F401  (puts the tools on the path)

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue


def have(name):
    pass


def bring(name):
    time.sleep(0.3)


def fail(name):
    raise LessonError(f"The registry of {name} cannot be reached.")


@pytest.mark.parametrize(
    ("tasks", "code", "said"),
    [
        ({"photograph cat": (have, "cat"), "data set mnist": (have, "mnist")}, 0, ""),
        ({"photograph cat": (have, "cat"), "data set mnist": (bring, "mnist")}, 0, "Fetched: data set mnist (0 s).\n"),
        (
            {"photograph cat": (fail, "cat"), "data set mnist": (have, "mnist")},
            1,
            "photograph cat: The registry of cat cannot be reached.\n"
            "1 of 2 could not be fetched; the same command goes on.\n",
        ),
    ],
)
def test_what_was_fetched_and_what_was_not_is_said(monkeypatch, capsys, tasks, code, said):
    monkeypatch.setattr(errand, "PATIENCE", 0.1)
    monkeypatch.setattr(errand, "errands", lambda: tasks)
    assert errand.main() == code
    assert capsys.readouterr() == ("", said)


def test_it_brings_each_network_of_the_lessons_each_photograph_and_each_video():
    names = [name for _, *names in errand.errands().values() for name in names]
    assert set(names) == {*catalogue.lessons(), *photos.names(), *photos.names(video=True)}
