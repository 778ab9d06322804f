"""What learners answer in lesson 01, and the part of the hint that each mistake must get."""

import numpy as np
from mxnet import nd


def wraps_around(photo, amount):
    return photo + np.uint8(amount % 256)


def forgets_the_type(photo, amount):
    return np.clip(photo.astype("float32") + amount, 0, 255)


def clips_at_the_top_only(photo, amount):
    return np.minimum(photo.astype("int32") + amount, 255).astype("uint8")


def all_black(photo, amount):
    return np.zeros(photo.shape)


def float_of_other_numbers(photo, amount):
    return photo.astype("float32") + 1


def along_the_width(batch, mean, spread):
    return (batch - nd.array(mean)) / nd.array(spread)


def subtracts_only(batch, mean, spread):
    return batch - nd.array(mean).reshape((1, 3, 1, 1))


def forgets_brackets(batch, mean, spread):
    mean, spread = (nd.array(numbers).reshape((1, 3, 1, 1)) for numbers in (mean, spread))
    return batch - mean / spread


WRONG_ANSWERS = {
    "shape_of_a_batch": [
        ([32, 3, 224, 224], "tuple"),
        ((224, 224, 3), "number of photographs"),
        ((3, 32, 224, 224), "batch comes first"),
        ((32, 224, 224, 3), "order of files"),
        ((32, ["3"], 224, 224), "another kind"),
    ],
    "brighten": [
        (wraps_around, "wrapped around"),
        (forgets_the_type, "photograph is uint8"),
        (clips_at_the_top_only, "dark pixels"),
        (lambda photo, amount: None, "return"),
        (all_black, "it should stop at 255"),
        (float_of_other_numbers, "it should stop at 255"),
        (lambda photo, amount: np.clip(photo.astype(int) + abs(amount), 0, 255).astype("uint8"), "dark pixels"),
    ],
    "normalise": [
        (along_the_width, "along the width"),
        (subtracts_only, "divide by the spread"),
        (forgets_brackets, "brackets"),
        (lambda batch, mean, spread: batch - batch.undefined, "AttributeError"),
    ],
}
