"""The gatehouse: who signed a request, whether the signature holds, and whether that person may do what it asks."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
from moto.iam.models import iam_backends

from local_sagemaker.errors import ApiError

SKEW = timedelta(minutes=5)  # how far a client's clock may be off, and so how long a request can be replayed
STAMP = "%Y%m%dT%H%M%SZ"
BOUND = ("x-amz-date", "x-amz-content-sha256")  # the signature holds them anyway
HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^ ,]+), *"
    r"SignedHeaders=(?P<signed>[^ ,]+), *Signature=(?P<signature>\S+)"
)


@dataclass
class Request:
    """An HTTP request as it came over the wire."""

    method: str
    path: str  # still percent-encoded
    query: str
    headers: dict  # lower-case names
    body: bytes


@dataclass
class Caller:
    """Somebody whose signature holds."""

    arn: str
    key: str
    policies: list | None  # None: may do anything

    def require(self, action, resource):
        """Refuse an action that no policy of the caller allows, or that one denies."""
        verdict = "allowed" if self.policies is None else judge(self.policies, action, resource)
        if verdict != "allowed":
            because = (
                "with an explicit deny in an identity-based policy"
                if verdict == "denied"
                else f"because no identity-based policy allows the {action} action"
            )
            raise ApiError(
                "AccessDeniedException",
                f"User: {self.arn} is not authorized to perform: {action} on resource: {resource} {because}",
                403,
            )


def verify(request, account, region, root, now=None):
    """Return the `Caller` who signed a request and the service it was signed for, or refuse it as AWS does.

    `root` is an access key and its secret that may do anything.
    """
    now = now or datetime.now(UTC)
    fields = _fields(request)
    credential, signed = fields["credential"].split("/"), fields["signed"].split(";")
    if len(credential) != 5 or credential[4] != "aws4_request" or "host" not in signed:
        raise ApiError(
            "IncompleteSignatureException",
            "The credential must read KEY/DATE/REGION/SERVICE/aws4_request and the signed headers must include host.",
            403,
        )
    loose = [name for name in request.headers if name.startswith("x-amz-") and name not in (*signed, *BOUND)]
    if loose and fields["expires"] is None:
        raise ApiError(
            "InvalidSignatureException",
            f"There were headers present in the request which were not signed: {loose}.",
            403,
        )
    key, date, scope, service, _ = credential
    caller, secret = _caller(key, fields["token"], account, root)
    if scope != region:
        raise ApiError("InvalidSignatureException", f"Credential should be scoped to a valid region: {region}.", 403)
    _check_date(fields, date, now)
    expected = _sign(request, fields, secret, date, region, service)
    if not hmac.compare_digest(expected.encode(), fields["signature"].encode()):
        raise ApiError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            403,
        )
    return caller, service


def judge(policies, action, resource):
    """Return "allowed", "denied" or "neither" for an action on a resource, by IAM's rules.

    A statement with a Condition is taken to deny but not to allow: conditions are not evaluated here.
    """
    verdict = "neither"
    for policy in policies:
        statements = policy["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            if not _concerns(statement, "Action", action) or not _concerns(statement, "Resource", resource):
                continue
            if statement["Effect"] == "Deny":
                return "denied"
            if "Condition" not in statement:
                verdict = "allowed"
    return verdict


def _concerns(statement, element, value):
    if f"Not{element}" in statement:
        return not _any_match(statement[f"Not{element}"], value)
    return _any_match(statement.get(element, []), value)


def _any_match(patterns, value):
    """Compare with IAM's wildcards, * and ?, without regard to case."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.IGNORECASE)
        for pattern in patterns
    )


