"""Signature Version 4: whether a request was signed by whom it says, seen from its head before its body is read.

The head of a request to S3 says what its body hashes to, so it is all that the signature needs. Clients of other
services sign the hash of the body without sending it: there the head is examined as far as it goes (a known key, a
date, a scope), the body may have the few bytes that its operation takes, and the signature is compared after that.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local_sagemaker.errors import ApiError
from local_sagemaker.gate.identity import Caller, identify
from local_sagemaker.gate.request import Request, query_pairs

SKEW = timedelta(minutes=5)  # how far a client's clock may be off, and so how long a request can be replayed
LONGEST = 7 * 24 * 3600  # seconds that an address signed beforehand may be good for
STAMP = "%Y%m%dT%H%M%SZ"
BOUND = ("x-amz-date", "x-amz-content-sha256")  # the signature holds them anyway
UNSIGNED = "UNSIGNED-PAYLOAD"
HASH = re.compile(r"[0-9a-f]{64}")
EMPTY = hashlib.sha256(b"").hexdigest()
STREAMED = (
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
)
HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^ ,]+), *"
    r"SignedHeaders=(?P<signed>[^ ,]+), *Signature=(?P<signature>[0-9a-f]+)"
)
INVOCATION = re.compile(r"/endpoints/[^/]+/invocations")
PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass
class Signed:
    """A request whose head has been examined."""

    request: Request
    caller: Caller
    service: str
    payload: str  # what the head says that the body hashes to; empty where only the body tells
    signer: SigV4Auth
    fields: dict

    def check_body(self, body: bytes) -> None:
        """Refuse a body that is not the one that was signed."""
        if not self.payload:
            self.compare(hashlib.sha256(body).hexdigest())
        elif HASH.fullmatch(self.payload) and hashlib.sha256(body).hexdigest() != self.payload:
            raise ApiError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )

    def compare(self, payload: str) -> None:
        """Refuse a signature that is not the one that the caller's secret gives."""
        canonical = _canonical(self.request, self.fields, payload)
        text = self.signer.string_to_sign(canonical, self.signer.canonical_request(canonical))
        expected = self.signer.signature(text, canonical)
        if not hmac.compare_digest(expected, self.fields["signature"]):
            raise ApiError("InvalidSignatureException", MISMATCH, 403)


def verify(request: Request, account: str, region: str, now: datetime | None = None) -> Signed:
    """Return who signed a request and for which service, as its head tells, or refuse it as AWS does."""
    now = now or datetime.now(UTC)
    fields = _fields(request)
    credential, names = fields["credential"].split("/"), fields["signed"].split(";")
    if len(credential) != 5 or credential[4] != "aws4_request" or "host" not in names:
        raise ApiError(
            "IncompleteSignatureException",
            "The credential must read KEY/DATE/REGION/SERVICE/aws4_request and the signed headers must include host.",
            403,
        )
    key, date, scope, service, _ = credential
    presigned = fields["expires"] is not None
    if presigned and service != "s3":
        raise ApiError(
            "IncompleteSignatureException", f"{service} takes the signature in the Authorization header.", 403
        )
    invokes = request.method == "POST" and not request.query and INVOCATION.fullmatch(request.path)
    if service != "sagemaker" and (invokes or request.target.startswith("SageMaker.")):
        raise ApiError("InvalidSignatureException", "Credential should be scoped to correct service: 'sagemaker'.", 403)
    bound = () if presigned else BOUND
    loose = [name for name in request.headers if name.startswith("x-amz-") and name not in (*names, *bound)]
    if loose:
        raise ApiError(
            "AccessDeniedException" if presigned else "InvalidSignatureException",
            f"There were headers present in the request which were not signed: {loose}.",
            403,
        )
    caller, secret = identify(key, fields["token"], account, now)
    if scope != region:
        raise ApiError("InvalidSignatureException", f"Credential should be scoped to a valid region: {region}.", 403)
    _check_date(fields, date, now)
    signer = (_S3Signer if service == "s3" else _Signer)(Credentials(key, secret), service, region)
    signed = Signed(request, caller, service, _payload(request, service, presigned), signer, fields)
    if signed.payload:
        signed.compare(signed.payload)
    return signed


