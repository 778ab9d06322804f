"""A Sphinx extension: formulas become MathML while the pages are built, so that a reader's browser needs no script."""

import re

from docutils import nodes
from latex2mathml.converter import convert

IN_OUTPUT = re.compile(r'<span class="math">\\\((.+?)\\\)</span>', re.DOTALL)  # what gluon_lessons.course.quiz writes

SUMMARY = re.compile(r"<summary>.*?</summary>", re.DOTALL)  # HTML within Markdown, which MyST leaves as it is
FORMULA = re.compile(r"\$(?=\S)([^$\n]+)(?<=\S)\$")


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(translator, node):
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode


def in_html(text):
    """Return the HTML of an output with its formulas as MathML."""
    return IN_OUTPUT.sub(lambda found: convert(found[1]), text)


def in_summaries(text):
    """Return Markdown with the formulas in its <summary> lines as MathML."""
    return SUMMARY.sub(lambda line: FORMULA.sub(lambda found: convert(found[1]), line[0]), text)
