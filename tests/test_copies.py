"""A learner's own copies: an update brings what is new and leaves alone what was worked on."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gluon_lessons.course import copies


@pytest.fixture
def course(tmp_path):
    """The originals, the copies, and a way to store a notebook in either."""
    originals, own = tmp_path / "notebooks", tmp_path / "my-lessons"
    originals.mkdir()

    def store(folder, name, source, printed="", **metadata):
        outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
        notebook = new_notebook(cells=[new_code_cell(source, outputs=outputs, id="one")], metadata=metadata)
        nbformat.write(notebook, folder / name)

    return originals, own, store


def source(path):
    return nbformat.read(path, as_version=4).cells[0].source


def test_each_lesson_is_copied_once(course):
    originals, own, store = course
    store(originals, "01-a.ipynb", "1")
    store(originals, "02-b.ipynb", "2")
    assert copies.update(originals, own) == copies.Update(new=["01-a.ipynb", "02-b.ipynb"])
    assert copies.update(originals, own) == copies.Update()
    assert (own / "01-a.ipynb").read_bytes() == (originals / "01-a.ipynb").read_bytes()


def test_an_update_renews_what_was_not_touched_and_leaves_alone_what_was(course):
    originals, own, store = course
    for name in ("01-a.ipynb", "02-b.ipynb", "03-c.ipynb"):
        store(originals, name, "old", printed="old\n")
    copies.update(originals, own)
    store(own, "01-a.ipynb", "mine", printed="old\n")
    store(own, "02-b.ipynb", "old", printed="mine\n")
    store(own, "03-c.ipynb", "old", printed="old\n", language_info={"name": "python", "version": "3.12"})  # opened only
    assert copies.update(originals, own) == copies.Update(), "without news nothing is done, and nothing said"
    for name in ("01-a.ipynb", "02-b.ipynb", "03-c.ipynb", "04-d.ipynb"):
        store(originals, name, "new")
    done = copies.update(originals, own)
    assert done == copies.Update(["04-d.ipynb"], ["03-c.ipynb"], ["01-a.ipynb", "02-b.ipynb"])
    assert [source(own / f"{name}.ipynb") for name in ("01-a", "02-b", "03-c", "04-d")] == ["mine", "old", "new", "new"]
    assert copies.update(originals, own).left_alone == ["01-a.ipynb", "02-b.ipynb"], "it is said each time"


def test_a_copy_that_equals_the_new_version_is_no_work(course):
    originals, own, store = course
    store(originals, "01-a.ipynb", "old")
    copies.update(originals, own)
    store(originals, "01-a.ipynb", "new")
    store(own, "01-a.ipynb", "new")
    assert copies.update(originals, own) == copies.Update()
    store(originals, "01-a.ipynb", "newer")
    assert copies.update(originals, own).renewed == ["01-a.ipynb"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "[1]", '{"01-a.ipynb": 3}'])
def test_without_its_record_a_copy_counts_as_work(course, damage):
    originals, own, store = course
    store(originals, "01-a.ipynb", "old")
    copies.update(originals, own)
    (own / copies.RECORD).write_text(damage)
    store(originals, "01-a.ipynb", "new")
    assert copies.update(originals, own).left_alone == ["01-a.ipynb"]


@pytest.mark.parametrize("damaged", ["", "{", "null", '{"cells": [{"source": "my work"}]}'])
def test_a_damaged_copy_is_left_alone_too(course, damaged):
    originals, own, store = course
    store(originals, "01-a.ipynb", "old")
    copies.update(originals, own)
    store(originals, "01-a.ipynb", "new")
    (own / "01-a.ipynb").write_text(damaged)
    assert copies.update(originals, own).left_alone == ["01-a.ipynb"]
    assert (own / "01-a.ipynb").read_text() == damaged
