"""One local cloud for all tests of a run, in a folder of its own."""

import os

import pytest

from gluon_lessons import cloud as room


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """Connect to a cloud of the tests' own, and leave nothing behind."""
    before = dict(os.environ)
    os.environ["GLUON_LESSONS_CLOUD"] = str(tmp_path_factory.mktemp("cloud"))
    os.environ.pop("GLUON_LESSONS_AWS", None)
    try:
        yield room.connect()
    finally:
        room.stop()
        os.environ.clear()
        os.environ.update(before)
