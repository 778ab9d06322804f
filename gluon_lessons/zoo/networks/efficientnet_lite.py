"""EfficientNet-Lite from plain Gluon blocks, with the weights of its PyTorch checkpoints."""

import math

import numpy as np
from gluoncv.nn import ReLU6
from mxnet.gluon import HybridBlock, nn

# How many times as wide, and as deep, as the smallest of the family.
SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite2": (1.1, 1.2)}
# (blocks, kernel, stride of the first block, expansion, channels) in the smallest
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280  # in all of them
CHANNEL_STEP = 8


def convolution(channels, kernel=1, stride=1, groups=1, activate=True):
    """A convolution that keeps the size but for its stride, batch normalization, and ReLU6 unless told otherwise."""
    block = nn.HybridSequential()
    block.add(nn.Conv2D(channels, kernel, stride, padding=kernel // 2, groups=groups, use_bias=False))
    block.add(nn.BatchNorm(epsilon=1e-3))
    if activate:
        block.add(ReLU6())
    return block


class InvertedResidual(HybridBlock):
    """Widen, look around channel by channel, narrow again; add the input where the shape has not changed."""

    def __init__(self, in_channels, channels, kernel, stride, expansion, **kwargs):
        super().__init__(**kwargs)
        wide = in_channels * expansion
        self._adds_input = stride == 1 and in_channels == channels
        self.body = nn.HybridSequential()
        if expansion > 1:
            self.body.add(convolution(wide))
        self.body.add(convolution(wide, kernel, stride, groups=wide))
        self.body.add(convolution(channels, activate=False))

    def hybrid_forward(self, F, x):
        return x + self.body(x) if self._adds_input else self.body(x)


class EfficientNetLite(HybridBlock):
    """A picture in, (batch, 3, side, side); a score for each class out.

    Where the stride is 2, TensorFlow, where the weights come from, pads more at the right and lower edges of an even
    side, while Gluon pads all edges alike. Turned by 180 degrees the two place their kernels alike: so the picture is
    turned, and so is every kernel, and the convolutions are plain ones.
    """

    def __init__(self, width=1.0, depth=1.0, classes=1000, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential()
            self.features.add(convolution(STEM_CHANNELS, kernel=3, stride=2))
            in_channels = STEM_CHANNELS
            for stage, (blocks, kernel, stride, expansion, channels) in enumerate(STAGES):
                channels = _widened(channels, width)
                at_an_end = stage in (0, len(STAGES) - 1)  # these are as deep in all of them
                for index in range(blocks if at_an_end else math.ceil(blocks * depth)):
                    self.features.add(
                        InvertedResidual(in_channels, channels, kernel, 1 if index else stride, expansion)
                    )
                    in_channels = channels
            self.features.add(convolution(HEAD_CHANNELS))
            self.features.add(nn.GlobalAvgPool2D())
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F, x):
        turned = F.reverse(F.reverse(x, axis=2), axis=3)  # one axis at a time, which ONNX export understands
        return self.output(self.features(turned))


def _widened(channels, width):
    """The nearest multiple of eight, but never less than nine tenths of what was meant."""
    nearest = int(channels * width + CHANNEL_STEP / 2) // CHANNEL_STEP * CHANNEL_STEP
    return nearest if nearest >= 0.9 * channels * width else nearest + CHANNEL_STEP


def build(classes, network):
    """Make the network of that name, uninitialised."""
    return EfficientNetLite(*SCALES[network], classes=len(classes))


def convert(tensors):
    """Name PyTorch's tensors as Gluon does, kernels turned by 180 degrees."""
    arrays = {}

    def add_convolution(name, layer, norm_layer):
        arrays[f"{name}.0.weight"] = tensors[f"{layer}.weight"][:, :, ::-1, ::-1]
        for ours, theirs in ("gamma", "weight"), ("beta", "bias"):
            arrays[f"{name}.1.{ours}"] = tensors[f"{norm_layer}.{theirs}"]
        for statistic in "running_mean", "running_var":
            arrays[f"{name}.1.{statistic}"] = tensors[f"{norm_layer}.{statistic}"]

    add_convolution("features.0", "_conv_stem", "_bn0")
    blocks = sum(name.endswith("._project_conv.weight") for name in tensors)
    for block in range(blocks):
        # The first block has nothing to widen, so its names begin one later.
        parts = ["_expand_conv", "_depthwise_conv", "_project_conv"][block == 0 :]
        norms = ["_bn0", "_bn1", "_bn2"][block == 0 :]
        for position, (part, norm) in enumerate(zip(parts, norms, strict=True)):
            ours, theirs = f"features.{block + 1}.body.{position}", f"_blocks.{block}"
            add_convolution(ours, f"{theirs}.{part}", f"{theirs}.{norm}")
    add_convolution(f"features.{blocks + 1}", "_conv_head", "_bn1")
    arrays["output.weight"], arrays["output.bias"] = tensors["_fc.weight"], tensors["_fc.bias"]
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
