"""The exercises of lesson 06, custom blocks."""

import warnings

import mxnet as mx
import numpy as np
from mxnet import init, nd
from mxnet.gluon import nn

from gluon_lessons.course.check import Blank, Mistake, call, exercise


@exercise("Correct. Gluon now finds, trains and saves both layers.")
def registered_layers(block):
    try:
        made = call(block)
    except Mistake as mistake:
        if "_children" in str(mistake):
            return "HybridSequential takes no layers when it is made. Make it first, then put them in with add."
        raise
    if made.layers is ...:
        raise Blank
    if made.layers is None:
        return "add returns nothing. Make the HybridSequential first, and call its add on a line of its own."
    with warnings.catch_warnings(action="ignore"):  # MXNet warns of the list, too
        found = len(made.collect_params().keys())
    if isinstance(made.layers, (list, tuple, dict)) and found < 4:
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


@exercise("Correct. One convolution does the work of two layers, and that is what fusing does.")
def folded(function):
    mx.random.seed(0)
    convolution = nn.Conv2D(3, 2, in_channels=2, use_bias=False)
    convolution.initialize(init.Normal(1))
    weight = convolution.weight.data()
    gamma, beta, mean, variance = nd.array([[2, 0.5, -1], [1, -3, 0.3], [4, 0, -1], [0.02, 5, 1]])
    epsilon = 0.1
    scale = gamma / (variance + epsilon).sqrt()
    try:
        answer = call(function, weight, gamma, beta, mean, variance, epsilon)
    except Mistake as mistake:
        if "hape" in str(mistake):
            return f"Each channel has one number: reshape((-1, 1, 1, 1)) spreads it over its kernels. {mistake}"
        raise
    if any(part is ... for part in answer):
        raise Blank
    new_weight, bias = (np.asarray(part) for part in answer)
    if new_weight.shape != weight.shape:
        return f"The new weight has the shape {new_weight.shape}; it should keep that of the old one, {weight.shape}."
    if bias.shape != (3,):
        return f"The bias has the shape {bias.shape}; there is one number per channel, so (3,)."
    right_weight = _close(new_weight, weight * scale.reshape((-1, 1, 1, 1)))
    if not right_weight and _close(new_weight, weight * (gamma / variance.sqrt()).reshape((-1, 1, 1, 1))):
        return "Only epsilon is missing: it is added to the variance before the root."
    if not right_weight and _close(new_weight, weight * (gamma / (variance + epsilon)).reshape((-1, 1, 1, 1))):
        return "Divide by the deviation, the root of the variance and epsilon."
    if not right_weight and _close(new_weight, weight / (variance + epsilon).sqrt().reshape((-1, 1, 1, 1))):
        return "The weight is divided by the deviation; gamma multiplies it, too."
    if not right_weight and _close(new_weight, weight * (gamma / (variance.sqrt() + epsilon)).reshape((-1, 1, 1, 1))):
        return "Epsilon stands under the root, beside the variance."
    if not right_weight:
        return "The weight is not right: each channel's kernels are multiplied by gamma over that channel's deviation."
    if _close(bias, beta - gamma * mean / (variance + epsilon).sqrt()):
        return None
    if _close(bias, beta - mean):
        return (
            "The weight is right. The mean is taken away before the division and before gamma, so they scale it, too."
        )
    if _close(bias, beta - mean / (variance + epsilon).sqrt()):
        return "The weight is right. In the bias the mean is divided by the deviation; gamma multiplies it, too."
    if _close(bias, beta + gamma * mean / (variance + epsilon).sqrt()):
        return "The weight is right. The mean is subtracted, so it enters the bias with a minus sign."
    if _close(bias, beta - gamma * mean / variance.sqrt()):
        return "The weight is right. In the bias epsilon is missing beside the variance."
    if _close(bias, beta):
        return "The weight is right. Beta alone is not the whole bias: the mean that was subtracted is missing."
    return "The weight is right, the bias is not: put a picture of zeros through the formula of section 2."


