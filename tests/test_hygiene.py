"""The rules for stored notebooks: each accepts a good lesson and rejects the notebook that it was made for."""

import copy

import nbformat
import pytest
from lessons import hygiene
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 800x400 with 1 Axes>"}
EXERCISE = "answer = ...\ncheck.two(answer)"
SOLUTION = """<details><summary>Solution</summary>

```python
answer = 2
check.two(answer)
```

</details>"""
OPENING = """# 90. A lesson: made for the tests

**You will** see what a lesson is.

**You will learn to**
- read
- write
- count

**Time** 5 minutes

**Needs** nothing"""
CLOSING = """## Recap

- Reading.
- Writing.
- Counting.

## New words

[array](glossary.ipynb#array)

## In practice

The same."""


def markdown(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def code(source, *outputs, tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)} if tags else {})


def printed(text):
    return new_output("stream", name="stdout", text=text)


@pytest.fixture
def lesson():
    """A lesson in which nothing is wrong."""
    figure = new_output("display_data", data=PICTURE)
    cells = [
        markdown("Contents", "navigation"),
        markdown(OPENING),
        code("import mxnet as mx", tags=["setup"]),
        *(markdown(f"**Predict {n}.** What?\n\n**What you should see**: that.") for n in (1, 2, 3)),
        *(code(f"print({n})", printed(f"{n}\n")) for n in range(5)),
        code("draw()", figure),
        code("1 / 0", new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=[])),
        markdown("## Check yourself"),
        *(code(f'quiz.ask("90", {n})') for n in (1, 2, 3)),
        markdown("## Exercises"),
        code(EXERCISE, printed("Not attempted yet. Go on.\n"), tags=["exercise"]),
        markdown(SOLUTION, "solution"),
        code(EXERCISE, printed("Not attempted yet. Go on.\n"), tags=["exercise"]),
        markdown(SOLUTION, "solution"),
        markdown(CLOSING),
    ]
    cells[11].metadata["mystnb"] = {"image": {"alt": "A cat on a mat."}}
    cells[12].metadata["tags"] = ["raises-exception"]
    notebook = new_notebook(cells=cells)
    for count, cell in enumerate(hygiene.code_cells(notebook), 1):
        cell.execution_count = count
    return notebook


@pytest.fixture
def problems(tmp_path):
    """Store a notebook as a lesson and return what the inspection says of it."""
    glossary = new_notebook(cells=[new_markdown_cell("### array\n\nA block of numbers.")])
    nbformat.write(glossary, tmp_path / "glossary.ipynb")

    def inspect(notebook):
        nbformat.write(notebook, tmp_path / "90-lesson.ipynb")
        return hygiene.inspect(tmp_path / "90-lesson.ipynb")

    return inspect


def test_a_good_lesson_passes(lesson, problems):
    assert problems(lesson) == []


def first(lesson, text):
    return next(cell for cell in lesson.cells if text in cell.source)


def unrun(lesson):
    for cell in hygiene.code_cells(lesson):
        cell.execution_count = None


def run_out_of_order(lesson):
    hygiene.code_cells(lesson)[3].execution_count = 40


def stderr(lesson):
    first(lesson, "print(0)").outputs = [new_output("stream", name="stderr", text="warning")]


def prints(text):
    def spoil(lesson):
        first(lesson, "print(0)").outputs = [printed(text)]

    return spoil


def replaces(old, new):
    def spoil(lesson):
        cell = first(lesson, old)
        cell.source = cell.source.replace(old, new)

    return spoil


def no_alt_text(lesson):
    first(lesson, "draw()").metadata = {}


def unclear_tolerance(lesson):
    first(lesson, "print(0)").metadata["compare"] = {"rtol": 0.02}


def ignored_without_a_reason(lesson):
    first(lesson, "print(0)").metadata["tags"] = ["nbval-ignore-output"]


def unknown_tag(lesson):
    first(lesson, "print(0)").metadata["tags"] = ["hide"]


def unmeant_error(lesson):
    first(lesson, "1 / 0").metadata["tags"] = []


def mistake_that_works(lesson):
    first(lesson, "1 / 0").outputs = [printed("0\n")]


def no_solution(lesson):
    lesson.cells.remove(first(lesson, "<details>"))


def drifted_solution(lesson):
    cell = first(lesson, "<details>")
    cell.source = cell.source.replace("check.two(answer)", "check.three(answer)")


def solution_with_a_stub(lesson):
    cell = first(lesson, "<details>")
    cell.source = cell.source.replace("answer = 2\n", "answer = ...\nanswer = 2\n")


def nothing_to_replace(lesson):
    first(lesson, "check.two").source = "answer = 2\ncheck.two(answer)"


def no_mistake(lesson):
    lesson.cells.remove(first(lesson, "1 / 0"))
    for count, cell in enumerate(hygiene.code_cells(lesson), 1):
        cell.execution_count = count


def no_exercise(lesson):
    for cell in lesson.cells:
        if "exercise" in hygiene.tags(cell):
            cell.metadata = {}


def no_question(lesson):
    for number in (1, 2, 3):
        first(lesson, f'quiz.ask("90", {number})').source = "print(0)"


def no_prediction(lesson):
    for number in (1, 2, 3):
        cell = first(lesson, f"**Predict {number}.**")
        cell.source = cell.source.replace("Predict", "Think")


def check_that_cannot_fail(lesson):
    first(lesson, "check.two").outputs = [printed("Correct. Any answer will do.\n")]


def no_navigation(lesson):
    lesson.cells[0].metadata = {}


