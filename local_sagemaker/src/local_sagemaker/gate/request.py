"""A request as it came over the wire, before anybody believes it."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from local_sagemaker.errors import ApiError


@dataclass
class Request:
    """An HTTP request; its body is empty until its head has been admitted."""

    method: str
    path: str  # still percent-encoded
    query: str
    headers: dict[str, str]  # lower-case names
    body: bytes = b""
    length: int | None = None  # of the body, as announced; None where nobody knows

    @property
    def target(self) -> str:
        """What JSON clients name the operation in."""
        return self.headers.get("x-amz-target", "")


@dataclass
class Call:
    """What a request asks for: an operation of a service, as botocore names both."""

    service: str  # the name in the credential's scope
    operation: str
    limit: int  # bytes that its body may have
    protocol: str = "json"  # of its errors: json, query, s3 or cbor
    bucket: str = ""
    key: str = ""
    query: dict[str, str] = field(default_factory=dict)
    members: dict = field(default_factory=dict)  # what its body says


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query, decoded, in their order."""
    found = [part.partition("=")[::2] for part in query.split("&") if part]
    return [(unquote(name), unquote(value)) for name, value in found]


def query_members(query: str) -> dict[str, str]:
    """Return a query as a dict; a name that comes twice is refused, since two readers would read it differently."""
    pairs = query_pairs(query)
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ApiError("InvalidArgument", "A parameter of the query stands there twice; give each once.")
    return members
