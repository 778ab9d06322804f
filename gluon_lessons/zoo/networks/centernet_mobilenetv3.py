"""CenterNet on MobileNetV3 from plain Gluon blocks, with the weights of its TensorFlow.js graph.

The network has no anchors. A map for each class says how likely the centre of such a thing is at each place, four more
say how far the left, top, right and bottom of the thing are from there.
"""

from typing import NamedTuple

import numpy as np
from mxnet.gluon import HybridBlock, nn

STRIDE = 4  # pixels between two places of the maps
MOST = 100  # things in a picture
NEIGHBOURS = 3  # a centre is the largest of so many places across and down


class Bottleneck(NamedTuple):
    """One bottleneck of MobileNetV3, with `wide` channels inside; `squeezed` ones weigh those against each other."""

    kernel: int
    stride: int
    wide: int
    channels: int
    squeezed: int = 0
    hard_swish: bool = True


STEM_CHANNELS, LAST_CHANNELS = 16, 480
BOTTLENECKS = (
    Bottleneck(3, 1, 16, 16, hard_swish=False),
    Bottleneck(3, 2, 64, 24, hard_swish=False),
    Bottleneck(3, 1, 72, 24, hard_swish=False),
    Bottleneck(5, 2, 72, 32, 24, hard_swish=False),
    Bottleneck(5, 1, 96, 32, 24, hard_swish=False),
    Bottleneck(5, 1, 96, 32, 24, hard_swish=False),
    Bottleneck(3, 2, 192, 64),
    Bottleneck(3, 1, 160, 64),
    Bottleneck(3, 1, 144, 64),
    Bottleneck(3, 1, 144, 64),
    Bottleneck(3, 1, 384, 88, 96),
    Bottleneck(3, 1, 528, 88, 136),
    Bottleneck(5, 2, 528, 120, 136),
    Bottleneck(5, 1, 720, 120, 184),
    Bottleneck(5, 1, 720, 120, 184),
)
# The bottlenecks whose results also go to the head past all later ones: two before they are narrowed, one after.
SKIPS_WIDE, SKIP_NARROW = (3, 5), 11
# (channels that the skip becomes inside, channels of the skip, channels of what comes up from below), coarse to fine.
HEAD = ((22, 128, 128), (24, 96, 96), (18, 64, 64))
HEAD_SQUEEZED = 32
COMPUTED_SIDES = 16  # the four distances and twelve zeros: oneDNN takes eight times as long for four channels


def hard_swish(F, x):
    return x * F.hard_sigmoid(x, alpha=1 / 6, beta=0.5)


def _convolution(channels, kernel=1, stride=1, groups=1, activation=None, use_bias=True):
    return nn.Conv2D(channels, kernel, stride, kernel // 2, groups=groups, activation=activation, use_bias=use_bias)


def _separable(in_channels, channels, kernel):
    """A convolution in two steps: each channel looks around by itself, then all are mixed."""
    block = nn.HybridSequential()
    block.add(_convolution(in_channels, kernel, groups=in_channels, use_bias=False), _convolution(channels))
    return block


class _Squeeze(HybridBlock):
    """A factor for each channel, from what the channels are on average."""

    def __init__(self, channels, squeezed, hard=True, **kwargs):
        super().__init__(**kwargs)
        self._hard = hard
        self.reduce = _convolution(squeezed, activation="relu")
        self.expand = _convolution(channels, use_bias=hard)

    def hybrid_forward(self, F, x):
        scores = self.expand(self.reduce(F.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1))))
        factors = F.hard_sigmoid(scores, alpha=1 / 6, beta=0.5) if self._hard else F.sigmoid(scores)
        return F.broadcast_mul(x, factors)


