"""Bodies that S3 takes in signed chunks: each chunk's signature covers the one before it, so none can be changed."""

import base64
import binascii
import hashlib
import hmac
import re
import zlib

from local_sagemaker.errors import ApiError
from local_sagemaker.gate.signature import EMPTY, MISMATCH, Signed

HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
SUMS = {
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data).digest(),
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}


def decode(signed: Signed, body: bytes) -> bytes:
    """Return what a body in chunks says, after checking every signature and checksum that it carries."""
    kind = signed.payload
    seed, position, parts = signed.fields["signature"], 0, []
    while True:
        head = HEAD.match(body, position)
        if not head or (head[2] is None) != kind.startswith("STREAMING-UNSIGNED"):
            raise ApiError("IncompleteBody", "The request body is not made of chunks as the headers say.")
        size, position = int(head[1], 16), head.end()
        data = body[position : position + size]
        if len(data) < size or (size and body[position + size : position + size + 2] != b"\r\n"):
            raise ApiError("IncompleteBody", "The request body terminated unexpectedly.")
        if head[2] is not None:
            seed = _check(signed, "PAYLOAD", [EMPTY, hashlib.sha256(data).hexdigest()], seed, head[2].decode())
        if not size:
            break
        parts.append(data)
        position += size + 2
    data = b"".join(parts)
    announced = signed.request.headers.get("x-amz-decoded-content-length", "")
    if announced != str(len(data)):
        raise ApiError("IncompleteBody", "The request body is not as long as x-amz-decoded-content-length says.")
    _check_trailer(signed, body[position:], seed, data)
    encodings = [e.strip() for e in signed.request.headers.get("content-encoding", "").split(",")]
    signed.request.headers["content-encoding"] = ", ".join(e for e in encodings if e and e != "aws-chunked")
    if not signed.request.headers["content-encoding"]:
        del signed.request.headers["content-encoding"]
    return data


def _check(signed, kind, hashes, seed, signature):
    """Compare one chunk's signature and return it, the seed of the next."""
    date = signed.fields["date"]
    scope = "/".join(signed.fields["credential"].split("/")[1:])
    text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", date, scope, seed, *hashes])
    if not hmac.compare_digest(_sign(signed, text), signature):
        raise ApiError("InvalidSignatureException", MISMATCH, 403)
    return signature


def _sign(signed, text):
    request = type("Dated", (), {"context": {"timestamp": signed.fields["date"]}})
    return signed.signer.signature(text, request)


def _check_trailer(signed, rest, seed, data):
    """Check the headers that follow the last chunk: their signature, and the checksum that they state."""
    lines = [line for line in rest.split(b"\r\n") if line]
    trailer = dict(line.decode("latin-1").partition(":")[::2] for line in lines)
    given = trailer.pop("x-amz-trailer-signature", None)
    if signed.payload == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
        text = "".join(f"{name}:{value}\n" for name, value in trailer.items())
        _check(signed, "TRAILER", [hashlib.sha256(text.encode("latin-1")).hexdigest()], seed, given or "")
    promised = signed.request.headers.get("x-amz-trailer", "")
    if set(trailer) != {name.strip() for name in promised.lower().split(",") if name.strip()}:
        raise ApiError("MalformedTrailerError", "The request contained trailing data that was not well-formed.")
    for name, value in trailer.items():
        try:
            stated = base64.b64decode(value.strip(), validate=True)
        except binascii.Error:
            stated = b""
        if name in SUMS and SUMS[name](data) != stated:
            raise ApiError("BadDigest", f"The {name[15:].upper()} you specified did not match the calculated checksum.")
        if name.startswith("x-amz-checksum-"):
            signed.request.headers[name] = value.strip()
