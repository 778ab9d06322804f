"""Gluon Lessons: importing this package makes MXNet and GluonCV importable, and costs nothing else."""

from gluon_lessons import compat
from gluon_lessons.context import device

__all__ = ["__version__", "device"]

__version__ = "0.1.0"

compat.install()
# GluonCV's own host is gone: `pretrained=True` finds the zoo's weights, `get_model` the networks that only the zoo has.
compat.call_after("gluoncv.model_zoo.model_store", "gluon_lessons.zoo.gluoncv_hook:attach_weights")
compat.call_after("gluoncv.model_zoo.model_zoo", "gluon_lessons.zoo.gluoncv_hook:attach_names")
