"""Faster and Mask R-CNN say what torchvision's say, with the same random weights.

`data/torchvision_rcnn.npz` holds what torchvision 0.15.2 said about three photographs, made 320 pixels high.
Where torchvision is installed, it is asked itself, about photographs of full size.
"""

import dataclasses
import re
from collections import OrderedDict
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
import weight_files
from gluoncv import model_zoo

from gluon_lessons import fast, photos, predict
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import by_hand, catalogue, families, store
from gluon_lessons.zoo.families import torchvision_rcnn
from gluon_lessons.zoo.networks import torchvision_rcnn as rcnn

SAID = Path(__file__).parent / "data" / "torchvision_rcnn.npz"
PHOTOS = ("astronaut", "canteen", "motorcycle")
LARGE = ("astronaut", "coffee", "motorcycle")  # torchvision before 0.16 makes some pictures a pixel smaller, not these
SMALL, FULL = 320, 800  # pixels of the shorter side
FASTER, MASK = "faster_rcnn_fpn_resnet50_v1b_coco", "mask_rcnn_fpn_resnet50_v1b_coco"


def checkpoint(masks=True, seed=0):
    """Random weights as torchvision keeps them, of such sizes that the network says different things of places."""
    random, state = np.random.default_rng(seed), {}

    def layer(name, out, inside, kernel=1, gain=2.0, bias=0.0):
        deviation = np.sqrt(gain / (inside * kernel**2))
        shape = (out, inside, kernel, kernel) if kernel else (out, inside)
        state[f"{name}.weight"] = random.normal(0, deviation, shape).astype(np.float32)
        if bias is not None:
            state[f"{name}.bias"] = random.normal(0, bias, out).astype(np.float32)

    def normalized(name, normalization, out, inside, kernel, size=1.0):
        layer(name, out, inside, kernel, bias=None)
        state[f"{normalization}.weight"] = size * random.uniform(0.8, 1.2, out).astype(np.float32)
        state[f"{normalization}.bias"] = random.normal(0, 0.1, out).astype(np.float32)
        state[f"{normalization}.running_mean"] = random.normal(0, 0.1, out).astype(np.float32)
        state[f"{normalization}.running_var"] = random.uniform(0.8, 1.2, out).astype(np.float32)

    def dense(name, out, inside, gain=2.0, bias=0.0):
        state[f"{name}.weight"] = random.normal(0, np.sqrt(gain / inside), (out, inside)).astype(np.float32)
        state[f"{name}.bias"] = random.normal(0, bias, out).astype(np.float32)

    body, in_channels = "backbone.body", 64
    normalized(f"{body}.conv1", f"{body}.bn1", 64, 3, 7)
    for number, (blocks, channels, _) in enumerate(rcnn.STAGES):
        for block in range(blocks):
            name = f"{body}.layer{number + 1}.{block}"
            normalized(f"{name}.conv1", f"{name}.bn1", channels, in_channels, 1)
            normalized(f"{name}.conv2", f"{name}.bn2", channels, channels, 3)
            normalized(f"{name}.conv3", f"{name}.bn3", 4 * channels, channels, 1, size=0.4)
            if not block:
                normalized(f"{name}.downsample.0", f"{name}.downsample.1", 4 * channels, in_channels, 1, size=0.7)
            in_channels = 4 * channels
        layer(f"backbone.fpn.inner_blocks.{number}.0", 256, in_channels, gain=1.0)
        layer(f"backbone.fpn.layer_blocks.{number}.0", 256, 256, 3, gain=1.0)
    layer("rpn.head.conv.0.0", 256, 256, 3)
    layer("rpn.head.cls_logits", 3, 256)
    layer("rpn.head.bbox_pred", 12, 256, gain=0.003)
    dense("roi_heads.box_head.fc6", 1024, 256 * 49)
    dense("roi_heads.box_head.fc7", 1024, 1024)
    dense("roi_heads.box_predictor.cls_score", 91, 1024, gain=0.9)
    state["roi_heads.box_predictor.cls_score.bias"][0] = 11  # most regions hold nothing
    dense("roi_heads.box_predictor.bbox_pred", 364, 1024, gain=0.1)
    if masks:
        for number in range(4):
            layer(f"roi_heads.mask_head.{number}.0", 256, 256, 3)
        layer("roi_heads.mask_predictor.conv5_mask", 256, 256, 2)
        layer("roi_heads.mask_predictor.mask_fcn_logits", 91, 256)
    return state


