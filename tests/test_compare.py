"""Outputs that must pass and outputs that must fail: words, numbers within a tolerance, figures as pictures."""

import base64
import io
import os
import subprocess
import sys

import compare
import nbformat
import numpy as np
import pytest
from compare import ToleranceError, differences, distance, rules, wide
from lessons import ROOT
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

TWO_PERCENT = {"rtol": 0.02, "why": "Sums come out differently elsewhere."}
TEXT = "accuracy 0.897 of 1,000, loss 1.2e-03"


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


def differ(stored, new, stated=None):
    return differences(printed(stored), printed(new), {} if stated is None else {"compare": stated})


def test_without_a_tolerance_every_letter_counts():
    assert differ(TEXT, TEXT) == []
    assert differ(TEXT, TEXT.replace("0.897", "0.898"))
    assert differ("a  b", "a b")


@pytest.mark.parametrize(
    "new",
    [
        TEXT,
        "accuracy 0.90 of 1,000, loss 1.2e-03",
        "accuracy 0.880 of 1,000, loss 0.00121",
        "accuracy  0.897 of   999, loss 1.2e-03",
    ],
)
def test_numbers_within_the_tolerance_pass(new):
    assert differ(TEXT, new, TWO_PERCENT) == []


@pytest.mark.parametrize(
    "new",
    [
        "accuracy 0.870 of 1,000, loss 1.2e-03",
        "accuracy -0.897 of 1,000, loss 1.2e-03",
        "accuracy 0.897 of 1,000, loss 1.3e-03",
        "accuracy 0.897 of 100, loss 1.2e-03",
        "accuracy nan of 1,000, loss 1.2e-03",
        "accuracy 0.897 of 1,000, loss 1.2e-03 5",
        "accuracy 0.897 of 1,000, loss",
        "precision 0.897 of 1,000, loss 1.2e-03",
        "",
    ],
)
def test_other_numbers_and_other_words_fail(new):
    assert differ(TEXT, new, TWO_PERCENT)


def test_an_absolute_tolerance_is_absolute():
    stated = {"atol": 1, "why": "One picture may change sides."}
    assert differ("3 of 100", "4 of 99", stated) == []
    assert differ("3 of 100", "5 of 100", stated)


def test_a_tolerance_may_hold_for_some_places_only():
    stated = {"rtol": 0.1, "at": [2], "why": "Only the second one is measured."}
    assert differ("10 and 10 and 10", "10 and 11 and 10", stated) == []
    assert differ("10 and 10 and 10", "11 and 10 and 10", stated)
    assert "number 3 is 11, stored is 10" in differ("10 and 10 and 10", "10 and 10 and 11", stated)[0]


def test_places_go_on_from_one_output_to_the_next():
    stored = [*printed("1 and 2"), new_output("display_data", data={"text/plain": "30"})]
    new = [*printed("1 and 2"), new_output("display_data", data={"text/plain": "31"})]
    stated = {"rtol": 0.1, "at": [3], "why": "The shown one is measured."}
    assert differences(stored, new, {"compare": stated}) == []
    assert differences(stored, new, {"compare": stated | {"at": [1]}})


def test_the_first_rule_that_fits_counts():
    stated = [{"any": True, "at": [1], "why": "a time that nobody can foresee"}, TWO_PERCENT]
    assert differ("3.1 s, 0.897", "99 s, 0.898", stated) == []
    assert differ("3.1 s, 0.897", "3.1 s, 0.5", stated)


def test_times_are_compared_by_their_words():
    assert differ("eager 12.31 ms, fused 4 ms, 3.1x", "eager  9.1 ms, fused 41 ms, 0.2x", "words") == []
    assert differ("eager 12.31 ms", "fused 12.31 ms", "words")
    assert differ("eager 12.31 ms", "eager 12.31 ms 5 ms", "words")


@pytest.mark.parametrize("word", ["resnet50_v1", "(3x3)", "conv2d", "sha 3b0f9", "MXNet 1.9.1", "2x3x4 cells", "a_1"])
def test_names_that_hold_digits_are_words(word):
    changed = word.replace("1", "2").replace("3", "4")
    if changed == word:
        changed = word.replace("2", "3")
    assert differ(f"{word}: 5", f"{changed}: 5", {"rtol": 0.99, "why": "Even a wide one holds."})


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("[ 1. -2.5  3e-05]", ["1.", "-2.5", "3e-05"]),
        ("95 MB, 12ms, 3.1x, 40%, 1,234.5 of 10,000,000", ["95", "12", "3.1", "40", "1,234.5", "10,000,000"]),
        ("2026-11-29, 5-3", ["2026", "11", "29", "5", "3"]),
        ("It is 12. Then 7.", ["12.", "7."]),
    ],
)
def test_what_counts_as_a_number(text, numbers):
    assert compare.NUMBER.findall(text) == numbers


