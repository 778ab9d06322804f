"""The entry script that SageMaker runs around a network, on this machine and on AWS (Python 3.8, MXNet 1.9.0).

AWS's toolkit calls four functions: `model_fn` once, then `input_fn`, `predict_fn` and `output_fn` for every request.
What the network needs to know about pictures and classes stands in `model.json`, beside the exported network.
Nothing is imported but what AWS's image holds: MXNet, NumPy, Pillow and AWS's toolkit.
"""

import base64
import functools
import io
import json
import re
import struct
import warnings
import zlib
from pathlib import Path

import mxnet as mx
import numpy as np
from PIL import Image
from sagemaker_inference.errors import GenericInferenceToolkitError

JSON = "application/json"
LINES = "application/jsonlines"

MOST_PIXELS = 40_000_000  # a small file can claim to be a huge picture: this is the most that is unpacked
MOST_PICTURES = 64  # in one request
NARROWEST = 100  # the longer side of a picture is at most so many times the shorter one
ORIENTATION = 0x0112  # the EXIF field


class Refused(GenericInferenceToolkitError):
    """The request cannot be used. The toolkit answers with this status; its own UnsupportedFormatError becomes 500."""


class Served(mx.gluon.Block):
    """A network together with what `model.json` says about it."""

    def __init__(self, net, about):
        super().__init__()
        self.net = net
        self.about = about

    def forward(self, x):
        return self.net(x)


# ---------------------------------------------------------------- the four functions


@functools.lru_cache(maxsize=1)  # AWS's handler asks twice
def model_fn(model_dir):
    """Load the network, fuse its graph where that helps, and run it once so that the first request is not slow."""
    folder = Path(model_dir)
    about = json.loads((folder / "model.json").read_text())
    context = mx.gpu() if mx.context.num_gpus() else mx.cpu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Cannot decide type" is said of every exported network
        net = mx.gluon.SymbolBlock.imports(
            str(folder / "model-symbol.json"), ["data"], str(folder / "model-0000.params"), ctx=context
        )
    height, width = about["picture"]["size"]
    example = mx.nd.zeros((1, len(about["picture"]["mean"]), height, width), ctx=context)
    fixed = about["picture"]["fit"] != "long"  # else every picture has its own shape
    net.hybridize(static_alloc=fixed, static_shape=fixed)
    if about["fuse"] and context.device_type == "cpu":
        net.optimize_for(example, backend="MKLDNN", static_alloc=fixed, static_shape=fixed)
    model = Served(net, about)
    for output in outputs_of(model, example):
        output.wait_to_read()
    return model


def input_fn(body, content_type):
    """Turn a request into its pictures, and say whether they came as lines.

    A picture is an array of bytes: (height, width, 3) in the order red, green, blue, or (height, width) when grey.
    """
    kind = (content_type or "no content type").split(";")[0].strip().lower()
    if kind not in READERS:
        raise Refused(415, "{} is not read here; send one of {}.".format(kind, ", ".join(sorted(READERS))))
    try:
        pictures = READERS[kind](body)
    except Exception as problem:  # whatever fails while reading is the request's fault, never the server's
        reason = (str(problem).strip() or repr(problem)).splitlines()[-1]
        raise Refused(400, f"The body cannot be read as {kind}: {reason}") from problem
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise Refused(400, f"A request holds 1 to {MOST_PICTURES} pictures, this one {len(pictures)}.")
    return pictures, kind == LINES


def predict_fn(data, model):
    """Run the network on every picture."""
    pictures, as_lines = data
    answer = {"classify": classify, "detect": detect, "segment": segment}[model.about["task"]]
    provenance = {"provenance": model.about["provenance"]}
    return [dict(answer(model, picture), **provenance) for picture in pictures], as_lines


def output_fn(results, accept):
    """Write JSON: one object with all predictions, or a line per picture where lines came in or are asked for."""
    predictions, as_lines = results
    wanted = {part.split(";")[0].strip().lower() for part in accept.split(",")}
    if LINES in wanted or (as_lines and wanted & {JSON, "*/*"}):
        return "".join(json.dumps(prediction, allow_nan=False) + "\n" for prediction in predictions)
    if wanted & {JSON, "application/*", "*/*"}:
        return json.dumps({"predictions": predictions}, allow_nan=False)
    raise Refused(406, f"{accept} is not written here; accept {JSON} or {LINES}.")


# ---------------------------------------------------------------- from a request to pictures


