"""GluonCV's `mobilenetv2_1.0`, dilated, under a DeepLabV3 head, with TensorFlow's weights for VOC."""

import numpy as np
from gluoncv.model_zoo import get_model
from mxnet.gluon import HybridBlock, nn

from gluon_lessons.zoo.networks import accept_normalized_input, normalization_that_adds

_BOTTLENECKS = 17
_HEAD_CHANNELS = 256


class DeepLabMobileNetV2(HybridBlock):
    """A picture in, (batch, 3, height, width); a score for each class at each pixel out.

    Sides of 8n + 1 pixels (513 in training) make the features, the picture's eighth, meet its corners exactly.
    """

    def __init__(self, classes=21, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = _dilated_backbone()
            self.pooled = nn.Conv2D(_HEAD_CHANNELS, 1, activation="relu")  # what the picture holds as a whole
            self.local = nn.Conv2D(_HEAD_CHANNELS, 1, activation="relu")  # what there is at each place
            self.project = nn.Conv2D(_HEAD_CHANNELS, 1, activation="relu")
            self.output = nn.Conv2D(classes, 1)

    def hybrid_forward(self, F, x):
        features = self.features(x)
        whole = self.pooled(F.contrib.AdaptiveAvgPooling2D(features, output_size=1))
        local = self.local(features)
        both = F.concat(F.broadcast_like(whole, local, lhs_axes=(2, 3), rhs_axes=(2, 3)), local, dim=1)
        scores = self.output(self.project(both))
        return F.contrib.BilinearResize2D(scores, x, mode="like")

    def predict(self, x):
        """The scores, by the name that GluonCV's own segmentation networks have for them."""
        return self(x)

    demo = evaluate = predict


def _dilated_backbone():
    """MobileNetV2 up to its last bottleneck, with the two last strides taken out and the kernels spread instead."""
    whole = get_model("mobilenetv2_1.0", pretrained=False).features
    features = nn.HybridSequential()
    bottlenecks = 0
    for block in whole:
        if bottlenecks == _BOTTLENECKS:
            break
        if hasattr(block, "out"):
            depthwise = next(layer for layer in block.out if getattr(layer, "_kwargs", {}).get("kernel") == (3, 3))
            if bottlenecks > 5:
                dilation = 1 if bottlenecks == 6 else 2 if bottlenecks < 14 else 4
                depthwise._kwargs.update(stride=(1, 1), dilate=(dilation,) * 2, pad=(dilation,) * 2)
            bottlenecks += 1
        features.add(block)
    return features


def build(classes):
    """Make the network, uninitialised."""
    return DeepLabMobileNetV2(classes=len(classes))


def convert(tensors):
    """Name TensorFlow's tensors as Gluon does; its batch normalizations are a factor at most, and a sum."""
    arrays = {}

    def add_convolution(name, norm_name, layer):
        norm = f"{layer}/BatchNorm/FusedBatchNorm"
        factor, bias = np.float32(1), tensors[f"{norm}/Offset"]
        if layer.endswith("depthwise"):
            weight = tensors[f"{layer}/depthwise_weights"].transpose(2, 3, 0, 1)
            factor = tensors[f"{norm}/Scaled"]
        else:
            weight = tensors[f"{layer}/Conv2D/merged_input"].transpose(3, 2, 0, 1)
        if layer == "MobilenetV2/Conv":  # TensorFlow wants pixels from -1 to 1
            weight, bias = accept_normalized_input(weight, bias, scale=np.full(3, 1 / 127.5), shift=np.full(3, -1.0))
        arrays[f"{name}.weight"] = weight
        gamma, *others = normalization_that_adds(bias, 1e-5)
        names = ("gamma", "beta", "running_mean", "running_var")
        for part, values in zip(names, (gamma * factor, *others), strict=True):
            arrays[f"{norm_name}.{part}"] = values

    add_convolution("features.0", "features.1", "MobilenetV2/Conv")
    for index in range(_BOTTLENECKS):
        layer = f"MobilenetV2/expanded_conv_{index}" if index else "MobilenetV2/expanded_conv"
        for position, part in enumerate(("expand", "depthwise", "project")[index == 0 :]):
            name = f"features.{index + 3}.out"
            add_convolution(f"{name}.{3 * position}", f"{name}.{3 * position + 1}", f"{layer}/{part}")
    for name, layer in ("pooled", "image_pooling"), ("local", "aspp0"), ("project", "concat_projection"):
        arrays[f"{name}.weight"] = tensors[f"{layer}/Conv2D/merged_input"].transpose(3, 2, 0, 1)
        arrays[f"{name}.bias"] = tensors[f"{layer}/BatchNorm/FusedBatchNorm/Offset"]
    arrays["output.weight"] = tensors["logits/semantic/weights"].transpose(3, 2, 0, 1)
    arrays["output.bias"] = tensors["logits/semantic/biases"]
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
