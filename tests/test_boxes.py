"""The arithmetic of boxes: against cases worked out by hand, and against MXNet's own operators."""

import mxnet as mx
import numpy as np
import pytest

from gluon_lessons import boxes


def some_boxes(count, seed=0):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 80, (count, 2))
    return np.concatenate([corners, corners + random.uniform(1, 40, (count, 2))], axis=1)


def test_iou_by_hand():
    box = [0, 0, 10, 10]
    others = [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [10, 0, 20, 10], [2, 2, 4, 4], [3, 3, 3, 3]]
    assert np.allclose(boxes.iou(box, others), [[1, 50 / 150, 0, 0, 4 / 100, 0]])


def test_iou_is_mxnets():
    ours = boxes.iou(some_boxes(20), some_boxes(30, seed=1))
    theirs = mx.nd.contrib.box_iou(mx.nd.array(some_boxes(20)), mx.nd.array(some_boxes(30, seed=1))).asnumpy()
    assert ours.shape == (20, 30)
    assert np.allclose(ours, theirs, atol=1e-6)


def test_decoding_is_mxnets():
    random = np.random.default_rng(2)
    offsets, anchors = (
        random.normal(0, 1, (40, 4)),
        np.concatenate([random.uniform(0, 300, (40, 2)), random.uniform(10, 90, (40, 2))], 1),
    )
    expected = mx.nd.contrib.box_decode(
        mx.nd.array([offsets]), mx.nd.array([anchors]), *boxes.DEVIATIONS, format="center"
    )
    assert np.allclose(boxes.decode(offsets, anchors), expected.asnumpy()[0], atol=1e-3)
    still = boxes.decode(np.zeros((1, 4)), np.array([[50, 60, 20, 10]]))
    assert np.allclose(still, [[40, 55, 60, 65]])


def test_suppression_by_hand():
    corners = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 1, 10, 11]])
    scores, kinds = np.array([0.8, 0.9, 0.3, 0.7]), np.array([0, 0, 0, 1])
    assert boxes.nms(corners, scores, kinds, 0.5).tolist() == [1, 3, 2]  # the last is of another kind
    assert boxes.nms(corners, scores, kinds * 0, 0.5).tolist() == [1, 2]
    assert boxes.nms(corners, scores, kinds, 0.95).tolist() == [1, 0, 3, 2]
    assert boxes.nms(np.zeros((0, 4)), np.zeros(0), np.zeros(0), 0.5).tolist() == []


@pytest.mark.parametrize("overlap", [0.1, 0.45, 0.8])
def test_suppression_is_mxnets(overlap):
    corners, random = some_boxes(200), np.random.default_rng(3)
    scores, kinds = random.permutation(200) / 200 + 0.001, random.integers(0, 3, 200)
    rows = np.column_stack([kinds, scores, corners])
    theirs = mx.nd.contrib.box_nms(
        mx.nd.array(rows), overlap_thresh=overlap, id_index=0, score_index=1, coord_start=2, force_suppress=False
    ).asnumpy()
    kept = boxes.nms(corners, scores, kinds, overlap)
    assert np.allclose(scores[kept], theirs[theirs[:, 0] >= 0, 1], atol=1e-6)


def test_what_is_not_sure_enough_costs_nothing_and_changes_nothing():
    random = np.random.default_rng(4)
    probabilities = random.dirichlet(np.full(4, 0.3), 50)
    anchors = np.concatenate([random.uniform(0, 300, (50, 2)), random.uniform(40, 90, (50, 2))], 1)
    offsets = random.normal(0, 0.3, (50, 4))
    everything = boxes.detections(probabilities, offsets, anchors, 0.0, 0.45)
    for threshold in (0.3, 0.7):
        kinds, scores, corners = boxes.detections(probabilities, offsets, anchors, threshold, 0.45)
        sure = everything[1] >= threshold
        assert 0 < len(scores) < len(everything[1])
        for part, whole in zip((kinds, scores, corners), everything, strict=True):
            # not to the last bit: NumPy's vector instructions round a number by where in the array it stands
            assert part.shape == whole[sure].shape and np.allclose(part, whole[sure], rtol=1e-12)
