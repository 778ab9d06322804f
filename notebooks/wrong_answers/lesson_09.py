"""What learners answer in lesson 09, and the part of the hint that each mistake must get."""

from mxnet import autograd
from mxnet.gluon.loss import SoftmaxCrossEntropyLoss


def train_step(net, trainer, pictures, labels, *, record=True, size=None, steps=1, result=lambda loss: loss):
    if record:
        with autograd.record():
            loss = SoftmaxCrossEntropyLoss()(net(pictures), labels)
    else:
        loss = SoftmaxCrossEntropyLoss()(net(pictures), labels)
    loss.backward()
    for _ in range(steps):
        trainer.step(batch_size=size or len(labels))
    return result(loss)


def step_with(**options):
    return lambda net, trainer, pictures, labels: train_step(net, trainer, pictures, labels, **options)


def best_of_all(accuracies, patience):
    return accuracies.index(max(accuracies)) + 1


def from_zero(accuracies, patience):
    return 2


def where_it_stops(accuracies, patience):
    best = 0
    for number, accuracy in enumerate(accuracies):
        if accuracy > accuracies[best]:
            best = number
        if number - best >= patience:
            return number + 1
    return len(accuracies)


def stops_at_the_first_fall(accuracies, patience):
    for number in range(1, len(accuracies)):
        if accuracies[number] < accuracies[number - 1]:
            return number
    return len(accuracies)


def takes_equals(accuracies, patience):
    best = 0
    for number, accuracy in enumerate(accuracies):
        if accuracy >= accuracies[best]:
            best = number
        if number - best >= patience:
            break
    return best + 1


WRONG_ANSWERS = {
    "steps": [
        (4 * 468, "96 pictures left over"),
        (469, "There are four"),
        (4 * 60000, "once per batch"),
        (1875.0, "Round up"),
    ],
    "train_step": [
        (step_with(record=False), "computational graph"),
        (step_with(steps=0), "not moved"),
        (step_with(size=1), "8 times too long"),
        (step_with(), "loss for each picture"),
        (step_with(result=lambda loss: loss.mean()), "still an array"),
        (step_with(result=lambda loss: loss.sum().asscalar()), "mean loss of the batch"),
    ],
    "kept_epoch": [
        (best_of_all, "never reached"),
        (from_zero, "Add 1"),
        (where_it_stops, "where you stop"),
        (stops_at_the_first_fall, "within the patience"),
        (takes_equals, "no new best"),
    ],
}