def test_a_whole_number_and_a_fraction_in_an_array_are_one_thing():
    assert differ("[1. 2.]", "[1.001 1.99]", TWO_PERCENT) == []
    assert differ("It is 1.", "It is 1.001.", TWO_PERCENT) == []


def test_an_error_is_compared_by_its_name_and_message():
    def failed(name, message):
        return [new_output("error", ename=name, evalue=message, traceback=[])]

    assert differences(failed("ValueError", "no"), failed("ValueError", "no"), {}) == []
    assert differences(failed("ValueError", "no"), failed("ValueError", "not"), {})
    assert differences(failed("ValueError", "no"), failed("TypeError", "no"), {})
    assert differences(failed("ValueError", "no"), [], {})


def test_what_is_printed_and_what_is_shown_may_come_in_either_order():
    shown = new_output("display_data", data={"text/plain": "a cat"})
    assert differences([shown, *printed("1")], [*printed("1"), shown], {}) == []


def test_a_widget_is_compared_by_its_words():
    name = {"application/vnd.jupyter.widget-view+json": {"model_id": "3f"}}
    stored, new = (new_output("display_data", data={"text/plain": "sliders"} | more) for more in ({}, name))
    assert differences([stored], [new], {}) == []


def test_a_text_that_is_printed_in_two_parts_is_one_text():
    assert differences(printed("one\ntwo\n"), [*printed("one\n"), *printed("two\n")], {}) == []
    assert differences(printed("one\ntwo\n"), [*printed("two\n"), *printed("one\n")], {})


@pytest.mark.parametrize(
    "stated",
    [
        "word",
        {"rtol": 0.02},
        {"rtol": 0.02, "why": "so"},
        {"why": "It allows nothing at all."},
        {"rtol": -1, "why": "A negative tolerance."},
        {"rtol": 0.1, "at": [0], "why": "Places begin with one."},
        {"tolerance": 0.1, "why": "There is no such word."},
        ["words"],
    ],
)
def test_a_tolerance_that_cannot_be_understood_is_refused(stated):
    with pytest.raises(ToleranceError):
        rules({"compare": stated})


def test_only_a_tolerance_of_more_than_a_fifth_is_reported():
    def reported(text, stated):
        return wide(printed(text), {"compare": stated})

    assert reported("0.9", TWO_PERCENT) == []
    assert reported("0.9", {"rtol": 0.5, "why": "Chance decides."}) == ["rtol 0.5: Chance decides."]
    assert reported("100", {"atol": 10, "why": "Ten may change sides."}) == []
    assert reported("3", {"atol": 10, "why": "Ten may change sides."})
    assert reported("3 s", "words") == ["any number: times"]


# Figures.


def png(figure):
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return base64.b64encode(content.getvalue()).decode()


def bars(values=(0.897, 0.81, 0.5), labels=("cat", "dog", "bird"), colour="#0072B2", shift=0.0):
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axis = figure.subplots()
    drawn = axis.barh(labels, np.array(values) + shift, color=colour)
    axis.bar_label(drawn, [f"{value:.3f}" for value in values])
    axis.set_xlim(0, 1.1)
    return figure


def curve(shift=0.0, without=None):
    figure = Figure(figsize=(8, 3), layout="constrained")
    axis = figure.subplots()
    x = np.linspace(0, 6, 30)
    axis.plot(x, np.sin(x) + shift)
    points = [place for place in range(5) if place != without]
    axis.plot(points, np.cos(points), "o")
    return figure


def shown(figure):
    return [new_output("display_data", data={"image/png": png(figure)})]


