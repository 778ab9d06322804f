"""What learners answer in lesson 02, and the part of the hint that each mistake must get."""

from mxnet import nd


def takes_a_thousand(scores):
    powers = nd.exp(scores - 1000)
    return powers / powers.sum(axis=1, keepdims=True)


def powers_only(scores):
    return nd.exp(scores)


def over_everything(scores):
    powers = nd.exp(scores)
    return powers / powers.sum()


def down_the_columns(scores):
    powers = nd.exp(scores)
    return powers / powers.sum(axis=0, keepdims=True)


def without_powers(scores):
    return scores / scores.sum(axis=1, keepdims=True)


def overflows(scores):
    powers = nd.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


def one_maximum_for_all(scores):
    powers = nd.exp(scores - scores.max())
    return powers / powers.sum(axis=1, keepdims=True)


def less_the_mean(scores):
    powers = nd.exp(scores - scores.mean(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def without_keepdims(scores):
    powers = nd.exp(scores - scores.max(axis=1))
    return powers / powers.sum(axis=1, keepdims=True)


def small_numbers_added(scores):
    powers = nd.exp(scores - scores.max()) + 1e-30
    return powers / powers.sum(axis=1, keepdims=True)


def columns(inputs, weight, bias):
    return nd.dot(inputs, weight) + bias


def flat_only(inputs, weight, bias):
    return nd.dot(inputs, weight.T) + bias


def on_its_side(inputs, weight, bias):
    return nd.dot(weight, inputs.T) + bias.reshape((-1, 1))


def without_bias(inputs, weight, bias):
    return nd.dot(inputs.reshape((inputs.shape[0], -1)), weight.T)


def refilled(inputs, weight, bias):
    return nd.dot(inputs, weight.reshape((inputs.shape[1], -1))) + bias


def with_relu(inputs, weight, bias):
    return nd.relu(nd.dot(inputs.reshape((inputs.shape[0], -1)), weight.T) + bias)


def two_pictures_only(inputs, weight, bias):
    return nd.dot(inputs.reshape((2, -1)), weight.T) + bias


def bias_twice(inputs, weight, bias):
    return nd.dot(inputs.reshape((inputs.shape[0], -1)), weight.T) + 2 * bias


WRONG_ANSWERS = {
    "dense": [
        (columns, "rows"),
        (flat_only, "one row first"),
        (on_its_side, "lies on its side"),
        (without_bias, "bias is missing"),
        (bias_twice, "the scores are not"),
        (refilled, "weight.T"),
        (with_relu, "No activation"),
        (two_pictures_only, "one row first"),
        (lambda inputs, weight, bias: inputs[:, :2], "gave an answer of shape"),
    ],
    "parameters_of_a_dense_layer": [
        (3 * 224 * 224 * 1000, "bias as well"),
        (224 * 224 * 1000, "three numbers per pixel, and each"),
        (224 * 224 * 1000 + 1000, "three numbers per pixel."),
        (3 * 224 * 224 * 1000 + 3 * 224 * 224, "not for each input"),
        (3 * 224 * 224 + 1000, "meets every neuron"),
        (3 * 224 * 224, "inputs of one neuron"),
        (3 * 224 * 224 + 1, "one neuron"),
        (3 * 224 * 1000 + 1000, "224 rows of 224"),
        (1000, "Count the inputs, then"),
        ("150529000", "whole number"),
    ],
    "softmax": [
        (powers_only, "divide by their sum"),
        (takes_a_thousand, "fixed number"),
        (over_everything, "All shares together"),
        (down_the_columns, "columns add up"),
        (without_powers, "nd.exp"),
        (nd.sigmoid, "That is the sigmoid"),
        (overflows, "give nan"),
        (one_maximum_for_all, "0 / 0"),
        (small_numbers_added, "own largest score"),
        (less_the_mean, "One score of 300"),
        (without_keepdims, "keepdims"),
        (lambda scores: nd.exp(scores).sum(axis=1), "one share per score"),
        (lambda scores: nd.softmax(2 * scores), "the shares are not"),
    ],
    "exactly_one": [
        (([[1, 1, 1, 0]], [1, 0]), "One hidden neuron"),
        (([[0, 1, 1, 1], [-1, 1, 1, 1]], [0, 1, -2]), "bias stands first"),
        (([[1, 1, 1, 0], [1, 1, 1, 0]], [1, -2, 0]), "every picture"),
        (([[1, 1, 1, 0], [1, 1, 1, 0]], [2, -1, 0]), "same neuron"),
        (([[1, 1, 1, 0], [1, 1, 1, -1]], [1, -1, 0]), "at least one pixel"),
        (([[1, 1, 1, 0], [1, 1, 1, -2]], [1, -2, 0]), "it should answer 0; yours answers 2"),
        (([[1, 1, 1, 1], [1, 1, 1, -1]], [1, -2, 0]), "To the pixels [0, 0, 0]"),
        (([[1, 1, 1], [1, 1, 1]], [1, -2]), "row of four numbers"),
        (([[1, 1, 1, 0], [1, 1, 1, -1]], [1, -2]), "an output row of 3"),
        (([[1, 1, 1, 0], [1, 1, -1]], [1, -2, 0]), "the same length"),
    ],
}
