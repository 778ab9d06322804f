"""Numbers: as cells, bars, curves and confusion matrices."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from gluon_lessons.plot.page import COLOURS, LINES, MARKERS, STYLE, panels


def cells(
    arrays: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
    *,
    numbers: str = "{:g}",
    marks: Iterable[tuple[int, int, int, int, int]] = (),
    height: float = 2.4,
    colours: str = "Blues",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw small arrays as grids of numbers; each of `marks` outlines one (array, row, column, rows, columns).

    Each array fills its own range of colours unless `limits` gives one (lowest, highest) for all of them.
    """
    figure, axes = panels(1, len(arrays), height=height, squeeze=False)
    low, high = limits or (None, None)
    for index, (axis, array) in enumerate(zip(axes.flat, arrays, strict=True)):
        values = np.atleast_2d(np.asarray(array)) + 0  # so that -0 is written as 0
        shown = axis.imshow(values, cmap=colours, alpha=0.8, vmin=low, vmax=high)
        for row, column in np.ndindex(values.shape):
            light = np.dot(shown.to_rgba(values[row, column])[:3], (0.299, 0.587, 0.114)) > 0.5
            text = numbers.format(values[row, column])
            axis.text(column, row, text, ha="center", va="center", color="black" if light else "white")
        axis.set_xticks([])
        axis.set_yticks([])
        if titles:
            axis.set_title(titles[index])
    for index, row, column, rows, columns in marks:
        outline = Rectangle((column - 0.5, row - 0.5), columns, rows, fill=False, edgecolor=COLOURS[5], linewidth=3)
        axes.flat[index].add_patch(outline)
    return figure


def bars(
    labels: Sequence[str],
    values: Sequence[float] | np.ndarray,
    *,
    xlabel: str,
    spread: ArrayLike | None = None,
    highlight: int | None = None,
    height: float | None = None,
    numbers: str = "{:.2f}",
) -> Figure:
    """Draw one horizontal bar per label, the first on top, its value written at the end; `spread` adds error bars."""
    figure, axis = panels(height=height or 0.4 * len(labels) + 0.9)
    colours = [COLOURS[5] if index == highlight else COLOURS[0] for index in range(len(labels))]
    drawn = axis.barh(range(len(labels)), values, xerr=spread, color=colours, capsize=3)
    axis.bar_label(drawn, [numbers.format(value) for value in values], padding=4)
    axis.set_yticks(range(len(labels)), labels)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    if max(values) >= 1000:
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel(xlabel)
    return figure


def curves(
    lines: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    x: ArrayLike | None = None,
    height: float = 3.0,
    marks: bool = False,
) -> Figure:
    """Draw named curves on one pair of axes; `lines` maps a name to its values, `x` gives their common positions."""
    figure, axis = panels(height=height)
    with mpl.rc_context(STYLE):
        for index, (name, values) in enumerate(lines.items()):
            axis.plot(
                range(1, len(values) + 1) if x is None else x,
                values,
                label=name,
                color=COLOURS[index % len(COLOURS)],
                linestyle=LINES[index % len(LINES)],
                marker=MARKERS[index % len(MARKERS)] if marks else "",
            )
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    if len(lines) > 1:
        axis.legend()
    return figure


def confusion(matrix: ArrayLike, names: Sequence[str], *, height: float = 5.0) -> Figure:
    """Draw a confusion matrix: a row per true class, a column per predicted one, the counts written in."""
    figure, axis = panels(height=height)
    matrix = np.asarray(matrix)
    axis.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        share = matrix[row, column] / max(matrix[row].sum(), 1)
        colour = "white" if share > 0.55 else "black"
        axis.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=8)
    slant = {"rotation": 45, "ha": "right"} if max(len(str(name)) for name in names) > 2 else {}
    axis.set_xticks(range(len(names)), names, **slant)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    return figure
