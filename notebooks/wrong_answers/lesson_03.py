"""What learners answer in lesson 03, and the part of the hint that each mistake must get."""

import numpy as np


def spot(brightness=1.0):
    picture = np.zeros((5, 5))
    picture[2, 2] = brightness
    return picture


def one_weight_at_a_time(box):
    return [[box(np.eye(9)[3 * row + column].reshape(3, 3))[0, 0] for column in range(3)] for row in range(3)]


def first_row_and_column(kernel):
    return kernel[:, 0], kernel[0] / kernel[0, 0]


def middle(kernel):
    row, column = kernel.shape[0] // 2, kernel.shape[1] // 2
    return kernel[:, column], kernel[row] / kernel[row, column]


def undivided(kernel):
    top, left = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    return kernel[:, left], kernel[top]


def without_the_singular_value(kernel):
    left, _, right = np.linalg.svd(kernel)
    return left[:, 0], right[0]


def wrong_way_round(kernel):
    column, row = undivided(kernel)
    return row / row[np.abs(row).argmax()], column


def sums(kernel):
    return kernel.sum(axis=1), kernel.sum(axis=0) / kernel.sum()


def convolution(batch, weight, bias, stride, padding, sides=None):
    high, wide = weight.shape[2:]
    frame = sides or (padding, padding)
    framed = np.pad(batch, ((0, 0), (0, 0), frame, frame))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (high, wide), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("bcrsij,ocij->bors", windows, weight) + bias[:, None, None]


def turned(batch, weight, bias, stride, padding):
    return convolution(batch, weight[:, :, ::-1, ::-1], bias, stride, padding)


def kernels_first(batch, weight, bias, stride, padding):
    return convolution(batch, weight, bias, stride, padding).transpose(1, 0, 2, 3)


def first_channel_only(batch, weight, bias, stride, padding):
    return convolution(batch[:, :1], weight[:, :1], bias, stride, padding)


def without_bias(batch, weight, bias, stride, padding):
    return convolution(batch, weight, 0 * bias, stride, padding)


def one_bias(batch, weight, bias, stride, padding):
    return convolution(batch, weight, 0 * bias + bias[0], stride, padding)


def without_stride(batch, weight, bias, stride, padding):
    return convolution(batch, weight, bias, 1, padding)


def without_padding(batch, weight, bias, stride, padding):
    return convolution(batch, weight, bias, stride, 0)


def padding_on_one_side(batch, weight, bias, stride, padding):
    return convolution(batch, weight, bias, stride, padding, sides=(padding, 0))


def only_for_squares(batch, weight, bias, stride, padding):
    side = min(batch.shape[2:])
    return convolution(batch[:, :, :side, :side], weight[:, :, :, : weight.shape[2]], bias, stride, padding)


def short_by_one(batch, weight, bias, stride, padding):
    return convolution(batch, weight, bias, stride, padding)[:, :, :-1, :-1]


WRONG_ANSWERS = {
    "find_kernel": [
        (lambda box: box(spot()), "half a turn"),
        (lambda box: box(spot(255))[::-1, ::-1], "255 times too large"),
        (lambda box: box(spot())[::-1], "not in their places"),
        (lambda box: box(np.ones((5, 5))), "sum of the weights"),
        (lambda box: box(np.eye(3)), "How large must the picture be"),
        (one_weight_at_a_time, "asked 9 times"),
        (lambda box: np.ones((3, 3)), "never asked"),
        (lambda box: box(np.eye(5)), "one pixel that counts"),
        (lambda box: box(1 - spot()), "Turn light and dark around"),
    ],
    "first_layers": [
        ([(8, 3, 2, 1), (16, 3, 2, 1), (32, 3, 2, 1)], "6,032 parameters"),
        ([(8, 3, 2, 1), (8, 3, 2, 1), (32, 3, 1, 1)], "24 by 24"),
        ([(8, 3, 2, 1), (8, 3, 2, 1), (16, 3, 2, 1)], "writes 16 channels"),
        ([(8, 3, 2, 1), (32, 1, 4, 0)], "skips pixels"),
        ([(8, 3, 2)], "each as (channels, kernel, stride, padding)"),
        ([(8, 3, 2, 1), (8, 3, 2, 1.5)], "four whole numbers"),
        ([(32, 8, 8, 0)], "6,176 parameters"),
        ([(8, 99, 2, 0)], "does not fit"),
        ([(1, 5, 5, 0), (32, 8, 1, 0)], "leaves out 1 of 96 columns"),
        ([], "96 by 96"),
    ],
    "two_passes": [
        (first_row_and_column, "divide by 0"),
        (middle, "divide by 0"),
        (undivided, "divide one of the two"),
        (without_the_singular_value, "the singular value"),
        (wrong_way_round, "wrong way round"),
        (sums, "divide by 0"),
        (lambda kernel: (kernel[0], kernel[:, 0]), "divide one of the two"),
        (lambda kernel: kernel, "Return two arrays"),
        (lambda kernel: (kernel, kernel), "needs a column of 9"),
    ],
    "slide": [
        (turned, "turned around"),
        (kernels_first, "the picture comes first"),
        (first_channel_only, "reaches through all"),
        (without_bias, "the bias is missing"),
        (one_bias, "adds its own"),
        (without_stride, "With stride 2"),
        (without_padding, "With padding 1"),
        (padding_on_one_side, "on both sides"),
        (only_for_squares, "wider than it is high"),
        (short_by_one, "range stops"),
        (lambda batch, weight, bias, stride, padding: batch, "yours is (2, 3, 7, 7)"),
    ],
}
