"""The networks: a module for each (or for several that are built alike), which names foreign weights as Gluon does.

`build(classes)` makes the uninitialised network; `convert(tensors)` gives the arrays that its `load_parameters` wants.
"""

import numpy as np

# GluonCV's networks expect (pixel / 255 - mean) / deviation, red first.
MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])


def accept_normalized_input(weight, bias, scale, shift):
    """Return the first convolution's weights and biases changed to take GluonCV's input.

    Before, it took `scale * pixel + shift` in the same channel order (pixels from 0 to 255). Both are linear, so one
    convolution can do the work of the other and of the difference between them. Only the zeros around the picture stand
    for another shade of grey now, so features near its edge differ by a trace.
    """
    per_channel = (scale * 255 * DEVIATION).reshape(1, 3, 1, 1)
    constant = (scale * 255 * MEAN + shift).reshape(1, 3, 1, 1)
    return weight * per_channel, bias + (weight * constant).sum(axis=(1, 2, 3))


def normalization_that_adds(bias, epsilon):
    """The four arrays of a batch normalization that adds a bias and does nothing else: gamma, beta, mean, variance."""
    one = np.ones_like(bias)
    return one, bias, np.zeros_like(bias), one - one.dtype.type(epsilon)
