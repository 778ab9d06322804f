"""What learners answer in lesson 15, and the part of the hint that each mistake must get."""

from pathlib import Path

import numpy as np

from gluon_lessons import photos, predict


def differences(found, counted):
    return np.array([found.get(name, 0) - people for name, people in counted.items()])


def by_order(found, counted):
    return np.abs(np.subtract(list(found.values()), list(counted.values()))).mean()


def only_what_is_answered(found, counted):
    return np.mean([abs(found[name] - counted[name]) for name in found])


def counts_of(endings, *, key=lambda path: path.name, lower=True):
    def count_people(folder, count):
        files = [path for path in Path(folder).iterdir() if (path.suffix.lower() if lower else path.suffix) in endings]
        return {key(path): count(photos.read(path)) for path in files}

    return count_people


PICTURES = (".png", ".jpg", ".jpeg")
WRONG_ANSWERS = {
    "count": [
        (lambda picture, threshold: len(predict.detect(picture, threshold=threshold)), "all boxes"),
        (lambda picture, threshold: predict.detect(picture).names.count("person"), "Hand the threshold on"),
        (lambda picture, threshold: predict.detect("sofa", threshold=threshold).names.count("person"), "handed in"),
        (lambda picture, threshold: predict.detect(picture, threshold=threshold).names, "one number"),
        (lambda picture, threshold: "person" in predict.detect(picture, threshold=threshold).names, "yours says True"),
    ],
    "mean_absolute_error": [
        (lambda found, counted: differences(found, counted).mean(), "cancel out"),
        (lambda found, counted: np.abs(differences(found, counted)).sum(), "the sum"),
        (lambda found, counted: np.sqrt((differences(found, counted) ** 2).mean()), "squares"),
        (by_order, "different orders"),
        (only_what_is_answered, "left out"),
    ],
    "count_people": [
        (lambda folder, count: {p.name: count(photos.read(p)) for p in Path(folder).iterdir()}, "no picture"),
        (counts_of(PICTURES, lower=False), "in capitals"),
        (counts_of(PICTURES, key=str), "without the folder"),
        (counts_of(PICTURES, key=lambda path: path.stem), "keep their endings"),
        (lambda folder, count: [count(photos.read(path)) for path in Path(folder).iterdir()], "Return a dictionary"),
        (counts_of((".png",)), "capitals"),
        (lambda folder, count: {path.name: 1 for path in Path(folder).iterdir()}, "that is handed in"),
    ],
}
