"""The exercises of lesson 03, convolution."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. You can now follow a picture through any network on paper.")
def output_size(function):
    def everywhere(rule):
        cases = [(5, 3, 1, 0), (224, 7, 2, 3), (32, 5, 1, 2), (10, 3, 3, 1)]
        return all(np.isclose(call(function, *case), rule(*case)) for case in cases)

    if everywhere(lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride + 1):
        return None
    if everywhere(lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1):
        return "The frame is on both sides: padding counts twice."
    if everywhere(lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride):
        return "One short: the window's first place counts as well. Add 1 at the end."
    if everywhere(lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1):
        return "A window fits a whole number of times. Divide with //, which rounds down."
    if everywhere(lambda size, kernel, stride, padding: (size + 2 * padding - kernel + 1) // stride):
        return "The 1 comes after the division: the first place is not shortened by the stride."
    answer = call(function, 224, 7, 2, 3)
    return f"For side 224, kernel 7, stride 2 and padding 3 it should be 112; yours is {answer}."


@exercise("Correct. Groups divide what each kernel sees, and so the weights.")
def learned_numbers(function):
    answers = call(function, 16, 32, 3, 1), call(function, 16, 16, 3, 16)
    full, depthwise = 32 * 16 * 9, 16 * 9
    hints = {
        (full, depthwise): "The weights are right; add one bias for each channel that is written.",
        (full + 32, 16 * 16 * 9 + 16): "Right for a full convolution. With groups, each kernel sees fewer channels.",
        (32 * 16 * 3 + 32, 16 * 3 + 16): "The kernel has a height and a width: kernel times kernel.",
        (full + 16, depthwise + 16): "There is one bias for each channel that is written, not for each that is read.",
        (full + 1, depthwise + 1): "Every kernel has a bias of its own, not one for all.",
    }
    if answers != (full + 32, depthwise + 16):
        return hints.get(answers, f"16 channels to 32 with a kernel of 3 should learn 4,640; yours says {answers[0]}.")
    halves = call(function, 16, 32, 3, 2)
    if halves != full / 2 + 32:
        return f"With 2 groups, each kernel sees 8 of 16 channels: 2,336 numbers in all; yours says {halves}."
    return None


@exercise("Correct. This is all that a convolution is.")
def slide(function):
    picture, kernel = np.arange(49.0).reshape(7, 7) ** 1.5, np.array([[1.0, 2, 0], [0, 3, -1], [1, 0, -2]])
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)
    expected = (windows * kernel).sum(axis=(2, 3))
    answer = np.asarray(call(function, picture, kernel, 1))
    if answer.shape == picture.shape:
        return "The result is as large as the picture. Without padding the window must stay inside: 7 becomes 5."
    if answer.shape == (4, 4):
        return "One row and one column are missing: range stops before its end, so count size - kernel + 1 places."
    if answer.shape != expected.shape:
        return f"A 7 by 7 picture and a 3 by 3 kernel should give 5 by 5; yours has shape {answer.shape}."
    if np.allclose(answer, (windows * kernel[::-1, ::-1]).sum(axis=(2, 3))):
        return "Your kernel is turned around, as in mathematics. Here it is laid on as it is."
    if np.allclose(answer, (windows * kernel).mean(axis=(2, 3))):
        return "You take the mean of the products. A convolution adds them up."
    if not np.allclose(answer, expected):
        return "The size is right, the numbers are not: multiply each weight by the pixel under it, then add up."
    strided = np.asarray(call(function, picture, kernel, 2))
    if strided.shape != (3, 3) or not np.allclose(strided, expected[::2, ::2]):
        return "With stride 1 it is right. With stride 2 the window should move by two rows and two columns."
    wide, kernel = np.arange(54.0).reshape(6, 9) ** 1.5, np.array([[1.0, 0, -2, 3], [2, 1, 0, -1]])
    expected = (np.lib.stride_tricks.sliding_window_view(wide, kernel.shape) * kernel).sum(axis=(2, 3))
    answer = np.asarray(call(function, wide, kernel, 1))
    if answer.shape != expected.shape or not np.allclose(answer, expected):
        return "Right for squares, wrong for a picture or a kernel that is wider than it is high: take each side's own."
    return None
