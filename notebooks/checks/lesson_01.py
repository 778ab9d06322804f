"""The exercises of lesson 01, NDArray."""

import numpy as np
from mxnet import nd

from gluon_lessons.course.check import call, exercise


def _scene():
    """Return two photographs of 20 pixels, of which six change: one gets brighter, five darker; six more are noisy."""
    before = np.full((4, 5, 3), 120, dtype="uint8")
    before[3, 0] = 250
    after = before.copy()
    after[0] -= 2
    after[0, 0, :2] = 200
    after[1, 1] = 20
    after[2, 0] += 20  # in each colour, so that only their sum is large
    after[2, 2, 2] = 90
    after[3, 0] = 0  # so much that a byte wraps around to 6
    after[3, 3] = 60
    after[3, 4, 0] = 60
    return before, after


@exercise("Correct. It counts pixels, and the noise of a camera no longer counts as motion.")
def moved(function):
    before, after = _scene()
    answer = _number(call(function, before, after, 25))
    change = after.astype(int) - before  # (height, width, channel)
    wrapped = after - before
    if np.isclose(answer, 6 / 20):
        if not np.isclose(_number(call(function, after, before, 25)), 6 / 20):
            return "Right this way round; with the two photographs exchanged it answers something else."
        if not np.allclose([_number(call(function, before, after, least)) for least in (29, 30)], [6 / 20, 5 / 20]):
            return "Use the `least` that is handed in: more than that is a change, exactly that is none."
        return None
    mistakes = [
        (6, "That is a number of pixels. Return their share, between 0 and 1: `mean` instead of `sum`."),
        (100 * 6 / 20, "That is in percent. Return a share between 0 and 1."),
        ((wrapped > 25).mean(), "Bytes wrap around: 118 - 120 is 254 in uint8. Widen both before you subtract."),
        ((wrapped > 25).any(axis=2).mean(), "Bytes wrap around: widen both photographs before you subtract."),
        ((change > 25).mean(), "What got darker has changed, too. And count pixels, not colours."),
        ((change > 25).any(axis=2).mean(), "What got darker has changed, too: take the absolute value."),
        ((abs(change) > 25).mean(), "That is the share of colours. Reduce over the channels before you take the mean."),
        (
            (abs(change) > 25).all(axis=2).mean(),
            "Those are the pixels of which all three colours changed; one is enough.",
        ),
        ((abs(change.mean(axis=2)) > 25).mean(), "A mean over the colours hides a change of one; look at the largest."),
    ]
    mistakes += [
        (
            (abs(change).sum(axis=2) > 25).mean(),
            "20 more in each colour is no change of more than 25: take the largest.",
        ),
        (
            (abs(wrapped.astype("int8").astype(int)).max(axis=2) > 25).mean(),
            "From 250 to 0 is missed: int8 is too small.",
        ),
    ]
    for share, hint in mistakes:
        if np.isclose(answer, share):
            return hint
    return f"Of 20 pixels 6 have changed by more than 25, which is a share of 0.3; yours says {answer:.4g}."


@exercise("Correct. One number per channel, stretched over batch, rows and columns.")
def normalise(function):
    batch = nd.random.uniform(shape=(2, 3, 4, 3))  # as wide as there are channels, so that a wrong axis still runs
    mean, spread = (0.1, 0.5, 0.9), (0.5, 1.0, 2.0)
    columns = [np.reshape(numbers, (1, 3, 1, 1)) for numbers in (mean, spread)]
    expected = (batch.asnumpy() - columns[0]) / columns[1]
    given = batch.asnumpy()
    answer = _numpy(call(function, batch, mean, spread))
    if not np.array_equal(batch.asnumpy(), given):
        return "Your function changes the batch that it was given: write batch - ..., which makes a new one, not -="
    if answer.shape != batch.shape:
        return f"The shape changed from {batch.shape} to {answer.shape}; normalising changes numbers only."
    if np.allclose(answer, (batch.asnumpy() - np.array(mean)) / np.array(spread), atol=1e-5):
        return "The numbers went along the width, the last axis. Reshape them to (1, 3, 1, 1)."
    if np.allclose(answer, batch.asnumpy() - columns[0], atol=1e-5):
        return "The mean is subtracted; now divide by the spread as well."
    if np.allclose(answer, batch.asnumpy() - columns[0] / columns[1], atol=1e-5):
        return "The division happened before the subtraction. Put brackets around the subtraction."
    if not np.allclose(answer, expected, atol=1e-5):
        return "The shape is right, the numbers are not: (batch - mean) / spread, one mean and one spread per channel."
    return None


