"""The exercises of lesson 07, look inside, then speed up."""

from collections import Counter

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

from gluon_lessons.course.check import Mistake, call, exercise


@exercise("Correct. Times add up, so the slow steps that stay decide.")
def speedup(function):
    shares, faster = {"conv": 0.5, "clip": 0.3, "norm": 0.15, "other": 0.05}, {"clip": 3, "norm": 10}
    try:
        answer = call(function, dict(shares), dict(faster))
    except Mistake as mistake:
        if "KeyError" in str(mistake):
            return "Not every kind becomes faster: those that are not named stay as they are, with faster.get(kind, 1)."
        raise
    left = 0.5 + 0.3 / 3 + 0.15 / 10 + 0.05
    hints = {
        left: "That is the share of the time that is left. How many times as fast is the whole then?",
        1 / (0.3 / 3 + 0.15 / 10): "Kinds that are not named stay as they are, and their time counts, too.",
        (3 + 10) / 2: "Factors cannot be averaged. Add up the times that are left.",
        (1 + 3 + 10 + 1) / 4: "Factors cannot be averaged. Add up the times that are left.",
        0.5
        + 0.3 * 3
        + 0.15 * 10
        + 0.05: "Factors cannot be averaged, not even by share. Divide each share by its factor.",
        1
        / (0.7 + 0.3 / 3)
        / (0.85 + 0.15 / 10): "Gains do not multiply: add up all the times that are left, then divide once.",
        3 * 10: "Each factor holds for its own share of the time only.",
        0.3 * 3 + 0.15 * 10: "Divide each share by its factor, and keep the kinds that are not named.",
    }
    for wrong, hint in hints.items():
        if np.isclose(answer, wrong):
            return hint
    if not np.isclose(answer, 1 / left):
        return f"For the shares {shares} and the factors {faster} it should be {1 / left:.3f}; yours is {answer}."
    if not np.isclose(call(function, {"conv": 2, "clip": 6}, {"clip": 3}), 2):
        return "It is right for shares that add up to 1. Let it take milliseconds, too: the old sum over the new one."
    if not np.isclose(call(function, {"conv": 1.0}, {"clip": 3}), 1):
        return "A kind that becomes faster need not occur in this network; then nothing changes."
    return None


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
    weights = np.random.default_rng(7).normal(size=(4, 3, 5, 5)) * np.reshape([0.01, 1, 3, 100], (4, 1, 1, 1))
    weights[:, 0, 0, 0] = -1.2 * np.abs(weights).max(axis=(1, 2, 3))  # the largest of each is negative

    def rounded(step, into_steps=np.round):
        return into_steps(weights / step) * step

    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    try:
        answer = np.asarray(call(function, weights.copy()))
    except Mistake as mistake:
        if "broadcast" in str(mistake):
            return f"Keep the axes of length 1, with keepdims=True, so that the steps meet their kernels. {mistake}"
        raise
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
    if np.allclose(answer, rounded(largest / 128)):
        return "The largest weight is 127 steps from 0, not 128."
    if np.allclose(answer, rounded(np.abs(weights).max(axis=(2, 3), keepdims=True) / 127)):
        return "There is a step for each pair of channels. A kernel reaches through all channels that are read."
    if np.allclose(answer, rounded(weights.max(axis=(1, 2, 3), keepdims=True) / 127)):
        return "The largest weight may be negative: take the largest of the absolute values."
    if np.allclose(answer, rounded(largest / 127, np.trunc)):
        return "The decimals were cut off. np.round goes to the nearest step."
    if not np.allclose(answer, rounded(largest / 127)):
        return "The shape is right, the numbers are not: for each kernel, the largest absolute weight is 127 steps."
    return None


@exercise("Correct. All 256 steps lie where the numbers are.")
def through_uint8(function):
    values, low, high = np.array([-1.0, -0.5, 0.011, 1.3, 2.0, 2.9, 3.5]), -0.5, 3.0
    step = (high - low) / 255
    steps = np.round((values - low) / step)
    answer = np.asarray(call(function, values.copy(), low, high))
    if answer.shape != values.shape:
        return f"Values of shape {values.shape} came back with shape {answer.shape}."
    if np.allclose(answer, low + np.clip(steps, 0, 255) * step):
        return None
    if np.allclose(answer, np.clip(steps, 0, 255)):
        return "These are the steps. Go back: low, and the steps times their size."
    if np.allclose(answer, np.clip(steps, 0, 255) * step):
        return "Step 0 stands for low: add low again on the way back."
    if np.allclose(answer, low + steps * step):
        return "There are no steps below 0 or above 255: np.clip the steps."
    if np.allclose(answer, np.clip(values, low, high)):
        return "Nothing has been rounded. Count the steps from low, and round that."
    wide = (high - low) / 256
    if np.allclose(answer, low + np.clip(np.round((values - low) / wide), 0, 255) * wide):
        return "From step 0 to step 255 there are 255 steps, not 256."
    if np.allclose(answer, low + np.clip(np.trunc((values - low) / step), 0, 255) * step):
        return "The decimals were cut off. np.round goes to the nearest step."
    if np.allclose(answer, np.clip(np.round(values / step), 0, 255) * step):
        return "The steps are counted from 0. Count them from low."
    expected = low + np.clip(steps, 0, 255) * step
    worst = np.abs(np.nan_to_num(answer, nan=1e9) - expected).argmax()
    beyond = ", which lies beyond what 0 to 255 can say," if not low <= values[worst] <= high else ""
    return f"The value {values[worst]}{beyond} should become {expected[worst]:.4f}; yours becomes {answer[worst]:.4f}."