def no_setup(lesson):
    first(lesson, "import mxnet").metadata = {}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (unrun, "not executed from top to bottom"),
        (run_out_of_order, "not executed from top to bottom"),
        (stderr, "stderr"),
        (prints("/home/ada/photo.png\n"), "an absolute path"),
        (prints("saved to /tmp/photo.png\n"), "an absolute path"),
        (prints("It took 3.2 s\n"), "a timing"),
        (prints("12 ms a picture\n"), "a timing"),
        (prints("[<matplotlib.lines.Line2D at 0x7f0>]\n"), "an object's repr"),
        (prints("Text(0.5, 1.0, 'title') <Figure size 640x480 with 1 Axes>\n"), "an object's repr"),
        (no_alt_text, "without alt text"),
        (unclear_tolerance, "gives no reason"),
        (ignored_without_a_reason, 'without a "reason"'),
        (replaces("print(0)", "!pip install mxnet"), "a shell line"),
        (replaces("print(0)", "%matplotlib inline"), "a magic"),
        (replaces("print(0)", "import sys; sys.path.insert(0, '..')"), "sys.path"),
        (replaces("print(0)", "print(0);"), "semicolon"),
        (replaces("print(0)", ""), "is empty"),
        (unknown_tag, "unknown tags"),
        (replaces("What?", "What fun!"), "exclamation mark"),
        (replaces("What?", "What? \U0001f600"), "emoji"),
        (unmeant_error, "is not tagged"),
        (mistake_that_works, "does not fail"),
        (no_navigation, "navigation line"),
        (no_setup, "tagged 'setup'"),
        (replaces("# 90. A lesson", "# A lesson"), "has no title"),
        (replaces("**Time** 5 minutes", ""), "**Time**"),
        (replaces("## Recap", "## The end"), "'## Recap'"),
        (replaces("## In practice", "## Exercises"), "In practice"),
        (replaces("**Predict 2.**", "**Predict 5.**"), "numbers its predictions"),
        (no_prediction, "asks for no prediction"),
        (no_mistake, "no mistake and its cure"),
        (no_question, "asks no question"),
        (no_exercise, "has no exercise"),
        (replaces("print(0)", "assert 1 == 1"), "only a test needs: 'assert'"),
        (replaces("print(0)", "print(0)  # fmt: skip"), "only a test needs: '# fmt:'"),
        (replaces("draw()", "draw(alt='A cat.')"), "only a test needs: 'alt='"),
        (no_solution, "no cell tagged 'solution'"),
        (drifted_solution, "is not its solution"),
        (solution_with_a_stub, "is not its solution"),
        (nothing_to_replace, "is not its solution"),
        (check_that_cannot_fail, "is solved already"),
        (replaces("glossary.ipynb#array", "glossary.ipynb#nowhere"), "does not explain"),
        (replaces("[array](glossary.ipynb#array)", "array"), "links no word"),
        (replaces("What?", "[What](missing.ipynb)"), "does not exist"),
    ],
)
def test_a_spoiled_lesson_is_rejected(lesson, problems, spoil, complaint):
    spoiled = copy.deepcopy(lesson)
    spoil(spoiled)
    assert spoiled != lesson, "the test spoils nothing"
    found = problems(spoiled)
    assert any(complaint in problem for problem in found), found


def test_a_lesson_may_be_long_and_ask_little(lesson, problems):
    lesson.cells = [cell for cell in lesson.cells if 'quiz.ask("90", 3)' not in cell.source]
    lesson.cells[6:6] = [code("\n".join(["print(0)"] * 40), printed("0\n" * 40)) for _ in range(30)]
    for count, cell in enumerate(hygiene.code_cells(lesson), 1):
        cell.execution_count = count
    assert problems(lesson) == []


@pytest.mark.parametrize(
    ("exercise", "solution", "agree"),
    [
        ("x = ...\ncheck.x(x)", "x = 1\ncheck.x(x)", True),
        ("x = ...  # your code\ncheck.x(x)", "y = 1\n\nx = y\ncheck.x(x)", True),
        (
            "def f(a):\n    return ...\n\n\ncheck.f(f)",
            "def f(a):\n    b = a[..., 0]\n    return b\n\n\ncheck.f(f)",
            True,
        ),
        ("x = ...\ncheck.x(x)", "x = 1\ncheck.y(x)", False),
        ("x = ...\ncheck.x(x)", "check.x(x)", False),
        ("x = ...\ncheck.x(x)", "x = ...\nx = 1\ncheck.x(x)", False),
        ("def f(a):\n    return ...\n\n\ncheck.f(f)", "def f(b):\n    return b\n\n\ncheck.f(f)", False),
        ("a, b = ..., ...\nz = a[..., 1]\ncheck.x(z)", "a, b = 1, 2\nz = a[..., 2]\ncheck.x(z)", False),
    ],
)
def test_an_exercise_is_its_solution_with_lines_left_out(exercise, solution, agree):
    assert hygiene.is_made_from(exercise, solution) is agree


def test_an_ignored_output_with_a_reason_may_hold_a_timing(lesson, problems):
    prints("It took 3.2 s\n")(lesson)
    metadata = {"tags": ["nbval-ignore-output"], "reason": "The time differs from machine to machine."}
    first(lesson, "print(0)").metadata.update(metadata)
    assert problems(lesson) == []


def test_a_cell_of_times_may_hold_a_timing(lesson, problems):
    prints("It took 3.2 s\n")(lesson)
    first(lesson, "print(0)").metadata["compare"] = "words"
    assert problems(lesson) == []


def test_a_reference_notebook_need_not_follow_the_template(lesson, problems, tmp_path):
    lesson.cells = lesson.cells[:3]
    nbformat.write(lesson, tmp_path / "common-errors.ipynb")
    assert hygiene.inspect(tmp_path / "common-errors.ipynb") == []
