"""Comparison of a cell's outputs with the stored ones: words, numbers within a stated tolerance, figures as pictures.

A pytest plugin over nbval, which runs the cells. Everything must be equal unless the cell's metadata say otherwise:

    "compare": {"rtol": 0.02, "why": "Sums come out differently with other processors."}
    "compare": {"atol": 0.01, "at": [1, 3], "why": "..."}        only the first and the third number that the cell shows
    "compare": [{"at": [2], "any": true, "why": "a time"}, {"rtol": 0.05, "why": "..."}]      the first rule that fits
    "compare": "words"                                           times: any number will do
    "compare": {"rtol": 0.02, "figure": 0.05, "why": "..."}      and 5 % of the figure may differ

A number x fits the stored s when |x - s| <= atol + rtol * |s|. Words, and how many numbers there are, must be equal.
Whatever lets a number differ by more than a fifth is listed, with its reason, at the end of the tests.
"""

import difflib
import io
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nbval.plugin import IPyNbCell
from PIL import Image
from scipy import ndimage

WIDE = 0.2  # a tolerance beyond this share of the stored number is reported
SHADES = 10  # of 255: what a spot of a figure may differ by
LEFT_OUT = ("application/vnd.jupyter.widget-view+json",)  # names of widgets are drawn by lot
DIFFERENCES = Path(__file__).resolve().parent.parent / "build" / "figures"

PICTURES = ("image/png", "image/jpeg")
# A number with its sign, thousands and exponent, and a dot after it, since 1. and 1.5 are printed side by side. Letters
# may follow as its unit; 7x7, conv2d, 3b0f and 1.9.1 are words.
NUMBER = re.compile(
    r"(?<![\w.])(?:(?<![)\]])[-+])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?\.?(?![.]?\d|_|[^\W_]*[\d_])"
)


class ToleranceError(ValueError):
    """The metadata of a cell state no tolerance that can be understood; the message says why."""


@dataclass(frozen=True)
class Rule:
    """How far numbers may differ: those at the given places, counted from 1, or all of a cell."""

    rtol: float = 0.0
    atol: float = 0.0
    any: bool = False
    at: tuple[int, ...] | None = None
    figure: float = 0.0
    why: str = ""

    def covers(self, place: int) -> bool:
        return self.at is None or place in self.at

    def allows(self, stored: float, new: float) -> bool:
        return self.any or stored == new or abs(new - stored) <= self.atol + self.rtol * abs(stored)

    def is_wide(self, stored: float) -> bool:
        return self.any or self.atol + self.rtol * abs(stored) > WIDE * abs(stored)

    def __str__(self) -> str:
        limits = [f"{name} {value:g}" for name, value in (("rtol", self.rtol), ("atol", self.atol)) if value]
        places = f" at {', '.join(map(str, self.at))}" if self.at else ""
        return ("any number" if self.any else ", ".join(limits) or "exact") + places


WORDS = (Rule(any=True, figure=1.0, why="times"),)


def rules(metadata: dict) -> tuple[Rule, ...]:
    """Return the rules that a cell's metadata state, or raise ToleranceError."""
    stated = metadata.get("compare", ())
    if stated == "words":
        return WORDS
    if isinstance(stated, str):
        raise ToleranceError(
            f'"compare" is {stated!r}; write "words", or a rule such as {{"rtol": 0.02, "why": "..."}}.'
        )
    return tuple(_rule(one) for one in ([stated] if isinstance(stated, dict) else stated))


