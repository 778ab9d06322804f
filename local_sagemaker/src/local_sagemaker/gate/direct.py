"""Clients that ask moto in this process: what the daemon itself does with S3, logs and the like needs no port."""

import io
from collections.abc import Callable
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import answers, authorization, backends, permissions, refusals, routes
from local_sagemaker.gate.identity import Caller
from local_sagemaker.gate.request import Request

HOST = "127.0.0.1"
CONFIG = Config(
    signature_version=UNSIGNED, s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
)


class Raw(io.BytesIO):
    """A body as botocore wants to read it."""

    def stream(self, **_):
        """Yield all of it."""
        while piece := self.read(1 << 20):
            yield piece


def client(service: str, region: str, caller: Callable[[], Caller] | None = None):
    """Return a boto3 client whose requests are answered in this process.

    With a caller each request is judged by the policies that caller has then, as if it had come over the wire.
    """
    made = boto3.session.Session("unused", "unused", region_name=region).client(
        service, endpoint_url=f"http://{HOST}", config=CONFIG
    )
    scope = made.meta.service_model.signing_name

    def send(request: AWSPreparedRequest, **_):
        status, headers, body = _answer(request, scope, region, caller)
        return AWSResponse(request.url, status, headers, Raw(body))

    made.meta.events.register_first("before-send", send)
    return made


def _answer(prepared, service, region, caller):
    parts = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    } | {"host": HOST}
    body = prepared.body or b""
    body = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
    request = Request(prepared.method, parts.path, parts.query, headers, body, len(body))
    call = None
    try:
        call = routes.route(request, service)
        request.body = routes.unpacked(call, request)
        call = routes.complete(call, request.body)
        who = caller() if caller else None
        for need in permissions.needs(call, request, backends.ACCOUNT, region) if who else ():
            authorization.require(who, need, backends.ACCOUNT)
        return answers.answer(call, request, who, region)
    except ApiError as error:
        return refusals.render(error, call.protocol if call else refusals.protocol(request, service))
