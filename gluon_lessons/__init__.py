"""Gluon Lessons: importing this package makes MXNet and GluonCV importable, and costs nothing else."""

from gluon_lessons import compat
from gluon_lessons.context import device

__all__ = ["device"]


def __getattr__(name: str) -> str:
    """Return the version that pyproject.toml states, when somebody asks for it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version(__name__)


compat.install()
# Their own hosts are gone: `pretrained=True` finds the zoo's weights, `get_model` the networks that only the zoo has;
# data sets, and pictures of tutorials, come from where they are now.
for _module, _function in {
    "mxnet": "gluon_lessons.mxnet_hook:attach_test_data",
    "mxnet.gluon.data.vision.datasets": "gluon_lessons.mxnet_hook:attach_data_sets",
    "mxnet.gluon.model_zoo.model_store": "gluon_lessons.mxnet_hook:attach_weights",
    "mxnet.gluon.model_zoo.vision": "gluon_lessons.mxnet_hook:attach_names",
    "gluoncv.model_zoo.model_store": "gluon_lessons.zoo.gluoncv_hook:attach_weights",
    "gluoncv.model_zoo.model_zoo": "gluon_lessons.zoo.gluoncv_hook:attach_names",
    "gluoncv.utils.download": "gluon_lessons.zoo.gluoncv_hook:attach_pictures",
}.items():
    compat.call_after(_module, _function)
