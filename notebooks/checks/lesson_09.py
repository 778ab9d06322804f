"""The exercises of lesson 09, training a classifier."""

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

from gluon_lessons.course.check import call, exercise

SIZE = 8


@exercise("Correct. The last batch is smaller, and is a step all the same.")
def steps(answer):
    hints = {
        4 * 468: "There are 96 pictures left over after 468 full batches, and they make a batch too.",
        469: "That is one epoch. There are four.",
        468: "That is one epoch, and without its last, smaller batch.",
        4 * 60000: "The trainer steps once per batch, not once per picture.",
        4 * 60000 / 128: "A step is whole: a batch that is not full counts as one. Round up, then multiply.",
        -(-4 * 60000 // 128): "Round up within each epoch: the loader does not carry left-overs into the next one.",
    }
    if answer == 4 * 469:
        return None
    return hints.get(answer, "Count the batches of one epoch first: 60,000 divided by 128, rounded up.")


def _bench():
    """A small network, its trainer and a batch: the same ones every time."""
    mx.random.seed(1)
    net = nn.Dense(3, in_units=4)
    net.initialize(mx.init.Xavier())
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    return net, trainer, nd.random.normal(shape=(SIZE, 4)), nd.array([0, 1, 2, 0, 1, 2, 0, 1])


@exercise("Correct. These five lines train every network of this course.")
def train_step(function):
    net, trainer, pictures, labels = _bench()
    start = net.weight.data().copy()
    with autograd.record():
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(pictures), labels)
    loss.backward()
    before, gradient = loss.mean().asscalar(), net.weight.grad().copy()
    net.weight.zero_grad()
    answer = call(function, net, trainer, pictures, labels)
    moved = (start - net.weight.data()).asnumpy()
    if not moved.any():
        return "The weights have not moved. After backward(), let the trainer step."
    if np.allclose(moved, 0.5 * gradient.asnumpy(), rtol=1e-3):
        return f"The step is {SIZE} times too long. Tell step the batch size: the number of labels."
    if not np.allclose(moved, 0.5 * gradient.asnumpy() / SIZE, rtol=1e-3):
        return "The weights moved, but not by one step. Go backward once, step once, with the batch size."
    if np.size(np.asarray(answer)) != 1:
        return "You return a loss for each picture. Take the mean."
    if isinstance(answer, nd.NDArray):
        return "The mean is right, but still an array. asscalar() makes a number of it."
    if not np.isclose(answer, before, rtol=1e-3):
        return f"The mean loss of the batch was {before:.2f}; you return {float(answer):.2f}."
    return None


@exercise("Correct. You will never again regret the last ten epochs.")
def kept_epoch(function):
    rising, late = [0.5, 0.7, 0.8, 0.79, 0.78, 0.9], [0.5, 0.6, 0.55, 0.65]
    answer = call(function, rising, 2)
    if answer == 6:
        return "Epoch 6 is never reached: after epoch 3 there was no new best for two epochs, so training stopped."
    if answer == 2:
        return "Epochs count from 1, and places in a list from 0. Add 1."
    if answer == 5:
        return "Epoch 5 is where you stop. Keep the checkpoint of the best one before it."
    if answer == 4:
        return "Epoch 4 is only the first without a new best; and keep the best epoch, not the one where you notice."
    if answer != 3:
        return f"For {rising} and patience 2 it should be 3; yours is {answer}."
    if call(function, late, 2) != 4:
        return "One weak epoch is within the patience. Count from the last new best, and go on while it is recent."
    if call(function, [0.5, 0.6, 0.6, 0.6], 2) != 2:
        return "An equal accuracy is no new best. Compare with >, not with >=."
    return None
