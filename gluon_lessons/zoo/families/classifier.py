"""Classifiers: a score for each class."""

import math

import numpy as np

from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.base import Family
from gluon_lessons.zoo.families.picture import Picture

CROP = 0.875  # the share of the shorter side that a classifier sees


class Classifier(Family):
    compared = "first classes"

    def picture(self, entry: Entry) -> Picture:
        short = math.ceil(min(entry.input_size) / CROP)
        return Picture(entry.input_size, entry.mean, entry.deviation, fit="crop", short=short)

    def decode(self, outputs, network, seen, size, *, top: int = 5):
        scores = outputs[0].asnumpy().astype(np.float64)
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        best = np.argsort(-probabilities, kind="stable")[:top]
        return {
            "names": [network.entry.classes[index] for index in best],
            "scores": probabilities[best],
            "probabilities": probabilities,
        }

    def compare(self, one, other, overlap):
        alike = int(one.probabilities.argmax() == other.probabilities.argmax())
        return alike, 1, np.abs(one.probabilities - other.probabilities).max()


FAMILY = Classifier()
