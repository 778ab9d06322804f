"""The exercises of lesson 05, sequential networks."""

import itertools
import tempfile
from pathlib import Path

import mxnet as mx
from mxnet import nd
from mxnet.gluon import nn

from gluon_lessons.course.check import call, exercise

# Whatever is none of these may be an activation.
POOLING = (nn.MaxPool2D, nn.AvgPool2D, nn.GlobalMaxPool2D, nn.GlobalAvgPool2D)
NO_ACTIVATION = (nn.Conv2D, nn.Dense, *POOLING, nn.Flatten, nn.Dropout, nn.BatchNorm)


@exercise("Correct. Sixteen maps of 10 by 10, walked back to the picture.")
def size_of_the_pictures(answer):
    hints = {
        10: "That is the last map: 1600 is 16 times 10 times 10. Walk back through the layers to the picture.",
        20: "That is the map before the second pooling. Go on: kernel, pooling, convolution.",
        24: "That is the map after the first pooling. It halves, so before it there were twice as many.",
        40: "Between the two poolings a kernel of 5 without padding takes away 4.",
        44: "Between the two poolings there were 24 by 24. The first pooling halves, and the padding keeps the size.",
        52: "The first convolution has padding 2 and keeps the size; only the second takes away 4.",
        32: "32 gives 576. The message says 1600: 16 channels of how many by how many?",
        28: "28 gives the 400 that the weights were made for; these pictures are larger.",
    }
    if answer == 48:
        return None
    if answer in (49, 50, 51):
        return "That fits as well, since pooling drops an odd row. Which is the smallest?"
    return hints.get(answer, "1600 is 16 channels of 10 by 10. Walk back: pooling doubles, the kernel of 5 adds 4.")


@exercise("Correct. Small, because no dense layer reads a large map.")
def small_network(function):
    net = call(function)
    if not isinstance(net, (nn.Sequential, nn.HybridSequential)):
        return f"Return a network, a HybridSequential; this is a {type(net).__name__}."
    net.initialize(mx.init.Xavier(), force_reinit=True)
    try:
        scores = net(nd.zeros((2, 3, 64, 64)))
    except (mx.base.MXNetError, ValueError, AssertionError) as error:
        return f"Two pictures of shape (3, 64, 64) do not pass: {str(error).strip().splitlines()[-1][:200]}"
    if scores.shape != (2, 5):
        return f"Two pictures and five classes should give (2, 5); this gives {scores.shape}."
    layers = list(_flat(net))
    convolutions = sum(isinstance(layer, nn.Conv2D) for layer in layers)
    if convolutions < 3:
        return f"It has {convolutions} convolutions; the exercise asks for three at least."
    with_weights = [place for place, layer in enumerate(layers) if isinstance(layer, (nn.Conv2D, nn.Dense))]
    for place, until in itertools.pairwise(with_weights):
        if layers[place].act is None and all(isinstance(layer, NO_ACTIVATION) for layer in layers[place:until]):
            return "Two layers with weights follow each other without an activation, and count as one (lesson 02)."
    behind = layers[with_weights[-1] :]
    if behind[0].act is not None or not all(isinstance(layer, NO_ACTIVATION) for layer in behind):
        return "The last layer gives scores: no activation behind it."
    counts = [sum(p.data().size for p in layer.collect_params().values()) for layer in layers]
    if sum(counts) >= 10_000:
        place = counts.index(max(counts))
        kind = type(layers[place]).__name__
        most = f"{max(counts):,} of them in layer {place}, a {kind}"
        return f"It has {sum(counts):,} parameters, {most}. Give it less to read."
    return None


def _flat(net):
    for layer in net:
        if isinstance(layer, (nn.Sequential, nn.HybridSequential)):
            yield from _flat(layer)
        else:
            yield layer


def _little(classes=4, extra=False):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(3, kernel_size=3), nn.BatchNorm(), nn.Flatten(), nn.Dense(6, use_bias=False))
    net.add(*([nn.Dropout(0.5)] if extra else []), nn.Dense(classes))
    net.initialize(mx.init.Xavier())
    net(nd.zeros((2, 1, 10, 10)))
    return net


