"""What a stored notebook must be: each rule is a function that yields the problems it finds.

The comparison of outputs lets pass what these rules catch: a notebook that was never run, a path of somebody's machine,
a figure without alt text, a solution that does not belong to its exercise. How long a lesson is, and how many questions
it asks, is left to its author.
"""

import re
from pathlib import Path

import nbformat
from compare import ToleranceError, rules

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

# In this order: the headings that every lesson has at its end.
HEADINGS = ("Exercises", "Recap", "In practice")
OPENING = ("**You will**", "**You will learn to**", "**Time**", "**Needs**")

SOLUTION = re.compile(
    r"<details>\s*<summary>[^<]*[Ss]olution[^<]*</summary>\s*```python\n(.*?)```(.*?)</details>", re.DOTALL
)
# What the learner replaces; the ... of an index, as in x[..., 0], is code.
STUB = re.compile(r"(?:^\s*|[=:(]\s*|\breturn\s+)\.\.\.(?=\s*(?:$|[,)#]))", re.MULTILINE)
FOR_THE_TESTS = re.compile(r"^\s*assert\b|#\s*(fmt:|noqa|solution\b)|\b(alt|fact)=")
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
    if "image/png" in output.data:
        return ""  # its text is the figure's repr
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
        if pictures and len(alt_text(cell)) < 10:
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
    for cell in code_cells(notebook):
        if "nbval-ignore-output" in tags(cell) and len(cell.metadata.get("reason", "")) < 10:
            yield f'{where(notebook, cell)} ignores its output without a "reason" in its metadata'


def plain_cells(notebook):
    """Reject what a learner should not have to read: installs, path juggling, what only a test needs, unknown tags."""
    for cell in code_cells(notebook):
        if found := next(filter(None, map(FOR_THE_TESTS.search, cell.source.splitlines())), None):
            yield f"{where(notebook, cell)} has a line that only a test needs: {found.group(0).strip()!r}"
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


def has_what_every_lesson_has(notebook):
    """Title, opening, a prediction, a live mistake, a question, an exercise, recap, practice; how many is free."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in code_cells(notebook))
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
    if predictions != list(range(1, len(predictions) + 1)):
        yield f"numbers its predictions {predictions}; count from 1, or leave the numbers out"
    if "**Predict" not in prose:
        yield "asks for no prediction: nothing begins with '**Predict'"
    if sum("setup" in tags(cell) for cell in code_cells(notebook)) != 1:
        yield "needs one cell tagged 'setup'"
    if not any("raises-exception" in tags(cell) for cell in code_cells(notebook)) and "mistake" not in prose.lower():
        yield "shows no mistake and its cure"
    if "quiz.ask(" not in code:
        yield "asks no question with quiz.ask"
    if not any("exercise" in tags(cell) for cell in notebook.cells):
        yield "has no exercise"


def errors_are_meant(notebook):
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in tags(cell):
            yield f"{where(notebook, cell)} failed, and is not tagged 'raises-exception'"
        if not failed and "raises-exception" in tags(cell):
            yield f"{where(notebook, cell)} is tagged 'raises-exception' and does not fail"


def exercises_and_solutions_agree(notebook):
    """An exercise is its solution with ... in place of some lines, so that the two cannot drift apart."""
    for cell in notebook.cells:
        if "exercise" not in tags(cell):
            continue
        solution = solution_of(notebook, cell)
        if solution is None:
            yield f"{where(notebook, cell)} is an exercise that no cell tagged 'solution' follows with code to unfold"
        elif not is_made_from(cell.source, solution):
            yield f"{where(notebook, cell)} is not its solution with ... in place of some lines"
        printed = "".join(text_of(output) for output in cell.outputs)
        if "Not attempted yet." not in printed:
            yield f"{where(notebook, cell)} does not answer 'Not attempted yet.' as it stands"
        if "Correct." in printed:
            yield f"{where(notebook, cell)} is solved already: its check passes with the stub"


def is_made_from(exercise, solution):
    """Say whether putting code in place of the exercise's lines with ... can give the solution, and none is left."""
    lines = exercise.strip().splitlines()
    made = r"\n".join(r"[^\n]+(?:\n[^\n]*)*?" if STUB.search(line) else re.escape(line) for line in lines)
    holds_stub = any(map(STUB.search, lines))
    return holds_stub and not STUB.search(solution) and bool(re.fullmatch(made, solution.strip()))


def new_words_are_in_the_glossary(notebook, glossary):
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\(glossary\.ipynb#([^)]+)\)", prose)
    if not links:
        yield "links no word to the glossary"
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
LESSONS_ONLY = (has_what_every_lesson_has, exercises_and_solutions_agree)


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
