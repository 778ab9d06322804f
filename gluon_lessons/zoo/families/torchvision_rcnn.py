"""torchvision's R-CNNs: Faster R-CNN, and Mask R-CNN, which also says which pixels of a box belong to the thing."""

import cv2
import numpy as np

from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.detector import surest
from gluon_lessons.zoo.families.faster_rcnn import FasterRCNN
from gluon_lessons.zoo.families.picture import Picture, Size

LONGEST = 1333  # pixels of the longer side at most


class TorchvisionRCNN(FasterRCNN):
    not_fused = "an R-CNN goes on with regions whose number depends on the picture. Take an SSD."

    def picture(self, entry: Entry) -> Picture:
        size = entry.input_size
        return Picture(size, entry.mean, entry.deviation, fit="short", short=min(size), longest=LONGEST, as_torch=True)

    def decode(self, outputs, network, seen, size, *, threshold: float, overlap: float | None):
        result = super().decode(outputs, network, seen, size, threshold=threshold, overlap=overlap)
        if len(outputs) == 3:
            return result
        classes, scores, _, masks = (output.asnumpy() for output in outputs)
        kept = surest(classes[:, 0], scores[:, 0], threshold)
        return result | {"masks": _pasted(masks[kept], result["boxes"], size)}


def _pasted(masks: np.ndarray, boxes: np.ndarray, size: Size) -> np.ndarray:
    """Which pixels of the photograph belong to each thing: its mask, as large as its box and put where that is."""
    places, (height, width) = masks.shape[-1], size
    masks = np.pad(masks, [(0, 0), (1, 1), (1, 1)])  # so that a thing may end at the edge of its box
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * (places + 2) / places
    corners = np.concatenate([middles - halves, middles + halves], axis=1).astype(int)
    result = np.zeros((len(masks), height, width), bool)
    for whole, mask, (left, top, right, bottom) in zip(result, masks, corners, strict=True):
        enlarged = cv2.resize(mask, (right - left + 1, bottom - top + 1), interpolation=cv2.INTER_LINEAR)
        rows, columns = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
        part = whole[rows, columns]
        part[:] = enlarged[rows.start - top :, columns.start - left :][: part.shape[0], : part.shape[1]] >= 0.5
    return result


FAMILY = TorchvisionRCNN()
