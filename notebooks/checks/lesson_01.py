"""The exercises of lesson 01, NDArray."""

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Batch, channel, height, width.")
def shape_of_a_batch(answer):
    if not isinstance(answer, tuple):
        return "Write a tuple: the lengths of the axes in round brackets."
    if len(answer) == 3:
        return "That is one photograph. Where does the number of photographs go?"
    if sorted(answer) != [3, 32, 224, 224]:
        return "You need the numbers 32, 3, 224 and 224: pictures, colours, rows, columns."
    if answer[0] != 32:
        return "The batch comes first: how many pictures there are."
    if answer[1] != 3:
        return "That is the order of files, with the colours last. A network wants the channel right after the batch."
    return None


@exercise("Correct. Bright pixels stop at 255, and dark ones at 0.")
def brighten(function):
    photo = np.array([[[0, 100, 200]]], dtype="uint8")
    answer = np.asarray(call(function, photo, 100))
    if answer.shape != photo.shape:
        return f"A photograph of shape {photo.shape} came back with shape {answer.shape}."
    if answer.dtype != np.uint8 and np.allclose(answer, [[[100, 200, 255]]], atol=0.5):
        return f"The numbers are right, but their type is {answer.dtype}; a photograph is uint8."
    if answer[0, 0, 2] == 44:
        return "200 + 100 became 44: it wrapped around. Convert to float32 before you add."
    if answer[0, 0, 2] != 255:
        return f"200 + 100 became {answer[0, 0, 2]}; it should stop at 255. Clip before you convert back."
    if answer[0, 0, 1] != 200:
        return f"100 + 100 became {answer[0, 0, 1]}. Add the amount to every pixel, and nothing else."
    if answer.dtype != np.uint8:
        return f"A photograph is uint8, and yours has the type {answer.dtype}."
    if np.asarray(call(function, photo, -50)).tolist() != [[[0, 50, 150]]]:
        return "With a negative amount, dark pixels should stop at 0. Clip at both ends."
    return None


@exercise("Correct. One number per channel, stretched over batch, rows and columns.")
def normalise(function):
    batch = nd.random.uniform(shape=(2, 3, 4, 3))  # as wide as there are channels, so that a wrong axis still runs
    mean, spread = (0.1, 0.5, 0.9), (0.5, 1.0, 2.0)
    columns = [np.reshape(numbers, (1, 3, 1, 1)) for numbers in (mean, spread)]
    expected = (batch.asnumpy() - columns[0]) / columns[1]
    answer = np.asarray(call(function, batch, mean, spread))
    if answer.shape != batch.shape:
        return f"The shape changed from {batch.shape} to {answer.shape}; normalising changes numbers only."
    if np.allclose(answer, (batch.asnumpy() - np.array(mean)) / np.array(spread), atol=1e-5):
        return "The numbers went along the width, the last axis. Reshape them to (1, 3, 1, 1)."
    if np.allclose(answer, batch.asnumpy() - columns[0], atol=1e-5):
        return "The mean is subtracted; now divide by the spread as well."
    if np.allclose(answer, batch.asnumpy() - columns[0] / columns[1], atol=1e-5):
        return "The division happened before the subtraction. Put brackets around the subtraction."
    if not np.allclose(answer, expected, atol=1e-5):
        return "The shape is right, the numbers are not: (batch - mean) / spread, one mean and one spread per channel."
    return None
