"""What a request asks for: an operation from a list, by method, path and query, of the service it was signed for.

Nothing else is consulted: not the host, not a path that looks like another service's, not what moto would guess.
"""

import json
import re
import zlib
from functools import cache
from urllib.parse import parse_qsl

import botocore.session

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import policy, s3
from local_sagemaker.gate.request import Call, Request
from local_sagemaker.hosting.model_server import BODY_LIMIT

CONTROL_LIMIT = 2 * 1024**2  # bytes in a request that is neither an object nor an invocation
ENDPOINT = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
INVOCATIONS = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
# The name in the credential's scope: botocore's name, and what its JSON clients put before the operation's name.
SERVICES = {"iam": "iam", "sts": "sts", "logs": "logs", "monitoring": "cloudwatch"}
FORM = "application/x-www-form-urlencoded"
STS = ("AssumeRole", "GetCallerIdentity")


@cache
def model(service: str):
    """Return botocore's description of a service."""
    return botocore.session.get_session().get_service_model(service)


def route(request: Request, service: str) -> Call:
    """Return the call that the head of a request makes; a form names its operation only in its body."""
    if service == "s3":
        return s3.route(request)
    if request.method != "POST" or request.query:
        raise ApiError("UnknownOperationException", f"{service} takes a POST without a query.", 404)
    if service == "sagemaker":
        return _sagemaker(request)
    if service not in SERVICES:
        raise ApiError("ValidationException", f"{service} is not simulated here; use it on AWS.", 400)
    if request.path != "/":
        raise ApiError("UnknownOperationException", f"{service} has nothing at this address.", 404)
    described = model(SERVICES[service])
    if "query" in described.metadata["protocols"] and request.headers.get("content-type", "").startswith(FORM):
        return Call(service, "", CONTROL_LIMIT, "query")
    prefix, _, name = request.target.partition(".")
    if "json" not in described.metadata["protocols"] or prefix != described.metadata["targetPrefix"]:
        raise ApiError("UnknownOperationException", f"{service} has no such operation.", 404)
    return _known(Call(service, name, CONTROL_LIMIT))


def unpacked(call: Call, request: Request) -> bytes:
    """Return the body of a request, which AWS's clients pack for some operations when it is large; objects stay so."""
    packed = request.headers.get("content-encoding", "").strip().lower() == "gzip"
    if not packed or call.service == "s3" or call.operation in INVOCATIONS.values():
        return request.body
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = unpacking.decompress(request.body, CONTROL_LIMIT)
    except zlib.error:
        raise ApiError("SerializationException", "The body is not packed with gzip, as its head says.") from None
    if unpacking.unconsumed_tail:
        raise ApiError("RequestEntityTooLarge", f"The body unpacks to more than {CONTROL_LIMIT} bytes.", 413)
    return body


def complete(call: Call, body: bytes) -> Call:
    """Fill in what the body of a request says: its members and, in a form, the operation."""
    if call.service == "s3" or call.operation in INVOCATIONS.values():
        return call
    if call.protocol == "query":
        call.members = _form(body)
        call.operation = call.members.get("Action", "")
        if call.members.get("Version") != model(SERVICES[call.service]).metadata["apiVersion"]:
            raise ApiError("InvalidAction", "The Version of the API is not the one that is served.")
        return _known(call)
    try:
        call.members = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The body is not JSON.") from None
    if not isinstance(call.members, dict):
        raise ApiError("SerializationException", "The body must be a JSON object.")
    return call


def check_policies(call: Call, body: bytes) -> None:
    """Refuse a policy that cannot be read; whoever lacks the right to send one has been refused before."""
    if call.operation == "PutBucketPolicy":
        _check_policy(body.decode("utf-8", "replace"), "MalformedPolicy", principals=True)
    if call.protocol != "query":
        return
    if call.operation == "AssumeRole" and "Policy" in call.members:
        _check_policy(call.members["Policy"], "MalformedPolicyDocument")
    for name, text in call.members.items():
        if name.startswith("PolicyInputList.member."):
            _check_policy(text, "InvalidInput")


def _check_policy(text, code, principals=False):
    try:
        policy.check(text, principals)
    except (ValueError, RecursionError) as error:
        raise ApiError(code, f"The policy cannot be read: {error}") from None


def _sagemaker(request):
    match = ENDPOINT.fullmatch(request.path)
    if match:
        return Call("sagemaker", INVOCATIONS[match[2]], BODY_LIMIT, key=match[1])
    if request.path == "/BatchPutMetrics":
        return Call("sagemaker-metrics", "BatchPutMetrics", CONTROL_LIMIT)
    if request.path == "/" and request.target.startswith("SageMaker."):
        name = request.target.removeprefix("SageMaker.")
        if name not in model("sagemaker").operation_names:
            raise ApiError("UnknownOperationException", f"SageMaker has no operation {name[:100]}.", 404)
        return Call("sagemaker", name, CONTROL_LIMIT)
    raise ApiError("UnknownOperationException", "SageMaker has nothing at this address.", 404)


def _known(call):
    if call.operation not in model(SERVICES[call.service]).operation_names:
        raise ApiError("InvalidAction", f"{call.service} has no operation {call.operation[:100]}.")
    if call.service == "sts" and call.operation not in STS:
        raise ApiError("ValidationException", f"{call.operation} is not simulated here; use AssumeRole.")
    return call


def _form(body):
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=10_000)
    except ValueError:
        raise ApiError("MalformedQueryString", "The body is not a form.") from None
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ApiError("MalformedQueryString", "A parameter of the form stands there twice; give each once.")
    return members
