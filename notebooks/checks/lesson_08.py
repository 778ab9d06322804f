"""The exercises of lesson 08, metrics versus loss."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Overlap once, both leftovers, and 0 when the boxes lie apart.")
def iou(function):
    def answer(a, b):
        return float(call(function, a, b))

    if not np.isclose(answer((0, 0, 10, 10), (0, 0, 10, 10)), 1):
        return f"A box with itself should give 1; yours gives {answer((0, 0, 10, 10), (0, 0, 10, 10)):.2f}."
    half = answer((0, 0, 10, 10), (5, 0, 15, 10))
    if np.isclose(half, 50 / 200):
        return "You divide by the sum of both areas. The overlap is in that sum twice; take it off once."
    if np.isclose(half, 0.5):
        return "You divide by the area of one box. The union is what either of them covers."
    if not np.isclose(half, 50 / 150):
        return f"Two boxes that overlap by half should give 0.33; yours give {half:.2f}. Which corner is which?"
    for a, b in (((0, 0, 10, 10), (0, 5, 10, 15)), ((0, 0, 10, 40), (5, 10, 15, 30))):
        shared = min(a[3], b[3]) - max(a[1], b[1])
        shared *= min(a[2], b[2]) - max(a[0], b[0])
        right = shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
        if not np.isclose(answer(a, b), right):
            return (
                f"Right when boxes differ across, wrong when they differ downwards: {a} and {b} should give "
                f"{right:.2f}; yours give {answer(a, b):.2f}."
            )
    apart = answer((0, 0, 10, 10), (20, 20, 30, 30))
    if apart > 0:
        return "Boxes that lie apart in both directions give more than 0: two negative lengths make a positive area."
    if not np.isclose(answer((0, 0, 10, 10), (20, 0, 30, 10)), 0):
        return "Boxes side by side give less than 0. A length of overlap is never below 0: use max(0, ...)."
    return None


@exercise("Correct. With k equal to the number of classes, everybody scores 1.")
def top_k(function):
    scores = np.array([[0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.8, 0.15, 0.05], [0.35, 0.25, 0.4]])
    truth = np.array([2, 1, 0, 0])
    answer = call(function, scores, truth, 2)
    if np.size(answer) != 1:
        return "Return one number: the share of pictures, a mean over all of them."
    if np.isclose(answer, 4):
        return "That is how many pictures are right. Divide by the number of pictures: a mean."
    if np.isclose(answer, np.mean(scores.argmax(axis=1) == truth)):
        return "That is top-1: only the single best guess counts. Let the k best count."
    worst = np.argsort(scores, axis=1)[:, :2]
    if np.isclose(answer, np.mean((worst == truth[:, None]).any(axis=1))):
        return "You took the k smallest scores: argsort sorts upwards, so the best come last."
    if not np.isclose(answer, 1):
        return f"For k=2 the share should be 1.00 here; yours is {float(answer):.2f}."
    if not np.isclose(call(function, scores, truth, 1), 0.25):
        return "For k=2 it is right, for k=1 it is not. Is k used, or a 2 written in its place?"
    return None


@exercise("Correct. Objects that are never found cost their share of the area.")
def average_precision(function):
    hits = np.array([0, 1, 1, 0, 1])
    objects = 4
    found = np.cumsum(hits)
    precision = found / np.arange(1, 6)
    steps = np.diff(found / objects, prepend=0)
    raised = np.maximum.accumulate(precision[::-1])[::-1]
    answer = call(function, hits, objects)
    if np.size(answer) != 1:
        return "Return one number, the area: sum over the steps of recall."
    answer = float(answer)
    if np.isclose(answer, np.sum(steps * raised)):
        return None
    if np.isclose(answer, np.sum(steps * precision)):
        return "Nearly: raise each precision to the best one still to come before you take the area."
    if np.isclose(answer, np.sum(np.diff(found / hits.sum(), prepend=0) * raised)):
        return "You divided by the objects that were found. Recall divides by all objects that are there."
    if np.isclose(answer, precision.mean()) or np.isclose(answer, raised.mean()):
        return "That is the mean over all boxes. Weigh each precision by its step of recall, which is 0 for a miss."
    if np.isclose(answer, precision[-1]):
        return "That is the precision of the whole list. Look at it after every box, from the best score down."
    return f"For hits 0 1 1 0 1 and 4 objects the area should be {np.sum(steps * raised):.2f}; yours is {answer:.2f}."
