"""The hook in GluonCV: `gluoncv.model_zoo.get_model(name, pretrained=True)` finds the weights that the zoo can get."""

import functools
from pathlib import Path

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache

_ROOT = str(Path("~", ".mxnet", "models"))  # what GluonCV's functions pass on when nobody says where


def attach_weights(model_store):
    """Put the zoo before `get_model_file` of GluonCV's model store, which all its networks ask for weights."""
    ask_old_host = model_store.get_model_file

    @functools.wraps(ask_old_host)
    def get_model_file(name, tag=None, root=_ROOT):
        from gluon_lessons.zoo import catalogue, store

        if name in catalogue.names() and not isinstance(tag, str):
            return str(store.obtain(name, _folder(root))[0])
        try:
            return ask_old_host(name, tag, str(_folder(root)))
        except (OSError, RuntimeError) as error:
            raise LessonError(
                f"The weights of {name} are not in the catalogue, and GluonCV's own host does not answer. "
                "`gluon-lessons weights list` shows what can be had; pass pretrained_base=False to do without a base."
            ) from error

    model_store.get_model_file = get_model_file


def attach_names(model_zoo):
    """Let GluonCV's `get_model` make the networks that only the catalogue has."""
    from gluon_lessons.zoo import catalogue

    for name in catalogue.names():
        model_zoo._models.setdefault(name, functools.partial(_make, name))


def _make(name, pretrained=False, classes=None, ctx=None, root=_ROOT):
    from gluon_lessons.zoo import catalogue, store

    net = store.build(catalogue.entry(name), classes)
    if pretrained:
        net.load_parameters(str(store.obtain(name, _folder(root))[0]), ctx=ctx)
    return net


def _folder(root):
    return cache.folder("models") if str(root) == _ROOT else Path(root).expanduser()
