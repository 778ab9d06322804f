"""The exercises of lesson 09, training a classifier."""

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from sklearn.datasets import load_digits

from gluon_lessons.course.check import Mistake, call, exercise

CAUSES = {"A": "shuffled labels", "B": "rate too large", "C": "too few pictures", "D": "rate too small"}
RATE = 0.5
WORTH = 0.93  # of the digits; the nearest mean gets 0.88, one trained dense layer 0.92
LOSS = gluon.loss.SoftmaxCrossEntropyLoss()


def _digits():
    """Handwritten digits, 8 by 8 pixels laid in a row: 900 pictures to learn from and 897 others."""
    pictures, digits = load_digits(return_X_y=True)
    return (pictures[:900], digits[:900]), (pictures[900:], digits[900:])


def four_trainings():
    """Train a small network on handwritten digits four times, each with another fault; return name -> curves.

    The curves are an array of (training loss, validation loss) after each of 40 epochs.
    """
    (pictures, labels), (new, new_labels) = _digits()
    order = np.random.default_rng(9).permutation(len(labels))
    settings = {
        "A": (pictures, labels[order], 0.01),
        "B": (pictures, labels, 0.3),
        "C": (pictures[:60], labels[:60], 0.01),
        "D": (pictures, labels, 0.00002),
    }
    return {
        name: _curves(nd.array(known / 16), nd.array(truth), nd.array(new / 16), nd.array(new_labels), rate)
        for name, (known, truth, rate) in settings.items()
    }


def _curves(pictures, labels, new, new_labels, rate, epochs=40, batch=60):
    mx.random.seed(9)
    net = nn.HybridSequential()
    net.add(nn.Dense(64, activation="relu"), nn.Dense(10))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": rate})
    curves = []
    for _ in range(epochs):
        for start in range(0, len(labels), batch):
            with autograd.record():
                loss = LOSS(net(pictures[start : start + batch]), labels[start : start + batch])
            loss.backward()
            trainer.step(len(loss))
        curves.append((LOSS(net(pictures), labels).mean(), LOSS(net(new), new_labels).mean()))
    return np.array([[training.asscalar(), validation.asscalar()] for training, validation in curves])


@exercise("Correct. The training loss says whether it learns, the validation loss whether what it learns is of use.")
def causes(answer):
    words = sorted(set(CAUSES.values()))
    if set(answer) != set(CAUSES) or not set(answer.values()) <= set(words):
        return f"Give each of A, B, C and D one of these: {', '.join(words)}."
    if len(set(answer.values())) < len(CAUSES):
        return "Each of the four causes occurs once."
    wrong = {name for name in CAUSES if answer[name] != CAUSES[name]}
    if not wrong:
        return None
    if wrong == {"A", "C"}:
        return (
            "In A and C both curves part. In which does the network know the training pictures perfectly, and in which"
            " is it worse on new ones than guessing, which costs 2.3?"
        )
    if "D" in wrong:
        return "With a rate that is too small both curves fall, slowly and smoothly, and are still close together."
    if "B" in wrong:
        return "With a rate that is too large the training loss itself stays high, or jumps."
    return "Look at the training loss first: does it fall, how fast, and how smoothly? Only then at the other curve."


def _bench():
    """A small network, its trainer and two batches, the second one smaller: the same ones every time."""
    mx.random.seed(1)
    net = nn.Dense(3, in_units=4)
    net.initialize(mx.init.Xavier())
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": RATE})
    pictures, labels = nd.random.normal(shape=(160, 4)), nd.array([0, 1, 2, 0, 1] * 32)
    return net, trainer, [(pictures[:128], labels[:128]), (pictures[128:], labels[128:])]


def _after_training(softmax=False, size=None, mean=False):
    """Return the weight after one pass over the two batches, and the losses that were met: right, or with a fault."""
    net, trainer, batches = _bench()
    losses = []
    for pictures, labels in batches:
        with autograd.record():
            scores = net(pictures)
            loss = LOSS(scores.softmax() if softmax else scores, labels)
        loss.backward()
        trainer.step((size or len(labels)) * (len(labels) if mean else 1))
        losses.append(loss.asnumpy())
    return net.weight.data().asnumpy(), losses


