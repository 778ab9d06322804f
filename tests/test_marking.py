"""Marks: they are the checks' own, a notebook that means harm costs its own, and nothing is lost or counted twice."""

import csv
import inspect
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from lessons import NOTEBOOKS, ROOT, hygiene
from wrong_answers import lesson_03 as wrong

from gluon_lessons.course.check import lesson_03
from gluon_lessons.course.progress import CORRECT, HINT, NOT_ATTEMPTED
from teaching import marking, sandbox

pytestmark = [
    pytest.mark.skipif(not sandbox.available(), reason="This kernel cannot shut in a process."),
    pytest.mark.timeout(600),
]
LESSON = NOTEBOOKS / "03-convolution.ipynb"
NAMES = [name for name in vars(lesson_03) if hasattr(getattr(lesson_03, name), "verdict")]


def hand_in(path, answers, more=""):
    """Store a copy of lesson 03 in which exercises are answered by code; `more` goes into a cell of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(LESSON, as_version=4)
    for cell in hygiene.code_cells(notebook):
        for name, answer in answers.items():
            if "exercise" in hygiene.tags(cell) and f"check.{name}(" in cell.source:
                cell.source = f"{answer}\ncheck.{name}({name})"
    first = next(index for index, cell in enumerate(notebook.cells) if "exercise" in hygiene.tags(cell))
    if more:
        notebook.cells.insert(first, nbformat.v4.new_code_cell(more))
    nbformat.write(notebook, path)


def solution(name):
    notebook = nbformat.read(LESSON, as_version=4)
    [cell] = [c for c in notebook.cells if "exercise" in hygiene.tags(c) and f"check.{name}(" in c.source]
    return hygiene.solution_of(notebook, cell).replace(f"check.{name}({name})", "")


def random_answer(name, chance):
    """Return code that answers an exercise, and the state that its check gives it."""
    kind = chance.choice([CORRECT, HINT, NOT_ATTEMPTED])
    if kind == CORRECT:
        return solution(name), CORRECT
    if kind == NOT_ATTEMPTED:
        return f"{name} = ...", NOT_ATTEMPTED
    number = chance.randrange(len(wrong.WRONG_ANSWERS[name]))
    answer = wrong.WRONG_ANSWERS[name][number][0]
    code = f"{inspect.getsource(wrong)}\n{name} = WRONG_ANSWERS[{name!r}][{number}][0]"
    return code, getattr(lesson_03, name).verdict(answer).state


def states(result):
    return {one["name"]: one["state"] for one in result.verdicts if not one["name"].startswith("question ")}


def class_of(folder, copies, seed):
    """Hand in copies with random answers; return the state that each exercise must get, by student."""
    chance, expected = random.Random(seed), {}
    for number in range(copies):
        answers = {name: random_answer(name, chance) for name in NAMES}
        hand_in(folder / f"student-{number:02}" / LESSON.name, {name: code for name, (code, _) in answers.items()})
        expected[f"student-{number:02}"] = {name: state for name, (_, state) in answers.items()}
    return expected


def test_marks_are_those_of_the_checks(tmp_path):
    expected = class_of(tmp_path, 3, seed=1)
    hand_in(tmp_path / "03-convolution-ada.ipynb", {}, more='quiz.ask("03", 1, "b")\nquiz.ask("03", 2, "b")')
    results = {result.student: result for result in marking.mark(tmp_path, tmp_path / "marks")}
    assert {student: states(results[student]) for student in expected} == expected
    ada = results["ada"]
    assert (ada.count("exercises"), ada.count("questions"), ada.note) == ((0, 4), (1, 6), "")
    with (tmp_path / "marks" / "marks.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert len(rows) == 4
    for student, wanted in expected.items():
        assert int(rows[student]["exercises correct"]) == sum(state == CORRECT for state in wanted.values())
        [page] = (tmp_path / "marks").glob(f"{student}-*.html")
        assert page.read_text(encoding="utf-8").count("<tr><td>") == 10


def test_a_second_call_marks_only_what_is_new(tmp_path, monkeypatch):
    hand_in(tmp_path / "ada" / LESSON.name, {})
    hand_in(tmp_path / "bob" / LESSON.name, {})
    marked = []

    def mark_one(path, folder, seconds):
        marked.append(path.parent.name)
        return marking.Result(path.parent.name, str(path))

    monkeypatch.setattr(marking, "mark_one", mark_one)
    marking.mark(tmp_path, tmp_path / "marks")
    hand_in(tmp_path / "bob" / LESSON.name, {"slide": "slide = 3"})
    hand_in(tmp_path / "eve" / LESSON.name, {})
    results = marking.mark(tmp_path, tmp_path / "marks")
    assert sorted(marked) == ["ada", "bob", "bob", "eve"]
    assert [result.student for result in results] == ["ada", "bob", "eve"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', "[" * 100_000, "\0" * 100])
def test_a_broken_notebook_costs_its_own_mark(tmp_path, content):
    (tmp_path / "03-convolution-ada.ipynb").write_text(content)
    [result] = marking.mark(tmp_path, tmp_path / "marks")
    assert (result.student, result.verdicts) == ("ada", [])
    assert result.note == "It is no notebook that can be read."


ENDLESS = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
ENDING = {  # each ends its own process
    "filling": "for number in range(100_000):\n    open(f'{number}', 'wb').write(bytes(40 << 20))",
    "piping": "import os\nos.mkfifo('verdicts.jsonl')",
}
REFUSED = {  # what is tried, and the error that it ends in; the notebook goes on
    "hungry": ("hoard = np.ones(50_000_000_000, dtype='uint8')", "MemoryError"),
    "forking": ("while True:\n    os.fork()", "PermissionError"),
    "deleting": ("shutil.rmtree(victim, ignore_errors=True)\nos.remove(victim + '/precious')", "PermissionError"),
    "calling": ("socket.create_connection(('127.0.0.1', port)).sendall(b'secret')", "PermissionError"),
    "killing": ("os.kill(os.getppid(), signal.SIGKILL)", "PermissionError"),
    "reading": ("open(victim + '/precious').read()", "PermissionError"),
}
TRIES = """
import os, shutil, signal, socket
victim, port, ended = {victim!r}, {port}, {{}}
for name, code in {attacks!r}.items():
    try:
        exec(code)
    except BaseException as error:
        ended[name] = type(error).__name__
