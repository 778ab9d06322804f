"""CenterNet: a map of each class's centres and four of distances, from which boxes are read without anchors."""

from gluon_lessons.errors import LessonError
from gluon_lessons.zoo.families.detector import Detector, fields
from gluon_lessons.zoo.networks.centernet_mobilenetv3 import detections


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


FAMILY = CenterNet()
