"""GluonCV's `yolo3_darknet53_coco` with the weights of Darknet's `yolov3.weights`.

Darknet's file has no names: the layers follow each other as in its plan of the network, each normalized convolution as
beta, gamma, mean, variance and weights, each plain one as bias and weights. Both sides number anchors, coordinates and
classes alike.
"""

from typing import Any

import numpy as np

from gluon_lessons.zoo.networks import accept_normalized_input
from gluon_lessons.zoo.same_layers import Misfit

_EPSILON, _DARKNET_EPSILON = 1e-5, 1e-6
_REPEATS = (1, 2, 8, 8, 4)  # residual blocks a stage of the base
_BASE_STAGES = (slice(0, 15), slice(15, 24), slice(24, 29))  # GluonCV cuts the base where the three grids begin


def convert(tensors):
    """Cut the row into layers and name them as Gluon does."""
    row, at, arrays = tensors["weights"], 0, {}

    def take(*shape):
        nonlocal at
        at += int(np.prod(shape))
        if at > row.size:
            raise Misfit(f"The file ends after {row.size:,} numbers, in the middle of the network.")
        return row[at - int(np.prod(shape)) : at].reshape(shape).astype(np.float64)

    for name, channels, inputs, side in _layers():
        if name.endswith("prediction"):
            arrays[f"{name}.bias"] = take(channels)
            arrays[f"{name}.weight"] = take(channels, inputs, side, side)
            continue
        beta, gamma, mean, variance = (take(channels) for _ in range(4))
        weight = take(channels, inputs, side, side)
        if inputs == 3:  # Darknet wants pixels from 0 to 1
            weight, shift = accept_normalized_input(weight, np.zeros(channels), np.full(3, 1 / 255), np.zeros(3))
            mean = mean - shift
        arrays[f"{name}.0.weight"] = weight
        # Darknet divides by deviation + 1e-6, Gluon by the root of variance + 1e-5.
        arrays[f"{name}.1.gamma"] = gamma * np.sqrt(variance + _EPSILON) / (np.sqrt(variance) + _DARKNET_EPSILON)
        arrays[f"{name}.1.beta"] = beta
        arrays[f"{name}.1.running_mean"], arrays[f"{name}.1.running_var"] = mean, variance
    if at != row.size:
        raise Misfit(f"The file has {row.size:,} numbers where the network has {at:,}.")
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def _layers():
    """Gluon's name, output channels, input channels and side of every convolution, in Darknet's order."""
    base: list[Any] = [("", 32, 3, 3)]
    channels = 32
    for repeats in _REPEATS:
        base.append(("", channels * 2, channels, 3))
        channels *= 2
        for _ in range(repeats):
            base.append([("body.0", channels // 2, channels, 1), ("body.1", channels, channels // 2, 3)])
    for number, stage in enumerate(_BASE_STAGES):
        for index, layer in enumerate(base[stage]):
            for part, *sizes in layer if isinstance(layer, list) else [layer]:
                yield (".".join(filter(None, ("stages", str(number), str(index), part))), *sizes)
    for index, width in enumerate((512, 256, 128)):
        inputs = width * 2 if index == 0 else width * 3  # a later grid sees the one before, and the base
        for position in range(5):
            block = f"yolo_blocks.{index}.body.{position}"
            yield (block, width, inputs, 1) if position % 2 == 0 else (block, width * 2, width, 3)
            inputs = width * 2
        yield f"yolo_blocks.{index}.tip", width * 2, width, 3
        yield f"yolo_outputs.{index}.prediction", 255, width * 2, 1
        if index < 2:
            yield f"transitions.{index}", width // 2, width, 1
