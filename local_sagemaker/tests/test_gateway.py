"""The gateway lets through what its authorizer allows, and tells everybody else why not, in JSON."""

import io
import json
import socket

import botocore.exceptions
import pytest
import requests
from local_sagemaker.guest.gateway import MOST_BYTES, Gateway
from PIL import Image
from serving_kit import until

ANSWER = {"predictions": [{"boxes": [{"name": "dog", "score": 0.9, "box": [10, 20, 60, 70]}]}]}


class Model:
    """Stands in for boto3's client: answers, or fails with `error`."""

    def __init__(self):
        self.asked, self.error = [], None

    def invoke_endpoint(self, **request):
        self.asked.append(request)
        if self.error:
            raise self.error
        return {"Body": io.BytesIO(json.dumps(ANSWER).encode())}


def authorizer(event, context):
    if event["headers"]["authorization"] == "Bearer broken":
        raise ValueError("a bug")
    return {"isAuthorized": event["headers"]["authorization"] == "Bearer good", "context": {"caller": "tests"}}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def gateway(model):
    gateway = Gateway(model, "somewhere", authorizer)
    yield gateway
    gateway.close()


def photo(size=(100, 80), orientation=1):
    """A white picture as a file; `orientation` is the note that a camera writes when it is held on its side."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "white").save(buffer, "PNG", exif=exif)
    return {"name": "white.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def send(gateway, token="good", body=b"picture", kind="image/png", method="POST", path="/detect"):
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    return requests.request(method, gateway.url + path, data=body, headers=headers, timeout=20)


def test_an_allowed_caller_gets_the_models_answer(gateway, model):
    reply = send(gateway)
    assert (reply.status_code, reply.json()) == (200, ANSWER)
    assert model.asked == [{"EndpointName": "somewhere", "ContentType": "image/png", "Body": b"picture"}]
    assert gateway.calls == [("tests", 200)]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"token": None}, 401),
        ({"token": "bad"}, 403),
        ({"token": "broken"}, 500),
        ({"kind": "text/plain"}, 415),
        ({"method": "GET"}, 405),
        ({"method": "DELETE"}, 405),
        ({"method": "POST", "path": "/"}, 405),
        ({"path": "/endpoints/other/invocations"}, 404),
    ],
)
def test_who_may_not_is_told_in_json_and_never_reaches_the_model(gateway, model, request_, status):
    reply = send(gateway, **request_)
    assert reply.status_code == status
    assert reply.json()["message"]
    assert model.asked == []


def test_nothing_but_true_lets_a_caller_in(model):
    for verdict in ({}, {"isAuthorized": "yes"}, {"isAuthorized": 1}):
        gateway = Gateway(model, "somewhere", lambda event, context, verdict=verdict: verdict)
        assert send(gateway).status_code == 403
        gateway.close()


def test_a_body_that_is_too_large_is_refused_and_the_answer_arrives(gateway, model):
    assert send(gateway, body=bytes(MOST_BYTES + 1)).status_code == 413
    assert send(gateway, body=bytes(MOST_BYTES)).status_code == 200
    assert send(gateway, body=iter([b"in", b"pieces"])).status_code == 411
    assert len(model.asked) == 1


def test_what_breaks_off_is_dropped(gateway, model):
    head = b"POST /detect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: image/png\r\n"
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(head + b"Content-Length: 100\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert model.asked == []
    assert until(lambda: gateway.calls) == [("tests", 400)]


def test_what_does_not_arrive_is_refused(gateway, model, monkeypatch):
    monkeypatch.setattr("local_sagemaker.guest.gateway.PATIENCE", 0.2)
    head = b"POST /detect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: image/png\r\n"
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(head + b"Content-Length: 100\r\n\r\nhalf")
        assert b" 408 " in connection.recv(1000)
    assert model.asked == []


def test_what_is_no_http_is_refused(gateway):
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(b"junk\r\n\r\n")
        assert b" 400 " in connection.makefile("rb").readline()
    assert send(gateway, method="BREW").json()["message"]


def test_a_caller_hears_what_is_wrong_with_a_photograph_and_nothing_else(gateway, model):
    words = "the picture is damaged\nTraceback (most recent call last):\n  line 3"
    answer = {"Error": {"Code": "ModelError"}, "OriginalStatusCode": 400, "OriginalMessage": words}
    model.error = botocore.exceptions.ClientError(answer, "InvokeEndpoint")
    reply = send(gateway)
    assert (reply.status_code, reply.json()) == (400, {"message": "the picture is damaged"})
    answer = {"Error": {"Code": "AccessDeniedException", "Message": "User: arn:aws:iam::1:user/x may not"}}
    for error in (
        botocore.exceptions.ClientError(answer, "InvokeEndpoint"),
        botocore.exceptions.ClientError({"OriginalStatusCode": 500, "OriginalMessage": "line 3"}, "InvokeEndpoint"),
        botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ):
        model.error = error
        reply = send(gateway)
        assert (reply.status_code, reply.json()) == (502, {"message": "The model does not answer."})


def test_the_page_asks_nobody_else(gateway):
    page = requests.get(gateway.url, timeout=5)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert "://" not in page.text
    assert requests.head(gateway.url, timeout=5).content == b""


def test_a_closed_gateway_is_gone(gateway):
    gateway.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(gateway.url, timeout=5)


@pytest.fixture
def page(gateway, chromium):
    page = chromium.new_page()
    page.goto(gateway.url)
    yield page
    page.close()


def colour(page, x, y):
    return page.evaluate(
        "([x, y]) => [...document.getElementById('canvas').getContext('2d').getImageData(x, y, 1, 1).data]", [x, y]
    )


def test_the_page_draws_the_boxes_in_a_browser(page, gateway, model):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.fill("#token", "good")
    page.set_input_files("#photo", photo())
    page.get_by_text("dog", exact=True).wait_for()
    [request] = model.asked
    sent = Image.open(io.BytesIO(request["Body"]))
    assert (request["ContentType"], sent.format, sent.size) == ("image/jpeg", "JPEG", (100, 80))
    assert page.evaluate("[canvas.width, canvas.height]") == [100, 80]
    assert colour(page, 60, 45) != [255, 255, 255, 255]  # the right side of the box
    assert colour(page, 35, 45) == [255, 255, 255, 255]  # its middle
    assert complaints == []


def test_the_page_sends_photographs_upright_and_no_larger_than_needed(page, model):
    page.fill("#token", "good")
    page.set_input_files("#photo", photo((2560, 640), orientation=6))
    page.get_by_text("dog", exact=True).wait_for()
    assert Image.open(io.BytesIO(model.asked[0]["Body"])).size == (320, 1280)


def test_the_page_says_why_not(page, model):
    page.fill("#token", "bad")
    page.set_input_files("#photo", photo())
    page.get_by_text("403: Forbidden", exact=True).wait_for()
    page.set_input_files("#photo", {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text("could not be decoded").wait_for()
    assert model.asked == []