@exercise("Correct. Each picture now says how much each channel counts.")
def squeeze_excite(block):
    mx.random.seed(0)
    made = call(block, 6, 3)
    for hybrid in (False, True):
        made.initialize(init.Normal(1), force_reinit=True)
        made.hybridize(hybrid)
        picture = nd.random.normal(shape=(2, 6, 4, 5)) + nd.arange(6).reshape((1, 6, 1, 1))
        try:
            answer = call(made, picture)
        except Mistake as mistake:
            if hybrid and "attribute 'shape'" in str(mistake):
                return "It works step by step, but hybridized a symbol has no shape. expand_dims needs none."
            if hybrid:
                return f"It works step by step and not hybridized, since symbols do not broadcast by *. {mistake}"
            raise
        average = picture.mean(axis=(2, 3))
        if getattr(made.squeeze.weight, "shape", None) != (3, 6):
            got = getattr(made.squeeze.weight, "shape", (0, 0))[1]
            return f"The first dense layer reads {got} numbers per picture. Average each channel over all places: 6."
        share = made.excite(made.squeeze(average))
        if tuple(answer.shape) == (2, 6):
            return "These are the shares of the channels. Multiply each channel of x by its share."
        if tuple(answer.shape) != picture.shape:
            return f"What comes out should have the shape of x, {picture.shape}; yours has {tuple(answer.shape)}."
        expected = nd.broadcast_mul(picture, share.reshape((2, 6, 1, 1)))
        if _close(answer, nd.broadcast_add(picture, share.reshape((2, 6, 1, 1)))):
            return "The shares are added. Multiply by them: a share near 0 silences its channel."
        if _close(answer, picture + expected):
            return "The input is added, as in a residual block. Here it is only multiplied."
        if not _close(answer, expected):
            return (
                "The shape is right, the numbers are not: average, squeeze, excite, then multiply channel by channel."
            )
    return None


def _close(answer, expected):
    return np.shape(answer) == np.shape(expected) and np.allclose(np.asarray(answer), np.asarray(expected), atol=1e-4)


@exercise("Correct. Shapes that differ meet through the shortcut.")
def shrinking(block):
    made = call(block, 6)
    if made.shortcut is ...:
        raise Blank
    if not isinstance(made.shortcut, nn.HybridSequential | nn.Conv2D):
        return "The shortcut is a layer of its own: a 1 by 1 convolution with stride 2."
    made.initialize(init.Normal(1))
    mx.random.seed(0)
    picture = 10 * nd.random.normal(shape=(2, 4, 8, 8))
    short, long = (part(picture) for part in (made.shortcut, made.body))
    if short.shape[1] != long.shape[1]:
        return f"The shortcut gives {short.shape[1]} channels, the body {long.shape[1]}. They must agree to be added."
    if short.shape != long.shape:
        return f"The shortcut gives {short.shape[2:]}, the body {long.shape[2:]}. Give the shortcut the body's stride."
    if any(value.shape[2:] not in ((), (1, 1)) for value in made.shortcut.collect_params(".*weight").values()):
        return "The shortcut only brings the input to another shape: a 1 by 1 convolution is enough."
    if short.min().asscalar() >= 0:
        return "An activation stands in the shortcut and cuts off what is negative: activate=False."
    for hybrid in (False, True):
        made.hybridize(hybrid)
        answer = call(made, picture)
        if _close(answer, long.relu()):
            return "Only the body comes out. Add what the shortcut gives before ReLU."
        if _close(answer, short + long):
            return "The sum is right; put ReLU over it with F.relu."
        if _close(answer, short.relu() + long.relu()):
            return "ReLU comes once, after the sum. Before it, both sides may be negative."
        if _close(answer, (short + long).clip(0, 6)):
            return "That is ReLU6, which stops at 6. Here it is ReLU, F.relu."
        if not _close(answer, (short + long).relu()):
            return "The shapes are right, the numbers are not: ReLU of the shortcut plus the body."
    return None