@exercise("Correct. All three faults train without an error; only somebody who reads the loop finds them.")
def train_epoch(function):
    net, trainer, batches = _bench()
    start = net.weight.data().asnumpy()
    answer = call(function, net, trainer, batches)
    weight = net.weight.data().asnumpy()
    expected, losses = _after_training()

    def moved_as(**fault):
        return np.allclose(weight, _after_training(**fault)[0], rtol=1e-3, atol=1e-5)

    if np.array_equal(weight, start):
        return "The weights have not moved. After backward(), let the trainer step."
    if moved_as(softmax=True, size=128):
        return "Two faults are still there: one in what the loss is given, one in how long the last step is."
    if moved_as(softmax=True):
        return "SoftmaxCrossEntropyLoss applies softmax itself. Hand it the scores."
    if moved_as(size=128):
        return "The last batch holds 32 pictures, and its step is divided by 128. Divide by the size of each batch."
    if moved_as(size=1):
        return "The steps are as many times too long as a batch has pictures. Tell step the number of labels."
    if moved_as(softmax=True, size=1):
        return "Two faults: a softmax too many, and steps that are as many times too long as a batch has pictures."
    if moved_as(mean=True):
        return (
            "The gradient of a mean is divided already, and step divides again. Let the losses themselves go backward."
        )
    if any(moved_as(size=size) for size in (2, 160)):
        return "There are as many steps as there should be, of a wrong length. Divide by the size of the batch at hand."
    if not np.allclose(weight, expected, rtol=1e-3, atol=1e-5):
        return "The weights moved, but not by one step per batch. Go backward once and step once for each batch."
    if isinstance(answer, nd.NDArray):
        answer = answer.asnumpy()
    if np.size(answer) != 1:
        return f"You return {np.size(answer)} losses. Return one number: their mean over all the pictures."
    answer = float(np.ravel(answer)[0])
    if np.isclose(answer, np.mean([loss.mean() for loss in losses]), rtol=1e-4):
        return "A small batch counts as much as a full one: take the mean over pictures, not over batches."
    mean = np.concatenate(losses).mean()
    if not np.isclose(answer, mean, rtol=1e-4):
        return f"The weights are right. The mean loss of the 160 pictures was {mean:.3f}; you return {answer:.3f}."
    return None


@exercise("Correct. What would have come after the stop is never seen, however good.")
def kept_epoch(function):
    falling, late = [0.9, 0.6, 0.5, 0.52, 0.55, 0.3], [0.9, 0.7, 0.75, 0.65]
    answer = call(function, falling, 2)
    if answer == 6:
        return "Epoch 6 is never reached: after epoch 3 there was no new lowest for two epochs, so training stopped."
    if answer == 2:
        return "Epochs count from 1, and places in a list from 0. Add 1."
    if answer == 5:
        return "Epoch 5 is where you stop. Keep the checkpoint of the best one before it."
    if answer == 4:
        return "Epoch 4 is only the first that is no better; and keep the best epoch, not the one where you notice."
    if answer == 1:
        return "Epoch 1 has the highest loss of all. The lower, the better."
    if answer != 3:
        return f"For {falling} and patience 2 it should be 3; yours is {answer}."
    if call(function, late, 2) != 4:
        return "One weak epoch is within the patience. Count from the last new lowest, and go on while it is recent."
    if call(function, [0.5, 0.9, 0.8, 0.7, 0.4], 2) != 1:
        return "For 0.5, 0.9, 0.8, 0.7, 0.4 and patience 2 keep epoch 1: better than the epoch before is no new lowest."
    if call(function, [0.9, 0.95, 0.7, 0.75, 0.6, 0.3], 2) != 6:
        return (
            "With patience 2, two weak epochs that do not follow on each other are no stop: count anew after a lowest."
        )
    if call(function, [0.9, 0.6, 0.5, 0.52, 0.3], 1) != 3:
        return "With patience 1 the first epoch without a new lowest ends it. Use `patience`, not a number of your own."
    if call(function, [0.9, 0.7, 0.7, 0.7], 2) != 2:
        return "An equal loss is no new lowest. Compare with <, not with <=."
    return None


@exercise("Correct. You have trained, from arrays to answers, a network on data that this lesson never touched.")
def digit_reader(function):
    known, (new, truth) = _digits()
    read = call(function, *known)
    if not callable(read):
        return "Return a function that takes new pictures and gives the class of each."
    try:
        answers = call(read, new)
    except Mistake as mistake:
        return str(mistake).replace("Your function", "The function that you return")
    answers = np.asarray(answers.asnumpy() if isinstance(answers, nd.NDArray) else answers)
    if answers.ndim == 2 and answers.shape == (len(truth), 10):
        return "You give ten scores for each picture. Take the place of the largest: argmax(axis=1)."
    if answers.shape != truth.shape:
        return f"{len(truth)} new pictures gave an answer of shape {answers.shape}; give one class for each."
    right = np.mean(answers == truth)
    if right < 0.3:
        return (
            f"{right:.3f} are right, hardly better than guessing. Does the training loss fall? Do labels and pictures"
            " stand in the same order?"
        )
    if right < WORTH:
        return (
            f"{right:.3f} are right; the nearest mean gets 0.88, one trained dense layer 0.92. Add a hidden layer"
            " or a convolution, and train until the loss on digits that you held back no longer falls."
        )
    return None
