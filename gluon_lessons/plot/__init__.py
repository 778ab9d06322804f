"""Figures of the course, in one style, shown with alt text and one checkable fact beside them.

A drawing function returns a figure; `show` puts it on the page:

    plot.show(plot.images([photo], ["a cat"]), alt="A photograph of a cat.", fact="The photograph is 300 pixels high.")
"""

from gluon_lessons.plot.charts import bars, cells, confusion, curves
from gluon_lessons.plot.diagrams import diagram, graph, stack
from gluon_lessons.plot.page import COLOURS, DPI, LINES, MARKERS, STYLE, WIDTH, panels, show, sliders
from gluon_lessons.plot.pictures import BONES, as_picture, boxes, boxes_side_by_side, draw_boxes, images, mask, poses

__all__ = [
    "BONES", "COLOURS", "DPI", "LINES", "MARKERS", "STYLE", "WIDTH", "as_picture", "bars", "boxes",
    "boxes_side_by_side", "cells", "confusion", "curves", "diagram", "draw_boxes", "graph", "images", "mask",
    "panels", "poses", "show", "sliders", "stack",
]  # fmt: skip
