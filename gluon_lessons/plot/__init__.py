"""Figures of the course in one style: each function draws and returns a figure, which shows itself at a cell's end.

    plot.images([photo], ["a cat"])

Within a loop or a function, `display(figure)` shows it. What it shows in words, for those who cannot see it, stands in
the cell's metadata as `mystnb.image.alt`.
"""

from gluon_lessons.plot.charts import bars, cells, confusion, curves
from gluon_lessons.plot.diagrams import diagram, graph, stack
from gluon_lessons.plot.page import COLOURS, DPI, LINES, MARKERS, STYLE, WIDTH, panels, sliders
from gluon_lessons.plot.pictures import BONES, as_picture, boxes, boxes_side_by_side, draw_boxes, images, mask, poses

__all__ = [
    "BONES", "COLOURS", "DPI", "LINES", "MARKERS", "STYLE", "WIDTH", "as_picture", "bars", "boxes",
    "boxes_side_by_side", "cells", "confusion", "curves", "diagram", "draw_boxes", "graph", "images", "mask",
    "panels", "poses", "sliders", "stack",
]  # fmt: skip
