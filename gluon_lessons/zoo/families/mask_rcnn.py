"""Mask R-CNN: Faster R-CNN that also says which pixels of a box belong to the thing."""

import numpy as np

from gluon_lessons.zoo.families.detector import surest
from gluon_lessons.zoo.families.faster_rcnn import FasterRCNN
from gluon_lessons.zoo.families.picture import Size


class MaskRCNN(FasterRCNN):
    def decode(self, outputs, network, seen, size, *, threshold: float, overlap: float | None):
        result = super().decode(outputs, network, seen, size, threshold=threshold, overlap=overlap)
        classes, scores, _, masks = (output.asnumpy() for output in outputs)
        kept = surest(classes[:, 0], scores[:, 0], threshold)
        return result | {"masks": _enlarged(masks[kept], result["boxes"], size)}


def _enlarged(masks: np.ndarray, corners: np.ndarray, size: Size) -> np.ndarray:
    """Masks as large as their boxes, put where those are."""
    from gluoncv.data.transforms.mask import fill

    return fill(masks, corners, size[::-1]).astype(bool) if len(masks) else np.zeros((0, *size), bool)


FAMILY = MaskRCNN()
