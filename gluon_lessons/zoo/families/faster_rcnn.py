"""Faster R-CNN: proposes regions of a picture, and looks at each of them again."""

from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.detector import Detector
from gluon_lessons.zoo.families.picture import Picture

LONGEST = 1000  # pixels of the longer side at most, as in GluonCV's preset


class FasterRCNN(Detector):
    fixed_size = False
    not_served = "an R-CNN gives each picture a size of its own, and an endpoint wants one size. Serve an SSD."

    def picture(self, entry: Entry) -> Picture:
        size = entry.input_size
        return Picture(
            size, entry.mean, entry.deviation, fit="short", short=min(size), longest=LONGEST, interpolation=2
        )


FAMILY = FasterRCNN()
