"""What learners answer in lesson 05, and the part of the hint that each mistake must get."""

import tempfile
from pathlib import Path

import mxnet as mx
from mxnet import nd
from mxnet.gluon import nn


def stack(*layers):
    net = nn.HybridSequential()
    net.add(*layers)
    return net


def convolution(channels, activation="relu"):
    return nn.Conv2D(channels, kernel_size=3, padding=1, activation=activation)


def names_of(net):
    for place, layer in enumerate(net):
        for parameter in layer.collect_params().values():
            yield f"{place}.{parameter.name.removeprefix(layer.prefix)}", parameter


def lacks(file, name, parameter):
    stored = nd.load(file)
    return name not in stored or stored[name].shape != parameter.shape


def by_the_last_underscore(net, file):
    names = [(f"{n.partition('.')[0]}.{p.name.rpartition('_')[2]}", p) for n, p in names_of(net)]
    return [name for name, parameter in names if lacks(file, name, parameter)]


def all_scaled(net):
    for place in (0, 2, 5, 6, 7):
        net[place].weight.set_data(net[place].weight.data() / 255)
    return net


def first_copied_rest_shared(net):
    return scaled(stack(copy_of(net)[0], *net[1:]))


def copy_of(net):
    result = nn.HybridSequential()
    result.add(nn.Conv2D(6, kernel_size=5, padding=2, activation="relu"), nn.MaxPool2D(2))
    result.add(nn.Conv2D(16, kernel_size=5, activation="relu"), nn.MaxPool2D(2), nn.Flatten())
    result.add(nn.Dense(120, activation="relu"), nn.Dense(84, activation="relu"), nn.Dense(10))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "copy.params")
        net.save_parameters(file)
        result.load_parameters(file)
    return result


def scaled(net, weight=1 / 255, bias=1.0):
    net[0].weight.set_data(net[0].weight.data() * weight)
    net[0].bias.set_data(net[0].bias.data() * bias)
    return net


def shared(net):
    return scaled(stack(*net))


def one_layer_more(net):
    first = nn.Conv2D(1, kernel_size=1)
    first.initialize(mx.init.Constant(1 / 255))
    return stack(first, *copy_of(net))


WRONG_ANSWERS = {
    "size_of_the_pictures": [
        (10, "That is the last map"),
        (20, "before the second pooling"),
        (24, "after the first pooling"),
        (40, "takes away 4"),
        (52, "keeps the size"),
        (50, "Which is the smallest"),
        (40.0, "takes away 4"),
        (1600, "Walk back"),
    ],
    "small_network": [
        (lambda: nn.Dense(5), "Return a network"),
        (lambda: stack(convolution(8), nn.GlobalAvgPool2D(), nn.Dense(5)), "three at least"),
        (lambda: stack(convolution(8), convolution(8), convolution(8), nn.GlobalAvgPool2D(), nn.Dense(10)), "(2, 5)"),
        (lambda: stack(convolution(8), convolution(8), convolution(8)), "(2, 5)"),
        (
            lambda: stack(*[convolution(8, None) for _ in range(3)], nn.GlobalAvgPool2D(), nn.Dense(5)),
            "without an activation",
        ),
        (
            lambda: stack(*[convolution(8) for _ in range(3)], nn.GlobalAvgPool2D(), nn.Dense(5, activation="relu")),
            "no activation behind it",
        ),
        (lambda: stack(convolution(8), convolution(8), convolution(8), nn.Dense(5)), "of them in layer 3, a Dense"),
        (lambda: stack(nn.Dense(8), convolution(8), nn.Dense(5)), "do not pass"),
        (
            lambda: stack(
                *[convolution(8) for _ in range(3)], nn.GlobalAvgPool2D(), nn.Dense(5), nn.Activation("relu")
            ),
            "no activation behind it",
        ),
    ],
    "not_in_the_file": [
        (lambda net, file: [name for name, _ in names_of(net) if name not in nd.load(file)], "the shapes differ"),
        (lambda net, file: [p.name for p in net.collect_params().values() if p.name not in nd.load(file)], "position"),
        (
            lambda net, file: (
                [n for n, v in nd.load(file).items() if dict(names_of(net)).get(n, v).shape != v.shape]
                + [n for n in nd.load(file) if n not in dict(names_of(net))]
            ),
            "the other way round",
        ),
        (lambda net, file: len(nd.load(file)), "Return a list"),
        (lambda net, file: [], "the shapes differ"),
        (by_the_last_underscore, "running_mean"),
        (lambda net, file: 2 * [n for n, p in names_of(net) if lacks(file, n, p)], "Name each parameter once"),
    ],
    "for_bytes": [
        (lambda net: net, "the old network itself"),
        (shared, "has changed"),
        (one_layer_more, "instead of adding layers"),
        (copy_of, "nothing has been divided"),
        (first_copied_rest_shared, "shared"),
        (lambda net: all_scaled(copy_of(net)), "Other layers than the first"),
        (lambda net: scaled(copy_of(net), weight=1 / 256), "and nothing else"),
        (lambda net: scaled(copy_of(net), bias=1 / 255), "must stay as it was"),
        (lambda net: scaled(copy_of(net), weight=255), "smaller, not larger"),
        (lambda net: net[0], "Return a network"),
    ],
}
