"""The ports' room: a module for each network, which builds it and names foreign weights as Gluon does.

`build(classes)` makes the uninitialised network; `convert(tensors)` gives the arrays that its `load_parameters` wants.
"""

import importlib
import threading

import numpy as np

# GluonCV's networks expect (pixel / 255 - mean) / deviation, red first.
MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])

# The modules of MXNet and GluonCV import one another in circles, which Python cannot untangle from two threads at once.
_importing = threading.Lock()


def module(build):
    """The port that a `build` of the catalogue names, as in `torchvision_segmentation:fcn`."""
    with _importing:
        return importlib.import_module(f"{__name__}.{build.partition(':')[0]}")


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
