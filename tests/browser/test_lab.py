"""JupyterLab as `make lab` opens it, in a browser: run a lesson, do an exercise, turn a detector's knobs."""

import base64
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from lessons import NOTEBOOKS, ROOT, hygiene
from PIL import Image
from playwright.sync_api import expect

from gluon_lessons import plot

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(600)]
LESSONS = ("00-start-here.ipynb", "11-detect.ipynb")
PATIENCE = 150_000  # milliseconds for what computes


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of JupyterLab, started by its command in a copy of the course, since it saves what one does."""
    copy = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "gluon_lessons", copy / "gluon_lessons", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "notebooks").mkdir()
    for name in ("checks", "quizzes"):
        shutil.copytree(NOTEBOOKS / name, copy / "notebooks" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LESSONS:
        shutil.copy(NOTEBOOKS / name, copy / "notebooks")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    surroundings = os.environ | {name: str(copy / name.lower()) for name in places}
    surroundings["PYTHONPATH"] = os.pathsep.join([str(copy), os.environ["PYTHONPATH"]])
    options = ["--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=test"]
    command = [Path(sys.executable).with_name("gluon-lessons"), "lab", *options]
    with (copy / "log").open("w") as log:
        server = subprocess.Popen(command, env=surroundings, cwd=copy, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/api", server, copy / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address, server, log):
    for _ in range(300):
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def first_lesson(tab, lab):
    """The first lesson in JupyterLab, as it greets the learner."""
    page = tab(1400, 1000)
    page.goto(f"{lab}/?token=test")
    ready(page, "what a computer can see")
    yield page
    assert page.strangers == []


def cell(page, text):
    return page.locator(".jp-Notebook .jp-CodeCell").filter(has=page.locator(".cm-content", has_text=text)).first


def ready(page, text):
    """Wait until a notebook that holds this text is shown and its kernel listens: what is run earlier is lost."""
    expect(page.locator(".jp-Notebook:visible", has_text=text)).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-StatusBar-TextItem", has_text="ipykernel) | Idle")).to_be_visible(timeout=60_000)


def choose(page, menu, item):
    page.locator(".lm-MenuBar-itemLabel", has_text=menu).first.click()
    page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()


def write_and_run(page, at, code):
    """Put code in place of a cell's own, run it, and return where its answer appears."""
    at.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    return at.locator(".jp-OutputArea-output")


def stored_pictures(name):
    cells = hygiene.code_cells(nbformat.read(NOTEBOOKS / name, as_version=4))
    return sum("image/png" in output.get("data", {}) for part in cells for output in part.outputs)


def picture(image):
    """Return a shown picture's pixels."""
    data = image.get_attribute("src").partition("base64,")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def has_boxes(pixels):
    """Say whether a box is drawn: whether a hundred pixels have exactly one of the colours of boxes."""
    colours = [bytes.fromhex(colour[1:]) for colour in plot.COLOURS[:3]]
    return any((pixels == list(colour)).all(axis=-1).sum() > 100 for colour in colours)


def test_nothing_stands_before_the_first_lesson(first_lesson, keep):
    page = first_lesson
    page.wait_for_timeout(3000)  # questions come late
    keep(page, "lab-first")
    assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []
    expect(page.locator("h1", has_text="what a computer can see")).to_be_in_viewport()


def test_the_first_lesson_runs_from_top_to_bottom_and_draws_boxes(first_lesson, keep):
    page = first_lesson
    pictures = page.locator(".jp-Notebook .jp-OutputArea-output img")
    expect(pictures).not_to_have_count(0)
    choose(page, "Edit", "Clear Outputs of All Cells")
    expect(pictures).to_have_count(0)
    choose(page, "Run", "Run All Cells")
    last = cell(page, "check.empty_boxes(empty_boxes)")
    expect(last.locator(".jp-OutputArea-output")).to_contain_text("Not attempted yet.", timeout=PATIENCE)
    expect(pictures).to_have_count(stored_pictures("00-start-here.ipynb"))
    plain, found = cell(page, 'photos.read("street")'), cell(page, 'found = predict.detect("street")')
    cell(page, 'found = predict.detect("street")').locator(".cm-content").click()  # scrolls there, for the picture kept
    keep(page, "lab-boxes")
    assert has_boxes(picture(found.locator("img")))
    assert not has_boxes(picture(plain.locator("img")))
    mistake = cell(page, 'predict.detect("dgo")')
    expect(mistake.locator(".jp-OutputArea-output")).to_contain_text("Did you mean dog?")


def test_an_exercise_answers_wrong_and_right_and_a_quiz_unfolds(first_lesson, keep):
    page = first_lesson
    cell(page, "from gluon_lessons.course.check import lesson_00 as check").locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    exercise = cell(page, "check.tallest(tallest)")
    solution = "tallest = lambda photo, kind: {}\n\ncheck.tallest(tallest)"
    wrong = solution.format("-1")
    expect(write_and_run(page, exercise, wrong)).to_contain_text("Not yet.", timeout=PATIENCE)
    exercise = cell(page, "check.tallest(tallest)")
    heights = "(bottom - top for (_, top, _, bottom), name in zip(found.boxes, found.names) if name == kind)"
    right = solution.format(f"max({heights}, default=0) if (found := predict.detect(photo)) else 0")
    expect(write_and_run(page, exercise, right)).to_contain_text("Correct.", timeout=PATIENCE)
    keep(page, "lab-exercise")
    quiz = cell(page, 'quiz.ask("00", 1)')
    verdict = quiz.locator("details", has_text="Semantic segmentation").get_by_text("Correct.")
    expect(verdict).not_to_be_visible()
    quiz.locator("summary", has_text="Semantic segmentation").click()
    expect(verdict).to_be_visible()
    keep(page, "lab-quiz")


def test_the_sliders_of_the_detector_change_the_picture(tab, lab, keep):
    page = tab(1400, 1000)
    page.goto(f"{lab}/lab/tree/my-lessons/11-detect.ipynb?token=test")
    ready(page, "What is where: detect objects")
    for part in (cell(page, "from gluon_lessons.course.check import lesson_11 as check"), cell(page, "plot.sliders(")):
        part.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
    knobs = cell(page, "plot.sliders(")
    image = knobs.locator("img")
    expect(image).to_be_visible(timeout=PATIENCE)
    knobs.scroll_into_view_if_needed()
    keep(page, "lab-sliders-before")
    before = picture(image)
    assert has_boxes(before)
    threshold = knobs.locator("[role=slider], .noUi-handle").first
    threshold.focus()
    source = image.get_attribute("src")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(image).not_to_have_attribute("src", source, timeout=PATIENCE)
    keep(page, "lab-sliders-after")
    assert (picture(image) != before).any()
    assert page.strangers == []
