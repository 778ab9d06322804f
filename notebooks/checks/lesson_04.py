"""The exercises of lesson 04, pooling."""

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Pictures and channels stay as they are; 55 windows fit side by side, two pixels apart.")
def shape_after_pooling(answer):
    if not isinstance(answer, tuple) or len(answer) != 4:
        return "Write a tuple of four numbers: batch, channel, height, width."
    if answer[0] != 8:
        return "Pooling leaves the number of pictures as it is."
    if answer[1] != 64:
        return "Pooling works on each channel by itself, so there are as many channels as before."
    hints = {
        (37, 37): "That is a stride of 3, the width of the window. Here the stride is given, and it is 2.",
        (56, 56): "Half of 112 would need a padding of 1. Without it, how often does a window of 3 fit?",
        (54, 54): "Do not forget the first window: the rule ends with + 1.",
        (54.5, 54.5): "A window cannot fit half a time: round down. Then count the first window as well.",
        (55.5, 55.5): "A window cannot fit half a time. Without ceil_mode, round down.",
        (110, 110): "That is a stride of 1. Here the window moves by 2.",
    }
    if answer[2:] == (55, 55):
        return None
    return hints.get(answer[2:], "Use the rule of lesson 03: (size - window) // stride + 1.")


@exercise("Correct. Each axis is cut into windows, and the maximum goes over what is inside them.")
def max_pool(function):
    batch = nd.random.uniform(shape=(2, 3, 8, 8))  # as high as it is wide, so that mixed-up axes still run
    expected = nd.Pooling(batch, kernel=(2, 2), stride=(2, 2), pool_type="max").asnumpy()
    answer = np.asarray(call(function, batch, 2))
    if answer.shape == (2, 3):
        return "One number per channel is left: that is global pooling. Take the maximum within each window only."
    if answer.shape != expected.shape:
        return f"A batch of shape {batch.shape} and a window of 2 should give {expected.shape}, not {answer.shape}."
    if np.allclose(answer, nd.Pooling(batch, kernel=(2, 2), stride=(2, 2), pool_type="avg").asnumpy()):
        return "Those are the means. Max pooling keeps the largest number of each window."
    if np.allclose(answer, batch[:, :, ::2, ::2].asnumpy()):
        return "That is the first number of each window, not the largest."
    apart = batch.reshape((2, 3, 2, 4, 2, 4)).max(axis=(2, 4)).asnumpy()
    if np.allclose(answer, apart):
        return "These numbers lie half a map apart. Cut the height into (windows, window), in this order."
    if not np.allclose(answer, expected):
        return "The shape is right, the numbers are not. Cut height and width into (windows, window) each."
    wide = nd.random.uniform(shape=(1, 2, 6, 9))
    answer = np.asarray(call(function, wide, 3))
    if not np.array_equal(answer, nd.Pooling(wide, kernel=(3, 3), stride=(3, 3), pool_type="max").asnumpy()):
        return "It is right for a square map and a window of 2, but not for a map of 6 by 9 and a window of 3."
    return None


@exercise("Correct. Kernels add, strides multiply what comes later.")
def receptive_field(function):
    if call(function, [(3, 1)]) != 3:
        return "A single layer with a kernel of 3 sees 3 pixels. Start with a width of 1 and add kernel - 1."
    three = call(function, [(3, 1)] * 3)
    if three == 9:
        return "Three layers with a kernel of 3 give 9 in your count: each should add its kernel minus 1."
    if three == 27:
        return "Three layers with a kernel of 3 give 27 in your count: kernels add up, only strides multiply."
    if three != 7:
        return f"Three layers with a kernel of 3 see 7 pixels, not {three}: each adds 2."
    pooled = call(function, [(3, 1), (2, 2), (3, 1)])
    if pooled == 6:
        return "The stride of 2 is left out: after it, one step on the map is two pixels of the picture."
    if pooled == 9:
        return "The stride is at work too early: it lengthens the steps of the layers after its own."
    if pooled != 8:
        return f"A kernel of 3, a pooling of 2 and a kernel of 3 see 8 pixels, not {pooled}."
    if call(function, [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)]) != 18:
        return "With two poolings it should be 18. Strides multiply: after two of them a step is 4 pixels."
    if call(function, [(5, 3), (3, 2), (3, 1)]) != 23:
        return "Kernels of 5, 3 and 3, the first with a stride of 3 and the second with one of 2, see 23 pixels."
    return None