def read_picture(body):
    """Decode a JPEG or a PNG as the course's `photos.read` does: upright, in colours, transparent parts on white.

    What is truncated, or would fill the memory, is refused.
    """
    body = bytes(body)
    if body.startswith(b"\xff\xd8"):
        height, width = jpeg_size(body)
    elif body.startswith(b"\x89PNG\r\n\x1a\n"):
        height, width = png_size(body)
    else:
        raise ValueError("the picture is neither a JPEG nor a PNG")
    if height * width > MOST_PIXELS:
        raise ValueError(f"the picture has {width} x {height} pixels, more than {MOST_PIXELS}")
    with Image.open(io.BytesIO(body)) as image:
        return upright(as_colours(image), image.getexif().get(ORIENTATION))


def as_colours(image):
    if image.mode.startswith("I"):  # 16 bits, of which the upper ones count
        return np.repeat((np.asarray(image).astype("uint16") >> 8).astype("uint8")[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def upright(picture, orientation):
    """Turn a picture as its EXIF data say that it lies: 1 to 8."""
    if orientation in (5, 6, 7, 8):
        picture = picture.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def jpeg_size(body):
    """Walk from marker to marker until the end-of-image marker, which a truncated file has not."""
    at, size = 2, None
    try:
        while body[at + 1] != 0xD9:
            if body[at] != 0xFF:
                raise ValueError("the JPEG is damaged")
            marker = body[at + 1]
            if marker == 0xFF:  # padding
                at += 1
                continue
            (length,) = struct.unpack_from(">H", body, at + 2)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                size = once(size, struct.unpack_from(">HH", body, at + 5))
            at += 2 + length
            if marker == 0xDA:  # pixels: up to the next marker that is neither a restart nor an escaped 255
                behind = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL).search(body, at)
                at = behind.start() if behind else len(body)
    except (IndexError, struct.error):
        raise ValueError("the JPEG is truncated") from None
    if size is None:
        raise ValueError("the JPEG has no picture in it")
    return size


def once(size, told):
    """A decoder may go by the first of two sizes or by the second, so that neither says what will fill the memory."""
    if size:
        raise ValueError("the picture says twice how large it is")
    return told


def png_size(body):
    """Walk from chunk to chunk until the end chunk, checking every sum on the way."""
    at, size, name = 8, None, b""
    while name != b"IEND":
        head = body[at : at + 8]
        if len(head) < 8:
            raise ValueError("the PNG is truncated")
        length, name = struct.unpack(">I4s", head)
        chunk = body[at + 4 : at + 8 + length]
        if zlib.crc32(chunk) != int.from_bytes(body[at + 8 + length : at + 12 + length], "big"):
            raise ValueError("the PNG is truncated or damaged")
        if name == b"IHDR":
            size = once(size, struct.unpack_from(">II", chunk, 4)[::-1])
        at += 12 + length
    if size is None:
        raise ValueError("the PNG has no picture in it")
    return size


def read_npy(body):
    """Pictures saved with `numpy.save`; the header is looked at first, because it can promise any amount."""
    body = bytes(body)
    file = io.BytesIO(body)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    amount = dtype.itemsize
    for length in shape:
        amount *= length
    if dtype.hasobject or amount > len(body) - file.tell():
        raise ValueError("the header promises more than the body holds")
    return split(np.load(io.BytesIO(body), allow_pickle=False))


def read_json(body):
    """`[picture, ...]` or `{"instances": [picture, ...]}`; a picture is rows of pixels, or `{"b64": "..."}`."""
    document = json.loads(body)
    if isinstance(document, dict):
        document = document.get("instances", [document])
    if document and isinstance(document[0], dict):
        return [read_picture(base64.b64decode(item["b64"], validate=True)) for item in document]
    return split(np.array(document))


def read_lines(body):
    """JSON documents, one per line: what a batch transform with line splitting sends."""
    text = body if isinstance(body, str) else bytes(body).decode("utf-8")
    return [picture for line in text.splitlines() if line.strip() for picture in read_json(line)]


def split(array):
    """One array of numbers from 0 to 255 -> the pictures in it."""
    if array.dtype.kind not in "uif" or array.size == 0:
        raise ValueError("pixels are numbers, and every row has the same length")
    if not (array.min() >= 0 and array.max() <= 255):
        raise ValueError("pixels run from 0 to 255")
    if array.dtype.kind == "f" and 0 < array.max() <= 1:
        raise ValueError("pixels run from 0 to 255, these from 0 to 1")
    array = array.astype(np.uint8)
    coloured = array.shape[-1] in (1, 3)
    if array.ndim not in (2, 3, 4) or (array.ndim == 4 and not coloured):
        raise ValueError(f"the shape {array.shape} is not (height, width, 3)")
    single = array.ndim == 2 or (array.ndim == 3 and coloured)
    pictures = array[None] if single else array
    if pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    return list(pictures)


READERS = {
    "image/jpeg": lambda body: [read_picture(body)],
    "image/png": lambda body: [read_picture(body)],
    "application/x-image": lambda body: [read_picture(body)],
    "application/x-npy": read_npy,
    JSON: read_json,
    LINES: read_lines,
}


# ---------------------------------------------------------------- from a picture to an answer


def prepare(picture, wanted):
    """A picture -> the network's input, and the share of the picture's own size to which it was resized: x, y."""
    height, width = picture.shape[:2]
    to_height, to_width = wanted["size"]
    if max(height, width) > NARROWEST * min(height, width):
        raise Refused(400, f"A picture of {width} x {height} pixels is too narrow.")
    if wanted["fit"] == "stretch":  # the whole picture, its shape changed
        new_height, new_width = to_height, to_width
    elif wanted["fit"] == "crop":  # the short side to so many pixels, then the middle
        short = wanted["short"]
        new_height, new_width = max(short, short * height // width), max(short, short * width // height)
    else:  # "long": the whole picture, its shape kept, the long side to so many pixels, each side a multiple of 8 and 1
        share = to_width / max(height, width)
        new_height, new_width = (max(1, round((side * share - 1) / 8) * 8 + 1) for side in (height, width))
    mean, std = np.array(wanted["mean"], "float32"), np.array(wanted["std"], "float32")
    method = wanted["interpolation"]
    if method == "best":  # what GluonCV calls 9: by area to shrink, cubic to enlarge, else linear
        grows, shrinks = (new_height > height, new_width > width), (new_height < height, new_width < width)
        method = 2 if all(grows) else 3 if all(shrinks) else 1
    pixels = mx.nd.array(picture.reshape(height, width, -1), dtype="uint8")
    pixels = mx.image.imresize(pixels, new_width, new_height, interp=method).asnumpy()
    if wanted["fit"] == "crop":
        top, left = (new_height - to_height) // 2, (new_width - to_width) // 2
        pixels = pixels[top : top + to_height, left : left + to_width]
    if len(mean) == 3 and pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    elif len(mean) == 1 and pixels.shape[2] == 3:
        pixels = pixels @ np.array([[0.299], [0.587], [0.114]], "float32")
    data = ((pixels - mean) / std).transpose(2, 0, 1)[None]
    return mx.nd.array(data), np.array([new_width / width, new_height / height])


def outputs_of(model, data):
    outputs = model(data)
    return outputs if isinstance(outputs, (list, tuple)) else [outputs]


def run(model, picture):
    """Every output of the network for one picture, as arrays, and the share to which the picture was resized."""
    data, share = prepare(picture, model.about["picture"])
    context = mx.gpu() if mx.context.num_gpus() else mx.cpu()
    return [output[0].asnumpy() for output in outputs_of(model, data.as_in_context(context))], share


def classify(model, picture):
    """The five likeliest classes, with their probabilities."""
    (logits,), _ = run(model, picture)
    likelihood = np.exp(logits - logits.max())
    likelihood /= likelihood.sum()
    best = likelihood.argsort()[::-1][:5]
    names = model.about["classes"]
    return {"classes": [{"name": names[i], "score": round(float(likelihood[i]), 6)} for i in best]}


def detect(model, picture):
    """The boxes above the threshold, in pixels of the picture: left, top, right, bottom."""
    (ids, scores, boxes), share = run(model, picture)
    height, width = picture.shape[:2]
    boxes = boxes / np.tile(share, 2)
    things = []
    for index, score, box in zip(ids.ravel(), scores.ravel(), boxes):  # noqa: B905
        # An untrained or diverged network gives infinite boxes, for which JSON has no word.
        if index >= 0 and score >= model.about["threshold"] and np.isfinite(box).all():
            box = np.clip(box, 0, [width, height, width, height])
            name = model.about["classes"][int(index)]
            things.append({"name": name, "score": round(float(score), 6), "box": [round(float(x), 2) for x in box]})
    return {"boxes": things}


def segment(model, picture):
    """The class of every pixel, row by row as runs: [class, how many pixels]."""
    outputs, _ = run(model, picture)  # GluonCV's networks have a second output, which only training needs
    height, width = picture.shape[:2]
    labels = mx.nd.array(outputs[0].argmax(axis=0)[..., None], dtype="uint8")
    labels = mx.image.imresize(labels, width, height, interp=0).asnumpy().ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1])
    runs = np.stack([labels[starts], np.diff(np.append(starts, labels.size))], axis=1)
    names, counts = model.about["classes"], np.bincount(labels)
    shares = {names[i]: counts[i] / labels.size for i in np.argsort(-counts) if counts[i]}
    return {"classes": names, "size": [height, width], "runs": runs.tolist(), "shares": shares}
