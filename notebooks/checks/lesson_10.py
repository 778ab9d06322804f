"""The exercises of lesson 10, pretrained classifiers."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Sorted downwards, cut after k, numbers turned into names.")
def best(function):
    probabilities = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
    names = ["ant", "bee", "cat", "dog", "eel"]
    answer = call(function, probabilities.copy(), list(names), 3)
    if isinstance(answer, str) or np.ndim(answer) != 1:
        return "Return a list of names, one for each of the k likeliest classes."
    answer = list(answer)
    if answer == ["bee", "dog", "eel"]:
        if list(call(function, probabilities.copy(), list(names), 1)) != ["bee"]:
            return "For k=3 it is right, for k=1 it is not. Is k used, or a 3 written in its place?"
        return None
    if not all(isinstance(name, str) for name in answer):
        return "Those are numbers. Look up the name of each: names[index]."
    if answer in (["cat", "ant", "eel"], ["eel", "ant", "cat"]):
        return "Those are the least likely: argsort sorts upwards."
    if answer == ["eel", "dog", "bee"]:
        return "The right names, the likeliest last. Turn the order around."
    if sorted(answer) == ["bee", "dog", "eel"]:
        return "The right names, but not sorted by probability."
    if len(answer) != 3:
        return f"For k=3 there should be 3 names; yours are {len(answer)}."
    return f"The three likeliest are bee, dog and eel; yours are {', '.join(answer)}."


@exercise("Correct. Several near twins make one certain answer.")
def together(function):
    names = ["tabby", "cab", "hen", "hen harrier", "lynx"]
    probabilities = np.array([[0.3, 0.2, 0.1, 0.1, 0.3], [0.1, 0.5, 0.05, 0.2, 0.15]])
    answer = np.asarray(call(function, probabilities.copy(), list(names), ["hen", "tabby"]), float)
    if answer.shape != (2,):
        if answer.size == 1:
            return "You summed over all pictures. Return one sum per picture: sum along the axis of the classes."
        return f"Two pictures should give two sums, shape (2,); yours has shape {answer.shape}."
    if np.allclose(answer, [0.4, 0.15]):
        return None
    if np.allclose(answer, [0.5, 0.35]):
        return "The hen harrier was counted as a hen. Compare whole names, not pieces of them."
    if np.allclose(answer, [0.3, 0.1]):
        return "That is the likeliest of the group, or its last member, alone. Add all of them up."
    if np.allclose(answer, [0.2, 0.075]):
        return "That is the mean of the group. Probabilities of things that exclude each other add up."
    if np.allclose(answer, [0.5, 0.6]) or np.allclose(answer, [0.6, 0.85]):
        return "Other columns were added up. The group goes by name: names.index(name) gives a name's column."
    return f"The group of hen and tabby should have 0.4 in the first picture; yours has {answer[0]:.2f}."


@exercise("Correct. 0 would be a network whose every probability can be taken at its word.")
def calibration_error(function):
    sure = np.array([0.95, 0.97, 0.96, 0.98, 0.99, 1.0, 0.62, 0.68, 0.35])
    correct = np.array([1, 1, 1, 1, 1, 0, 1, 0, 1], dtype=bool)
    parts = [(0.975, 5 / 6, 6), (0.65, 0.5, 2), (0.35, 1.0, 1)]
    middles = [(0.95, 5 / 6, 6), (0.65, 0.5, 2), (0.35, 1.0, 1)]
    right = sum(count * abs(mean - share) for mean, share, count in parts) / 9
    answer = call(function, sure.copy(), correct.copy())
    if np.size(answer) != 1:
        return "Return one number: the mean of the distances, each bin counting by its number of pictures."
    answer = float(answer)
    if np.isnan(answer):
        return "The result is not a number: an empty bin has no mean. Leave empty bins out."
    if np.isclose(answer, right):
        return None
    if np.isclose(answer, np.mean([abs(mean - share) for mean, share, _ in parts])):
        return "Every bin counts the same. Let a bin of six pictures count six times as much as a bin of one."
    if np.isclose(answer, sum(abs(mean - share) for mean, share, _ in parts) / 10):
        return "You divide by ten bins, the empty ones included. Let each bin count by its number of pictures."
    if np.isclose(abs(answer), abs(sure.mean() - correct.mean())):
        return "Too sure in one bin and too modest in another cancel out. Take the distance in each bin: abs."
    if np.isclose(answer, np.abs(sure - correct).mean()):
        return "That compares picture by picture. Take the means of each bin first, then their distance."
    if np.isclose(answer, sum(count * abs(middle - share) for middle, share, count in middles) / 9):
        return "You took the middle of each bin. Take the mean sureness of the pictures in it."
    if np.isclose(answer, (5 * abs(0.97 - 1) + 1 + 2 * 0.15 + 0.65) / 9):
        return "The picture with a sureness of exactly 1 is not in the last of the ten bins, where it belongs."
    return f"For the nine pictures of this check it should be {right:.3f}; yours is {answer:.3f}."
