"""SSD: corrects a fixed set of boxes, the anchors, and says what each of them holds."""

import threading
import weakref
from collections.abc import Callable

import numpy as np

from gluon_lessons import boxes
from gluon_lessons.zoo.families.detector import Detector, fields

OVERLAP = 0.45  # of two boxes of one class that overlap by more, only the surer one stays
_derived = weakref.WeakKeyDictionary()  # a network -> what was made of it, for as long as the network lives
_deriving = threading.RLock()


class SSD(Detector):
    """GluonCV's network ends with the steps of `decode` on all its boxes; here only the likely ones go through them."""

    whole = False

    def body(self, network):
        return _body(network.net) if network.plain is None else network.net

    def decode(self, outputs, network, seen, size, *, threshold: float, overlap: float | None):
        anchors = _anchors((network.plain or network).net, *seen)
        overlap = OVERLAP if overlap is None else overlap
        chances, offsets = (output.asnumpy() for output in outputs)
        classes, scores, corners = boxes.detections(chances, offsets, anchors, threshold, overlap)
        return fields(network.entry, classes, scores, corners, seen, size)


def _body(ssd) -> boxes.SSDBody:
    def make():
        block = boxes.SSDBody(ssd)
        block.hybridize(static_alloc=True, static_shape=True)
        return block

    return _once(ssd, "body", make)


def _anchors(ssd, height: int, width: int) -> np.ndarray:
    return _once(ssd, (height, width), lambda: boxes.anchors(ssd, height, width))


def _once(ssd, key, make: Callable):
    with _deriving:
        kept = _derived.setdefault(ssd, {})
        if key not in kept:
            kept[key] = make()
        return kept[key]


FAMILY = SSD()
