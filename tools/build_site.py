"""Make pages to read of the README and the stored notebooks, with Sphinx. Nothing is executed.

    python tools/build_site.py [FOLDER]      the folder is site/ when none is named

The pages need nothing but themselves: fonts, scripts and the search lie beside them. A picture's alt text is the one in
its cell's metadata. This file is Sphinx's settings too.
"""

import argparse
import re
import shutil
import sys
import tempfile
from base64 import b64decode
from pathlib import Path

import nbformat
from sphinx.application import Sphinx
from sphinx.util.console import color_terminal, nocolor
from sphinx.util.docutils import docutils_namespace

sys.path.insert(0, str(Path(__file__).parent))
import hygiene
import mathml

import notebooks
from gluon_lessons import photos

ROOT = Path(__file__).resolve().parent.parent
OWN_FILES = ROOT / "tools" / "site"

# Where a part of the course begins, by the first letters of a notebook's name.
PARTS = {"00": "Gluon from the ground", "10": "Seeing", "16": "In the cloud", "appendix": "Beside the way"}
LOOK_UP = "To look up"
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")
LANDING = "found.png"

SETTINGS = {
    "project": "Gluon Lessons",
    "html_title": "Gluon Lessons",
    "language": "en",
    "highlight_language": "none",
    "extensions": ["myst_nb", "sphinx_copybutton", "mathml"],
    "myst_enable_extensions": ["dollarmath"],
    "html_math_renderer": "mathml",
    "nb_execution_mode": "off",
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "build_site.anchor",
    # Each notebook stands alone, and its own heading is the page's title.
    "suppress_warnings": ["myst.header", "misc.highlighting_failure"],
    "copybutton_selector": "div.notranslate:not(.output) > div.highlight pre",  # code, and not what it printed
    "html_context": {"default_mode": "auto"},  # light or dark, as the reader's system is
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "navbar_start": [],  # one search and one list of pages is enough: both are in the sidebar
        "navbar_persistent": [],
        "use_fullscreen_button": False,
        "home_page_in_toc": True,
        "show_toc_level": 2,
        "toc_title": "On this page",
        "footer_content_items": "extra-footer.html",
        "extra_footer": "Made of the stored notebooks: what they show was computed, and is compared on every change.",
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
    },
    "templates_path": [str(OWN_FILES / "templates")],
    "html_sidebars": {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]},
    "html_static_path": [str(OWN_FILES / "static")],
    "html_css_files": ["site.css"],
    "html_js_files": ["quiz.js"],
    "html_favicon": str(OWN_FILES / "static" / "favicon.svg"),
    "html_sourcelink_suffix": "",
    "html_use_index": False,
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    site = parser.parse_args(arguments).folder
    failed = build(site)
    if not failed:
        print(f"The pages begin at {site / 'index.html'}.")
    return failed


def build(site):
    """Make the site whole or not at all: a warning of Sphinx, such as a link that leads nowhere, is an error."""
    if not color_terminal():
        nocolor()
    with tempfile.TemporaryDirectory() as work, docutils_namespace():
        pages, made = Path(work, "pages"), Path(work, "site")
        gather(pages)
        sphinx = Sphinx(
            srcdir=pages, confdir=None, outdir=made, doctreedir=Path(work, "doctrees"), buildername="html",
            confoverrides=SETTINGS, status=None, parallel=2, keep_going=True, warningiserror=True,
        )  # fmt: skip
        sphinx.build()
        if sphinx.statuscode:
            return sphinx.statuscode
        for path in notebooks.in_order():  # who downloads a notebook gets it as it is stored
            shutil.copyfile(path, made / "_sources" / path.name)
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(made, site)
    return 0


