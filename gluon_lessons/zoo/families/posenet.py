"""PoseNet: the keypoints of everybody in a picture at once, then sorted into people."""

from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.base import Family
from gluon_lessons.zoo.families.people import fields
from gluon_lessons.zoo.families.picture import Picture
from gluon_lessons.zoo.networks.posenet import STRIDE, decode


class PoseNet(Family):
    fixed_size = False
    not_served = "the script of an endpoint classifies, finds boxes and segments, and sorts no keypoints into people."
    not_compared = "poses have no comparison: look at `people` of both results."

    def picture(self, entry: Entry) -> Picture:
        return Picture(entry.input_size, entry.mean, entry.deviation, fit="long", stride=STRIDE)

    def decode(self, outputs, network, seen, size, **options):
        people = decode(*(output.asnumpy() for output in outputs)) * [size[1] / seen[1], size[0] / seen[0], 1]
        return fields(network.entry, people, **options)


FAMILY = PoseNet()