def test_the_same_figure_passes_and_so_does_what_no_eye_sees():
    assert differences(shown(bars()), shown(bars()), {}) == []
    for shift in (0.002, 0.004, 0.006):
        assert differences(shown(curve()), shown(curve(shift=shift)), {}) == []
    photo = np.random.RandomState(0).randint(0, 256, (60, 80, 3))
    assert distance(photo, np.clip(photo + np.random.RandomState(1).randint(-8, 9, photo.shape), 0, 255)) == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (bars(), bars(values=(0.896, 0.81, 0.5))),
        (bars(), bars(shift=0.01)),
        (bars(), bars(labels=("cat", "dog", "bind"))),
        (bars(), bars(labels=("cat", "dog", "Bird"))),
        (bars(), bars(colour="#E69F00")),
        (bars(), bars(colour=["#0072B2", "#0072B2", "#56B4E9"])),
        (curve(), curve(shift=0.05)),
        (curve(), curve(without=3)),
        (curve(), Figure(figsize=(8, 3))),
    ],
)
def test_a_changed_figure_is_noticed(before, after):
    [problem] = differences(shown(before), shown(after), {})
    assert "figure differs" in problem


def test_a_figure_of_another_size_or_none_is_noticed():
    small = Figure(figsize=(4, 2))
    assert "pixels large" in differences(shown(curve()), shown(small), {})[0]
    assert differences(shown(curve()), [], {})
    assert differences([], shown(curve()), {})


def test_a_stated_share_of_a_figure_may_differ():
    stated = {"rtol": 0.1, "figure": 0.05, "why": "The curve of training differs elsewhere."}
    assert differences(shown(curve()), shown(curve(shift=0.02)), {"compare": stated | {"figure": 0}})
    assert differences(shown(curve()), shown(curve(shift=0.02)), {"compare": stated}) == []
    assert differences(shown(curve()), shown(Figure(figsize=(8, 3), facecolor="black")), {"compare": stated})


def test_a_figure_of_times_may_show_any_times():
    assert differences(shown(bars()), shown(bars(values=(0.1, 0.2, 0.9))), {"compare": "words"}) == []
    assert differences(shown(bars()), [], {"compare": "words"})


# The plugin, in a pytest of its own.


def run_pytest(folder, *options):
    settings = [
        "--nbval",
        "--nbval-current-env",
        "--nbval-sanitize-with",
        ROOT / "tests" / "sanitize.cfg",
        "--color=no",
    ]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "compare", "-c", "/dev/null", *settings]
    words = [str(word) for word in (*command, *options, folder)]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), os.environ["PYTHONPATH"]])}
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, timeout=120, env=surroundings)


def store(path, source, outputs, **metadata):
    cell = new_code_cell(source, execution_count=1, outputs=outputs, metadata=metadata)
    nbformat.write(new_notebook(cells=[cell]), path)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a pytest on two workers says of notebooks that pass and of others that fail."""
    folder = tmp_path_factory.mktemp("notebooks")
    source = "print('right: 0.90')"
    store(folder / "tolerant.ipynb", source, printed("right: 0.80\n"), compare=THIRTY_PERCENT)
    store(folder / "strict.ipynb", source, printed("right: 0.80\n"))
    store(folder / "wrong.ipynb", source, printed("right: 0.50\n"), compare=THIRTY_PERCENT)
    store(folder / "unclear.ipynb", source, printed("right: 0.90\n"), compare="about")
    source = "from IPython.display import Image, display\ndisplay(Image('now.png'))"
    for name, colour in (("other-figure", "blue"), ("figure", "red")):
        Image.new("RGB", (80, 60), colour).save(folder / "now.png")
        picture = base64.b64encode((folder / "now.png").read_bytes()).decode()
        data = {"image/png": picture, "text/plain": "<IPython.core.display.Image object>"}
        store(folder / f"{name}.ipynb", source, [new_output("display_data", data=data)])
    yield run_pytest(folder, "-n", "2").stdout
    (compare.DIFFERENCES / "other-figure-cell-0-1.png").unlink()


THIRTY_PERCENT = {"rtol": 0.3, "why": "Chance decides how many."}


def test_nbval_compares_with_the_stated_tolerance(said):
    assert "4 failed, 2 passed" in said, said
    for name in ("strict", "wrong", "unclear"):
        assert f"FAILED {name}.ipynb::Cell 0" in said
    assert "-right: 0.80" in said
    assert "number 1 is 0.90, stored is 0.50 (rtol 0.3)" in said
    assert 'write "words", or a rule' in said
    assert "tolerant, cell 0: rtol 0.3: Chance decides how many." in said


def test_nbval_compares_figures(said):
    assert "FAILED other-figure.ipynb::Cell 0" in said
    assert "other-figure-cell-0-1.png" in said
