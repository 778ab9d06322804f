"""The exercises of lesson 04, pooling."""

import math

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import call, exercise


def _unseen(size, window, stride, padding):
    starts = range(-padding, size + padding - window + 1, stride)
    return size - len({place for start in starts for place in range(start, start + window)} & set(range(size)))


@exercise("Correct. What no window looks at is lost without a word.")
def unseen(function):
    def everywhere(rule):
        return all(call(function, *case) == rule(*case) for case in cases)

    cases = [(4, 2, 2, 0), (112, 3, 2, 1), (112, 3, 2, 0), (5, 2, 2, 0), (20, 2, 3, 0), (21, 2, 4, 0), (9, 3, 5, 1)]
    if everywhere(_unseen):
        return None
    if everywhere(lambda size, window, stride, padding: (size + 2 * padding - window) % stride):
        return "That counts what is left over at the end. Windows that step over numbers leave gaps in between, too."
    if everywhere(lambda size, window, stride, padding: (size + 2 * padding - window) // stride + 1):
        return "That is how many windows there are. The numbers that none of them looks at are asked for."
    if everywhere(lambda size, window, stride, padding: size - ((size + 2 * padding - window) // stride + 1) * window):
        return "Where windows overlap you count numbers twice. Collect the places that are looked at, each once."
    for case in cases:
        answer, right = call(function, *case), _unseen(*case)
        if answer != right:
            size, window, stride, padding = case
            hint = f"size {size}, window {window}, stride {stride}, padding {padding}: {right}, and yours is {answer}."
            if stride > window:
                return f"{hint} Here the windows do not touch, so there are gaps between them."
            if padding:
                return f"{hint} The padding lies on both ends, and what lies on it is no number of the row."
            return f"{hint} Where does the last window that fits begin?"
    return None


@exercise("Correct. Each picture is judged by its own part of the batch.")
def own_average(function):
    chance = np.random.default_rng(4)
    maps, sizes = chance.normal(1, 1, (3, 2, 5, 7)), [(5, 7), (2, 3), (4, 1)]
    expected = np.array([one[:, :high, :wide].mean(axis=(1, 2)) for one, (high, wide) in zip(maps, sizes, strict=True)])
    given = nd.array(maps), nd.array(sizes)
    answer = call(function, *given)
    answer = np.asarray(answer.asnumpy() if isinstance(answer, nd.NDArray) else answer, dtype=float)
    if answer.shape == (3, 2, 1, 1):
        answer = answer[:, :, 0, 0]
    if answer.shape != (3, 2):
        return f"Three pictures with two channels should give (3, 2), one mean per channel; yours is {answer.shape}."
    if np.allclose(answer, expected, atol=1e-4):
        return None
    areas = np.array([[high * wide] for high, wide in sizes])
    if np.allclose(answer, maps.mean(axis=(2, 3)), atol=1e-4):
        return "That is the plain average, which counts what lies around each picture as well."
    if np.allclose(answer, expected * areas / 35, atol=1e-4):
        return "The sums are those of each picture's own part. Divide by its own height times width, too."
    if np.allclose(answer, expected * areas, atol=1e-4):
        return "Those are the sums. Divide each by its own height times width."
    if np.allclose(answer, maps.sum(axis=(2, 3)) / areas, atol=1e-4):
        return "You divide by each picture's own size, but sum over all of its map: leave out what lies around it."
    turned = [one[:, :wide, :high].mean(axis=(1, 2)) for one, (high, wide) in zip(maps, sizes, strict=True)]
    if np.allclose(answer, turned, atol=1e-4):
        return "Height and width are mixed up: the rows of the map go with the height."
    if np.allclose(answer[0], expected[0], atol=1e-4):
        return "Right for the picture that fills its map, wrong for the smaller ones."
    return "Those are not the means. For a picture of (2, 3), take the first 2 rows and 3 columns of each of its maps."


@exercise("Correct. Dilation takes over from the stride, and no pixel is left out.")
def wide_view(answer):
    if not isinstance(answer, list | tuple) or any(len(layer) != 2 for layer in answer):
        return "Write a list of layers, each as (stride, dilation)."
    if any(not isinstance(value, int) or value < 1 for layer in answer for value in layer):
        return "Strides and dilations are whole numbers of at least 1."
    if len(answer) > 6:
        return f"Those are {len(answer)} layers; six at most are asked for."
    width, step = 1, 1
    for stride, dilation in answer:
        width += 2 * dilation * step
        step *= stride
    if step > 4:
        return f"Your map has one number for {step} pixels; a quarter of the height is one for 4."
    if width < 101:
        return f"Your stack sees {width} pixels. Which layers add most, and what multiplies what they add?"
    read, step = {0}, 1
    for stride, dilation in answer:
        read = {place + side * dilation * step for place in read for side in (-1, 0, 1)}
        step *= stride
    if len(read) < width:
        return f"Of the {width} columns of its field your stack reads only {len(read)}: close the gaps from the inside."
    return None


class _Network:
    """A stack of windows with positive weights, as a function of a picture."""

    def __init__(self, *layers):
        self.layers = layers  # (kind, window, stride, padding)

    def __call__(self, picture):
        maps = nd.array(np.asarray(picture, dtype=float)).reshape((1, 1, *np.shape(picture)))
        for kind, window, stride, padding in self.layers:
            sides = {"kernel": (window,) * 2, "stride": (stride,) * 2, "pad": (padding,) * 2}
            if kind == "convolution":
                weights = nd.arange(1, window * window + 1).reshape((1, 1, window, window)) / window**2
                maps = nd.Convolution(maps, weights, num_filter=1, no_bias=True, **sides)
            else:
                maps = nd.Pooling(maps, pool_type=kind, **sides)
        return maps[0, 0].asnumpy()


@exercise("Correct. A network that can be asked can be measured.")
def probe(function):
    networks = {
        "one convolution of 3": (_Network(("convolution", 3, 1, 0)), 3, 1),
        "two convolutions with a max pooling between": (
            _Network(("convolution", 3, 1, 0), ("max", 2, 2, 0), ("convolution", 3, 1, 0)), 8, 2,
        ),
        "a stride of 3 and an average pooling": (_Network(("convolution", 5, 3, 0), ("avg", 2, 2, 0)), 8, 6),
        "a wide unpadded stack": (_Network(("convolution", 9, 3, 0), ("convolution", 9, 1, 0)), 33, 3),
        "a padded stack": (_Network(("convolution", 7, 2, 3), ("max", 3, 2, 1), ("convolution", 3, 1, 1)), 19, 4),
    }  # fmt: skip
    for name, (network, width, step) in networks.items():
        answer = call(function, network)
        if not isinstance(answer, list | tuple) or len(answer) != 2:
            return "Return two numbers, the width and the step."
        seen, moved = answer
        if any(not isinstance(value, int | float | np.number) for value in answer):
            return "Return two numbers, the width and the step, and no arrays."
        if (seen, moved) == (width, step):
            continue
        if (seen, moved) == (step, width):
            return "The two are the wrong way round: return the width first, then the step."
        share = 64 / network(np.zeros((64, 64))).shape[1]
        if moved != step and (math.isclose(moved, share) or moved == int(share)):
            return (
                "64 divided by the map's width is not the step where nothing pads the border. Compare two neighbours."
            )
        right = "The width is right" if seen == width else "The step is right" if moved == step else "Neither is right"
        return f"For {name} it should be {width} and {step}; yours are {seen} and {moved}. {right}."
    return None
