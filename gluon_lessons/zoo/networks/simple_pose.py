"""GluonCV's SimplePose networks, whose functions hand on to the base that it is not to be fetched."""

import contextlib
import io

from gluoncv.model_zoo.model_zoo import _models


def build(classes: list[str], network: str):
    """Make GluonCV's network of that name, uninitialised."""
    with contextlib.redirect_stdout(io.StringIO()):  # some print their settings
        return _models[network](pretrained=False, pretrained_base=False)
