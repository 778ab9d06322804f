"""The exercises of lesson 20, training and tuning jobs."""

import re

import numpy as np

from gluon_lessons.course.check import call, exercise

LINE = "epoch=1 train-loss=0.9032 train-accuracy=0.6780 validation-accuracy=0.7760 seconds=1.2"


@exercise("Correct. Try an expression on one line before you send it with a job.")
def pattern(answer):
    if not isinstance(answer, str):
        return "Give the expression as text, in quotation marks."
    try:
        expression = re.compile(answer)
    except re.error as error:
        return f"That is not a regular expression: {error}."
    match = expression.search(LINE)
    if not match:
        return "It finds nothing in the line. Copy the words from it, up to and including the =."
    if expression.groups != 1:
        return f"It has {expression.groups} groups. Put one pair of round brackets around the number."
    found = match[1]
    if found == "0.6780":
        return "It finds 0.6780, the accuracy on pictures that were learned from. The first fit of a line counts."
    if found != "0.7760":
        return f"It finds {found!r}; the number is 0.7760. In the group, allow digits and the point: [0-9.]+"
    if match := expression.search("epoch=1 train-accuracy=0.6780"):
        return f"In a line without the accuracy on new pictures it finds {match[1]!r}. Name the metric in full."
    return None


@exercise("Correct. Look at this number after every job on spot.")
def spot_saving(function):
    answer = call(function, {"TrainingTimeInSeconds": 400, "BillableTimeInSeconds": 100})
    try:
        answer = float(answer)
    except (TypeError, ValueError):
        return f"Return a number, not {answer!r}."
    if np.isclose(answer, 0.25):
        return "That is the share that you still pay. What is saved is the rest."
    if np.isclose(answer, 75) or np.isclose(answer, 25):
        return "That is in percent. A share lies between 0 and 1."
    if np.isclose(answer, 300):
        return "Those are seconds. Divide by the seconds that the machines worked."
    if np.isclose(answer, 3) or np.isclose(answer, -3):
        return "Compare with the seconds that the machines worked, not with those that you pay."
    if not np.isclose(answer, 0.75):
        return f"For 400 seconds of work and 100 to pay it should be 0.75; yours is {answer:.2f}."
    return None


@exercise("Correct. Equal shares, nothing twice: nobody waits for ever.")
def share(function):
    order = [7, 3, 9, 0, 4, 8, 1, 6, 2, 5, 10]
    parts = [list(call(function, list(order), rank, 3)) for rank in range(3)]
    if any(set(part) - set(order) for part in parts):
        return "Your shares hold numbers that are not in order. Take its elements, not their places."
    if parts[0] == parts[1]:
        return "Every worker gets the same pictures. Let rank decide where a share begins."
    given = [picture for part in parts for picture in part]
    if len(given) != len(set(given)):
        return "Some picture goes to two workers. The shares must not overlap."
    if len({len(part) for part in parts}) > 1:
        sizes = ", ".join(str(len(part)) for part in parts)
        return f"For 11 pictures and 3 workers the shares hold {sizes}. Cut all of them to 11 // 3."
    if len(given) != 9:
        return f"Of 11 pictures, 3 workers can use 9; yours use {len(given)}."
    return None
