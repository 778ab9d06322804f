"""Pictures, alone or with what a network saw in them: boxes, masks and poses."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike

from gluon_lessons.plot.page import COLOURS, WIDTH, panels

# The 17 COCO keypoints, joined as a body is.
BONES = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip


_colour_of: dict[str, str] = {}  # of each class that has been drawn in this session


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each class: the one that it had in earlier pictures, or one that is little used so far."""
    present = list(dict.fromkeys(names))
    for name in present:
        if name not in _colour_of:
            beside = [_colour_of.get(other) for other in present]
            used = list(_colour_of.values())
            _colour_of[name] = min(COLOURS, key=lambda colour: (beside.count(colour), used.count(colour)))
    return {name: _colour_of[name] for name in present}


def as_picture(array: Any) -> np.ndarray:
    """Return any picture-like array as NumPy (height, width) or (height, width, 3) that matplotlib can show."""
    picture = np.asarray(array)
    if picture.ndim == 3 and picture.shape[0] in (1, 3) and picture.shape[2] not in (1, 3):
        picture = picture.transpose(1, 2, 0)  # (channel, height, width) -> (height, width, channel)
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.dtype != np.uint8 and picture.ndim == 3:
        picture = np.clip(picture / 255 if picture.max() > 1 else picture, 0, 1)
    return picture


def images(
    pictures: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    height: float | None = None,
    colours: str = "gray",
    limits: tuple[float, float] | None = None,
) -> Figure:
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


def boxes(
    picture: Any,
    corners: ArrayLike,
    names: Sequence[str],
    scores: ArrayLike | None = None,
    *,
    title: str | None = None,
    height: float | None = None,
) -> Figure:
    """Draw labelled boxes on a picture; `corners` holds (left, top, right, bottom) in pixels, one row per box."""
    figure, axis = _canvas(picture, title, height)
    draw_boxes(axis, corners, names, scores)
    return figure


def draw_boxes(axis: Axes, corners: ArrayLike, names: Sequence[str], scores: ArrayLike | None = None) -> None:
    """Draw labelled boxes on an axis that already shows the picture, one colour per class."""
    labels = (
        names
        if scores is None
        else [f"{name} {score:.2f}" for name, score in zip(names, np.asarray(scores, float), strict=True)]
    )
    colours = class_colours(names)
    _draw_labelled(axis, corners, labels, [colours[name] for name in names])


def boxes_side_by_side(
    pictures: Sequence[Any],
    corners: Sequence[ArrayLike],
    names: Sequence[Sequence[str]],
    titles: Sequence[str],
    *,
    height: float | None = None,
) -> Figure:
    """Draw pictures in a row, each with its boxes, one colour per class, and one legend for all."""
    pictures = [as_picture(picture) for picture in pictures]
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    figure, axes = panels(1, len(pictures), height=height or WIDTH / len(pictures) * tallest + 0.7, squeeze=False)
    colours = class_colours([name for of_one_picture in names for name in of_one_picture])
    for axis, picture, its_corners, its_names, title in zip(axes.flat, pictures, corners, names, titles, strict=True):
        axis.imshow(picture)
        axis.axis("off")
        axis.autoscale(False)
        axis.set_title(title)
        for box, name in zip(its_corners, its_names, strict=True):
            _outline(axis, box, colours[name])
    legend = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend) or 1, frameon=False)
    return figure


def mask(
    picture: Any,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    title: str | None = None,
    opacity: float = 0.6,
    height: float | None = None,
) -> Figure:
    """Draw a label map over a picture, one colour per class, named in a legend; label 0 stays clear."""
    figure, axis = _canvas(picture, title, height)
    labels = np.asarray(labels).astype(int)
    present = [label for label in np.unique(labels) if 0 < label < len(names)]
    overlay = np.zeros((*labels.shape, 4))
    colours = class_colours([names[label] for label in present])
    for label in present:
        overlay[labels == label] = (*mpl.colors.to_rgb(colours[names[label]]), opacity)
    legend = [Patch(color=colour, label=name) for name, colour in colours.items()]
    axis.imshow(overlay)
    if legend:
        axis.legend(handles=legend, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def poses(
    picture: Any,
    people: ArrayLike,
    *,
    boxes: ArrayLike | None = None,
    threshold: float = 0.5,
    title: str | None = None,
    height: float | None = None,
) -> Figure:
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
        labels = [f"person {index + 1}" for index in range(len(np.asarray(boxes)))]
        _draw_labelled(axis, boxes, labels, [COLOURS[index % len(COLOURS)] for index in range(len(labels))])
    return figure


def _canvas(picture: Any, title: str | None, height: float | None) -> tuple[Figure, Axes]:
    picture = as_picture(picture)
    rows, columns = picture.shape[:2]
    figure, axis = panels(height=height or min(WIDTH * rows / columns, 6.0))
    axis.imshow(picture)
    axis.axis("off")
    axis.autoscale(False)  # whatever is drawn next leaves the picture's size as it is
    if title:
        axis.set_title(title)
    return figure, axis


def _draw_labelled(axis: Axes, corners: ArrayLike, labels: Sequence[str], colours: Sequence[str]) -> None:
    taken: list = []
    for box, label, colour in zip(np.asarray(corners, dtype=float).reshape(-1, 4), labels, colours, strict=True):
        _outline(axis, box, colour)
        _label(axis, label, box[0], box[1], colour, taken)


def _outline(axis: Axes, box: Any, colour: str) -> None:
    left, top, right, bottom = box
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=2))


def _label(axis: Axes, text: str, left: float, top: float, colour: str, taken: list) -> None:
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
