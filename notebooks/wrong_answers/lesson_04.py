"""What learners answer in lesson 04, and the part of the hint that each mistake must get."""

import math

from mxnet import nd


def cut(batch, window):
    pictures, channels, height, width = batch.shape
    return batch.reshape((pictures, channels, height // window, window, width // window, window))


def means(batch, window):
    return cut(batch, window).mean(axis=(3, 5))


def first_of_each(batch, window):
    return batch[:, :, ::window, ::window]


def windows_the_wrong_way_round(batch, window):
    pictures, channels, height, width = batch.shape
    return batch.reshape((pictures, channels, window, height // window, window, width // window)).max(axis=(2, 4))


def over_the_windows(batch, window):
    return cut(batch, window).max(axis=(2, 4))


def everything_at_once(batch, window):
    return batch.max(axis=(2, 3))


def always_two(batch, window):
    return cut(batch, 2).max(axis=(3, 5)) if batch.shape[3] % 2 == 0 else batch[:, :, :2, :3]


def overlapping(batch, window):
    return nd.Pooling(batch, kernel=(window, window), pool_type="max")


def adds_kernels(layers):
    return sum(kernel for kernel, stride in layers)


def multiplies_kernels(layers):
    return math.prod(kernel for kernel, stride in layers)


def forgets_strides(layers):
    return 1 + sum(kernel - 1 for kernel, stride in layers)


def stride_too_early(layers):
    width = step = 1
    for kernel, stride in layers:
        step *= stride
        width += (kernel - 1) * step
    return width


def last_stride_only(layers):
    width = step = 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step = max(stride, step)
    return width


def every_stride_is_two(layers):
    width = step = 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step *= 2 if stride > 1 else 1
    return width


def strides_add(layers):
    width = step = 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step += 2 * (stride - 1) if step > 1 else stride - 1
    return width


WRONG_ANSWERS = {
    "shape_after_pooling": [
        ((64, 55, 55), "four numbers"),
        ((8, 64, 37, 37), "stride of 3"),
        ((8, 64, 56, 56), "padding of 1"),
        ((8, 64, 54, 54), "+ 1"),
        ((8, 64, 110, 110), "stride of 1"),
        ((8, 32, 55, 55), "each channel by itself"),
        ((4, 64, 55, 55), "number of pictures"),
        ((8, 64, 55.5, 55.5), "round down"),
    ],
    "max_pool": [
        (means, "Those are the means"),
        (first_of_each, "first number of each window"),
        (windows_the_wrong_way_round, "half a map apart"),
        (over_the_windows, "should give"),
        (everything_at_once, "global pooling"),
        (always_two, "6 by 9"),
        (overlapping, "should give"),
    ],
    "receptive_field": [
        (adds_kernels, "its kernel minus 1"),
        (multiplies_kernels, "kernels add up"),
        (forgets_strides, "stride of 2 is left out"),
        (stride_too_early, "too early"),
        (last_stride_only, "Strides multiply"),
        (every_stride_is_two, "a stride of 3"),
        (strides_add, "a stride of 3"),
        (lambda layers: len(layers), "Start with a width of 1"),
    ],
}
