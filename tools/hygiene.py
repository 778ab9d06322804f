"""The inspection room: what a stored notebook must be, a rule a function, each returning the problems it found.

`nbval` compares outputs; these rules catch what it lets pass: a notebook that was never run, a path of somebody's
machine, a figure that nobody can check.
"""

import re
from pathlib import Path

import nbformat
from compare import ToleranceError, rules

MOST_LINES = 20  # of a code cell
CODE_CELLS = range(12, 26)  # of a lesson
MOST_IGNORED = 2  # outputs a lesson
TAGS = {
    "navigation",
    "contents",
    "setup",
    "needed",
    "exercise",
    "solution",
    "raises-exception",
    "nbval-ignore-output",
    "optional",
}

# In this order, after the title: the headings that every lesson has.
HEADINGS = ("Check yourself", "Exercises", "Recap", "New words", "In practice")
OPENING = ("**You will**", "**You will learn to**", "**Time**", "**Needs**")

SOLUTION = re.compile(
    r"<details>\s*<summary>[^<]*[Ss]olution[^<]*</summary>\s*```python\n(.*?)```(.*?)</details>", re.DOTALL
)
MARKED = re.compile(r"#\s*solution\s*$")
PATHS = re.compile(r"(?<![\w:/.])/(home|root|tmp|work|Users|opt|usr|var|mnt|private)/[\w.-]+")
TIMINGS = re.compile(r"(?<![\w.-])\d+(\.\d+)?(e-?\d+)? ?(ns|us|µs|ms|s|sec|secs|seconds|min|minutes)\b")
ARTISTS = re.compile(
    r"<(matplotlib|Figure|Axes|mpl_toolkits)[\w. ]|\[<.*object at|<[\w.]+ object at 0x|\bat 0x[0-9a-f]+"
)
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", ()))


def text_of(output):
    """Return everything that an output shows as text."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return "\n".join(output.data.get(kind, "") for kind in ("text/plain", "text/html"))


def where(notebook, cell):
    return f"cell {notebook.cells.index(cell) + 1}"


def executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed from top to bottom: the counts are {counts}"


def no_stderr(notebook):
    for cell in code_cells(notebook):
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"{where(notebook, cell)} stores what was written to stderr"


def nothing_of_one_machine(notebook):
    """Reject absolute paths, timings and addresses in memory: they differ on the next machine."""
    for cell in code_cells(notebook):
        if "nbval-ignore-output" in tags(cell) or any(rule.any for rule in _rules(cell)):
            continue
        for output in cell.outputs:
            for name, pattern in (("an absolute path", PATHS), ("a timing", TIMINGS), ("an object's repr", ARTISTS)):
                if found := pattern.search(text_of(output)):
                    yield f"{where(notebook, cell)} stores {name}: {found.group(0)!r}"


def figures_are_described(notebook):
    """Every picture has alt text: in the cell's metadata as mystnb.image.alt, which the site shows."""
    for cell in code_cells(notebook):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        shown = [picture.metadata.get("image/png", {}).get("alt", "") for picture in pictures]
        if any(len(alt_text(cell) or alt) < 10 for alt in shown):
            yield f"{where(notebook, cell)} has a figure without alt text: put it into the metadata as mystnb.image.alt"


def alt_text(cell):
    """Return the alt text of a cell's figure, as its metadata give it."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def tolerances_are_understood(notebook):
    for cell in code_cells(notebook):
        try:
            rules(cell.metadata)
        except ToleranceError as error:
            yield f"{where(notebook, cell)}: {error}"


def _rules(cell):
    try:
        return rules(cell.metadata)
    except ToleranceError:
        return ()


def ignored_outputs_have_a_reason(notebook):
    ignored = [cell for cell in code_cells(notebook) if "nbval-ignore-output" in tags(cell)]
    if len(ignored) > MOST_IGNORED:
        yield f"ignores the outputs of {len(ignored)} cells; at most {MOST_IGNORED} may be"
    for cell in ignored:
        if len(cell.metadata.get("reason", "")) < 10:
            yield f'{where(notebook, cell)} ignores its output without a "reason" in its metadata'


def cells_are_small(notebook):
    for cell in code_cells(notebook):
        lines = len(cell.source.splitlines())
        if lines > MOST_LINES:
            yield f"{where(notebook, cell)} has {lines} lines; at most {MOST_LINES} fit a reader"
    if len(code_cells(notebook)) not in CODE_CELLS:
        yield f"has {len(code_cells(notebook))} code cells; a lesson has {CODE_CELLS.start} to {CODE_CELLS.stop - 1}"


def plain_cells(notebook):
    """Reject what a learner should not have to read: installs, path juggling, hidden values, unknown tags."""
    for cell in code_cells(notebook):
        if re.search(r"^\s*[!%]|sys\.path|subprocess.*pip", cell.source, re.MULTILINE):
            yield f"{where(notebook, cell)} uses a shell line, a magic, pip or sys.path"
        if re.search(r";\s*$", cell.source):
            yield f"{where(notebook, cell)} ends with a semicolon, which no longer hides a value"
        if not cell.source.strip():
            yield f"{where(notebook, cell)} is empty"
    for cell in notebook.cells:
        if unknown := tags(cell) - TAGS:
            yield f"{where(notebook, cell)} has unknown tags: {sorted(unknown)}"


def sober_prose(notebook):
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```|`[^`]*`|!\[|<!--|-->", "", cell.source, flags=re.DOTALL)
        if "!" in prose:
            yield f"{where(notebook, cell)} shouts: an exclamation mark"
        if EMOJI.search(prose):
            yield f"{where(notebook, cell)} holds an emoji"


def follows_the_template(notebook):
    """Title, opening, numbered predictions, a live mistake, quiz, exercises, recap, new words, practice: in order."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not notebook.cells or "navigation" not in tags(notebook.cells[0]):
        yield "does not begin with the navigation line"
    if not re.search(r"^# \w+\. \S", prose, re.MULTILINE):
        yield "has no title such as '# 04. Keep what matters: pooling'"
    for opening in OPENING:
        if opening not in prose:
            yield f"does not say {opening} at its beginning"
    places = [prose.find(f"\n## {heading}") for heading in HEADINGS]
    for heading, place in zip(HEADINGS, places, strict=True):
        if place < 0:
            yield f"has no section '## {heading}'"
    if -1 not in places and places != sorted(places):
        yield f"has its closing sections in another order than {', '.join(HEADINGS)}"
    predictions = [int(number) for number in re.findall(r"\*\*Predict (\d+)", prose)]
    if len(predictions) < 3 or predictions != list(range(1, len(predictions) + 1)):
        yield f"needs at least three predictions, numbered from 1; it has {predictions}"
    if prose.count("**What you should see**") < 3:
        yield "says what the reader should see fewer than three times"
    if sum("setup" in tags(cell) for cell in code_cells(notebook)) != 1:
        yield "needs one cell tagged 'setup'"
    if not any("raises-exception" in tags(cell) for cell in code_cells(notebook)):
        yield "shows no live mistake: no cell is tagged 'raises-exception'"
    if sum(cell.source.count("quiz.ask(") for cell in code_cells(notebook)) != 3:
        yield "does not ask three questions with quiz.ask"
    bullets = [
        len(re.findall(r"^- ", section, re.MULTILINE)) for section in (_opening(prose), _section(prose, "Recap"))
    ]
    if bullets[0] not in (3, 4) or bullets[0] != bullets[1]:
        yield f"promises {bullets[0]} things and recaps {bullets[1]}; three or four, the same, are wanted"


