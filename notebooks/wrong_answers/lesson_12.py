"""What learners answer in lesson 12, and the part of the hint that each mistake must get."""

import numpy as np


def whitens_in_place(photo, mask):
    photo[~mask] = 255
    return photo


def over(labels_of, *, clean=True):
    def mean_iou(predicted, truth):
        if clean:
            predicted, truth = predicted[truth != 255], truth[truth != 255]
        labels = labels_of(predicted, truth)
        both = [((predicted == label) & (truth == label)).sum() for label in labels]
        either = [((predicted == label) | (truth == label)).sum() for label in labels]
        return np.mean(np.divide(both, either))

    return mean_iou


WRONG_ANSWERS = {
    "pixel_accuracy": [
        (lambda predicted, truth: (predicted == truth).mean(), "counted the pixels of 255"),
        (lambda predicted, truth: (predicted == truth).sum(), "how many pixels"),
        (lambda predicted, truth: (predicted != truth)[truth != 255].mean(), "wrong pixels"),
        (lambda predicted, truth: (predicted == truth)[truth != 255], "one number"),
    ],
    "cut_out": [
        (lambda photo, mask: np.where(mask[:, :, None], 255, photo), "other way round"),
        (lambda photo, mask: photo * mask[:, :, None], "White is 255"),
        (lambda photo, mask: np.where(mask[:, :, None], photo, 255.0), "uint8"),
        (whitens_in_place, "has changed"),
        (lambda photo, mask: photo[mask], "should come back"),
    ],
    "mean_iou": [
        (over(lambda predicted, truth: np.unique(truth)), "predicted and is not there"),
        (over(lambda predicted, truth: np.union1d(predicted, truth)[1:]), "Background is a class"),
        (over(lambda predicted, truth: np.union1d(predicted, truth), clean=False), "255 is not a class"),
        (over(lambda predicted, truth: np.unique(predicted), clean=False), "still in the union"),
        (lambda predicted, truth: (predicted == truth)[truth != 255].mean(), "it should be"),
    ],
}