raise RuntimeError(ended)
"""


def test_a_notebook_without_end_is_ended_though_it_stops_every_error(tmp_path, monkeypatch):
    hand_in(tmp_path / "endless" / LESSON.name, {}, more=ENDLESS)
    monkeypatch.setattr(marking, "CELL_SECONDS", 5)
    [result] = marking.mark(tmp_path, tmp_path / "marks", seconds=20)
    assert result.note == "It was ended after 20 seconds."


def test_hostile_notebooks_harm_nothing(tmp_path):
    import socket

    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    (tmp_path / "class").mkdir()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    attacks = {name: code for name, (code, _) in REFUSED.items()}
    tries = TRIES.format(victim=str(victim), port=listener.getsockname()[1], attacks=attacks)
    good = {"find_kernel": solution("find_kernel")}
    for name, code in (ENDING | {"trying": tries, "honest": ""}).items():
        hand_in(tmp_path / "class" / name / LESSON.name, good, more=code)
    before = len(list(Path("/proc").iterdir()))
    results = {one.student: one for one in marking.mark(tmp_path / "class", tmp_path / "marks")}
    assert states(results["honest"]) == dict.fromkeys(NAMES, NOT_ATTEMPTED) | {"find_kernel": CORRECT}
    assert (victim / "precious").read_text() == "mine"
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()
    assert len(list(Path("/proc").iterdir())) < before + 100
    notes = {name: result.note for name, result in results.items()}
    assert notes["filling"] == "It was ended because it wrote too much."
    expected = {name: error for name, (_, error) in REFUSED.items()}
    assert notes["trying"] == f"RuntimeError: {expected}"
    assert states(results["trying"])["find_kernel"] == CORRECT, "what a notebook does well still counts"


def test_what_was_marked_before_a_kill_is_not_lost(tmp_path):
    expected = class_of(tmp_path / "class", 4, seed=2)
    code = "from gluon_lessons.cli.main import main; main()"
    command = [sys.executable, "-c", code, "mark", str(tmp_path / "class")]
    kept = tmp_path / "class" / "marks" / "results"
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 300
    while not (kept.exists() and list(kept.glob("*.json"))) and time.monotonic() < until:
        assert first.poll() is None
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert 1 <= len(done) < 4
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300).returncode == 0
    assert done.items() <= {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}.items()
    results = [marking.Result(**json.loads(path.read_text())) for path in kept.glob("*.json")]
    assert {result.student: states(result) for result in results} == expected
    with (tmp_path / "class" / "marks" / "marks.csv").open(encoding="utf-8") as file:
        assert [row["student"] for row in csv.DictReader(file)] == sorted(expected)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_forty_copies_are_marked_in_ten_minutes(tmp_path):
    expected = class_of(tmp_path, 40, seed=3)
    started = time.monotonic()
    results = marking.mark(tmp_path, tmp_path / "marks")
    print(f"{time.monotonic() - started:.0f} s")
    assert time.monotonic() - started < 600
    assert {result.student: states(result) for result in results} == expected


@pytest.mark.parametrize(
    ("name", "student"),
    [("ada/03-convolution.ipynb", "ada"), ("03-convolution-ada.ipynb", "ada"), ("ada_03-convolution.ipynb", "ada"),
     ("ada.ipynb", "ada"), ("03-convolution.ipynb", "03-convolution")],
)  # fmt: skip
def test_a_student_is_known_by_the_folder_or_the_file(name, student):
    assert marking._student(Path("/class") / name, Path("/class")) == student


def test_no_spreadsheet_takes_a_name_for_a_formula():
    assert marking._plain("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert marking._plain("ada") == "ada"
