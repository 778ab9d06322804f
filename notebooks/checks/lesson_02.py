"""The exercises of lesson 02, dense layers."""

import contextlib
import itertools

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import Blank, Mistake, call, exercise


@exercise("Correct. 150 million weights for one layer: this is why lesson 03 looks for something thriftier.")
def parameters_of_a_dense_layer(answer):
    pixels, neurons = 224 * 224, 1000
    if not isinstance(answer, int):
        return "Write a whole number, or a product of whole numbers."
    hints = {
        3 * pixels * neurons: "Those are the weights. Each neuron has a bias as well.",
        pixels * neurons: "A colour photograph has three numbers per pixel, and each neuron has a bias.",
        pixels * neurons + neurons: "A colour photograph has three numbers per pixel.",
        3 * pixels * neurons + 3 * pixels: "There is a bias for each neuron, not for each input.",
        3 * pixels * neurons + 1: "Each neuron has a bias of its own, so there are 1000 of them.",
        3 * pixels: "Those are the inputs of one neuron. Each of the 1000 neurons has a weight for every one of them.",
        3 * pixels + 1: "That is one neuron. The layer has 1000 of them.",
        3 * pixels + neurons: "Every input meets every neuron: multiply the two, then add the biases.",
        3 * 224 * neurons + neurons: "224 by 224 pixels are 224 rows of 224.",
        3 * (pixels * neurons + neurons): "The colours share their neurons, so the biases are not counted three times.",
    }
    if answer == 3 * pixels * neurons + neurons:
        return None
    return hints.get(answer, "Count the inputs, then a weight for each pair of input and neuron, then the biases.")


@exercise("Correct. Pictures in rows, one row of weights per neuron, and the turned matrix joins them.")
def dense(function):
    square = nd.array([[1, 2, 0], [0, 1, 3]]), nd.array([[1, 0, 2], [0, -1, 0], [3, 0, 1]]), nd.array([0, -10, 20])
    wide = (
        nd.array([[1, 0, 2, 1], [0, 3, 0, 1]]),
        nd.array([[1, -2, 0, 0], [0, 0, -1, 5], [1, 1, 1, 1]]),
        nd.array([0, 0, -7]),
    )
    refilled = "reshape refills the matrix in reading order; to turn it on its side, write weight.T."
    for inputs, weight, bias in (square, wide):
        expected = (nd.dot(inputs, weight.T) + bias).asnumpy()
        answer = np.asarray(call(function, inputs, weight, bias))
        if answer.shape == expected.T.shape != expected.shape:
            return "The answer lies on its side: there is one row per picture, and one column per neuron."
        if answer.shape != expected.shape:
            return f"Two pictures and three neurons gave an answer of shape {answer.shape}, not {expected.shape}."
        if np.allclose(answer, nd.dot(inputs, weight.T).asnumpy(), atol=1e-4):
            return "The weighted sums are right; the bias is missing."
        if inputs is square[0] and np.allclose(answer, (nd.dot(inputs, weight) + bias).asnumpy(), atol=1e-4):
            with contextlib.suppress(Mistake):
                if np.shape(call(function, *wide)) == (2, 3):
                    return refilled
            return "A square matrix hides the mistake: it multiplies by the columns of the weights, not by their rows."
        if np.allclose(answer, np.maximum(expected, 0), atol=1e-4):
            return "No activation here: nn.Dense gives negative scores too, unless you ask for ReLU."
        if not np.allclose(answer, expected, atol=1e-4):
            return "The shape is right, the scores are not: a row of inputs times a row of weights, plus its bias."
    pictures = nd.arange(45).reshape((5, 3, 3))
    weight, bias = nd.arange(36).reshape((4, 9)), nd.arange(4)
    try:
        answer = np.asarray(call(function, pictures, weight, bias))
    except Mistake:
        answer = np.empty(0)
    expected = (nd.dot(pictures.reshape((5, 9)), weight.T) + bias).asnumpy()
    if answer.shape != expected.shape or not np.allclose(answer, expected, rtol=1e-4):
        return "Rows of numbers work; pictures of shape (5, 3, 3) do not. Lay each into one row first."
    return None


