"""Editions for a class: the student's holds no solution, the instructor's all of them, with hints that checks give."""

import re

import nbformat
import pytest
from lessons import LESSONS, NOTEBOOKS, exercise_names, hygiene

from teaching import handout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    handout.write(folder)
    return folder


def read(path):
    return nbformat.read(path, as_version=4)


def prose(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_every_notebook_is_in_both_editions_and_whole(written):
    names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    for edition in ("student", "instructor"):
        assert sorted(path.name for path in (written / edition).iterdir()) == names
        for name in names:
            nbformat.validate(read(written / edition / name))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_student_gets_every_exercise_and_no_solution(written, path):
    original, made = read(path), read(written / "student" / path.name)
    text = "\n".join(cell.source for cell in made.cells)
    for cell in original.cells:
        if "exercise" in hygiene.tags(cell):
            assert cell.source in text
            assert hygiene.solution_of(original, cell) not in text
    assert "<summary>Solution" not in text


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_an_instructor_gets_solutions_timing_and_hints(written, path):
    text = prose(written / "instructor" / path.name)
    names = exercise_names(path)
    assert text.count("**Solution**") == len(names)
    assert "<summary>Solution" not in text
    assert re.search(r"\*\*For who teaches\*\*: .* minutes in all", text)
    assert text.count("**Wrong answers that are known") == len(names)
    assert text.count("Not yet. ") >= 3 * len(names), "three wrong answers, each with the hint that its check gives"


def test_a_known_wrong_answer_stands_beside_its_hint(written):
    row = "| `lambda box: box(spot())` | Not yet. Your kernel is turned by half a turn."
    assert row in prose(written / "instructor" / "03-convolution.ipynb")
