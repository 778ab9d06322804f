"""The exercises of lesson 03, convolution."""

from numbers import Integral

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import Mistake, call, exercise


class _Box:
    """A filter whose kernel is not told; it counts how often it is asked."""

    def __init__(self, kernel):
        self.kernel = np.array(kernel, dtype=float)
        self.asked = 0

    def __call__(self, picture):
        self.asked += 1
        picture = np.asarray(picture.asnumpy() if isinstance(picture, nd.NDArray) else picture, dtype=float)
        if picture.ndim != 2 or min(picture.shape) < 3:
            raise ValueError(f"the box takes one grey picture of at least 3 by 3, and got an array of {picture.shape}")
        windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3))
        return (windows * self.kernel).sum(axis=(2, 3))


@exercise("Correct. A single bright pixel meets every weight once, the last one first.")
def find_kernel(function):
    for hidden in ([[1, 2, 3], [4, 5, 6], [7, 8, 10]], [[0, -3, 0.5], [2, 0, 7], [1, 0, 0]]):
        box = _Box(hidden)
        answer = np.asarray(call(function, box), dtype=float)
        if box.asked == 0:
            return "The box was never asked: call box with a picture of your own."
        if box.asked > 1:
            return f"The box was asked {box.asked} times. One well-chosen picture shows all nine weights."
        if answer.shape != (3, 3):
            return f"A kernel of 3 by 3 is asked for; yours has shape {answer.shape}. How large must the picture be?"
        if np.allclose(answer, box.kernel, atol=1e-4):
            continue
        turned = box.kernel[::-1, ::-1]
        if np.allclose(answer, turned, atol=1e-4):
            return "Your kernel is turned by half a turn. Which weight meets the bright pixel first?"
        if any(np.allclose(answer, one, atol=1e-4) for one in (box.kernel.T, box.kernel[::-1], box.kernel[:, ::-1])):
            return "The nine numbers are there, but not in their places. Both rows and columns come back to front."
        largest = np.abs(answer).max() / np.abs(box.kernel).max()
        if largest > 0 and (np.allclose(answer / largest, box.kernel) or np.allclose(answer / largest, turned)):
            return f"Your weights are {largest:g} times too large: how bright was your pixel?"
        if np.allclose(answer, answer[0, 0]):
            return "Nine equal numbers: an even picture shows only the sum of the weights."
        if any(np.allclose(answer + one, box.kernel.sum(), atol=1e-4) for one in (box.kernel, turned)):
            return (
                "A dark pixel among bright ones shows what all the other weights add up to. Turn light and dark around."
            )
        return "Those are not the weights. Choose a picture in which every window holds one pixel that counts."
    return None


@exercise("Correct. Few channels while the maps are large, many at the end.")
def first_layers(answer):
    if not isinstance(answer, list | tuple) or any(len(layer) != 4 for layer in answer):
        return "Write a list of layers, each as (channels, kernel, stride, padding)."
    channels, side, parameters = 3, 96, 0
    for number, (out, kernel, stride, padding) in enumerate(answer, start=1):
        if any(not isinstance(value, Integral) for value in (out, kernel, stride, padding)):
            return f"Layer {number} is not made of four whole numbers."
        if min(out, kernel, stride) < 1 or padding < 0:
            return f"Layer {number}: channels, kernel and stride are at least 1, and padding is at least 0."
        if kernel < stride:
            return f"Layer {number} skips pixels: a kernel of {kernel} with stride {stride} leaves gaps."
        if side + 2 * padding < kernel:
            return f"Layer {number}: a kernel of {kernel} does not fit into a side of {side} with padding {padding}."
        if (left := (side + 2 * padding - kernel) % stride - padding) > 0:
            return f"Layer {number} leaves out {left} of {side} columns at the right border: no window reaches them."
        parameters += out * (channels * kernel * kernel + 1)
        channels, side = out, (side + 2 * padding - kernel) // stride + 1
    if side != 12:
        return f"Your maps come out {side} by {side}, not 12 by 12. Work out the side after each layer."
    if channels != 32:
        return f"The last layer writes {channels} channels; 32 are asked for."
    if parameters > 4000:
        return f"{parameters:,} parameters are more than 4,000. Which layer reads and writes many channels at once?"
    return None


