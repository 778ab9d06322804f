"""The same network, quicker, each way with one call on a network of the zoo.

    network = zoo.load("resnet50_v1")
    fast.static(network)                    # plan graph and memory once, as `zoo.load` has done already
    fast.fused(network)                     # and join each convolution to what follows it
    fast.int8(network, ["cat", "coffee"])   # and compute in integers of 8 bits; the photographs show their range

`predict` takes what these return, and `agreement` says what the speed has cost. The plain network stays as it was.
"""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.contrib.quantization import quantize_model_mkldnn
from mxnet.gluon import SymbolBlock

from gluon_lessons import predict
from gluon_lessons.context import device
from gluon_lessons.errors import LessonError
from gluon_lessons.zoo import families
from gluon_lessons.zoo.store import Network


def static(network: Network) -> Network:
    """Plan the network's graph and memory once, for pictures of one size, instead of at every call."""
    network.net.hybridize(static_alloc=True, static_shape=True)
    return network


def fused(network: Network) -> Network:
    """The network with every convolution joined to its normalization, activation and addition, by oneDNN."""
    family = families.of(network.entry)
    _check(network, "fused", family.not_fused)
    outputs, data = graph(network)
    block = SymbolBlock(outputs, data, params=network.net.collect_params())
    example = mx.nd.zeros((1, 3, *family.picture(network.entry).size))
    with _silence():
        block.optimize_for(example, backend="MKLDNN", **_plan(family))
    return dataclasses.replace(network, net=block, plain=network.plain or network)


def int8(network: Network, photographs: Sequence[Any], first: int = 10) -> Network:
    """The fused network with its convolutions in integers of 8 bits.

    The ranges of the numbers between the layers are taken from the photographs: a dozen like those to come will do. The
    `first` layers, whose errors all later ones inherit, and the last ones of a detector, keep their fractions.
    """
    family = families.of(network.entry)
    _check(network, "computed in integers", family.not_fused)
    outputs, data = graph(network)
    fused_graph = outputs.get_backend_symbol("MKLDNN_QUANTIZE")
    layers = [name for name in _names(fused_graph) if name.startswith("sg_mkldnn_conv")]
    normalized = [name for name in layers if name.startswith("sg_mkldnn_conv_bn")]
    if not normalized:
        raise LessonError(
            f"{network.entry.name} cannot be computed in integers: that is for convolutions with a batch normalization."
        )
    kept = layers[:first] + [name for name in layers if name not in normalized]
    values = {name: parameter.data() for name, parameter in network.net.collect_params().items()}
    pictures = _of_one_shape([pixels for photo in photographs for pixels in family.inputs(photo, network)])
    with _silence():
        quantized, arguments, states = quantize_model_mkldnn(
            outputs,
            {name: values[name] for name in outputs.list_arguments() if name in values},
            {name: values[name] for name in outputs.list_auxiliary_states()},
            data_names=["data"],
            label_names=None,
            excluded_sym_names=kept,
            calib_mode="naive",
            calib_data=mx.io.NDArrayIter(pictures, batch_size=1),
            num_calib_examples=len(pictures),
            quantized_dtype="auto",
        )
    block = SymbolBlock(quantized, data)
    for name, parameter in block.collect_params().items():
        value = arguments[name] if name in arguments else states[name]
        parameter.cast(value.dtype)
        parameter.shape = value.shape
        parameter.initialize(mx.init.Zero(), ctx=mx.cpu())
        parameter.set_data(value)
    block.hybridize(**_plan(family))
    return dataclasses.replace(network, net=block, plain=network.plain or network)


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


def agreement(plain: Network, quick: Network, photographs: Sequence[Any], overlap: float = 0.9) -> Agreement:
    """Compare a network with a quicker form of it.

    A box counts as found by both when they give it the same name and the two overlap by `overlap` (intersection over
    union), and those that only one of them finds count as disagreement.
    """
    family, predict_one = families.of(plain.entry), predict.FUNCTIONS[plain.entry.task]
    if family.not_compared:
        raise LessonError(f"The answers of {plain.entry.name} are not compared: {family.not_compared}")
    if not len(photographs):
        raise LessonError("There is no photograph to compare the networks on: give at least one.")
    alike, total, differences = zip(
        *(family.compare(predict_one(photo, plain), predict_one(photo, quick), overlap) for photo in photographs),
        strict=True,
    )
    same = float(sum(alike) / sum(total)) if any(total) else 1.0  # where neither finds a box, they agree
    return Agreement(len(photographs), same, float(max(differences)), family.compared)


def graph(network: Network) -> tuple[mx.sym.Symbol, mx.sym.Symbol]:
    """What of the network is worth computing fast, as a symbol, and its input."""
    data = mx.sym.var("data")
    outputs = families.of(network.entry).body(network)(data)
    return mx.sym.Group(list(outputs)) if isinstance(outputs, list | tuple) else outputs, data


def _of_one_shape(pictures: list[np.ndarray]) -> np.ndarray:
    """The pictures as one array."""
    shapes = sorted({picture.shape[:1:-1] for picture in pictures})
    if not shapes:
        raise LessonError("There is no photograph from which to take the range of the numbers: give a dozen.")
    if len(shapes) > 1:
        (width, height), (other_width, other_height) = shapes[:2]
        raise LessonError(
            f"The network sees these photographs in several shapes, {width} x {height} and {other_width} x "
            f"{other_height} among them: give photographs of one shape."
        )
    return np.concatenate(pictures)


def _names(graph):
    """The names of a graph's operations, in their order."""
    return [name.removesuffix("_output") for name in graph.get_internals().list_outputs()]


def _plan(family) -> dict[str, bool]:
    """What may be planned once: everything where all pictures are brought to one size."""
    return {"static_alloc": family.fixed_size, "static_shape": family.fixed_size}


def _check(network: Network, form: str, reason: str) -> None:
    if reason:
        raise LessonError(f"{network.entry.name} cannot be {form}: {reason}")
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
