"""Execute the notebooks, store them in one normal form, and write the lines that are generated.

    python tools/notebooks.py refresh [LESSON...]    execute and store again; navigation and lesson table with it
    python tools/notebooks.py run [LESSON...]        execute without storing; a table of lesson, cells, seconds and the
                                                     budget, which a lesson may exceed by half before the run fails
    python tools/notebooks.py inspect [LESSON...]    the rules of tools/hygiene.py, without executing, and whether the
                                                     generated lines are up to date
    python tools/notebooks.py check [LESSON...]      inspect; then execute, compare each cell with what is stored, and
                                                     try the solutions: each problem is told as soon as it is met

A lesson goes by its number or name: 01, 01-ndarray or notebooks/01-ndarray.ipynb.
"""

import argparse
import contextlib
import copy
import difflib
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell
from nbval.plugin import get_sanitize_patterns

from gluon_lessons.errors import LessonError

sys.path.insert(0, str(Path(__file__).parent))
import compare
import hygiene

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SANITIZE = ROOT / "tests" / "sanitize.cfg"
LAST = ("glossary", "common-errors")  # reference, after the lessons
CELL_TIMEOUT = 300  # seconds
# The seconds that a lesson may take on two processors: less for those that need no server, more for those that train.
BUDGET, BUDGET_IN_THE_CLOUD = 60, 90
BUDGETS = {"09": 150, "14": 150, "20": 150, "22": 150}
KEPT_METADATA = ("tags", "reason", "jupyter", "compare", "mystnb")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("refresh", "run", "inspect", "check"))
    parser.add_argument("lessons", nargs="*", metavar="LESSON")
    chosen = parser.parse_args(arguments)
    try:
        actions = {"refresh": refresh, "run": run, "inspect": inspect, "check": check}
        return actions[chosen.action](find(chosen.lessons))
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1


def in_order():
    """Return the paths of all notebooks in the order of the course."""

    def place(path):
        return (path.stem in LAST, path.stem.startswith("appendix"), path.stem)

    return sorted(NOTEBOOKS.glob("*.ipynb"), key=place)


def find(lessons):
    """Return the notebooks that the names mean; all of them when there is no name."""
    known = in_order()
    return [_find_one(lesson, known) for lesson in lessons] or known


def _find_one(lesson, known):
    wanted = Path(lesson).stem
    for path in known:
        if path.stem == wanted or path.stem.partition("-")[0] == wanted:
            return path
    near = difflib.get_close_matches(wanted, [path.stem for path in known], n=3, cutoff=0.3)
    advice = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(path.stem for path in known)}."
    raise LessonError(f"There is no notebook {lesson!r}. {advice}")


def refresh(paths):
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        seconds = execute(notebook, path)
        write(path, notebook)
        print(f"{path.name}: {seconds:.1f} s", flush=True)
    for path, text in generated().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.name}: generated lines brought up to date")
    return 0


def run(paths):
    failed = 0
    print(f"{'lesson':<40} {'cells':>5} {'seconds':>8} {'budget':>7}")
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        seconds, note = "-", ""
        try:
            taken = execute(notebook, path)
            seconds = f"{taken:.1f}"
            if taken > 1.5 * budget(path):
                note = "  exceeds its budget by more than half"
        except LessonError as error:
            note = f"  {error}"
        failed += bool(note)
        cells = len(hygiene.code_cells(notebook))
        print(f"{path.stem:<40} {cells:>5} {seconds:>8} {budget(path):>7}{note}", flush=True)
    return 1 if failed else 0


def budget(path):
    """Return the seconds that a notebook may take."""
    number = path.stem.partition("-")[0]
    return BUDGETS.get(number, BUDGET_IN_THE_CLOUD if number >= "16" else BUDGET)


def check(paths):
    """Tell an author what is wrong with lessons, in the order in which it is met."""
    failed = inspect(paths)
    for path in paths:
        for problem in executed_problems(path):
            failed = 1
            print(f"{path.name} {problem}", file=sys.stderr, flush=True)
        print(f"{path.name}: checked", flush=True)
    return failed


def executed_problems(path):
    """Execute a lesson, its solutions last; yield how its outputs differ from the stored ones, and what fails."""
    notebook = nbformat.read(path, as_version=4)
    stored = copy.deepcopy(notebook.cells)
    for cell in [cell for cell in stored if "exercise" in hygiene.tags(cell)]:
        if solution := hygiene.solution_of(notebook, notebook.cells[stored.index(cell)]):
            notebook.cells.append(new_code_cell(solution, metadata={"tags": ["solution"]}))
    patterns = get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8"))
    problems = []

    def sanitize(text):
        for pattern, replacement in patterns:
            text = re.sub(pattern, replacement, text)
        return text

    def compare_cell(cell, cell_index, **_):
        if cell.cell_type != "code" or "nbval-ignore-output" in hygiene.tags(cell):
            return
        if "solution" in hygiene.tags(cell):
            printed = "".join(hygiene.text_of(output) for output in cell.outputs)
            if "Correct." not in printed:
                problems.append(f"has a solution that earns no 'Correct.': {printed.strip()}\n{cell.source}")
        else:
            found = compare.differences(stored[cell_index].outputs, cell.outputs, cell.metadata, sanitize)
            problems.extend(f"cell {cell_index + 1}: {problem}" for problem in found)

    client = _client(notebook, path, on_cell_executed=compare_cell)
    with _told(notebook, path), client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            yield from problems
            problems.clear()


