"""What learners answer in lesson 00, and the part of the hint that each mistake must get."""

import numpy as np

from gluon_lessons import predict


def jobs(*names):
    return dict(zip("abcde", names, strict=True))


def sides(photo, kind):
    """Return the boxes of one kind."""
    found = predict.detect(photo)
    return np.array([box for box, name in zip(found.boxes, found.names, strict=True) if name == kind])


def heights(photo, kind):
    boxes = sides(photo, kind).reshape(-1, 4)
    return boxes[:, 3] - boxes[:, 1]


def of_any_kind(photo, kind):
    boxes = predict.detect(photo).boxes
    return max(boxes[:, 3] - boxes[:, 1])


def width(photo, kind):
    boxes = sides(photo, kind)
    return max(boxes[:, 2] - boxes[:, 0])


def area(photo, kind):
    boxes = sides(photo, kind)
    return max((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def always_the_street(photo, kind):
    return max(heights("street", "person"))


def stops_without_any(photo, kind):
    return max(heights(photo, kind)) if len(sides(photo, kind)) else -1


def shares(person, boxes):
    corners = np.asarray(boxes).astype(int).clip(0)
    return np.array([person[top:bottom, left:right].mean() for left, top, right, bottom in corners])


def negative_corner(person, boxes, least):
    corners = np.asarray(boxes).astype(int)
    pieces = [person[top:bottom, left:right] for left, top, right, bottom in corners]
    return [number for number, piece in enumerate(pieces) if not piece.size or piece.mean() < least]


def without_clip(person, boxes, least):
    corners = np.asarray(boxes).astype(int)
    pieces = [person[top:bottom, left:right] for left, top, right, bottom in corners]
    return [number for number, piece in enumerate(pieces) if piece.size and piece.mean() < least]


def share_of_all_people(person, boxes, least):
    corners = np.asarray(boxes).astype(int).clip(0)
    sums = [person[top:bottom, left:right].sum() / person.sum() for left, top, right, bottom in corners]
    return [number for number, share in enumerate(sums) if share < least]


def stops_at_an_empty_list(photo, kind):
    return max(list(heights(photo, kind)))


def columns_first(person, boxes, least):
    corners = np.asarray(boxes).astype(int).clip(0)
    pieces = [person[left:right, top:bottom] for left, top, right, bottom in corners]
    return [number for number, piece in enumerate(pieces) if not piece.size or piece.mean() < least]


WRONG_ANSWERS = {
    "tasks": [
        (jobs("detection", "detection", "semantic", "instance", "pose"), "the whole picture"),
        (jobs("classification", "instance", "semantic", "instance", "pose"), "one answer per car"),
        (jobs("classification", "detection", "detection", "instance", "pose"), "each pixel"),
        (jobs("classification", "detection", "semantic", "semantic", "pose"), "each leaf its own"),
        (jobs("classification", "detection", "semantic", "instance", "detection"), "points on a body"),
        (jobs("Classify", "detection", "semantic", "instance", "pose"), "none of the five"),
        ("detection", "five lines"),
    ],
    "tallest": [
        (of_any_kind, "any kind"),
        (lambda photo, kind: min(-heights(photo, kind)), "negative"),
        (lambda photo, kind: heights(photo, kind)[0], "surest"),
        (lambda photo, kind: min(heights(photo, kind)), "the shortest"),
        (width, "a width"),
        (area, "an area"),
        (lambda photo, kind: list(heights(photo, kind)), "one number"),
        (lambda photo, kind: max(sides(photo, kind)[:, 3]), "Subtract where it begins"),
        (lambda photo, kind: predict.detect(photo).names.count(kind), "the number of people"),
        (lambda photo, kind: 77, "yours says 77"),
        (always_the_street, "handed in"),
        (stops_without_any, "should be 0"),
        (stops_at_an_empty_list, "Asked for sheep"),
        (lambda photo, kind: sum(heights(photo, kind)), "the sum of the heights"),
    ],
    "empty_boxes": [
        (lambda person, boxes, least: np.flatnonzero(shares(person, boxes) >= least), "confirms"),
        (lambda person, boxes, least: [n + 1 for n in np.flatnonzero(shares(person, boxes) < least)], "from 0"),
        (negative_corner, "counts from the other end"),
        (without_clip, "counts from the other end"),
        (share_of_all_people, "not by all person pixels"),
        (lambda person, boxes, least: np.flatnonzero(shares(person, boxes) <= least), "not at most"),
        (lambda person, boxes, least: list(shares(person, boxes) < least), "True and False"),
        (lambda person, boxes, least: list(np.flatnonzero(shares(person, boxes) == 0)), "any person pixel"),
        (lambda person, boxes, least: np.flatnonzero(shares(person, boxes) < 0.5), "`least`"),
        (lambda person, boxes, least: 3, "list of numbers"),
        (columns_first, "rows first"),
    ],
}
