"""Requests that nobody should send, bent in every part, the same ones every time."""

import json
import random
import string
from dataclasses import dataclass, field, replace

SERVICES = ("s3", "sagemaker", "iam", "sts", "logs", "monitoring", "ec2", "lambda", "dynamodb", "execute-api", "")
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "get", "FOO")
FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"


@dataclass
class Made:
    """A request before it is signed."""

    method: str
    path: str
    service: str
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    host: str = ""


def bases(own, other):
    """Return requests as clients make them: on the guest's own bucket, on another's, on every service."""

    def form(service, version, **members):
        pairs = {"Version": version, **members}
        body = "&".join(f"{name}={value}" for name, value in pairs.items()).encode()
        return Made("POST", "/", service, {"Content-Type": FORM}, body)

    def call(service, target, **members):
        headers = {"Content-Type": JSON, "X-Amz-Target": target}
        return Made("POST", "/", service, headers, json.dumps(members).encode())

    delete = b"<Delete><Object><Key>secret</Key></Object></Delete>"
    return [
        Made("GET", f"/{own}/mine", "s3"),
        Made("GET", f"/{other}/secret", "s3"),
        Made("HEAD", f"/{other}/secret", "s3"),
        Made("GET", f"/{own}?list-type=2", "s3"),
        Made("GET", f"/{other}?list-type=2&prefix=s", "s3"),
        Made("PUT", f"/{own}/new", "s3", {}, b"x" * 100),
        Made("PUT", f"/{own}/copy", "s3", {"x-amz-copy-source": f"{other}/secret"}),
        Made("PUT", f"/{own}?policy", "s3", {}, b'{"Statement": []}'),
        Made("POST", f"/{other}?delete", "s3", {}, delete),
        Made("POST", f"/{own}/big?uploads", "s3"),
        Made("DELETE", f"/{other}/secret", "s3"),
        Made("GET", "/", "s3"),
        Made("GET", "/secret", "s3", host=f"{other}.s3.amazonaws.com"),
        call("sagemaker", "SageMaker.ListEndpoints"),
        call("sagemaker", "SageMaker.DescribeEndpoint", EndpointName="x"),
        call("sagemaker", "SageMaker.CreateModel", ModelName="x", ExecutionRoleArn="arn:aws:iam::123456789012:role/x"),
        Made("POST", "/endpoints/x/invocations", "sagemaker", {"Content-Type": "application/json"}, b"[1]"),
        call("logs", "Logs_20140328.DescribeLogGroups"),
        call("logs", "Logs_20140328.GetLogEvents", logGroupName="x", logStreamName="y"),
        call("monitoring", "GraniteServiceVersion20100801.ListMetrics"),
        form("monitoring", "2010-08-01", Action="ListMetrics"),
        form("iam", "2010-05-08", Action="ListUsers"),
        form("iam", "2010-05-08", Action="CreateAccessKey", UserName="learner"),
        form("sts", "2011-06-15", Action="GetCallerIdentity"),
        form("sts", "2011-06-15", Action="AssumeRole", RoleArn="arn:aws:iam::123456789012:role/gluon-lessons"),
        form("sts", "2011-06-15", Action="AssumeRoleWithWebIdentity", RoleSessionName="xx", WebIdentityToken="x"),
    ]


def mutate(made: Made, dice: random.Random, own: str, other: str) -> Made:
    """Return a request with one part bent, or two or three."""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        made = dice.choice([_method, _path, _query, _header, _body, _host, _service])(made, dice, own, other)
    return made


def bend_signature(headers: dict, dice: random.Random) -> dict:
    """Return signed headers with the authentication bent."""
    headers, value = dict(headers), headers.get("Authorization", "")
    choices = [
        lambda: headers.pop("Authorization", None),
        lambda: headers.update(Authorization=value[:-1] + dice.choice("0123456789abcdef")),
        lambda: headers.update(Authorization=value.replace("us-east-1", "eu-west-1")),
        lambda: headers.update(Authorization=value.replace("/s3/", "/iam/").replace("/sagemaker/", "/s3/")),
        lambda: headers.update(Authorization=value.replace("host;", "")),
        lambda: headers.update(Authorization=_scrambled(value, dice)),
        lambda: headers.update(Authorization=value[: dice.randrange(len(value) + 1)]),
        lambda: headers.update(Authorization="Basic eDp4"),
        lambda: headers.update({"X-Amz-Date": dice.choice(["20200101T000000Z", "", "x", "99991231T235959Z"])}),
        lambda: headers.update({"X-Amz-Content-SHA256": dice.choice(["UNSIGNED-PAYLOAD", "x", "0" * 64])}),
        lambda: headers.update({"X-Amz-Security-Token": _word(dice)}),
        lambda: headers.update({"x-amz-copy-source": "x/y"}),
    ]
    dice.choice(choices)()
    return headers


def _word(dice):
    return "".join(dice.choice(string.ascii_letters + string.digits) for _ in range(dice.randrange(1, 20)))


def _scrambled(text, dice):
    letters = list(text)
    for _ in range(dice.randrange(1, 6)):
        letters[dice.randrange(len(letters))] = chr(dice.randrange(33, 127))
    return "".join(letters)


def _method(made, dice, own, other):
    return replace(made, method=dice.choice(METHODS))


