"""GluonCV's `ssd_300_mobilenet1.0_voc` with the weights of the Caffe model MobileNet-SSD.

The Caffe file has no batch normalization left (it was merged into the convolutions), so here each one only adds a bias.
"""

import numpy as np
from gluoncv.model_zoo.ssd.anchor import LiteAnchorGenerator
from gluoncv.model_zoo.ssd.ssd import get_ssd

from gluon_lessons.zoo.networks import accept_normalized_input, normalization_that_adds

_SIZE = 300
_CELLS = (19, 10, 5, 3, 2, 1)  # a side of each feature map
_ALLOCATED_CELLS = (128, 64, 32, 16, 16, 16)  # GluonCV keeps anchors for larger pictures, too
_BOX_SIZES = (60, 105, 150, 195, 240, 285, 300)
_RATIOS = ((2, 1 / 2), *((2, 1 / 2, 3, 1 / 3),) * 5)
_SOURCES = ("conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2")


def build(classes):
    """Make GluonCV's network in its light form, uninitialised: it looks for boxes with 1x1 convolutions."""
    return get_ssd(
        "mobilenet1.0",
        _SIZE,
        features=["relu22_fwd", "relu26_fwd"],
        filters=[512, 256, 256, 128],
        sizes=_BOX_SIZES,
        ratios=[(1, *ratios) for ratios in _RATIOS],
        steps=[_SIZE / cells for cells in _CELLS],
        classes=classes,
        dataset="voc",
        pretrained_base=False,
        predictors_kernel=(1, 1),
        predictors_pad=(0, 0),
        min_depth=64,
        reduce_ratio=0.5,
        anchor_generator=LiteAnchorGenerator,
    )


def convert(tensors):
    """Name the Caffe layers as Gluon does; the anchors are Caffe's own, in the order that the predictors know."""
    arrays = {}

    def add_layer(weight_name, norm_name, weight, bias, epsilon, mean="running_mean", variance="running_var"):
        arrays[f"features.{weight_name}_weight"] = weight
        names = ("gamma", "beta", mean, variance)
        for name, values in zip(names, normalization_that_adds(bias, epsilon), strict=True):
            arrays[f"features.{norm_name}_{name}"] = values

    base = ["conv0", *(f"conv{number}{part}" for number in range(1, 14) for part in ("/dw", ""))]
    for index, layer in enumerate(base):
        weight, bias = tensors[f"{layer}.0"], tensors[f"{layer}.1"]
        if layer == "conv0":  # Caffe wants blue first, and pixels from -1 to 1
            weight, bias = accept_normalized_input(weight[:, ::-1], bias, scale=0.007843, shift=-127.5 * 0.007843)
        add_layer(f"mobilenet0_conv{index}", f"mobilenet0_batchnorm{index}", weight, bias, 1e-5)
    for index, number in enumerate(range(14, 18)):
        for kind, part in (("trans_", 1), ("", 2)):
            weight, bias = tensors[f"conv{number}_{part}.0"], tensors[f"conv{number}_{part}.1"]
            names = (f"expand_{kind}conv{index}", f"expand_{kind}bn{index}")
            add_layer(*names, weight, bias, 1e-3, mean="moving_mean", variance="moving_var")
    for index, source in enumerate(_SOURCES):
        for predictor, layer in (("class", "conf"), ("box", "loc")):
            arrays[f"{predictor}_predictors.{index}.predictor.weight"] = tensors[f"{source}_mbox_{layer}.0"]
            arrays[f"{predictor}_predictors.{index}.predictor.bias"] = tensors[f"{source}_mbox_{layer}.1"]
        arrays[f"anchor_generators.{index}.anchors"] = _anchors(index)
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def _anchors(index):
    """The boxes that Caffe's PriorBox layer proposes in each cell: centre x, centre y, width and height in pixels."""
    smallest, largest = _BOX_SIZES[index : index + 2]
    sides = [(smallest, smallest)]
    if index:
        sides.append((np.sqrt(smallest * largest),) * 2)
    sides += [(smallest * np.sqrt(ratio), smallest / np.sqrt(ratio)) for ratio in _RATIOS[index]]
    centres = (np.arange(_ALLOCATED_CELLS[index]) + 0.5) * _SIZE / _CELLS[index]
    anchors = np.empty((len(centres), len(centres), len(sides), 4))
    anchors[..., 0] = centres[None, :, None]
    anchors[..., 1] = centres[:, None, None]
    anchors[..., 2:] = sides
    return anchors.reshape(1, 1, len(centres), len(centres), -1)
