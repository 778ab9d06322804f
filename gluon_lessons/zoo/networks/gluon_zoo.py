"""GluonCV's own networks: its model zoo makes them, by name."""

import contextlib
import inspect
import io

from gluoncv.model_zoo.model_zoo import _models


def build(classes, network):
    """Make GluonCV's network of that name, uninitialised and without fetching the weights of a base network."""
    make = _models[network]
    # Classifiers mostly have no base, and refuse the word.
    options = {"pretrained_base": False} if "pretrained_base" in inspect.signature(make).parameters else {}
    with contextlib.redirect_stdout(io.StringIO()):  # some print their settings
        return make(pretrained=False, **options)
