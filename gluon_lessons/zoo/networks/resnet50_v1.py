"""GluonCV's `resnet50_v1` with the weights of Keras' ResNet50.

Both are the first version of the network, with the stride in the 1x1 convolution. Keras gives every convolution a bias;
where GluonCV has none, the batch normalization that follows takes it over, as part of the mean that it subtracts.
"""

import numpy as np
from gluoncv.model_zoo import get_model

from gluon_lessons.zoo.networks import accept_normalized_input

_EPSILON, _KERAS_EPSILON = 1e-5, 1e-3
_BLUE_GREEN_RED_MEAN = np.array([103.939, 116.779, 123.68])


def build(classes):
    """Make GluonCV's network, uninitialised."""
    return get_model("resnet50_v1", pretrained=False, classes=len(classes))


def convert(tensors):
    """Name the Keras layers as Gluon does and put their channels in Gluon's order."""
    arrays = {}

    def add_convolution(name, norm_name, layer, norm_layer, has_bias=False):
        weight, bias = tensors[f"{layer}/kernel"].transpose(3, 2, 0, 1), tensors[f"{layer}/bias"]
        if layer == "conv1":  # Keras wants blue first, and pixels less their mean
            scale, shift = np.ones(3), -_BLUE_GREEN_RED_MEAN[::-1]
            weight, bias = accept_normalized_input(weight[:, ::-1], bias, scale, shift)
        arrays[f"{name}.weight"] = weight
        if has_bias:
            arrays[f"{name}.bias"] = bias
        arrays[f"{norm_name}.gamma"] = tensors[f"{norm_layer}/gamma"]
        arrays[f"{norm_name}.beta"] = tensors[f"{norm_layer}/beta"]
        arrays[f"{norm_name}.running_mean"] = tensors[f"{norm_layer}/moving_mean"] - (0 if has_bias else bias)
        arrays[f"{norm_name}.running_var"] = tensors[f"{norm_layer}/moving_variance"] + (_KERAS_EPSILON - _EPSILON)

    add_convolution("features.0", "features.1", "conv1", "bn_conv1")
    for stage, blocks in (2, "abc"), (3, "abcd"), (4, "abcdef"), (5, "abc"):
        for index, block in enumerate(blocks):
            ours, theirs = f"features.{stage + 2}.{index}", f"{stage}{block}_branch"
            if index == 0:
                add_convolution(f"{ours}.downsample.0", f"{ours}.downsample.1", f"res{theirs}1", f"bn{theirs}1")
            for position, part in (0, "2a"), (3, "2b"), (6, "2c"):
                names = (
                    f"{ours}.body.{position}",
                    f"{ours}.body.{position + 1}",
                    f"res{theirs}{part}",
                    f"bn{theirs}{part}",
                )
                add_convolution(*names, has_bias=part != "2b")
    arrays["output.weight"], arrays["output.bias"] = tensors["fc1000/kernel"].T, tensors["fc1000/bias"]
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
