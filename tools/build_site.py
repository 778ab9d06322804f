"""The bindery: makes pages to read of the stored notebooks, with Sphinx, in the folder site/.

    python tools/build_site.py

The notebooks are shown as they are stored; nothing is executed.
"""

import shutil
import sys
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

import notebooks as press

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "pages"
SITE = ROOT / "site"

SETTINGS = {
    "project": "Gluon Lessons",
    "html_title": "Gluon Lessons",
    "html_theme": "sphinx_book_theme",
    "extensions": "myst_nb,sphinx_copybutton",
    "nb_execution_mode": "off",
    "myst_heading_anchors": "4",
    "myst_heading_slug_func": "build_site.anchor",
    # Each notebook stands alone, and its own heading is the page's title.
    "suppress_warnings": "myst.header,misc.highlighting_failure",
}


def main():
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    PAGES.mkdir(parents=True)
    lessons = press.in_order()
    for path in lessons:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.language_info.pygments_lexer = "ipython3"  # the stored form says no more than it must
        nbformat.write(notebook, PAGES / path.name)
    (PAGES / "index.md").write_text(front_page(lessons), encoding="utf-8")
    settings = [word for name, value in SETTINGS.items() for word in ("-D", f"{name}={value}")]
    failed = sphinx(["-C", "-q", "-b", "html", "-j", "2", *settings, str(PAGES), str(SITE)])
    if not failed:
        print(f"The pages begin at {SITE / 'index.html'}.")
    return failed


def anchor(heading):
    """Name a heading as JupyterLab does, so that links lead to the same place in both."""
    return heading.replace(" ", "-")


def front_page(lessons):
    contents = "\n".join(path.stem for path in lessons)
    return f"# Gluon Lessons\n\n{press.lesson_table(lessons, '')}\n\n```{{toctree}}\n:hidden:\n\n{contents}\n```\n"


if __name__ == "__main__":
    sys.exit(main())