def ours(state, name, side):
    """The network of the catalogue with these weights, for pictures whose shorter side has so many pixels."""
    entry = dataclasses.replace(catalogue.entry(name), size=side)
    net = store.build(entry)
    tensors = rcnn.convert(state)
    for key, parameter in net._collect_params_with_prefix().items():
        parameter.shape = tensors[key].shape
        parameter.initialize()
        parameter.set_data(mx.nd.array(tensors[key]))
    net.hybridize()
    return store.Network(net, entry, "random")


def said_by_torchvision(state, name, side, names):
    """torchvision's answers about the photographs: class, score, box and mask of each thing of COCO's."""
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    models = pytest.importorskip("torchvision", reason="torchvision is not a dependency").models.detection
    make = models.maskrcnn_resnet50_fpn if name == MASK else models.fasterrcnn_resnet50_fpn
    net = make(weights=None, weights_backbone=None, min_size=side).eval()
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=False)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0  # as torchvision does with the checkpoints that it serves
    said = {}
    for photo in names:
        with torch.no_grad():
            (answer,) = net([torch.from_numpy(photos.read(photo)).permute(2, 0, 1) / 255])
        answer = {key: value.numpy() for key, value in answer.items()}
        used = np.isin(answer["labels"], rcnn.COCO)
        said[photo] = {key: value[used] for key, value in answer.items()}
    return said


def compare(found, said, entry):
    """Each thing that torchvision names is found at its place, with its score and its mask, and nothing else is."""
    names = [entry.classes[rcnn.COCO.index(label)] for label in said["labels"]]
    assert len(found) == len(names) > 20
    left = set(range(len(found)))
    for number, name in enumerate(names):
        distances = {
            index: np.abs(found.boxes[index] - said["boxes"][number]).max()
            for index in left
            if found.names[index] == name
        }
        nearest = min(distances, key=distances.get)
        left.remove(nearest)
        assert distances[nearest] < 0.1  # pixels
        assert abs(found.scores[nearest] - said["scores"][number]) < 1e-3
        if number < len(said.get("masks", ())):
            ours, theirs = found.masks[nearest], said["masks"][number]
            assert theirs.any() and (ours & theirs).sum() / (ours | theirs).sum() > 0.99


@pytest.fixture(scope="module")
def state():
    return checkpoint()


@pytest.fixture(scope="module")
def small(state):
    return ours(state, MASK, SMALL)


@pytest.mark.parametrize("photo", PHOTOS)
def test_mask_rcnn_finds_what_torchvision_found(small, photo):
    with np.load(SAID) as stored:
        said = {key: stored[f"{photo}_{key}"] for key in ("labels", "scores", "boxes", "masks", "shape")}
    count = int(np.prod(said["shape"]))
    said["masks"] = np.unpackbits(said["masks"], count=count).reshape(said["shape"]).astype(bool)
    compare(predict.detect(photo, small, threshold=rcnn.LEAST_SCORE), said, small.entry)


def test_faster_rcnn_finds_the_same_boxes(state):
    network = ours({key: value for key, value in state.items() if "mask" not in key}, FASTER, SMALL)
    with np.load(SAID) as stored:
        said = {key: stored[f"canteen_{key}"] for key in ("labels", "scores", "boxes")}
    compare(predict.detect("canteen", network, threshold=rcnn.LEAST_SCORE), said, network.entry)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "photo"), [*((MASK, photo) for photo in LARGE), (FASTER, LARGE[0])])
def test_at_full_size_torchvision_itself_agrees(state, name, photo):
    state = state if name == MASK else {key: value for key, value in state.items() if "mask" not in key}
    said = said_by_torchvision(state, name, FULL, [photo])[photo]
    said["masks"] = said["masks"][:, 0] >= 0.5 if name == MASK else []
    network = ours(state, name, FULL)
    compare(predict.detect(photo, network, threshold=rcnn.LEAST_SCORE), said, network.entry)


# Its doors.


def as_published(state):
    """The same weights under the names that the published checkpoints have, which are older."""
    older = {}
    for name, value in state.items():
        name = name.replace("conv.0.0", "conv")
        name = re.sub(r"(inner|layer)_blocks\.(\d)\.0", r"\1_blocks.\2", name)
        name = re.sub(r"mask_head\.(\d)\.0", lambda match: f"mask_head.mask_fcn{int(match[1]) + 1}", name)
        older[name] = value
    return older


def test_names_old_and_new_are_the_same_layers(state):
    ours, older = rcnn.convert(state), rcnn.convert(as_published(state))
    assert not set(as_published(state)) >= set(state) and set(ours) == set(older)
    for name in ours:
        np.testing.assert_array_equal(ours[name], older[name])


