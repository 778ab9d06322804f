"""Moto's part of the cloud, called in this process: one responder for each service, chosen here and never by moto."""

import logging
from functools import cache
from importlib import import_module
from urllib.parse import quote

from moto.core.request import Request as MotoRequest
from werkzeug.exceptions import HTTPException

from local_sagemaker.errors import ApiError

log = logging.getLogger("local_sagemaker")

ACCOUNT = "123456789012"  # moto's own, whatever key it sees
NOBODY = "AKIADAEMON0000000000"  # moto wants an access key of whoever asks, the daemon too
Answer = tuple[int, dict[str, str], bytes]

# The names are those that credentials are scoped to, but for the metrics of experiments, which share SageMaker's.
RESPONDERS = {
    "iam": ("moto.iam.responses", "IamResponse", "iam"),
    "sts": ("moto.sts.responses", "TokenResponse", "sts"),
    "logs": ("moto.logs.responses", "LogsResponse", "logs"),
    "monitoring": ("moto.cloudwatch.responses", "CloudWatchResponse", "monitoring"),
    "sagemaker": ("moto.sagemaker.responses", "SageMakerResponse", "api.sagemaker"),
    "sagemaker-metrics": ("moto.sagemakermetrics.responses", "SageMakerMetricsResponse", "metrics.sagemaker"),
}
# Where moto raises what it should answer, and what AWS answers: each has been seen, any other exception is a fault.
MISTAKES = {
    ("CompleteMultipartUpload", KeyError): ("NoSuchUpload", "The specified multipart upload does not exist.", 404),
    ("CreateServiceLinkedRole", IndexError): ("InvalidInput", "AWSServiceName is not the name of a service.", 400),
    ("DescribeDestinations", ValueError): ("InvalidParameterException", "The nextToken is not one of an answer.", 400),
    ("GetQueryResults", KeyError): ("ResourceNotFoundException", "There is no query of this queryId.", 400),
    ("ListPolicies", ValueError): ("ValidationError", "The Marker is not one of an answer.", 400),
    ("ListRoles", ValueError): ("ValidationError", "The Marker is not one of an answer.", 400),
    ("ListVirtualMFADevices", ValueError): ("ValidationError", "The Marker is not one of an answer.", 400),
    ("PutDeliveryDestination", IndexError): ("ValidationException", "destinationResourceArn is not an ARN.", 400),
    ("PutDeliveryDestination", TypeError): ("ValidationException", "The delivery destination needs an ARN.", 400),
    ("PutDeliverySource", IndexError): ("ValidationException", "resourceArn is not an ARN.", 400),
    ("StartQuery", TypeError): ("InvalidParameterException", "Name a log group to be queried.", 400),
}
# The headers that mean something to S3; all others stay outside.
S3_HEADERS = ("x-amz-", "content-", "if-")
S3_ALSO = ("range", "cache-control", "expires", "accept", "origin")
S3_NEVER = ("x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-security-token")


@cache
def _responder(service):
    module, name, host = RESPONDERS[service]
    return getattr(import_module(module), name).dispatch, host


def call(
    service: str, key: str, region: str, operation: str, *, headers: dict[str, str], body: bytes, path: str = "/"
) -> Answer:
    """Run one call of a service whose calls are a POST: what it is stands in a header or in the body.

    `key` is the access key of the caller, by which STS and IAM know who asks.
    """
    dispatch, host = _responder(service)
    kept = {name: value for name, value in headers.items() if name in ("content-type", "x-amz-target")}
    return _run(
        dispatch, "POST", f"{host}.{region}.amazonaws.com", path, "", kept, body, (key, region, service), operation
    )


def call_s3(
    key_id: str,
    region: str,
    operation: str,
    *,
    method: str,
    bucket: str,
    key: str,
    query: dict,
    headers: dict,
    body: bytes,
) -> Answer:
    """Run one call of S3 on a bucket and a key, whatever the path and the host looked like."""
    from moto.s3.responses import S3Response

    path = f"/{quote(bucket, safe='')}" if bucket else "/"
    if key:
        path += f"/{quote(key.encode('utf-8', 'surrogateescape'), safe='/~-_.')}"
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    kept = {
        name: value
        for name, value in headers.items()
        if (name.startswith(S3_HEADERS) or name in S3_ALSO) and name not in S3_NEVER and name != "content-length"
    }
    dispatch = S3Response.key_dispatch if key else S3Response.bucket_dispatch
    return _run(
        dispatch, method, f"s3.{region}.amazonaws.com", path, text, kept, body, (key_id, region, "s3"), operation
    )


def _run(dispatch, method, host, path, query, headers, body, credential, operation):
    key, region, service = credential
    scope = f"{key}/20260101/{region}/{service}/aws4_request"
    headers = headers | {
        "host": host,
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    url = f"http://{host}{path}" + (f"?{query}" if query else "")
    request = MotoRequest.from_primitives(method, url, headers, body)
    try:
        status, found, content = dispatch(request, request.raw_url, request.headers)
    except HTTPException as error:
        status, found, content = error.code, dict(error.get_headers()), error.get_body()
    except NotImplementedError as error:  # "The simulate_custom_policy action has not been implemented"
        raise ApiError("ValidationException", f"{error}; use it on AWS.") from None
    except Exception as error:
        mistake = MISTAKES.get((operation, type(error)))
        if mistake:
            raise ApiError(*mistake) from None
        log.exception("moto: %s %s %s", operation, method, url[:200])
        message = f"moto failed at {operation or 'the request'}; `local-sagemaker logs` shows why."
        raise ApiError("InternalFailure", message, 500) from None
    content = content.encode() if isinstance(content, str) else content
    return status, {str(name): str(value) for name, value in dict(found).items()}, content
