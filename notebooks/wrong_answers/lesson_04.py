"""What learners answer in lesson 04, and the part of the hint that each mistake must get."""

import numpy as np
from mxnet import nd


def left_over(size, window, stride, padding):
    return (size + 2 * padding - window) % stride


def how_many_windows(size, window, stride, padding):
    return (size + 2 * padding - window) // stride + 1


def with_padding_counted(size, window, stride, padding):
    starts = range(0, size + 2 * padding - window + 1, stride)
    return size + 2 * padding - len({place for start in starts for place in range(start, start + window)})


def without_padding(size, window, stride, padding):
    starts = range(0, size - window + 1, stride)
    return size - len({place for start in starts for place in range(start, start + window)})


def one_window_short(size, window, stride, padding):
    starts = range(-padding, size + padding - window, stride)
    return size - len({place for start in starts for place in range(start, start + window)} & set(range(size)))


def overlaps_twice(size, window, stride, padding):
    return size - how_many_windows(size, window, stride, padding) * window


def gaps_only(size, window, stride, padding):
    windows = (size + 2 * padding - window) // stride + 1
    return (windows - 1) * max(stride - window, 0)


def after_the_last_window(size, window, stride, padding):
    starts = range(-padding, size + padding - window + 1, stride)
    return max(size - (starts[-1] + window), 0)


def plain(maps, sizes):
    return maps.mean(axis=(2, 3))


def own_sums(maps, sizes, divide=lambda high, wide: 1):
    means = [
        one[:, :high, :wide].sum(axis=(1, 2)) / divide(high, wide)
        for one, (high, wide) in zip(maps.asnumpy(), sizes.asnumpy().astype(int), strict=True)
    ]
    return nd.array(np.array(means))


def own_sums_over_all(maps, sizes):
    return own_sums(maps, sizes, lambda high, wide: maps.shape[2] * maps.shape[3])


def all_over_own(maps, sizes):
    return maps.sum(axis=(2, 3)) / (sizes[:, 0] * sizes[:, 1]).expand_dims(axis=1)


def sides_mixed_up(maps, sizes):
    turned = [
        one[:, :wide, :high].mean(axis=(1, 2))
        for one, (high, wide) in zip(maps.asnumpy(), sizes.asnumpy().astype(int), strict=True)
    ]
    return nd.array(np.array(turned))


def of_the_first(maps, sizes):
    high, wide = (int(side) for side in sizes[1].asnumpy())
    return maps[:, :, :high, :wide].mean(axis=(2, 3))


def nonzero_only(maps, sizes):
    means = plain(maps, sizes)
    means[1:] *= 2
    return means


def measured(network, width=None, step=None, first=0):
    answers = []
    for column in range(64):
        picture = np.zeros((64, 64))
        picture[:, column] = 1
        answers.append(network(picture)[len(network(picture)) // 2] != 0)
    answers = np.array(answers)
    middle = answers.shape[1] // 2
    found = int(answers[:, first or middle].sum())
    return width or found, step or int(answers[:, middle + 1].argmax() - answers[:, middle].argmax())


def by_division(network):
    return measured(network, step=64 / network(np.zeros((64, 64))).shape[1])


def by_whole_division(network):
    return measured(network, step=64 // network(np.zeros((64, 64))).shape[1])


def wrong_way_round(network):
    return measured(network)[::-1]


WRONG_ANSWERS = {
    "unseen": [
        (left_over, "leave gaps in between"),
        (how_many_windows, "how many windows there are"),
        (with_padding_counted, "no number of the row"),
        (without_padding, "on both ends"),
        (one_window_short, "last window that fits"),
        (gaps_only, "last window that fits"),
        (overlaps_twice, "count numbers twice"),
        (after_the_last_window, "gaps between them"),
    ],
    "own_average": [
        (plain, "plain average"),
        (own_sums, "Those are the sums"),
        (own_sums_over_all, "Divide by its own height times width, too"),
        (all_over_own, "leave out what lies around it"),
        (sides_mixed_up, "mixed up"),
        (lambda maps, sizes: maps.mean(), "yours is (1,)"),
        (lambda maps, sizes: maps.mean(axis=1), "one mean per channel"),
        (nonzero_only, "fills its map"),
        (of_the_first, "first 2 rows and 3 columns"),
    ],
    "wide_view": [
        ([(2, 1), (2, 1), (2, 1), (2, 1), (2, 1), (2, 1)], "one number for 64 pixels"),
        ([(1, 1)] * 6, "sees 13 pixels"),
        ([(1, 1)] * 50, "six at most"),
        ([(2, 1), (2, 1), (1, 1), (1, 1), (1, 1), (1, 1)], "sees 39 pixels"),
        ([(1, 50)], "reads only 3"),
        ([(1, 16)] * 6, "reads only 13"),
        ([(2, 1), (2, 1), (1, 2), (1, 4), (1, 8)], "reads only 105"),
        ([3, 3, 3], "another kind"),
        ([(2, 1, 1)], "each as (stride, dilation)"),
        ([(0, 1), (2, 0)], "at least 1"),
    ],
    "probe": [
        (by_division, "Compare two neighbours"),
        (by_whole_division, "Compare two neighbours"),
        (wrong_way_round, "wrong way round"),
        (lambda network: measured(network, step=1), "The width is right"),
        (lambda network: measured(network, width=3), "The step is right"),
        (lambda network: 8, "Return two numbers"),
        (lambda network: (3, [1]), "no arrays"),
        (lambda network: (8, 4), "Neither is right"),
    ],
}
