"""Refusals and failures, in the form that the clients of each service read."""

import json
from xml.sax.saxutils import escape

from local_sagemaker.errors import ApiError
from local_sagemaker.gate.request import Request

# What other services than SageMaker call the same refusals.
S3_CODES = {
    "MissingAuthenticationTokenException": "AccessDenied",
    "AccessDeniedException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "AuthorizationHeaderMalformed",
    "ExpiredTokenException": "ExpiredToken",
    "InternalFailure": "InternalError",
    "RequestEntityTooLarge": "EntityTooLarge",
}
QUERY_CODES = {
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "AccessDeniedException": "AccessDenied",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "IncompleteSignature",
    "ExpiredTokenException": "ExpiredToken",
}
S3_STATUS = {"ExpiredTokenException": 400, "RequestEntityTooLarge": 400}


def render(error: ApiError, protocol: str) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of an error."""
    message = f"<Message>{escape(_printable(error.message))}</Message>"
    if protocol == "s3":
        code = S3_CODES.get(error.code, error.code)
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{message}</Error>'
        return S3_STATUS.get(error.code, error.status), {"Content-Type": "application/xml"}, body.encode()
    if protocol == "query":
        code = QUERY_CODES.get(error.code, error.code.removesuffix("Exception"))
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>{message}</Error></ErrorResponse>"
        return error.status, {"Content-Type": "text/xml"}, body.encode()
    body = {"__type": error.code, "message": error.message, "Message": error.message, **getattr(error, "members", {})}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps(body).encode()


def protocol(request: Request, service: str = "") -> str:
    """Return the form in which the client of a request that was not understood reads errors."""
    if service == "s3":
        return "s3"
    kind = request.headers.get("content-type", "")
    if request.target or kind.startswith(("application/x-amz-json", "application/json")):
        return "json"
    if request.path.startswith("/endpoints/") or request.path == "/BatchPutMetrics":
        return "json"
    if kind.startswith("application/x-www-form-urlencoded"):
        return "query"
    return "json" if service else "s3"


def _printable(text):
    """Return a text without what XML cannot hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
