"""The one place that makes MXNet 1.9.1 and GluonCV 0.10.5 work on today's NumPy and Python.

Both were written for NumPy 1.20 and Python 3.8. Nothing here happens, and nothing is imported, until a program imports
one of them; from then on a finder in `sys.meta_path` mends each of their modules as it is imported.
"""

import importlib
import os
import sys
import threading
from collections.abc import Callable
from importlib.abc import Loader
from types import ModuleType

# The modules of MXNet and GluonCV import one another in circles, which Python cannot untangle from two threads at once.
_importing = threading.RLock()


def install():
    """Mend `mxnet` and `gluoncv` when they are first imported; until then do nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def import_module(name: str) -> ModuleType:
    """Import a module that needs MXNet or GluonCV, while no other thread does so."""
    with _importing:
        return importlib.import_module(name)


def call_after(module: str, function: str) -> None:
    """Call a function, as in "package.module:function", with a module of MXNet or GluonCV once that is imported."""

    def call(imported: ModuleType) -> None:
        where, _, name = function.partition(":")
        getattr(importlib.import_module(where), name)(imported)

    _MENDS[module] = call


class _Finder:
    """A finder that lets every module be found where it is, and mends those that need it."""

    def find_spec(self, name, path=None, target=None):
        if name in ("mxnet", "gluoncv"):
            if name not in sys.modules:  # it is when somebody reloads it
                _forget_failed_import(name)
            _prepare()
        if name in _STAND_INS:
            return _spec_that_runs(name, _STAND_INS[name])
        if name in _PREPARATIONS or name in _MENDS:
            return _spec_that_mends(name, path, before=_PREPARATIONS.get(name), after=_MENDS.get(name))
        return None


class _LastFinder:
    """Stands behind all other finders: `distutils` left the standard library in Python 3.12."""

    def find_spec(self, name, path=None, target=None):
        if name == "distutils":
            return _spec_that_runs(name, _nothing, is_package=True)
        if name == "distutils.version":
            return _spec_that_runs(name, _versions)
        return None


def _forget_failed_import(package):
    """After a failed import the package is gone but its modules remain; half of the old would mix with the new."""
    for name in [name for name in sys.modules if name.startswith(package + ".")]:
        del sys.modules[name]


def _prepare():
    import warnings

    import numpy as np

    for builtin in (bool, int, float, complex, object, str):
        if builtin.__name__ not in vars(np):  # `hasattr` would warn
            setattr(np, builtin.__name__, builtin)
    if not any(isinstance(finder, _LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastFinder())
        for message, module in _NOISE:
            warnings.filterwarnings("ignore", message, module=module)
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # else "Subgraph backend MKLDNN is activated" at each export
    # A large array that is copied by several threads leaves them behind. Once there are more than processors, GNU's
    # OpenMP lets all of them doze between two layers, and everything takes twice as long until the program ends.
    os.environ.setdefault("MXNET_CPU_PARALLEL_SIZE", str(2**31 - 1))
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("MXNET_OMP_MAX_THREADS", str(_cores()))


def _cores():
    """Cores to compute with; MXNet would take half of what Linux counts, as though each core were counted twice."""
    import psutil

    linux = hasattr(psutil.Process, "cpu_affinity")
    allowed = len(psutil.Process().cpu_affinity()) if linux else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


# What the two say at every use, about themselves: (start of the message, the module that says it).
_NOISE = (
    ("The distutils package is deprecated", r"(mxnet|gluoncv)\."),
    ("distutils Version classes are deprecated", r"(mxnet|gluoncv)\."),
    # GluonCV initialises the heads of its segmentation networks itself. The same words about a learner's layer remain.
    (r"Parameter '(deeplab|fcn|psp|icnet|danet|fastscnn)\w*' is already initialized", r"mxnet\.gluon\.parameter$"),
    ("Cannot decide type for the following arguments", r"mxnet\.gluon\.block$"),
)


def _nothing(module):
    """A package whose modules are all that it has."""


def _versions(module):
    """Stand in for `distutils.version`: both classes only ever compare numbered releases here."""
    import functools
    import re

    @functools.total_ordering
    class Version:
        def __init__(self, text):
            self.vstring = str(text)
            self.version = [int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-z]+", self.vstring)]

        def _key(self):
            return [
                (isinstance(part, int), part) for part in self.version
            ]  # a word comes before a number: 1.0rc < 1.0.1

        def __eq__(self, other):
            return self._key() == _as_version(other)._key()

        def __lt__(self, other):
            return self._key() < _as_version(other)._key()

        def __repr__(self):
            return f"{type(self).__name__} ('{self.vstring}')"

        def __str__(self):
            return self.vstring

    def _as_version(other):
        return other if isinstance(other, Version) else Version(other)

    module.LooseVersion = type("LooseVersion", (Version,), {})
    module.StrictVersion = type("StrictVersion", (Version,), {})


def _gluoncv_check(module):
    """Stand in for `gluoncv.check`, which refuses to go on where PyTorch 2 is installed."""

    def require_mxnet(*_versions):
        import mxnet  # noqa: F401  (its absence is an ImportError, as GluonCV expects)

    def require_pytorch(*_versions):
        raise ImportError("GluonCV's PyTorch half is for PyTorch 1; this course uses its MXNet half.")

    module._deprecate_python2 = lambda: None
    module._require_mxnet_version = require_mxnet
    module._require_pytorch_version = require_pytorch


def _import_less(module):
    """Without scikit-learn, from which MXNet takes a base class that it gave up long ago, and with `scipy.stats` only
    when its test tools use it, MXNet is imported in little more than half the time.
    """
    import builtins
    import types

    class Stats:
        def __getattr__(self, name):
            import scipy.stats

            return getattr(scipy.stats, name)

    def import_less(name, where=None, local=None, wanted=(), level=0):
        if name == "sklearn.base":
            raise ImportError("MXNet does without it.")
        if name == "scipy.stats" or (name == "scipy" and wanted == ("stats",)):
            return types.SimpleNamespace(stats=Stats())
        return builtins.__import__(name, where, local, wanted, level)

    module.__builtins__ = {**vars(builtins), "__import__": import_less}


def _give_arrays_to_numpy(module):
    """Let `np.asarray` and `plt.imshow` take an NDArray; without this they read it number by number."""

    def __array__(self, dtype=None, copy=None):
        array = self.asnumpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    module.NDArray.__array__ = __array__


def _name_sparse_matrices(module):
    """MXNet says `scipy.sparse.csr.csr_matrix`; SciPy keeps the class one level up."""
    import types

    module.spsp = types.SimpleNamespace(**{**vars(module.spsp), "csr": module.spsp})


def _print_nothing(module):
    """GluonCV prints a segmentation network's crop size while building it."""
    module.print = lambda *_words: None


