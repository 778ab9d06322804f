"""The exercises of lesson 13, instances and poses."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Whoever has the masks needs nobody to draw the boxes.")
def box_of(function):
    mask = np.zeros((8, 12), bool)
    mask[2:5, 3:9] = True
    mask[6, 10] = True  # a crumb that belongs to the thing
    answer = call(function, mask)
    if np.size(answer) != 4:
        return "Return four numbers: left, top, right, bottom."
    answer = tuple(int(side) for side in answer)
    if answer == (3, 2, 10, 6):
        return "right and bottom are one past the last pixel; yours cut the last column and row off."
    if answer in ((2, 3, 7, 11), (2, 3, 6, 10)):
        return "You have top, left, bottom, right. x comes from the columns, and comes first."
    if answer in ((3, 2, 8, 5), (3, 2, 7, 4)):
        return "The last two are the width and the height. They should be the right and bottom sides."
    if answer == (3, 2, 9, 5):
        return "A pixel apart from the rest belongs to the thing as well. Take the extremes of all true pixels."
    if answer == (0, 0, 12, 8):
        return "That is the whole picture. Look only where the mask is true."
    if answer != (3, 2, 11, 7):
        return f"On a small mask it should be (3, 2, 11, 7); yours is {answer}."
    return None


def _person(shoulders=(50, 50), wrists=(80, 80), wrist_scores=(0.9, 0.9)):
    """A body in pixels, (keypoint, 3): a left and a right one of each, of which only the heights matter."""
    person = np.full((17, 3), 60.0)
    person[:, 2] = 0.9
    person[[5, 6], 0], person[[5, 6], 1] = (70, 30), shoulders
    person[[9, 10], 0], person[[9, 10], 1] = (75, 25), wrists
    person[[9, 10], 2] = wrist_scores
    return person


@exercise("Correct. One comparison, and a score that keeps you from believing in imagined hands.")
def hand_raised(function):
    answer = call(function, _person())
    if np.size(answer) != 1:
        return "Return one answer for the person: is any hand up?"
    if answer:
        return "Both hands hang down, and yours says that one is up. Rows count from the top: above is a smaller y."
    if not call(function, _person(wrists=(20, 80))):
        return "The left hand is up, and yours does not see it. One raised hand is enough."
    if not call(function, _person(wrists=(80, 20))):
        return "The right hand is up, and yours does not see it. Look at both sides."
    if call(function, _person(wrists=(20, 80), wrist_scores=(0.1, 0.9))):
        return "The raised wrist has a score of 0.1: the network has not seen it. Ask for 0.5 of wrist and shoulder."
    if call(function, _person(shoulders=(40, 70), wrists=(50, 80))):
        return "Compare each wrist with the shoulder of its own side; here one is above the other side's shoulder."
    return None


FOUND = np.array([[10.0, 10], [23, 24], [40, 52], [90, 90]])
TRUE = np.array([[10.0, 10], [20, 20], [40, 40], [10, 10]])
VISIBLE = np.array([True, True, True, False])
SIZE, TOLERANCE = 50.0, np.array([0.05, 0.08, 0.2, 0.1])


@exercise("Correct. Averaged over many people and limits, this becomes the AP in the tables of poses.")
def oks(function):
    answer = call(function, FOUND.copy(), TRUE.copy(), VISIBLE.copy(), SIZE, TOLERANCE.copy())
    if np.size(answer) != 1:
        return "Return one number for the pose: the mean over the visible keypoints."
    squared = ((FOUND - TRUE) ** 2).sum(axis=1)
    each = np.exp(-squared / (2 * SIZE**2 * TOLERANCE**2))
    right = each[VISIBLE].mean()
    if np.isclose(answer, each.mean()) or np.isclose(answer, (each * VISIBLE).mean()):
        return "One keypoint is not visible, so it has no true place. Leave it out of the mean."
    if np.isclose(answer, np.exp(-squared / (SIZE**2 * TOLERANCE**2))[VISIBLE].mean()):
        return "The 2 in the denominator is missing."
    if np.isclose(answer, np.exp(-np.sqrt(squared) / (2 * SIZE**2 * TOLERANCE**2))[VISIBLE].mean()):
        return "The distance must be squared."
    if np.isclose(answer, np.exp(-squared / (2 * SIZE * TOLERANCE))[VISIBLE].mean()):
        return "Size and tolerance must be squared as well, or large people are judged as strictly as small ones."
    if np.isclose(answer, each[VISIBLE].sum()):
        return "That is the sum over the keypoints. Take the mean, so that 1 is the best."
    if not np.isclose(answer, right):
        return f"On a small example it should be {right:.3f}; yours is {float(answer):.3f}."
    return None
