"""The exercises of lesson 12, segmentation."""

import numpy as np

from gluon_lessons.course.check import call, exercise

TRUTH = np.array([[0, 0, 1, 1], [0, 255, 1, 1], [0, 0, 255, 2]])
PREDICTED = np.array([[0, 0, 1, 0], [0, 1, 1, 1], [0, 3, 2, 2]])


@exercise("Correct. Pixels that nobody is sure of are nobody's mistake.")
def pixel_accuracy(function):
    answer = call(function, PREDICTED, TRUTH)
    if np.size(answer) != 1:
        return "Return one number: the mean over the sure pixels."
    right = (PREDICTED == TRUTH).sum()
    if np.isclose(answer, right):
        return "That is how many pixels are right. Divide by the number of sure ones: a mean."
    if np.isclose(answer, right / TRUTH.size):
        return "You counted the pixels of 255 as wrong. Leave them out of the count altogether."
    if np.isclose(answer, 1 - right / (TRUTH != 255).sum()):
        return "That is the share of wrong pixels. Turn it around."
    if not np.isclose(answer, right / (TRUTH != 255).sum()):
        return f"On a small example it should be {right / (TRUTH != 255).sum():.2f}; yours is {float(answer):.2f}."
    return None


@exercise("Correct. This is how backgrounds are taken out.")
def cut_out(function):
    photo = np.arange(36, dtype="uint8").reshape(3, 4, 3)
    mask = TRUTH == 1
    before = photo.copy()
    answer = np.asarray(call(function, photo, mask))
    if not np.array_equal(photo, before):
        return "The photograph that was handed in has changed. Work on a copy, or use np.where."
    if answer.shape != photo.shape:
        return f"A photograph of shape {photo.shape} should come back; yours has shape {answer.shape}."
    if np.array_equal(answer, np.where(mask[:, :, None], 255, photo)):
        return "You whitened the thing and kept the background. It should be the other way round."
    if np.array_equal(answer, photo * mask[:, :, None]):
        return "The background is black, 0. White is 255."
    if not np.array_equal(answer, np.where(mask[:, :, None], photo, 255)):
        return "Where the mask is true the photograph should be unchanged, and 255 everywhere else."
    if answer.dtype != np.uint8:
        return f"The numbers are right; a photograph is uint8, and this is {answer.dtype}."
    return None


@exercise("Correct. This is the number in the tables of every paper.")
def mean_iou(function):
    def scores(predicted, truth, labels):
        return [((predicted == n) & (truth == n)).sum() / ((predicted == n) | (truth == n)).sum() for n in labels]

    sure = TRUTH != 255
    predicted, truth = PREDICTED[sure], TRUTH[sure]
    every = scores(predicted, truth, [0, 1, 2, 3])
    answer = call(function, PREDICTED, TRUTH)
    if np.size(answer) != 1:
        return "Return one number: the mean over the classes."
    if np.isclose(answer, np.mean(every)):
        return None
    if np.isclose(answer, np.mean(scores(predicted, truth, [0, 1, 2]))):
        return "A class that is predicted and is not there counts too, with an IoU of 0."
    if np.isclose(answer, np.mean(scores(predicted, truth, [1, 2]))) or np.isclose(answer, np.mean(every[1:])):
        return "Background is a class as well here; do not leave out 0."
    if np.isclose(answer, np.mean(scores(PREDICTED, TRUTH, [0, 1, 2, 3]))):
        return "Pixels whose truth is 255 are still in the union. Take them out of both maps first."
    if np.isclose(answer, np.mean(scores(PREDICTED, TRUTH, [0, 1, 2, 3, 255]))):
        return "255 is not a class. Take those pixels out of both maps first."
    return f"On a small example it should be {np.mean(every):.2f}; yours is {float(answer):.2f}."