def _rule(stated: dict) -> Rule:
    if not isinstance(stated, dict) or (unknown := set(stated) - set(Rule.__dataclass_fields__)):
        raise ToleranceError(f'"compare" holds {unknown if isinstance(stated, dict) else stated}, which means nothing.')
    rule = Rule(**stated | ({"at": tuple(stated["at"])} if "at" in stated else {}))
    if len(rule.why) < 10:
        raise ToleranceError('"compare" gives no reason: add a "why" that a reader of the tests understands.')
    if not (rule.any or rule.rtol > 0 or rule.atol > 0 or rule.figure > 0):
        raise ToleranceError('"compare" allows nothing: give "rtol", "atol", "any" or "figure".')
    if min(rule.rtol, rule.atol) < 0 or rule.figure > 1 or any(place < 1 for place in rule.at or ()):
        raise ToleranceError('"compare" holds a number out of range: places count from 1, "figure" is a share.')
    return rule


def differences(stored: list, new: list, metadata: dict, sanitize=str) -> list[str]:
    """Return what is wrong with new outputs, as sentences; `sanitize` takes out of a text what may differ anywhere."""
    allowed = rules(metadata)
    wanted, got = _by_kind(stored), _by_kind(new)
    problems, place = [], 0
    for kind in {**wanted, **got}:
        before, after = wanted.get(kind, []), got.get(kind, [])
        if len(before) != len(after):
            shown = "".join(f"\n    {one}" for one in after) if kind not in PICTURES else ""
            problems.append(f"{kind}: {len(before)} stored, {len(after)} now{shown}")
            continue
        for one, other in zip(before, after, strict=True):
            if kind in PICTURES:
                problems += picture_differences(one, other, max((rule.figure for rule in allowed), default=0.0))
            else:
                one, other = sanitize(one), sanitize(other)
                problems += [f"{kind}: {problem}" for problem in text_differences(one, other, allowed, place)]
                place += len(NUMBER.findall(one))
    return problems


def _by_kind(outputs) -> dict[str, list]:
    """Gather outputs by kind: what is printed and what is shown may come in either order."""
    kinds = {}
    for output in outputs:
        if output["output_type"] == "stream":
            kinds[output["name"]] = ["".join(kinds.get(output["name"], [])) + output["text"]]
        elif output["output_type"] == "error":
            kinds.setdefault("error", []).append(f"{output['ename']}: {output['evalue']}")
        else:
            for kind, content in output["data"].items():
                if kind not in LEFT_OUT:
                    kinds.setdefault(kind, []).append(content)
    return kinds


def text_differences(stored: str, new: str, allowed: tuple[Rule, ...] = (), place: int = 0) -> list[str]:
    """Compare two texts: equal without rules; with some, word by word and number by number, spaces left out.

    `place` is how many numbers the cell has shown before.
    """
    if stored == new:
        return []
    if not allowed:
        return [_as_lines(stored, new)]
    if _words(stored) != _words(new):
        return [f"the words, or how many numbers there are, differ\n{_as_lines(stored, new)}"]
    problems = []
    for number, (before, after) in enumerate(zip(_numbers(stored), _numbers(new), strict=True), place + 1):
        rule = next((rule for rule in allowed if rule.covers(number)), Rule())
        if not rule.allows(_value(before), _value(after)):
            problems.append(f"number {number} is {after}, stored is {before} ({rule})")
    return problems


def _words(text: str) -> list[str]:
    return [" ".join(part.split()) for part in NUMBER.split(text)]


def _numbers(text: str) -> list[str]:
    return NUMBER.findall(text)


def _value(number: str) -> float:
    return float(number.rstrip(".").replace(",", ""))


def _as_lines(stored: str, new: str) -> str:
    """Return the lines that differ: - stored, + new."""
    lines = difflib.unified_diff(str(stored).splitlines(), str(new).splitlines(), lineterm="", n=0)
    return "\n".join(f"    {line}" for line in lines if not line.startswith(("---", "+++", "@@"))) or "    (line ends)"


def wide(stored: list, metadata: dict, sanitize=str) -> list[str]:
    """Return the tolerances of a cell that let some stored number differ by more than a fifth, with their reasons."""
    allowed = rules(metadata)
    texts = [text for kind, some in _by_kind(stored).items() if kind not in PICTURES for text in some]
    numbers = [_value(number) for text in texts for number in _numbers(sanitize(text))]
    found = []
    for rule in allowed:
        if any(rule.covers(place) and rule.is_wide(number) for place, number in enumerate(numbers, 1)):
            found.append(f"{rule}: {rule.why}")
    return found


