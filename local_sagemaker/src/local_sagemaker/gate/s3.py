"""Which of S3's operations a request asks for: its method, its bucket and key, its query, nothing else."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import botocore.session
import yaml

from local_sagemaker.errors import ApiError
from local_sagemaker.gate.backends import ACCOUNT
from local_sagemaker.gate.request import Call, Request, query_members

OBJECT_LIMIT = 5 * 1024**3  # bytes in one upload
DOCUMENT_LIMIT = 2 * 1024**2  # bytes in what configures, completes or deletes
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:(?:us-east-1|dualstack\.us-east-1)\.)?amazonaws\.com(?::\d+)?")
LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")
# Parameters of any request: the signature's, and the operation's name, which some clients add.
ANYWHERE = {"x-id", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"}
ANYWHERE |= {"x-amz-signature", "x-amz-security-token", "x-amz-content-sha256"}
OWNER_ACLS = ("private", "bucket-owner-full-control")
UPLOADS = ("PutObject", "UploadPart")


@cache
def table() -> dict:
    """Return s3_operations.yaml."""
    return yaml.safe_load(Path(__file__).with_name("s3_operations.yaml").read_text())


@cache
def operations() -> dict[str, dict]:
    """Return how botocore's description tells the served operations apart."""
    model = botocore.session.get_session().get_service_model("s3")
    found = {}
    for name in [*table()["all"], *table()["bucket"], *table()["object"]]:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        members = operation.input_shape.members.values() if operation.input_shape else ()
        found[name] = {
            "method": operation.http["method"],
            "level": path.count("{"),  # 0 for the service, 1 for a bucket, 2 for an object
            "markers": {part.partition("=")[0] for part in query.split("&") if part},
            "query": {m.serialization["name"] for m in members if m.serialization.get("location") == "querystring"},
        }
    return found


@cache
def markers() -> set[str]:
    """Return every parameter that turns a request into another operation, those that are not served among them."""
    model = botocore.session.get_session().get_service_model("s3")
    queries = [model.operation_model(name).http["requestUri"].partition("?")[2] for name in model.operation_names]
    return {part.partition("=")[0] for query in queries for part in query.split("&") if part} | {"uploadId"}


def route(request: Request) -> Call:
    """Return the call that a request to S3 makes; whatever is on no list is refused."""
    bucket, key = _place(request)
    query = query_members(request.query)
    named = {name for name in query if name.lower() not in ANYWHERE}
    operation = _operation(request, 2 if key else 1 if bucket else 0, named)
    served = operations()[operation]
    strange = sorted(named - served["query"] - served["markers"])
    if strange or query.get("x-id", operation) != operation:
        names = [repr(name[:50]) for name in strange] or ["x-id of another"]
        raise _refused(f"{operation} with the parameter {', '.join(names)}")
    if query.get("list-type", "2") != "2":
        raise _refused("list-type other than 2")
    _check_headers(request)
    limit = OBJECT_LIMIT if operation in UPLOADS else DOCUMENT_LIMIT
    return Call("s3", operation, limit, "s3", bucket, key, {name: query[name] for name in named})


def _check_headers(request):
    """Refuse what new buckets refuse, lists of grants, and the owner that a bucket does not have."""
    acl = request.headers.get("x-amz-acl", "private")
    if acl not in OWNER_ACLS or any(name.startswith("x-amz-grant-") for name in request.headers):
        raise ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs.")
    for name in ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"):
        if request.headers.get(name, ACCOUNT) != ACCOUNT:
            raise ApiError("AccessDeniedException", "Access Denied: the bucket has another owner.", 403)


def copy_source(header: str) -> tuple[str, str, str]:
    """Return the bucket, the key and the version that x-amz-copy-source names."""
    path, _, query = header.partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    version = query_members(query)
    if not BUCKET.fullmatch(bucket) or not key or set(version) - {"versionId"}:
        raise ApiError("InvalidArgument", "The header x-amz-copy-source must read bucket/key.")
    return bucket, key, version.get("versionId", "")


def _place(request):
    """Return the bucket and the key, wherever the bucket stands: in the path, or in the name of the host."""
    host = request.headers.get("host", "")
    match = HOST.fullmatch(host)
    if not match and not LOOPBACK.fullmatch(host):
        raise ApiError(
            "InvalidRequest", f"S3 has no host {host[:100]} here; use 127.0.0.1 with the bucket in the path."
        )
    path = unquote(request.path.removeprefix("/"))
    bucket, _, key = (match["bucket"], "", path) if match and match["bucket"] else path.partition("/")
    if bucket and not BUCKET.fullmatch(bucket):
        raise ApiError("InvalidBucketName", "The specified bucket is not valid.")
    if key and not bucket:
        raise ApiError("InvalidURI", "Couldn't parse the specified URI.")
    if len(key.encode("utf-8", "surrogateescape")) > 1024:
        raise ApiError("KeyTooLongError", "Your key is too long.")
    return bucket, key


def _operation(request, level, named):
    marked = named & markers()
    fits = [
        name
        for name, served in operations().items()
        if served["method"] == request.method
        and served["level"] == level
        and served["markers"] == marked & _split(name)
    ]
    if level == 2 and not marked - {"uploadId"}:
        name = _of_object(request, named)
        fits = [name] if name else []
    if len(fits) != 1 or marked - operations()[fits[0]]["markers"] - operations()[fits[0]]["query"]:
        raise _refused(
            f"{request.method} {' '.join(sorted(marked))} of {('a service', 'a bucket', 'an object')[level]}"
        )
    return fits[0]


def _split(name):
    """Return the parameters that count as marks of an operation: those that it only takes as members do not."""
    served = operations()[name]
    return markers() - (served["query"] - served["markers"])


def _of_object(request, named):
    """Tell the operations on an object apart that have no mark of their own."""
    copies = "x-amz-copy-source" in request.headers
    if "uploadId" in named:
        part = "UploadPartCopy" if copies else "UploadPart"
        names = {"PUT": part, "GET": "ListParts", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return names.get(request.method)
    plain = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    return {**plain, "PUT": "CopyObject" if copies else "PutObject"}.get(request.method)


def _refused(what):
    return ApiError("NotImplemented", f"{what} is not simulated here; use it on AWS.", 501)
