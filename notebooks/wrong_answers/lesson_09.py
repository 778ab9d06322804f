"""What learners answer in lesson 09, and the part of the hint that each mistake must get."""

import numpy as np
from mxnet import autograd
from mxnet.gluon.loss import SoftmaxCrossEntropyLoss

RIGHT = {"A": "shuffled labels", "B": "rate too large", "C": "too few pictures", "D": "rate too small"}


def causes(order, **changed):
    """The right causes, given to A, B, C and D in another order."""
    return dict(zip("ABCD", (RIGHT[name] for name in order), strict=True)) | changed


def train(
    net, trainer, batches, *, softmax=False, size=None, mean=False, step=True, twice=False, record=True, result="sum"
):
    losses = []
    for pictures, labels in batches * (2 if twice else 1):
        if record:
            with autograd.record():
                scores = net(pictures)
                loss = SoftmaxCrossEntropyLoss()(scores.softmax() if softmax else scores, labels)
                backward_from = loss.mean() if mean else loss
        else:
            loss = backward_from = SoftmaxCrossEntropyLoss()(net(pictures), labels)
        backward_from.backward()
        if step:
            trainer.step(size or len(labels))
        losses.append(loss)
    numbers = [loss.asnumpy() for loss in losses]
    return {
        "sum": np.concatenate(numbers).sum(),
        "mean": np.concatenate(numbers).mean(),
        "mean of means": np.mean([number.mean() for number in numbers]),
        "list": [number.mean() for number in numbers],
        "last": losses[-1],
    }[result]


def train_with(**options):
    return lambda net, trainer, batches: train(net, trainer, batches, **options)


def lowest_of_all(losses, patience):
    return losses.index(min(losses)) + 1


def from_zero(losses, patience):
    return 2


def where_it_stops(losses, patience):
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        if number - best >= patience:
            return number + 1
    return len(losses)


def stops_at_the_first_rise(losses, patience):
    for number in range(1, len(losses)):
        if losses[number] > losses[number - 1]:
            return number
    return len(losses)


def the_highest(losses, patience):
    return losses.index(max(losses)) + 1


def takes_equals(losses, patience):
    best = 0
    for number, loss in enumerate(losses):
        if loss <= losses[best]:
            best = number
        if number - best >= patience:
            break
    return best + 1


def forgives_any_fall(losses, patience):
    best, waited = 0, 0
    for number in range(1, len(losses)):
        waited = 0 if losses[number] < losses[number - 1] else waited + 1
        if losses[number] < losses[best]:
            best = number
        if waited >= patience:
            break
    return best + 1


def never_counts_anew(losses, patience):
    best, waited = 0, 0
    for number in range(1, len(losses)):
        if losses[number] < losses[best]:
            best = number
        else:
            waited += 1
        if waited >= patience:
            break
    return best + 1


def patience_of_two(losses, patience):
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        if number - best >= 2:
            break
    return best + 1


def nearest_mean(pictures, labels):
    means = np.stack([pictures[labels == label].mean(axis=0) for label in range(10)])
    return lambda new: ((new[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def gives_scores(pictures, labels):
    means = np.stack([pictures[labels == label].mean(axis=0) for label in range(10)])
    return lambda new: -((new[:, None] - means) ** 2).sum(axis=2)


WRONG_ANSWERS = {
    "causes": [
        (causes("CBAD"), "worse on new ones than guessing"),
        (causes("DBCA"), "still close together"),
        (causes("BACD"), "stays high, or jumps"),
        (causes("ABCD", A="rate too large"), "occurs once"),
        (causes("ABCD", A="overfitting"), "one of these"),
        ("ABCD", "another kind"),
    ],
    "train_epoch": [
        (train_with(record=False), "computational graph"),
        (train_with(step=False), "not moved"),
        (train_with(softmax=True, size=128), "Two faults"),
        (train_with(softmax=True), "applies softmax itself"),
        (train_with(size=128), "size of each batch"),
        (train_with(size=1), "times too long"),
        (train_with(softmax=True, size=1), "Two faults: a softmax"),
        (train_with(mean=True), "divided already"),
        (train_with(size=2), "wrong length"),
        (train_with(size=160), "wrong length"),
        (train_with(twice=True), "once for each batch"),
        (train_with(result="mean of means"), "counts as much as a full one"),
        (train_with(result="list"), "one number"),
        (train_with(result="last"), "32 losses"),
        (train_with(), "mean loss of the 160 pictures"),
    ],
    "kept_epoch": [
        (lowest_of_all, "never reached"),
        (from_zero, "Add 1"),
        (where_it_stops, "where you stop"),
        (the_highest, "highest loss"),
        (stops_at_the_first_rise, "within the patience"),
        (takes_equals, "Compare with <"),
        (forgives_any_fall, "better than the epoch before"),
        (never_counts_anew, "count anew"),
        (patience_of_two, "Use `patience`"),
        (lambda losses, patience: losses.index(min(losses[: patience + 3])) + 1, "better than the epoch before"),
    ],
    "digit_reader": [
        (nearest_mean, "the nearest mean gets 0.88"),
        (gives_scores, "ten scores"),
        (lambda pictures, labels: lambda new: np.zeros(len(new)), "hardly better than guessing"),
        (lambda pictures, labels: labels, "Return a function"),
        (lambda pictures, labels: lambda new: new[:3, 0], "give one class for each"),
    ],
}