def _fields(request):
    """Return the parts of a signature, from the header or, for an address signed beforehand, from the query."""
    query = dict(_pairs(request.query))
    if "X-Amz-Signature" in query:
        needed = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
        if any(name not in query for name in needed) or not query["X-Amz-Expires"].isdecimal():
            raise ApiError("IncompleteSignatureException", f"A signed address needs {', '.join(needed)}.", 403)
        return {
            "credential": query["X-Amz-Credential"],
            "signed": query["X-Amz-SignedHeaders"],
            "signature": query["X-Amz-Signature"],
            "date": query["X-Amz-Date"],
            "token": query.get("X-Amz-Security-Token"),
            "expires": timedelta(seconds=min(int(query["X-Amz-Expires"]), 7 * 24 * 3600)),
        }
    header = request.headers.get("authorization")
    if "AWSAccessKeyId" in query or (header or "").startswith("AWS "):
        raise ApiError(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        )
    if not header:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    match = HEADER.fullmatch(header.strip())
    if not match:
        raise ApiError(
            "IncompleteSignatureException",
            "Authorization header requires 'AWS4-HMAC-SHA256' with Credential, SignedHeaders and Signature.",
            403,
        )
    return match.groupdict() | {
        "date": request.headers.get("x-amz-date", ""),
        "token": request.headers.get("x-amz-security-token"),
        "expires": None,
    }


def _caller(key, token, account, root):
    if key == root[0]:
        return Caller(f"arn:aws:iam::{account}:root", key, None), root[1]
    try:
        found = create_access_key(account, "aws", key, {"X-Amz-Security-Token": token} if token else {})
    except CreateAccessKeyFailure:
        found = None
    known = iam_backends[account]["aws"].access_keys.get(key)
    if not found or (known and known.status != "Active"):
        raise ApiError("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    return Caller(found.arn, key, [_document(policy) for policy in found.collect_policies()]), (
        found.create_credentials().secret_key
    )


def _document(policy):
    """Return a policy as a dict, whichever way moto holds it."""
    if isinstance(policy, str):
        return json.loads(policy)
    if isinstance(policy, dict):
        return json.loads(policy["policy_document"])
    return json.loads(next(version.document for version in policy.versions if version.is_default))


def _check_date(fields, date, now):
    try:
        signed_at = datetime.strptime(fields["date"], STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise ApiError(
            "IncompleteSignatureException", "X-Amz-Date must be a time such as 20260101T120000Z.", 403
        ) from None
    if not fields["date"].startswith(date):
        raise ApiError("InvalidSignatureException", "Date in Credential scope does not match X-Amz-Date.", 403)
    until = signed_at + (fields["expires"] or SKEW)
    if now > until:
        raise ApiError(
            "InvalidSignatureException",
            f"Signature expired: {until:{STAMP}} is now earlier than {now:{STAMP}}.",
            403,
        )
    if now < signed_at - SKEW:
        raise ApiError(
            "InvalidSignatureException",
            f"Signature not yet current: {signed_at:{STAMP}} is still later than {now + SKEW:{STAMP}}.",
            403,
        )


def _sign(request, fields, secret, date, region, service):
    presigned = fields["expires"] is not None
    path = request.path if service == "s3" else quote(_tidy(request.path), safe="/~-_.")
    pairs = [pair for pair in _pairs(request.query) if not (presigned and pair[0] == "X-Amz-Signature")]
    query = "&".join(f"{name}={value}" for name, value in sorted((_encode(n), _encode(v)) for n, v in pairs))
    names = fields["signed"].split(";")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    canonical = "\n".join(
        [request.method, path, query, headers, fields["signed"], _payload(request, presigned, service)]
    )
    scope = f"{date}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", fields["date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _payload(request, presigned, service):
    """Return the hash of the body that was signed; S3 may leave the body out or send it in chunks."""
    claimed = request.headers.get("x-amz-content-sha256", "")
    if service == "s3" and (presigned or claimed == "UNSIGNED-PAYLOAD" or claimed.startswith("STREAMING-")):
        return claimed or "UNSIGNED-PAYLOAD"
    return hashlib.sha256(request.body).hexdigest()


def _tidy(path):
    """Resolve . and .. and doubled slashes as every service but S3 does."""
    parts = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path.endswith("/") else "")


def _pairs(query):
    found = [part.partition("=")[::2] for part in query.split("&") if part]
    return [(unquote(name), unquote(value)) for name, value in found]


def _encode(text):
    return quote(text, safe="-_.~")
