"""What learners answer in lesson 13, and the part of the hint that each mistake must get."""

import numpy as np


def sides(mask):
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


def rows_first(mask):
    left, top, right, bottom = sides(mask)
    return top, left, bottom + 1, right + 1


def width_and_height(mask):
    left, top, right, bottom = sides(mask)
    return left, top, right + 1 - left, bottom + 1 - top


def sure(person):
    return (person[[5, 6], 2] >= 0.5) & (person[[9, 10], 2] >= 0.5)


def oks_as(power, *, two=2, spread=2, keep=None, mean=np.mean):
    def oks(found, true, visible, size, tolerance):
        distance = np.hypot(*(found - true).T)
        each = np.exp(-(distance**power) / (two * (size * tolerance) ** spread))
        return mean(each if keep == "all" else each[visible])

    return oks


WRONG_ANSWERS = {
    "box_of": [
        (sides, "one past the last"),
        (rows_first, "top, left, bottom, right"),
        (width_and_height, "width and the height"),
        (lambda mask: (0, 0, mask.shape[1], mask.shape[0]), "whole picture"),
        (lambda mask: np.nonzero(mask), "four numbers"),
    ],
    "hand_raised": [
        (lambda person: bool((sure(person) & (person[[9, 10], 1] > person[[5, 6], 1])).any()), "smaller y"),
        (lambda person: bool((person[[9, 10], 1] < person[[5, 6], 1]).any()), "has not seen it"),
        (lambda person: bool(sure(person)[0] and person[9, 1] < person[5, 1]), "right hand is up"),
        (lambda person: bool((sure(person) & (person[[9, 10], 1] < person[[5, 6], 1])).all()), "One raised hand"),
        (
            lambda person: bool(sure(person).all() and person[[9, 10], 1].min() < person[[5, 6], 1].max()),
            "of its own side",
        ),
        (lambda person: sure(person) & (person[[9, 10], 1] < person[[5, 6], 1]), "one answer"),
    ],
    "oks": [
        (oks_as(2, keep="all"), "not visible"),
        (oks_as(2, two=1), "The 2"),
        (oks_as(1), "distance must be squared"),
        (oks_as(2, spread=1), "Size and tolerance"),
        (oks_as(2, mean=np.sum), "the sum"),
    ],
}
