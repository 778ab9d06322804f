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


def right_scale(gamma, variance, epsilon):
    return gamma / (variance + epsilon).sqrt()


def right_bias(gamma, beta, mean, variance, epsilon):
    return beta - gamma * mean / (variance + epsilon).sqrt()


def fold(scale, bias):
    def folded(weight, gamma, beta, mean, variance, epsilon):
        factor = scale(gamma, variance, epsilon).reshape((-1, 1, 1, 1))
        return weight * factor, bias(gamma, beta, mean, variance, epsilon)

    return folded


def wide(share):
    return share.expand_dims(axis=2).expand_dims(axis=3)


def squeeze_excite(join, flat=False):
    class SqueezeExcite(nn.HybridBlock):
        def __init__(self, channels, reduced):
            super().__init__()
            self.squeeze = nn.Dense(reduced, activation="relu")
            self.excite = nn.Dense(channels, activation="sigmoid")

        def hybrid_forward(self, F, x):
            return join(F, x, self.excite(self.squeeze(x if flat else F.mean(x, axis=(2, 3)))))

    return SqueezeExcite


WRONG_ANSWERS = {
    "registered_layers": [
        (twice(list), "Python list"),
        (twice(lambda layers: nn.HybridSequential(*layers)), "takes no layers"),
        (twice(lambda layers: nn.HybridSequential().add(*layers)), "on a line of its own"),
        (twice(lambda layers: nn.HybridSequential()), "is empty"),
        (twice(lambda layers: sequential(layers[:1])), "both layers"),
        (twice(lambda layers: sequential(layers[::-1])), "in their order"),
    ],
    "folded": [
        (fold(lambda g, v, e: g / v.sqrt(), right_bias), "Only epsilon"),
        (fold(lambda g, v, e: g / (v + e), right_bias), "the root of the variance"),
        (fold(lambda g, v, e: 1 / (v + e).sqrt(), right_bias), "gamma multiplies it"),
        (fold(lambda g, v, e: g / (v.sqrt() + e), right_bias), "under the root"),
        (fold(lambda g, v, e: g, right_bias), "each channel's kernels"),
        (fold(right_scale, lambda g, b, m, v, e: b - m), "so they scale it"),
        (fold(right_scale, lambda g, b, m, v, e: b - m / (v + e).sqrt()), "gamma multiplies it"),
        (fold(right_scale, lambda g, b, m, v, e: b + g * m / (v + e).sqrt()), "with a minus sign"),
        (fold(right_scale, lambda g, b, m, v, e: b - g * m / v.sqrt()), "epsilon is missing"),
        (fold(right_scale, lambda g, b, m, v, e: b), "Beta alone"),
        (lambda w, g, b, m, v, e: (w * g / (v + e).sqrt(), b), "spreads it over its kernels"),
        (fold(right_scale, lambda g, b, m, v, e: g), "picture of zeros"),
        (fold(right_scale, lambda g, b, m, v, e: b.reshape((3, 1))), "one number per channel"),
        (lambda w, g, b, m, v, e: (g, b), "keep that of the old one"),
    ],
    "squeeze_excite": [
        (squeeze_excite(lambda F, x, share: share, flat=True), "Average each channel"),
        (squeeze_excite(lambda F, x, share: share), "Multiply each channel"),
        (squeeze_excite(lambda F, x, share: F.sum(x, axis=1)), "shape of x"),
        (squeeze_excite(lambda F, x, share: F.broadcast_add(x, wide(share))), "are added"),
        (squeeze_excite(lambda F, x, share: x + F.broadcast_mul(x, wide(share))), "only multiplied"),
        (squeeze_excite(lambda F, x, share: F.broadcast_mul(x, 1 - wide(share))), "numbers are not"),
        (squeeze_excite(lambda F, x, share: x * wide(share)), "do not broadcast"),
        (
            squeeze_excite(lambda F, x, share: F.broadcast_mul(x, share.reshape((x.shape[0], -1, 1, 1)))),
            "a symbol has no shape",
        ),
    ],
    "shrinking": [
        (shrinking(lambda channels: nn.Conv2D(channels, 1)), "body's stride"),
        (shrinking(lambda channels: nn.Conv2D(4, 1, strides=2)), "must agree"),
        (shrinking(lambda channels: nn.Conv2D(channels, 3, strides=2, padding=1)), "1 by 1 convolution is enough"),
        (shrinking(lambda channels: nn.Conv2D(channels, 1, strides=2, activation="relu")), "activate=False"),
        (shrinking(good_shortcut, lambda F, short, long: F.clip(short + long, 0, 6)), "ReLU6, which stops"),
        (shrinking(good_shortcut, lambda F, short, long: F.relu(long)), "Only the body"),
        (shrinking(good_shortcut, lambda F, short, long: short + long), "put ReLU over it"),
        (shrinking(good_shortcut, lambda F, short, long: F.relu(short) + F.relu(long)), "once, after the sum"),
    ],
}
