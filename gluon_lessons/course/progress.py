"""What a learner has answered, kept on this machine: the verdict on each exercise and question, by its name.

A line of JSON is added whenever something better, or another mistake, comes of an answer. Nothing leaves the machine.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from gluon_lessons import errors
from gluon_lessons.course.copies import COPIES, ORIGINALS

NOT_ATTEMPTED, HINT, CORRECT = "not attempted", "hint", "correct"
ORDER = (NOT_ATTEMPTED, HINT, CORRECT)
FILE = ".progress.jsonl"
NOTHING = "Nothing is answered yet. Exercises, and questions that you answer with a letter, are counted here."
SETTING = "GLUON_LESSONS_PROGRESS"  # another file, or "off"


@dataclass(frozen=True)
class Entry:
    """The verdict on one exercise ("slide") or question ("question 2") of a lesson ("03")."""

    lesson: str
    name: str
    state: str
    message: str = ""


@dataclass
class Lesson:
    """How far a lesson is done."""

    number: str
    title: str
    path: Path
    entries: list[Entry] = field(default_factory=list)  # in the order of the lesson

    def done(self) -> int:
        return sum(entry.state == CORRECT for entry in self.entries)


def file() -> Path | None:
    """Return where verdicts are kept, or None when they are not: in a clone, beside the learner's copies."""
    setting = os.environ.get(SETTING)
    if setting:
        return None if setting == "off" else Path(setting)
    return COPIES / FILE if COPIES.is_dir() else None


def record(lesson: str, name: str, state: str, message: str = "") -> None:
    """Keep a verdict, unless a better one is known; a disk that cannot be written to is no reason to stop a lesson."""
    path = file()
    if path is None:
        return
    try:
        known = read(path).get((lesson, name))
        new = Entry(lesson, name, state, message)
        if known == new or (known and ORDER.index(state) < ORDER.index(known.state)):
            return
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(vars(new)) + "\n")
    except OSError:
        return


def read(path: Path | None = None) -> dict[tuple[str, str], Entry]:
    """Return the best verdict on each exercise and question; of several hints, the latest."""
    path = path or file()
    return parse(path.read_text(encoding="utf-8")) if path is not None and path.exists() else {}


def parse(text: str) -> dict[tuple[str, str], Entry]:
    """Return the best verdict on each exercise and question in a text of lines of JSON."""
    best: dict[tuple[str, str], Entry] = {}
    for line in text.splitlines():
        try:
            entry = Entry(**json.loads(line))
            if not all(isinstance(value, str) for value in vars(entry).values()):
                continue
            better = ORDER.index(entry.state) >= ORDER.index(best.get((entry.lesson, entry.name), entry).state)
        except (ValueError, TypeError, RecursionError):  # cut short when the machine stopped
            continue
        if better:
            best[entry.lesson, entry.name] = entry
    return best


def lessons() -> list[Lesson]:
    """Return every lesson with what it asks and how that stands."""
    known, found = read(), []
    for path in sorted(ORIGINALS.glob("*.ipynb"), key=lambda path: (not path.stem[0].isdigit(), path.stem)):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        number = path.stem.partition("-")[0]
        questions = re.findall(r"quiz\.ask\(\s*[\"'][^\"']+[\"'],\s*(\d+)", code)
        names = [*(f"question {one}" for one in questions), *re.findall(r"\bcheck\.(\w+)\(", code)]
        if names:
            prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
            title = re.search(r"^# (?:\w+\. )?(.+)$", prose, re.MULTILINE)
            entries = [known.get((number, name), Entry(number, name, NOT_ATTEMPTED)) for name in dict.fromkeys(names)]
            found.append(Lesson(number, title[1].strip() if title else path.stem, path, entries))
    return found


def report() -> str:
    """Return how much of each lesson is done, what comes next, and the mistakes with their explanations."""
    every = lessons()
    started = [lesson for lesson in every if any(entry.state != NOT_ATTEMPTED for entry in lesson.entries)]
    lines = [_counted(every)]
    if not started:
        return lines[0]
    lines.append("")
    lines += [f"  {one.number:<9}{one.done()} of {len(one.entries)}  {one.title}" for one in started]
    mistakes = [entry for lesson in started for entry in lesson.entries if entry.state == HINT]
    if mistakes:
        lines += ["", "To be mended:"]
        lines += [f"  Lesson {entry.lesson}, {entry.name}: {entry.message}" for entry in mistakes]
    unfinished = next((lesson for lesson in [*started, *every] if lesson.done() < len(lesson.entries)), None)
    if unfinished:
        name = next(entry.name for entry in unfinished.entries if entry.state != CORRECT)
        lines += ["", f"Next: {name} of lesson {unfinished.number}, {unfinished.title}."]
    return "\n".join(lines)


def show() -> None:
    """Print one line for the top of a lesson: how much is done, and which command says the rest."""
    counted = _counted(lessons() if ORIGINALS.is_dir() else [])
    print(counted if counted == NOTHING else f"{counted} `{errors.command('progress')}` says what comes next.")


def _counted(every: list[Lesson]) -> str:
    entries = [entry for lesson in every for entry in lesson.entries]
    if all(entry.state == NOT_ATTEMPTED for entry in entries):
        return NOTHING
    done = sum(entry.state == CORRECT for entry in entries)
    return f"{done} of {len(entries)} exercises and questions are correct."
