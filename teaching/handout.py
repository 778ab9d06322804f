"""Editions of the lessons for a class: one to hand out, without solutions, and one for who teaches it.

The instructor's shows each solution unfolded, the time that a lesson takes, and below each exercise the wrong answers
that learners are known to give, with the hint that each one gets.
"""

import ast
import importlib.util
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from gluon_lessons.course import copies

WRONG_ANSWERS = copies.ORIGINALS / "wrong_answers"
CHECK = re.compile(r"\bcheck\.(\w+)\(")


def write(folder: Path) -> list[Path]:
    """Write both editions of every lesson below `folder`, and return what was written."""
    written = []
    for original in sorted(copies.ORIGINALS.glob("*.ipynb")):
        notebook = nbformat.read(original, as_version=4)
        for edition, make in (("student", student), ("instructor", instructor)):
            path = folder / edition / original.name
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(make(notebook, original.stem.partition("-")[0]), path)
            written.append(path)
    return written


def student(notebook, number: str):
    """Return a lesson without its solutions."""
    made = nbformat.from_dict(notebook)
    made.cells = [cell for cell in notebook.cells if "solution" not in _tags(cell)]
    return made


def instructor(notebook, number: str):
    """Return a lesson with its solutions unfolded, its timing, and the known wrong answers with their hints."""
    made = nbformat.from_dict(notebook)
    made.cells, answers, exercise = [], _wrong_answers(number), None
    for cell in notebook.cells:
        if "exercise" in _tags(cell):
            exercise = CHECK.search(cell.source)
        if "solution" not in _tags(cell):
            made.cells.append(cell)
            continue
        unfolded = re.sub(r"</?details>|<summary>.*?</summary>", "", cell.source).strip()
        made.cells.append(new_markdown_cell(f"**Solution**\n\n{unfolded}", metadata=cell.metadata))
        if exercise and answers.get(exercise[1]):
            made.cells.append(new_markdown_cell(_table(answers[exercise[1]])))
    first = next((index for index, cell in enumerate(made.cells) if re.search(r"^# ", cell.source, re.M)), 0)
    if number.isdigit() or number == "appendix":
        made.cells.insert(first + 1, new_markdown_cell(_timing(notebook)))
    return made


def _timing(notebook) -> str:
    """Return how long a lesson takes, and what of it: for who plans an hour."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    minutes = re.search(r"\*\*Time\*\*:? (.*?)\s*minutes", prose)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    exercises = sum("exercise" in _tags(cell) for cell in code)
    questions = sum(cell.source.count("quiz.ask(") for cell in code)
    sections = re.findall(r"^## (.+)$", prose, re.MULTILINE)
    total = f"{minutes[1]} minutes in all" if minutes else "no time is stated"
    return (
        f"**For who teaches**: {total}, for {len(sections)} sections, {questions} questions and {exercises} exercises; "
        f"{len(prose.split()):,} words to read, {len(code)} cells to run."
    )


def _wrong_answers(number: str) -> dict[str, list[tuple[str, str]]]:
    """Return the known wrong answers to each exercise, as code, each with the hint that its check gives."""
    path = WRONG_ANSWERS / f"lesson_{number}.py"
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    specification = importlib.util.spec_from_file_location(f"wrong_answers_of_{number}", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    checks = importlib.import_module(f"gluon_lessons.course.check.lesson_{number}")
    found: dict[str, list[tuple[str, str]]] = {}
    for name, sources in _sources(text).items():
        for (answer, _), source in zip(module.WRONG_ANSWERS[name], sources, strict=False):
            found.setdefault(name, []).append((source, getattr(checks, name).verdict(answer).message))
    return found


def _sources(text: str) -> dict[str, list[str]]:
    """Return the code of each answer in WRONG_ANSWERS, a dictionary of lists of (answer, part of the hint)."""
    found: dict[str, list[str]] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "WRONG_ANSWERS":
            assert isinstance(statement.value, ast.Dict)
            for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.List):
                    found[str(key.value)] = [
                        ast.unparse(pair.elts[0]) for pair in value.elts if isinstance(pair, ast.Tuple)
                    ]
    return found


def _table(answers: list[tuple[str, str]]) -> str:
    rows = ["**Wrong answers that are known, and what the check says**", "", "| answer | hint |", "|---|---|"]
    for source, hint in answers:
        rows.append(f"| `{_one_line(source)}` | {_one_line(hint)} |")
    return "\n".join(rows)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", ()))
