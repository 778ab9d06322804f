"""Requests that nobody should send, as many as wanted and the same ones every time."""

import contextlib
import io
import json
import random
import socket
from collections import Counter

import numpy as np
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image

KINDS = ("image/jpeg", "image/png", "application/x-npy", "application/json", "application/jsonlines")
TRICKS = {
    "Accept": ["", "image/jpeg", "a" * 1000, "*/*;q=x", "application/json,,;"],
    "X-Amzn-SageMaker-Custom-Attributes": ["a" * 1024, "x=\t", "%0d%0aX-Evil: 1"],
    "X-Amzn-SageMaker-Target-Variant": ["nobody", "../only", "a" * 64],
    "X-Amzn-SageMaker-Target-Model": ["../../etc/passwd"],
    "X-Amzn-SageMaker-Inference-Id": ["x" * 64, "../../escape"],
}


def picture(size=(320, 240), form="JPEG", seed=0):
    """Return a photograph-like picture's bytes."""
    noise = np.random.default_rng(seed).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size).save(buffer, form)
    return buffer.getvalue()


def bodies(random_):
    """Return one hostile body and a content type for it."""
    jpeg, png = picture(), picture(form="PNG")
    choices = [
        lambda: random_.randbytes(random_.randrange(1, 5000)),
        lambda: b"",
        lambda: jpeg[: random_.randrange(2, len(jpeg))],
        lambda: png[: random_.randrange(8, len(png))],
        lambda: scrambled(jpeg, random_),
        lambda: scrambled(png, random_),
        lambda: claims(png, random_),
        lambda: b"\x93NUMPY" + random_.randbytes(100),
        lambda: npy_header((10**9, 10**9, 3)),
        lambda: json.dumps(
            random_.choice([{}, [], None, 1, "x", [[1, [2]]], {"instances": 3}, [{"b64": "?"}]])
        ).encode(),
        lambda: b"[" * random_.randrange(1, 100_000),
        lambda: b'{"instances": [{"b64": "' + b"A" * random_.randrange(1, 1_000_000) + b'"}]}',
        lambda: b'{"a": 1e999, "b": NaN}',
        lambda: "\ud83d".encode("utf-8", "surrogatepass") * 100,
        lambda: b"x" * (6 * 1024 * 1024 + random_.randrange(1, 1000)),
        lambda: b"\xff\xd8" + b"\xff" * random_.randrange(1, 100_000),
    ]
    kinds = [
        *KINDS,
        "text/csv",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "x",
        "a/b;" * 99,
    ]
    return random_.choice(choices)(), random_.choice(kinds)


def scrambled(data, random_):
    data = bytearray(data)
    for _ in range(random_.randrange(1, 50)):
        data[random_.randrange(len(data))] = random_.randrange(256)
    return bytes(data)


def claims(png, random_):
    """A PNG whose header promises a picture of any size."""
    side = random_.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1])
    return png[:16] + side.to_bytes(4, "big") * 2 + png[24:]


def npy_header(shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def requests(endpoint, count, seed=0):
    """Yield (path, headers, body) for signed requests to an endpoint."""
    random_ = random.Random(seed)
    paths = ["..%2F..%2Fetc", "%00", "a" * 64, "%F0%9F%98%80", "only/../../x", "-", "..", "%2e%2e"]
    for number in range(count):
        body, kind = bodies(random_)
        headers = {"Content-Type": kind}
        if number % 3 == 0:
            name = random_.choice(list(TRICKS))
            headers[name] = random_.choice(TRICKS[name])
        name = random_.choice(paths) if number % 7 == 0 else endpoint
        yield f"/endpoints/{name}/invocations", headers, body


def statuses(home, made):
    """Send requests, signed, and return how often each pair of status and the model's own status came back."""
    pool, found = urllib3.HTTPConnectionPool("127.0.0.1", int(home.url.rpartition(":")[2])), Counter()
    for path, headers, body in made:
        request = AWSRequest("POST", home.url + path, data=body, headers=headers)
        SigV4Auth(Credentials(home.access_key, home.secret_key), "sagemaker", home.region).add_auth(request)
        reply = pool.urlopen("POST", path, body=body, headers=dict(request.headers), retries=False)
        found[reply.status, reply.json()["OriginalStatusCode"] if reply.status == 424 else 0] += 1
    return found


def shout(home, data):
    """Send bytes to the cloud's port and hang up."""
    port = int(home.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line, contextlib.suppress(ConnectionError):
        line.sendall(data)


def wire(random_):
    """Return bytes that are not a proper HTTP request."""
    return random_.choice(
        [
            random_.randbytes(200) + b"\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /endpoints/x/invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
            b"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PUT /../../etc/passwd HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
            b"\r\n" * 50,
        ]
    )
