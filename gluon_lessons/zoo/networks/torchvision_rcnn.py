"""torchvision's Faster R-CNN and Mask R-CNN on ResNet-50 and a feature pyramid, from plain Gluon blocks.

GluonCV's networks of these names have layers of nearly the same shapes, but other anchors, proposals, levels and masks,
so torchvision's weights would give other boxes there. Frozen normalizations are folded into the convolutions.
"""

import mxnet as mx
import numpy as np
from mxnet.gluon import Block, HybridBlock, nn

from gluon_lessons.errors import LessonError

SIDES_DIVIDE = 32  # zeros below and to the right make both sides of a picture a multiple of this
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # of ResNet-50: blocks, channels inside, stride
WIDER = 4  # a block gives so many times the channels that it has inside
CHANNELS = 256  # of each level of the pyramid
ANCHOR_SIDES = (32, 64, 128, 256, 512)  # one for each level
ANCHOR_RATIOS = (0.5, 1, 2)  # height to width
PROPOSALS = 1000  # of each level, and after they are thinned out of all
PROPOSALS_OVERLAP, OVERLAP = 0.7, 0.5
LEAST_SCORE = 0.05
MOST = 100  # things in a picture
REGION, MASK_REGION = 7, 14  # places across and down of what the heads see
WHOLE_REGION, WHOLE_LEVEL = 224, 4  # a region of this side is cut out of this level, one half as large from the next
FIRST_LEVEL = 2  # its stride is 2 to this power
GROWTH = float(np.log(1000 / 16))  # a box grows by the exponential of this at most
DEVIATIONS = np.array([0.1, 0.1, 0.2, 0.2], np.float32)  # the unit of the offsets that the second stage gives
# The numbers of COCO's 80 things among the 91 that torchvision tells apart. 0 is the background, others are not in use.
_UNUSED = {0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO = [number for number in range(91) if number not in _UNUSED]


def _convolution(channels, kernel=1, stride=1, activation=None):
    return nn.Conv2D(channels, kernel, stride, kernel // 2, activation=activation)


class _Bottleneck(HybridBlock):
    def __init__(self, channels, stride, in_channels, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = _convolution(channels, activation="relu")
        self.conv2 = _convolution(channels, 3, stride, activation="relu")
        self.conv3 = _convolution(WIDER * channels)
        self.downsample = _convolution(WIDER * channels, 1, stride) if in_channels != WIDER * channels else None

    def hybrid_forward(self, F, x):
        shortcut = self.downsample(x) if self.downsample else x
        return F.relu(self.conv3(self.conv2(self.conv1(x))) + shortcut)


class Pyramid(HybridBlock):
    """A picture in; four levels of features out, then scores of all anchors on five levels, then their offsets."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stem = _convolution(STAGES[0][1], 7, 2, "relu")
        self.stages, self.laterals, self.outputs = (nn.HybridSequential() for _ in range(3))
        in_channels = STAGES[0][1]
        for blocks, channels, stride in STAGES:
            stage = nn.HybridSequential()
            for number in range(blocks):
                stage.add(_Bottleneck(channels, 1 if number else stride, in_channels))
                in_channels = WIDER * channels
            self.stages.add(stage)
            self.laterals.add(_convolution(CHANNELS))
            self.outputs.add(_convolution(CHANNELS, 3))
        self.proposing = _convolution(CHANNELS, 3, activation="relu")
        self.objectness = _convolution(len(ANCHOR_RATIOS))
        self.offsets = _convolution(4 * len(ANCHOR_RATIOS))

    def hybrid_forward(self, F, x):
        x = F.Pooling(self.stem(x), kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
        stages = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        levels, coarser = [], None
        for stage, lateral, output in zip(
            reversed(stages), reversed(self.laterals), reversed(self.outputs), strict=True
        ):
            inner = lateral(stage)
            coarser = inner if coarser is None else inner + F.UpSampling(coarser, scale=2, sample_type="nearest")
            levels.insert(0, output(coarser))
        coarsest = F.Pooling(levels[-1], kernel=(1, 1), stride=(2, 2), pool_type="max")
        seen = [self.proposing(level) for level in (*levels, coarsest)]
        return (*levels, *(self.objectness(each) for each in seen), *(self.offsets(each) for each in seen))


class _BoxHead(HybridBlock):
    """Regions in; the probability of each number in each region, and offsets to a better box for each class, out."""

    def __init__(self, classes, numbers, **kwargs):
        super().__init__(**kwargs)
        self.fc6, self.fc7 = nn.Dense(1024, activation="relu"), nn.Dense(1024, activation="relu")
        self.scores, self.offsets = nn.Dense(numbers), nn.Dense(4 * classes)

    def hybrid_forward(self, F, x):
        x = self.fc7(self.fc6(x))
        return F.softmax(self.scores(x), axis=-1), F.reshape(self.offsets(x), (0, -1, 4))


class _MaskHead(HybridBlock):
    """Regions in; for each class, how likely each of 28 by 28 places of a region belongs to such a thing, out."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.seen = nn.HybridSequential()
        for _ in range(4):
            self.seen.add(_convolution(CHANNELS, 3, activation="relu"))
        self.enlarged = nn.Conv2DTranspose(CHANNELS, 2, 2, activation="relu")
        self.masks = _convolution(classes)

    def hybrid_forward(self, F, x):
        return F.sigmoid(self.masks(self.enlarged(self.seen(x))))


class TorchvisionRCNN(Block):
    """One picture in; numbers, scores and boxes of at most a hundred things out, and masks, as from GluonCV's networks.

    Rows that are not needed hold -1. Pictures and regions come in all sizes, so nothing is planned once.
    """

    short, max_size = 800, 1333

    def __init__(self, classes, masks=False, **kwargs):
        super().__init__(**kwargs)
        self.classes = list(classes)
        self.numbers = COCO if len(classes) == len(COCO) else list(range(1, len(classes) + 1))
        self.pyramid = Pyramid()
        self.box_head = _BoxHead(len(classes), self.numbers[-1] + 1)
        self.mask_head = _MaskHead(len(classes)) if masks else None

    def hybridize(self, active=True, **_):
        super().hybridize(active)

    def forward(self, x):
        if len(x) != 1:
            raise LessonError(f"This network takes one picture at a time, and was given {len(x)}: call it for each.")
        size = x.shape[2:]
        x = _padded(x)
        outputs = self.pyramid(x)
        levels, objectness, offsets = outputs[:4], outputs[4:9], outputs[9:]
        regions = proposals(objectness, offsets, x.shape[2:], size, x.context)
        pooled, order = _pooled(levels, regions, REGION)
        probabilities, moves = (output.asnumpy() for output in self.box_head(pooled))
        found = detections(probabilities[:, self.numbers], moves, regions[order], size, x.context)
        results = [np.full((1, MOST, width), -1, np.float32) for width in (1, 1, 4)]
        for result, column in zip(results, (found[:, :1], found[:, 1:2], found[:, 2:]), strict=True):
            result[0, : len(found)] = column
        if self.mask_head:
            results.append(_masks(self.mask_head, levels, found))
        return tuple(mx.nd.array(result, ctx=x.context) for result in results)


def _masks(head, levels, found: np.ndarray) -> np.ndarray:
    """The mask of each thing, for the class that it was found to be."""
    masks = np.zeros((1, MOST, 2 * MASK_REGION, 2 * MASK_REGION), np.float32)
    if len(found):
        pooled, order = _pooled(levels, found[:, 2:], MASK_REGION)
        kinds = mx.nd.array(found[order, 0], ctx=pooled.context)
        rows = mx.nd.arange(len(found), ctx=pooled.context)
        masks[0, order] = mx.nd.gather_nd(head(pooled), mx.nd.stack(rows, kinds)).asnumpy()
    return masks


def _padded(x):
    below, right = (-side % SIDES_DIVIDE for side in x.shape[2:])
    return mx.nd.pad(x, mode="constant", pad_width=(0, 0, 0, 0, 0, below, 0, right), constant_value=0)


def anchors(rows: int, columns: int, side: int, size: tuple[int, int]) -> np.ndarray:
    """The boxes around every place of a level, in the order of places and, at each of them, of ratios."""
    root = np.sqrt(np.array(ANCHOR_RATIOS, np.float32))
    halves = np.stack([side / root, side * root], axis=1) / 2
    around = np.round(np.concatenate([-halves, halves], axis=1))
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    centres = np.stack([x * (size[1] // columns), y * (size[0] // rows)] * 2, axis=-1)
    return (centres[:, :, None] + around).reshape(-1, 4)


def moved(boxes: np.ndarray, offsets: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes shifted and grown by the offsets, as far as they lie in the picture."""
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = boxes[..., :2] + sides / 2 + offsets[..., :2] * sides
    halves = np.exp(np.minimum(offsets[..., 2:], GROWTH)) * sides / 2
    return np.concatenate([centres - halves, centres + halves], axis=-1).clip(0, [size[1], size[0]] * 2)


def proposals(objectness, offsets, padded_size, size, context) -> np.ndarray:
    """The regions that are worth a second look, the surest first."""
    candidates = []
    for level, (scores, moves) in enumerate(zip(objectness, offsets, strict=True)):
        rows, columns = scores.shape[2:]
        scores = scores.asnumpy()[0].transpose(1, 2, 0).ravel()
        moves = moves.asnumpy()[0].reshape(-1, 4, rows, columns).transpose(2, 3, 0, 1).reshape(-1, 4)
        best = np.argsort(-scores, kind="stable")[:PROPOSALS]
        boxes = moved(anchors(rows, columns, ANCHOR_SIDES[level], padded_size)[best], moves[best], size)
        candidates.append(np.column_stack([np.full(len(best), level), scores[best], boxes]))
    return _thinned(np.concatenate(candidates), PROPOSALS_OVERLAP, 1e-3, context)[:PROPOSALS, 2:]


def detections(probabilities, offsets, regions, size, context) -> np.ndarray:
    """The things in the picture, the surest first: class, score and box of each."""
    rows, kinds = np.nonzero(probabilities > LEAST_SCORE)
    boxes = moved(regions[rows], offsets[rows, kinds] * DEVIATIONS, size)
    return _thinned(np.column_stack([kinds, probabilities[rows, kinds], boxes]), OVERLAP, 1e-2, context)[:MOST]


def _thinned(candidates: np.ndarray, overlap: float, least_side: float, context) -> np.ndarray:
    """The candidates (kind, score, box) that no surer one of their kind overlaps by more, the surest first."""
    large = (candidates[:, 4:] - candidates[:, 2:4] >= least_side).all(axis=1)
    candidates = candidates[large].astype(np.float32)
    if not len(candidates):
        return candidates
    least = float(candidates[:, 1].min()) - 1
    data = mx.nd.array(candidates, ctx=context)
    kept = mx.nd.contrib.box_nms(data, overlap_thresh=overlap, valid_thresh=least, id_index=0).asnumpy()
    return kept[kept[:, 0] >= 0]


def _pooled(levels, boxes: np.ndarray, places: int):
    """What the features show in each box, brought to one size, and in which order: the finest level comes first."""
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    chosen = np.floor(WHOLE_LEVEL + np.log2(sides / WHOLE_REGION) + np.float32(1e-6)).astype(int) - FIRST_LEVEL
    chosen = chosen.clip(0, len(levels) - 1)
    order = np.argsort(chosen, kind="stable")
    parts = []
    for number, level in enumerate(levels):
        here = boxes[chosen == number]
        if len(here):
            rows = mx.nd.array(np.column_stack([np.zeros(len(here)), here]), ctx=level.context)
            scale = 1 / 2 ** (FIRST_LEVEL + number)
            parts.append(mx.nd.contrib.ROIAlign(level, rows, (places, places), scale, sample_ratio=2))
    return mx.nd.concat(*parts, dim=0), order


def build(classes, network):
    """Make `faster_rcnn` or `mask_rcnn`, uninitialised."""
    return TorchvisionRCNN(classes, masks=network == "mask_rcnn")


def convert(tensors):
    """Name torchvision's tensors as Gluon does: of 91 numbers, boxes and masks only for the 80 things of COCO."""
    arrays = {}

    def add(name, weight, bias=None):
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = weight, bias

    def add_folded(name, convolution, normalization):
        gain, shift, mean, variance = (
            tensors[f"{normalization}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / np.sqrt(variance)  # torchvision sets the epsilon of these checkpoints to 0
        add(name, tensors[f"{convolution}.weight"] * factor.reshape(-1, 1, 1, 1), shift - mean * factor)

    def add_plain(name, *theirs):
        """Copy a layer that old and new checkpoints call by two names."""
        layer = next((layer for layer in theirs if f"{layer}.weight" in tensors), theirs[0])
        add(name, tensors[f"{layer}.weight"], tensors[f"{layer}.bias"])

    body, pyramid = "backbone.body", "backbone.fpn"
    add_folded("pyramid.stem", f"{body}.conv1", f"{body}.bn1")
    for stage, (blocks, *_) in enumerate(STAGES):
        for block in range(blocks):
            ours, theirs = f"pyramid.stages.{stage}.{block}", f"{body}.layer{stage + 1}.{block}"
            for number in (1, 2, 3):
                add_folded(f"{ours}.conv{number}", f"{theirs}.conv{number}", f"{theirs}.bn{number}")
            if not block:
                add_folded(f"{ours}.downsample", f"{theirs}.downsample.0", f"{theirs}.downsample.1")
        for ours, theirs in ("laterals", "inner_blocks"), ("outputs", "layer_blocks"):
            layer = f"{pyramid}.{theirs}.{stage}"
            add_plain(f"pyramid.{ours}.{stage}", layer, f"{layer}.0")
    add_plain("pyramid.proposing", "rpn.head.conv", "rpn.head.conv.0.0")
    add_plain("pyramid.objectness", "rpn.head.cls_logits")
    add_plain("pyramid.offsets", "rpn.head.bbox_pred")
    add_plain("box_head.fc6", "roi_heads.box_head.fc6")
    add_plain("box_head.fc7", "roi_heads.box_head.fc7")
    add_plain("box_head.scores", "roi_heads.box_predictor.cls_score")
    things = COCO if len(arrays["box_head.scores.bias"]) == COCO[-1] + 1 else slice(1, None)

    def add_things(name, layer, each):
        """Copy what a layer says of the things in use, `each` numbers of every one."""
        for part in ("weight", "bias"):
            tensor = tensors[f"{layer}.{part}"]
            kept = tensor.reshape(-1, each, *tensor.shape[1:])[things]
            arrays[f"{name}.{part}"] = kept.reshape(-1, *tensor.shape[1:])

    add_things("box_head.offsets", "roi_heads.box_predictor.bbox_pred", 4)
    if "roi_heads.mask_predictor.mask_fcn_logits.weight" in tensors:
        for number in range(4):
            layer = f"roi_heads.mask_head.mask_fcn{number + 1}"
            add_plain(f"mask_head.seen.{number}", layer, f"roi_heads.mask_head.{number}.0")
        add_plain("mask_head.enlarged", "roi_heads.mask_predictor.conv5_mask")
        add_things("mask_head.masks", "roi_heads.mask_predictor.mask_fcn_logits", 1)
    return arrays
