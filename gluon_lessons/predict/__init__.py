"""Predictions: a photograph in, a result out that can be read, drawn and stored.

    predict.classify("cat")                     # what is it?
    predict.detect("dog")                       # what is where?
    predict.segment("street")                   # what is each pixel?
    predict.poses("sofa")                       # how do people hold themselves?

A photograph is whatever `photos.read` reads; a list of them gives a list of results. `network` is a name of the
catalogue or a network that `zoo.load` (or a function of `fast`) has returned.
"""

from gluon_lessons.predict.functions import FUNCTIONS, NETWORKS, classify, detect, poses, prepare, segment
from gluon_lessons.predict.results import Boxes, Classes, Masks, Poses

__all__ = [
    "FUNCTIONS",
    "NETWORKS",
    "Boxes",
    "Classes",
    "Masks",
    "Poses",
    "classify",
    "detect",
    "poses",
    "prepare",
    "segment",
]