def picture_differences(stored: str, new: str, limit: float = 0.0) -> list[str]:
    """Compare two pictures, PNG in base64: at most a share of `limit` of their pixels may differ."""
    if stored == new:
        return []
    before, after = decoded(stored), decoded(new)
    if before.shape != after.shape:
        sizes = [f"{picture.shape[1]} by {picture.shape[0]}" for picture in (before, after)]
        return [] if limit >= 1 else [f"the figure is {sizes[1]} pixels large, stored is {sizes[0]}"]
    share = distance(before, after)
    return [f"the figure differs in {share:.2%} of its area from the stored one"] if share > limit else []


def decoded(picture: str) -> np.ndarray:
    """Return a PNG in base64 as an array (height, width, colour)."""
    image = Image.open(io.BytesIO(b64decode(picture))).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")).astype(int)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of a figure that differs: spots of 5 pixels, unlike anything within a pixel of their place.

    So a curve that moves by a fraction of a pixel is no difference; a digit, a dot or the end of a bar is. The mean
    square over the whole figure, which others use, cannot tell the two apart.
    """
    one, other = (ndimage.gaussian_filter(picture.astype(float), (0.8, 0.8, 0)) for picture in (one, other))
    beyond = np.zeros(one.shape)
    for picture, around in ((one, other), (other, one)):
        low, high = (extreme(around, size=(3, 3, 1)) for extreme in (ndimage.minimum_filter, ndimage.maximum_filter))
        beyond = np.maximum(beyond, np.maximum(low - picture, picture - high))
    return float((ndimage.uniform_filter(beyond.max(axis=2), 5) > SHADES).mean())


def keep(stored: str, new: str, name: str) -> Path:
    """Write both pictures, one above the other, where an author can look at them."""
    before, after = decoded(stored), decoded(new)
    page = np.full((len(before) + len(after), max(before.shape[1], after.shape[1]), 3), 255, dtype="uint8")
    page[: len(before), : before.shape[1]], page[len(before) :, : after.shape[1]] = before, after
    DIFFERENCES.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page).save(DIFFERENCES / f"{name}.png")
    return DIFFERENCES / f"{name}.png"


# The plugin.


def pytest_itemcollected(item):
    """Let a notebook's cell be compared here, and not by nbval, which knows of no tolerance and of no picture."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = lambda new, stored, item=item: _compare(item, new, stored)


def _compare(item, new, stored):
    try:
        problems = differences(stored, new, item.cell.metadata, item.sanitize)
        for line in wide(stored, item.cell.metadata, item.sanitize):
            item.user_properties.append(("wide tolerance", f"{item.path.stem}, {item.name.lower()}: {line}"))
    except ToleranceError as error:
        problems = [str(error)]
    if any("the figure" in problem for problem in problems):
        pictures = (_by_kind(outputs).get("image/png", []) for outputs in (stored, new))
        for index, (one, other) in enumerate(zip(*pictures, strict=False), 1):
            if picture_differences(one, other):
                path = keep(one, other, f"{item.path.stem}-cell-{item.cell_num}-{index}")
                problems.append(f"the stored figure above the new one: {path}")
    item.comparison_traceback = problems
    return not problems


def pytest_terminal_summary(terminalreporter):
    """List what may differ by more than a fifth, and why."""
    reports = [report for some in terminalreporter.stats.values() for report in some if hasattr(report, "nodeid")]
    stated = {
        line for report in reports for name, line in getattr(report, "user_properties", ()) if name == "wide tolerance"
    }
    if stated:
        terminalreporter.section("numbers that may differ by more than a fifth")
        for line in sorted(stated):
            terminalreporter.line(line)
