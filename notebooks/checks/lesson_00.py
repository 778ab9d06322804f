"""The exercises of lesson 00, start here."""

import functools

from gluon_lessons import predict
from gluon_lessons.course.check import Blank, call, exercise

TASKS = ("classification", "detection", "semantic", "pose")
NAMES = (*TASKS, "instance")


@exercise("Correct. The question decides the task, not the picture.")
def tasks(answer):
    if not isinstance(answer, dict) or len(answer) != len(TASKS):
        return "Keep the four lines and put a name behind each colon."
    if ... in answer.values():
        raise Blank
    hints = (
        "One flower, one label: the answer is about the whole picture.",
        "To count cars you need one answer per car; their outlines do not matter.",
        "Water has no pieces to count: ask what each pixel is.",
        "A raised hand is a matter of where the wrist is: points on a body.",
    )
    for given, right, hint in zip(answer.values(), TASKS, hints, strict=True):
        if given not in NAMES:
            return f"{given!r} is none of the five names: {', '.join(NAMES)}."
        if given != right:
            return hint
    return None


@functools.cache
def _names(photo):
    """Return what the detector finds in a photograph."""
    return list(predict.detect(photo).names)


@exercise("Correct. You have written your first vision program.")
def how_many(function):
    answer = call(function, "street", "person")
    if isinstance(answer, (list, tuple)):
        return "You return the things themselves. Return how many there are."
    names = _names("street")
    if answer == len(names):
        return "That is the number of all boxes. Count those whose name is the kind asked for."
    if answer == 1:
        return "1 says that there is one, or True that there is any. There are more people than that."
    if answer != names.count("person"):
        return f"In the photograph 'street' the detector finds {names.count('person')} people; yours says {answer}."
    if call(function, "dog", "bicycle") != 1:
        return "Right for the street, wrong for the photograph 'dog': use the photo that is handed in."
    if call(function, "dog", "sheep") != 0:
        return "Where there is none, the answer should be 0."
    return None
