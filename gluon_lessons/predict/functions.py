"""The functions of `predict`: each asks the family of its network how to see a photograph and what the outputs say."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_lessons.errors import LessonError
from gluon_lessons.predict.results import Boxes, Classes, Masks, Poses
from gluon_lessons.zoo import families, store
from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.store import Network

NETWORKS = {
    "classify": "efficientnet_lite0",
    "detect": "ssd_300_mobilenet1.0_voc",
    "segment": "deeplab_mobilenetv2_voc",
    "pose": "posenet_mobilenet0.75",
}
_RESULTS = {"classify": Classes, "detect": Boxes, "segment": Masks, "pose": Poses}


def classify(photo: Any, network: str | Network | None = None, *, top: int = 5) -> Any:
    """Say what a photograph shows: the `top` likeliest classes of a network for pictures of one thing."""
    return _answer("classify", photo, network, top=top)


def detect(
    photo: Any, network: str | Network | None = None, *, threshold: float = 0.5, overlap: float | None = None
) -> Any:
    """Find things: a box, a name and a score of at least `threshold` for each.

    Of two boxes of one class that overlap by more than `overlap` (intersection over union), only the surer one stays;
    an SSD takes any value for that, the other networks have theirs built in.
    """
    return _answer("detect", photo, network, threshold=threshold, overlap=overlap)


def segment(photo: Any, network: str | Network | None = None) -> Any:
    """Name every pixel."""
    return _answer("segment", photo, network)


def poses(photo: Any, network: str | Network | None = None, *, threshold: float = 0.3) -> Any:
    """Find people's keypoints: of everybody whose keypoints have a mean score of at least `threshold`."""
    return _answer("pose", photo, network, threshold=threshold)


FUNCTIONS: dict[str, Callable[..., Any]] = {"classify": classify, "detect": detect, "segment": segment, "pose": poses}


def prepare(photo: Any, entry: Entry) -> tuple[np.ndarray, tuple[int, int]]:
    """A photograph as the network of this entry wants it, (1, 3, height, width), and its true (height, width)."""
    return families.of(entry).prepare(photo, entry)


def _answer(task: str, photo: Any, network: str | Network | None, **options: Any) -> Any:
    if network is None or isinstance(network, str):
        network = store.load(network or NETWORKS[task])
    if network.entry.task != task:
        right = FUNCTIONS[network.entry.task].__name__
        raise LessonError(f"{network.entry.name} does something else: use predict.{right}.")
    if isinstance(photo, list | tuple):
        return [_answer(task, one, network, **options) for one in photo]
    fields = families.of(network.entry).answer(photo, network, **options)
    return _RESULTS[task](photo=photo, provenance=str(network.provenance), **fields)
