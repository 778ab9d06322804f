"""The pages to read: all lessons in order, whole, each link leading somewhere, and nothing fetched from elsewhere."""

import json
import re
from base64 import b64decode
from urllib.parse import unquote, urlsplit

import build_site
import mathml
import nbformat
import pytest
from bs4 import BeautifulSoup
from lessons import ROOT, hygiene
from nbformat.v4 import new_markdown_cell, new_notebook

import notebooks

PATHS = notebooks.in_order()
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def pages(site):
    return read(site)


def read(folder):
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in folder.glob("*.html")}


def broken_links(pages):
    """Return each link and picture that leads to no file, or to no place in a page."""
    ids = {path.resolve(): {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    broken = set()
    for path, page in pages.items():
        for tag in page.find_all(True):
            for target in filter(None, (tag.get("href"), tag.get("src"))):
                parts = urlsplit(target)
                if parts.scheme or parts.netloc or target == "#":
                    continue
                file = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
                place = unquote(parts.fragment)
                if not file.is_file() or (place and file in ids and place not in ids[file]):
                    broken.add(f"{path.name}: {target}")
    return broken


def fetched_from_elsewhere(folder, pages):
    """Return what a browser would fetch from another machine: scripts, styles, fonts, pictures."""
    found = set()
    for path, page in pages.items():
        for tag in page.find_all(list(FETCHED)):
            if re.match(r"(\w+:)?//", tag.get(FETCHED[tag.name], "")):
                found.add(f"{path.name}: {tag[FETCHED[tag.name]]}")
    for path in folder.rglob("*.css"):
        style = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found |= {
            f"{path.name}: {hit}" for hit in re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^)\"']+)", style)
        }
    return found


def page_of(pages, path):
    [page] = [page for file, page in pages.items() if file.stem == path.stem]
    return page


def outputs(path):
    return [output for cell in hygiene.code_cells(nbformat.read(path, as_version=4)) for output in cell.outputs]


