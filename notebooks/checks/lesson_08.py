"""The exercises of lesson 08, metrics versus loss."""

import mxnet as mx
import numpy as np
from mxnet import nd

from gluon_lessons.course.check import call, exercise


def _cost(p, truth, threshold, miss, alarm):
    said = p >= threshold
    return miss * np.sum(~said & (truth == 1)) + alarm * np.sum(said & (truth == 0))


@exercise("Correct. The cheapest on these parts; on new ones it may be another.")
def cheapest_threshold(function):
    parts = (
        np.array([0.97, 0.91, 0.86, 0.78, 0.66, 0.62, 0.55, 0.41, 0.33, 0.12]),
        np.array([1, 1, 0, 1, 1, 0, 0, 1, 0, 0]),
    )
    surest_is_sound = np.array([0.9, 0.8, 0.3]), np.array([0, 1, 0])
    few_cracked = np.array([0.9, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]), np.array([1, 0, 0, 1, 0, 0, 0, 0])
    cases = [
        (*parts, 90, 10),
        (*parts, 10, 90),
        (*parts, 10, 10),
        (*parts, 20, 30),
        (*surest_is_sound, 10, 90),
        (*few_cracked, 15, 10),
    ]
    for p, truth, miss, alarm in cases:
        threshold = call(function, p.copy(), truth.copy(), miss, alarm)
        if np.size(threshold) != 1:
            return "Return one number, the threshold."
        threshold = float(threshold)
        costs = {candidate: _cost(p, truth, candidate, miss, alarm) for candidate in (*p, 2.0)}
        mine, best = _cost(p, truth, threshold, miss, alarm), min(costs.values())
        if mine == best:
            continue
        where = f"With a miss at {miss} and a false alarm at {alarm}"
        if np.isclose(threshold, alarm / (alarm + miss)):
            return (
                f"That formula takes every p at its word; this model's are wrong. {where} it costs {mine}, not {best}."
            )
        if np.isclose(threshold, best):
            return "That is the lowest cost itself. Return the threshold at which it is reached."
        if threshold in range(3, len(p)):
            return "That looks like a place in the list; return the threshold that stands there."
        if best == _cost(p, truth, threshold + 1e-9, miss, alarm):
            return f"{where} yours costs {mine}, not {best}. A part whose p equals the threshold counts as cracked."
        if best == miss * truth.sum():
            return f"{where} it is cheapest to let every part pass; no p is a threshold high enough for that."
        if mine == _cost(p, truth, min(costs, key=lambda c: _cost(p, truth, c, 1, 1)), miss, alarm):
            return f"{where} your threshold costs {mine}, not {best}. You count both mistakes alike."
        if mine == _cost(p, truth, min(costs, key=lambda c: _cost(p, truth, c, alarm, miss)), miss, alarm):
            return f"{where} your threshold costs {mine}, not {best}. Which of the two costs belongs to a miss?"
        return f"{where} the threshold {threshold:.2f} costs {mine}; there is one that costs {best}."
    return None


def _voc(scores, ious, demand, *, ordered=True, worst_first=False, once=True, again=False, strict=False, spoiled=False):
    """Return the hits, with the mistakes that are switched on."""
    hits, taken = [], set()
    order = np.argsort(scores if worst_first else -scores) if ordered else range(len(scores))
    for box in order:
        row = np.where([again and column in taken for column in range(ious.shape[1])], -1, ious[box])
        nearest = int(row.argmax())
        enough = row[nearest] > demand if strict else row[nearest] >= demand
        hit = enough and not (once and nearest in taken)
        if hit or spoiled:
            taken.add(nearest)
        hits.append(int(hit))
    return hits


@exercise("Correct. One object, one hit, and no second choice.")
def voc_hits(function):
    scores = np.array([0.6, 0.9, 0.8, 0.7, 0.5, 0.4, 0.65])
    ious = np.array(
        [[0.1, 0.7, 0], [0.4, 0.1, 0], [0.8, 0, 0], [0.7, 0.6, 0], [0, 0, 0.5], [0, 0.2, 0.3], [0, 0.65, 0.1]]
    )
    cases = [(scores, ious, 0.5), (scores, ious, 0.75), (scores[:1], ious[:1], 0.5)]
    for s, i, demand in cases:
        answer = call(function, s.copy(), i.copy(), demand)
        right = _voc(s, i, demand)
        if np.shape(answer) != (len(s),):
            return f"Return 1 or 0 for each box: {len(s)} boxes, so a list of {len(s)}."
        answer = [int(value) for value in answer]
        if answer == right:
            continue
        mistakes = {
            "A second box on the same object is a hit in yours. Note which objects are taken.": {"once": False},
            "That is COCO's rule: a box whose object is taken goes on to another one. In VOC it is a miss.": {
                "again": True
            },
            "Go through the boxes from the best score down; yours follow the order in which they came.": {
                "ordered": False
            },
            "You begin with the worst score: argsort sorts upwards.": {"worst_first": True},
            "An IoU that equals the demand is enough.": {"strict": True},
            "A box that overlaps an object too little leaves it free for the next one.": {"spoiled": True},
        }
        for hint, mistake in mistakes.items():
            if answer == _voc(s, i, demand, **mistake):
                return hint
        in_given_order = [right[list(np.argsort(-s)).index(box)] for box in range(len(s))]
        if answer == in_given_order:
            return "The judgements are right, their order is not: the best score comes first."
        return f"At a demand of {demand} the boxes should give {right}; yours give {answer}."
    return None


