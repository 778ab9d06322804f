"""The serving room's front: put a network into the archive that endpoints and batch jobs start from."""

import contextlib
import io
import json
import tarfile
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
    fit: str = "stretch"  # "stretch", "crop" (the short side to `short`, then the middle) or "pad"
    short: int = 0
    interpolation: int = 1  # as OpenCV numbers them: 0 nearest, 1 linear, 2 cubic, 3 area


def save(net, folder, task, classes, picture, *, fuse=True, threshold=0.5, provenance=""):
    """Write what `inference.py` serves: the exported network and `model.json`. Returns the folder.

    `task` is "classify", "detect" or "segment"; `fuse` joins convolutions with what follows them when the network is
    loaded on a CPU; `threshold` is the score below which a box is not worth mentioning.
    """
    import mxnet as mx

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    net.hybridize()
    net(mx.nd.zeros((1, len(picture.mean), *picture.size)))
    with contextlib.redirect_stdout(io.StringIO()):
        net.export(str(folder / "model"), epoch=0)
    about = {
        "task": task,
        "classes": list(classes),
        "picture": asdict(picture),
        "fuse": fuse,
        "threshold": threshold,
        "provenance": provenance,
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n")
    return folder


def archive(folder, path):
    """Pack a folder written by `save`, and the entry script, into the `model.tar.gz` of SageMaker. Returns the path."""
    path = Path(path)
    with tarfile.open(path, "w:gz") as tar:
        for file in sorted(Path(folder).iterdir()):
            if file.name.startswith("model"):
                tar.add(file, file.name)
        tar.add(INFERENCE, "code/inference.py")
    return path
