"""Gluon Lessons: importing this package makes MXNet and GluonCV importable, and costs nothing else."""

from gluon_lessons import compat

__version__ = "0.1.0"

compat.install()


def device():
    """Return the context to compute on: a GPU when MXNet sees one, else the CPU."""
    import mxnet as mx

    return mx.gpu() if mx.context.num_gpus() else mx.cpu()