@exercise("Correct. Every class counts alike, whatever its size.")
def mean_iou(function):
    matrix = np.array([[90, 6, 4, 0], [5, 10, 0, 0], [5, 0, 5, 0], [0, 0, 0, 0]])
    answer = call(function, matrix.copy())
    if np.size(answer) != 1:
        return "Return one number, the mean over the classes."
    answer = float(answer)
    hits, rows, columns = np.diagonal(matrix)[:3], matrix.sum(axis=1)[:3], matrix.sum(axis=0)[:3]
    ious = hits / (rows + columns - hits)
    if np.isnan(answer):
        return "The last class neither occurs nor is said: 0 divided by 0. Leave it out of the mean."
    hints = {
        "You count the absent class as 0. It has no IoU; leave it out of the mean.": ious.sum() / 4,
        "You count the absent class as 1. It has no IoU; leave it out of the mean.": (ious.sum() + 1) / 4,
        "You divide by row plus column. The hits are in both; take them off once.": (hits / (rows + columns)).mean(),
        "That is Dice: the hits count twice. IoU counts them once.": (2 * hits / (rows + columns)).mean(),
        "You divide by the rows alone, which is recall. The union also holds the false alarms.": (hits / rows).mean(),
        "You divide by the columns alone, which is precision. The union also holds the misses.": (
            hits / columns
        ).mean(),
        "You leave the background out. It is a class like the others in the mean.": ious[1:].mean(),
        "That is the pixel accuracy, in which the background outvotes the rest.": hits.sum() / matrix.sum(),
        "You added up hits and unions of all classes first. Divide for each class, then take the mean.": hits.sum()
        / (rows + columns - hits).sum(),
    }
    for hint, value in hints.items():
        if np.isclose(answer, value):
            return hint
    if not np.isclose(answer, ious.mean()):
        return f"For {matrix.tolist()} the mIoU is {ious.mean():.3f}; yours is {answer:.3f}."
    for one_sided in ([[8, 0], [2, 0]], [[8, 2], [0, 0]]):
        if not np.isclose(call(function, np.array(one_sided)), 0.4):
            return "A class that only occurs or only is said has an IoU of 0, and counts. Leave out what does neither."
    return None


@exercise("Correct. Nobody looked, so nobody is blamed.")
def loss_of_the_known(function):
    scores, labels = nd.array([[2, -1, 0.5], [-3, 1, 3]]), nd.array([[1, 0, -1], [-1, 1, 0]])
    answer = _number(call(function, scores, labels))
    if answer is None:
        return "Return one number, the mean over all entries that somebody looked at."
    s, y = scores.asnumpy().astype(float), labels.asnumpy()
    known = y >= 0
    losses = np.log1p(np.exp(-s)) + (1 - np.clip(y, 0, 1)) * s
    squared = (1 / (1 + np.exp(-s)) - y) ** 2
    per_photograph = (losses * known).sum(axis=1) / known.sum(axis=1)
    per_entry = losses[known].mean()
    hints = {
        "You divide by all entries. Divide by the number of those that somebody looked at.": losses[known].sum()
        / y.size,
        "The entries with -1 are in your mean as if they were 0. Leave them out.": losses.mean(),
        "The entries with -1 went into the formula as they are. Leave them out.": (
            np.log1p(np.exp(-s)) + (1 - y) * s
        ).mean(),
        "That is the sum. Divide by the number of entries that somebody looked at.": losses[known].sum(),
        "That is the squared error of the probabilities; cross-entropy takes the logarithm.": squared[known].mean(),
        "The sign is turned: a loss is at least 0.": -per_entry,
        "0 and 1 have changed places: a high score must be cheap where the label is 1.": (losses + (2 * y - 1) * s)[
            known
        ].mean(),
    }
    for hint, value in hints.items():
        if np.isclose(answer, value, atol=1e-5):
            return hint
    if not np.isclose(answer, per_entry, atol=1e-4):
        example = f"scores {s.tolist()} and labels {y.astype(int).tolist()}"
        return f"For {example} it should be {per_entry:.3f}; yours is {answer:.3f}."
    uneven = nd.array([[1, 0, 0], [-1, 1, -1]])
    sparse = _number(call(function, scores, uneven))
    known = uneven.asnumpy() >= 0
    losses = np.log1p(np.exp(-s)) + (1 - np.clip(uneven.asnumpy(), 0, 1)) * s
    per_photograph = ((losses * known).sum(axis=1) / known.sum(axis=1)).mean()
    if sparse is not None and np.isclose(sparse, per_photograph, atol=1e-5):
        return "You took the mean of each photograph first. Every known entry counts alike: one mean over all."
    large = _number(call(function, nd.array([[1000, -1000, 1000]]), nd.array([[1, 0, -1]])))
    if large is None or not np.isclose(large, 0, atol=1e-4):
        return f"For scores of 1000 and -1000 and right labels it is 0; yours is {large}. No exponent may be positive."
    wrong = _number(call(function, nd.array([[1000, -1000]]), nd.array([[0, 1]])))
    if wrong is None or not np.isclose(wrong, 1000, rtol=1e-3):
        return f"For scores of 1000 and -1000 and wrong labels it is 1000; yours is {wrong}. Simplify before the log."
    return None


def _number(answer):
    """Return a scalar of whatever kind as a float, or None."""
    if isinstance(answer, mx.nd.NDArray):
        answer = answer.asnumpy()
    return float(np.reshape(answer, ())) if np.size(answer) == 1 else None
