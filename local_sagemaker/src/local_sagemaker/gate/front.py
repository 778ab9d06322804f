"""The front door: one WSGI application that checks every request and hands it to the room that answers it."""

import io
import json
import logging
import re
import time
import uuid
from http import HTTPStatus
from xml.sax.saxutils import escape

from botocore import xform_name

from local_sagemaker.control import moto_bridge, shapes
from local_sagemaker.errors import ApiError
from local_sagemaker.gate.signature import Request, verify
from local_sagemaker.hosting import runtime

log = logging.getLogger("local_sagemaker")

# What moto answers by itself: storage, identities, logs and metrics. Their states are real within this cloud.
MOTO_SERVICES = {"s3", "iam", "sts", "logs", "monitoring"}
FREE = {"sts:GetCallerIdentity"}  # whoever can sign may ask who they are
ENDPOINT = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")

# What S3 calls the refusals of the gatehouse.
S3_CODES = {
    "MissingAuthenticationTokenException": "AccessDenied",
    "AccessDeniedException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "AuthorizationHeaderMalformed",
}
S3_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
S3_BUCKET_ACTIONS = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}


class Front:
    """The application that the cloud serves."""

    def __init__(self, cloud):
        self.cloud = cloud

    def __call__(self, environ, start_response):
        began = time.monotonic()
        request = read(environ)
        try:
            status, headers, body = self._answer(request, environ)
        except ApiError as error:
            status, headers, body = refusal(error, _protocol(request))
        except Exception:
            log.exception("%s %s", request.method, request.path)
            message = "The local cloud made a mistake; `local-sagemaker logs` shows it."
            status, headers, body = refusal(ApiError("InternalFailure", message, 500), _protocol(request))
        took = (time.monotonic() - began) * 1000
        target = request.headers.get("x-amz-target", "")
        log.info("%s %s %s %s %.0f ms", request.method, request.path[:200], target, status, took)
        headers = {"x-amzn-RequestId": str(uuid.uuid4()), **headers}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        return [b"" if request.method == "HEAD" else body]

    def _answer(self, request, environ):
        caller, service = verify(request, self.cloud.account, self.cloud.region, self.cloud.keys)
        target = request.headers.get("x-amz-target", "")
        endpoint = ENDPOINT.fullmatch(request.path)
        if target.startswith("SageMaker.") or request.path.startswith("/endpoints/"):
            if service != "sagemaker":
                raise ApiError(
                    "InvalidSignatureException", "Credential should be scoped to correct service: 'sagemaker'.", 403
                )
            if endpoint and request.method == "POST":
                return runtime.answer(self.cloud, caller, request, *endpoint.groups())
            if request.method == "POST" and request.path == "/":
                return self._control(caller, request, target.removeprefix("SageMaker."))
            raise ApiError("UnknownOperationException", "SageMaker has nothing at this address.", 404)
        if service == "sagemaker" and request.path == "/BatchPutMetrics":
            caller.require("sagemaker:BatchPutMetrics", "*")
        elif service in MOTO_SERVICES and not _is_tricky(request, service):
            action, resource = _permission(service, request, target)
            if action not in FREE:
                caller.require(action, resource)
            if action == "logs:FilterLogEvents" and b'"logStreamNamePrefix"' in request.body:
                # moto does not read it and would answer with the lines of all streams
                raise ApiError("ValidationException", "logStreamNamePrefix is not simulated here; use logStreamNames.")
        else:
            raise ApiError("ValidationException", f"{service} is not simulated here; use it on AWS.", 400)
        return _moto(environ)

    def _control(self, caller, request, name):
        if name not in shapes.service().operation_names:
            raise ApiError("UnknownOperationException", f"SageMaker has no operation {name[:100]}.", 404)
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            raise ApiError("SerializationException", "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise ApiError("SerializationException", "The body must be a JSON object.")
        caller.require(f"sagemaker:{name}", self._resource(name, body))
        answer = self.cloud.call(name, body)
        shape = shapes.service().operation_model(name).output_shape
        text = json.dumps(shapes.render(answer, shape)) if shape else ""
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, text.encode()

    def _resource(self, name, body):
        """Return the ARN of what CreateTrainingJob and the like act upon: the kind and the name are in the request."""
        words = xform_name(name).split("_")[1:]
        for end in range(len(words), 0, -1):
            noun = body.get("".join(word.title() for word in words[:end]) + "Name")
            if isinstance(noun, str):
                return self.cloud.arn("-".join(words[:end]), noun)
        return "*"


def read(environ):
    """Return the `Request` in a WSGI environment and leave its body readable."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-").lower()] = environ[key]
    path, _, query = environ["REQUEST_URI"].partition("?")
    return Request(environ["REQUEST_METHOD"], path, query, headers, body)


def refusal(error, protocol):
    """Return (status, headers, body) of an error in the form that the protocol of a service has."""
    if protocol == "s3":
        code = S3_CODES.get(error.code, error.code)
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{_message(error)}</Error>'
        return error.status, {"Content-Type": "application/xml"}, body.encode()
    if protocol == "query":
        code = error.code.removesuffix("Exception")
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>{_message(error)}</Error></ErrorResponse>"
        return error.status, {"Content-Type": "text/xml"}, body.encode()
    body = {"__type": error.code, "message": error.message, "Message": error.message, **getattr(error, "members", {})}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps(body).encode()


def _message(error):
    return f"<Message>{escape(error.message)}</Message>"


def _protocol(request):
    if "x-amz-target" in request.headers or request.path.startswith(("/endpoints/", "/service/")):
        return "json"
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return "json" if request.path == "/BatchPutMetrics" else "s3"


def _permission(service, request, target):
    """Return the action and the resource that a request to one of moto's services needs."""
    if service == "s3":
        bucket, _, key = request.path.strip("/").partition("/")
        if not bucket:
            return "s3:ListAllMyBuckets", "*"
        if not key and request.method in S3_BUCKET_ACTIONS:
            return f"s3:{S3_BUCKET_ACTIONS[request.method]}", f"arn:aws:s3:::{bucket}"
        if not key:
            return "s3:DeleteObject", f"arn:aws:s3:::{bucket}/*"
        return f"s3:{S3_ACTIONS.get(request.method, request.method)}", f"arn:aws:s3:::{bucket}/{key}"
    prefix = "cloudwatch" if service == "monitoring" else service
    if target:
        return f"{prefix}:{target.rpartition('.')[2]}", "*"
    if request.path.startswith("/service/"):
        return f"{prefix}:{request.path.rpartition('/')[2]}", "*"
    found = re.search(rb"(?:^|&)Action=(\w+)", request.body)
    return f"{prefix}:{found[1].decode() if found else ''}", "*"


def _is_tricky(request, service):
    """Return whether moto would take a request for something else than it was signed for."""
    presigned = "authorization" not in request.headers
    return request.path.startswith(("/moto-api", "/latest/", "/v20180820/")) or (presigned and service != "s3")


def _moto(environ):
    head = {}

    def start_response(status, headers, exc_info=None):
        head.update(status=int(status.split()[0]), headers=dict(headers))

    try:
        body = b"".join(moto_bridge.application()(environ, start_response))
    except NotImplementedError as error:  # "The simulate_custom_policy action has not been implemented"
        raise ApiError("ValidationException", f"{error}; use it on AWS.") from None
    return head["status"], head["headers"], body