def test_gluoncv_makes_it_by_name_with_weights_and_its_own_without(state, tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path))
    brought, state = tmp_path / "mine.pth", {key: value for key, value in state.items() if "mask" not in key}
    storages = [weight_files.Storage("FloatStorage", name, value.ravel()) for name, value in state.items()]
    tensors = OrderedDict(
        (storage.key, weight_files.Tensor(storage, 0, value.shape, [stride // 4 for stride in value.strides]))
        for storage, value in zip(storages, state.values(), strict=True)
    )
    with weight_files.torch_stand_ins() as torch:
        weight_files.write_zip(brought, tensors, torch, storages)
    by_hand.take(brought, FASTER)
    net = model_zoo.get_model(FASTER, pretrained=True)
    assert net.classes[:2] == ["person", "bicycle"] and isinstance(net, rcnn.TorchvisionRCNN)
    np.testing.assert_array_equal(net.pyramid.objectness.weight.data().asnumpy(), state["rpn.head.cls_logits.weight"])
    ids, scores, corners = net(mx.nd.array(np.random.default_rng(0).normal(0, 1, (1, 3, 90, 70))))
    assert (ids.shape, scores.shape, corners.shape) == ((1, 100, 1), (1, 100, 1), (1, 100, 4))
    kept = scores.asnumpy()[0, :, 0] >= 0
    assert kept.any() and (corners.asnumpy()[0][kept] <= [70, 90, 70, 90]).all()
    assert (ids.asnumpy()[0][~kept] == -1).all()
    with pytest.raises(LessonError, match=rf"get_model\('{FASTER}', pretrained=True\)` makes those"):
        model_zoo.faster_rcnn_fpn_resnet50_v1b_coco(pretrained=True)
    plain = model_zoo.get_model(FASTER, pretrained_base=False)
    assert isinstance(plain, model_zoo.FasterRCNN)


# The parts.


def test_where_nothing_is_found_the_results_are_empty(small):
    empty = mx.nd.full((1, 100, 1), -1), mx.nd.full((1, 100, 1), -1), mx.nd.full((1, 100, 4), -1)
    outputs = [output[0] for output in (*empty, mx.nd.zeros((1, 100, 28, 28)))]
    result = families.of(small.entry).decode(outputs, small, (320, 320), (400, 500), threshold=0.5, overlap=None)
    assert result["boxes"].shape == (0, 4) and result["masks"].shape == (0, 400, 500)
    size = (64, 64)
    nothing = rcnn.detections(np.zeros((3, 80)), np.zeros((3, 80, 4)), np.zeros((3, 4)), size, mx.cpu())
    assert nothing.shape == (0, 6)


def test_a_box_as_large_as_the_sheet_keeps_its_mask_and_one_at_the_edge_is_cut():
    masks = np.ones((2, 28, 28), np.float32)
    corners = np.array([[10, 20, 30, 60], [-8, 50, 12, 70]], np.float32)
    whole, cut = torchvision_rcnn._pasted(masks, corners, (64, 48))
    rows, columns = np.nonzero(whole)
    assert abs(np.array([rows.min(), rows.max(), columns.min(), columns.max()]) - [20, 60, 10, 30]).max() <= 1
    rows, columns = np.nonzero(cut)
    assert (rows.max(), columns.min()) == (63, 0) and abs(columns.max() - 12) <= 1


def test_anchors_of_an_odd_level_are_as_far_apart_as_torchvision_puts_them():
    boxes = rcnn.anchors(13, 17, 512, (800, 1088)).reshape(13, 17, 3, 4)
    np.testing.assert_allclose(boxes[0, 0], [[-362, -181, 362, 181], [-256, -256, 256, 256], [-181, -362, 181, 362]])
    np.testing.assert_allclose(boxes[1, 2, 0] - boxes[0, 0, 0], [128, 61, 128, 61])


def test_two_pictures_at_once_are_refused(small):
    with pytest.raises(LessonError, match="one picture at a time, and was given 2"):
        small.net(mx.nd.zeros((2, 3, 64, 64)))


def test_it_is_not_fused(small):
    with pytest.raises(LessonError, match=r"cannot be fused: .*Take an SSD"):
        fast.fused(small)


if __name__ == "__main__":  # with torchvision installed: what to store
    results = {}
    for name, answer in said_by_torchvision(checkpoint(), MASK, SMALL, PHOTOS).items():
        masks = answer.pop("masks")[:10, 0] >= 0.5
        answer |= {"masks": np.packbits(masks), "shape": masks.shape}
        results |= {f"{name}_{key}": value for key, value in answer.items()}
    np.savez_compressed(SAID, **results)
