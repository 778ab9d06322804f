"""Bodies in chunks: every signature and every checksum is checked, the ones of AWS's own example among them."""

import base64
import hashlib
import zlib
from dataclasses import replace

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from gate_kit import learner, port, send
from local_sagemaker.errors import ApiError
from local_sagemaker.gate import chunks
from local_sagemaker.gate.identity import Caller
from local_sagemaker.gate.request import Request
from local_sagemaker.gate.signature import Signed
from serving_kit import unique

EMPTY = hashlib.sha256(b"").hexdigest()
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def example():
    """Return the request of AWS's documentation, 66560 letters a in chunks of 64 KiB, and its body."""
    key = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    headers = {"x-amz-decoded-content-length": "66560", "content-encoding": "aws-chunked"}
    fields = {
        "credential": "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
        "date": "20130524T000000Z",
        "signature": "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    }
    request = Request("PUT", "/examplebucket/chunkObject.txt", "", headers)
    signed = Signed(request, Caller("", "", []), "s3", STREAMING, S3SigV4Auth(key, "s3", "us-east-1"), fields)
    signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]
    body = b"".join(
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + b"\r\n"
        for size, signature in zip((65536, 1024, 0), signatures, strict=True)
    )
    return signed, body


def test_awss_own_example_is_read():
    signed, body = example()
    assert chunks.decode(signed, body) == b"a" * 66560
    assert "content-encoding" not in signed.request.headers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"aaaa\r\n400", b"aaab\r\n400"),
        (b"ad80c730", b"00000000"),
        (b"b6c6ea8a", b"00000000"),
        (b"10000;", b"ffff;"),
        (b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", b"10000"),
        (b"0;chunk-signature=b6c6", b"1;chunk-signature=b6c6"),
        (b"10000;", b"x;"),
        (b"10000;", b"ffffffffffffffff;"),
    ],
)
def test_a_changed_chunk_is_refused(old, new):
    signed, body = example()
    assert old in body
    with pytest.raises(ApiError, match=r"does not match|made of chunks|terminated"):
        chunks.decode(signed, body.replace(old, new, 1))


def test_chunks_cannot_be_left_out_or_cut_off():
    signed, body = example()
    first, second, last = body[:65622], body[65622:66733], body[66733:]
    for wrong in (first + last, second + first + last, first + second, body[:-10], body + b"x"):
        with pytest.raises(ApiError):
            chunks.decode(example()[0], wrong)
    signed.request.headers["x-amz-decoded-content-length"] = "66561"
    with pytest.raises(ApiError, match="not as long"):
        chunks.decode(signed, body)


def upload(path, data, kind, make, headers=None):
    """Sign an upload whose body `make` writes, given the signer, the request and the first signature; send it."""
    request = AWSRequest("PUT", f"http://127.0.0.1:{port()}{path}", data=b"", headers=headers or {})
    request.headers["x-amz-decoded-content-length"] = str(len(data))
    request.headers["content-encoding"] = "aws-chunked"

    class Auth(S3SigV4Auth):
        def payload(self, _):
            return kind

    auth = Auth(learner(), "s3", "us-east-1")
    auth.add_auth(request)
    seed = request.headers["Authorization"].rpartition("Signature=")[2]
    return send("PUT", path, dict(request.headers), make(auth, request, seed))


def in_signed_chunks(data):
    def make(auth, request, seed):
        body = b""
        for part in (data, b""):
            scope = auth.credential_scope(request)
            hashes = [EMPTY, hashlib.sha256(part).hexdigest()]
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], scope, seed, *hashes])
            seed = auth.signature(text, request)
            body += f"{len(part):x};chunk-signature={seed}\r\n".encode() + part + b"\r\n"
        return body

    return make


def in_unsigned_chunks(data, crc):
    value = base64.b64encode(crc.to_bytes(4, "big")).decode()
    text = f"{len(data):x}\r\n".encode() + data + f"\r\n0\r\nx-amz-checksum-crc32:{value}\r\n\r\n".encode()
    return lambda *_: text


def test_uploads_in_chunks_arrive(cloud):
    s3, data = boto3.client("s3"), b"hello " * 1000
    path = f"/{cloud.bucket}/{unique('chunks')}"
    assert upload(path, data, STREAMING, in_signed_chunks(data)).status == 200
    key = path.rpartition("/")[2]
    found = s3.get_object(Bucket=cloud.bucket, Key=key)
    assert (found["Body"].read(), found.get("ContentEncoding", "")) == (data, "")
    trailer = {"x-amz-trailer": "x-amz-checksum-crc32"}
    path += "-trailer"
    reply = upload(path, data, UNSIGNED, in_unsigned_chunks(data, zlib.crc32(data)), trailer)
    assert reply.status == 200, reply
    assert s3.get_object(Bucket=cloud.bucket, Key=f"{key}-trailer")["Body"].read() == data


def test_uploads_in_wrong_chunks_do_not(cloud):
    path, data = f"/{cloud.bucket}/{unique('chunks')}", b"hello"
    none = b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    assert upload(path, data, STREAMING, lambda *_: none).code == "SignatureDoesNotMatch"
    trailer = {"x-amz-trailer": "x-amz-checksum-crc32"}
    assert upload(path, data, UNSIGNED, in_unsigned_chunks(data, 7), trailer).code == "BadDigest"
    assert upload(path, data, UNSIGNED, in_unsigned_chunks(data, 7)).code == "MalformedTrailerError"
    with pytest.raises(boto3.client("s3").exceptions.ClientError):
        boto3.client("s3").head_object(Bucket=cloud.bucket, Key=path.rpartition("/")[2])


def test_a_trailer_that_was_signed_is_checked():
    signed, body = example()
    signed = replace(signed, payload=f"{STREAMING}-TRAILER")
    with pytest.raises(ApiError, match="does not match"):
        chunks.decode(signed, body)
