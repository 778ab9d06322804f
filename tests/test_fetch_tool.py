"""tools/fetch.py says what it fetched and what it could not, and nothing where all is there."""

import time

import fetch as tool
import pytest

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import catalogue


def has(name):
    pass


def fetch(name):
    time.sleep(0.3)


def fail(name):
    raise LessonError(f"The registry of {name} cannot be reached.")


@pytest.mark.parametrize(
    ("tasks", "code", "said"),
    [
        ({"photograph cat": (has, "cat"), "data set mnist": (has, "mnist")}, 0, ""),
        ({"photograph cat": (has, "cat"), "data set mnist": (fetch, "mnist")}, 0, "Fetched: data set mnist (0 s).\n"),
        (
            {"photograph cat": (fail, "cat"), "data set mnist": (has, "mnist")},
            1,
            "photograph cat: The registry of cat cannot be reached.\n"
            "1 of 2 could not be fetched; the same command goes on.\n",
        ),
    ],
)
def test_what_was_fetched_and_what_was_not_is_said(monkeypatch, capsys, tasks, code, said):
    monkeypatch.setattr(tool, "SLOW", 0.1)
    monkeypatch.setattr(tool, "what_to_fetch", lambda: tasks)
    assert tool.main() == code
    assert capsys.readouterr() == ("", said)


def test_it_fetches_each_network_of_the_lessons_each_photograph_and_each_video():
    names = [name for _, *names in tool.what_to_fetch().values() for name in names]
    assert set(names) == {*catalogue.lessons(), *photos.names(), *photos.names(video=True)}
