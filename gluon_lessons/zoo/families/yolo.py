"""YOLO: three grids of boxes, which GluonCV's network decodes itself."""

from gluon_lessons.zoo.families.detector import Detector


class YOLO(Detector):
    pass


FAMILY = YOLO()
