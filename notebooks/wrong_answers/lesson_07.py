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


def over_128(weights):
    step = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / 128
    return np.round(weights / step) * step


def left(shares, faster):
    return sum(share / faster.get(kind, 1) for kind, share in shares.items())


def only_what_occurs(shares, faster):
    return sum(shares.values()) / (left(shares, faster) - sum(0.1 for kind in faster if kind not in shares))


def uint8(count=255, into_steps=np.round, cut=lambda steps: np.clip(steps, 0, 255), back=None, shape=np.asarray):
    def through_uint8(values, low, high):
        step = (high - low) / count
        steps = cut(into_steps((values - low) / step))
        return shape(low + steps * step if back is None else back(steps, low, step))

    return through_uint8


WRONG_ANSWERS = {
    "speedup": [
        (lambda shares, faster: left(shares, faster), "share of the time that is left"),
        (lambda shares, faster: 1 / sum(shares[kind] / faster[kind] for kind in faster), "not named stay"),
        (lambda shares, faster: np.mean(list(faster.values())), "cannot be averaged"),
        (lambda shares, faster: np.mean([faster.get(kind, 1) for kind in shares]), "cannot be averaged"),
        (lambda shares, faster: sum(shares[kind] * faster.get(kind, 1) for kind in shares), "not even by share"),
        (lambda shares, faster: np.prod(list(faster.values())), "its own share"),
        (lambda shares, faster: sum(shares[kind] * faster[kind] for kind in faster), "Divide each share"),
        (lambda shares, faster: 1, "it should be 1.504"),
        (lambda shares, faster: 1 / sum(share / faster[kind] for kind, share in shares.items()), "Not every kind"),
        (
            lambda shares, faster: np.prod([1 / (1 - shares[k] + shares[k] / faster[k]) for k in faster]),
            "do not multiply",
        ),
        (lambda shares, faster: 1 / left(shares, faster), "milliseconds"),
        (only_what_occurs, "need not occur"),
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
        (rounded(axis=(2, 3)), "each pair of channels"),
        (lambda weights: weights / np.abs(weights).max(axis=(1, 2, 3)), "with keepdims=True"),
        (lambda weights: over_128(weights), "not 128"),
        (rounded(size=np.asarray), "may be negative"),
        (rounded(into_steps=np.trunc), "cut off"),
        (lambda weights: rounded()(weights) * 2, "the numbers are not"),
    ],
    "through_uint8": [
        (uint8(shape=lambda values: values[:2]), "came back with shape"),
        (uint8(back=lambda steps, low, step: steps), "These are the steps"),
        (uint8(back=lambda steps, low, step: steps * step), "add low again"),
        (uint8(cut=lambda steps: steps), "no steps below 0"),
        (lambda values, low, high: np.clip(values, low, high), "Nothing has been rounded"),
        (uint8(count=256), "not 256"),
        (uint8(into_steps=np.trunc), "cut off"),
        (lambda values, low, high: np.clip(np.round(values / (3.5 / 255)), 0, 255) * (3.5 / 255), "from low"),
        (uint8(cut=lambda steps: steps.astype(int).astype(np.uint8).astype(float)), "beyond what 0 to 255"),
        (uint8(cut=lambda steps: np.minimum(steps, 255)), "The value -1.0, which lies beyond"),
        (uint8(cut=lambda steps: np.maximum(steps, 0)), "The value 3.5, which lies beyond"),
        (lambda values, low, high: values * 2, "should become"),
    ],
}
