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
    ],
    "slide": [
        (slide_with(product, places=lambda side, kernel: side), "as large as the picture"),
        (slide_with(product, places=lambda side, kernel: side - kernel), "range stops"),
        (slide_with(lambda window, kernel: (window * kernel[::-1, ::-1]).sum()), "turned around"),
        (slide_with(lambda window, kernel: (window * kernel).mean()), "adds them up"),
        (slide_with(product), "With stride 2"),
    ],
}
