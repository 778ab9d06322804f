"""Figures: one size, shown by themselves, and pictures of any layout."""

import base64
import collections
import io
import itertools

import ipywidgets
import matplotlib as mpl
import mxnet as mx
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from mxnet.gluon import nn
from PIL import Image

from gluon_lessons import plot

PHOTO = np.full((40, 60, 3), 128, dtype="uint8")


@pytest.fixture(autouse=True)
def no_class_has_a_colour_yet(monkeypatch):
    monkeypatch.setattr("gluon_lessons.plot.pictures._colour_of", {})


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


def test_a_slider_of_whole_numbers_moves_by_one(monkeypatch):
    pages, drawn = [], []
    monkeypatch.setattr("gluon_lessons.plot.page.display", lambda data, raw: None)
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: pages.append(children) or ipywidgets.Box(children))

    def draw(place):
        drawn.append(place)
        return plot.bars(["cat"], [place], xlabel="place")

    plot.sliders(draw, place=(0, 15, 5))
    pages[0][0].value = 6
    assert (drawn, [type(place) for place in drawn]) == ([5, 6], [int, int])


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (3, 4, 5), (1, 4, 5), (4, 5, 1)])
def test_any_layout_becomes_a_picture(shape):
    assert plot.as_picture(np.zeros(shape, dtype="float32")).shape[:2] == (4, 5)


def drawn_texts(axis):
    return [text.get_text() for text in axis.texts if text.get_text()]


def rectangles(axis):
    """The corner, width and height of each rectangle on an axis."""
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axis.patches]


def arrows(axis):
    """From where to where each arrow leads."""
    found = [(text.xyann, text.xy) for text in axis.texts if getattr(text, "arrow_patch", None)]
    return [tuple(round(float(number), 6) for point in ends for number in point) for ends in found]


def boxes_of_texts(figure):
    """What room each text takes, in pixels, once everything is drawn."""
    figure.canvas.draw()
    return {
        text.get_text(): text.get_window_extent()
        for axis in figure.axes
        for text in axis.texts
        if text.get_text() and text.get_visible()
    }


def inside(small, large, slack=1):
    wide = large.x0 - slack <= small.x0 and small.x1 <= large.x1 + slack
    return wide and large.y0 - slack <= small.y0 and small.y1 <= large.y1 + slack


def in_grey(colour):
    return np.dot(mpl.colors.to_rgb(colour), (0.299, 0.587, 0.114))


def test_pictures_stand_in_rows_of_four_under_their_titles():
    shades = [np.full((30, 60, 3), 10 * index, "uint8") for index in range(5)]
    figure = plot.images(shades, [f"no. {index}" for index in range(5)])
    assert figure.get_figwidth() == plot.WIDTH
    assert len(figure.axes) == 8, "two rows of four, the last three places empty"
    assert [axis.get_title() for axis in figure.axes] == [*(f"no. {index}" for index in range(5)), "", "", ""]
    assert [axis.images[0].get_array()[0, 0, 0] for axis in figure.axes[:5]] == [0, 10, 20, 30, 40]
    assert not any(axis.axison for axis in figure.axes)
    assert [axis.get_subplotspec().rowspan.start for axis in figure.axes] == [0] * 4 + [1] * 4


def test_the_height_of_a_figure_follows_the_tallest_picture_up_to_a_limit():
    def height(*shapes, **options):
        return plot.images([np.zeros(shape) for shape in shapes], **options).get_figheight()

    flat, square = height((10, 40), (10, 40)), height((10, 40), (40, 40))
    assert plot.WIDTH / 2 / 4 <= flat < plot.WIDTH / 2 / 4 + 0.5, "two of four to one across the page"
    assert plot.WIDTH / 2 <= square < plot.WIDTH / 2 + 0.5
    assert 5 <= height((400, 10)) < 5.5
    assert height((10, 40), titles=["one"]) > height((10, 40))
    assert height((10, 40), height=2.0) == 2
    assert height((10, 40), (10, 40), columns=1, height=2.0) == 4