def stored_pictures(path):
    """Return each picture that a notebook stores, with its alt text."""
    cells = hygiene.code_cells(nbformat.read(path, as_version=4))
    return [
        (b64decode(output.data["image/png"]), hygiene.alt_text(cell))
        for cell in cells
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def words(text):
    return " ".join(text.split())


def test_the_sidebar_has_every_notebook_in_the_order_of_the_course(pages):
    wanted = [path.stem for path in PATHS]
    for path, page in pages.items():
        links = [link["href"] for link in page.find(id="pst-primary-sidebar").select("nav a.internal")]
        course = [path.stem if link == "#" else link.removesuffix(".html") for link in links]
        assert [name for name in course if name in wanted] == wanted, path.name


def test_no_link_is_broken(pages):
    assert broken_links(pages) == set()


def test_nothing_is_fetched_from_elsewhere(site, pages):
    assert fetched_from_elsewhere(site, pages) == set()


def test_the_checks_of_links_find_what_is_wrong(tmp_path):
    (tmp_path / "there.html").write_text('<p id="here">', encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<a href="there.html#here">right</a> <a href="gone.html">gone</a> <a href="there.html#nowhere">lost</a>'
        '<img src="gone.png"> <script src="https://cdn.example/x.js"></script> <a href="https://example.org">out</a>',
        encoding="utf-8",
    )
    (tmp_path / "a.css").write_text("/* url(//fine) */ @font-face { src: url(//fonts.example/f.woff2) }")
    pages = read(tmp_path)
    assert broken_links(pages) == {
        f"index.html: {target}" for target in ("gone.html", "there.html#nowhere", "gone.png")
    }
    elsewhere = {"index.html: https://cdn.example/x.js", "a.css: //fonts.example/f.woff2"}
    assert fetched_from_elsewhere(tmp_path, pages) == elsewhere


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_page_shows_what_its_notebook_stores(pages, path):
    page = page_of(pages, path)
    stored = outputs(path)
    shown = words(page.find("article").get_text())
    cells = hygiene.code_cells(nbformat.read(path, as_version=4))
    alts = [
        hygiene.alt_text(cell) for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    assert [picture["alt"] for picture in page.select("article img")] == alts
    for output in stored:
        if output.output_type == "error":
            assert words(f"{output.ename}: {output.evalue}") in shown
        elif output.output_type == "stream":
            assert words(output.text) in shown
        elif "text/html" in output.data:
            made = mathml.in_html(output.data["text/html"])
            assert words(BeautifulSoup(made, "html.parser").get_text()) in shown


FORMULA = re.compile(r"\$(?=\S)[^$\n]+(?<=\S)\$")


def test_every_formula_is_a_formula_on_its_page(pages):
    counted = 0
    for path in PATHS:
        article = page_of(pages, path).find("article")
        formulas = article.find_all("math")
        counted += len(formulas)
        assert not [str(formula) for formula in formulas if "\\" in formula.get_text()], path.name
        for code in article.find_all(["pre", "code", "math"]):
            code.decompose()
        assert not FORMULA.findall(article.get_text()), path.name
    assert counted > 40


def test_a_formula_in_an_output_is_made_one():
    assert mathml.in_html(r'<p>so <span class="math">\(n^2\)</span></p>').startswith("<p>so <math ")


def test_a_formula_in_a_summary_is_made_one_and_prices_are_left():
    made = mathml.in_summaries("costs $2 and $x$\n<summary>Is $x^2$ 4 for $5 ?</summary>")
    assert made.startswith("costs $2 and $x$\n<summary>Is <math ")
    assert made.endswith("</math> 4 for $5 ?</summary>")


def test_a_quiz_unfolds_its_answers(pages):
    choices = page_of(pages, PATHS[0]).select("article .text_html details")
    assert len(choices) >= 6
    assert {words(choice.find("p").get_text()).partition(".")[0] for choice in choices} == {"Correct", "Not this one"}
    assert not any(choice.has_attr("open") for choice in choices)


def test_the_front_page_shows_the_detector_at_work_and_how_to_run_it(site, pages):
    page = pages[site / "index.html"]
    picture = page.select_one("article figure img")
    shown = (site / picture["src"]).read_bytes()
    [alt] = [alt for stored, alt in stored_pictures(PATHS[0]) if stored == shown]
    assert picture["alt"] == alt
    assert "boxes" in alt
    assert "Joseph Redmon" in page.find("figcaption").get_text()
    assert page.select_one(f"article a[href='{PATHS[0].stem}.html']")
    assert "make lab" in page.select_one("article pre").get_text()
    assert "data/seen.png" in (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")[2]  # what it stands for


def test_a_downloaded_notebook_is_the_stored_one(site, pages):
    for path in PATHS:
        link = page_of(pages, path).select_one("a.btn-download-source-button")
        assert link["href"] == f"_sources/{path.name}"
        assert json.loads((site / link["href"]).read_text()) == json.loads(path.read_text())


def test_links_between_files_become_links_between_pages():
    brought = set()
    text = "[a](../notebooks/01-ndarray.ipynb#shapes) [b](../LICENSE) [c](https://example.org) [d](gone.md) [e](#here)"
    turned = build_site.relink(text, ROOT / "tools", brought)
    assert turned == "[a](/01-ndarray.ipynb#shapes) [b](/LICENSE) [c](https://example.org) [d](gone.md) [e](#here)"
    assert brought == {ROOT / "LICENSE"}


@pytest.mark.parametrize(("link", "built"), [("01-one.ipynb", True), ("gone.ipynb", False)])
def test_a_link_that_leads_nowhere_stops_the_build_and_leaves_the_old_pages(tmp_path, monkeypatch, link, built):
    lesson = tmp_path / "01-one.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 01. One")]), lesson)
    monkeypatch.setattr(notebooks, "in_order", lambda: [lesson])
    monkeypatch.setattr(build_site, "landing_picture", lambda: (b"", ""))
    monkeypatch.setattr(build_site, "front_page", lambda readme: f"# Front\n\n[a link]({link})\n")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("old")
    assert (build_site.build(site) == 0) == built
    assert ((site / "index.html").read_text() != "old") == built
