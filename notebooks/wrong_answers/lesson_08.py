"""What learners answer in lesson 08, and the part of the hint that each mistake must get."""

import numpy as np
from mxnet import nd


def cost(p, truth, threshold, miss, alarm):
    said = p >= threshold
    return miss * (~said & (truth == 1)).sum() + alarm * (said & (truth == 0)).sum()


def costs_over(candidates, p, truth, miss, alarm):
    return np.array([cost(p, truth, candidate, miss, alarm) for candidate in candidates])


def cheapest_of(candidates, p, truth, miss, alarm):
    return candidates[costs_over(candidates, p, truth, miss, alarm).argmin()]


def strictly_above(p, truth, miss, alarm):
    candidates = np.append(np.unique(p), 2.0)
    costs = [miss * ((p <= c) & (truth == 1)).sum() + alarm * ((p > c) & (truth == 0)).sum() for c in candidates]
    return candidates[np.argmin(costs)]


def by_rates(p, truth, miss, alarm):
    return cheapest_of(np.append(np.unique(p), 2.0), p, truth, miss / truth.sum(), alarm / (1 - truth).sum())


def hits_of(scores, ious, demand=0.5, order=None, once=True, again=False, strict=False, spoiled=False):
    hits, taken = [], set()
    for box in np.argsort(-scores) if order is None else order:
        row = ious[box].copy()
        if again:
            row[list(taken)] = -1
        best = int(row.argmax())
        hit = (row[best] > demand if strict else row[best] >= demand) and not (once and best in taken)
        if hit or spoiled:
            taken.add(best)
        hits.append(int(hit))
    return hits


def as_given(scores, ious, demand=0.5):
    return np.array(hits_of(scores, ious, demand))[np.argsort(np.argsort(-scores))]


def union(matrix):
    return matrix.sum(axis=1) + matrix.sum(axis=0) - np.diagonal(matrix)


def present(matrix):
    return matrix[:3, :3] if len(matrix) == 4 else matrix


def mean_of(hits, below):
    return np.mean(hits / below)


def of_said_classes(matrix):
    said = matrix.sum(axis=0) > 0
    return np.mean(np.diagonal(matrix)[said] / union(matrix)[said])


def of_classes_that_occur(matrix):
    there = matrix.sum(axis=1) > 0
    return np.mean(np.diagonal(matrix)[there] / union(matrix)[there])


def entries(scores, labels):
    return nd.relu(scores) - scores * labels + nd.log1p(nd.exp(-nd.abs(scores)))


def naive(scores, labels):
    known = labels >= 0
    p = nd.sigmoid(scores)
    losses = -labels * nd.log(p) - (1 - labels) * nd.log(1 - p)
    return nd.where(known, losses, nd.zeros_like(losses)).sum() / known.sum()


def clipped(scores, labels):
    known = labels >= 0
    p = nd.clip(nd.sigmoid(scores), 1e-7, 1 - 1e-7)
    losses = -labels * nd.log(p) - (1 - labels) * nd.log(1 - p)
    return nd.where(known, losses, nd.zeros_like(losses)).sum() / known.sum()


def swapped(scores, labels):
    known = labels >= 0
    return nd.where(known, entries(scores, 1 - labels), nd.zeros_like(scores)).sum() / known.sum()


def kept(scores, labels):
    return entries(scores, labels) * (labels >= 0)


