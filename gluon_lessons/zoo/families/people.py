"""What the families that find keypoints have in common."""

import numpy as np

from gluon_lessons.zoo.catalogue import Entry


def fields(entry: Entry, people: np.ndarray, threshold: float = 0.3) -> dict:
    """The fields of a `Poses` result: the people whose keypoints have a high enough mean score, the surest first.

    `people` is (person, keypoint, 3): x and y in pixels of the photograph, and the score.
    """
    scores = people[:, :, 2].mean(axis=1)
    kept = np.flatnonzero(scores >= threshold)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return {"people": people[kept], "names": entry.classes, "scores": scores[kept]}
