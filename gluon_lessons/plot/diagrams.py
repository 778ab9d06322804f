"""Networks and systems: blocks and arrows, a symbol's graph, and the shapes that flow through layers."""

import json
import textwrap
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gluon_lessons.plot.page import COLOURS, panels


def diagram(
    blocks: Mapping[str, tuple[float, float]],
    arrows: Iterable[tuple[str, str, str]] = (),
    *,
    height: float = 1.4,
    highlight: Container[str] = (),
) -> Figure:
    """Draw named blocks joined by arrows; `blocks` maps a text to its (column, row), an arrow is (from, to, text).

    `height` is that of one row.
    """
    columns = max(column for column, _ in blocks.values()) + 1
    rows = max(row for _, row in blocks.values()) + 1
    figure, axis = panels(height=height * rows)
    across, down = 0.78, 0.5  # a block's share of its place; the rest is for the arrows
    for text, (column, row) in blocks.items():
        colour = COLOURS[1] if text in highlight else "#e8eef4"
        corner = (column + (1 - across) / 2, row + (1 - down) / 2)
        axis.add_patch(Rectangle(corner, across, down, facecolor=colour, edgecolor="black"))
        axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9)
    for start, end, text in arrows:
        (x1, y1), (x2, y2) = ((column + 0.5, row + 0.5) for column, row in (blocks[start], blocks[end]))
        if y1 == y2:
            reach = across / 2 * np.sign(x2 - x1)
            x1, x2 = x1 + reach, x2 - reach
        else:
            reach = down / 2 * np.sign(y2 - y1)
            y1, y2 = y1 + reach, y2 - reach
        axis.annotate("", (x2, y2), (x1, y1), arrowprops={"arrowstyle": "-|>", "color": "black"})
        if text:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axis.text((x1 + x2) / 2, (y1 + y2) / 2, text, ha="center", va="center", fontsize=8, bbox=box)
    axis.set_xlim(0, columns)
    axis.set_ylim(rows, 0)  # the first row on top
    axis.axis("off")
    return figure


def graph(symbol: Any, *, height: float = 1.5) -> Figure:
    """Draw what a symbol computes, from its JSON: a box per step, an arrow to each step that reads what it gives.

    Learned numbers are left out. A step stands one column after the last that it waits for.
    """
    nodes = json.loads(symbol.tojson())["nodes"]
    learned = {index for index, node in enumerate(nodes) if node["op"] == "null" and "attrs" in node}
    places, arrows, taken = {}, [], {}
    for index, node in enumerate(nodes):
        if index not in learned:
            sources = list(dict.fromkeys(source for source, *_ in node["inputs"] if source not in learned))
            column = max((places[source][0] + 1 for source in sources), default=0)
            places[index] = (column, taken.get(column, 0))
            taken[column] = places[index][1] + 1
            arrows += [(source, index) for source in sources]
    figure, axis = panels(height=height * max(taken.values()))
    wide, high = 0.84, 0.42  # a box's share of its place; the rest is for the arrows
    letters = 105 // len(taken)  # that fit into a box
    for index, (column, row) in places.items():
        colour = "#e8eef4" if nodes[index]["op"] != "null" else "white"
        corner = (column - wide / 2, row - high / 2)
        axis.add_patch(Rectangle(corner, wide, high, facecolor=colour, edgecolor="black"))
        label = textwrap.fill(nodes[index]["name"].removesuffix("_fwd").replace("_", " ").strip(), letters)
        axis.text(column, row, label, ha="center", va="center", fontsize=7.5)
    for start, end in arrows:
        (x1, y1), (x2, y2) = places[start], places[end]
        style = {"arrowstyle": "-|>", "color": "black"}
        if y1 == y2 and x2 - x1 > 1:  # over the boxes between
            style["connectionstyle"] = "bar,fraction=-0.08"
            ends = (x1, y1 - high / 2), (x2, y2 - high / 2)
        else:
            ends = (x1 + wide / 2, y1), (x2 - wide / 2, y2)
        axis.annotate("", ends[1], ends[0], arrowprops=style | {"shrinkA": 0, "shrinkB": 0})
    axis.set_xlim(-0.5, max(taken) + 0.5)
    axis.set_ylim(max(taken.values()) - 0.5, -0.6)  # the first row on top
    axis.axis("off")
    return figure


def stack(names: Sequence[str], shapes: Sequence[tuple[int, ...]], *, height: float = 3.0) -> Figure:
    """Draw what flows through a network, a block per layer: as high as the feature map, as wide as it has channels.

    A shape is (channel, height, width), or (unit,) for what comes out of a dense layer.
    """
    figure, axis = panels(height=height)
    tallest = max(shape[1] for shape in shapes if len(shape) == 3)
    place = 0.0
    for index, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        flat = len(shape) == 1
        wide = 0.12 if flat else 0.08 + 0.065 * np.log2(shape[0])
        high = 0.25 + 0.12 * np.log2(shape[0]) if flat else max(shape[1] / tallest * 1.8, 0.05)
        colour = COLOURS[1] if flat else COLOURS[0]
        axis.add_patch(Rectangle((place + 0.5 - wide / 2, -high / 2), wide, high, facecolor=colour, edgecolor="black"))
        label = "x".join(str(length) for length in shape)
        axis.text(place + 0.5, -1.15, f"{name}\n{label}", ha="center", va="top", fontsize=9)
        if index:
            axis.annotate("", (place + 0.12, 0), (place - 0.12, 0), arrowprops={"arrowstyle": "->"})
        place += 1.0
    axis.set_xlim(0, place)
    axis.set_ylim(-1.7, 1.1)
    axis.axis("off")
    return figure
