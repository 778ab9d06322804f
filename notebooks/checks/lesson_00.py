"""The exercises of lesson 00, start here."""

import functools

import numpy as np

from gluon_lessons import predict
from gluon_lessons.course.check import Blank, call, exercise

TASKS = ("classification", "detection", "semantic", "instance", "pose")


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
        "A raised hand is a matter of where the wrist is: points on a body.",
    )
    for given, right, hint in zip(answer.values(), TASKS, hints, strict=True):
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
    if float(call(function, "dog", "sheep")) != 0:
        return "Where there is none, the answer should be 0."
    return None


@exercise("Correct. Two networks that check each other find mistakes that neither knows of.")
def empty_boxes(function):
    person = np.zeros((60, 100), dtype=bool)
    person[10:50, 5:25] = True
    person[30:50, 60:70] = True
    boxes = np.array([[4, 8, 26, 52], [40, 5, 55, 50], [58, 20, 72, 52], [-6, 8, 20, 52], [70, 5, 98, 40]], "float32")
    answer = call(function, person, boxes, 0.5)
    if isinstance(answer, np.ndarray) or hasattr(answer, "asnumpy"):
        answer = np.asarray(answer).ravel()
    if isinstance(answer, (bool, int, float)):
        return "Return a list of numbers, one for each doubted box."
    answer = [int(number) for number in answer]
    if answer == [1, 2, 4]:
        if [int(number) for number in call(function, person, boxes, 0.3)] != [1, 4]:
            return "Use the `least` that is handed in."
        if len(call(function, person, boxes[:1], 0.5)):
            return "Where no box is doubted, return an empty list."
        return None
    if answer == [0, 3]:
        return "Those are the boxes that the segmentation confirms. Return the others, with less than `least`."
    if answer == [2, 3, 5]:
        return "Count the boxes from 0, as Python does."
    if answer == [1, 2, 3, 4]:
        return "Box 3 begins 6 pixels outside the picture, and a negative number in a slice counts from the other end."
    if len(answer) == len(boxes) and set(answer) <= {0, 1}:
        return "Those are True and False for each box. Return the numbers of the doubted ones."
    if answer == [1, 4]:
        return "You doubt boxes without any person pixel only. Compare the share of person pixels with `least`."
    return (
        f"Boxes 1, 2 and 4 are doubtful, yours are {answer}. Of a box take person[top:bottom, left:right], rows first, "
        "and its mean."
    )


def _close(one, other):
    return abs(one - other) < 1.5  # so that rounding a box to whole pixels is right, too
