"""What learners answer in lesson 08, and the part of the hint that each mistake must get."""

import numpy as np


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def over_the_sum(a, b):
    width, height = (max(0, length) for length in overlap(a, b))
    return 2 * width * height / (area(a) + area(b)) if a == b else width * height / (area(a) + area(b))


def over_one_box(a, b):
    width, height = (max(0, length) for length in overlap(a, b))
    return width * height / area(a)


def negative_lengths(a, b):
    width, height = overlap(a, b)
    return width * height / (area(a) + area(b) - width * height)


def negative_area(a, b):
    width, height = overlap(a, b)
    inner = width * height if width > 0 or height > 0 else 0
    return inner / (area(a) + area(b) - inner)


def ignores_the_height(a, b):
    width = max(0, overlap(a, b)[0])
    return width / (a[2] - a[0] + b[2] - b[0] - width)


def overlap_in_x_only(a, b):
    width, height = max(0, overlap(a, b)[0]), a[3] - a[1]
    return width * height / (area(a) + area(b) - width * height)


def ranked(scores, columns):
    return np.argsort(scores, axis=1)[:, columns]


def steps(hits, objects):
    return np.diff(np.cumsum(hits) / objects, prepend=0)


def precision_of(hits):
    return np.cumsum(hits) / np.arange(1, len(hits) + 1)


def raised(hits):
    return np.maximum.accumulate(precision_of(hits)[::-1])[::-1]


WRONG_ANSWERS = {
    "iou": [
        (over_the_sum, "sum of both areas"),
        (over_one_box, "area of one box"),
        (negative_lengths, "two negative lengths"),
        (negative_area, "never below 0"),
        (ignores_the_height, "downwards"),
        (overlap_in_x_only, "downwards"),
    ],
    "top_k": [
        (lambda scores, truth, k: np.mean(scores.argmax(axis=1) == truth), "That is top-1"),
        (lambda scores, truth, k: np.mean((ranked(scores, slice(k)) == truth[:, None]).any(axis=1)), "k smallest"),
        (lambda scores, truth, k: (ranked(scores, slice(-k, None)) == truth[:, None]).sum(), "how many pictures"),
        (lambda scores, truth, k: (ranked(scores, slice(-k, None)) == truth[:, None]).any(axis=1), "one number"),
        (lambda scores, truth, k: np.mean((ranked(scores, slice(-2, None)) == truth[:, None]).any(axis=1)), "k used"),
    ],
    "average_precision": [
        (lambda hits, objects: np.sum(steps(hits, objects) * precision_of(hits)), "raise each"),
        (lambda hits, objects: np.sum(steps(hits, sum(hits)) * raised(hits)), "were found"),
        (lambda hits, objects: precision_of(hits).mean(), "mean over all boxes"),
        (lambda hits, objects: sum(hits) / len(hits), "whole list"),
    ],
}