def test_grey_pictures_fill_their_range_unless_limits_are_given():
    values = np.array([[0.25, 0.5]])
    own, given = plot.images([values]), plot.images([values], limits=(0, 1), colours="RdBu")
    assert own.axes[0].images[0].get_clim() == (0.25, 0.5)
    assert given.axes[0].images[0].get_clim() == (0, 1)
    assert (own.axes[0].images[0].get_cmap().name, given.axes[0].images[0].get_cmap().name) == ("gray", "RdBu")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 2, 3), 51.0), 0.2),  # numbers up to 255
        (np.full((2, 2, 3), 1.0), 1.0),  # from 0 to 1
        (np.full((2, 2, 3), -3.0), 0.0),
        (np.full((2, 2, 3), 300.0), 1.0),
        (np.full((2, 2, 3), 7, "uint8"), 7),
        (np.full((2, 2), 300.0), 300.0),  # of one channel: the colour map takes any number
    ],
)
def test_numbers_of_any_range_become_colours(array, expected):
    assert np.allclose(plot.as_picture(array), expected)


def test_channels_may_come_first_or_last():
    array = np.arange(24).reshape(2, 4, 3).astype("uint8")
    assert np.array_equal(plot.as_picture(array.transpose(2, 0, 1)), array)
    assert np.array_equal(plot.as_picture(array), array)
    assert np.array_equal(plot.as_picture(array[:1]), array[:1]), "one row of a picture is no channel"
    assert plot.as_picture(np.zeros((3, 5, 1))).shape == (3, 5)
    assert plot.as_picture(np.zeros((5, 4, 3))).shape == (5, 4, 3)


def test_cells_hold_their_numbers_at_their_places_and_marks_surround_them():
    figure = plot.cells(
        [np.arange(6).reshape(2, 3), [7, 8]], ["six", "two"], marks=[(0, 1, 0, 1, 2), (1, 0, 1, 1, 1)], numbers="<{:g}>"
    )
    first, second = figure.axes
    assert {(text.get_text(), *text.get_position()) for text in first.texts} == {
        (f"<{3 * row + column}>", column, row) for row in range(2) for column in range(3)
    }
    assert drawn_texts(second) == ["<7>", "<8>"]
    assert [axis.get_title() for axis in figure.axes] == ["six", "two"]
    assert rectangles(first) == [(-0.5, 0.5, 2, 1)] and rectangles(second) == [(0.5, -0.5, 1, 1)]
    assert not first.patches[0].get_fill()
    assert [tuple(axis.get_xticks()) + tuple(axis.get_yticks()) for axis in figure.axes] == [(), ()]
    for text in (*first.texts, *second.texts):
        column, row = text.get_position()
        shown = text.axes.images[0]
        shade = in_grey(shown.to_rgba(shown.get_array()[row, column]))
        assert abs(shade - in_grey(text.get_color())) > 0.4, "readable on its cell"


def test_cells_have_one_range_of_colours_when_limits_are_given():
    own, given = (plot.cells([[1, 2], [3, 4]], limits=limits) for limits in (None, (0, 9)))
    assert [axis.images[0].get_clim() for axis in own.axes] == [(1, 2), (3, 4)]
    assert [axis.images[0].get_clim() for axis in given.axes] == [(0, 9), (0, 9)]
    with pytest.raises(ValueError):
        plot.cells([])


def test_bars_are_as_long_as_their_values_the_first_on_top():
    figure = plot.bars(["cat", "dog", "owl"], [0.5, 0.25, 1], xlabel="score", highlight=1, spread=[0.1, 0.2, 0.3])
    [axis] = figure.axes
    assert [patch.get_width() for patch in axis.patches] == [0.5, 0.25, 1]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["cat", "dog", "owl"]
    assert list(axis.get_yticks()) == [0, 1, 2] and axis.yaxis_inverted()
    assert drawn_texts(axis) == ["0.50", "0.25", "1.00"]
    assert axis.get_xlabel() == "score"
    colours = [mpl.colors.to_hex(patch.get_facecolor()).upper() for patch in axis.patches]
    assert colours[0] == colours[2] == plot.COLOURS[0] != colours[1]
    [lines] = [collection for collection in axis.collections if hasattr(collection, "get_segments")]
    ends = [(segment[:, 0].min(), segment[:, 0].max()) for segment in lines.get_segments()]
    assert np.allclose(ends, [(0.4, 0.6), (0.05, 0.45), (0.7, 1.3)])
    assert plot.bars(["a"] * 9, range(9), xlabel="").get_figheight() > figure.get_figheight()
    assert plot.bars(["a"], [1], xlabel="", height=5).get_figheight() == 5


