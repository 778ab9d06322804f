"""CenterNet on MobileNetV3 from plain Gluon blocks, with the weights of its TensorFlow.js graph.

The network has no anchors. A map for each class says how likely the centre of such a thing is at each place, four more
say how far the left, top, right and bottom of the thing are from there.
"""

import tempfile
from typing import NamedTuple

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, nn

STRIDE = 4  # pixels between two places of the maps
COARSEST = 32  # pixels between two places of the coarsest features
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
SIDES = 4  # the distances
MULTIPLE = 16  # of the channels that are computed


def hard_swish(F, x):
    """`x * hard_sigmoid(x)`, in steps that are quick on a CPU: the operator of that name takes three times as long."""
    share = F.Activation(F.contrib.quadratic(x, a=0, b=1 / 6, c=0.5), act_type="relu")
    return x * F._internal._minimum_scalar(share, scalar=1)


def _computed(channels):
    """How many channels are computed: oneDNN is slow at other numbers of them. What is added is zeros throughout."""
    return -(-channels // MULTIPLE) * MULTIPLE


def _convolution(channels, kernel=1, stride=1, depthwise=False, activation=None, use_bias=True):
    channels = _computed(channels)
    groups = channels if depthwise else 1
    return nn.Conv2D(channels, kernel, stride, kernel // 2, groups=groups, activation=activation, use_bias=use_bias)


def _separable(in_channels, channels, kernel):
    """A convolution in two steps: each channel looks around by itself, then all are mixed."""
    block = nn.HybridSequential()
    block.add(_convolution(in_channels, kernel, depthwise=True, use_bias=False), _convolution(channels))
    return block


def _weighed(F, x, factors, channels):
    """Each channel of one picture times its factor, by the only product whose layout in memory is that of convolutions.

    A convolution itself would not do: oneDNN's fused graphs keep the kernels of the first picture for all later ones.
    """
    channels, kernels = _computed(channels), F.reshape(factors, (-1, 1, 1, 1))
    return F.Deconvolution(x, kernels, kernel=(1, 1), num_filter=channels, num_group=channels, no_bias=True)


class _OnePicture(HybridBlock):
    """A block that looks at one picture after the other, with black around those of odd sides."""

    def forward(self, x, *args):
        if not isinstance(x, mx.nd.NDArray):
            return super().forward(x, *args)
        below, right = (-side % COARSEST for side in x.shape[2:])
        if below or right:
            x = mx.nd.pad(x, mode="constant", pad_width=(0, 0, 0, 0, 0, below, 0, right))
        alone = zip(*(super(_OnePicture, self).forward(x[n : n + 1]) for n in range(len(x))), strict=True)
        return tuple(mx.nd.concat(*parts, dim=0) if len(parts) > 1 else parts[0] for parts in alone)


class _Squeeze(HybridBlock):
    """Each channel times a factor, from what the channels are on average."""

    def __init__(self, channels, squeezed, hard=True, **kwargs):
        super().__init__(**kwargs)
        self._channels, self._hard = channels, hard
        self.reduce = _convolution(squeezed, activation="relu")
        self.expand = _convolution(channels, use_bias=hard)

    def hybrid_forward(self, F, x):
        scores = self.expand(self.reduce(F.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1))))
        factors = F.hard_sigmoid(scores, alpha=1 / 6, beta=0.5) if self._hard else F.sigmoid(scores)
        return _weighed(F, x, factors, self._channels)


class _Bottleneck(HybridBlock):
    """Widen, look around, weigh the channels, narrow. Gives the result and what was widened."""

    def __init__(self, in_channels, shape, **kwargs):
        super().__init__(**kwargs)
        self._hard_swish, self._adds_input = shape.hard_swish, shape.stride == 1 and in_channels == shape.channels
        activation = None if shape.hard_swish else "relu"
        self.expand = _convolution(shape.wide, activation=activation) if shape.wide != in_channels else None
        self.depthwise = _convolution(shape.wide, shape.kernel, shape.stride, depthwise=True, activation=activation)
        self.squeeze = _Squeeze(shape.wide, shape.squeezed) if shape.squeezed else None
        self.project = _convolution(shape.channels)

    def hybrid_forward(self, F, x):
        wide = self.expand(x) if self.expand else x
        if self._hard_swish:
            wide = hard_swish(F, wide)
        inner = self.depthwise(wide)
        if self._hard_swish:
            inner = hard_swish(F, inner)
        narrow = self.project(self.squeeze(inner) if self.squeeze else inner)
        return x + narrow if self._adds_input else narrow, wide


