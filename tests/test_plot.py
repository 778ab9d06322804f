"""Figures: one size, shown by themselves, and pictures of any layout."""

import base64
import io
import itertools

import ipywidgets
import mxnet as mx
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from mxnet.gluon import nn
from PIL import Image

from gluon_lessons import plot

PHOTO = np.full((40, 60, 3), 128, dtype="uint8")


def test_a_figure_shows_itself_at_the_end_of_a_cell(monkeypatch):
    shown = []
    monkeypatch.setattr("gluon_lessons.plot.page.display", lambda data, raw: shown.append(data))
    DisplayFormatter().format(plot.bars(["cat", "dog"], [1, 2], xlabel="number", height=2.109))
    [data] = shown
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.width == plot.WIDTH * plot.DPI
    assert data["text/plain"] == f"<Figure size {picture.width}x{picture.height}>"


def test_moving_a_slider_draws_anew_with_its_value(monkeypatch):
    shown, pages, drawn = [], [], []

    class Page(ipywidgets.VBox):
        def __init__(self, children):
            super().__init__(children)
            pages.append(self)

    monkeypatch.setattr("gluon_lessons.plot.page.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(ipywidgets, "VBox", Page)

    def draw(threshold):
        drawn.append(threshold)
        return plot.bars(["cat"], [threshold], xlabel="score")

    plot.sliders(draw, threshold=(0, 1, 0.5))
    [data] = shown
    assert data["text/plain"] == "Sliders for threshold appear here while the notebook runs in Jupyter."
    [page] = pages
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == page.model_id
    slider, picture = page.children
    before = picture.value
    slider.value = 0.8
    assert drawn == [0.5, 0.8]
    assert 'alt="The figure at threshold 0.8"' in picture.value != before


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (3, 4, 5), (1, 4, 5), (4, 5, 1)])
def test_any_layout_becomes_a_picture(shape):
    assert plot.as_picture(np.zeros(shape, dtype="float32")).shape[:2] == (4, 5)


def test_every_drawing_function_draws():
    people = np.dstack([np.linspace(5, 50, 17), np.linspace(5, 35, 17), np.ones(17)])
    labels = np.zeros((40, 60), dtype=int)
    labels[10:20, 10:30] = 1
    figures = [
        plot.images([PHOTO, PHOTO], ["one", "two"]),
        plot.cells([np.arange(6).reshape(2, 3)], ["numbers"], marks=[(0, 0, 0, 1, 2)]),
        plot.bars(["cat", "dog"], [0.9, 0.1], xlabel="probability"),
        plot.curves({"loss": [3, 2, 1], "accuracy": [0, 1, 2]}, xlabel="epoch", ylabel="value"),
        plot.confusion([[5, 1], [0, 6]], ["cat", "dog"]),
        plot.diagram(
            {"here": (0, 0), "there": (1, 0), "below": (0, 1)}, [("here", "there", "go"), ("here", "below", "")]
        ),
        plot.stack(["picture", "conv", "dense"], [(1, 28, 28), (6, 14, 14), (10,)]),
        plot.boxes(PHOTO, [(5, 5, 30, 30)], ["cat"], [0.9]),
        plot.boxes_side_by_side([PHOTO] * 2, [[(5, 5, 30, 30)], []], [["cat"], []], ["one", "none"]),
        plot.mask(PHOTO, labels, ["nothing", "cat"]),
        plot.poses(PHOTO, people, boxes=[(0, 0, 50, 38)]),
    ]
    for figure in figures:
        figure.canvas.draw()
        assert figure.get_figwidth() == plot.WIDTH


def test_a_graph_has_a_box_a_step_and_none_for_what_is_learned():
    data = mx.sym.var("data")
    dense = nn.Dense(4, in_units=4, prefix="dense_")(data)
    figure = plot.graph(dense + data)
    figure.canvas.draw()
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts if text.get_text()] == ["data", "dense", "plus0"]
    assert len(texts) == 3 + 3, "an arrow into the layer, and two into the sum"


def test_numbers_in_cells_stay_readable_on_any_colour_and_zero_has_no_sign():
    figure = plot.cells([np.array([[-2.0, -0.0, 2.0]])], colours="RdBu", limits=(-2, 2))
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == ["-2", "0", "2"]
    assert [text.get_color() for text in texts] == ["white", "black", "white"]


def test_labels_of_boxes_stay_inside_the_picture_and_apart():
    corners = [(-5, -5, 30, 30), (0, 0, 31, 31), (50, 35, 60, 40)]
    figure = plot.boxes(np.zeros((400, 600, 3), "uint8"), np.array(corners) * 10, ["cat"] * 3, [0.9] * 3)
    figure.canvas.draw()
    axis = figure.axes[0]
    inside = axis.get_window_extent().padded(3)
    extents = [text.get_window_extent() for text in axis.texts]
    assert all(inside.x0 <= extent.x0 and extent.x1 <= inside.x1 for extent in extents)
    assert all(inside.y0 <= extent.y0 and extent.y1 <= inside.y1 for extent in extents)
    assert not extents[0].overlaps(extents[1])


def test_neighbouring_colours_differ_in_grey_too():
    def lightness(colour):
        return np.dot([int(colour[place : place + 2], 16) for place in (1, 3, 5)], (0.299, 0.587, 0.114))

    shades = [lightness(colour) for colour in plot.COLOURS[:4]]
    assert min(abs(a - b) for a, b in itertools.pairwise(shades)) > 25


def test_a_class_keeps_its_colour_from_picture_to_picture():
    box, other = (5, 5, 30, 30), (10, 10, 35, 35)

    def outlines(names):
        figure = plot.boxes(PHOTO, [box, other][: len(names)], names)
        return dict(zip(names, (patch.get_edgecolor() for patch in figure.axes[0].patches), strict=True))

    first = outlines(["bus", "person"])
    assert first["bus"] != first["person"]
    assert outlines(["person", "bus"]) == first
    assert outlines(["person"])["person"] == first["person"]
    for number in range(20):  # more classes than colours: two in one picture still differ
        names = ["person", f"class {number}"]
        assert len(set(outlines(names).values())) == 2
