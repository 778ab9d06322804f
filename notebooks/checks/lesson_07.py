"""The exercises of lesson 07, look inside, then speed up."""

from collections import Counter

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Every weight works once at every place.")
def multiplications(function):
    answer = call(function, 3, 16, 5, 20, 30)
    weights, places = 3 * 16 * 25, 20 * 30
    hints = {
        weights: "That is what it holds. Each weight works again at every place of the map that is written.",
        16 * 25 * places: "Each kernel reaches through all channels that are read.",
        3 * 25 * places: "There is a kernel for each channel that is written.",
        3 * 16 * 5 * places: "The kernel has a height and a width: kernel times kernel weights.",
        3 * 16 * places: "That is a 1 by 1 kernel; this one has kernel times kernel weights.",
        weights + places: "Each weight works at each place: multiply the two instead of adding them.",
    }
    if answer == weights * places:
        return None
    return hints.get(answer, f"For 3 in, 16 out, kernel 5, a map of 20 by 30 it should be 720,000; yours is {answer}.")


@exercise("Correct. Count before and after a rewrite, and you see what it did.")
def count_operations(function):
    layers = nn.HybridSequential(prefix="")
    layers.add(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Conv2D(4, 3), nn.Dense(2))
    answer = call(function, layers(mx.sym.var("data")))
    expected = {"Convolution": 2, "BatchNorm": 1, "Activation": 1, "FullyConnected": 1}
    if isinstance(answer, int):
        return f"One number, {answer}, does not say which operations there are. Return a dictionary."
    if isinstance(answer, list | tuple | set):
        return f"That is a {type(answer).__name__} of names. Return a dictionary from each operation to its count."
    if not isinstance(answer, dict):
        return f"Return a dictionary; this is a {type(answer).__name__}."
    if "null" in answer:
        return 'Leave out the nodes whose "op" is "null": they hold numbers and compute nothing.'
    if answer == dict.fromkeys(expected, 1):
        return "Every operation is counted once only. Add 1 each time it occurs; the two convolutions make 2."
    if any("_fwd" in name for name in answer):
        return 'Those are the names of the nodes. What a node does is under "op".'
    if Counter(answer) != Counter(expected):
        return f"For two convolutions, a normalization, a ReLU and a dense layer it should be {expected}."
    return None


@exercise("Correct. No channel takes the steps from another.")
def by_channel(function):
    weights = np.random.default_rng(7).normal(size=(4, 4, 4, 4)) * np.reshape([0.01, 1, 3, 100], (4, 1, 1, 1))
    weights[:, 0, 0, 0] = -1.2 * np.abs(weights).max(axis=(1, 2, 3))  # the largest of each is negative

    def rounded(step, into_steps=np.round):
        return into_steps(weights / step) * step

    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    answer = np.asarray(call(function, weights.copy()))
    if answer.shape != weights.shape:
        return f"Weights of shape {weights.shape} came back with shape {answer.shape}."
    if np.allclose(answer, np.round(weights / (largest / 127))):
        return "These are the whole numbers of steps. Multiply them by the step again."
    if np.allclose(answer, weights):
        return "Nothing has been rounded. Divide by the step, round, multiply by the step."
    if np.allclose(answer, rounded(np.abs(weights).max() / 127)):
        return "All kernels share one step. Take the largest along the last three axes, with keepdims=True."
    if np.allclose(answer, rounded(np.abs(weights).max(axis=(0, 2, 3), keepdims=True) / 127)):
        return "There is a step for each channel that is read. The kernels lie along the first axis."
    if np.allclose(answer, rounded(weights.max(axis=(1, 2, 3), keepdims=True) / 127)):
        return "The largest weight may be negative: take the largest of the absolute values."
    if np.allclose(answer, rounded(largest / 127, np.trunc)):
        return "The decimals were cut off. np.round goes to the nearest step."
    if not np.allclose(answer, rounded(largest / 127)):
        return "The shape is right, the numbers are not: for each kernel, the largest absolute weight is 127 steps."
    return None
