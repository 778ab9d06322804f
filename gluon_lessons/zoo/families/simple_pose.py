"""SimplePose: a detector finds the people, and the network reads the pose of one person at a time."""

import cv2
import numpy as np

from gluon_lessons import photos
from gluon_lessons.zoo import families, store
from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.base import Family
from gluon_lessons.zoo.families.people import fields
from gluon_lessons.zoo.families.picture import Picture, as_input, resized_size

DETECTOR = "ssd_300_mobilenet1.0_voc"
PERSON = 0.5  # the score from which on the detector's box is taken for a person
MARGIN = 1.25  # the window around a person, in sides of the person's box


class SimplePose(Family):
    not_served = "it reads the pose of one person at a time, and the script of an endpoint finds nobody first."
    not_compared = "poses have no comparison: look at `people` of both results."

    def picture(self, entry: Entry) -> Picture:
        return Picture(entry.input_size, entry.mean, entry.deviation)

    def prepare(self, photo, entry):
        """The whole photograph, taken for one person."""
        pixels = photos.read(photo)
        height, width = pixels.shape[:2]
        resized_size((height, width), self.picture(entry))
        window = _window(np.array([0, 0, width, height]), entry.input_size)
        return as_input(_cut(pixels, *window, entry.input_size), self.picture(entry)), (height, width)

    def inputs(self, photo, network):
        return [pixels for pixels, *_ in self._people(photo, network.entry)]

    def answer(self, photo, network, **options):
        people = []
        for pixels, corner, sides in self._people(photo, network.entry):
            heat = self.run(network, pixels)[0].asnumpy()  # (keypoint, rows, columns)
            rows, columns = np.unravel_index(heat.reshape(len(heat), -1).argmax(axis=1), heat.shape[1:])
            places = corner + np.stack([columns, rows], axis=1) * sides / heat.shape[:0:-1]
            people.append(np.column_stack([places, heat.max(axis=(1, 2))]))
        return fields(network.entry, np.reshape(people, (-1, len(network.entry.classes), 3)), **options)

    def _people(self, photo, entry: Entry):
        """For each person the network's input, and the corner and the sides of the window that it shows."""
        photo = photos.read(photo)
        detector = store.load(DETECTOR)
        things = families.of(detector.entry).answer(photo, detector, threshold=PERSON, overlap=None)
        for name, box in zip(things["names"], things["boxes"], strict=True):
            if name == "person":
                corner, sides = _window(box, entry.input_size)
                yield as_input(_cut(photo, corner, sides, entry.input_size), self.picture(entry)), corner, sides


def _window(box: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Corner and sides of a window around a person: somewhat wider than the box, in the network's proportions."""
    shape = np.array(size[::-1])  # width, height
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    sides = shape * (sides / shape).max() * MARGIN
    return (box[:2] + box[2:]) / 2 - sides / 2, sides


def _cut(pixels: np.ndarray, corner: np.ndarray, sides: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What the window shows, as large as the network wants it."""
    shape = np.array(size[::-1])
    to_window = np.array([[shape[0] / sides[0], 0, 0], [0, shape[1] / sides[1], 0]])
    to_window[:, 2] = -corner * shape / sides
    return cv2.warpAffine(pixels, to_window, shape.tolist())


FAMILY = SimplePose()
