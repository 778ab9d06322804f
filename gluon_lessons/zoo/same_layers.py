"""Files that hold the very layers of a Gluon network, whatever they are called.

GluonCV's own files do: named by structure, with full prefixes, or exported, where the prefixes are counted otherwise.
So do the checkpoints of torchvision and timm of networks that both sides have; their layers come in Gluon's order.
"""

import collections
import os
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
    """Name the tensors as `net` does. What Gluon keeps as a constant may be missing."""
    parameters, names = _distinct_parameters(net)
    theirs = [name for name in tensors if not name.endswith("num_batches_tracked")]
    by_structure = {structural: parameter for parameter in parameters for structural in names[parameter.name]}
    if set(theirs) <= set(by_structure):
        pairs = [(by_structure[name], name) for name in theirs]
    else:
        pairs = _paired_by_name(parameters, theirs) or _paired_by_order(parameters, theirs)
    found = {parameter.name for parameter, _ in pairs}
    absent = [p.name for p in parameters if p.name not in found and not isinstance(p, Constant)]
    if absent:
        raise Misfit(f"The file has nothing for {absent[0]} of the network, nor for {len(absent) - 1} others.")
    result = {}
    for parameter, name in pairs:
        result |= dict.fromkeys(names[parameter.name], _shaped(name, tensors[name], parameter))
    return result


def _paired_by_name(parameters, theirs):
    """Pairs of names that differ in their common beginning and in how blocks were counted; none where others differ.

    Gluon counts the blocks that a program makes: blocks made in the same order have other numbers, in the same order.
    """
    ours, theirs = _by_pattern([parameter.name for parameter in parameters]), _by_pattern(theirs)
    known = {parameter.name: parameter for parameter in parameters}
    if any(len(ours[pattern]) != len(found) for pattern, found in theirs.items()):
        return None
    return [
        (known[our], their) for pattern in theirs for our, their in zip(ours[pattern], theirs[pattern], strict=True)
    ]


def _by_pattern(names):
    common = os.path.commonprefix(names)  # noqa: RUF071  (names, not paths)
    start = common.rfind("_") + 1
    patterns = collections.defaultdict(list)
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name[start:])]):
        patterns[re.sub(r"\d+", "#", name[start:])].append(name)
    return patterns


def _paired_by_order(parameters, theirs):
    """Pairs in order, if they agree in kind and in which of them share a layer."""
    ours = {parameter: _split(parameter.name) for parameter in parameters}
    kinds = {name: _split(name, theirs) for name in theirs}
    our_others = [parameter for parameter, (_, kind) in ours.items() if not kind]
    their_others = [name for name, (_, kind) in kinds.items() if not kind]
    if len(their_others) < len(our_others):
        our_others = [parameter for parameter in our_others if not isinstance(parameter, Constant)]
    our_layers = [parameter for parameter, (_, kind) in ours.items() if kind]
    their_layers = [name for name, (_, kind) in kinds.items() if kind]
    if (len(their_layers), len(their_others)) != (len(our_layers), len(our_others)):
        raise Misfit(f"The file has {len(theirs)} tensors where the network has {len(ours)} parameters.")
    last = None
    for parameter, name in zip(our_layers, their_layers, strict=True):
        (our_layer, our_kind), (layer, kind) = ours[parameter], kinds[name]
        if kind != our_kind:
            raise Misfit(f"{name} of the file stands where the network has {parameter.name}.")
        if last and (our_layer == last[0]) != (layer == last[1]):
            raise Misfit(f"{name} of the file is of another layer than {parameter.name} of the network.")
        last = our_layer, layer
    return list(zip(our_layers + our_others, their_layers + their_others, strict=True))


def _distinct_parameters(net):
    """The parameters in the order in which Gluon saves them, and for each the names by structure, mostly one."""
    parameters, names = [], {}
    for structural, parameter in net._collect_params_with_prefix().items():
        if parameter.name not in names:
            parameters.append(parameter)
        names.setdefault(parameter.name, []).append(structural)
    return parameters, names


def _split(name, all_names=()):
    """A parameter's layer and kind. PyTorch calls gamma and beta of a normalization weight and bias."""
    match = _NAME.match(name)
    if not match:
        return name, None
    stem, kind = match[1], _KINDS[match[2]]
    if kind in ("weight", "bias") and f"{stem}.running_mean" in all_names:
        kind = {"weight": "gamma", "bias": "beta"}[kind]
    return stem, kind


def _shaped(name, array, parameter):
    """The array, once it is known to fit. Zeros in Gluon's shape are sizes that it learns from the first picture."""
    ours, theirs = parameter.shape, array.shape
    if ours is None:
        return array
    if array.size == np.prod(ours) and 0 not in ours:
        return array.reshape(ours)  # a dense layer and a 1x1 convolution hold the same numbers
    if len(ours) != len(theirs) or any(mine not in (0, other) for mine, other in zip(ours, theirs, strict=True)):
        raise Misfit(f"{name} of the file has the shape {theirs}; the network wants {ours} for {parameter.name}.")
    return array