class _Bottleneck(HybridBlock):
    """Widen, look around, weigh the channels, narrow. Gives the result and what was widened."""

    def __init__(self, in_channels, shape, **kwargs):
        super().__init__(**kwargs)
        self._hard_swish, self._adds_input = shape.hard_swish, shape.stride == 1 and in_channels == shape.channels
        activation = None if shape.hard_swish else "relu"
        self.expand = _convolution(shape.wide, activation=activation) if shape.wide != in_channels else None
        self.depthwise = _convolution(shape.wide, shape.kernel, shape.stride, groups=shape.wide, activation=activation)
        self.squeeze = _Squeeze(shape.wide, shape.squeezed) if shape.squeezed else None
        self.project = _convolution(shape.channels)

    def hybrid_forward(self, F, x):
        wide = self.expand(x) if self.expand else x
        if self._hard_swish:
            wide = hard_swish(F, wide)
        inner = self.depthwise(wide)
        if self._hard_swish:
            inner = hard_swish(F, inner)
        if self.squeeze:
            inner = self.squeeze(inner)
        narrow = self.project(inner)
        return x + narrow if self._adds_input else narrow, wide


class _Up(HybridBlock):
    """Coarse features made twice as large, beside finer ones from a skip."""

    def __init__(self, coarse_channels, inner, skip, up, **kwargs):
        super().__init__(**kwargs)
        self.near = _separable(coarse_channels, up, kernel=3)
        self.far = _separable(coarse_channels, up, kernel=5)
        self.skip = nn.HybridSequential()
        self.skip.add(_convolution(inner, activation="relu"), _separable(inner, skip, kernel=5))

    def hybrid_forward(self, F, coarse, fine):
        fine = self.skip(fine)
        enlarged = F.slice_like(_enlarged(F, self.near(coarse) + self.far(coarse)), fine, axes=(2, 3))  # odd sides
        return F.Activation(F.concat(fine, enlarged, dim=1), act_type="relu")


def _enlarged(F, x):
    """Twice as large, as TensorFlow 1 does it: every other place is an old one, the others are means of neighbours.

    The picture is upside down here, so what TensorFlow repeats at the lower right is repeated at the upper left.
    """
    doubled = F.UpSampling(x, scale=2, sample_type="nearest")
    return F.Pooling(F.pad(doubled, mode="edge", pad_width=(0, 0, 0, 0, 1, 0, 1, 0)), kernel=(2, 2), pool_type="avg")


class Maps(HybridBlock):
    """A picture in, (batch, 3, height, width); a map for each class out, and four of distances in pixels.

    Where the stride is 2, TensorFlow pads an even side only at the right and at the bottom, while Gluon pads all edges
    alike. Turned by 180 degrees the two place their kernels alike: so the picture is turned, and so is every kernel.
    """

    def __init__(self, classes=80, **kwargs):
        super().__init__(**kwargs)
        self.stem = _convolution(STEM_CHANNELS, 3, 2)
        self.bottlenecks = nn.HybridSequential()
        in_channels = STEM_CHANNELS
        for shape in BOTTLENECKS:
            self.bottlenecks.add(_Bottleneck(in_channels, shape))
            in_channels = shape.channels
        self.last = _convolution(LAST_CHANNELS)
        self.ups = nn.HybridSequential()
        in_channels = LAST_CHANNELS
        for inner, skip, up in HEAD:
            self.ups.add(_Up(in_channels, inner, skip, up))
            in_channels = skip + up
        self.squeeze = _Squeeze(in_channels, HEAD_SQUEEZED, hard=False)
        self.centres = _separable(in_channels, classes, kernel=3)
        self.distances = _separable(in_channels, COMPUTED_SIDES, kernel=3)

    def hybrid_forward(self, F, x):
        x = hard_swish(F, self.stem(_turned(F, x)))
        skips = []
        for number, bottleneck in enumerate(self.bottlenecks):
            x, wide = bottleneck(x)
            if number in SKIPS_WIDE:
                skips.append(wide)
            elif number == SKIP_NARROW:
                skips.append(x)
        x = hard_swish(F, self.last(x))
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(x, skip)
        x = self.squeeze(x)
        distances = F.slice_axis(self.distances(x), axis=1, begin=0, end=4)
        return _turned(F, F.Activation(self.centres(x), act_type="sigmoid")), _turned(F, distances)


