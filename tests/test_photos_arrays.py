"""Arrays are pictures where they can only mean one, and are refused by name where they cannot."""

import mxnet as mx
import numpy as np
import pytest
from pictures import scene

from gluon_lessons import photos


@pytest.mark.parametrize(
    "array",
    [
        scene(),
        scene().astype(np.float32) / 255,
        scene().astype(np.float64),
        scene().astype(np.int64),
        np.dstack([scene(), np.full((40, 60), 255, np.uint8)]),
    ],
    ids=["uint8", "zero to one", "zero to 255", "int64", "with alpha"],
)
def test_arrays_of_any_number_type_are_pictures_too(array):
    assert abs(photos.read(array).astype(int) - scene()).max() <= 1


def test_a_right_array_is_not_copied():
    array = scene()
    assert photos.read(array) is array


@pytest.mark.parametrize(
    "array", [np.zeros(5), np.zeros((4, 5, 2)), np.zeros((0, 5, 3)), np.zeros((1, 3, 4, 5)), np.array([["a", "b"]])]
)
def test_what_is_no_picture_is_refused(array):
    with pytest.raises(photos.PhotoError, match="is no picture"):
        photos.read(array)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_whole_numbers_up_to_255_are_brightnesses_whatever_their_type(dtype):
    assert np.array_equal(photos.read(scene().astype(dtype)), scene())


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint64])
def test_whole_numbers_up_to_65535_are_sixteen_bits(dtype):
    assert np.array_equal(photos.read(scene().astype(dtype) * 257), scene())
    ramp = np.arange(65536, dtype=dtype).reshape(256, 256)
    assert np.array_equal(photos.read(ramp)[:, :, 0], ramp >> 8)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fractions_go_to_1_or_to_255(dtype):
    for scale in (1, 255):
        picture = photos.read((scene() / 255 * scale).astype(dtype))
        assert abs(picture.astype(int) - scene()).max() <= 1
    assert photos.read(np.full((2, 2), 0.5, dtype))[0, 0].tolist() == [128, 128, 128]


def test_what_enlarging_overshoots_is_cut_off():
    fractions = scene().astype(np.float32) / 255
    fractions[0, 0], fractions[0, 1] = 1.1, -0.1
    picture = photos.read(fractions)
    assert picture[0, 0].tolist() == [255] * 3 and picture[0, 1].tolist() == [0] * 3
    assert abs(picture[1:].astype(int) - scene()[1:]).max() <= 1


def test_one_nan_is_refused_by_name():
    for where in ((0, 0, 0), (39, 59, 2)):
        for scale in (1, 255):
            array = scene().astype(np.float32) / 255 * scale
            array[where] = np.nan
            with pytest.raises(photos.PhotoError, match=r"holds NaN.*np.nan_to_num"):
                photos.read(array)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (scene().astype(np.float32) / 255 - 0.5, "from -0.5 to .*normalized"),
        (np.full((4, 4), np.inf), "from inf to inf"),
        (np.full((4, 4), -np.inf), "from -inf to -inf"),
        (np.full((4, 4), 1e6), "from 1e.06"),
        (np.full((4, 4), 320.0), "from 320 to 320"),
        (np.full((4, 4), -1), "from -1 to -1"),
        (np.full((4, 4), 65536), "to 65536"),
        (np.array([["a", "b"]]), "type <U1 .* real numbers"),
        (np.array([[b"a", b"b"]]), "type .S1 .* real numbers"),
        (np.zeros((4, 4), complex), "type complex128"),
        (np.zeros((4, 4), "datetime64[s]"), "type datetime64"),
        (np.zeros((4, 4), "timedelta64[s]"), "type timedelta64"),
        (np.array([[None, 1]]), "ndarray is no picture"),
        ([[1, 2], [3]], "rows differ"),
        (None, "NoneType is no picture"),
        ({"a": 1}, "dict is no picture"),
        (3, "int is no picture"),
        (object(), "object is no picture"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((4, 5, 2)), r"shape \(4, 5, 2\)"),
        (np.zeros((0, 5)), r"shape \(0, 5"),
        ([], r"shape \(0,\)"),
    ],
)
def test_what_means_nothing_is_refused_by_name(array, said):
    with pytest.raises(photos.PhotoError, match=said):
        photos.read(array)


def test_grey_lists_and_arrays_of_mxnet_are_pictures():
    grey = scene()[:, :, 0]
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    assert np.array_equal(photos.read(grey.tolist()), expected)
    assert np.array_equal(photos.read(grey[:, :, None]), expected)
    assert np.array_equal(photos.read(mx.nd.array(scene(), dtype="uint8")), scene())
    assert np.array_equal(photos.read(mx.nd.array(scene()) / 255), scene())
    assert photos.read(np.array([[True, False]]))[0].tolist() == [[255] * 3, [0] * 3]


def test_alpha_goes_over_white_in_every_type():
    array = np.dstack([scene(), np.full((40, 60), 128, np.uint8)])
    expected = scene() * (128 / 255) + 255 * (127 / 255)
    for picture in (array, array / 255, array.astype(np.uint16) * 257):
        assert abs(photos.read(picture) - expected).max() <= 1.5