def _path(made, dice, own, other):
    path, mark, query = made.path.partition("?")
    bent = dice.choice(
        [
            f"/{path}",
            path.replace("/", "//"),
            path + "/",
            f"/{own}/../{other}/secret",
            f"/{own}/%2e%2e/{other}/secret",
            f"/{own}%2f..%2f{other}/secret",
            f"/./{other}/secret",
            f"//{other}/secret",
            f"/{other}%2Fsecret",
            f"/{other.upper()}/secret",
            "/moto-api/reset",
            "/%6doto-api/state",
            "/latest/meta-data/iam/security-credentials/",
            "/endpoints/x/invocations",
            "/service/GraniteServiceVersion20100801/operation/ListMetrics",
            "/s3_us-east-1/x",
            path + dice.choice(["%00", "%", "%zz", ";x", "%0d%0aX: y", "a" * 2000, "%F0%9F%98%80", "\\", "~", "*"]),
        ]
    )
    return replace(made, path=bent + mark + query)


def _query(made, dice, own, other):
    part = dice.choice(
        [
            "policy",
            "acl",
            "uploads",
            "delete",
            "versions",
            "tagging",
            "list-type=2",
            "list-type=3",
            "uploadId=x",
            "partNumber=1&uploadId=x",
            "partNumber=x",
            "versionId=x",
            "x-id=PutObject",
            "response-content-type=x%0d%0ay",
            "Action=ListUsers",
            "Action=AssumeRole&Version=2011-06-15",
            "policy=&policy=x",
            "prefix=%",
            "max-keys=-1",
            "max-keys=x",
            "encoding-type=x",
            "X-Amz-Signature=x",
            "X-Amz-Expires=1",
            "AWSAccessKeyId=x&Signature=y",
            "location",
            "cors",
            "versioning",
            "torrent",
            "select&select-type=2",
            "restore",
            "=",
            "&&&",
            "%",
            "start-after=%FF",
            "continuation-token=x",
            "marker=x",
            "delimiter=",
            "logging",
            "website",
            "attributes",
            "legal-hold",
            "retention",
        ]
    )
    return replace(made, path=made.path + ("&" if "?" in made.path else "?") + part)


def _header(made, dice, own, other):
    name, value = dice.choice(
        [
            ("x-amz-copy-source", f"/{other}/secret"),
            ("x-amz-copy-source", "%"),
            ("x-amz-copy-source", f"{own}/../{other}/secret"),
            ("x-amz-copy-source", f"arn:aws:s3:::{other}/secret"),
            (
                "X-Amz-Target",
                dice.choice(["SageMaker.ListEndpoints", "x", "DynamoDB_20120810.ListTables"]),
            ),
            ("Content-Type", dice.choice([FORM, JSON, "multipart/form-data; boundary=x", "x", "application/cbor", ""])),
            ("X-HTTP-Method-Override", "DELETE"),
            ("x-amz-acl", "public-read"),
            ("Content-Encoding", dice.choice(["aws-chunked", "gzip", "x"])),
            ("x-amz-decoded-content-length", dice.choice(["1", "-1", "x"])),
            ("Range", dice.choice(["bytes=0-0", "bytes=9-1", "bytes=-9999999999", "x", "bytes=0-1,3-4"])),
            ("x-moto-account-id", "999999999999"),
            ("X-Forwarded-Host", f"{other}.s3.amazonaws.com"),
            ("Content-MD5", "x"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-tagging", "a=b&a=c"),
            ("x-amz-meta-x", "y" * 3000),
            ("If-Match", "x"),
            ("If-Modified-Since", "yesterday"),
            ("x-amz-object-lock-mode", "x"),
            ("x-amz-server-side-encryption", "x"),
            ("x-amz-storage-class", "x"),
            ("Origin", "https://evil.example"),
            ("Smithy-Protocol", "rpc-v2-cbor"),
        ]
    )
    return replace(made, headers={**made.headers, name: value})


def _body(made, dice, own, other):
    body = dice.choice(
        [
            b"",
            dice.randbytes(dice.randrange(1, 500)),
            made.body[: len(made.body) // 2],
            made.body * 3,
            b"{" * 3000,
            b"[" * 100_000,
            b'{"a": ' * 500 + b"1" + b"}" * 500,
            b"Action=ListUsers&Version=2010-05-08",
            b"Action=ListUsers&Action=GetUser&Version=2010-05-08",
            b'{"EndpointName": {"x": 1}, "MaxResults": "x"}',
            b'{"logGroupName": 1, "logStreamName": [], "Tags": {"a": {"b": 1}}, "AlarmNames": [{}], "RoleArn": 7}',
            b"<Delete><Object><Key></Key></Object></Delete>",
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>',
            b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
            b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
            "\ud83d".encode("utf-8", "surrogatepass") * 50,
        ]
    )
    return replace(made, body=body)


def _host(made, dice, own, other):
    hosts = [
        f"{other}.s3.amazonaws.com",
        f"{own}.s3.us-east-1.amazonaws.com",
        f"{other}.s3-control.amazonaws.com",
        f"{other}.localhost:1",
        "s3.amazonaws.com",
        "sts.amazonaws.com",
        "localhost",
        "127.0.0.1",
        "169.254.169.254",
        "evil.example",
    ]
    return replace(made, host=dice.choice(hosts))


def _service(made, dice, own, other):
    return replace(made, service=dice.choice(SERVICES))
