"""The results: what was found in a photograph, which can be read, drawn and stored."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gluon_lessons import photos, plot
from gluon_lessons.errors import LessonError


@dataclass(frozen=True, eq=False, repr=False)
class _Result:
    photo: Any  # as it was given
    provenance: str

    def _lines(self) -> list[str]:
        raise NotImplementedError

    def picture(self) -> np.ndarray:
        """The photograph itself, (height, width, 3)."""
        return photos.read(self.photo)

    def table(self) -> str:
        """The result in words, a line each."""
        return "\n".join(self._lines())

    def __repr__(self):
        return self.table()


@dataclass(frozen=True, eq=False, repr=False)
class Classes(_Result):
    """What a photograph shows, the likeliest first."""

    names: list[str]
    scores: np.ndarray  # (name,): the probability of each of them
    probabilities: np.ndarray  # (class,): of all classes, in the network's order

    def _lines(self):
        return [f"{score:6.1%}  {name}" for name, score in zip(self.names, self.scores, strict=True)]

    def plot(self) -> Figure:
        return plot.bars(self.names, self.scores, xlabel="probability")

    def to_json(self) -> str:
        classes = [{"name": name, "score": float(score)} for name, score in zip(self.names, self.scores, strict=True)]
        return json.dumps({"classes": classes, "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Boxes(_Result):
    """The things in a photograph, the surest first."""

    boxes: np.ndarray  # (thing, 4): left, top, right, bottom in pixels of the photograph
    names: list[str]
    scores: np.ndarray  # (thing,)
    masks: np.ndarray | None = None  # (thing, height, width), bool: their pixels, from networks that find those too

    def __len__(self):
        return len(self.names)

    def _lines(self):
        if not self.names:
            return ["Nothing found."]
        rows = zip(self.names, self.scores, self.boxes, strict=True)
        return [
            f"{score:4.2f}  {name:<14} {left:5.0f} {top:5.0f} {right:5.0f} {bottom:5.0f}"
            for name, score, (left, top, right, bottom) in rows
        ]

    def plot(self) -> Figure:
        if self.masks is None:
            return plot.boxes(self.picture(), self.boxes, self.names, self.scores)
        owner = np.zeros(self.masks.shape[1:], int)
        for number, mask in reversed(list(enumerate(self.masks, start=1))):  # the surest on top
            owner[mask] = number
        figure = plot.mask(self.picture(), owner, ["", *self.names])
        plot.draw_boxes(figure.axes[0], self.boxes, self.names, self.scores)
        return figure

    def to_json(self) -> str:
        things = [
            {"name": name, "score": float(score), "box": [round(float(side), 2) for side in box]}
            for name, score, box in zip(self.names, self.scores, self.boxes, strict=True)
        ]
        return json.dumps({"boxes": things, "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Masks(_Result):
    """What each pixel of a photograph belongs to."""

    labels: np.ndarray  # (height, width), uint8: index into `classes`
    probabilities: np.ndarray  # (height, width): how sure the network is of that
    classes: list[str]

    @property
    def names(self) -> list[str]:
        """The classes present, the largest first."""
        return list(self.shares())

    def shares(self) -> dict[str, float]:
        """Class -> its share of the pixels, the largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return {self.classes[index]: counts[index] / counts.sum() for index in np.argsort(-counts) if counts[index]}

    def mask(self, name: str) -> np.ndarray:
        """True where a pixel belongs to that class."""
        if name not in self.classes:
            raise LessonError(f"There is no class {name!r}. The classes are {', '.join(self.classes)}.")
        return self.labels == self.classes.index(name)

    def _lines(self):
        return [f"{share:6.1%}  {name}" for name, share in self.shares().items()]

    def plot(self) -> Figure:
        return plot.mask(self.picture(), self.labels, self.classes)

    def to_json(self) -> str:
        """The label map goes row by row as runs: [label, how many pixels]."""
        flat = self.labels.ravel()
        starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
        runs = np.stack([flat[starts], np.diff([*starts, flat.size])], axis=1)
        content = {"classes": self.classes, "size": self.labels.shape, "runs": runs.tolist()}
        return json.dumps(content | {"shares": self.shares(), "provenance": self.provenance})


@dataclass(frozen=True, eq=False, repr=False)
class Poses(_Result):
    """How the people in a photograph hold themselves, the surest first."""

    people: np.ndarray  # (person, keypoint, 3): x and y in pixels of the photograph, and how sure the network is
    names: list[str]  # of the keypoints
    scores: np.ndarray  # (person,): the mean over a person's keypoints

    def __len__(self):
        return len(self.people)

    def _lines(self):
        if not len(self):
            return ["Nobody found."]
        sure = (self.people[:, :, 2] >= 0.5).sum(axis=1)
        return [
            f"{score:4.2f}  person {number}: {count} of {len(self.names)} keypoints"
            for number, (score, count) in enumerate(zip(self.scores, sure, strict=True), start=1)
        ]

    def plot(self) -> Figure:
        return plot.poses(self.picture(), self.people)

    def to_json(self) -> str:
        people = [
            {
                "score": float(score),
                "keypoints": {
                    name: [round(float(value), 3) for value in point]
                    for name, point in zip(self.names, person, strict=True)
                },
            }
            for person, score in zip(self.people, self.scores, strict=True)
        ]
        return json.dumps({"people": people, "provenance": self.provenance})