def test_the_values_of_bars_stand_beside_them_inside_the_figure():
    figure = plot.bars(["cat", "dog"], [1000, 1234567], xlabel="photographs", numbers="{:,}")
    texts = boxes_of_texts(figure)
    [axis] = figure.axes
    assert [label.get_text() for label in axis.get_xticklabels()][1].endswith("00,000")
    assert len(axis.get_xticks()) <= 7
    for text, patch in zip(texts.values(), axis.patches, strict=True):
        assert text.x0 > patch.get_window_extent().x1, "behind the end of its bar"
        assert inside(text, figure.bbox)
    small = plot.bars(["cat"], [999], xlabel="").axes[0]
    small.figure.canvas.draw()
    assert all("," not in label.get_text() for label in small.get_xticklabels())


def test_curves_have_their_values_names_and_marks():
    lines = {"loss": [3, 2, 1], "accuracy": [0, 1, 2], "third": [5, 5, 5]}
    [axis] = plot.curves(lines, xlabel="epoch", ylabel="value").axes
    assert {line.get_label(): list(line.get_ydata()) for line in axis.lines} == lines
    assert all(list(line.get_xdata()) == [1, 2, 3] for line in axis.lines)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "value")
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(lines)
    looks = {(line.get_color(), line.get_linestyle()) for line in axis.lines}
    assert len({colour for colour, _ in looks}) == len({style for _, style in looks}) == 3
    assert {line.get_marker() for line in axis.lines} == {""}

    [axis] = plot.curves({"one": [4, 5]}, xlabel="", ylabel="", x=[10, 20], marks=True).axes
    assert list(axis.lines[0].get_xdata()) == [10, 20] and axis.lines[0].get_marker() == plot.MARKERS[0]
    assert axis.get_legend() is None, "one curve needs none"
    many = plot.curves({str(number): [1] for number in range(9)}, xlabel="", ylabel="", height=4)
    assert many.axes[0].lines[8].get_color() == plot.COLOURS[0] and many.get_figheight() == 4


def test_a_confusion_matrix_has_its_counts_in_rows_of_the_true_class():
    matrix = [[60, 40, 0], [1, 0, 2], [0, 0, 0]]
    [axis] = plot.confusion(matrix, ["cat", "dog", "owl"]).axes
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (column, row): str(matrix[row][column]) for row in range(3) for column in range(3)
    }
    shares = axis.images[0].get_array()
    assert np.allclose(shares, [[0.6, 0.4, 0], [1 / 3, 0, 2 / 3], [0, 0, 0]]), "of the true class"
    assert axis.images[0].get_clim() == (0, 1)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "owl"]
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {45}
    assert [text.get_color() for text in axis.texts[:2]] == ["white", "black"]
    short = plot.confusion([[1, 0], [0, 1]], ["0", "10"]).axes[0]
    assert {label.get_rotation() for label in short.get_xticklabels()} == {0}


