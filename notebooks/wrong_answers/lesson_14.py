"""What learners answer in lesson 14, and the part of the hint that each mistake must get."""

import numpy as np


def freezing(frozen, *, thaw=True, kind=".*"):
    def freeze(net, parts):
        if thaw:
            net.collect_params().setattr("grad_req", "write")
        net[frozen(parts)].collect_params(kind).setattr("grad_req", "null")
        return net

    return freeze


def f1_at(chances, truth, threshold):
    said = chances >= threshold
    return 2 * (said & (truth == 1)).sum() / (said.sum() + truth.sum())


def all_f1(chances, truth):
    return [f1_at(chances, truth, threshold) for threshold in chances]


def splitting(order_of, *, by_class=True):
    def fair_split(labels, part, seed):
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)] if by_class else [np.arange(100)]
        train, test = [], []
        for group in groups:
            members = order_of(group, seed)
            count = round(part * len(members))
            train, test = [*train, *members[:count]], [*test, *members[count:]]
        return train, test

    return fair_split


def shuffled(group, seed):
    return np.random.default_rng(seed).permutation(group)


WRONG_ANSWERS = {
    "freeze": [
        (freezing(lambda parts: slice(parts, None)), "wrong end"),
        (freezing(lambda parts: slice(parts), thaw=False), "The rest must learn"),
        (freezing(lambda parts: slice(parts - 1)), "One part too few"),
        (freezing(lambda parts: slice(parts), kind=".*weight"), "the biases are not"),
        (lambda net, parts: net[:parts], "the network itself"),
    ],
    "best_threshold": [
        (lambda chances, truth: max(all_f1(chances, truth)), "best F1 itself"),
        (lambda chances, truth: int(np.argmax(all_f1(chances, truth))), "place in the list"),
        (lambda chances, truth: 0.9, "a better one is possible"),
        (all_f1, "Return one number"),
    ],
    "fair_split": [
        (splitting(shuffled, by_class=False), "Split by class"),
        (splitting(lambda group, seed: group), "not shuffled"),
        (splitting(lambda group, seed: np.random.permutation(group)), "same seed"),
        (splitting(lambda group, seed: shuffled(group, 0)), "Is the seed used"),
        (lambda labels, part, seed: (shuffled(np.arange(100), seed)[:70], shuffled(np.arange(100), 9)[:30]), "a leak"),
    ],
}