def _keep_kernels(module):
    """Let `reset_class` of a light SSD make predictors like the old ones; it would make all of them 3 by 3."""
    import functools

    reset, make_predictor = module.SSD.reset_class, module.ConvPredictor

    @functools.wraps(reset)
    def reset_class(self, classes, reuse_weights=None):
        old = self.class_predictors[0].predictor._kwargs
        module.ConvPredictor = functools.partial(make_predictor, kernel=old["kernel"], pad=old["pad"])
        try:
            reset(self, classes, reuse_weights)
        finally:
            module.ConvPredictor = make_predictor

    module.SSD.reset_class = reset_class


_STAND_INS = {"gluoncv.check": _gluoncv_check}
_PREPARATIONS = dict.fromkeys(("mxnet.model", "mxnet.contrib.quantization", "mxnet.test_utils"), _import_less)
_MENDS: dict[str, Callable[[ModuleType], None]] = {
    "mxnet.ndarray.ndarray": _give_arrays_to_numpy,
    "mxnet.ndarray.sparse": _name_sparse_matrices,
    "gluoncv.model_zoo.pspnet": _print_nothing,
    "gluoncv.model_zoo.ssd.ssd": _keep_kernels,
}


def _spec_that_mends(name, path, before=None, after=None):
    """Find the module where it is, and mend it before or once it has run."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(name, path)
    if spec is None or spec.loader is None:
        return None
    run = spec.loader.exec_module

    def exec_module(module):
        if before:
            before(module)
        run(module)
        if after:
            after(module)

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec


def _spec_that_runs(name, fill, is_package=False):
    """Make a module that no file holds."""
    from importlib.machinery import ModuleSpec

    return ModuleSpec(name, _Loader(fill), origin=__file__, is_package=is_package)


class _Loader(Loader):
    """A loader that fills an empty module."""

    def __init__(self, fill):
        self.fill = fill

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        self.fill(module)