@exercise("Correct. Now you know what would stay random.")
def not_in_the_file(function):
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "little.params")
        _little().save_parameters(file)
        cases = [
            (_little(), [], "the network that the file was made from"),
            (_little(classes=7), ["4.weight", "4.bias"], "seven classes instead of four"),
            (_little(extra=True), ["5.weight", "5.bias"], "a dropout layer before the last one"),
        ]
        for net, right, what in cases:
            answer = call(function, net, file)
            if not isinstance(answer, (list, tuple, set)):
                return f"Return a list of names; this is a {type(answer).__name__}."
            answer = sorted(str(name) for name in answer)
            if answer == sorted(right):
                continue
            if set(answer) == {"1.mean", "1.var"}:
                return (
                    "Batch normalization has a running_mean: take off the layer's prefix, not all up to an underscore."
                )
            if len(answer) > len(set(answer)):
                return f"Name each parameter once; yours are {answer[:6]}."
            if not right and answer:
                return (
                    f"For {what} nothing is missing; yours names {answer[:3]}. Is a name position, dot, weight or bias?"
                )
            if not answer and what.startswith("seven"):
                return "With seven classes instead of four the names are there and the shapes differ. Compare both."
            if set(answer) == {"4.weight", "4.bias"}:
                return "You list what the file has and the network does not want. Ask the other way round."
            return f"For {what} it should be {right}; yours is {answer[:6]}."
    return None


def _lenet():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(6, kernel_size=5, padding=2, activation="relu"), nn.MaxPool2D(2))
    net.add(nn.Conv2D(16, kernel_size=5, activation="relu"), nn.MaxPool2D(2), nn.Flatten())
    net.add(nn.Dense(120, activation="relu"), nn.Dense(84, activation="relu"), nn.Dense(10))
    net.initialize(mx.init.Xavier())
    net[0].bias.initialize(mx.init.Constant(0.3), force_reinit=True)
    net(nd.zeros((1, 1, 28, 28)))
    net[0].bias.set_data(nd.array([0.3, -0.2, 0.1, 0.4, -0.1, 0.2]))
    return net


@exercise("Correct. The scale moved into the weights, and costs nothing.")
def for_bytes(function):
    net, pictures = _lenet(), nd.random.uniform(shape=(4, 1, 28, 28))
    before = net(pictures)
    result = call(function, net)
    if not isinstance(result, (nn.Sequential, nn.HybridSequential)):
        return f"Return a network; this is a {type(result).__name__}."
    if result is net:
        return "That is the old network itself. Build another one of the same layers and copy the parameters into it."
    if abs(net(pictures) - before).max().asscalar() > 1e-5:
        return (
            "The old network has changed: its layers are in your new list, shared. Copy the parameters into new layers."
        )
    if len(result) != len(net):
        return f"It has {len(result)} layers, the old one {len(net)}. Change weights instead of adding layers."
    if any(new is old for new, old in zip(result, net, strict=True)):
        return "Layers of the old network stand in the new one, shared: training one would change the other. Copy them."
    scores, size = result(255 * pictures), abs(before).max().asscalar()
    if abs(scores - before).max().asscalar() < 2e-4 * size:
        return None
    if any(
        abs(result[place].weight.data() - net[place].weight.data()).max().asscalar() > 1e-6 for place in (2, 5, 6, 7)
    ):
        return "Other layers than the first have changed. Only the first one sees the pixels."
    if abs(result(pictures) - before).max().asscalar() < 1e-4:
        return "It still expects pixels from 0 to 1: nothing has been divided yet."
    if abs(result[0].weight.data() * 255 - net[0].weight.data()).max().asscalar() < 1e-4:
        return "The weights are right. The bias is added after the multiplication, so it must stay as it was."
    if abs(result[0].weight.data() / 255 - net[0].weight.data()).max().asscalar() < 1e-1:
        return "The pixels are 255 times as large, so the weights must be smaller, not larger."
    return "The scores differ. Copy all parameters, then divide the first convolution's weights, and nothing else."
