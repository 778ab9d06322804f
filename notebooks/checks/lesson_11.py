"""The exercises of lesson 11, detection."""

import numpy as np

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Left and right go with the width, top and bottom with the height.")
def to_photo(function):
    boxes, size = np.array([[30.0, 60, 150, 300], [0, 0, 300, 150]]), (600, 900)
    right = boxes * [3, 2, 3, 2]
    answer = np.asarray(call(function, boxes, size), float)
    if answer.shape != boxes.shape:
        return f"Boxes of shape {boxes.shape} came back with shape {answer.shape}; only the numbers should change."
    if np.allclose(answer, right):
        return None
    if np.allclose(answer, boxes * [2, 3, 2, 3]):
        return "Across and down are swapped: the size is (height, width), a box begins with left, then top."
    if np.allclose(answer, right * 300):
        return "Nearly: the boxes are in pixels of 300. Divide by 300."
    if any(np.allclose(answer, boxes * factor) for factor in (2, 3)):
        return "You use one factor for both directions. Across, it is the width that counts; down, the height."
    if np.allclose(answer, boxes / [3, 2, 3, 2]):
        return "The boxes became smaller. It is the other way round: from 300 pixels to the photograph's."
    return f"The first box should become {right[0].tolist()} on a photograph of {size}; yours is {answer[0].tolist()}."


@exercise("Correct. What has been dropped drops nobody.")
def nms(function):
    # A row of boxes of 10 by 10: the second overlaps the first and the third by a half each, the fourth stands alone.
    boxes = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10], [10, 0, 20, 10], [50, 0, 60, 10]])
    scores = np.array([0.8, 0.9, 0.7, 0.95])
    answer = np.asarray(call(function, boxes.copy(), scores.copy(), 0.2))
    if answer.ndim == 2:
        return "Return the positions of the boxes that stay, not the boxes themselves."
    answer = [int(position) for position in np.atleast_1d(answer)]
    if answer == [3, 1, 2]:
        if list(call(function, boxes.copy(), scores.copy(), 0.5)) != [3, 1, 0, 2]:
            return "With an overlap of 0.5 all four should stay, since none shares more. Is `overlap` used?"
        return None
    if answer == [3, 1]:
        return "You let a box drop another after it was dropped itself. Compare only with boxes that stay."
    if sorted(answer) == [0, 1, 2, 3]:
        return "Nothing was dropped. Which boxes overlap a surer one by more than the overlap?"
    if sorted(answer) == [1, 2, 3]:
        return "The right boxes stay, in another order than asked for: the surest first."
    if answer == [3]:
        return "Only the surest box of all stays. Go on with the surest one left, until none is left."
    if 0 in answer:
        return "A less sure box dropped a surer one. Begin with the surest: sort by score, from high to low."
    return f"The boxes at [3, 1, 2] should stay, in this order; yours are {answer}."


@exercise("Correct. This is how a detector turns its numbers into boxes.")
def decode(function):
    anchors = np.array([[100.0, 50, 40, 20], [150, 150, 60, 120]])
    corrections = np.array([[0.0, 0, 0, 0], [1, -2, 2, -1]])

    def boxes(tenth=10, fifth=5, stretch=np.exp):
        centres = anchors[:, :2] + corrections[:, :2] / tenth * anchors[:, 2:]
        return centres, anchors[:, 2:] * stretch(corrections[:, 2:] / fifth)

    def corners(centres, sides):
        return np.hstack([centres - sides / 2, centres + sides / 2])

    centres, sides = boxes()
    answer = np.asarray(call(function, anchors.copy(), corrections.copy()), float)
    if answer.shape != anchors.shape:
        return f"Two anchors should give boxes of shape {anchors.shape}; yours have {answer.shape}."
    if np.allclose(answer, corners(centres, sides)):
        return None
    if np.allclose(answer, np.hstack([centres, sides])):
        return "That is centre and size. Turn them into left, top, right and bottom."
    if np.allclose(answer, np.hstack([centres - sides, centres + sides])):
        return "The boxes are twice as large as they should be. From the centre to the edge it is half a side."
    if np.allclose(answer, corners(*boxes(1, 1))):
        return "The corrections are used as they are. The centre moves in tenths, the size stretches in fifths."
    if np.allclose(answer, corners(*boxes(stretch=lambda fifths: 1 + fifths))):
        return "The sides stretch by e to the power of a fifth of the number: np.exp. Yours stretch in proportion."
    if np.allclose(answer, corners(*boxes(stretch=lambda fifths: fifths))):
        return "A correction of 0 should leave the anchor as it is; yours gives a box without size. Use np.exp."
    if np.allclose(answer, corners(anchors[:, :2] + corrections[:, :2] / 10, sides)):
        return "The centre moves in tenths of the anchor's width and height, not in tenths of a pixel."
    return f"The second anchor should become {corners(centres, sides)[1].round(1)}; yours is {answer[1].round(1)}."
