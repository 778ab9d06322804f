"""What learners answer in lesson 11, and the part of the hint that each mistake must get."""

import numpy as np

from gluon_lessons.boxes import iou


def chained(boxes, scores, overlap):
    order = np.argsort(-scores)
    overlaps = iou(boxes, boxes)
    return [i for place, i in enumerate(order) if all(overlaps[i, j] <= overlap for j in order[:place])]


def unsorted(boxes, scores, overlap):
    kept = []
    for i in range(len(boxes)):
        if all(iou(boxes[i], boxes[j])[0, 0] <= overlap for j in kept):
            kept.append(i)
    return kept


def surest_first(boxes, scores, overlap):
    kept = []
    for i in np.argsort(-scores):
        if all(iou(boxes[i], boxes[j])[0, 0] <= overlap for j in kept):
            kept.append(int(i))
    return kept


def centred(anchors, corrections, tenth=10, fifth=5):
    centres = anchors[:, :2] + corrections[:, :2] / tenth * anchors[:, 2:]
    return np.hstack([centres, anchors[:, 2:] * np.exp(corrections[:, 2:] / fifth)])


def corners(boxes, part=2):
    return np.hstack([boxes[:, :2] - boxes[:, 2:] / part, boxes[:, :2] + boxes[:, 2:] / part])


def in_proportion(anchors, corrections):
    sides = anchors[:, 2:] * (1 + corrections[:, 2:] / 5)
    return corners(np.hstack([centred(anchors, corrections)[:, :2], sides]))


def in_pixels(anchors, corrections):
    return corners(np.hstack([anchors[:, :2] + corrections[:, :2] / 10, centred(anchors, corrections)[:, 2:]]))


WRONG_ANSWERS = {
    "to_photo": [
        (lambda boxes, size: boxes * np.array([*size, *size]) / 300, "swapped"),
        (lambda boxes, size: boxes * np.array([*size[::-1], *size[::-1]]), "Divide by 300"),
        (lambda boxes, size: boxes * size[1] / 300, "one factor"),
        (lambda boxes, size: boxes / np.array([*size[::-1], *size[::-1]]) * 300, "other way round"),
        (lambda boxes, size: boxes[0] * 3, "with shape"),
        (lambda boxes, size: boxes, "should become"),
    ],
    "nms": [
        (chained, "after it was dropped itself"),
        (unsorted, "less sure box"),
        (lambda boxes, scores, overlap: np.argsort(-scores), "Nothing was dropped"),
        (lambda boxes, scores, overlap: sorted(surest_first(boxes, scores, overlap)), "another order"),
        (lambda boxes, scores, overlap: boxes[surest_first(boxes, scores, overlap)], "not the boxes"),
        (lambda boxes, scores, overlap: [scores.argmax()], "Only the surest"),
        (lambda boxes, scores, overlap: surest_first(boxes, scores, 0.2), "Is `overlap` used"),
    ],
    "decode": [
        (centred, "centre and size"),
        (lambda anchors, corrections: corners(centred(anchors, corrections), part=1), "twice as large"),
        (lambda anchors, corrections: corners(centred(anchors, corrections, 1, 1)), "in tenths"),
        (in_proportion, "np.exp"),
        (in_pixels, "tenths of a pixel"),
        (lambda anchors, corrections: anchors, "should become"),
    ],
}