def test_a_diagram_has_its_blocks_in_places_and_arrows_from_edge_to_edge():
    blocks = {"here": (0, 0), "there": (1, 0), "below": (0, 1), "far": (2, 1)}
    joined = [("here", "there", "go"), ("there", "here", ""), ("here", "below", ""), ("far", "there", "")]
    figure = plot.diagram(blocks, joined, height=1.5, highlight=["far"])
    [axis] = figure.axes
    assert figure.get_figheight() == 3, "two rows"
    assert axis.get_xlim() == (0, 3) and axis.get_ylim() == (2, 0), "the first row on top"
    for (text, (column, row)), (left, top, width, height) in zip(blocks.items(), rectangles(axis), strict=True):
        assert (left + width / 2, top + height / 2) == pytest.approx((column + 0.5, row + 0.5)), text
        assert 0.5 <= width < 1 and 0.3 <= height < 1, "room is left for arrows"
    width, height = rectangles(axis)[0][2:]
    places = {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}
    assert places == {text: (column + 0.5, row + 0.5) for text, (column, row) in blocks.items()} | {"go": (1.0, 0.5)}
    right, left, down, slanted = arrows(axis)
    assert right == pytest.approx((0.5 + width / 2, 0.5, 1.5 - width / 2, 0.5))
    assert left == pytest.approx((1.5 - width / 2, 0.5, 0.5 + width / 2, 0.5))
    assert down == pytest.approx((0.5, 0.5 + height / 2, 0.5, 1.5 - height / 2))
    assert slanted == pytest.approx((2.5, 1.5 - height / 2, 1.5, 0.5 + height / 2))
    faces = [patch.get_facecolor() for patch in axis.patches]
    assert faces[0] == faces[1] == faces[2] != faces[3]
    texts, patches = boxes_of_texts(figure), dict(zip(blocks, axis.patches, strict=True))
    assert all(inside(texts[name], patches[name].get_window_extent()) for name in blocks)


def test_a_graph_stands_in_columns_and_a_long_arrow_goes_over_what_is_between():
    first = nn.Dense(4, in_units=4, prefix="first_layer_")(mx.sym.var("data"))
    second = nn.Dense(4, in_units=4, prefix="second_")(first)
    figure = plot.graph(second + mx.sym.relu(first, name="relu") + first)
    [axis] = figure.axes
    names = ["data", "first layer", "second", "relu", "plus0", "plus1"]
    places = dict(zip(drawn_texts(axis), (text.get_position() for text in axis.texts if text.get_text()), strict=True))
    assert {name.rstrip("0123456789") for name in places} == {"data", "first layer", "second", "relu", "plus"}
    assert len(places) == len(names)
    columns = [place[0] for place in places.values()]
    assert sorted(columns) == [0, 1, 2, 2, 3, 4]
    assert {place[1] for place in places.values()} == {0, 1}
    corners = rectangles(axis)
    assert [(left + width / 2, top + height / 2) for left, top, width, height in corners] == [
        pytest.approx(place) for place in places.values()
    ]
    assert all(0.5 <= width < 1 and 0.2 <= height < 1 for _, _, width, height in corners)
    wide, high = corners[0][2:]
    straight = (places["data"], places["first layer"])
    assert pytest.approx((0 + wide / 2, 0, 1 - wide / 2, 0)) in arrows(axis), straight
    assert pytest.approx((1, -high / 2, 4, -high / 2)) in arrows(axis), "over the boxes between"
    assert len(arrows(axis)) == 7
    faces = [mpl.colors.to_hex(patch.get_facecolor()) for patch in axis.patches]
    assert faces[0] == "#ffffff" and "#ffffff" not in faces[1:], "what comes in is white"
    assert axis.get_xlim()[0] < -wide / 2 and axis.get_xlim()[1] > 4 + wide / 2
    assert axis.get_ylim()[0] > 1 + high / 2 and axis.get_ylim()[1] < -high / 2
    assert figure.get_figheight() == 3, "two rows"
    texts = [text for text in axis.texts if text.get_text()]
    figure.canvas.draw()
    for text, patch in zip(texts, axis.patches, strict=True):
        assert inside(text.get_window_extent(), patch.get_window_extent()), text.get_text()


