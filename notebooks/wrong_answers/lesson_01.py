"""What learners answer in lesson 01, and the part of the hint that each mistake must get."""

import numpy as np
from mxnet import nd


def difference(before, after):
    return after.astype("float32") - before.astype("float32")


def in_bytes(before, after, least):
    return (after - before > least).mean()


def in_bytes_by_pixel(before, after, least):
    return (after - before > least).any(axis=2).mean()


def only_brighter(before, after, least):
    return (difference(before, after).max(axis=2) > least).mean()


def only_brighter_by_colour(before, after, least):
    return (difference(before, after) > least).mean()


def by_colour(before, after, least):
    return (abs(difference(before, after)) > least).mean()


def all_colours(before, after, least):
    return (abs(difference(before, after)).min(axis=2) > least).mean()


def mean_colour(before, after, least):
    return (abs(difference(before, after).mean(axis=2)) > least).mean()


def counted(before, after, least):
    return (abs(difference(before, after)).max(axis=2) > least).sum()


def in_percent(before, after, least):
    return 100 * (abs(difference(before, after)).max(axis=2) > least).mean()


def sum_of_colours(before, after, least):
    return (abs(difference(before, after)).sum(axis=2) > least).mean()


def distance_of_colours(before, after, least):
    return ((difference(before, after) ** 2).sum(axis=2) ** 0.5 > least).mean()


def too_narrow(before, after, least):
    return (abs((after - before).astype("int8").astype(int)).max(axis=2) > least).mean()


def its_own_least(before, after, least):
    return (abs(difference(before, after)).max(axis=2) > 25).mean()


def at_least(before, after, least):
    return (abs(difference(before, after)).max(axis=2) >= least).mean()


def along_the_width(batch, mean, spread):
    return (batch - nd.array(mean)) / nd.array(spread)


def subtracts_only(batch, mean, spread):
    return batch - nd.array(mean).reshape((1, 3, 1, 1))


def in_place(batch, mean, spread):
    batch -= nd.array(mean).reshape((1, 3, 1, 1))
    batch /= nd.array(spread).reshape((1, 3, 1, 1))
    return batch


def forgets_brackets(batch, mean, spread):
    mean, spread = (nd.array(numbers).reshape((1, 3, 1, 1)) for numbers in (mean, spread))
    return batch - mean / spread


def distances(photo, palette):
    return ((nd.array(photo).expand_dims(2) - nd.array(palette).reshape((1, 1, -1, 3))) ** 2).sum(axis=3)


def farthest(photo, palette):
    return nd.take(nd.array(palette), distances(photo, palette).argmax(axis=2))


def wraps_around(photo, palette):
    return palette[((photo[:, :, None] - palette) ** 2).sum(axis=3).argmin(axis=2)]


def wraps_around_in_mxnet(photo, palette):
    photo, palette = nd.array(photo, dtype="uint8"), nd.array(palette, dtype="uint8")
    squares = (photo.expand_dims(2) - palette.reshape((1, 1, -1, 3))) ** 2
    return nd.take(palette, squares.sum(axis=3).astype("float32").argmin(axis=2))


def widens_too_late(photo, palette):
    return palette[((photo[:, :, None] - palette).astype(float) ** 2).sum(axis=3).argmin(axis=2)]


def absolute(photo, palette):
    return palette[abs(photo[:, :, None].astype(float) - palette).sum(axis=3).argmin(axis=2)]


def signed(photo, palette):
    return palette[(photo[:, :, None].astype(float) - palette).sum(axis=3).argmin(axis=2)]


def cut_only(batch, columns):
    _, channels, _, width = batch.shape
    return batch.reshape((-1, columns * width, channels))


def sheet_in_order(batch, columns, order):
    pictures, channels, height, width = batch.shape
    grid = batch.reshape((pictures // columns, columns, channels, height, width)).transpose(order)
    return grid.reshape((pictures // columns * height, columns * width, channels))


def down_the_columns(batch, columns):
    pictures, channels, height, width = batch.shape
    grid = batch.reshape((columns, pictures // columns, channels, height, width)).transpose((1, 3, 0, 4, 2))
    return grid.reshape((pictures // columns * height, columns * width, channels))


def channels_first(batch, columns):
    pictures, channels, height, width = batch.shape
    grid = batch.reshape((pictures // columns, columns, channels, height, width)).transpose((2, 0, 3, 1, 4))
    return grid.reshape((channels, pictures // columns * height, columns * width))


def width_for_height(batch, columns):
    return contact_sheet_of(batch.transpose((0, 1, 3, 2)), columns)


def contact_sheet_of(batch, columns):
    return sheet_in_order(batch, columns, (0, 3, 1, 4, 2))


def columns_for_rows(batch, columns):
    return sheet_in_order(batch, batch.shape[0] // columns, (0, 3, 1, 4, 2))


WRONG_ANSWERS = {
    "moved": [
        (in_bytes, "118 - 120 is 254"),
        (in_bytes_by_pixel, "widen both photographs"),
        (only_brighter, "What got darker has changed, too: take the absolute value."),
        (only_brighter_by_colour, "count pixels, not colours"),
        (by_colour, "share of colours"),
        (all_colours, "one is enough"),
        (mean_colour, "hides a change"),
        (sum_of_colours, "20 more in each colour"),
        (distance_of_colours, "20 more in each colour"),
        (too_narrow, "int8 is too small"),
        (counted, "a number of pixels"),
        (in_percent, "in percent"),
        (its_own_least, "handed in"),
        (at_least, "exactly that is none"),
        (lambda before, after, least: 0.3 if before[1, 1, 0] == 120 else 0.5, "exchanged"),
        (lambda before, after, least: 0.77, "yours says 0.77"),
    ],
    "normalise": [
        (along_the_width, "along the width"),
        (subtracts_only, "divide by the spread"),
        (in_place, "changes the batch"),
        (forgets_brackets, "brackets"),
        (lambda batch, mean, spread: batch[0], "The shape changed"),
        (lambda batch, mean, spread: batch * 3, "the numbers are not"),
        (lambda batch, mean, spread: batch - batch.undefined, "AttributeError"),
    ],
    "paint": [
        (distances, "table of distances"),
        (lambda photo, palette: distances(photo, palette).argmin(axis=2), "nd.take"),
        (farthest, "farthest away"),
        (wraps_around, "wrap around"),
        (wraps_around_in_mxnet, "wrap around"),
        (widens_too_late, "wrap around"),
        (absolute, "asks for squares"),
        (signed, "cancel"),
        (lambda photo, palette: photo, "not in the palette"),
        (lambda photo, palette: np.zeros_like(photo) + palette[1], "nearest colour"),
        (lambda photo, palette: photo[0], "came back with shape"),
    ],
    "contact_sheet": [
        (cut_only, "nothing was moved"),
        (down_the_columns, "down the columns"),
        (channels_first, "channels come first"),
        (columns_for_rows, "three rows of two"),
        (width_for_height, "Height and width are exchanged"),
        (lambda batch, columns: sheet_in_order(batch, columns, (0, 1, 3, 4, 2)), "the order is not"),
        (lambda batch, columns: sheet_in_order(batch, 3, (0, 3, 1, 4, 2)), "wrong for two"),
        (lambda batch, columns: batch, "a sheet of shape"),
    ],
}