@exercise("Correct. Each row adds up to 1, whatever the size of its scores.")
def softmax(function):
    scores = nd.array([[1, 2, 4], [0, 0, 3]])
    expected = nd.softmax(scores).asnumpy()
    try:
        answer = np.asarray(call(function, scores))
    except Mistake as mistake:
        if "broadcast" in str(mistake):
            return "The sum or the largest of each row has lost its axis, so that it does not fit: say keepdims=True."
        raise
    if answer.shape != scores.shape:
        return f"Scores of shape {scores.shape} gave shares of shape {answer.shape}; there is one share per score."
    if np.allclose(answer, nd.exp(scores).asnumpy(), rtol=1e-3):
        return "The powers are there; now divide by their sum."
    if np.allclose(answer.sum(), 1, atol=1e-3):
        return "All shares together add up to 1. Each picture, each row, should do so: sum over axis 1."
    if np.allclose(answer.sum(axis=0), 1, atol=1e-3):
        return "The columns add up to 1. Each row should: sum over axis 1."
    if np.allclose(answer, (scores / scores.sum(axis=1, keepdims=True)).asnumpy(), atol=1e-3):
        return "The scores themselves are shared out. Raise e to each score first, with nd.exp."
    if np.allclose(answer, nd.sigmoid(scores).asnumpy(), atol=1e-3):
        return "That is the sigmoid, which looks at one score at a time. Softmax divides by the sum of a row."
    if np.isnan(answer).any():
        return "Small scores give nan: a fixed number was subtracted from them. Subtract each row's own largest score."
    if not np.allclose(answer, expected, atol=1e-3):
        return "The shape is right, the shares are not: nd.exp of a score, divided by the sum of its row."
    large = np.asarray(call(function, nd.array([[1000, 1001], [-1000, -1002]])))
    if np.isfinite(large[0]).all() and not np.isfinite(large[1]).all():
        return "One largest score for all rows leaves 0 / 0 in a row of smaller ones. Subtract each row's own."
    if not np.isfinite(large).all():
        return "Scores near 1000 give nan: e to the 1000 is too large for a float. Subtract the row's largest first."
    if not np.allclose(large, nd.softmax(nd.array([[0, 1], [2, 0]])).asnumpy(), atol=1e-3):
        return "With scores near 1000 the shares are wrong. Subtract each row's own largest score, with keepdims=True."
    uneven = np.asarray(call(function, nd.array([[0, 0, 300], [300, 0, 0]])))
    if not np.allclose(uneven, [[0, 0, 1], [1, 0, 0]], atol=1e-3):
        return "One score of 300 beside two of 0 goes wrong. Subtract the largest of the row: no power is above 1 then."
    return None


@exercise("Correct. One neuron counts, another takes away what is too much, and ReLU makes the two differ.")
def exactly_one(answer):
    hidden, output = answer
    if hidden is ... or output is ...:
        raise Blank
    try:
        hidden, output = np.array(hidden, dtype=float), np.array(output, dtype=float).ravel()
    except (TypeError, ValueError):
        return "Write rows of numbers, all of the same length: [[weight, weight, weight, bias], ...]."
    if hidden.ndim != 2 or hidden.shape[1] != 4:
        return "Each hidden neuron is a row of four numbers: three weights, one per pixel, and a bias."
    if len(output) != len(hidden) + 1:
        return f"{len(hidden)} hidden neurons need an output row of {len(hidden) + 1}: one weight each, and a bias."
    pixels = np.array(list(itertools.product((0, 1), repeat=3)))  # (picture, pixel)
    count = pixels.sum(axis=1)
    inside = np.maximum(pixels @ hidden[:, :3].T + hidden[:, 3], 0)  # (picture, neuron)
    answers = np.maximum(inside @ output[:-1] + output[-1], 0)  # (picture,)
    if np.allclose(answers, count == 1, atol=1e-3):
        return None
    swapped = np.maximum(np.maximum(pixels @ hidden[:, 1:].T + hidden[:, 0], 0) @ output[1:] + output[0], 0)
    if np.allclose(swapped, count == 1, atol=1e-3):
        return "The weights are right, but the bias stands first. It comes last in each row."
    if np.allclose(answers, answers[0]):
        return f"Your network answers {answers[0]:g} to every picture. Is ReLU cutting everything off?"
    if len(hidden) == 1:
        return "One hidden neuron bends the answer once; up for one pixel and down for two takes a second one."
    if len(np.unique(hidden, axis=0)) == 1:
        return "All your hidden neurons are the same neuron. Give the second one a bias that lets it speak later."
    if np.allclose(answers, count >= 1, atol=1e-3):
        return "It answers 1 when at least one pixel is bright. Two bright pixels should give 0."
    wrong = np.abs(answers - (count == 1)).argmax()
    pixels, wanted, given = pixels[wrong].tolist(), int(count[wrong] == 1), answers[wrong]
    return f"To the pixels {pixels} it should answer {wanted}; yours answers {given:g}."
