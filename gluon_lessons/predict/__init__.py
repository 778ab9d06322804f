"""The prediction room: a photograph in, a result out that can be read, drawn and stored.

    predict.classify("cat")                     # what is it?
    predict.detect("dog")                       # what is where?
    predict.segment("street")                   # what is each pixel?
    predict.poses("sofa")                       # how do people hold themselves?

A photograph is whatever `photos.read` reads; a list of them gives a list of results. `network` is a name of the
catalogue or a network that `zoo.load` (or a function of `fast`) has returned.
"""

import functools
import json
import math
from dataclasses import dataclass

import cv2
import mxnet as mx
import numpy as np
from matplotlib.figure import Figure

from gluon_lessons import boxes, device, photos, plot, zoo
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import networks

NETWORKS = {
    "classify": "efficientnet_lite0",
    "detect": "ssd_300_mobilenet1.0_voc",
    "segment": "deeplab_mobilenetv2_voc",
    "pose": "posenet_mobilenet0.75",
}
FUNCTIONS = {"classify": "classify", "detect": "detect", "segment": "segment", "pose": "poses"}
OVERLAP = 0.45  # the default of an SSD
LARGEST_RCNN = 1000  # pixels of the longer side, as in GluonCV's preset


@dataclass(frozen=True, eq=False, repr=False)
class _Result:
    photo: object  # as it was given
    provenance: str

    def picture(self) -> np.ndarray:
        """The photograph itself, (height, width, 3)."""
        return photos.read(self.photo)

    def table(self) -> str:
        """The result in words, a line each."""
        return "\n".join(self._lines())

    def __repr__(self):
        return self.table()


