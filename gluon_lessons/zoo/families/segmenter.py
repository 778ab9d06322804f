"""Segmenters: a score for each class at each pixel."""

import cv2
import mxnet as mx
import numpy as np

from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.base import Family
from gluon_lessons.zoo.families.picture import Picture, Size, resize


class Segmenter(Family):
    fixed_size = False
    compared = "pixels"

    def picture(self, entry: Entry) -> Picture:
        return Picture(entry.input_size, entry.mean, entry.deviation, fit="long")

    def decode(self, outputs, network, seen, size: Size):
        # GluonCV's networks have a second output, which only training needs.
        probabilities = mx.nd.softmax(outputs[0], axis=0)  # (class, height, width)
        labels = mx.nd.argmax(probabilities, axis=0).asnumpy().astype(np.uint8)
        highest = mx.nd.max(probabilities, axis=0).asnumpy()
        return {
            "labels": resize(labels, *size, cv2.INTER_NEAREST),
            "probabilities": resize(highest, *size),
            "classes": network.entry.classes,
        }

    def compare(self, one, other, overlap):
        difference = np.abs(one.probabilities - other.probabilities).max()
        return int((one.labels == other.labels).sum()), one.labels.size, difference


FAMILY = Segmenter()
