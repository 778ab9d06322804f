"""What learners answer in lesson 07, and the part of the hint that each mistake must get."""

import json

import numpy as np


def nodes(symbol):
    return json.loads(symbol.tojson())["nodes"]


def operations(symbol):
    return [node["op"] for node in nodes(symbol) if node["op"] != "null"]


def rounded(axis=(1, 2, 3), size=np.abs, into_steps=np.round, back=True):
    def by_channel(weights):
        step = size(weights).max(axis=axis, keepdims=True) / 127
        return into_steps(weights / step) * (step if back else 1)

    return by_channel


WRONG_ANSWERS = {
    "multiplications": [
        (lambda i, o, k, h, w: i * o * k * k, "what it holds"),
        (lambda i, o, k, h, w: o * k * k * h * w, "all channels that are read"),
        (lambda i, o, k, h, w: i * k * k * h * w, "each channel that is written"),
        (lambda i, o, k, h, w: i * o * k * h * w, "height and a width"),
        (lambda i, o, k, h, w: i * o * h * w, "1 by 1"),
        (lambda i, o, k, h, w: i * o * k * k + h * w, "instead of adding"),
        (lambda i, o, k, h, w: i * o * k * k * (h - k + 1) * (w - k + 1), "it should be 720,000"),
    ],
    "count_operations": [
        (lambda symbol: len(operations(symbol)), "One number"),
        (operations, "list of names"),
        (lambda symbol: "Convolution", "this is a str"),
        (lambda symbol: {node["op"]: 1 for node in nodes(symbol)}, "Leave out"),
        (lambda symbol: dict.fromkeys(operations(symbol), 1), "once only"),
        (lambda symbol: {node["name"]: 1 for node in nodes(symbol) if node["op"] != "null"}, "names of the nodes"),
        (lambda symbol: {"Convolution": 2}, "it should be"),
    ],
    "by_channel": [
        (lambda weights: rounded()(weights)[0], "came back with shape"),
        (rounded(back=False), "whole numbers of steps"),
        (lambda weights: weights, "Nothing has been rounded"),
        (rounded(axis=None), "share one step"),
        (rounded(axis=(0, 2, 3)), "channel that is read"),
        (rounded(size=np.asarray), "may be negative"),
        (rounded(into_steps=np.trunc), "cut off"),
        (lambda weights: rounded()(weights) * 2, "the numbers are not"),
    ],
}