def test_a_stack_is_as_high_as_the_map_and_as_wide_as_its_channels():
    names, shapes = ["picture", "conv", "small", "dense"], [(1, 28, 28), (16, 14, 14), (64, 1, 1), (10,)]
    figure = plot.stack(names, shapes)
    [axis] = figure.axes
    written = ["1x28x28", "16x14x14", "64x1x1", "10"]
    assert drawn_texts(axis) == [f"{name}\n{shape}" for name, shape in zip(names, written, strict=True)]
    blocks = rectangles(axis)
    assert [left + width / 2 for left, _, width, _ in blocks] == pytest.approx([0.5, 1.5, 2.5, 3.5])
    assert all(bottom == -height / 2 and height > 0 for _, bottom, _, height in blocks)
    (_, _, thin, whole), (_, _, wider, half), (_, _, widest, least), (_, _, flat, _) = blocks
    assert half == whole / 2 and least == pytest.approx(0.064, abs=0.02) and thin < wider < widest < 1
    assert wider - thin == pytest.approx(2 * (widest - wider)), "16 to 1 is twice as many doublings as 64 to 16"
    assert flat < wider
    colours = [patch.get_facecolor() for patch in axis.patches]
    assert colours[0] == colours[1] == colours[2] != colours[3]
    gaps = arrows(axis)
    assert [(start + end) / 2 for start, _, end, _ in gaps] == [1, 2, 3]
    assert all(start < end and (low, high) == (0, 0) for start, low, end, high in gaps), "to the right"
    assert axis.get_xlim() == (0, 4) and not axis.axison
    texts = boxes_of_texts(figure)
    assert all(inside(text, axis.get_window_extent(), slack=8) for text in texts.values())
    assert max(text.y1 for text in texts.values()) < min(patch.get_window_extent().y0 for patch in axis.patches)


def test_a_stack_ends_in_a_layer_that_is_higher_the_more_units_it_has():
    heights = [rectangles(plot.stack(["a", "b"], [(1, 8, 8), (units,)]).axes[0])[1][3] for units in (2, 4, 1024)]
    assert 0 < heights[0] < heights[1] < heights[2] < 1.8


def test_boxes_surround_what_they_name_in_one_colour_per_class():
    corners = [(5, 6, 30, 31), (20, 8, 50, 28), (1, 2, 3, 4)]
    figure = plot.boxes(PHOTO, corners, ["cat", "dog", "cat"], [0.9, 0.8, 0.756], title="Pets")
    [axis] = figure.axes
    assert rectangles(axis) == [(5, 6, 25, 25), (20, 8, 30, 20), (1, 2, 2, 2)]
    assert not any(patch.get_fill() for patch in axis.patches)
    assert drawn_texts(axis) == ["cat 0.90", "dog 0.80", "cat 0.76"]
    assert [text.get_position() for text in axis.texts] == [(5, 6), (20, 8), (1, 2)], "at the corner of its box"
    colours = [mpl.colors.to_hex(patch.get_edgecolor()).upper() for patch in axis.patches]
    assert colours == [plot.COLOURS[0], plot.COLOURS[1], plot.COLOURS[0]]
    assert axis.get_title() == "Pets" and not axis.axison
    assert np.array_equal(axis.images[0].get_array(), PHOTO)
    assert drawn_texts(plot.boxes(PHOTO, corners, ["cat", "dog", "owl"]).axes[0]) == ["cat", "dog", "owl"]
    assert not plot.boxes(PHOTO, [], []).axes[0].patches
    with pytest.raises(ValueError):
        plot.boxes(PHOTO, corners, ["cat", "dog"])


@pytest.mark.parametrize("name", range(8))
def test_a_label_can_be_read_on_its_colour(name):
    names = [str(number) for number in range(8)]
    figure = plot.boxes(PHOTO, [(number, number, 30, 30) for number in range(8)], names)
    text = figure.axes[0].texts[name]
    ground = in_grey(text.get_bbox_patch().get_facecolor())
    assert abs(in_grey(text.get_color()) - ground) > 0.4
    assert mpl.colors.to_hex(text.get_bbox_patch().get_facecolor()).upper() == plot.COLOURS[name]