class _Listed:
    """Take the headers that the client lists, whatever botocore would sign by itself."""

    def headers_to_sign(self, request):
        """Return the headers of the canonical request: it holds the listed ones and no others."""
        return request.headers


class _Signer(_Listed, SigV4Auth):
    def payload(self, request):
        """Return the hash that the canonical request is made with."""
        return request.context["payload"]


class _S3Signer(_Listed, S3SigV4Auth):
    payload = _Signer.payload


def _canonical(request, fields, payload):
    """Return the request as botocore signs it: the listed headers, and the query without its signature."""
    headers = HTTPHeaders()
    for name in sorted(fields["signed"].split(";")):
        headers[name] = request.headers.get(name, "")
    pairs = [pair for pair in query_pairs(request.query) if fields["expires"] is None or pair[0] != "X-Amz-Signature"]
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    canonical = AWSRequest(request.method, f"http://host{request.path}?{query}", headers=headers)
    canonical.context.update(timestamp=fields["date"], payload=payload)
    return canonical


def _fields(request):
    """Return the parts of a signature, from the header or, for an address signed beforehand, from the query."""
    query = dict(query_pairs(request.query))
    header = request.headers.get("authorization", "")
    if "X-Amz-Signature" in query:
        expires = query.get("X-Amz-Expires", "")
        if any(name not in query for name in PRESIGNED) or not re.fullmatch(r"[0-9]{1,6}", expires):
            raise ApiError("AuthorizationQueryParametersError", f"A signed address needs {', '.join(PRESIGNED)}.")
        if header:
            raise ApiError("InvalidArgument", "Only one auth mechanism allowed: the header Authorization or the query.")
        if int(expires) > LONGEST:
            raise ApiError("AuthorizationQueryParametersError", f"X-Amz-Expires must be less than {LONGEST} seconds.")
        return {
            "credential": query["X-Amz-Credential"],
            "signed": query["X-Amz-SignedHeaders"],
            "signature": query["X-Amz-Signature"],
            "date": query["X-Amz-Date"],
            "token": query.get("X-Amz-Security-Token"),
            "expires": timedelta(seconds=int(expires)),
        }
    if "AWSAccessKeyId" in query or header.startswith("AWS "):
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


def _check_date(fields, date, now):
    try:
        signed_at = datetime.strptime(fields["date"], STAMP).replace(tzinfo=UTC)
        until, since = signed_at + (fields["expires"] or SKEW), signed_at - SKEW
    except (ValueError, OverflowError):
        raise ApiError(
            "IncompleteSignatureException", "X-Amz-Date must be a time such as 20260101T120000Z.", 403
        ) from None
    if not fields["date"].startswith(f"{date}T"):
        raise ApiError("InvalidSignatureException", "Date in Credential scope does not match X-Amz-Date.", 403)
    if now > until:
        raise ApiError(
            "InvalidSignatureException", f"Signature expired: {until:{STAMP}} is now earlier than {now:{STAMP}}.", 403
        )
    if now < since:
        raise ApiError(
            "InvalidSignatureException",
            f"Signature not yet current: {fields['date']} is still later than {now + SKEW:{STAMP}}.",
            403,
        )


def _payload(request, service, presigned):
    """Return what the head says of the body's hash, or "" where the body alone tells."""
    claimed = request.headers.get("x-amz-content-sha256", "")
    if presigned:
        return claimed or UNSIGNED
    if service == "s3":
        if not (claimed == UNSIGNED or claimed in STREAMED or HASH.fullmatch(claimed)):
            raise ApiError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        return claimed
    if HASH.fullmatch(claimed):
        return claimed
    return EMPTY if request.length == 0 else ""
