"""The port for files that hold the very layers of a Gluon network in the same order, whatever they are called.

GluonCV's own files do (by structure, with full prefixes, or exported), and so do torchvision's and timm's checkpoints of
the networks that both sides have. Every tensor must agree in kind, in shape and in which others it shares a layer with.
"""

import re

import numpy as np
from mxnet.gluon import Constant

from gluon_lessons.errors import LessonError

_KINDS = {"moving_mean": "running_mean", "moving_var": "running_var", "running_mean": "running_mean"}
_KINDS |= {kind: kind for kind in ("running_var", "weight", "bias", "gamma", "beta")}
_NAME = re.compile(rf"(.*?)[._]?({'|'.join(_KINDS)})$")


class Misfit(LessonError):
    """A file whose tensors are not those of the network."""


def fit(tensors, net):
    """Name the tensors as `net` does; what Gluon keeps as a constant may be missing."""
    names, parameters = _distinct_parameters(net)
    theirs = {name: array for name, array in tensors.items() if not name.endswith("num_batches_tracked")}
    learned = [parameter for parameter in parameters if not isinstance(parameter, Constant)]
    constants = [parameter for parameter in parameters if isinstance(parameter, Constant)]
    ours = [parameter.name for parameter in learned]
    layers = [(name, *_split(name, theirs)) for name in theirs]
    others = [name for name, _, kind in layers if kind is None]
    layers = [(name, stem, kind) for name, stem, kind in layers if kind is not None]
    if len(layers) != len(ours):
        raise Misfit(f"The file has {len(layers)} tensors where the network has {len(ours)} parameters.")
    pairs = list(zip(learned, layers, strict=True))
    if len(others) == len(constants):
        pairs += [(parameter, (name, None, None)) for parameter, name in zip(constants, others, strict=True)]
    result, previous = {}, (None, None)
    for parameter, (name, stem, kind) in pairs:
        our_stem, our_kind = _split(parameter.name, ())
        if kind != our_kind and kind is not None:
            raise Misfit(f"{name} of the file stands where the network has {parameter.name}.")
        if kind is not None and (stem == previous[0]) != (our_stem == previous[1]):
            raise Misfit(f"{name} of the file belongs to another layer than {parameter.name} of the network.")
        previous = (stem, our_stem)
        array = _shaped(name, theirs[name], parameter)
        result |= dict.fromkeys(names[parameter.name], array)
    return result


def _distinct_parameters(net):
    """The parameters in the order in which Gluon saves them, each once, and the one or more structural names of each."""
    names, parameters = {}, []
    for structural, parameter in net._collect_params_with_prefix().items():
        if parameter.name not in names:
            parameters.append(parameter)
        names.setdefault(parameter.name, []).append(structural)
    return names, parameters


def _split(name, all_names):
    """A parameter's layer and kind. PyTorch calls gamma and beta of a normalization weight and bias."""
    match = _NAME.match(name)
    if not match:
        return name, None
    stem, kind = match[1], _KINDS[match[2]]
    if kind in ("weight", "bias") and f"{stem}.running_mean" in all_names:
        kind = {"weight": "gamma", "bias": "beta"}[kind]
    return stem, kind


def _shaped(name, array, parameter):
    """The array, once it is known to fit. Zeros in Gluon's shape are sizes that it would learn from the first picture."""
    ours, theirs = parameter.shape, array.shape
    if array.size == np.prod(ours) and 0 not in ours:
        return array.reshape(ours)  # a dense layer and a 1x1 convolution hold the same numbers
    if len(ours) != len(theirs) or any(mine not in (0, other) for mine, other in zip(ours, theirs, strict=True)):
        raise Misfit(f"{name} of the file has the shape {theirs}; the network wants {ours} for {parameter.name}.")
    return array
