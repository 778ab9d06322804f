"""A network that takes pictures as GluonCV's presets prepare them, whatever it was trained on."""

import numpy as np
from mxnet.gluon import HybridBlock

from gluon_lessons.zoo.catalogue import DEVIATION, MEAN, Entry


class Normalized(HybridBlock):
    """The network `net` behind a change of the pixels' mean and deviation; all else is the network's own."""

    def __init__(self, net, entry: Entry, ctx=None, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.scale = self.params.get_constant("scale", _channels(np.divide(DEVIATION, entry.deviation)))
        self.shift = self.params.get_constant("shift", _channels(np.subtract(MEAN, entry.mean) / entry.deviation))
        for constant in self.scale, self.shift:
            constant.initialize(ctx=ctx)

    def hybrid_forward(self, F, x, scale, shift):
        return self.net(F.broadcast_add(F.broadcast_mul(x, scale), shift))

    def __getattr__(self, name):
        if name.startswith("_") or name == "net":
            raise AttributeError(name)
        return getattr(self.net, name)


def _channels(values) -> np.ndarray:
    return np.asarray(values, np.float32).reshape(1, 3, 1, 1)
