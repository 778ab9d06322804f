"""The exercises of lesson 14, fine-tuning."""

import numpy as np
from mxnet.gluon import nn

from gluon_lessons.course.check import Blank, call, exercise


@exercise("Correct. What is frozen costs no gradient, and forgets nothing.")
def freeze(function):
    net = nn.HybridSequential()
    net.add(*(nn.Dense(2, in_units=2) for _ in range(4)))
    net.collect_params().setattr("grad_req", "null")  # so that thawing the rest is part of the task
    net[0].weight.grad_req = "write"
    answer = call(function, net, 3)
    if answer is not net:
        return "Return the network itself."
    learns = [layer.weight.grad_req != "null" for layer in net]
    if learns == [True, True, True, False]:
        return "The wrong end is frozen: net[:parts] is the beginning."
    if not any(learns):
        return 'The rest must learn: its grad_req is "write", which it was not when it was handed in.'
    if all(learns):
        return 'Nothing is frozen. grad_req = "null" stops the parameters of the slice from learning.'
    if learns == [False, False, True, True]:
        return "One part too few is frozen: net[:3] holds the parts 0, 1 and 2."
    if learns != [False, False, False, True]:
        return "Freeze the parameters of every layer in net[:parts], and thaw all others."
    if any(layer.bias.grad_req != "null" for layer in net[:3]):
        return "The weights are frozen, the biases are not. collect_params() holds both."
    return None


@exercise("Correct. And choose it on pictures that you do not test on.")
def best_threshold(function):
    chances = np.array([0.1, 0.2, 0.3, 0.35, 0.6, 0.9])
    truth = np.array([0, 0, 1, 0, 1, 1])

    def f1_at(threshold):
        said = chances >= threshold
        return 2 * (said & (truth == 1)).sum() / (said.sum() + truth.sum())

    answer = call(function, chances, truth)
    if np.size(answer) != 1:
        return "Return one number, the probability from which on a cell is called defective."
    if np.isclose(answer, max(map(f1_at, chances))) and not np.isclose(answer, 0.9):
        return "That is the best F1 itself. Return the threshold that gives it."
    if answer in range(len(chances)):
        return "That is a place in the list. Return the probability at that place."
    if not np.isclose(f1_at(answer), max(map(f1_at, chances))):
        return f"At {float(answer):g} the F1 is {f1_at(answer):.2f}; a better one is possible. Try every probability."
    return None


@exercise("Correct. Neither part is richer in defects than the other.")
def fair_split(function):
    labels = np.array([0] * 90 + [1] * 10)
    answer = call(function, labels, 0.7, 1)
    if not isinstance(answer, tuple) or len(answer) != 2:
        return "Return two parts: train, test."
    if answer[0] is ... or answer[1] is ...:
        raise Blank
    train, test = (np.asarray(part) for part in answer)
    if train.dtype == bool or len(train) + len(test) != 100:
        return "Each picture belongs to exactly one part; return their indices."
    if sorted([*train, *test]) != list(range(100)):
        return "Some pictures are in both parts, or in none: a leak. Split each class once."
    if len(train) != 70:
        return f"The training part should hold 70 of 100; yours holds {len(train)}."
    if labels[train].sum() != 7:
        return f"Of 10 defective cells, 7 belong in the training part; yours has {labels[train].sum()}. Split by class."
    if list(train[:63]) == list(range(63)):
        return "The shares are right, but the pictures are not shuffled: the first ones always land in training."
    again, other = (np.asarray(call(function, labels, 0.7, seed)[0]) for seed in (1, 2))
    if sorted(again) != sorted(train):
        return "The same seed should give the same split: np.random.default_rng(seed)."
    if sorted(other) == sorted(train):
        return "Another seed should give another split. Is the seed used?"
    return None
