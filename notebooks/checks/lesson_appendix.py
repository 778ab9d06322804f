"""The exercises of the appendix on tables."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. The label first, no header, nothing else.")
def to_csv(function):
    rows, labels = [[5.5, 7, 2], [6.25, 8, 3]], [1, 0]
    answer = call(function, [list(row) for row in rows], list(labels))
    if not isinstance(answer, str):
        return f"Return text; this is a {type(answer).__name__}."
    lines = answer.strip().splitlines()
    if len(lines) == 3 and any(letter.isalpha() for letter in lines[0]):
        return "The first line holds names. The algorithm wants no header."
    if len(lines) != 2:
        return f"Two rows make two lines, each ended by a line break; yours are {len(lines)}."
    try:
        found = [[float(value) for value in line.split(",")] for line in lines]
    except ValueError:
        return "Something in it is not a number with commas around: brackets, semicolons, or a name?"
    if found == [[1, 5.5, 7, 2], [0, 6.25, 8, 3]]:
        return None
    if found == [[*row, label] for row, label in zip(rows, labels, strict=True)]:
        return "The label stands last, where the algorithm takes it for a measure. It comes first."
    if found == rows:
        return "The labels are missing."
    if [line[0] for line in found] == [0, 1]:
        return "Each line begins with its own number: that is an index, as pandas writes it. Leave it out."
    return f"The first line should be 1,5.5,7,2 (its label, then its row); yours is {lines[0]}."


@exercise("Correct. One step higher, and somebody is missed.")
def safest(function):
    truth = np.array([0, 1, 0, 1, 1, 0])
    probability = np.array([0.5, 0.375, 0.125, 0.75, 0.875, 0.625])
    answer = call(function, truth.copy(), probability.copy())
    if np.size(answer) != 1:
        return "Return one number."
    answer = float(np.squeeze(answer))
    if answer == 0.125:
        return "That is the least probability of all. Look at the malignant samples alone."
    if answer == 0.625:
        return "That is the surest benign sample: no false alarms above it, but a malignant one below is missed."
    if answer == 0.875:
        return "At the surest malignant sample, all the others are missed. Take the least sure one."
    if answer < 0.375:
        return f"At {answer:g} nobody is missed, but you can go higher, with fewer false alarms."
    if answer != 0.375:
        return f"At {answer:g} a malignant sample with the probability .375 is missed."
    return None
