"""The stored notebooks: what each must be, that every solution is correct, and that the tool stores them whole.

The comparison of outputs, cell by cell, is nbval's: `make test` runs it after these.
"""

import configparser
import re
import subprocess
import sys

import nbformat
import pytest
from lessons import LESSONS, ROOT, hygiene
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebooks

ALL = notebooks.in_order()


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_it_passes_the_inspection(path):
    assert hygiene.inspect(path) == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_it_is_stored_in_the_normal_form(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebooks.as_text(notebooks.normalise(notebook)) == path.read_text(encoding="utf-8")


def test_navigation_lines_and_lesson_tables_are_up_to_date():
    for path, text in notebooks.generated().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make notebooks`"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_solution_earns_correct(path):
    """Run the setup, the cells that exercises need, and the solutions in place of the exercises."""
    notebook = nbformat.read(path, as_version=4)
    kept = []
    for cell in hygiene.code_cells(notebook):
        if "exercise" in hygiene.tags(cell):
            kept.append(new_code_cell(hygiene.solution_of(notebook, cell), metadata={"tags": ["exercise"]}))
        elif hygiene.tags(cell) & {"setup", "needed"}:
            kept.append(new_code_cell(cell.source))
    solved = new_notebook(cells=kept)
    notebooks.execute(solved, path)
    for cell in solved.cells:
        if "exercise" in hygiene.tags(cell):
            printed = "".join(hygiene.text_of(output) for output in cell.outputs)
            assert "Correct." in printed, f"{cell.source}\n\nanswers: {printed}"


def test_the_sanitize_file_is_read_as_it_is_written():
    text = (ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8")
    written = re.findall(r"^regex: (.*)\nreplace: ?(.*)$", text, re.MULTILINE)
    rules = configparser.RawConfigParser()
    rules.read_string(text)
    read = [(rules.get(name, "regex"), rules.get(name, "replace")) for name in rules.sections()]
    assert read == written
    assert len(read) == text.count("regex:")
    assert not re.search(r"^replace:$", text, re.MULTILINE), "nbval drops a rule whose replacement is empty"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course folder for the tool to work in."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text("Before\n<!-- lessons -->\n<!-- /lessons -->\nAfter\n")

    def store(name, *cells):
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        opening = f"# {name[:2]}. Lesson {name}\n\n**Time** 7 minutes\n\n**Needs** a photograph"
        head = [new_markdown_cell("", metadata={"tags": ["navigation"]}), new_markdown_cell(opening)]
        nbformat.write(new_notebook(cells=head + list(cells)), path)
        return path

    return store


def test_refreshing_twice_stores_the_same_bytes(course):
    path = course("01-one", new_code_cell("print(6 * 7)"), new_code_cell("6 * 7"))
    assert notebooks.main(["refresh"]) == 0
    once = path.read_bytes()
    assert notebooks.main(["refresh", "01"]) == 0
    assert path.read_bytes() == once
    assert b"execution_count" in once
    assert b"iopub" not in once


def test_navigation_and_table_follow_the_order_of_the_course(course):
    for name in ("glossary", "02-two", "appendix-table", "01-one"):
        course(name)
    notebooks.main(["refresh"])
    [middle] = [path for path in notebooks.in_order() if path.stem == "02-two"]
    line = nbformat.read(middle, as_version=4).cells[0].source
    assert line.index("01. Lesson 01-one") < line.index("Contents") < line.index("Lesson appendix-table")
    readme = (notebooks.ROOT / "README.md").read_text()
    assert "| [01. Lesson 01-one](notebooks/01-one.ipynb) | 7 | a photograph |" in readme
    assert readme.startswith("Before\n")
    assert readme.endswith("After\n")


def test_a_failing_cell_leaves_the_stored_notebook_as_it_was(course, capsys):
    path = course("01-one", new_code_cell("print(1)"), new_code_cell("1 / 0"))
    before = path.read_bytes()
    assert notebooks.main(["refresh", "01"]) == 1
    assert path.read_bytes() == before
    assert "01-one.ipynb, cell 4, failed: ZeroDivisionError" in capsys.readouterr().err


def test_a_dead_kernel_is_one_sentence(course, capsys):
    course("01-one", new_code_cell("import os; os._exit(1)"))
    assert notebooks.main(["refresh", "01"]) == 1
    assert "the kernel did not run" in capsys.readouterr().err


def test_an_unknown_lesson_gets_the_nearest_names(course, capsys):
    course("01-ndarray")
    assert notebooks.main(["run", "ndaray"]) == 1
    assert "There is no notebook 'ndaray'. Did you mean 01-ndarray?" in capsys.readouterr().err


def test_the_run_prints_a_table_and_fails_when_a_lesson_does(course, capsys):
    course("01-good", new_code_cell("print(1)"))
    course("02-bad", new_code_cell("1 / 0"))
    assert notebooks.main(["run"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["lesson", "cells", "seconds", "budget"]
    assert lines[1].split()[:2] == ["01-good", "1"]
    assert "ZeroDivisionError" in lines[2]


def test_the_run_fails_when_a_lesson_exceeds_its_budget_by_half(course, capsys, monkeypatch):
    course("01-good", new_code_cell("print(1)"))
    taken = iter([89, 91])
    monkeypatch.setattr(notebooks, "execute", lambda notebook, path: next(taken))
    assert notebooks.main(["run"]) == 0
    assert notebooks.main(["run"]) == 1
    assert "exceeds its budget" in capsys.readouterr().out


SOLVED = """<details><summary>Solution</summary>

```python
answer = 2
print("Correct." if answer == 2 else "Not attempted yet.")
```

</details>"""


def test_the_check_tells_what_differs_and_which_solution_fails(course, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "inspect", lambda paths: 0)
    exercise = new_code_cell(
        'answer = ...\nprint("Correct." if answer == 2 else "Not attempted yet.")', metadata={"tags": ["exercise"]}
    )
    solution = new_markdown_cell(SOLVED, metadata={"tags": ["solution"]})
    tolerant = new_code_cell("print(0.9)", metadata={"compare": {"rtol": 0.1, "why": "Chance decides."}})
    path = course("glossary", new_code_cell("print(6)"), tolerant, exercise, solution)
    notebooks.main(["refresh"])
    capsys.readouterr()
    assert notebooks.main(["check", "glossary"]) == 0, capsys.readouterr().err
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs[0].text, notebook.cells[3].outputs[0].text = "7\n", "0.85\n"
    notebook.cells[5].source = SOLVED.replace("answer = 2\n", "answer = 3\n")
    path.write_text(notebooks.as_text(notebooks.normalise(notebook)))
    assert notebooks.main(["check", "glossary"]) == 1
    told = capsys.readouterr().err
    assert "glossary.ipynb cell 3: stdout:     -7\n    +6" in told
    assert "cell 4" not in told
    assert "a solution that earns no 'Correct.': Not attempted yet." in told


def nbval(folder):
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", ROOT / "tests" / "sanitize.cfg"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", *options, folder]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=folder, timeout=60)


def test_the_comparison_rejects_a_changed_output(tmp_path):
    cell = new_code_cell("print(6 * 7)", execution_count=1, outputs=[new_output("stream", name="stdout", text="42\n")])
    notebook = notebooks.normalise(new_notebook(cells=[cell]))
    nbformat.write(notebook, tmp_path / "right.ipynb")
    notebook.cells[0].outputs[0].text = "43\n"
    nbformat.write(notebook, tmp_path / "wrong.ipynb")
    done = nbval(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "FAILED wrong.ipynb::Cell 0" in done.stdout
