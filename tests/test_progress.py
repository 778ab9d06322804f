"""Progress: verdicts are kept by the name of the check, the best one counts, and nothing that fails stops a lesson."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gluon_lessons.course import progress, quiz
from gluon_lessons.course.check import lesson_02
from gluon_lessons.course.progress import CORRECT, HINT, NOT_ATTEMPTED


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file in which verdicts are kept."""
    monkeypatch.setenv(progress.SETTING, str(tmp_path / "progress.jsonl"))
    return tmp_path / "progress.jsonl"


def states():
    return {key: entry.state for key, entry in progress.read().items()}


def test_a_check_records_its_verdict_under_its_name(kept):
    lesson_02.parameters_of_a_dense_layer(...)
    assert states() == {("02", "parameters_of_a_dense_layer"): NOT_ATTEMPTED}
    lesson_02.parameters_of_a_dense_layer(224 * 224 * 1000)
    assert states() == {("02", "parameters_of_a_dense_layer"): HINT}
    assert "three numbers per pixel" in progress.read()["02", "parameters_of_a_dense_layer"].message
    lesson_02.parameters_of_a_dense_layer(150_529_000)
    assert states() == {("02", "parameters_of_a_dense_layer"): CORRECT}


def test_a_question_answered_with_a_letter_is_recorded(kept):
    quiz.ask("03", 1, "a")
    assert states() == {("03", "question 1"): HINT}
    quiz.ask("03", 1, "b")
    assert states() == {("03", "question 1"): CORRECT}
    quiz.ask("03", 2, "zebra")
    assert len(states()) == 1


def test_the_best_verdict_counts_and_of_several_hints_the_latest(kept):
    for state, message in ((HINT, "one"), (HINT, "two"), (NOT_ATTEMPTED, "")):
        progress.record("01", "x", state, message)
    assert progress.read()["01", "x"].message == "two"
    progress.record("01", "x", CORRECT, "yes")
    progress.record("01", "x", HINT, "three")
    assert states() == {("01", "x"): CORRECT}
    before = kept.read_bytes()
    progress.record("01", "x", CORRECT, "yes")
    assert kept.read_bytes() == before, "running a lesson again adds nothing"


def test_a_line_that_was_cut_short_costs_itself_only(kept):
    progress.record("01", "x", CORRECT)
    progress.record("01", "y", HINT)
    text = kept.read_text()
    kept.write_text(text[:-20] + "\n" + '{"lesson": 1}\n"text"\n' + '{"lesson": "", "name": "", "state": "perfect"}\n')
    assert states() == {("01", "x"): CORRECT}


def test_a_disk_that_cannot_be_written_to_stops_no_lesson(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(progress.SETTING, str(tmp_path / "nowhere" / "progress.jsonl"))
    lesson_02.parameters_of_a_dense_layer(...)
    assert capsys.readouterr().out.startswith("Not attempted yet.")


def test_it_is_kept_nowhere_when_it_is_off_or_there_are_no_copies(tmp_path, monkeypatch):
    monkeypatch.setenv(progress.SETTING, "off")
    assert progress.file() is None
    monkeypatch.delenv(progress.SETTING)
    monkeypatch.setattr(progress, "COPIES", tmp_path / "my-lessons")
    assert progress.file() is None
    (tmp_path / "my-lessons").mkdir()
    assert progress.file() == tmp_path / "my-lessons" / progress.FILE


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Two lessons with two exercises and a question each, and one without."""
    for number, name in (("01", "one"), ("02", "two"), ("03", "three")):
        asked = [f'quiz.ask("{number}", 1)', "check.first(a)", "x = 1\ncheck.second(b)"] if number != "03" else ["1"]
        cells = [new_markdown_cell(f"# {number}. Lesson {name}"), *(new_code_cell(source) for source in asked)]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{number}-{name}.ipynb")
    monkeypatch.setattr(progress, "ORIGINALS", tmp_path)


def test_the_report_counts_names_what_is_next_and_explains_the_mistakes(kept, course, capsys):
    progress.show()
    assert capsys.readouterr().out.strip() == progress.report() == progress.NOTHING
    progress.record("01", "first", CORRECT, "Correct.")
    progress.record("02", "second", HINT, "Not yet. Count both sides.")
    assert progress.report().splitlines() == [
        "1 of 6 exercises and questions are correct.",
        "",
        "  01       1 of 3  Lesson one",
        "  02       0 of 3  Lesson two",
        "",
        "To be mended:",
        "  Lesson 02, second: Not yet. Count both sides.",
        "",
        "Next: question 1 of lesson 01, Lesson one.",
    ]
    progress.show()
    assert capsys.readouterr().out.startswith("1 of 6 exercises and questions are correct. `")
    for number in ("01", "02"):
        for name in ("question 1", "first", "second"):
            progress.record(number, name, CORRECT)
    assert progress.report().splitlines()[0] == "6 of 6 exercises and questions are correct."
    assert "Next" not in progress.report()
