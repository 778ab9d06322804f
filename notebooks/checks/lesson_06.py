"""The exercises of lesson 06, custom blocks."""

import numpy as np
from mxnet import nd
from mxnet.gluon import nn

from gluon_lessons.course.check import Blank, call, exercise


@exercise("Correct. For wide blocks the two 1 by 1 convolutions hold nearly everything.")
def weights_of(function):
    answer = call(function, 40, 96, 5, 6)
    wide = 40 * 6
    hints = {
        40 * wide
        + wide * wide * 25
        + wide * 96: "The middle one is depthwise: one kernel per channel, not one per pair.",
        40 * wide + wide * 5 + wide * 96: "The kernel has a height and a width: kernel times kernel weights.",
        wide * 25 + wide * 96: "The convolution that widens, from the channels in to the wide ones, is missing.",
        40 * wide + wide * 25: "The convolution that narrows, from the wide channels to the channels out, is missing.",
        40 * wide + wide * 25 + wide * 40: "It narrows to the channels out, not back to the channels in.",
    }
    if answer == 40 * wide + wide * 25 + wide * 96:
        return None
    return hints.get(answer, f"For 40 in, 96 out, kernel 5 and expansion 6 it should be 38,640; yours is {answer}.")


@exercise("Correct. Gluon now finds, trains and saves both layers.")
def registered_layers(block):
    made = call(block)
    if made.layers is ...:
        raise Blank
    if isinstance(made.layers, (list, tuple, dict)):
        kind = type(made.layers).__name__
        return f"Gluon does not look into a Python {kind}. A HybridSequential is a list that it knows."
    if len(made.layers) == 0:
        return "The HybridSequential is empty. Put the layers in with add."
    if len(made.layers) != 2:
        return f"There should be both layers in it; there is {len(made.layers)}."
    made.initialize()
    made.hybridize()
    if made(nd.zeros((1, 3))).shape != (1, 4):
        return "What comes out should have the last layer's 4 units. Are the layers in their order?"
    return None


@exercise("Correct. Shapes that differ meet through the shortcut.")
def shrinking(block):
    made = call(block, 6)
    if made.shortcut is ...:
        raise Blank
    if not isinstance(made.shortcut, nn.HybridSequential | nn.Conv2D):
        return "The shortcut is a layer of its own: a 1 by 1 convolution with stride 2."
    made.initialize()
    picture = nd.random.normal(shape=(2, 4, 8, 8))
    short, long = (part(picture) for part in (made.shortcut, made.body))
    if short.shape[1] != long.shape[1]:
        return f"The shortcut gives {short.shape[1]} channels, the body {long.shape[1]}. They must agree to be added."
    if short.shape != long.shape:
        return f"The shortcut gives {short.shape[2:]}, the body {long.shape[2:]}. Give the shortcut the body's stride."
    answer = call(made, picture)
    if np.allclose(answer.asnumpy(), long.relu().asnumpy(), atol=1e-5):
        return "Only the body comes out. Add what the shortcut gives before ReLU."
    if np.allclose(answer.asnumpy(), (short + long).asnumpy(), atol=1e-5):
        return "The sum is right; put ReLU over it with F.relu."
    if np.allclose(answer.asnumpy(), (short.relu() + long.relu()).asnumpy(), atol=1e-5):
        return "ReLU comes once, after the sum. Before it, both sides may be negative."
    if not np.allclose(answer.asnumpy(), (short + long).relu().asnumpy(), atol=1e-5):
        return "The shapes are right, the numbers are not: ReLU of the shortcut plus the body."
    return None
