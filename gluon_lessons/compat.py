"""The compatibility room: the one place that makes MXNet 1.9.1 and GluonCV 0.10.5 work on today's NumPy and Python."""

import sys
import types


def install():
    """Act when `mxnet` or `gluoncv` is first imported; until then do nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "mxnet":
            _prepare()
        return None


def _prepare():
    import warnings

    import numpy as np

    for alias in (bool, int, float, complex, object, str):
        if alias.__name__ not in vars(np):
            setattr(np, alias.__name__, alias)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="mxnet")
