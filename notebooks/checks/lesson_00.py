"""The exercises of lesson 00, start here."""

import functools

import numpy as np

from gluon_lessons import predict
from gluon_lessons.course.check import Blank, Mistake, call, exercise

TASKS = ("classification", "detection", "semantic", "instance", "pose")
SHORT = {
    "semantic segmentation": "semantic",
    "instance segmentation": "instance",
    "pose estimation": "pose",
}


@exercise("Correct. The question decides the task, not the picture.")
def tasks(answer):
    if not isinstance(answer, dict) or len(answer) != len(TASKS):
        return "Keep the five lines and put a name behind each colon."
    if ... in answer.values():
        raise Blank
    hints = (
        "One screw, one of two names: the answer is about the whole picture.",
        "To count cars you need one answer per car; their outlines do not matter.",
        "Water has no pieces to count: ask what each pixel is.",
        "An area needs pixels, and each leaf its own, also where two overlap.",
        "How far an arm is raised is a matter of where shoulder and wrist are: points on a body.",
    )
    for given, right, hint in zip(answer.values(), TASKS, hints, strict=True):
        given = SHORT.get(given.strip().lower(), given.strip().lower()) if isinstance(given, str) else given
        if given not in TASKS:
            return f"{given!r} is none of the five names: {', '.join(TASKS)}."
        if given != right:
            return hint
    return None


@functools.cache
def _things(photo):
    """Return the names that the detector finds in a photograph, their widths and their heights."""
    found = predict.detect(photo)
    left, top, right, bottom = found.boxes.T
    return np.array(found.names), right - left, bottom - top


@exercise("Correct. A box tells how near something is, if you know how tall such things are.")
def tallest(function):
    answer = call(function, "street", "person")
    if isinstance(answer, (list, tuple)) or np.size(answer) > 1:
        return "Return one number: the largest of the heights."
    answer = float(answer)
    names, widths, heights = _things("street")
    people = names == "person"
    mistakes = [
        (-heights[people].max(), "The height came out negative: rows are counted from the top, so bottom minus top."),
        (-heights[people].min(), "The height came out negative: rows are counted from the top, so bottom minus top."),
        (heights[people][0], "That is the first person, of whom the network is surest, and not the tallest one."),
        (heights[people].min(), "That is the shortest. Take the largest of the heights."),
        (widths[people].max(), "That is a width. A box is left, top, right, bottom; the height is bottom minus top."),
        (widths.max(), "That is a width. A box is left, top, right, bottom; the height is bottom minus top."),
        ((widths * heights)[people].max(), "That is an area. The height alone is asked for."),
        (
            predict.detect("street").boxes[people, 3].max(),
            "That is where the lowest box ends. Subtract where it begins.",
        ),
        (heights[people].sum(), "That is the sum of the heights; take the largest of them."),
        (people.sum(), "That is the number of people. Return the height of the tallest."),
    ]
    if not _close(answer, heights[people].max()):
        for value, hint in mistakes:
            if _close(answer, value):
                return hint
        return f"On the street the tallest person is {heights[people].max():.0f} pixels high; yours says {answer:.0f}."
    names, _, heights = _things("dog")
    answer = float(call(function, "dog", "bicycle"))
    if _close(answer, heights.max()):
        return "Of 'dog' that is the height of the tallest thing of any kind. Look only at the kind asked for."
    if not _close(answer, heights[names == "bicycle"].max()):
        return (
            "Right for the people on the street, wrong for the bicycle of 'dog': use the photo and the kind handed in."
        )
    try:
        none = call(function, "dog", "sheep")
    except Mistake as mistake:
        raise Mistake(f"Asked for sheep, of which 'dog' has none, it should answer 0. {mistake}") from mistake
    if float(none) != 0:
        return "Where there is none, the answer should be 0."
    return None


@exercise("Correct. Two networks that check each other find mistakes that neither knows of.")
def empty_boxes(function):
    person = np.zeros((60, 100), dtype=bool)
    person[10:50, 5:25] = True
    person[30:50, 60:70] = True
    # Boxes 3 and 4 begin outside the picture, where a slice such as -6:10 means columns 94 to 10, which are none.
    boxes = np.array([[4, 8, 26, 52], [40, 5, 55, 50], [58, 20, 72, 52], [-5, 8, 30, 52], [-6, 0, 10, 8]], "float32")
    answer = _listed(call(function, person, boxes, 0.5))
    if answer is None:
        return "Return a list of numbers, one for each doubted box."
    half = person[20:52, 58:72].mean()  # of box 2
    if answer == [1, 2, 4]:
        if _listed(call(function, person, boxes, 0.3)) != [1, 4]:
            if _listed(call(function, person, boxes, 0.1)) == [1, 4]:
                return "Divide by the pixels of the box, not by all person pixels of the picture: a mean does it."
            return "With least=0.5 it is right, with 0.3 it is not: use the `least` that is handed in."
        if _listed(call(function, person, boxes, half)) != [1, 4]:
            return "A box of which exactly the share `least` is person is not doubted: less than, not at most."
        if _listed(call(function, person, boxes[:1], 0.5)) != []:
            return "Where no box is doubted, return an empty list."
        return None
    if answer == [0, 3]:
        return "Those are the boxes that the segmentation confirms. Return the others, with less than `least`."
    if answer == [2, 3, 5]:
        return "Count the boxes from 0, as Python does."
    unclipped = _shares(person, boxes.astype(int))
    if answer in (
        [number for number, share in enumerate(unclipped) if share < 0.5],
        [number for number, share in enumerate(unclipped) if not share >= 0.5],
    ):
        return "Boxes 3 and 4 begin outside the picture, and a negative number in a slice counts from the other end."
    if len(answer) == len(boxes) and set(answer) <= {0, 1}:
        return "Those are True and False for each box. Return the numbers of the doubted ones."
    if answer == [1, 4]:
        return "You doubt boxes without any person pixel only. Compare the share of person pixels with `least`."
    return (
        f"Boxes 1, 2 and 4 are doubtful, yours are {answer}. Of a box take person[top:bottom, left:right], rows first, "
        "and its mean."
    )


def _listed(answer):
    """Return the numbers of an answer as a list, or None for what is no list of numbers."""
    if isinstance(answer, tuple) and len(answer) == 1 and np.ndim(answer[0]) == 1:
        answer = answer[0]  # np.nonzero answers so
    if np.ndim(answer) == 0:
        return None
    return [int(number) for number in np.asarray(answer).ravel()]


def _shares(person, boxes):
    """Return the share of person pixels in each box, nan where a slice is empty."""
    pieces = [person[top:bottom, left:right] for left, top, right, bottom in boxes.astype(int)]
    return [piece.mean() if piece.size else np.nan for piece in pieces]


def _close(one, other):
    return abs(one - other) < 1.5  # so that rounding a box to whole pixels is right, too
