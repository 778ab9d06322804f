"""What learners answer in lesson 05, and the part of the hint that each mistake must get."""

import mxnet as mx
from mxnet.gluon import nn


def with_the_input(net, batch):
    shapes = [batch.shape]
    for layer in net:
        batch = layer(batch)
        shapes.append(batch.shape)
    return shapes


def before_each_layer(net, batch):
    shapes = []
    for layer in net:
        shapes.append(batch.shape)
        batch = layer(batch)
    return shapes


def arrays(net, batch):
    outputs = []
    for layer in net:
        batch = layer(batch)
        outputs.append(batch)
    return outputs


def last_only(net, batch):
    return [net(batch).shape]


def head(net, classes, *, initialize="head", freeze="body", keep=-1):
    result = nn.HybridSequential()
    result.add(*net[:keep], nn.Dense(classes))
    if initialize == "head":
        result[-1].initialize(mx.init.Xavier())
    if initialize == "all":
        result.initialize(mx.init.Xavier(), force_reinit=True)
    frozen = {"body": result[:-1], "all": result, "nothing": nn.HybridSequential()}[freeze]
    frozen.collect_params().setattr("grad_req", "null")
    return result


WRONG_ANSWERS = {
    "second_convolution": [
        (16 * 6 * 5 * 5, "also has a bias"),
        (16 * 5 * 5 + 16, "all 6 channels that it reads, not through one"),
        (16 * 6 * 5 * 5 + 6, "not for each one that is read"),
        (10, "Count one kernel first"),
    ],
    "shapes_of": [
        (with_the_input, "before any layer"),
        (before_each_layer, "that enter each layer"),
        (arrays, "the arrays themselves"),
        (last_only, "Only the last shape"),
    ],
    "replace_head": [
        (lambda net, classes: head(net, classes, initialize="nothing"), "no numbers yet"),
        (lambda net, classes: head(net, classes, initialize="all"), "forgotten what it knew"),
        (lambda net, classes: head(net, classes, freeze="nothing"), "can still learn"),
        (lambda net, classes: head(net, classes, freeze="all"), "frozen as well"),
        (lambda net, classes: head(net, classes, keep=None), "behind the old last one"),
        (lambda net, classes: net, "should give (2, 7)"),
    ],
}
