"""The entry scripts that run inside SageMaker: what they answer, what they refuse, and what training leaves behind."""

import ast
import base64
import dataclasses
import gzip
import importlib.util
import io
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tarfile
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from gluon_lessons import photos, serve, zoo
from gluon_lessons.zoo import catalogue

pytest.importorskip("sagemaker_inference")
import mxnet as mx
from PIL import Image


def load(path):
    spec = importlib.util.spec_from_file_location(f"served_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


inference, train = load(serve.INFERENCE), load(serve.TRAIN)


def encoded(array, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


GREY = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
COLOUR = np.random.RandomState(0).randint(0, 255, (40, 60, 3), dtype=np.uint8)


class Thirds(mx.gluon.HybridBlock):
    """Three classes: how red, green and blue the picture is."""

    def hybrid_forward(self, F, x):
        return F.mean(x, axis=(2, 3))


class Pixels(mx.gluon.HybridBlock):
    """Segmentation by the strongest colour, with the second output that GluonCV's networks have."""

    def hybrid_forward(self, F, x):
        return x * 1, x * 2


class Found(mx.gluon.HybridBlock):
    """Three boxes, wherever one looks: a good one, one below the threshold, and one without end."""

    def hybrid_forward(self, F, x):
        anchor = F.zeros_like(F.slice_axis(F.reshape(x, (1, 1, -1)), axis=2, begin=0, end=3)).reshape((1, 3, 1))
        one = anchor + 1
        number = F.cumsum(one, axis=1)
        ids = number - 1
        scores = F.broadcast_not_equal(number, one * 2) * 0.8 + 0.1
        end = 10 / F.broadcast_not_equal(number, one * 3)  # infinite for the third
        return ids, scores, F.concat(one * 2, one * 3, end, one * 90, dim=2)


def model(folder, net, task, size=(30, 30), **picture):
    net.initialize()
    about = serve.Picture(size, (0.0,) * 3, (1.0,) * 3, **picture)
    return inference.model_fn(str(serve.save_block(net, folder, task, ["red", "green", "blue"], about)))


def answer(served, body, content_type, accept="application/json"):
    return inference.output_fn(inference.predict_fn(inference.input_fn(body, content_type), served), accept)


def predictions(*request):
    return json.loads(answer(*request))["predictions"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return model(tmp_path_factory.mktemp("classifier"), Thirds(), "classify")


RED = np.zeros((20, 50, 3), np.uint8) + np.array([200, 10, 20], np.uint8)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (encoded(RED), "image/png"),
        (encoded(RED, "JPEG"), "image/jpeg; charset=binary"),
        (encoded(RED), "application/x-image"),
        (saved(RED), "application/x-npy"),
        (saved(RED[None]), "application/x-npy"),
        (json.dumps(RED.tolist()), "application/json"),
        (json.dumps({"instances": [RED.tolist()]}), "application/json"),
        (json.dumps({"b64": base64.b64encode(encoded(RED)).decode()}), "application/json"),
        (json.dumps({"instances": [{"b64": base64.b64encode(encoded(RED)).decode()}]}).encode(), "application/json"),
        (json.dumps(RED.astype(float).tolist()) + "\n\n", "application/jsonlines"),
    ],
)
def test_one_picture_in_every_form(classifier, body, content_type):
    (result,) = (
        predictions(classifier, body, content_type)
        if "lines" not in content_type
        else [json.loads(answer(classifier, body, content_type))]
    )
    assert result["classes"][0] == {"name": "red", "score": pytest.approx(1.0)}
    assert [item["name"] for item in result["classes"]] == ["red", "blue", "green"]


def test_several_pictures_keep_their_order(classifier):
    body = saved(np.stack([RED, RED[..., ::-1], RED[..., [1, 0, 2]]]))
    assert [item["classes"][0]["name"] for item in predictions(classifier, body, "application/x-npy")] == [
        "red",
        "blue",
        "green",
    ]


def test_lines_come_back_as_lines(classifier):
    body = "\n".join(json.dumps(picture.tolist()) for picture in (RED, RED[..., ::-1]))
    lines = answer(classifier, body, "application/jsonlines").splitlines()
    assert [json.loads(line)["classes"][0]["name"] for line in lines] == ["red", "blue"]
    assert answer(classifier, saved(RED), "application/x-npy", "application/jsonlines").count("\n") == 1


def test_a_grey_picture_suits_a_network_for_colours(classifier):
    assert predictions(classifier, encoded(GREY), "image/png")[0]["classes"][0]["score"] == pytest.approx(
        1 / 3, abs=1e-4
    )
    assert predictions(classifier, saved(GREY), "application/x-npy")[0]["classes"][0]["score"] == pytest.approx(1 / 3)


def test_boxes_are_in_pixels_of_the_picture_and_finite(tmp_path):
    served = model(tmp_path, Found(), "detect", size=(300, 300))
    (result,) = predictions(served, encoded(COLOUR), "image/png")  # 60 wide, 40 high
    assert result["boxes"] == [{"name": "red", "score": pytest.approx(0.9), "box": [0.4, 0.4, 2.0, 12.0]}]


@pytest.mark.parametrize("fit", ["stretch", "long"])
def test_segmentation_names_every_pixel(tmp_path, fit):
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, :40, 0], picture[:, 40:, 2] = 200, 250
    served = model(tmp_path, Pixels(), "segment", size=(65, 65), fit=fit, interpolation=0)
    (result,) = predictions(served, encoded(picture), "image/png")
    assert result["size"] == [60, 120]
    assert result["shares"] == {"blue": pytest.approx(2 / 3, abs=0.02), "red": pytest.approx(1 / 3, abs=0.02)}
    labels = np.repeat(*np.transpose(result["runs"])).reshape(result["size"])
    assert (labels[:, :38] == 0).all()
    assert (labels[:, 42:] == 2).all()


