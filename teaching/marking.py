"""Marks for handed-in notebooks: each runs in a process of its own, shut in, and costs at most its own mark.

A notebook is known by its path and its content: what was marked before is not marked again, so that a run that was
stopped goes on where it ended. The checks run in the process of the notebook that they look at; who sets out to forge
a verdict can, so look at the code of whoever surprises you.
"""

import csv
import hashlib
import html
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import matplotlib as mpl

from gluon_lessons.course import copies, progress
from gluon_lessons.course.progress import CORRECT, NOT_ATTEMPTED
from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache

WORKER = Path(__file__).with_name("marking_worker.py")
SECONDS, CELL_SECONDS = 180, 20  # for a notebook, and for one of its cells
MEMORY, FILE, FOLDER = 6 << 30, 50 << 20, 300 << 20  # bytes
FILES = 10_000  # that a notebook may write
LARGEST = 50 << 20  # bytes of a notebook
COLUMNS = ("student", "file", "lesson", "exercises correct", "of", "questions correct", "of questions", "note")


@dataclass
class Result:
    """What came of one notebook: the verdict on each exercise and question, and what a teacher should know."""

    student: str
    file: str
    lesson: str = ""
    verdicts: list[dict] = field(default_factory=list)  # name, state, message
    note: str = ""

    def count(self, kind: str) -> tuple[int, int]:
        """Return how many of the exercises, or questions, are correct, and how many there are."""
        some = [one for one in self.verdicts if one["name"].startswith("question ") == (kind == "questions")]
        return sum(one["state"] == CORRECT for one in some), len(some)


@dataclass(frozen=True)
class Lesson:
    """What the course's own notebook says of a lesson."""

    number: str
    prepared: tuple[str, ...]  # cells that exercises need
    shown: frozenset[str]  # all others that are no exercise
    names: tuple[str, ...]  # of questions and exercises


def mark(folder: Path, out: Path, *, seconds: int = SECONDS, tell: Callable[[str], None] = print) -> list[Result]:
    """Mark every notebook below `folder`; write marks.csv and a page per student to `out`, and return the results."""
    from teaching import sandbox

    if not sandbox.available():
        raise LessonError("Marking shuts in other people's code, which takes Linux 5.13 or newer, with Landlock.")
    notebooks = list(_notebooks(folder, out))
    if not notebooks:
        raise LessonError(f"There is no notebook in {folder}.")
    (out / "results").mkdir(parents=True, exist_ok=True)

    def result_of(path: Path) -> Result:
        kept = out / "results" / f"{_key(folder, path)}.json"
        if kept.exists():
            return Result(**json.loads(kept.read_text(encoding="utf-8")))
        result = mark_one(path, folder, seconds)
        with cache.replacing(kept) as temporary:
            temporary.write_text(json.dumps(asdict(result)), encoding="utf-8")
        right, asked = result.count("exercises")
        tell(f"{result.file}: {right} of {asked}{'; ' if result.note else ''}{result.note}")
        return result

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(result_of, notebooks))
    _write_table(out / "marks.csv", results)
    for student in dict.fromkeys(result.student for result in results):
        _write_page(out, student, [result for result in results if result.student == student])
    return results


def mark_one(path: Path, folder: Path, seconds: int = SECONDS) -> Result:
    """Run one notebook's exercises and return what the checks say; what went wrong beside them is its note."""
    result = Result(_student(path, folder), str(path.relative_to(folder)))
    try:
        sources = _code(path)
        lesson = _lesson(sources, path)
    except LessonError as error:
        result.note = str(error)
        return result
    result.lesson = lesson.number
    own = [source for source in sources if source.strip() not in lesson.shown]
    verdicts, result.note = _run([*lesson.prepared, *own], seconds)
    if result.note.startswith("NameError"):  # an answer that builds on a cell of the lesson itself
        verdicts, result.note = _run(sources, seconds)
    for name in lesson.names:
        entry = verdicts.get((lesson.number, name))
        state, message = (entry.state, entry.message) if entry else (NOT_ATTEMPTED, "")
        result.verdicts.append({"name": name, "state": state, "message": message})
    return result


def _run(cells: list[str], seconds: int) -> tuple[dict, str]:
    """Run cells in a process that is shut in; return the verdicts, and what ended the process or a cell."""
    work = Path(tempfile.mkdtemp(prefix="marking-"))
    try:
        job = work / "job.json"
        limits = {"seconds": 2 * seconds, "memory": MEMORY, "file_size": FILE}
        readable = [sys.prefix, sys.base_prefix, cache.root(), mpl.get_cachedir(), copies.CHECKS, copies.QUIZZES]
        readable += [copies.ROOT / name for name in ("gluon_lessons", "local_sagemaker", "teaching", "data")]
        described = {"cells": cells, "cell_seconds": min(CELL_SECONDS, seconds), "limits": limits}
        job.write_text(json.dumps(described | {"readable": [str(place) for place in readable]}), encoding="utf-8")
        note = _wait(work, [sys.executable, "-P", str(WORKER), str(job)], seconds)
        errors = [line for line in _tail(work / "errors").splitlines() if line]
        verdicts = progress.parse(_tail(work / "verdicts.jsonl"))
        return verdicts, note or (errors[-1][:300] if errors else "")
    finally:
        subprocess.run(["rm", "-rf", "--", str(work)], check=False)  # whatever depth it has


