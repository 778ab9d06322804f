"""CenterNet: a map of each class's centres and four of distances, from which boxes are read without anchors."""

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.families.detector import Detector, fields
from gluon_lessons.zoo.networks.centernet_mobilenetv3 import MOST, NEIGHBOURS, STRIDE


class CenterNet(Detector):
    """The network ends with the steps of `decode` on all places; here only the likely ones go through them."""

    whole = False

    def body(self, network):
        return network.net.maps if network.plain is None else network.net

    def decode(self, outputs, network, seen, size, *, threshold: float, overlap: float | None):
        if overlap is not None:
            raise LessonError(f"{network.entry.name} finds each thing once: leave the overlap out, or take an SSD.")
        heat, distances = (output.asnumpy() for output in outputs)
        classes, scores, corners = detections(heat, distances, threshold)
        return fields(network.entry, classes, scores, corners, seen, size)


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


FAMILY = CenterNet()
