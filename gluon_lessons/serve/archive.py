"""Put a network into the archive that endpoints and batch jobs start from."""

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gluon_lessons.zoo import families
from gluon_lessons.zoo.catalogue import Entry
from gluon_lessons.zoo.families.picture import Picture
from gluon_lessons.zoo.store import Network

HERE = Path(__file__).parent
INFERENCE = HERE / "inference.py"  # the entry script of an endpoint or a batch job
TRAIN = HERE / "train.py"  # the entry script of a training job


def archive(network: Network, path: str | Path, *, threshold: float = 0.5) -> Path:
    """Write the `model.tar.gz` of SageMaker: a network of the zoo, and the script that serves it."""
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        save(network, folder, threshold=threshold)
        with tarfile.open(path, "w:gz") as tar:
            for file in sorted(Path(folder).iterdir()):
                tar.add(file, file.name)
            tar.add(INFERENCE, "code/inference.py")
    return path


def save(network: Network, folder: str | Path, *, threshold: float = 0.5) -> Path:
    """Write what `inference.py` serves into a folder: the exported network and `model.json`.

    `network` comes from the zoo; boxes with a score below `threshold` are not worth mentioning.
    """
    entry = network.entry
    families.of(entry).check_served(network)
    return save_block(
        network.net, folder, entry.task, entry.classes, picture_of(entry), threshold, str(network.provenance)
    )


def save_block(
    net: Any,
    folder: str | Path,
    task: str,
    classes: Sequence[str],
    picture: Picture,
    threshold: float = 0.5,
    provenance: str = "",
) -> Path:
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


def picture_of(entry: Entry) -> Picture:
    """What a network of the zoo wants to see, as `model.json` says it."""
    return families.of(entry).picture(entry)
