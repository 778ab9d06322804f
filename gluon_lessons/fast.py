"""The speed room: the same network, quicker, each way with one call on a network of the zoo.

    network = zoo.load("resnet50_v1")
    fast.static(network)                    # plan graph and memory once, as `zoo.load` has done already
    fast.fused(network)                     # and join each convolution to what follows it
    fast.int8(network, ["cat", "coffee"])   # and compute in integers of 8 bits; the photographs show their range

`predict` takes what these return, and `agreement` says what the speed has cost. The plain network stays as it was.
"""

import contextlib
import dataclasses
import os
from dataclasses import dataclass

import mxnet as mx
import numpy as np
from mxnet.contrib.quantization import quantize_model_mkldnn
from mxnet.gluon import SymbolBlock

from gluon_lessons import boxes, device, predict
from gluon_lessons.errors import LessonError


def static(network):
    """Plan the network's graph and memory once, for pictures of one size, instead of at every call."""
    network.net.hybridize(static_alloc=True, static_shape=True)
    return network


def fused(network):
    """The network with every convolution joined to its normalization, activation and addition, by oneDNN."""
    _check_cpu()
    graph, data = _graph(network)
    block = SymbolBlock(graph, data, params=network.net.collect_params())
    example = mx.nd.zeros((1, 3, *_size(network)))
    with _silence():
        block.optimize_for(example, backend="MKLDNN", **_plan(network))
    return dataclasses.replace(network, net=block)


def int8(network, photographs, spared: int = 10):
    """The fused network with its convolutions in integers of 8 bits.

    The ranges of the numbers between the layers are taken from the photographs: a dozen like those to come will do. The
    first `spared` layers, whose errors all later ones inherit, and the last ones of a detector, keep their fractions.
    """
    _check_cpu()
    graph, data = _graph(network)
    layers = [name for name in _names(graph.get_backend_symbol("MKLDNN_QUANTIZE")) if name.startswith("sg_mkldnn_conv")]
    kept = layers[:spared] + [name for name in layers if not name.startswith("sg_mkldnn_conv_bn")]
    values = {name: parameter.data() for name, parameter in network.net.collect_params().items()}
    pictures = np.concatenate([predict.prepare(photo, network.entry)[0] for photo in photographs])
    with _silence():
        graph, arguments, states = quantize_model_mkldnn(
            graph,
            {name: values[name] for name in graph.list_arguments() if name in values},
            {name: values[name] for name in graph.list_auxiliary_states()},
            data_names=["data"],
            label_names=None,
            excluded_sym_names=kept,
            calib_mode="naive",
            calib_data=mx.io.NDArrayIter(pictures, batch_size=1),
            num_calib_examples=len(pictures),
            quantized_dtype="auto",
        )
    block = SymbolBlock(graph, data)
    for name, parameter in block.collect_params().items():
        value = arguments[name] if name in arguments else states[name]
        parameter.cast(value.dtype)
        parameter.shape = value.shape
        parameter.initialize(mx.init.Zero(), ctx=mx.cpu())
        parameter.set_data(value)
    block.hybridize(**_plan(network))
    return dataclasses.replace(network, net=block)


@dataclass(frozen=True)
class Agreement:
    """How alike the answers of two forms of a network are, on the same photographs."""

    photographs: int
    same: float  # share: of photographs with the same first class, of boxes found by both, or of pixels named alike
    difference: float  # the largest between two scores of the same thing, or between probabilities
    what: str

    def __str__(self):
        return (
            f"On {self.photographs} photographs {self.same:.1%} of the {self.what} agree, "
            f"and no score differs by more than {self.difference:.4f}."
        )


def agreement(plain, quick, photographs, overlap: float = 0.9) -> Agreement:
    """Compare a network with a quicker form of it.

    A box counts as found by both when they give it the same name and the two overlap by `overlap` (intersection over
    union), and those that only one of them finds count as disagreement.
    """
    compare = {"classify": _compare_classes, "detect": _compare_boxes, "segment": _compare_pixels}[plain.entry.task]
    what = {"classify": "first classes", "detect": "boxes", "segment": "pixels"}[plain.entry.task]
    alike, total, differences = zip(*(compare(plain, quick, photo, overlap) for photo in photographs), strict=True)
    return Agreement(len(photographs), float(sum(alike) / max(sum(total), 1)), float(max(differences)), what)


def _graph(network):
    """What of the network is worth computing fast, as a symbol, and its input."""
    data = mx.sym.var("data")
    outputs = predict.body(network)(data)
    return mx.sym.Group(list(outputs)) if isinstance(outputs, list | tuple) else outputs, data


def _names(graph):
    """The names of a graph's operations, in their order."""
    return [name.removesuffix("_output") for name in graph.get_internals().list_outputs()]


def _size(network):
    size = network.entry.size
    return (size, size) if isinstance(size, int) else size


def _plan(network):
    """What may be planned once: everything where all pictures are brought to one size."""
    fixed = network.entry.task in ("classify", "detect")
    return {"static_alloc": fixed, "static_shape": fixed}


def _check_cpu():
    if device().device_type != "cpu":
        raise LessonError("Fused graphs and 8-bit integers are oneDNN's, for CPUs. On a GPU use the plain network.")


@contextlib.contextmanager
def _silence():
    """Keep MXNet's own progress lines, which it writes past Python, off the screen."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _compare_classes(plain, quick, photo, overlap):
    one, other = (predict.classify(photo, network) for network in (plain, quick))
    same = one.probabilities.argmax() == other.probabilities.argmax()
    return same, 1, np.abs(one.probabilities - other.probabilities).max()


def _compare_pixels(plain, quick, photo, overlap):
    one, other = (predict.segment(photo, network) for network in (plain, quick))
    difference = np.abs(one.probabilities - other.probabilities).max()
    return (one.labels == other.labels).sum(), one.labels.size, difference


def _compare_boxes(plain, quick, photo, overlap):
    one, other = (predict.detect(photo, network) for network in (plain, quick))
    rest, differences = list(range(len(other))), [0.0]
    for box, name, score in zip(one.boxes, one.names, one.scores, strict=True):
        same = [i for i in rest if other.names[i] == name and boxes.iou(box, other.boxes[i]) >= overlap]
        if same:
            rest.remove(same[0])
            differences.append(abs(score - other.scores[same[0]]))
    matched = len(differences) - 1
    return matched, len(one) + len(rest), max(differences)