def inspect(paths):
    problems = [problem for path in paths for problem in hygiene.inspect(path)]
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        if as_text(normalise(notebook)) != path.read_text(encoding="utf-8"):
            problems.append(f"{path.name} is not in the normal form; `make notebooks LESSON={path.stem}` stores it")
    for path, text in generated().items():
        if path.read_text(encoding="utf-8") != text:
            problems.append(f"{path.name} has an old navigation line or lesson table; `make notebooks` writes it anew")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def execute(notebook, path):
    """Run every cell in a fresh kernel, in the notebook's folder, and return the seconds that it took."""
    started = time.monotonic()
    with _told(notebook, path):
        _client(notebook, path).execute()
    return time.monotonic() - started


def _client(notebook, path, **hooks):
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums come out in the same order on every machine
    os.environ["GLUON_LESSONS_PROGRESS"] = "off"  # an author's runs are no learner's
    return NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        **hooks,
    )


@contextlib.contextmanager
def _told(notebook, path):
    """Turn what can go wrong while a notebook runs into one sentence."""
    try:
        yield
    except CellExecutionError as error:
        cell = next((index for index, cell in enumerate(notebook.cells, 1) if _failed(cell)), "unknown")
        raise LessonError(f"{path.name}, cell {cell}, failed: {error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise LessonError(f"{path.name} has a cell that took over {CELL_TIMEOUT} s.") from error
    except (DeadKernelError, NoSuchKernel, RuntimeError) as error:
        raise LessonError(
            f"{path.name}: the kernel did not run ({error}); `make clean` and then `make test`."
        ) from error


def _failed(cell):
    meant = "raises-exception" in hygiene.tags(cell)
    return not meant and any(output.output_type == "error" for output in cell.get("outputs", ()))


def normalise(notebook):
    """Reduce a notebook to what the course stores: no machine, no version, no time, cell ids that follow the text."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = set()
    for cell in notebook.cells:
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip().splitlines())
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT_METADATA if key in cell.metadata})
        cell.id = _cell_id(cell, seen)
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                output.traceback = []  # full of paths, and nbval does not compare it
            if "data" in output:
                output.data.pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


def _cell_id(cell, seen):
    text = f"{cell.cell_type}:{cell.source}"
    while (name := hashlib.sha256(text.encode()).hexdigest()[:8]) in seen:
        text += "+"
    seen.add(name)
    return name


def as_text(notebook):
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


def write(path, notebook):
    """Store a notebook whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(as_text(normalise(notebook)), encoding="utf-8")
    draft.replace(path)


def generated():
    """Return what the generated lines make of each file that holds some: the notebooks and the README."""
    paths = in_order()
    texts = {}
    for index, path in enumerate(paths):
        notebook = nbformat.read(path, as_version=4)
        line = navigation(paths, index)
        for cell in notebook.cells:
            if "navigation" in hygiene.tags(cell):
                cell.source = line
            if "contents" in hygiene.tags(cell):
                cell.source = f"## The lessons\n\n{lesson_table(paths, '')}"
        texts[path] = as_text(normalise(notebook))
    readme = ROOT / "README.md"
    texts[readme] = re.sub(
        r"(<!-- lessons -->\n).*?(<!-- /lessons -->)",
        lambda marks: marks[1] + lesson_table(paths, "notebooks/") + "\n" + marks[2],
        readme.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    return texts


def navigation(paths, index):
    before = f"[← {title(paths[index - 1])}]({paths[index - 1].name}) · " if index else ""
    after = f" · [{title(paths[index + 1])} →]({paths[index + 1].name})" if index + 1 < len(paths) else ""
    return f"{before}[Contents](00-start-here.ipynb){after}"


def lesson_table(paths, folder):
    rows = ["| Lesson | Minutes | Needs |", "|---|---|---|"]
    for path in paths:
        prose = _prose(path)
        minutes = re.search(r"\*\*Time\*\*:? (.*?)\s*minutes", prose)
        needs = re.search(r"\*\*Needs\*\*:? (.*?)\.?$", prose, re.MULTILINE)
        found = [match[1].strip() if match else "" for match in (minutes, needs)]
        rows.append(f"| [{title(path)}]({folder}{path.name}) | {found[0]} | {found[1]} |")
    return "\n".join(rows)


def title(path):
    """Return a notebook's title as its first heading has it."""
    heading = re.search(r"^# (.+)$", _prose(path), re.MULTILINE)
    if not heading:
        raise LessonError(f"{path.name} has no title: a first heading such as '# 04. Keep what matters: pooling'.")
    return heading[1].strip()


def _prose(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


if __name__ == "__main__":
    sys.exit(main())