def gather(pages):
    """Lay out what Sphinx reads: each notebook, the README as the front page, and the files that they link to."""
    pages.mkdir(parents=True)
    paths = notebooks.in_order()
    brought = set()
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        for cell in notebook.cells:
            if "navigation" in hygiene.tags(cell):  # the pages have a sidebar, and arrows at their end
                cell.source = "To run this page rather than read it: [set the course up](index.md), then `make lab`."
            for output in cell.get("outputs", []):
                if output.output_type == "error":  # stored without its traceback, which is all that MyST-NB shows
                    output.traceback = [f"{output.ename}: {output.evalue}"]
                elif "text/html" in output.get("data", {}):
                    output.data["text/html"] = mathml.in_html(output.data["text/html"])
            if cell.cell_type == "markdown":
                cell.source = mathml.in_summaries(relink(cell.source, path.parent, brought))
        nbformat.write(notebook, pages / path.name)
    (pages / LANDING).write_bytes(landing_picture()[0])
    front = front_page(relink((ROOT / "README.md").read_text(encoding="utf-8"), ROOT, brought))
    documents = bring(brought, pages)
    (pages / "index.md").write_text(front + contents(paths, documents), encoding="utf-8")


def bring(files, pages):
    """Copy files of the repository that pages link to, and what those link to; return those that become pages."""
    waiting, documents, seen = list(files), [], set(files)
    while waiting:
        source = waiting.pop()
        name = source.relative_to(ROOT)
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            linked = set()
            (pages / name).write_text(
                relink(source.read_text(encoding="utf-8"), source.parent, linked), encoding="utf-8"
            )
            documents.append(str(name))
            waiting += linked - seen
            seen |= linked
        else:
            shutil.copyfile(source, pages / name)
    return sorted(documents)


def relink(text, folder, brought):
    """Turn links between files of the repository into links between pages; note in `brought` which files that takes."""

    def follow(match):
        target = (folder / match[1]).resolve()
        if not target.is_file() or not target.is_relative_to(ROOT):
            return match[1]  # Sphinx says what is wrong with it
        if target.parent == notebooks.NOTEBOOKS:
            return f"/{target.name}"
        if target == ROOT / "README.md":
            return "/index.md"
        brought.add(target)
        return f"/{target.relative_to(ROOT)}"

    return LINK.sub(follow, text)


def front_page(readme):
    """Return the README with a photograph in which the first lesson finds things, in place of its own picture."""
    title, first, _, rest = readme.split("\n\n", 3)
    alt, photo = landing_picture()[1], photos.about("dog")
    picture = (
        f"```{{figure}} {LANDING}\n:alt: {alt}\n\n"
        "What the detector of [the first lesson](/00-start-here.ipynb) finds, in three lines of code. "
        f"Photograph: {photo.title}; licence: {photo.licence.rstrip('.')}.\n```"
    )
    begin = "**[Begin with the first lesson](/00-start-here.ipynb)**, or set the course up and run it:"
    return "\n\n".join([title, first, picture, begin, rest])


def landing_picture():
    """Return the picture, as PNG, that the first lesson stores where it detects in "dog", and its alt text."""
    first = notebooks.in_order()[0]
    for cell in hygiene.code_cells(nbformat.read(first, as_version=4)):
        for output in cell.outputs:
            detects = "predict.detect(" in cell.source and '"dog"' in cell.source
            if detects and "image/png" in output.get("data", {}):
                return b64decode(output.data["image/png"]), hygiene.alt_text(cell)
    raise SystemExit(f"{first.name} stores no picture of what it detects, and the front page needs one.")


def contents(paths, documents):
    """Return the lists of pages that make the sidebar."""
    parts = {}
    part = None
    for path in paths:
        if path.stem in notebooks.LAST:
            part = LOOK_UP
        part = next((name for start, name in PARTS.items() if path.stem.startswith(start)), part)
        parts.setdefault(part, []).append(path.name)
    parts.setdefault(LOOK_UP, []).extend(documents)
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n{chr(10).join(pages)}\n```\n" for name, pages in parts.items()
    )


def anchor(heading):
    """Name a heading as JupyterLab does, so that links lead to the same place in both."""
    return heading.replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