@exercise("Correct. Two passes of 31 products do the work of 961.")
def two_passes(function):
    binomial = np.array([1.0, 4, 6, 4, 1])
    kernels = {
        "a blur of 9 by 9": np.full((9, 9), 1 / 81),
        "a blur that weighs the middle more": np.outer(binomial, binomial) / 256,
        "Sobel": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        "a kernel of 3 by 5": np.outer([2.0, -1, 0], [0, 0, -3, 1, 4]),
        "a kernel whose first row is 0": np.outer([0.0, 2, 5], [1, -1, 0.5]),
    }
    for name, kernel in kernels.items():
        parts = call(function, kernel)
        if not isinstance(parts, list | tuple) or len(parts) != 2:
            return "Return two arrays, the column and the row."
        column, row = (np.asarray(part, dtype=float).ravel() for part in parts)
        high, wide = kernel.shape
        if (len(column), len(row)) == (wide, high) and high != wide:
            return "The two are the wrong way round: return the column first, then the row."
        if (len(column), len(row)) != (high, wide):
            return (
                f"A kernel of {high} by {wide} needs a column of {high} and a row of {wide}; yours hold {len(column)} "
                f"and {len(row)}."
            )
        with np.errstate(invalid="ignore"):
            product = np.outer(column, row)
        if np.allclose(product, kernel, atol=1e-5):
            continue
        if not np.isfinite(product).all():
            return f"For {name} you divide by 0. Let the column and the row cross at a number that is not 0."
        if high == wide and np.allclose(product, kernel.T, atol=1e-5):
            return "The two are the wrong way round: return the column first, then the row."
        if not product.any():
            return f"For {name} all products are 0. Take a column and a row that are not 0 everywhere."
        place = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
        factor = product[place] / kernel[place]
        if np.allclose(product, kernel * factor, atol=1e-5):
            hint = f"For {name} column times row is {factor:.3g} times the kernel: divide one of the two, once."
            return f"{hint} (With an SVD: the singular value.)"
        return f"For {name} column times row does not give the kernel back."
    return None


def _convolution(batch, weight, bias, stride, padding):
    arrays = [nd.array(array) for array in (batch, weight, bias)]
    result = nd.Convolution(
        *arrays, kernel=weight.shape[2:], num_filter=len(weight), stride=(stride, stride), pad=(padding, padding)
    )
    return result.asnumpy()


@exercise("Correct. This is all that a convolution is, in any size.")
def slide(function):
    chance = np.random.default_rng(3)
    batch, weight = chance.normal(size=(2, 3, 7, 7)), chance.normal(size=(4, 3, 3, 3))
    bias, none = np.array([1.0, -2, 3, 5]), np.zeros(4)
    expected = _convolution(batch, weight, none, 1, 0)
    answer = _array(call(function, batch, weight, none, 1, 0))
    if answer.shape == (4, 2, 5, 5):
        return "The axes are mixed up: the picture comes first, then the kernel."
    if answer.shape == (2, 4, 4, 4):
        return "One row and one column are missing: range stops before its end, so count size - kernel + 1 places."
    if answer.shape != expected.shape:
        return f"Pictures of shape {batch.shape}, weights of {weight.shape}: (2, 4, 5, 5); yours is {answer.shape}."
    if np.allclose(answer, _convolution(batch, weight[:, :, ::-1, ::-1], none, 1, 0), atol=1e-3):
        return "Your kernels are turned around, as in mathematics. Here they are laid on as they are."
    if np.allclose(answer, _convolution(batch[:, :1], weight[:, :1], none, 1, 0), atol=1e-3):
        return "Only the first channel counts in your answer: a kernel reaches through all of them."
    if not np.allclose(answer, expected, atol=1e-3):
        return "The shape is right, the numbers are not: sum over channel, row and column of the window."
    answer = _array(call(function, batch, weight, bias, 1, 0))
    if np.allclose(answer, expected, atol=1e-3):
        return "The sums are right; the bias is missing."
    if not np.allclose(answer, expected + bias[:, None, None], atol=1e-3):
        return "With biases it is wrong: each kernel adds its own to all of its map."
    cases = {
        "With stride 2 it is wrong: the window should move by two rows and two columns.": (batch, weight, 2, 0),
        "With padding 1 it is wrong: a frame of zeros goes around height and width, on both sides.": (
            batch, weight, 1, 1,
        ),
        "With stride 2 and padding 2 together it is wrong.": (batch, weight, 2, 2),
        "Right for squares, wrong for a picture or a kernel that is wider than it is high: take each side's own.": (
            chance.normal(size=(1, 2, 6, 9)), chance.normal(size=(4, 2, 2, 4)), 1, 1,
        ),
    }  # fmt: skip
    for hint, (pictures, kernels, stride, padding) in cases.items():
        expected = _convolution(pictures, kernels, bias, stride, padding)
        try:
            answer = _array(call(function, pictures, kernels, bias, stride, padding))
        except Mistake as mistake:
            return f"{hint} {mistake}"
        if answer.shape != expected.shape or not np.allclose(answer, expected, atol=1e-3):
            return hint
    return None


def _array(answer):
    return np.asarray(answer.asnumpy() if isinstance(answer, nd.NDArray) else answer, dtype=float)
