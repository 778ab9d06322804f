"""The port of GluonCV's own networks: its model zoo makes them, by name."""

import contextlib
import inspect
import io

from gluoncv.model_zoo.model_zoo import _models


def build(classes, network):
    """Make GluonCV's network of that name, uninitialised and without fetching the weights of a base network."""
    make = _models[network]
    # Some take `pretrained_base` by name and some hand it on; classifiers mostly have no base and refuse it.
    by_name = "pretrained_base" in inspect.signature(make).parameters
    handed_on = network.startswith("simple_pose")
    options = {"pretrained_base": False} if by_name or handed_on else {}
    with contextlib.redirect_stdout(io.StringIO()):  # some print their settings
        return make(pretrained=False, **options)
