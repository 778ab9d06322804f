"""The serving room's front: put a network into the archive that endpoints and batch jobs start from."""

import contextlib
import io
import json
import math
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
INFERENCE = HERE / "inference.py"  # the entry script of an endpoint or a batch job
TRAIN = HERE / "train.py"  # the entry script of a training job


@dataclass(frozen=True)
class Picture:
    """How a picture becomes the network's input."""

    size: tuple[int, int]  # height, width of the input
    mean: tuple[float, ...]  # one a channel, of values from 0 to 255
    std: tuple[float, ...]
    fit: str = "stretch"  # "stretch", "crop" (the short side to `short`, then the middle) or "long" (the long side)
    short: int = 0
    interpolation: int | str = 1  # as OpenCV numbers them (0 nearest, 1 linear, 2 cubic, 3 area), or "best"


def archive(network, path, **options) -> Path:
    """Write the `model.tar.gz` of SageMaker: a network of the zoo, and the script that serves it."""
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path, "w:gz") as tar:
        save(network, folder, **options)
        for file in sorted(Path(folder).iterdir()):
            tar.add(file, file.name)
        tar.add(INFERENCE, "code/inference.py")
    return path


def save(network, folder, *, threshold: float = 0.5) -> Path:
    """Write what `inference.py` serves into a folder: the exported network and `model.json`.

    `network` comes from the zoo; boxes with a score below `threshold` are not worth mentioning.
    """
    entry = network.entry
    return save_block(
        network.net, folder, entry.task, entry.classes, picture_of(entry), threshold, str(network.provenance)
    )


def save_block(net, folder, task, classes, picture, threshold=0.5, provenance="") -> Path:
    """The same for a Gluon network of your own: `task` is "classify", "detect" or "segment"."""
    import mxnet as mx

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    net.hybridize()
    net(mx.nd.zeros((1, len(picture.mean), *picture.size)))
    with contextlib.redirect_stdout(io.StringIO()):
        net.export(str(folder / "model"), epoch=0)
    about = {"task": task, "classes": list(classes), "picture": asdict(picture), "fuse": True, "threshold": threshold}
    (folder / "model.json").write_text(json.dumps(about | {"provenance": provenance}, indent=1) + "\n")
    return folder


def picture_of(entry) -> Picture:
    """What a network of the zoo wants, in the words of `inference.py`; `predict.prepare` does the same."""
    from gluon_lessons.zoo import networks

    port = networks.module(entry.build)
    mean = tuple(255 * float(x) for x in getattr(port, "MEAN", networks.MEAN))
    std = tuple(255 * float(x) for x in getattr(port, "DEVIATION", networks.DEVIATION))
    size = (entry.size, entry.size)
    if entry.task == "classify":
        return Picture(size, mean, std, "crop", short=math.ceil(entry.size / 0.875))
    if entry.task == "detect":
        return Picture(size, mean, std, "stretch", interpolation="best")
    return Picture(size, mean, std, "long")
