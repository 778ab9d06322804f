"""What learners answer in lesson 10, and the part of the hint that each mistake must get."""

import numpy as np


def bins_of(sure):
    return np.minimum((sure * 10).astype(int), 9)


def gaps(sure, correct, bins):
    return [sure[bins == b].mean() - correct[bins == b].mean() for b in np.unique(bins)]


def all_bins_alike(sure, correct):
    return np.mean(np.abs(gaps(sure, correct, bins_of(sure))))


def empty_bins_too(sure, correct):
    bins = bins_of(sure)
    with np.errstate(invalid="ignore"):
        sums = [
            (bins == b).mean() * abs(np.sum(sure[bins == b] - correct[bins == b]) / np.sum(bins == b))
            for b in range(10)
        ]
    return np.sum(sums)


def with_signs(sure, correct):
    bins = bins_of(sure)
    weights = [np.mean(bins == b) for b in np.unique(bins)]
    return np.dot(weights, gaps(sure, correct, bins))


def middle_of_the_bin(sure, correct):
    bins = bins_of(sure)
    return sum(np.mean(bins == b) * abs(b / 10 + 0.05 - correct[bins == b].mean()) for b in np.unique(bins))


def eleven_bins(sure, correct):
    bins = (sure * 10).astype(int)
    weights = [np.mean(bins == b) for b in np.unique(bins)]
    return np.dot(weights, np.abs(gaps(sure, correct, bins)))


WRONG_ANSWERS = {
    "best": [
        (lambda probabilities, names, k: [names[i] for i in np.argsort(probabilities)[:k]], "least likely"),
        (lambda probabilities, names, k: np.argsort(probabilities)[::-1][:k], "numbers"),
        (lambda probabilities, names, k: [names[i] for i in np.argsort(probabilities)[-k:]], "likeliest last"),
        (lambda probabilities, names, k: [names[i] for i in np.argsort(probabilities)[::-1]], "should be 3 names"),
        (lambda probabilities, names, k: [names[i] for i in np.argsort(probabilities)[::-1][:3]], "k used"),
        (lambda probabilities, names, k: names[:k], "three likeliest"),
        (lambda probabilities, names, k: names[probabilities.argmax()], "list of names"),
    ],
    "together": [
        (lambda p, names, group: p[:, [names.index(name) for name in group]].sum(), "over all pictures"),
        (lambda p, names, group: p[:, [names.index(name) for name in group]].max(axis=1), "likeliest of the group"),
        (lambda p, names, group: p[:, [names.index(name) for name in group]].mean(axis=1), "mean of the group"),
        (lambda p, names, group: p[:, [any(g in n for g in group) for n in names]].sum(axis=1), "hen harrier"),
        (lambda p, names, group: p[:, : len(group)].sum(axis=1), "names.index"),
        (lambda p, names, group: p[:, [names.index(name) for name in group]], "two sums"),
    ],
    "calibration_error": [
        (all_bins_alike, "Every bin counts the same"),
        (empty_bins_too, "not a number"),
        (with_signs, "cancel out"),
        (middle_of_the_bin, "middle of each bin"),
        (eleven_bins, "where it belongs"),
        (lambda sure, correct: np.abs(sure - correct).mean(), "picture by picture"),
        (lambda sure, correct: np.abs(sure - correct), "one number"),
    ],
}
