"""What is really in a sample photograph, as people marked it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gluon_lessons.files import cache
from gluon_lessons.photos import catalogue, sources
from gluon_lessons.photos.errors import PhotoError

VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
UNKNOWN = 255  # in a label map: nobody says what this pixel is
BORDER = 5  # pixels around a hand-drawn outline that count as unknown, as in PASCAL VOC


@dataclass(frozen=True, eq=False)
class Truth:
    """What is really in a photograph: row `i` of `boxes` is an object `names[i]`, its pixels `instances == i + 1`."""

    boxes: np.ndarray  # (object, 4): left, top, right, bottom in pixels
    names: list[str]
    labels: np.ndarray  # (height, width): index into VOC_CLASSES, 255 where unknown
    instances: np.ndarray  # (height, width): 0 where there is no object
    source: str


def truth(name: str) -> Truth:
    """What is really in a sample: every object's box, class and pixels."""
    facts = catalogue.entry(name)
    if "truth" in facts:
        file = sources.fetched(facts["truth"], cache.folder("photos") / f"{name}.truth", f"The truth of {name!r}")
        origin = f"annotations in the {catalogue.title(facts['truth']['sources'][-1])}"
        if file.suffix == ".npz":
            return _truth_from_masks(file, origin)
        return _truth_from_outlines(name, _labelme_outlines(file), border=0, source=origin)
    if name in catalogue.outlines():
        drawn = catalogue.outlines()[name]
        return _truth_from_outlines(name, drawn, border=BORDER, source="outlines drawn for this course")
    known = ", ".join(catalogue.names(truth=True))
    raise PhotoError(f"What is in {name!r} is not marked. Photographs with truth: {known}.")


def _truth_from_masks(file: Path, source: str) -> Truth:
    data = np.load(file)
    labels = np.zeros(data["masks"].shape[1:], np.uint8)
    instances = np.zeros(labels.shape, np.int32)
    for number, (mask, label) in enumerate(zip(data["masks"], data["labels"], strict=True), start=1):
        labels[mask] = label
        instances[mask] = number
    boxes = data["bboxes"][:, [1, 0, 3, 2]].astype(np.float32)  # top, left, bottom, right -> left, top, right, bottom
    return Truth(boxes, [VOC_CLASSES[label] for label in data["labels"]], labels, instances, source)


def _labelme_outlines(file: Path) -> list[dict]:
    """The objects of a labelme file; pieces of one object share a group number."""
    spelled = {"potted plant": "pottedplant", "tv/monitor": "tvmonitor", "__ignore__": "void"}
    objects: dict[tuple, dict] = {}
    for index, shape in enumerate(json.loads(file.read_text())["shapes"]):
        group = shape["group_id"]
        key = (shape["label"], index if group is None else f"group {group}")
        name = spelled.get(shape["label"], shape["label"])
        objects.setdefault(key, {"name": name, "polygons": []})["polygons"].append(shape["points"])
    return list(objects.values())


def _truth_from_outlines(name: str, objects: list[dict], border: int, source: str) -> Truth:
    """Fill outlines, the later ones in front; what is marked as ignored has a box, and pixels that nobody judges."""
    with Image.open(sources.path(name)) as image:
        size = image.size
    labels = Image.new("L", size)
    instances = Image.new("I", size)
    boxes, names = [], []
    for thing in objects:
        judged = thing["name"] != "void" and not thing.get("ignore")
        if thing["name"] != "void":
            names.append(thing["name"])
            corners = np.concatenate([np.asarray(polygon, np.float32) for polygon in thing["polygons"]])
            boxes.append([*corners.min(axis=0), *corners.max(axis=0)])
        for polygon in thing["polygons"]:
            outline = [tuple(point) for point in polygon]
            label = VOC_CLASSES.index(thing["name"]) if judged else UNKNOWN
            ImageDraw.Draw(labels).polygon(outline, fill=label)
            ImageDraw.Draw(instances).polygon(outline, fill=len(names) if judged else 0)
            if border:
                ImageDraw.Draw(labels).line([*outline, outline[0]], fill=UNKNOWN, width=border)
    return Truth(np.array(boxes, np.float32), names, np.array(labels), np.array(instances), source)
