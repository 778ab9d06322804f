"""What the tests know about the lessons: which there are, and which exercises each one has."""

import importlib
import re
from pathlib import Path

import hygiene
import nbformat

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"

LESSONS = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if hygiene.is_lesson(path))


def check_module(path):
    """Return the module that marks a lesson's exercises."""
    number = path.stem.partition("-")[0]
    return importlib.import_module(f"gluon_lessons.course.check.lesson_{number}")


def exercise_names(path):
    cells = nbformat.read(path, as_version=4).cells
    return [re.search(r"check\.(\w+)\(", cell.source)[1] for cell in cells if "exercise" in hygiene.tags(cell)]
