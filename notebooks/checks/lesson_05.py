"""The exercises of lesson 05, sequential networks."""

import mxnet as mx
from mxnet import autograd, nd
from mxnet.gluon import nn

from gluon_lessons.course.check import call, exercise


@exercise("Correct. Sixteen kernels, each through all six channels, and sixteen biases.")
def second_convolution(answer):
    hints = {
        16 * 6 * 5 * 5: "The weights are right. Each channel that is written also has a bias.",
        16 * 5 * 5 + 16: "Each kernel reaches through all 6 channels that it reads, not through one.",
        16 * 5 * 5: "Each kernel reaches through all 6 channels that it reads, and has a bias.",
        16 * 6 * 5 * 5 + 6: "There is one bias for each channel that is written, not for each one that is read.",
        16 * 6 * 5 + 16: "The kernel is 5 high and 5 wide: 25 weights per channel.",
    }
    if answer == 16 * 6 * 5 * 5 + 16:
        return None
    return hints.get(answer, "Count one kernel first: 6 channels of 5 by 5. Then 16 of them, each with a bias.")


def _small_network():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(3, kernel_size=3), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(4))
    net.initialize(mx.init.Xavier())
    return net


@exercise("Correct. You now have the best tool against shape errors.")
def shapes_of(function):
    batch = nd.zeros((2, 1, 10, 10))
    expected = [(2, 3, 8, 8), (2, 3, 4, 4), (2, 48), (2, 4)]
    answer = call(function, _small_network(), batch)
    if not isinstance(answer, list):
        return f"Return a list, one shape per layer; this is a {type(answer).__name__}."
    if answer and isinstance(answer[0], nd.NDArray):
        return "The list holds the arrays themselves; it should hold their shapes."
    if answer == [batch.shape, *expected]:
        return "The first entry is the batch before any layer. Begin with what leaves the first layer."
    if answer == [batch.shape, *expected[:-1]]:
        return "These are the shapes that enter each layer. Note the shape after calling it."
    if answer == expected[-1:]:
        return "Only the last shape is there. Append inside the loop, once per layer."
    if answer != expected:
        return f"For a small network the list should be {expected}; yours is {answer}."
    return None


@exercise("Correct. A new head on a frozen body: this is how lesson 14 begins.")
def replace_head(function):
    net, batch = _small_network(), nd.random.uniform(shape=(2, 1, 10, 10))
    net(batch)
    kernels = net[0].weight.data().copy()
    answer = call(function, net, 7)
    if not isinstance(answer, (nn.Sequential, nn.HybridSequential)):
        return f"Return a network, a HybridSequential; this is a {type(answer).__name__}."
    if len(answer) == len(net) + 1:
        return "The new layer was added behind the old last one. Take the body with net[:-1] first."
    try:
        scores = answer(batch)
    except RuntimeError:
        return "The new layer has no numbers yet. Initialize it, and only it."
    if scores.shape != (2, 7):
        return f"Two pictures and seven classes should give (2, 7); this gives {scores.shape}."
    if (answer[0].weight.data() != kernels).max().asscalar():
        return "The body has forgotten what it knew: initialize the new layer alone, not the whole network."
    with autograd.record():
        answer(batch)
    if answer[0].weight.grad_req != "null":
        return 'The body can still learn. Set grad_req to "null" for the parameters of all layers but the last.'
    if answer[-1].weight.grad_req == "null":
        return "The new layer is frozen as well, so nothing can learn. Freeze the body alone."
    return None
