"""The arithmetic of boxes, and the way from what an SSD computes to what it shows, in plain NumPy.

A box is (left, top, right, bottom). GluonCV's SSD ends with the same steps, on all 38,000 candidates; taking first what
is sure enough gives the same boxes and saves most of that work.
"""

import mxnet as mx
import numpy as np

DEVIATIONS = np.array([0.1, 0.1, 0.2, 0.2])  # the unit in which an SSD gives the shift and the growth of an anchor
LEAST_SCORE = 0.01  # below this, and beyond the first CANDIDATES, GluonCV's SSD drops candidates too
CANDIDATES = 400
MOST = 100


class SSDBody(mx.gluon.HybridBlock):
    """An SSD up to its last steps, sharing its parameters: for each anchor, class probabilities and four offsets."""

    def __init__(self, ssd):
        super().__init__()
        self.features = ssd.features
        self.class_predictors = ssd.class_predictors
        self.box_predictors = ssd.box_predictors
        self._columns = ssd.num_classes + 1  # of which the first is the background

    def hybrid_forward(self, F, x):
        features = self.features(x)

        def predictions(predictors, columns):
            parts = [F.transpose(predict(feature), (0, 2, 3, 1)) for predict, feature in zip(predictors, features)]  # noqa: B905
            return F.reshape(F.concat(*[F.flatten(part) for part in parts], dim=1), (0, -1, columns))

        return F.softmax(predictions(self.class_predictors, self._columns)), predictions(self.box_predictors, 4)


def anchors(ssd, height: int, width: int) -> np.ndarray:
    """The boxes that an SSD begins with, (anchor, 4): centre x and y, width and height, in pixels of its input."""
    parameter = next(iter(ssd.collect_params().values()))
    features = ssd.features(mx.nd.zeros((1, 3, height, width), ctx=parameter.list_ctx()[0]))
    generated = [generator(feature) for generator, feature in zip(ssd.anchor_generators, features, strict=True)]
    return np.concatenate([anchor.asnumpy().reshape(-1, 4) for anchor in generated])


def decode(offsets: np.ndarray, anchor_boxes: np.ndarray) -> np.ndarray:
    """Anchors shifted and grown as an SSD says, as boxes."""
    shift_x, shift_y, grow_x, grow_y = (offsets * DEVIATIONS).T
    x, y, width, height = anchor_boxes.T
    centre_x, centre_y = x + shift_x * width, y + shift_y * height
    half_width, half_height = np.exp(grow_x) * width / 2, np.exp(grow_y) * height / 2
    return np.stack(
        [centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height], axis=1
    )


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of every box with every other, (box, other)."""
    boxes, others = np.asarray(boxes).reshape(-1, 1, 4), np.asarray(others).reshape(1, -1, 4)
    sides = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2])
    both = np.clip(sides, 0, None).prod(axis=-1)
    area, other_area = ((some[..., 2:] - some[..., :2]).prod(axis=-1) for some in (boxes, others))
    return both / np.maximum(area + other_area - both, 1e-12)


def nms(boxes: np.ndarray, scores: np.ndarray, kinds: np.ndarray, overlap: float) -> np.ndarray:
    """Non-maximum suppression: the indices that stay, the surest first.

    A box goes when a surer one of its kind, which stays, overlaps it by more than `overlap`.
    """
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        rivals = (kinds[left] == kinds[best]) & (iou(boxes[best], boxes[left])[0] > overlap)
        left = left[~rivals]
    return np.array(kept, int)


def detections(
    probabilities: np.ndarray, offsets: np.ndarray, anchor_boxes: np.ndarray, threshold: float, overlap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What an SSD shows in one picture: class numbers, scores and boxes in pixels of its input, the surest first."""
    scores = probabilities[:, 1:]
    rows, kinds = np.nonzero(scores >= max(threshold, LEAST_SCORE))
    scores = scores[rows, kinds]
    best = np.argsort(-scores, kind="stable")[:CANDIDATES]
    rows, kinds, scores = rows[best], kinds[best], scores[best]
    corners = decode(offsets[rows], anchor_boxes[rows])
    kept = nms(corners, scores, kinds, overlap)[:MOST]
    return kinds[kept], scores[kept], corners[kept]