@exercise("Correct. Every pixel met every colour, and the nearest won.")
def paint(function):
    photo = np.random.RandomState(3).randint(0, 256, (5, 6, 3)).astype("uint8")
    palette = np.array([[250, 250, 250], [10, 20, 10], [200, 60, 40], [60, 90, 200]], dtype="uint8")
    differences = photo[:, :, None].astype(float) - palette  # (height, width, colour, channel)
    squared = (differences**2).sum(axis=3)  # (height, width, colour)
    in_bytes = photo[:, :, None] - palette
    wrapped = [
        (in_bytes**2).sum(axis=3).argmin(axis=2),
        (in_bytes**2).sum(axis=3, dtype="uint8").argmin(axis=2),  # as MXNet adds up
        (in_bytes.astype(float) ** 2).sum(axis=3).argmin(axis=2),
    ]
    answer = _numpy(call(function, photo, palette))
    if answer.shape == squared.shape:
        return "That is the table of distances, one per pixel and colour. Which is the smallest: argmin(axis=2)?"
    if answer.shape == photo.shape[:2]:
        return "One number per pixel, its place in the palette: look the colours up with nd.take(palette, places)."
    if answer.shape != photo.shape:
        return f"A photograph of shape {photo.shape} came back with shape {answer.shape}."
    if np.array_equal(answer, palette[squared.argmin(axis=2)]):
        return None
    mistakes = [
        (squared.argmax(axis=2), "Those are the colours that are farthest away: argmin, not argmax."),
        *(
            (places, "Bytes wrap around: make float32 of photograph and palette before you subtract.")
            for places in wrapped
        ),
        (
            abs(differences).sum(axis=3).argmin(axis=2),
            "You added up absolute differences; the exercise asks for squares.",
        ),
        (
            differences.sum(axis=3).argmin(axis=2),
            "You added up the differences, so that plus and minus cancel: square them.",
        ),
    ]
    for places, hint in mistakes:
        if np.array_equal(answer, palette[places]):
            return hint
    if any(colour not in palette.tolist() for colour in answer.reshape(-1, 3).astype(int).tolist()):
        return "Some pixels have a colour that is not in the palette."
    share = (answer == palette[squared.argmin(axis=2)]).all(axis=2).mean()
    return f"Only {share:.0%} of the pixels got the nearest colour. Over which axis is the minimum taken?"


@exercise("Correct. Cut, move, cut: this is how every library draws its contact sheets.")
def contact_sheet(function):
    batch = nd.arange(6 * 3 * 4 * 5).reshape((6, 3, 4, 5))  # (batch, channel, height, width)
    tiles = batch.asnumpy().reshape(2, 3, 3, 4, 5)  # (sheet row, sheet column, channel, height, width)
    expected = tiles.transpose(0, 3, 1, 4, 2).reshape(8, 15, 3)
    answer = _numpy(call(function, batch, 3))
    if answer.shape == (3, 8, 15):
        return "The channels come first; a picture to look at is (height, width, channel)."
    if answer.shape == (10, 12, 3):
        return "Height and width are exchanged: a picture of 4 rows by 5 columns adds 4 to the height of the sheet."
    if answer.shape == (12, 10, 3):
        return "With columns=3, six pictures make two rows of three; yours are three rows of two."
    if answer.shape != expected.shape:
        return f"Six pictures of 4 by 5 pixels in 3 columns make a sheet of shape {expected.shape}, not {answer.shape}."
    if np.array_equal(answer, batch.asnumpy().reshape(8, 15, 3)):
        return "The shape is right and nothing was moved: reshape alone cuts pictures to pieces. Transpose in between."
    by_column = batch.asnumpy().reshape(3, 2, 3, 4, 5).transpose(1, 3, 0, 4, 2).reshape(8, 15, 3)
    if np.array_equal(answer, by_column):
        return "The pictures go down the columns; they should fill one row of the sheet after the other."
    if not np.array_equal(answer, expected):
        return (
            "The shape is right, the order is not. Before the last reshape, the axes should stand in the order in "
            "which you read the sheet: its row, the height, its column, the width, the channel."
        )
    if not np.array_equal(_numpy(call(function, batch, 2)), tiles_in(batch.asnumpy(), 2)):
        return "Right for three columns, wrong for two: use the `columns` that are handed in."
    return None


def tiles_in(batch, columns):
    """Return the contact sheet of a batch, picture by picture."""
    _, channels, height, width = batch.shape
    sheet = np.zeros((len(batch) // columns * height, columns * width, channels))
    for place, picture in enumerate(batch):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return sheet


def _numpy(answer):
    return answer.asnumpy() if hasattr(answer, "asnumpy") else np.asarray(answer)


def _number(answer):
    return float(answer.asscalar() if hasattr(answer, "asscalar") else answer)
