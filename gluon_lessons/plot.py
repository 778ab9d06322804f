"""The drawing room: every figure of the course in one style, shown with alt text and one checkable fact beside it.

A drawing function returns a figure; `show` puts it on the page:

    plot.show(plot.images([photo], ["a cat"]), alt="A photograph of a cat.", fact="The photograph is 300 pixels high.")
"""

import base64
import html
import io
import json
import textwrap

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

WIDTH = 8.0  # inches
DPI = 100

# Okabe and Ito's palette, ordered so that neighbours also differ in lightness when printed in grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")

STYLE = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": mpl.cycler(color=COLOURS[:4], linestyle=LINES, marker=MARKERS),
    "lines.markersize": 4,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "image.cmap": "gray",
}

# The 17 COCO keypoints, joined as a body is.
BONES = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip


def show(figure, *, alt, fact):
    """Show `figure` with `alt` for those who cannot see it, and print `fact`, a number that the figure stands for."""
    data = {"image/png": _png(figure), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
    print(fact)


def sliders(draw, *, alt, **settings):
    """Offer a slider for each setting of `draw`, a function that returns a figure, as (lowest, highest, first).

    Nothing depends on it: where a page has no widgets, a sentence stands in its place.
    """
    import ipywidgets  # slow to import, and no other drawing needs it

    controls = {
        name: ipywidgets.FloatSlider(first, min=lowest, max=highest, step=0.05, description=name)
        for name, (lowest, highest, first) in settings.items()
    }
    picture = ipywidgets.HTML()

    def redraw(_=None):
        figure = draw(**{name: control.value for name, control in controls.items()})
        picture.value = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{_png(figure)}">'

    for control in controls.values():
        control.continuous_update = False  # wait until the learner lets go
        control.observe(redraw, names="value")
    redraw()
    page = ipywidgets.VBox([*controls.values(), picture])._repr_mimebundle_()
    sentence = f"Sliders for {' and '.join(settings)} appear here while the notebook runs in Jupyter."
    display({**page, "text/plain": sentence}, raw=True)


def panels(rows=1, columns=1, *, height=3.0, **options):
    """Return an empty figure of the course's width and its axes: one, a row, or a grid of them."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def as_picture(array):
    """Return any picture-like array as NumPy (height, width) or (height, width, 3) that matplotlib can show."""
    picture = np.asarray(array)
    if picture.ndim == 3 and picture.shape[0] in (1, 3) and picture.shape[2] not in (1, 3):
        picture = picture.transpose(1, 2, 0)  # (channel, height, width) -> (height, width, channel)
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.dtype != np.uint8 and picture.ndim == 3:
        picture = np.clip(picture / 255 if picture.max() > 1 else picture, 0, 1)
    return picture


def images(pictures, titles=None, *, columns=None, height=None, colours="gray", limits=None):
    """Draw pictures side by side; one-channel ones in shades of grey, or on the colour map `colours`.

    Each picture fills its own range of grey unless `limits` gives one (lowest, highest) for all of them.
    """
    pictures = [as_picture(picture) for picture in pictures]
    columns = columns or min(len(pictures), 4)
    rows = -(-len(pictures) // columns)
    if height is None:
        tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
        height = min(WIDTH / columns * tallest, 5.0) + (0.35 if titles else 0.1)
    figure, axes = panels(rows, columns, height=height, squeeze=False)
    low, high = limits or (None, None)
    for axis in axes.flat:
        axis.axis("off")
    for index, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        axis.imshow(picture, cmap=colours, vmin=low, vmax=high)
        if titles:
            axis.set_title(titles[index])
    return figure


def cells(arrays, titles=None, *, numbers="{:g}", marks=(), height=2.4, colours="Blues", limits=None):
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


def bars(labels, values, *, xlabel, spread=None, highlight=None, height=None, numbers="{:.2f}"):
    """Draw one horizontal bar a label, the first on top, its value written at the end; `spread` adds error bars."""
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


def curves(lines, *, xlabel, ylabel, x=None, height=3.0, marks=False):
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


def confusion(matrix, names, *, height=5.0):
    """Draw a confusion matrix: a row a true class, a column a predicted one, the counts written in."""
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


def diagram(blocks, arrows=(), *, height=1.4, highlight=()):
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


def graph(symbol, *, height=1.5):
    """Draw what a symbol computes, from its JSON: a box a step, an arrow to each step that reads what it gives.

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


def stack(names, shapes, *, height=3.0):
    """Draw what flows through a network, a block a layer: as high as the feature map, as wide as it has channels.

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


def boxes(picture, corners, names, scores=None, *, title=None, height=None):
    """Draw labelled boxes on a picture; `corners` holds (left, top, right, bottom) in pixels, one row a box."""
    figure, axis = _canvas(picture, title, height)
    draw_boxes(axis, corners, names, scores)
    return figure


def draw_boxes(axis, corners, names, scores=None):
    """Draw labelled boxes on an axis that already shows the picture, a colour a class."""
    corners = np.asarray(corners, dtype=float).reshape(-1, 4)
    kinds = list(dict.fromkeys(names))
    taken = []
    for index, box in enumerate(corners):
        colour = COLOURS[kinds.index(names[index]) % len(COLOURS)]
        _outline(axis, box, colour)
        label = names[index] if scores is None else f"{names[index]} {float(scores[index]):.2f}"
        _label(axis, label, *box[:2], colour, taken)


def boxes_side_by_side(pictures, corners, names, titles, *, height=None):
    """Draw pictures in a row, each with its boxes, a colour a class; too small for labels, they share one legend."""
    pictures = [as_picture(picture) for picture in pictures]
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    figure, axes = panels(1, len(pictures), height=height or WIDTH / len(pictures) * tallest + 0.7, squeeze=False)
    kinds = list(dict.fromkeys(name for of_one_picture in names for name in of_one_picture))
    for axis, picture, found, their_names, title in zip(axes.flat, pictures, corners, names, titles, strict=True):
        axis.imshow(picture)
        axis.axis("off")
        axis.autoscale(False)
        axis.set_title(title)
        for box, name in zip(found, their_names, strict=True):
            _outline(axis, box, COLOURS[kinds.index(name) % len(COLOURS)])
    legend = [Patch(color=COLOURS[index % len(COLOURS)], label=name) for index, name in enumerate(kinds)]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend) or 1, frameon=False)
    return figure


def mask(picture, labels, names, *, title=None, opacity=0.6, height=None):
    """Draw a label map over a picture, a colour a class, with a legend of the classes present; label 0 stays clear."""
    figure, axis = _canvas(picture, title, height)
    labels = np.asarray(labels).astype(int)
    present = [label for label in np.unique(labels) if 0 < label < len(names)]
    overlay = np.zeros((*labels.shape, 4))
    legend = []
    for index, label in enumerate(present):
        colour = mpl.colors.to_rgb(COLOURS[index % len(COLOURS)])
        overlay[labels == label] = (*colour, opacity)
        legend.append(Patch(color=colour, label=names[label]))
    axis.imshow(overlay)
    if legend:
        axis.legend(handles=legend, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def poses(picture, people, *, boxes=None, threshold=0.5, title=None, height=None):
    """Draw stick figures on a picture; `people` is (person, 17, 3): x, y and score of each COCO keypoint."""
    figure, axis = _canvas(picture, title, height)
    for index, person in enumerate(np.asarray(people, dtype=float)):
        colour = COLOURS[index % len(COLOURS)]
        seen = person[:, 2] >= threshold
        for start, end in BONES:
            if seen[start] and seen[end]:
                axis.plot(person[[start, end], 0], person[[start, end], 1], "-", color="white", linewidth=5)
                axis.plot(person[[start, end], 0], person[[start, end], 1], "-", color=colour, linewidth=3)
        axis.plot(person[seen, 0], person[seen, 1], "o", color=colour, markeredgecolor="white", markersize=6)
    if boxes is not None:
        draw_boxes(axis, boxes, [f"person {index + 1}" for index in range(len(boxes))])
    return figure


def _png(figure):
    """Return the figure as PNG, in base64."""
    png = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(png, format="png")
    return base64.b64encode(png.getvalue()).decode()


def _canvas(picture, title, height):
    picture = as_picture(picture)
    rows, columns = picture.shape[:2]
    figure, axis = panels(height=height or min(WIDTH * rows / columns, 6.0))
    axis.imshow(picture)
    axis.axis("off")
    axis.autoscale(False)  # whatever is drawn next leaves the picture's size as it is
    if title:
        axis.set_title(title)
    return figure, axis


def _outline(axis, box, colour):
    left, top, right, bottom = box
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=2))


def _label(axis, text, left, top, colour, taken):
    """Write `text` at the corner of a box, kept inside the picture and moved below any label already there."""
    right, bottom = max(axis.get_xlim()), max(axis.get_ylim())
    width, height = 0.014 * len(text) * right * 1.05, 0.045 * max(bottom, right * 0.75)
    x, y = min(max(left, 0), right - width), min(max(top, 0), bottom - height)
    while any(abs(y - other_y) < height and x < other_x + other and other_x < x + width
              for other_x, other_y, other in taken) and y + height < bottom:  # fmt: skip
        y += height
    taken.append((x, y, width))
    light = np.dot(mpl.colors.to_rgb(colour), (0.299, 0.587, 0.114)) > 0.55
    axis.text(
        x, y, text, va="top", ha="left", fontsize=9, color="black" if light else "white",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip
