"""What learners answer in lesson 03, and the part of the hint that each mistake must get."""

import numpy as np


def slide_with(combine, places=lambda side, kernel: side - kernel + 1):
    def slide(picture, kernel, stride):
        count = places(len(picture), len(kernel))
        padded = np.pad(picture, ((0, 3), (0, 3)))
        result = np.zeros((count, count))
        for row in range(count):
            for column in range(count):
                result[row, column] = combine(padded[row : row + 3, column : column + 3], kernel)
        return result

    return slide


def only_for_squares(picture, kernel, stride):
    count = (len(picture) - len(kernel)) // stride + 1
    places = [stride * place for place in range(count)]
    side = len(kernel)
    return np.array(
        [[(picture[row : row + side, column : column + side] * kernel).sum() for column in places] for row in places]
    )


def only_for_square_kernels(picture, kernel, stride):
    side = len(kernel)
    rows = range(0, picture.shape[0] - side + 1, stride)
    columns = range(0, picture.shape[1] - side + 1, stride)
    return np.array([[(picture[r : r + side, c : c + side] * kernel).sum() for c in columns] for r in rows])


def only_for_square_pictures(picture, kernel, stride):
    height, width = kernel.shape
    places = range(0, len(picture) - height + 1, stride)
    return np.array([[(picture[r : r + height, c : c + width] * kernel).sum() for c in places] for r in places])


def product(window, kernel):
    return (window * kernel).sum()


WRONG_ANSWERS = {
    "output_size": [
        (lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1, "both sides"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride, "One short"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1, "Divide with //"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel + 1) // stride, "after the division"),
        (lambda size, kernel, stride, padding: size // stride + 7, "should be 112"),
    ],
    "learned_numbers": [
        (lambda i, o, k, g: o * (i // g) * k * k, "add one bias"),
        (lambda i, o, k, g: o * i * k * k + o, "fewer channels"),
        (lambda i, o, k, g: o * (i // g) * k + o, "height and a width"),
        (lambda i, o, k, g: o * (i // g) * k * k + i, "not for each that is read"),
        (lambda i, o, k, g: o * (i // g) * k * k + 1, "of its own"),
        (lambda i, o, k, g: o * (i if g == 1 else 1) * k * k + o, "2 groups"),
        (lambda i, o, k, g: (o * i * k * k // g**2 if g < i else o * k * k) + o, "2 groups"),
    ],
    "slide": [
        (slide_with(product, places=lambda side, kernel: side), "as large as the picture"),
        (slide_with(product, places=lambda side, kernel: side - kernel), "range stops"),
        (slide_with(lambda window, kernel: (window * kernel[::-1, ::-1]).sum()), "turned around"),
        (slide_with(lambda window, kernel: (window * kernel).mean()), "adds them up"),
        (slide_with(product), "With stride 2"),
        (only_for_squares, "broadcast"),
        (only_for_square_kernels, "broadcast"),
        (only_for_square_pictures, "wider than it is high"),
    ],
}
