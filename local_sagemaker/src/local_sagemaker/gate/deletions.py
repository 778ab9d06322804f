"""DeleteObjects: each key that it names is judged by itself, and those that are refused stay."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import authorization, backends, policy, s3
from local_sagemaker.gate.identity import Caller
from local_sagemaker.gate.permissions import Need
from local_sagemaker.gate.request import Call, Request

SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
START = '<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
MOST = 1000  # keys in one request


def answer(call: Call, request: Request, caller: Caller, key: str, region: str) -> backends.Answer:
    """Delete the keys that the caller may delete, and report the others as AWS does."""
    keys, quiet = _read(request.body)
    refused = [(key, version) for key, version in keys if not _may(caller, call.bucket, key, version)]
    kept = [pair for pair in keys if pair not in refused]
    status, headers, body = 200, {"Content-Type": "application/xml"}, f"{START}</DeleteResult>".encode()
    if kept:
        status, headers, body = _delete(call, request, kept, quiet, key, region)
    errors = "".join(
        f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        for key, _ in refused
    )
    if status == 200 and errors:
        body = body.replace(b"</DeleteResult>", f"{errors}</DeleteResult>".encode())
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    return status, headers, body


def _delete(call, request, pairs, quiet, key, region):
    objects = "".join(
        f"<Object><Key>{escape(name)}</Key>{f'<VersionId>{escape(version)}</VersionId>' if version else ''}</Object>"
        for name, version in pairs
    )
    document = f"<Delete>{objects}<Quiet>{str(quiet).lower()}</Quiet></Delete>"
    headers = {k: v for k, v in request.headers.items() if not k.startswith(("x-amz-checksum", "content-md5"))}
    return backends.call_s3(
        key,
        region,
        "DeleteObjects",
        method="POST",
        bucket=call.bucket,
        key="",
        query=call.query,
        headers=headers,
        body=document.encode(),
    )


def _may(caller, bucket, key, version):
    action = s3.table()["version" if version else "object"]["DeleteObjects"]
    need = Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")
    return authorization.decide(caller, need, backends.ACCOUNT) == policy.ALLOWED


def _read(body):
    """Return the (key, version) pairs of a request, and whether it wants to hear of errors alone."""
    if b"<!" in body:
        raise ApiError("MalformedXML", MALFORMED)
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError):
        raise ApiError("MalformedXML", MALFORMED) from None
    found = [[(part.tag.removeprefix(SPACE), part.text or "") for part in entry] for entry in root]
    tags = [entry.tag.removeprefix(SPACE) for entry in root]
    objects = [dict(parts) for tag, parts in zip(tags, found, strict=True) if tag == "Object"]
    if not 0 < len(objects) <= MOST or any(not entry.get("Key") for entry in objects):
        raise ApiError("MalformedXML", MALFORMED)
    quiet = any(e.tag.removeprefix(SPACE) == "Quiet" and (e.text or "").strip() == "true" for e in root)
    return [(entry["Key"], entry.get("VersionId", "")) for entry in objects], quiet