def test_what_is_drawn_leaves_the_picture_its_size():
    figure = plot.boxes(PHOTO, [(-100, -100, 500, 500)], ["cat"])
    assert figure.axes[0].get_xlim() == (-0.5, 59.5) and figure.axes[0].get_ylim() == (39.5, -0.5)
    assert figure.get_figheight() == pytest.approx(plot.WIDTH * 40 / 60)
    assert plot.boxes(np.zeros((400, 40, 3), "uint8"), [], []).get_figheight() == 6
    assert plot.boxes(PHOTO, [], [], height=3).get_figheight() == 3
    beside = plot.boxes_side_by_side([PHOTO], [[(-100, -100, 500, 500)]], [["cat"]], ["one"]).axes[0]
    beside.plot([300], [300])
    assert beside.get_xlim() == (-0.5, 59.5) and beside.get_ylim() == (39.5, -0.5)


def test_boxes_side_by_side_share_one_legend():
    corners, names = [[(5, 6, 30, 31), (0, 0, 9, 9)], [(1, 2, 3, 4)]], [["cat", "dog"], ["dog"]]
    figure = plot.boxes_side_by_side([PHOTO, PHOTO[::-1]], corners, names, ["one", "two"])
    first, second = figure.axes
    assert rectangles(first) == [(5, 6, 25, 25), (0, 0, 9, 9)] and rectangles(second) == [(1, 2, 2, 2)]
    assert [axis.get_title() for axis in figure.axes] == ["one", "two"]
    [legend] = figure.legends
    shown = {
        text.get_text(): patch.get_facecolor()
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert list(shown) == ["cat", "dog"]
    assert [patch.get_edgecolor() for patch in first.patches] == list(shown.values())
    assert second.patches[0].get_edgecolor() == shown["dog"]
    assert all(axis.get_xlim() == (-0.5, 59.5) and not axis.axison and axis.images for axis in figure.axes)
    pictures = plot.WIDTH / 2 * 40 / 60
    assert pictures < figure.get_figheight() < pictures + 1, "room for titles and the legend"
    assert not plot.boxes_side_by_side([PHOTO], [[]], [[]], ["none"]).axes[0].patches
    with pytest.raises(ValueError):
        plot.boxes_side_by_side([PHOTO], [[(1, 2, 3, 4)]], [[]], ["one"])


def test_a_mask_colours_the_pixels_of_each_class_and_names_it():
    labels = np.zeros((40, 60), dtype=int)
    labels[10:20, 10:30], labels[30:, :] = 2, 1
    figure = plot.mask(PHOTO, labels, ["nothing", "cat", "dog", "owl"], opacity=0.5, title="Pets")
    [axis] = figure.axes
    photo, overlay = (image.get_array() for image in axis.images)
    assert np.array_equal(photo, PHOTO)
    assert np.array_equal(overlay[..., 3], (labels > 0) * 0.5), "label 0 stays clear"
    shown = dict(zip((text.get_text() for text in axis.get_legend().get_texts()),
                     (patch.get_facecolor() for patch in axis.get_legend().get_patches()), strict=True))  # fmt: skip
    assert list(shown) == ["cat", "dog"]
    assert shown["cat"] != shown["dog"]
    for label, name in ((1, "cat"), (2, "dog")):
        assert np.allclose(overlay[labels == label][:, :3], shown[name][:3])
    assert axis.get_title() == "Pets"
    figure.canvas.draw()
    legend, picture = axis.get_legend().get_window_extent(), axis.get_window_extent()
    assert picture.x1 <= legend.x0 < picture.x1 + 20, "beside the picture, and close to it"
    empty = plot.mask(PHOTO, labels * 0, ["nothing"]).axes[0]
    assert empty.get_legend() is None and not empty.images[1].get_array()[..., 3].any()
    unknown = plot.mask(PHOTO, labels * 2, ["nothing", "cat", "dog"]).axes[0]
    assert [text.get_text() for text in unknown.get_legend().get_texts()] == ["dog"], "label 4 has no name"


def person(shift=0.0):
    return np.dstack([np.arange(17) * 3 + shift, np.arange(17) * 2.0, np.ones(17)])[0]


def test_a_pose_has_its_bones_and_points_where_they_are_seen():
    whole = plot.poses(PHOTO, [person()]).axes[0]
    *bones, points = whole.lines
    assert np.array_equal(points.get_xydata(), person()[:, :2])
    ends = {tuple(map(tuple, line.get_xydata())) for line in bones}
    assert ends == {(tuple(person()[start, :2]), tuple(person()[end, :2])) for start, end in plot.BONES}
    assert len(bones) == 2 * len(plot.BONES), "a coloured line on a wider white one"
    for under, over in zip(bones[::2], bones[1::2], strict=True):
        assert under.get_color() == "white" and over.get_color() == plot.COLOURS[0] == points.get_color()
        assert under.get_linewidth() > over.get_linewidth()
    assert points.get_linestyle() == "None" and points.get_marker() == "o"
    assert all(line.get_linestyle() == "-" for line in bones)


def test_points_that_are_not_sure_are_left_out_with_their_bones():
    unsure = person()
    unsure[[0, 9], 2] = 0.2
    unsure[3, 2] = 0.5
    *bones, points = plot.poses(PHOTO, [unsure]).axes[0].lines
    assert len(points.get_xydata()) == 15
    kept = [bone for bone in plot.BONES if not {0, 9} & set(bone)]
    assert len(bones) == 2 * len(kept) == 2 * (len(plot.BONES) - 3)
    assert len(plot.poses(PHOTO, [unsure], threshold=0.1).axes[0].lines) == 2 * len(plot.BONES) + 1
    few = person()
    few[5:, 2] = 0
    assert len(plot.poses(PHOTO, [few]).axes[0].lines) == 2 * 4 + 1, "both ends of a bone have to be seen"


def test_each_person_has_a_colour_and_may_have_a_box():
    axis = plot.poses(PHOTO, [person(), person(1)], boxes=[(0, 1, 20, 30), (5, 5, 25, 35)], title="Two").axes[0]
    points = [line for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_color() for line in points] == list(plot.COLOURS[:2])
    assert rectangles(axis) == [(0, 1, 20, 29), (5, 5, 20, 30)]
    assert drawn_texts(axis) == ["person 1", "person 2"]
    assert axis.get_title() == "Two"
    assert not plot.poses(PHOTO, np.zeros((0, 17, 3))).axes[0].lines


def test_the_bones_join_a_body():
    pairs = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    names = ["nose", *(name for name in pairs for _ in range(2))]
    kinds = [tuple(sorted((names[start], names[end]))) for start, end in plot.BONES]
    once, twice = {("hip", "hip"), ("shoulder", "shoulder")}, {
        ("eye", "nose"), ("ear", "eye"), ("elbow", "shoulder"), ("elbow", "wrist"), ("hip", "shoulder"),
        ("hip", "knee"), ("ankle", "knee"),
    }  # fmt: skip
    assert collections.Counter(kinds) == dict.fromkeys(once, 1) | dict.fromkeys(twice, 2)
    sides = [(start, end) for start, end in plot.BONES if start and names[start] != names[end]]
    assert all(start % 2 == end % 2 for start, end in sides), "left to left, right to right"


def test_panels_are_one_axis_or_many_as_wide_as_the_page():
    figure, axis = plot.panels()
    assert (figure.get_figwidth(), figure.get_figheight()) == (plot.WIDTH, 3) and figure.axes == [axis]
    figure, axes = plot.panels(2, 3, height=1.5)
    assert axes.shape == (2, 3) and figure.get_figheight() == 3
    _, axes = plot.panels(1, 2, sharey=True)
    axes[0].set_ylim(0, 7)
    assert axes[1].get_ylim() == (0, 7)
    assert not axis.spines["top"].get_visible() and axis.spines["left"].get_visible()


def test_a_graph_has_a_box_a_step_and_none_for_what_is_learned():
    data = mx.sym.var("data")
    dense = nn.Dense(4, in_units=4, prefix="dense_")(data)
    total = dense + data
    figure = plot.graph(total)
    figure.canvas.draw()
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts if text.get_text()] == ["data", "dense", total.name.strip("_")]
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