def errors_are_meant(notebook):
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in tags(cell):
            yield f"{where(notebook, cell)} failed, and is not tagged 'raises-exception'"
        if not failed and "raises-exception" in tags(cell):
            yield f"{where(notebook, cell)} is tagged 'raises-exception' and does not fail"


def exercises_and_solutions_agree(notebook):
    """The stored exercise is its solution with the marked lines removed, so that the two cannot drift apart."""
    exercises = [cell for cell in notebook.cells if "exercise" in tags(cell)]
    if len(exercises) not in (2, 3):
        yield f"has {len(exercises)} exercises; two or three are wanted"
    for cell in exercises:
        solution = solution_of(notebook, cell)
        if solution is None:
            yield f"{where(notebook, cell)} is an exercise that no cell tagged 'solution' follows with code to unfold"
        elif without_solution(solution) != cell.source.strip():
            yield f"{where(notebook, cell)} is not its solution with the lines marked '# solution' removed"
        elif without_solution(solution) == solution:
            yield f"{where(notebook, cell)} has a solution in which no line is marked '# solution'"
        printed = "".join(text_of(output) for output in cell.outputs)
        if "Not attempted yet." not in printed:
            yield f"{where(notebook, cell)} does not answer 'Not attempted yet.' as it stands"
        if "Correct." in printed:
            yield f"{where(notebook, cell)} is solved already: its check passes with the stub"


def new_words_are_in_the_glossary(notebook, glossary):
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\(glossary\.ipynb#([^)]+)\)", _section(prose, "New words"))
    if not links:
        yield "links no new word to the glossary"
    for link in links:
        if link not in glossary:
            yield f"links to '{link}', which the glossary does not explain"


def links_lead_somewhere(notebook, folder):
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)", cell.source):
            if "://" not in target and not target.startswith("mailto:") and not (Path(folder) / target).exists():
                yield f"{where(notebook, cell)} links to {target}, which does not exist"


EVERY_NOTEBOOK = (
    executed_in_order, no_stderr, nothing_of_one_machine, figures_are_described, tolerances_are_understood,
    ignored_outputs_have_a_reason, plain_cells, sober_prose, errors_are_meant,
)  # fmt: skip
LESSONS_ONLY = (cells_are_small, follows_the_template, exercises_and_solutions_agree)


def inspect(path):
    """Return every problem of a stored notebook, as sentences that begin with its name."""
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    found = [problem for rule in EVERY_NOTEBOOK for problem in rule(notebook)]
    found += links_lead_somewhere(notebook, path.parent)
    if is_lesson(path):
        found += [problem for rule in LESSONS_ONLY for problem in rule(notebook)]
        found += new_words_are_in_the_glossary(notebook, glossary_anchors(path.parent / "glossary.ipynb"))
    return [f"{path.name} {problem}" for problem in found]


def is_lesson(path):
    return bool(re.match(r"\d\d-|appendix-", Path(path).name))


def glossary_anchors(path):
    """Return the anchors of the glossary's entries: its third-level headings, as Jupyter turns them into links."""
    if not path.exists():
        return set()
    prose = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    return {heading.strip().replace(" ", "-") for heading in re.findall(r"^### (.+)$", prose, re.MULTILINE)}


def solution_of(notebook, exercise):
    """Return the code folded away in the first 'solution' cell after an exercise, or None."""
    for cell in notebook.cells[notebook.cells.index(exercise) + 1 :]:
        if "exercise" in tags(cell):
            return None
        if "solution" in tags(cell):
            found = SOLUTION.search(cell.source)
            return found.group(1).strip() if found else None
    return None


def without_solution(code):
    return "\n".join(line for line in code.strip().splitlines() if not MARKED.search(line)).strip()


def _section(prose, heading):
    return prose.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def _opening(prose):
    return prose.partition("**You will learn to**")[2].partition("\n\n**")[0]