WRONG_ANSWERS = {
    "cheapest_threshold": [
        (lambda p, truth, miss, alarm: alarm / (alarm + miss), "takes every p at its word"),
        (
            lambda p, truth, miss, alarm: cheapest_of(np.append(np.unique(p), 2.0), p, truth, alarm, miss),
            "belongs to a miss",
        ),
        (lambda p, truth, miss, alarm: costs_over(p, p, truth, miss, alarm).min(), "lowest cost itself"),
        (lambda p, truth, miss, alarm: int(costs_over(p, p, truth, miss, alarm).argmin()), "a place in the list"),
        (lambda p, truth, miss, alarm: cheapest_of(np.unique(p), p, truth, miss, alarm), "let every part pass"),
        (strictly_above, "equals the threshold counts as cracked"),
        (lambda p, truth, miss, alarm: np.append(np.unique(p), 2.0), "one number"),
        (
            lambda p, truth, miss, alarm: cheapest_of(np.append(np.unique(p), 2.0), p, truth, 1, 1),
            "both mistakes alike",
        ),
        (by_rates, "there is one that costs"),
        (lambda p, truth, miss, alarm: np.inf, "there is one that costs"),
        (lambda p, truth, miss, alarm: 2.0, "there is one that costs"),
        (lambda p, truth, miss, alarm: 0.95, "there is one that costs"),
    ],
    "voc_hits": [
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, once=False), "Note which objects are taken"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, again=True), "COCO's rule"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, range(len(scores))), "the order in which"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, np.argsort(scores)), "argsort sorts upwards"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, strict=True), "equals the demand is enough"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, demand, spoiled=True), "leaves it free"),
        (lambda scores, ious, demand=0.5: hits_of(scores, ious, 0.5), "At a demand of 0.75"),
        (as_given, "their order is not"),
        (lambda scores, ious, demand=0.5: sum(hits_of(scores, ious, demand)), "1 or 0 for each box"),
        (lambda scores, ious, demand=0.5: [], "1 or 0 for each box"),
    ],
    "mean_iou": [
        (
            lambda matrix: np.mean(np.diagonal(matrix) / np.where(union(matrix) > 0, union(matrix), np.nan)),
            "0 divided by 0",
        ),
        (lambda matrix: np.mean(np.diagonal(matrix) / np.maximum(union(matrix), 1)), "absent class as 0"),
        (lambda matrix: np.diagonal(matrix)[:3].sum() / union(matrix)[:3].sum(), "of all classes first"),
        (lambda matrix: np.trace(matrix) / matrix.sum(), "pixel accuracy"),
        (lambda matrix: mean_of(np.diagonal(present(matrix)), present(matrix).sum(axis=1)), "recall"),
        (lambda matrix: mean_of(np.diagonal(present(matrix)), present(matrix).sum(axis=0)), "precision"),
        (
            lambda matrix: mean_of(2 * np.diagonal(present(matrix)), present(matrix).sum(0) + present(matrix).sum(1)),
            "That is Dice",
        ),
        (
            lambda matrix: mean_of(np.diagonal(present(matrix)), present(matrix).sum(0) + present(matrix).sum(1)),
            "take them off once",
        ),
        (lambda matrix: mean_of(np.diagonal(matrix)[1:3], union(matrix)[1:3]), "leave the background out"),
        (of_said_classes, "only occurs or only is said"),
        (of_classes_that_occur, "only occurs or only is said"),
        (lambda matrix: np.diagonal(matrix) / np.maximum(union(matrix), 1), "one number"),
        (lambda matrix: 0.5, "the mIoU is"),
    ],
    "loss_of_the_known": [
        (naive, "No exponent may be positive"),
        (clipped, "wrong labels it is 1000"),
        (lambda scores, labels: kept(scores, labels).mean(), "Divide by the number of those"),
        (lambda scores, labels: entries(scores, nd.relu(labels)).mean(), "as if they were 0"),
        (lambda scores, labels: entries(scores, labels).mean(), "as they are"),
        (lambda scores, labels: kept(scores, labels).sum(), "That is the sum"),
        (lambda scores, labels: -kept(scores, labels).sum() / (labels >= 0).sum(), "sign is turned"),
        (
            lambda scores, labels: (kept(scores, labels).sum(axis=1) / (labels >= 0).sum(axis=1)).mean(),
            "mean of each photograph first",
        ),
        (
            lambda scores, labels: (nd.square(nd.sigmoid(scores) - labels) * (labels >= 0)).sum() / (labels >= 0).sum(),
            "squared error of the probabilities",
        ),
        (kept, "one number"),
        (swapped, "have changed places"),
    ],
}
