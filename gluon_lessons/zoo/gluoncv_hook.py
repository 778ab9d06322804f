"""The hook in GluonCV: `gluoncv.model_zoo.get_model(name, pretrained=True)` finds the weights that the zoo can get."""

import functools
import re
import shutil
from pathlib import Path

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache

# The photographs of the course that lie on GitHub, too, byte for byte: repository and folder, file, name.
_DARKNET = {
    "dog": "dog", "eagle": "eagle", "giraffe": "giraffe", "horses": "horses", "kite": "beach", "person": "meadow"
}  # fmt: skip
_SAMPLES = {
    "zhreshold/mxnet-ssd/data/demo": {"eagle": "eagle", "horses": "horses", "person": "meadow"},
    "pjreddie/darknet/data": _DARKNET,
    "dmlc/web-data/darknet/data": _DARKNET,
}
_GITHUB = re.compile(
    r"https?://(?:github\.com/([^/]+/[^/]+)/(?:blob|raw)|raw\.githubusercontent\.com/([^/]+/[^/]+))/[^/]+/([^?#]+)/([^/?#]+)\.jpg"
)

ROOT = str(Path("~", ".mxnet", "models"))  # what GluonCV's functions pass on when nobody says where


def attach_weights(model_store):
    """Put the zoo before `get_model_file` of GluonCV's model store, which all its networks ask for weights."""
    ask_old_host = model_store.get_model_file

    @functools.wraps(ask_old_host)
    def get_model_file(name, tag=None, root=ROOT):
        from gluon_lessons.zoo import catalogue, store

        known = name in catalogue.names() and not isinstance(tag, str)
        if known and not catalogue.entry(name).not_gluoncvs:
            return str(store.obtain(name, folder_of(root))[0])
        try:
            return ask_old_host(name, tag, str(folder_of(root)))
        except (OSError, RuntimeError, LessonError) as error:
            if known:
                raise LessonError(
                    f"The weights of {name} that can be had are for other layers than GluonCV's: "
                    f"`gluoncv.model_zoo.get_model({name!r}, pretrained=True)` makes those."
                ) from error
            raise LessonError(
                f"The weights of {name} are not in the catalogue, and GluonCV's own host does not answer. "
                "`gluon-lessons weights list` shows what can be had; pass pretrained_base=False to do without a base."
            ) from error

    model_store.get_model_file = get_model_file


def attach_names(model_zoo):
    """Let GluonCV's `get_model` make the networks that only the catalogue has, or has weights for."""
    from gluon_lessons.zoo import catalogue

    for name in catalogue.names():
        theirs = model_zoo._models.get(name)
        if theirs is None:
            model_zoo._models[name] = functools.partial(make, name)
        elif catalogue.entry(name).not_gluoncvs:
            model_zoo._models[name] = functools.partial(make_instead, name, theirs)


def attach_pictures(module):
    """Let `gluoncv.utils.download` find the pictures of tutorials that the course has, too."""
    download_there = module.download

    @functools.wraps(download_there)
    def download(url, path=None, overwrite=False, sha1_hash=None):
        target = Path(path or ".").expanduser()
        target = target / url.rpartition("/")[2] if target.is_dir() else target
        there = target.exists() and (not sha1_hash or module.check_sha1(str(target), sha1_hash))
        sample = None if there and not overwrite else sample_at(url)
        if sample and (not sha1_hash or module.check_sha1(str(sample), sha1_hash)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample, target)
            return str(target)
        try:
            return download_there(url, path, overwrite, sha1_hash)
        except OSError as error:
            raise LessonError(
                f"{url} cannot be reached. Put the file there yourself, as {target}, or take one of the course's "
                "photographs: `gluon_lessons.photos.path(name)`, with a name from `gluon_lessons.photos.names()`."
            ) from error

    module.download = download


def sample_at(url: str) -> Path | None:
    """The course's photograph with the same bytes as the one at that address of GitHub, if there is one."""
    from gluon_lessons import photos

    match = _GITHUB.match(url)
    name = _SAMPLES.get(f"{match[1] or match[2]}/{match[3]}", {}).get(match[4]) if match else None
    return photos.path(name) if name else None


def make(name, pretrained=False, classes=None, ctx=None, root=ROOT):
    """The network of that name, taking pictures as GluonCV's presets prepare them, and knowing its classes."""
    from gluon_lessons.zoo import catalogue, store
    from gluon_lessons.zoo.normalized import Normalized

    entry = catalogue.entry(name)
    net = store.build(entry, classes)
    if pretrained:
        net.load_parameters(str(store.obtain(name, folder_of(root))[0]), ctx=ctx)
    if (entry.mean, entry.deviation) != (catalogue.MEAN, catalogue.DEVIATION):
        net = Normalized(net, entry, ctx)
    if not hasattr(net, "classes"):
        net.classes = list(classes or entry.classes)
    return net


def make_instead(name, theirs, pretrained=False, **options):
    """The network of that name that weights can be had for, or GluonCV's own without weights."""
    if pretrained and not isinstance(pretrained, str):
        options.pop("pretrained_base", None)
        return make(name, pretrained, **options)
    return theirs(pretrained=pretrained, **options)


def folder_of(root):
    """The cache, unless a program says where it wants the weights."""
    root = Path(root).expanduser()
    return cache.folder("models") if root == Path(ROOT).expanduser() else root