class _Up(HybridBlock):
    """Coarse features made twice as large, beside finer ones from a skip."""

    def __init__(self, coarse_channels, inner, skip, up, **kwargs):
        super().__init__(**kwargs)
        self._channels = up
        self.near = _separable(coarse_channels, up, kernel=3)
        self.far = _separable(coarse_channels, up, kernel=5)
        self.skip = nn.HybridSequential()
        self.skip.add(_convolution(inner, activation="relu"), _separable(inner, skip, kernel=5))

    def hybrid_forward(self, F, coarse, fine):
        enlarged = _enlarged(F, self.near(coarse) + self.far(coarse), self._channels)
        return F.Activation(F.concat(self.skip(fine), enlarged, dim=1), act_type="relu")


def _enlarged(F, x, channels):
    """Twice as large, as TensorFlow 1 does it: every other place is an old one, the others are means of neighbours.

    The picture is upside down here, so what TensorFlow repeats at the lower right is repeated at the upper left.
    """
    x = F.pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 0, 1, 0))
    shares = 1 - F.abs(F.arange(-1, 2)) / 2  # a half, all, a half
    kernel = F.reshape(F.broadcast_mul(F.reshape(shares, (3, 1)), F.reshape(shares, (1, 3))), (1, 1, 3, 3))
    shape = {"kernel": (3, 3), "stride": (2, 2), "pad": (2, 2), "adj": (1, 1), "no_bias": True}
    kernels = F.broadcast_axis(kernel, axis=0, size=channels)
    return F.Deconvolution(x, kernels, num_filter=channels, num_group=channels, **shape)


class Maps(_OnePicture):
    """A picture in, (batch, 3, height, width); a map for each class out, and four of distances in pixels.

    Where the stride is 2, TensorFlow pads an even side only at the right and at the bottom, while Gluon pads all edges
    alike. Turned by 180 degrees the two place their kernels alike: so the picture is turned, and so is every kernel.
    """

    def __init__(self, classes=80, **kwargs):
        super().__init__(**kwargs)
        self._classes = classes
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
        self.distances = _separable(in_channels, SIDES, kernel=3)

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
        centres, distances = self.centres(x), self.distances(x)
        if self._classes != _computed(self._classes):
            centres = F.slice_axis(centres, axis=1, begin=0, end=self._classes)
        distances = F.slice_axis(distances, axis=1, begin=0, end=SIDES)
        return _turned(F, F.Activation(centres, act_type="sigmoid")), _turned(F, distances)


def _turned(F, x):
    """Turned by 180 degrees: all places in the opposite order. A slice does that nine times as fast as `reverse`."""
    backwards = F.slice(F.reshape(x, (0, 0, -1)), begin=(None,) * 3, end=(None,) * 3, step=(1, 1, -1))
    return F.reshape_like(backwards, x)


class CenterNet(_OnePicture):
    """A picture in; class numbers, scores and boxes of the 100 likeliest things out, as from GluonCV's detectors."""

    def __init__(self, classes=80, **kwargs):
        super().__init__(**kwargs)
        self.maps = Maps(classes)

    def load_parameters(self, filename, *args, **kwargs):
        """Read a file with as many channels as there are, or as are computed."""
        with tempfile.NamedTemporaryFile(suffix=".params") as file:
            mx.nd.save(file.name, {name: _widened(array) for name, array in mx.nd.load(str(filename)).items()})
            super().load_parameters(file.name, *args, **kwargs)

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


def _widened(array):
    """Weights with zeros for the channels that are computed beside the real ones, but a picture's are three."""
    shape = [_computed(size) if axis < 2 and size not in (1, 3) else size for axis, size in enumerate(array.shape)]
    wide = np.zeros(shape, np.float32)
    wide[tuple(map(slice, array.shape))] = array.asnumpy()
    return mx.nd.array(wide)


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
        arrays[f"maps.distances.1.{kind}"] = arrays[f"maps.distances.1.{kind}"] * tensors["mul/y"]
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