def _turned(F, x):
    """Turned by 180 degrees: all places in the opposite order. A slice does that nine times as fast as `reverse`."""
    backwards = F.slice(F.reshape(x, (0, 0, -1)), begin=(None,) * 3, end=(None,) * 3, step=(1, 1, -1))
    return F.reshape_like(backwards, x)


class CenterNet(HybridBlock):
    """A picture in; class numbers, scores and boxes of the 100 likeliest things out, as from GluonCV's detectors."""

    def __init__(self, classes=80, **kwargs):
        super().__init__(**kwargs)
        self.maps = Maps(classes)

    def hybrid_forward(self, F, x):
        heat, distances = self.maps(x)
        around = F.Pooling(heat, kernel=(NEIGHBOURS,) * 2, pad=(NEIGHBOURS // 2,) * 2, pool_type="max")
        peaks = F.reshape(heat * (heat == around), (0, -1))
        scores, numbers = F.topk(peaks, k=MOST, ret_typ="both", dtype="int64")
        sides = F.shape_array(heat)
        places_of_a_map = F.slice_axis(sides, axis=0, begin=2, end=3) * F.slice_axis(sides, axis=0, begin=3, end=4)
        kinds = F.broadcast_div(numbers, places_of_a_map)
        places = numbers - F.broadcast_mul(kinds, places_of_a_map)
        corners = F.reshape(F.transpose(self._corners(F, distances), (0, 2, 3, 1)), (0, -1, 4))
        pictures = F.cast(F.contrib.arange_like(places, axis=0), "int64")
        pictures = F.broadcast_like(F.expand_dims(pictures, axis=1), places)
        boxes = F.gather_nd(corners, F.reshape(F.stack(pictures, places), (2, -1)))
        kinds = F.expand_dims(F.cast(kinds, "float32"), axis=2)
        return kinds, F.expand_dims(scores, axis=2), F.reshape(boxes, (-1, MOST, 4))

    @staticmethod
    def _corners(F, distances):
        """Left, top, right and bottom of the box that each place would be the centre of."""
        left, top, right, bottom = F.split(distances, num_outputs=4, axis=1)
        x = F.reshape(F.contrib.arange_like(distances, axis=3), (1, 1, 1, -1)) * STRIDE
        y = F.reshape(F.contrib.arange_like(distances, axis=2), (1, 1, -1, 1)) * STRIDE
        corners = (
            F.broadcast_minus(x, left), F.broadcast_minus(y, top), F.broadcast_add(x, right), F.broadcast_add(y, bottom)
        )  # fmt: skip
        return F.concat(*corners, dim=1)


def detections(heat: np.ndarray, distances: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the maps of one picture show: class numbers, scores and boxes in pixels of the network's input.

    The same as the network's own last step, for things with a score of at least `threshold` only, which is quicker.
    """
    height, width = heat.shape[1:]
    kinds, rows, columns = np.nonzero(heat >= threshold)
    scores = heat[kinds, rows, columns]
    reach = range(-(NEIGHBOURS // 2), NEIGHBOURS // 2 + 1)
    around = [
        heat[kinds, np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)]
        for down in reach
        for right in reach
    ]
    peaks = np.flatnonzero(scores == np.max(around, axis=0)) if len(scores) else np.zeros(0, int)
    best = peaks[np.argsort(-scores[peaks], kind="stable")][:MOST]
    kinds, rows, columns, scores = kinds[best], rows[best], columns[best], scores[best]
    centres = np.stack([columns, rows], axis=1) * STRIDE
    sides = distances[:, rows, columns].T
    return kinds, scores, np.concatenate([centres - sides[:, :2], centres + sides[:, 2:]], axis=1)


def build(classes):
    """Make the network, uninitialised."""
    return CenterNet(classes=len(classes))


def convert(tensors):
    """Name TensorFlow's tensors as Gluon does, kernels turned by 180 degrees.

    TensorFlow.js keeps all numbers in 16 bits, the sixth of a hard swish too. What that one lacks to a real sixth goes
    into the weights that take its result.
    """
    tensors = {name.removeprefix("tower_0/"): tensor for name, tensor in tensors.items()}
    arrays = {}

    def add(name, weight, bias=None, gain=1.0):
        depthwise = "depthwise" in weight
        weight = tensors[weight].transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))[:, :, ::-1, ::-1]
        arrays[f"{name}.weight"] = weight * np.float32(gain)
        if bias:
            arrays[f"{name}.bias"] = tensors[bias]

    def add_normalized(name, layer, gain=1.0):
        add(name, f"{layer}_weights", f"{layer}_bn_offset", gain)

    def add_separable(name, layer):
        add(f"{name}.0", f"{layer}/depthwise_weights")
        add_normalized(f"{name}.1", f"{layer}/separable_conv2d")

    def sixths(name):
        return 6 * float(tensors[f"{name}/y"])

    stem = sixths("MobilenetV3/Conv/hard_swish/mul_1")
    add_normalized("maps.stem", "MobilenetV3/Conv/Conv2D")
    for number, shape in enumerate(BOTTLENECKS):
        ours = f"maps.bottlenecks.{number}"
        theirs = f"MobilenetV3/expanded_conv_{number}" if number else "MobilenetV3/expanded_conv"
        if number:
            add_normalized(f"{ours}.expand", f"{theirs}/expand/Conv2D", stem if number == 1 else 1)
        widened = sixths(f"{theirs}/expand/hard_swish/mul_1") if shape.hard_swish else 1 if number else stem
        gain = sixths(f"{theirs}/depthwise/hard_swish/mul_1") if shape.hard_swish else 1
        add_normalized(f"{ours}.depthwise", f"{theirs}/depthwise/depthwise", widened)
        if shape.squeezed:
            squeeze = f"{theirs}/squeeze_excite"
            for layer, part, factor in ("Conv", "reduce", gain), ("Conv_1", "expand", 1):
                add(f"{ours}.squeeze.{part}", f"{squeeze}/{layer}/weights", f"{squeeze}/{layer}/biases", factor)
            gain *= sixths(f"{squeeze}/Conv_1/mul")
        add_normalized(f"{ours}.project", f"{theirs}/project/Conv2D", gain)
    for part in "weight", "bias":  # its result is added to the stem's, which is short of the same trace
        arrays[f"maps.bottlenecks.0.project.{part}"] = arrays[f"maps.bottlenecks.0.project.{part}"] / np.float32(stem)
    add_normalized("maps.last", "extern1/Conv2D")
    for number, level in enumerate((5, 4, 3)):
        ours, theirs = f"maps.ups.{number}", f"CenternetHead/c{level}_upsample/branch"
        add_separable(f"{ours}.near", f"{theirs}_x_upsample_resize")
        add_separable(f"{ours}.far", f"{theirs}_y_upsample_resize")
        add_normalized(f"{ours}.skip.0", f"CenternetHead/c{level - 1}_reverse/1x1/Conv2D")
        add_separable(f"{ours}.skip.1", f"CenternetHead/c{level - 1}_reverse/3x3")
    for part in "near", "far":
        arrays[f"maps.ups.0.{part}.0.weight"] = arrays[f"maps.ups.0.{part}.0.weight"] * np.float32(
            sixths("extern1/hard_swish/mul_1")
        )
    add_normalized("maps.squeeze.reduce", "CenternetHead/conv1x1_se_a/Conv2D")
    add("maps.squeeze.expand", "CenternetHead/conv1x1_se_b/weights")
    for part, layer in ("centres", "cls"), ("distances", "wh"):
        theirs = f"CenternetHead/centernet_{layer}_output"
        add(f"maps.{part}.0", f"{theirs}/depthwise_weights")
        add(f"maps.{part}.1", f"{theirs}/pointwise_weights", f"{theirs}/biases")
    for kind in "weight", "bias":
        array = arrays[f"maps.distances.1.{kind}"] * tensors["mul/y"]
        zeros = [(0, COMPUTED_SIDES - len(array))] + [(0, 0)] * (array.ndim - 1)
        arrays[f"maps.distances.1.{kind}"] = np.pad(array, zeros)
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
