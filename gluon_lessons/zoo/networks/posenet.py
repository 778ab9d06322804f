"""PoseNet on a three-quarter-wide MobileNet, with Google's weights for the 17 COCO keypoints."""

import numpy as np
from gluoncv.nn import ReLU6
from mxnet.gluon import HybridBlock, nn
from scipy.ndimage import maximum_filter

from gluon_lessons.zoo.networks import accept_normalized_input

STRIDE = 16  # pixels between the places where the network looks
# The keypoints as a tree of (nearer to the nose, farther from it), by their numbers in COCO's order.
BONES = (
    *((0, 1), (1, 3), (0, 2), (2, 4)),  # eyes and ears
    *((0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15)),  # the left side, from the shoulder to wrist and ankle
    *((0, 6), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16)),  # the right side
)

# (channels, stride) of each pair of a depthwise and a 1x1 convolution
_PAIRS = ((48, 1), (96, 2), (96, 1), (192, 2), (192, 1), (384, 2), *((384, 1),) * 7)
_STEM_CHANNELS = 24
_HEADS = {"heat": "heatmap_2", "offset": "offset_2", "outward": "displacement_fwd_2", "inward": "displacement_bwd_2"}

_PEAK = 0.5  # the least probability of a keypoint that a person may be grown from
_SAME_PLACE = 20  # pixels within which two keypoints of one kind are taken for one
_LEAST_PERSON = 0.2  # the least mean probability of a person's keypoints
_REFINEMENTS = 2


def _convolution(channels, kernel=1, stride=1, groups=1):
    block = nn.HybridSequential()
    block.add(nn.Conv2D(channels, kernel, stride, padding=kernel // 2, groups=groups))
    block.add(ReLU6())
    return block


class PoseNet(HybridBlock):
    """A picture in, (batch, 3, height, width) with sides of 16n + 1 pixels; four maps out, each with a row of places.

    `heat` (17 maps) is the probability that a keypoint is near the place, `offset` (34) how far down and right of the
    place it is then; `outward` and `inward` (32 each) say how far down and right the next keypoint along each bone is.
    """

    def __init__(self, keypoints=17, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential()
            self.features.add(_convolution(_STEM_CHANNELS, kernel=3, stride=2))
            in_channels = _STEM_CHANNELS
            for channels, stride in _PAIRS:
                self.features.add(_convolution(in_channels, kernel=3, stride=stride, groups=in_channels))
                self.features.add(_convolution(channels))
                in_channels = channels
            self.heat = nn.Conv2D(keypoints, 1)
            self.offset = nn.Conv2D(2 * keypoints, 1)
            self.outward = nn.Conv2D(2 * len(BONES), 1)
            self.inward = nn.Conv2D(2 * len(BONES), 1)

    def hybrid_forward(self, F, x):
        features = self.features(x)
        return F.sigmoid(self.heat(features)), self.offset(features), self.outward(features), self.inward(features)


def build(classes):
    """Make the network, uninitialised; its classes are the names of the keypoints."""
    return PoseNet(keypoints=len(classes))


def convert(tensors):
    """Name TensorFlow's tensors as Gluon does, whether TensorFlow.js or TensorFlow Lite has kept them."""
    is_lite = "MobilenetV1/Conv2D_bias" in tensors
    arrays = {}
    for ours, layer, lite_bias in _layers():
        depthwise = layer.endswith("_depthwise")
        if is_lite:
            order, bias = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2), lite_bias
        else:
            order, scope = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1), "" if ours in _HEADS else "MobilenetV1/"
            bias = f"MobilenetV1/{scope}{layer}/{'depthwise' if depthwise else 'Conv2D'}_bias"
        weight = tensors[f"MobilenetV1/{layer}/{'depthwise_weights' if depthwise else 'weights'}"].transpose(order)
        arrays[f"{ours}.weight"], arrays[f"{ours}.bias"] = weight, tensors[bias]
    # TensorFlow wants pixels from -1 to 1.
    stem = "features.0.0"
    arrays[f"{stem}.weight"], arrays[f"{stem}.bias"] = accept_normalized_input(
        arrays[f"{stem}.weight"], arrays[f"{stem}.bias"], scale=np.full(3, 1 / 127.5), shift=np.full(3, -1.0)
    )
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def _layers():
    """Yield each convolution's name in Gluon and in TensorFlow, and what TensorFlow Lite calls its bias."""
    yield "features.0.0", "Conv2d_0", "MobilenetV1/Conv2D_bias"
    for pair in range(1, len(_PAIRS) + 1):
        number = f"_{pair - 1}" if pair > 1 else ""
        yield f"features.{2 * pair - 1}.0", f"Conv2d_{pair}_depthwise", f"MobilenetV1/depthwise{number}_bias"
        yield f"features.{2 * pair}.0", f"Conv2d_{pair}_pointwise", f"MobilenetV1/Conv2D_{pair}_bias"
    for head, (ours, theirs) in enumerate(_HEADS.items()):
        yield ours, theirs, f"Conv2D_{head}_bias" if head else "Conv2D_bias"


def decode(heat, offset, outward, inward):
    """Return the people in one picture, (people, 17, 3): x and y in the network's input, and the probability.

    The arrays are the four outputs for one picture, (maps, rows, columns). A person grows along the bones from a most
    probable keypoint that nobody has yet. Somebody who shares most keypoints with a surer person is left out.
    """
    maps = heat, *(np.stack(np.split(vectors, 2), axis=-1) for vectors in (offset, outward, inward))
    peaks = np.argwhere((heat == maximum_filter(heat, size=(1, 3, 3))) & (heat > _PEAK))
    grown, people = [], []
    for keypoint, row, column in sorted(peaks, key=lambda peak: -heat[tuple(peak)]):
        place = np.array([row, column]) * STRIDE + maps[1][keypoint, row, column]
        if not any(_near(place, person[keypoint]) for person in grown):
            grown.append(_grow(keypoint, place, *maps))
    for person in grown:
        own = ~np.any([_near(person, surer) for surer in people], axis=0)
        if (person[:, 2] * own).mean() > _LEAST_PERSON:
            people.append(person)
    people.sort(key=lambda person: -person[:, 2].mean())
    return np.reshape(people, (-1, len(heat), 3))[..., [1, 0, 2]]


def _near(place, other):
    """True where two keypoints (or each of two people's) are at one place."""
    return np.hypot(*np.moveaxis(place[..., :2] - other[..., :2], -1, 0)) < _SAME_PLACE


def _grow(keypoint, place, heat, offset, outward, inward):
    """Return the person with this keypoint at this place, (17, 3): down, right and probability."""
    person = np.zeros((len(heat), 3))
    found = {keypoint}

    def cell(place):
        return tuple(np.clip(np.rint(place / STRIDE).astype(int), 0, np.array(heat.shape[1:]) - 1))

    def add(keypoint, place):
        person[keypoint] = *place, heat[keypoint][cell(place)]
        found.add(keypoint)

    def follow(source, target, vectors):
        if source in found and target not in found:
            place = person[source, :2] + vectors[cell(person[source, :2])]
            for _ in range(_REFINEMENTS):
                place = np.array(cell(place)) * STRIDE + offset[target][cell(place)]
            add(target, place)

    add(keypoint, place)
    for bone, (inner, outer) in reversed(list(enumerate(BONES))):
        follow(outer, inner, inward[bone])
    for bone, (inner, outer) in enumerate(BONES):
        follow(inner, outer, outward[bone])
    return person