@dataclass(frozen=True, eq=False, repr=False)
class Classes(_Result):
    """What a photograph shows, the likeliest first."""

    names: list[str]
    scores: np.ndarray  # (name,): the probability of each of them
    probabilities: np.ndarray  # (class,): of all classes, in the network's order

    def _lines(self):
        return [f"{score:6.1%}  {name}" for name, score in zip(self.names, self.scores, strict=True)]

    def plot(self) -> Figure:
        return plot.bars(self.names, self.scores, xlabel="probability")

    def to_json(self) -> str:
        classes = [{"name": name, "score": float(score)} for name, score in zip(self.names, self.scores, strict=True)]
        return json.dumps({"classes": classes, "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Boxes(_Result):
    """The things in a photograph, the surest first."""

    boxes: np.ndarray  # (thing, 4): left, top, right, bottom in pixels of the photograph
    names: list[str]
    scores: np.ndarray  # (thing,)
    masks: np.ndarray | None = None  # (thing, height, width), bool: their pixels, from networks that find those too

    def __len__(self):
        return len(self.names)

    def _lines(self):
        if not self.names:
            return ["Nothing found."]
        rows = zip(self.names, self.scores, self.boxes, strict=True)
        return [
            f"{score:4.2f}  {name:<14} {left:5.0f} {top:5.0f} {right:5.0f} {bottom:5.0f}"
            for name, score, (left, top, right, bottom) in rows
        ]

    def plot(self) -> Figure:
        if self.masks is None:
            return plot.boxes(self.picture(), self.boxes, self.names, self.scores)
        owner = np.zeros(self.masks.shape[1:], int)
        for number, mask in reversed(list(enumerate(self.masks, start=1))):  # the surest on top
            owner[mask] = number
        figure = plot.mask(self.picture(), owner, ["", *self.names])
        plot.draw_boxes(figure.axes[0], self.boxes, self.names, self.scores)
        return figure

    def to_json(self) -> str:
        things = [
            {"name": name, "score": float(score), "box": [round(float(side), 2) for side in box]}
            for name, score, box in zip(self.names, self.scores, self.boxes, strict=True)
        ]
        return json.dumps({"boxes": things, "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Masks(_Result):
    """What each pixel of a photograph belongs to."""

    labels: np.ndarray  # (height, width), uint8: index into `classes`
    probabilities: np.ndarray  # (height, width): how sure the network is of that
    classes: list[str]

    @property
    def names(self) -> list[str]:
        """The classes present, the largest first."""
        return list(self.shares())

    def shares(self) -> dict[str, float]:
        """Class -> its share of the pixels, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return {self.classes[index]: counts[index] / counts.sum() for index in np.argsort(-counts) if counts[index]}

    def mask(self, name: str) -> np.ndarray:
        """True where a pixel belongs to that class."""
        if name not in self.classes:
            raise LessonError(f"There is no class {name!r}. The classes are {', '.join(self.classes)}.")
        return self.labels == self.classes.index(name)

    def _lines(self):
        return [f"{share:6.1%}  {name}" for name, share in self.shares().items()]

    def plot(self) -> Figure:
        return plot.mask(self.picture(), self.labels, self.classes)

    def to_json(self) -> str:
        """The label map goes row by row as runs: [label, how many pixels]."""
        flat = self.labels.ravel()
        starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
        runs = np.stack([flat[starts], np.diff([*starts, flat.size])], axis=1)
        content = {"classes": self.classes, "size": self.labels.shape, "runs": runs.tolist()}
        return json.dumps(content | {"shares": self.shares(), "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Poses(_Result):
    """How the people in a photograph hold themselves, the surest first."""

    people: np.ndarray  # (person, keypoint, 3): x and y in pixels of the photograph, and how sure the network is
    names: list[str]  # of the keypoints
    scores: np.ndarray  # (person,): the mean over a person's keypoints

    def __len__(self):
        return len(self.people)

    def _lines(self):
        if not len(self):
            return ["Nobody found."]
        sure = (self.people[:, :, 2] >= 0.5).sum(axis=1)
        return [
            f"{score:4.2f}  person {number}: {count} of {len(self.names)} keypoints"
            for number, (score, count) in enumerate(zip(self.scores, sure, strict=True), start=1)
        ]

    def plot(self) -> Figure:
        return plot.poses(self.picture(), self.people)

    def to_json(self) -> str:
        people = [
            {
                "score": float(score),
                "keypoints": {
                    name: [round(float(value), 3) for value in point]
                    for name, point in zip(self.names, person, strict=True)
                },
            }
            for person, score in zip(self.people, self.scores, strict=True)
        ]
        return json.dumps({"people": people, "provenance": self.provenance})


def classify(photo, network=None, *, top: int = 5):
    """Say what a photograph shows: the `top` likeliest classes of a network for pictures of one thing."""
    network = _network(network, "classify")
    return _each(photo, lambda one: _classify(one, network, top))


def detect(photo, network=None, *, threshold: float = 0.5, overlap: float | None = None):
    """Find things: a box, a name and a score of at least `threshold` for each.

    Of two boxes of one class that overlap by more than `overlap` (intersection over union), only the surer one stays;
    an SSD takes any value for that, the other networks have theirs built in.
    """
    network = _network(network, "detect")
    return _each(photo, lambda one: _detect(one, network, threshold, overlap))


def segment(photo, network=None):
    """Name every pixel."""
    network = _network(network, "segment")
    return _each(photo, lambda one: _segment(one, network))


def poses(photo, network=None, *, threshold: float = 0.3):
    """Find people's keypoints: of everybody whose keypoints have a mean score of at least `threshold`."""
    network = _network(network, "pose")
    return _each(photo, lambda one: _poses(one, network, threshold))


def prepare(photo, entry) -> tuple[np.ndarray, tuple[int, int]]:
    """A photograph as the network of this entry wants it, (1, 3, height, width), and its true (height, width).

    One decoding, one resizing, one pass over the numbers, in the geometry of GluonCV's presets. A large JPEG is decoded
    smaller only where that hardly shows: before areas are averaged, or where no preset resizes.
    """
    if entry.task == "classify":
        shorter = math.ceil(entry.size / 0.875)
        picture = photos.read(photo)
        size = height, width = picture.shape[:2]
        picture = _resize(picture, shorter * height // min(height, width), shorter * width // min(height, width))
        top, left = (picture.shape[0] - entry.size) // 2, (picture.shape[1] - entry.size) // 2
        picture = picture[top : top + entry.size, left : left + entry.size]
    elif _is_rcnn(entry):
        picture = photos.read(photo)
        size = picture.shape[:2]
        scale = min(entry.size / min(size), LARGEST_RCNN / max(size))
        picture = _resize(picture, *(round(side * scale) for side in size), cv2.INTER_CUBIC)
    elif entry.task == "detect":
        picture, size = photos.read_sized(photo, 2 * entry.size)
        picture = _resize(picture, entry.size, entry.size, _for_boxes(picture.shape, entry.size))
    else:
        longer, stride = (entry.size, 8) if entry.task == "segment" else (max(entry.size), 16)
        picture, size = photos.read_sized(photo, longer)
        scale = longer / max(size)
        picture = _resize(picture, *(round((side * scale - 1) / stride) * stride + 1 for side in size))
    return _as_input(picture, *_constants(entry.build)), size


def task_of(network) -> str:
    """The name of the function here that a network serves."""
    return "detect" if _is_rcnn(network.entry) else FUNCTIONS[network.entry.task]


def _each(photo, predict_one):
    return [predict_one(one) for one in photo] if isinstance(photo, list | tuple) else predict_one(photo)


def _network(network, task: str):
    if network is None or isinstance(network, str):
        network = zoo.load(network or NETWORKS[task])
    if task_of(network) != FUNCTIONS[task]:
        raise LessonError(f"{network.entry.name} does something else: use predict.{task_of(network)}.")
    return network


def _is_rcnn(entry) -> bool:
    return "_rcnn_" in entry.name


@functools.cache
def _constants(build: str) -> tuple[np.ndarray, np.ndarray]:
    """What to multiply the three channels of a picture (0 to 255) by, and what to add then."""
    port = networks.module(build)
    mean, deviation = getattr(port, "MEAN", networks.MEAN), getattr(port, "DEVIATION", networks.DEVIATION)
    mean, deviation = np.asarray(mean), np.asarray(deviation)
    return (1 / (255 * deviation)).astype(np.float32), (-mean / deviation).astype(np.float32)


def _as_input(picture: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(height, width, 3) of bytes to (1, 3, height, width) of normalised numbers."""
    result = np.empty((1, 3, *picture.shape[:2]), np.float32)
    for channel, plane in enumerate(cv2.split(picture)):
        np.multiply(plane, scale[channel], out=result[0, channel])
        result[0, channel] += shift[channel]
    return result


def _resize(picture: np.ndarray, height: int, width: int, interpolation=cv2.INTER_LINEAR) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    return cv2.resize(picture, (width, height), interpolation=interpolation)


def _for_boxes(shape: tuple[int, ...], side: int) -> int:
    """How GluonCV's presets for detectors resize: cubically to enlarge, by area to shrink, linearly to do both."""
    height, width = shape[:2]
    if side > height and side > width:
        return cv2.INTER_CUBIC
    return cv2.INTER_AREA if side < height and side < width else cv2.INTER_LINEAR


def body(network):
    """The part of a network that is worth computing fast, as a block: all of it, but for an SSD's last step."""
    return _ssd_body(network.net) if hasattr(network.net, "anchor_generators") else network.net


@functools.cache
def _ssd_body(ssd):
    block = boxes.SSDBody(ssd)
    block.hybridize(static_alloc=True, static_shape=True)
    return block


def _run(network, tensor: np.ndarray) -> list:
    """The network's outputs for a batch of one picture, which is not copied on its way in."""
    outputs = body(network)(mx.nd.from_numpy(tensor, zero_copy=True).as_in_context(device()))
    return outputs if isinstance(outputs, list | tuple) else [outputs]


def _classify(photo, network, top: int) -> Classes:
    tensor, _ = prepare(photo, network.entry)
    scores = _run(network, tensor)[0].asnumpy()[0].astype(np.float64)
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    best = np.argsort(-probabilities, kind="stable")[:top]
    return Classes(
        photo=photo,
        provenance=str(network.provenance),
        names=[network.entry.classes[index] for index in best],
        scores=probabilities[best],
        probabilities=probabilities,
    )


def _detect(photo, network, threshold: float, overlap: float | None) -> Boxes:
    tensor, (height, width) = prepare(photo, network.entry)
    outputs = [output.asnumpy()[0] for output in _run(network, tensor)]
    sides = tensor.shape[2:]
    masks = []
    if len(outputs) == 2:
        begun = boxes.anchors(zoo.load(network.entry.name).net, *sides)
        kinds, scores, corners = boxes.found(*outputs, begun, threshold, OVERLAP if overlap is None else overlap)
    elif overlap is not None:
        raise LessonError(f"{network.entry.name} has its overlap built in: leave the argument out, or take an SSD.")
    else:
        kinds, scores, corners, *masks = outputs
        kinds, scores = kinds[:, 0].astype(int), scores[:, 0]
        kept = np.flatnonzero((kinds >= 0) & (scores >= threshold))
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        kinds, scores, corners, masks = kinds[kept], scores[kept], corners[kept], [mask[kept] for mask in masks]
    corners = corners * np.tile([width / sides[1], height / sides[0]], 2)
    corners = np.clip(corners, 0, [width, height] * 2).astype(np.float32)
    return Boxes(
        photo=photo,
        provenance=str(network.provenance),
        boxes=corners,
        names=[network.entry.classes[kind] for kind in kinds],
        scores=scores,
        masks=_pasted(masks[0], corners, (width, height)) if masks else None,
    )


def _pasted(masks: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks as large as their boxes, put where those are."""
    from gluoncv.data.transforms.mask import fill

    return fill(masks, corners, size).astype(bool) if len(masks) else np.zeros((0, *size[::-1]), bool)


def _segment(photo, network) -> Masks:
    tensor, (height, width) = prepare(photo, network.entry)
    probabilities = mx.nd.softmax(_run(network, tensor)[0][0], axis=0)  # (class, height, width)
    labels = mx.nd.argmax(probabilities, axis=0).asnumpy().astype(np.uint8)
    sureness = mx.nd.max(probabilities, axis=0).asnumpy()
    return Masks(
        photo=photo,
        provenance=str(network.provenance),
        labels=_resize(labels, height, width, cv2.INTER_NEAREST),
        probabilities=_resize(sureness, height, width),
        classes=network.entry.classes,
    )


def _poses(photo, network, threshold: float) -> Poses:
    people = _top_down(photo, network) if network.entry.name.startswith("simple_pose") else _bottom_up(photo, network)
    scores = people[:, :, 2].mean(axis=1)
    kept = np.flatnonzero(scores >= threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Poses(
        photo=photo,
        provenance=str(network.provenance),
        people=people[kept],
        names=network.entry.classes,
        scores=scores[kept],
    )


def _bottom_up(photo, network) -> np.ndarray:
    """Everybody's keypoints at once, then sorted into people."""
    from gluon_lessons.zoo.networks.posenet import decode

    tensor, (height, width) = prepare(photo, network.entry)
    people = decode(*(output.asnumpy()[0] for output in _run(network, tensor)))
    return people * [width / tensor.shape[3], height / tensor.shape[2], 1]


def _top_down(photo, network) -> np.ndarray:
    """A detector finds people; the network reads the pose of one person at a time."""
    picture = photos.read(photo)
    found = detect(picture)
    size = np.array(network.entry.size[::-1])  # width, height
    people = []
    for name, box in zip(found.names, found.boxes, strict=True):
        if name == "person":
            corner, sides = _window(box, size)
            to_window = np.array([[size[0] / sides[0], 0, 0], [0, size[1] / sides[1], 0]])
            to_window[:, 2] = -corner * size / sides
            window = cv2.warpAffine(picture, to_window, size.tolist())
            tensor = _as_input(window, *_constants(network.entry.build))
            heat = _run(network, tensor)[0].asnumpy()[0]  # (keypoint, rows, columns)
            rows, columns = np.unravel_index(heat.reshape(len(heat), -1).argmax(axis=1), heat.shape[1:])
            places = corner + np.stack([columns, rows], axis=1) * sides / heat.shape[:0:-1]
            people.append(np.column_stack([places, heat.max(axis=(1, 2))]))
    return np.reshape(people, (-1, len(network.entry.classes), 3))


def _window(box: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corner and sides of a window around a person: a quarter wider than the box, in the network's proportions."""
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    sides = size * (sides / size).max() * 1.25
    return (box[:2] + box[2:]) / 2 - sides / 2, sides
