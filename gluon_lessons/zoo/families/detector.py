"""What the families that find boxes have in common."""

import numpy as np

from gluon_lessons import boxes
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.base import Family
from gluon_lessons.zoo.families.picture import Picture, Size


class Detector(Family):
    """A family of which GluonCV's network gives class numbers, scores and boxes, the surest first, all in one piece."""

    compared = "boxes"

    def picture(self, entry: Entry) -> Picture:
        return Picture(entry.input_size, entry.mean, entry.deviation, interpolation="best")

    def decode(self, outputs, network, seen, size, *, threshold: float, overlap: float | None):
        if overlap is not None:
            raise LessonError(f"{network.entry.name} has its overlap built in: leave the argument out, or take an SSD.")
        classes, scores, corners = (output.asnumpy() for output in outputs[:3])
        classes, scores = classes[:, 0].astype(int), scores[:, 0]
        kept = surest(classes, scores, threshold)
        return fields(network.entry, classes[kept], scores[kept], corners[kept], seen, size)

    def compare(self, one, other, overlap):
        rest, differences = list(range(len(other))), [0.0]
        for box, name, score in zip(one.boxes, one.names, one.scores, strict=True):
            same = [i for i in rest if other.names[i] == name and boxes.iou(box, other.boxes[i]) >= overlap]
            if same:
                rest.remove(same[0])
                differences.append(abs(score - other.scores[same[0]]))
        return len(differences) - 1, len(one) + len(rest), max(differences)


def surest(classes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """The indices of the boxes that hold something (no class is -1) and are sure enough, the surest first."""
    kept = np.flatnonzero((classes >= 0) & (scores >= threshold))
    return kept[np.argsort(-scores[kept], kind="stable")]


def fields(entry: Entry, classes: np.ndarray, scores: np.ndarray, corners: np.ndarray, seen: Size, size: Size) -> dict:
    """The fields of a `Boxes` result: the corners, in pixels of the input, go over to those of the photograph."""
    (seen_height, seen_width), (height, width) = seen, size
    corners = corners * np.tile([width / seen_width, height / seen_height], 2)
    return {
        "boxes": np.clip(corners, 0, [width, height] * 2).astype(np.float32),
        "names": [entry.classes[number] for number in classes],
        "scores": scores,
    }