def test_the_middle_is_cropped(tmp_path):
    picture = np.zeros((30, 90, 3), np.uint8)
    picture[:, :30, 0], picture[:, 30:60, 1], picture[:, 60:, 2] = 250, 250, 250
    served = model(tmp_path, Thirds(), "classify", fit="crop", short=30)
    (result,) = predictions(served, encoded(picture), "image/png")
    assert result["classes"][0] == {"name": "green", "score": pytest.approx(1.0)}


# ---------------------------------------------------------------- refusals

JPEG, PNG = encoded(COLOUR, "JPEG"), encoded(COLOUR)


def refusal(body, content_type):
    with pytest.raises(inference.Refused) as caught:
        inference.input_fn(body, content_type)
    return caught.value


@pytest.mark.parametrize("content_type", ["text/csv", "text/plain", "", None, "image/gif", "application/x-npz"])
def test_an_unknown_content_type_is_415_and_says_what_is_read(content_type):
    problem = refusal(PNG, content_type)
    assert problem.status_code == 415
    assert "image/jpeg" in problem.message


def bomb(width, height):
    content = b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (content, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (JPEG[: len(JPEG) // 2], "image/jpeg", "truncated"),
        (JPEG[:-1], "image/jpeg", "truncated"),
        (JPEG[:3], "image/jpeg", "truncated"),
        (b"\xff\xd8\xff\xd9", "image/jpeg", "no picture"),
        (PNG[: len(PNG) // 2], "image/png", "truncated"),
        (PNG[:-9], "image/png", "truncated"),
        (b"", "image/jpeg", "neither"),
        (b"GIF89a", "image/png", "neither"),
        (bomb(60_000, 60_000), "image/png", "more than"),
        (bomb(0, 0), "image/png", ""),
        (saved(COLOUR)[:-1], "application/x-npy", "promises more"),
        (saved(np.array([{}], object)), "application/x-npy", ""),
        (b"\x93NUMPY\x01\0", "application/x-npy", ""),
        (saved(np.zeros((3, 4, 5, 6, 3))), "application/x-npy", "shape"),
        (saved(np.zeros(4)), "application/x-npy", "shape"),
        (saved(np.full((4, 4, 3), np.nan)), "application/x-npy", "0 to 255"),
        (saved(np.full((4, 4, 3), 0.5)), "application/x-npy", "from 0 to 1"),
        (saved(np.full((4, 4, 3), 300)), "application/x-npy", "0 to 255"),
        (saved(np.full((4, 4, 3), -1.0)), "application/x-npy", "0 to 255"),
        ("{", "application/json", ""),
        ("3", "application/json", ""),
        ("null", "application/json", ""),
        ("[]", "application/json", ""),
        ('{"instances": []}', "application/json", ""),
        ('{"picture": 1}', "application/json", "b64"),
        ('{"b64": "AAAA"}', "application/json", "neither"),
        ('{"b64": "%%%"}', "application/json", ""),
        ("[[1, 2], [3]]", "application/json", ""),
        ('[["a"]]', "application/json", "numbers"),
        ("[" * 100_000, "application/json", ""),
        (b"\xff\xfe\x00", "application/jsonlines", ""),
        ("", "application/jsonlines", "1 to 64"),
        (saved(np.zeros((65, 2, 2, 3), np.uint8)), "application/x-npy", "1 to 64"),
    ],
)
def test_what_cannot_be_read_is_400_and_says_why(body, content_type, says):
    problem = refusal(body, content_type)
    assert problem.status_code == 400
    assert says in problem.message
    assert "Traceback" not in problem.message


def oriented(orientation, kind="JPEG", **options):
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(photograph()).save(file, kind, exif=exif, **options)
    return file.getvalue()


def photograph(mode="RGB"):
    """Soft colours, each corner another, with something small in it."""
    rows, columns = np.mgrid[:40, :60]
    picture = np.stack([rows * 6, columns * 4, 255 - rows * 3 - columns], axis=2).astype(np.uint8)
    picture[5:9, 8:20] = 250, 20, 90
    if mode == "RGB":
        return picture
    alpha = np.clip(columns * 5, 0, 255).astype(np.uint8)
    return np.dstack([picture, alpha]) if mode == "RGBA" else np.dstack([picture[..., 0], alpha])


def in_mode(mode, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(photograph()).convert(mode).save(file, kind, **options)
    return file.getvalue()


ODD = {
    **{f"JPEG, orientation {number}": oriented(number) for number in range(10)},
    **{f"PNG, orientation {number}": oriented(number, "PNG") for number in (1, 3, 6)},
    "JPEG, progressive": oriented(8, progressive=True),
    "JPEG, in greys": in_mode("L", "JPEG"),
    "JPEG, for a printer": in_mode("CMYK", "JPEG"),
    "JPEG, followed by something": oriented(6) + b"and more",
    "PNG with alpha": encoded(photograph("RGBA")),
    "PNG in greys with alpha": encoded(photograph("LA")),
    "PNG in greys": in_mode("L"),
    "PNG in black and white": in_mode("1"),
    "PNG with a palette": in_mode("P"),
    "PNG with a transparent colour of a palette": in_mode("P", transparency=7),
    "PNG with a transparent colour": in_mode("RGB", transparency=(250, 20, 90)),
    "PNG with 16 bits": encoded(photograph()[..., 0].astype(np.uint16) * 257),
    "PNG with 16 bits, dark": encoded(photograph()[..., 0].astype(np.uint16)),
}


@pytest.mark.parametrize("name", ODD)
def test_an_endpoint_reads_a_file_as_predict_does(name):
    kind = "image/jpeg" if name.startswith("JPEG") else "image/png"
    (mine,), _ = inference.input_fn(ODD[name], kind)
    theirs = photos.read(ODD[name])
    assert mine.shape == theirs.shape and mine.dtype == np.uint8
    assert np.array_equal(mine, theirs)


def second_header(body):
    """The file with its header of 40 by 60 pixels behind one of 30,000 by 30,000, and in front of it."""
    if body.startswith(b"\x89PNG"):
        other = bomb(30_000, 30_000)[8:33]
        return body[:8] + other + body[8:], body[:33] + other + body[33:]
    at = body.index(b"\xff\xc0")
    header = body[at : at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")]
    other = header[:5] + struct.pack(">HH", 30_000, 30_000) + header[9:]
    return body[:at] + other + body[at:], body[: at + len(header)] + other + body[at + len(header) :]


@pytest.mark.parametrize("body", [encoded(COLOUR, "JPEG"), encoded(COLOUR)], ids=["JPEG", "PNG"])
def test_a_picture_says_once_how_large_it_is(body):
    first, last = second_header(body)
    kind = "image/png" if body.startswith(b"\x89PNG") else "image/jpeg"
    for forged in (first, last):
        assert "says twice how large it is" in refusal(forged, kind).message


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC])
def test_tables_of_a_jpeg_say_nothing_of_its_size(marker):
    segment = bytes([0xFF, marker, 0, 11]) + struct.pack(">xHHxxxx", 9, 9)
    assert inference.jpeg_size(JPEG[:2] + segment + JPEG[2:]) == (40, 60)


@pytest.mark.parametrize("body", [encoded(COLOUR, "JPEG"), encoded(COLOUR)], ids=["JPEG", "PNG"])
def test_the_most_pixels_are_read_and_one_more_is_refused(body, monkeypatch):
    kind = "image/png" if body.startswith(b"\x89PNG") else "image/jpeg"
    monkeypatch.setattr(inference, "MOST_PIXELS", 40 * 60)
    assert inference.input_fn(body, kind)[0][0].shape == (40, 60, 3)
    monkeypatch.setattr(inference, "MOST_PIXELS", 40 * 60 - 1)
    assert "60 x 40 pixels, more than 2399" in refusal(body, kind).message


def test_black_is_a_picture_in_fractions_too():
    (picture,), _ = inference.input_fn(saved(np.zeros((4, 4, 3))), "application/x-npy")
    assert picture.shape == (4, 4, 3) and not picture.any()


def test_a_network_for_greys_sees_how_bright_colours_are():
    wanted = {"size": (4, 5), "fit": "stretch", "mean": [10.0], "std": [2.0], "interpolation": 1}
    data, _ = inference.prepare(np.full((4, 5, 3), (200, 100, 50), np.uint8), wanted)
    assert data.shape == (1, 1, 4, 5)
    assert np.allclose(data.asnumpy(), (0.299 * 200 + 0.587 * 100 + 0.114 * 50 - 10) / 2, atol=1e-3)


@pytest.mark.parametrize("accept", ["application/json", "application/jsonlines"])
@pytest.mark.parametrize("as_lines", [True, False])
def test_an_answer_that_json_has_no_word_for_is_not_written(accept, as_lines):
    with pytest.raises(ValueError, match="JSON"):
        inference.output_fn(([{"score": float("nan")}], as_lines), accept)


def test_too_narrow_a_picture_is_400(tmp_path):
    served = model(tmp_path, Thirds(), "classify", fit="crop", short=256)
    with pytest.raises(inference.Refused) as caught:
        answer(served, saved(np.zeros((1, 60_000, 3), np.uint8)), "application/x-npy")
    assert caught.value.status_code == 400


def test_an_answer_in_another_format_is_406(classifier):
    with pytest.raises(inference.Refused) as caught:
        answer(classifier, PNG, "image/png", "text/csv")
    assert caught.value.status_code == 406


def test_damaged_pictures_are_read_or_refused_and_nothing_else():
    chance = random.Random(0)
    seen = set()
    for body, kind in [(JPEG, "image/jpeg"), (PNG, "image/png"), (saved(COLOUR), "application/x-npy")] * 100:
        damaged = bytearray(body)
        for _ in range(chance.choice([1, 3, 30])):
            damaged[chance.randrange(len(damaged) if chance.random() < 0.5 else 200)] = chance.randrange(256)
        try:
            inference.input_fn(bytes(damaged), kind)
            seen.add("read")
        except inference.Refused as problem:
            seen.add(problem.status_code)
    assert seen == {"read", 400}


class Context:
    """What the model server hands to AWS's handler."""

    def __init__(self, folder, **headers):
        self.system_properties = {"model_dir": str(folder), "gpu_id": None}
        self.request_processor = [SimpleNamespace(get_request_properties=lambda: headers)]
        self.status = 200

    def set_response_status(self, code, phrase):
        self.status = code

    def set_response_content_type(self, index, value):
        self.content_type = value


def test_awss_own_handler_serves_the_archive(tmp_path, monkeypatch):
    from sagemaker_mxnet_serving_container.handler_service import HandlerService

    entry = dataclasses.replace(catalogue.entry("yolo3_mobilenet1.0_voc"), size=32)
    net = Thirds()
    net.hybridize()
    serve.archive(zoo.Network(net, entry, "made in a test"), tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert sorted(tar.getnames()) == ["code/inference.py", "model-0000.params", "model-symbol.json", "model.json"]
        tar.extractall(tmp_path / "model", filter="data")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps(about | {"task": "classify"}))
    monkeypatch.syspath_prepend(str(tmp_path / "model" / "code"))
    monkeypatch.setenv("PYTHONPATH", "")  # the handler adds to it
    service = HandlerService()
    service.initialize(Context(tmp_path / "model"))

    def call(body, **headers):
        context = Context(tmp_path / "model", **headers)
        return service.handle([{"body": body}], context), context.status

    (body,), status = call(PNG, **{"Content-Type": "image/png"})
    assert status == 200
    assert json.loads(body)["predictions"][0]["provenance"] == "made in a test"
    assert call(PNG, **{"Content-Type": "text/css"})[1] == 415
    assert call(PNG[:99], **{"Content-Type": "image/png"})[1] == 400
    assert call(PNG, **{"Content-Type": "image/png", "Accept": "text/html"})[1] == 406
    sys.modules.pop("inference")


@pytest.mark.parametrize("name", ["efficientnet_lite0", "ssd_300_mobilenet1.0_voc", "centernet_mobilenetv3_coco"])
def test_the_zoo_served_answers_what_predict_answers(tmp_path, name):
    from gluon_lessons import predict

    network = zoo.load(name)
    served = inference.model_fn(str(serve.save(network, tmp_path)))
    for photo, form in ("cat", "png"), ("coffee", "png"), ("astronaut", "png"), ("temple", "jpeg"):
        (result,) = predictions(served, photos.path(photo).read_bytes(), f"image/{form}")
        expected = json.loads(predict.FUNCTIONS[network.entry.task](photo, network).to_json())
        assert result.keys() == expected.keys()
        kind = next(iter(expected))
        assert [item["name"] for item in result[kind]] == [item["name"] for item in expected[kind]]
        for mine, theirs in zip(result[kind], expected[kind], strict=True):
            assert mine["score"] == pytest.approx(theirs["score"], abs=1e-5)
            assert mine.get("box", []) == pytest.approx(theirs.get("box", []), abs=0.02)


@pytest.mark.parametrize("script", [serve.INFERENCE, serve.TRAIN])
def test_scripts_run_on_python_38_with_what_awss_containers_have(script):
    tree = ast.parse(script.read_text(), feature_version=(3, 8))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    # GluonCV, which is in AWS's image, needs Pillow.
    assert outside <= {"mxnet", "numpy", "sagemaker_inference", "PIL"}


# ---------------------------------------------------------------- training


def bars(count, seed):
    """Pictures of four classes: a bright bar at one of four heights."""
    chance = np.random.RandomState(seed)
    labels = chance.randint(0, 4, count).astype(np.uint8)
    images = chance.randint(0, 60, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 + 5 * label : 8 + 5 * label, 4:24] += 150
    return images, labels


def write_idx(folder, part, images, labels, pack=gzip.compress, end=".gz"):
    folder.mkdir(exist_ok=True)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        (folder / f"{part}-{name}-ubyte{end}").write_bytes(pack(head + array.tobytes()))


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels")
    write_idx(folder / "train", "train", *bars(512, 0))
    write_idx(folder / "test", "t10k", *bars(100, 1), pack=bytes, end="")
    return folder


def job(folder, channels, *arguments, **variables):
    """Run train.py as a job does; returns what it printed."""
    environment = os.environ | {
        "SAGEMAKER_BASE_DIR": str(folder),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_CHANNEL_TRAIN": str(channels / "train"),
        "SM_CHANNEL_TEST": str(channels / "test"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(serve.TRAIN), "--learning-rate", "0.02", "--channels", "4", *arguments]
    return subprocess.Popen(command, env=environment | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process, code=0):
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == code, output
    return output


def parameters(folder):
    return {name: value.asnumpy() for name, value in mx.nd.load(str(folder / "model" / "model-0000.params")).items()}


def test_training_resumes_exactly_and_two_hosts_do_what_one_does(tmp_path, channels):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    same = ["--epochs", "2", "--dropout", "0"]
    whole = job(tmp_path / "whole", channels, *same, "--batch-size", "64", "--classes", "low,mid,high,top", "--extra=1")
    part = job(tmp_path / "part", channels, "--epochs", "1", "--dropout", "0", "--batch-size", "64")
    hosts = [
        job(
            tmp_path / host,
            channels,
            *same,
            "--batch-size",
            "32",
            SM_HOSTS='["localhost", "127.0.0.1"]',
            SM_CURRENT_HOST=host,
            DMLC_PS_ROOT_PORT=str(port),
            DMLC_INTERFACE="none",  # as on a machine without a network: each host's own name must do
        )
        for host in ("localhost", "127.0.0.1")
    ]
    output = finished(whole)
    assert "validation-accuracy=1.0000" in output
    finished(part)
    rest = finished(job(tmp_path / "part", channels, *same, "--batch-size", "64"))
    assert rest.count("epoch=") == 2  # "resumed-epoch=1" and the second epoch
    reports = [finished(host) for host in hosts]
    assert sorted(report.count("epoch=") for report in reports) == [0, 2]  # one of them reports

    expected = parameters(tmp_path / "whole")
    resumed = parameters(tmp_path / "part")
    assert all((resumed[name] == expected[name]).all() for name in expected)
    (saving,) = (host for host in ("localhost", "127.0.0.1") if (tmp_path / host / "model").exists())
    shared = parameters(tmp_path / saving)
    assert all(np.abs(shared[name] - expected[name]).max() < 1e-4 for name in expected)

    served = inference.model_fn(str(tmp_path / "whole" / "model"))
    images, labels = bars(20, 2)
    results = predictions(served, saved(images), "application/x-npy")
    names = ["low", "mid", "high", "top"]
    assert [result["classes"][0]["name"] for result in results] == [names[label] for label in labels]
    assert (tmp_path / "whole" / "model" / "code" / "inference.py").exists()


@pytest.mark.soak
def test_a_host_that_fails_does_not_wait_for_the_others(tmp_path, channels):
    script = tmp_path / "failing.py"
    script.write_text(serve.TRAIN.read_text().replace("    mx.random.seed(args.seed)\n", "    1 / 0\n", 1))
    command = [sys.executable, str(script), "--train", str(channels / "train")]
    hosts = [
        subprocess.Popen(
            command,
            env=os.environ
            | {"SM_HOSTS": '["localhost", "127.0.0.1"]', "SM_CURRENT_HOST": host, "DMLC_PS_ROOT_PORT": "9571"},
            stderr=subprocess.PIPE,
        )
        for host in ("localhost", "127.0.0.1")
    ]
    for host in hosts:
        assert b"ZeroDivisionError" in host.communicate(timeout=60)[1]
        assert host.returncode == 1


def test_channels_in_both_formats(tmp_path):
    images, labels = bars(9, 3)
    np.savez(tmp_path / "part.npz", images=images, labels=labels)
    for read, expected in zip(train.read_channel(tmp_path, "train"), (images, labels), strict=True):
        assert (read == expected).all()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "needs an .npz"),
        (b"\0\0\x08\x01\0\0\0\x09ab", "incomplete"),
        (b"hello", "not an IDX file"),
    ],
)
def test_a_channel_that_cannot_be_read_says_so(tmp_path, content, says):
    write_idx(tmp_path / "train", "train", *bars(9, 3), pack=bytes, end="")
    labels = tmp_path / "train" / "train-labels-idx1-ubyte"
    labels.unlink() if content is None else labels.write_bytes(content)
    with pytest.raises(SystemExit, match=says):
        train.read_channel(tmp_path / "train", "train")