def _wait(work: Path, command: list[str], seconds: int) -> str:
    """Run a command until it ends, takes too long or fills its folder; return why it did not end well, or nothing."""
    surroundings = {name: os.environ[name] for name in ("PATH", "LANG", "GLUON_LESSONS_CACHE") if name in os.environ}
    surroundings |= {
        "HOME": str(work),
        "TMPDIR": str(work),
        "GLUON_LESSONS_CACHE": str(cache.root()),
        "GLUON_LESSONS_OFFLINE": "1",
        "GLUON_LESSONS_PROGRESS": str(work / "verdicts.jsonl"),
        "MPLCONFIGDIR": mpl.get_cachedir(),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(copies.ROOT),
    }
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(
        command, cwd=work, env=surroundings, start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing
    )
    until = time.monotonic() + seconds
    try:
        while child.poll() is None:
            if time.monotonic() > until:
                return f"It was ended after {seconds} seconds."
            if _is_full(work):
                return "It was ended because it wrote too much."
            time.sleep(0.2)
        if child.returncode < 0:
            return f"It was ended by the system ({signal.Signals(-child.returncode).name})."
        return "" if child.returncode == 0 else "It ended itself."
    finally:
        child.kill()
        child.wait()


def _notebooks(folder: Path, out: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts and not path.is_relative_to(out) and path.is_file():
            yield path


def _key(folder: Path, path: Path) -> str:
    content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    return hashlib.sha256(str(path.relative_to(folder)).encode() + b"\0" + content).hexdigest()[:32]


def _code(path: Path) -> list[str]:
    """Return the sources of a notebook's code cells."""
    try:
        if path.stat().st_size > LARGEST:
            raise LessonError(f"It is larger than {LARGEST >> 20} MB.")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise LessonError("It is no notebook that can be read.") from error


def _lesson(sources: list[str], path: Path) -> Lesson:
    """Find the course's own notebook by the checks that a handed-in one imports, or by its name."""
    found = re.search(r"check import lesson_(\w+)", "\n".join(sources)) or re.match(r"(\d\d|appendix)", path.name)
    if not found:
        raise LessonError("It imports no lesson's checks, and its name begins with no lesson's number.")
    original = json.loads((copies.ORIGINALS / copies.find(found[1])).read_text(encoding="utf-8"))
    prepared, shown, names = [], set(), []
    for cell in original["cells"]:
        source, tags = "".join(cell["source"]), cell["metadata"].get("tags", ())
        if cell["cell_type"] == "code" and "exercise" not in tags:
            shown.add(source.strip())
        if cell["cell_type"] == "code" and {"setup", "needed"} & set(tags):
            prepared.append(source)
        if cell["cell_type"] == "code":
            names += [f"question {one}" for one in re.findall(r"quiz\.ask\(\s*[\"'][^\"']+[\"'],\s*(\d+)", source)]
            names += re.findall(r"\bcheck\.(\w+)\(", source) if "exercise" in tags else []
    return Lesson(found[1], tuple(prepared), frozenset(shown), tuple(dict.fromkeys(names)))


def _student(path: Path, folder: Path) -> str:
    """Return who handed it in: the folder's name, or what a file's name says beside the lesson's."""
    inside = path.relative_to(folder)
    if len(inside.parts) > 1:
        return inside.parts[0]
    lessons = [original.stem for original in copies.ORIGINALS.glob("*.ipynb")]
    name = inside.stem
    for lesson in sorted(lessons, key=len, reverse=True):
        name = name.replace(lesson, "")
    return name.strip(" -_.") or inside.stem


def _tail(path: Path) -> str:
    """Return a file's text, of a large one its end; whoever wrote it may have meant harm, so follow no link or pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ""
        file.seek(max(0, os.fstat(handle).st_size - 1_000_000))
        return file.read().decode("utf-8", errors="replace")


def _is_full(folder: Path) -> bool:
    """Say whether a folder holds more than a notebook has reason to write."""
    size = files = 0
    waiting = [str(folder)]
    while waiting and size <= FOLDER and files <= FILES:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # it is gone, or too deep
            continue
    return size > FOLDER or files > FILES


def _write_table(path: Path, results: list[Result]) -> None:
    with cache.replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for one in results:
            rows.writerow([_plain(value) for value in (one.student, one.file, one.lesson)]
                          + [*one.count("exercises"), *one.count("questions"), _plain(one.note)])  # fmt: skip


def _plain(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write_page(out: Path, student: str, results: list[Result]) -> None:
    lines = [f"<!doctype html><meta charset='utf-8'><title>{html.escape(student)}</title>"]
    lines.append(f"<h1>{html.escape(student)}</h1>")
    for result in results:
        right, asked = result.count("exercises")
        lines.append(f"<h2>{html.escape(result.file)}</h2><p>{right} of {asked} exercises are correct.</p>")
        if result.note:
            lines.append(f"<p>{html.escape(result.note)}</p>")
        lines.append("<table><tr><th>Name<th>Verdict<th>What the check says")
        for one in result.verdicts:
            lines.append("<tr>" + "".join(f"<td>{html.escape(one[key])}" for key in ("name", "state", "message")))
        lines.append("</table>")
    name = re.sub(r"[^\w.-]", "_", student)[:80] + "-" + hashlib.sha256(student.encode()).hexdigest()[:6]
    with cache.replacing(out / f"{name}.html") as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
