"""What learners answer in lesson 06, and the part of the hint that each mistake must get."""

from mxnet.gluon import nn


def twice(keep):
    class Twice(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.layers = keep([nn.Dense(8, activation="relu"), nn.Dense(4)])

        def hybrid_forward(self, F, x):
            for layer in self.layers:
                x = layer(x)
            return x

    return Twice


def sequential(layers):
    kept = nn.HybridSequential()
    kept.add(*layers)
    return kept


def shrinking(shortcut, join=None):
    class Shrinking(nn.HybridBlock):
        def __init__(self, channels):
            super().__init__()
            self.body = nn.Conv2D(channels, 3, strides=2, padding=1, use_bias=False)
            self.shortcut = shortcut(channels)

        def hybrid_forward(self, F, x):
            return join(F, self.shortcut(x), self.body(x))

    return Shrinking


def good_shortcut(channels):
    return nn.Conv2D(channels, 1, strides=2, use_bias=False)


WRONG_ANSWERS = {
    "weights_of": [
        (lambda i, o, k, e: i * i * e + i * e * i * e * k * k + i * e * o, "depthwise"),
        (lambda i, o, k, e: i * i * e + i * e * k + i * e * o, "height and a width"),
        (lambda i, o, k, e: i * e * k * k + i * e * o, "that widens"),
        (lambda i, o, k, e: i * i * e + i * e * k * k + i * e * i, "not back to the channels in"),
        (lambda i, o, k, e: i * o * k * k, "it should be 38,640"),
    ],
    "registered_layers": [
        (twice(list), "Python list"),
        (twice(lambda layers: nn.HybridSequential()), "is empty"),
        (twice(lambda layers: sequential(layers[:1])), "both layers"),
        (twice(lambda layers: sequential(layers[::-1])), "in their order"),
    ],
    "shrinking": [
        (shrinking(lambda channels: nn.Conv2D(channels, 1)), "body's stride"),
        (shrinking(lambda channels: nn.Conv2D(4, 1, strides=2)), "must agree"),
        (shrinking(good_shortcut, lambda F, short, long: F.relu(long)), "Only the body"),
        (shrinking(good_shortcut, lambda F, short, long: short + long), "put ReLU over it"),
        (shrinking(good_shortcut, lambda F, short, long: F.relu(short) + F.relu(long)), "once, after the sum"),
    ],
}
