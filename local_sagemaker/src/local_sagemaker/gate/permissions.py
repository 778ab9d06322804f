"""What a call needs: each action, the ARN it acts on, and the circumstances that conditions may ask about."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore import xform_name
from moto.iam.models import iam_backends

from local_sagemaker.gate import s3
from local_sagemaker.gate.policy import Context
from local_sagemaker.gate.request import Call, Request

FREE = {"sts:GetCallerIdentity"}  # whoever can sign may ask who they are
PREFIXES = {"monitoring": "cloudwatch", "sagemaker-metrics": "sagemaker"}
# The members of IAM's requests that name what is acted upon, the more telling first.
IAM_NAMES = (
    ("RoleName", "role"),
    ("UserName", "user"),
    ("GroupName", "group"),
    ("InstanceProfileName", "instance-profile"),
    ("PolicyName", "policy"),
)
TAGGED = re.compile(r"Tags\.(?:member|entry)\.\d+\.Key")


@dataclass
class Need:
    """An action on a resource, with the condition keys that go with it."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def needs(call: Call, request: Request, account: str, region: str) -> list[Need]:
    """Return everything that a caller must be allowed to do for a call."""
    context = _circumstances(request, region)
    if call.service == "s3":
        return _of_s3(call, request, context)
    action = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
    if action in FREE:
        return []
    resources = {"iam": _of_iam, "sts": _of_sts, "logs": _of_logs, "monitoring": _of_cloudwatch}
    if call.service in resources:
        context |= _tags(call.members)
        found = [Need(action, arn, context) for arn in resources[call.service](call.members, account, region)]
        if call.service == "iam" and call.operation == "AddRoleToInstanceProfile":
            found.append(Need("iam:PassRole", found[0].resource, context))
        return found
    return [Need(action, _of_sagemaker(call, account, region), context | _tags(call.members))] + [
        Need("iam:PassRole", role, context | {"iam:passedtoservice": ["sagemaker.amazonaws.com"]})
        for role in sorted(_roles(call.members))
    ]


def _circumstances(request, region):
    now = datetime.now(UTC)
    return {
        "aws:currenttime": [f"{now:%Y-%m-%dT%H:%M:%SZ}"],
        "aws:epochtime": [str(int(now.timestamp()))],
        "aws:securetransport": ["false"],
        "aws:sourceip": ["127.0.0.1"],
        "aws:requestedregion": [region],
        "aws:useragent": [request.headers.get("user-agent", "")],
    }


def _tags(members):
    """Return the condition keys that a request's tags make."""
    tags = members.get("Tags")
    pairs = {}
    if isinstance(tags, list):
        pairs = {str(t.get("Key")): str(t.get("Value", "")) for t in tags if isinstance(t, dict)}
    elif isinstance(tags, dict):
        pairs = {str(key): str(value) for key, value in tags.items()}
    for name in filter(TAGGED.fullmatch, members):
        pairs[members[name]] = str(members.get(name.removesuffix("Key") + "Value", ""))
    found = {f"aws:requesttag/{key.lower()}": [value] for key, value in pairs.items()}
    return found | ({"aws:tagkeys": list(pairs)} if pairs else {})


def _of_s3(call, request, context):
    table = s3.table()
    kind = next(kind for kind in ("all", "bucket", "object") if call.operation in table[kind])
    action = table[kind][call.operation]
    bucket = f"arn:aws:s3:::{call.bucket}"
    context = context | {
        f"s3:{name}": [call.query[name]] for name in ("prefix", "delimiter", "max-keys") if name in call.query
    }
    for name in ("x-amz-acl", "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-copy-source"):
        if name in request.headers:
            context[f"s3:{name}"] = [request.headers[name]]
    if kind != "object":
        return [Need(f"s3:{action}", bucket if kind == "bucket" else "*", context)]
    if call.operation == "DeleteObjects":
        return []  # each key is judged by itself: see front.py
    version = call.query.get("versionId")
    if version and call.operation in table["version"]:
        action, context = table["version"][call.operation], context | {"s3:versionid": [version]}
    found = [Need(f"s3:{action}", f"{bucket}/{call.key}", context)]
    found += [
        Need(f"s3:{more}", f"{bucket}/{call.key}", context)
        for header, more in table["header"].items()
        if header in request.headers
    ]
    if call.operation in ("CopyObject", "UploadPartCopy"):
        source, key, version = s3.copy_source(request.headers["x-amz-copy-source"])
        read = "s3:GetObjectVersion" if version else "s3:GetObject"
        found.append(Need(read, f"arn:aws:s3:::{source}/{key}", context))
    return found


def _of_iam(members, account, region):
    for name, kind in IAM_NAMES:
        if members.get(name):
            return [_iam_arn(kind, members[name], members.get("Path", "/"), account)]
    return [members.get("PolicyArn") or members.get("PolicySourceArn") or "*"]


def _iam_arn(kind, name, path, account):
    """Return the ARN of a role or user that exists, path and all, or of one to be."""
    known = iam_backends[account]["aws"]
    for owner in {"role": known.roles, "user": known.users}.get(kind, {}).values():
        if owner.name == name:
            return owner.arn
    path = path.strip("/")
    return f"arn:aws:iam::{account}:{kind}/{f'{path}/' if path else ''}{name}"


def _of_sts(members, account, region):
    return [members.get("RoleArn", "*")]


def _of_logs(members, account, region):
    named = members.get("logGroupName") or str(members.get("logGroupIdentifier") or "").rpartition(":log-group:")[2]
    if not isinstance(named, str) or not named:
        return [members["resourceArn"]] if isinstance(members.get("resourceArn"), str) else ["*"]
    group = f"arn:aws:logs:{region}:{account}:log-group:{named}"
    stream = members.get("logStreamName")
    return [f"{group}:log-stream:{stream}" if isinstance(stream, str) and stream else f"{group}:*"]


def _of_cloudwatch(members, account, region):
    names = members.get("AlarmNames", [])
    names = [*names] if isinstance(names, list) else []
    names += [value for name, value in members.items() if name == "AlarmName" or name.startswith("AlarmNames.member.")]
    return [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}" for name in names] or ["*"]


def _of_sagemaker(call, account, region):
    """Return the ARN of what a call acts upon: the kind and the name are in the operation and its members."""
    prefix = f"arn:aws:sagemaker:{region}:{account}"
    if call.operation in ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"):
        return f"{prefix}:endpoint/{call.key.lower()}"
    if isinstance(call.members.get("ResourceArn"), str):
        return call.members["ResourceArn"]
    words = xform_name(call.operation).split("_")[1:]
    for start in range(len(words)):
        for end in range(len(words), start, -1):
            noun = "".join(word.title() for word in words[start:end])
            named = call.members.get(f"{noun}Arn") or call.members.get(f"{noun}Name")
            if isinstance(named, str):
                kind = "-".join(words[start:end])
                return named if named.startswith("arn:") else f"{prefix}:{kind}/{named.lower()}"
    return "*"


def _roles(value):
    """Return the ARNs of the roles that a request hands on to SageMaker."""
    found = set()
    for name, part in value.items() if isinstance(value, dict) else ():
        if name in ("RoleArn", "ExecutionRoleArn") and isinstance(part, str):
            found.add(part)
        found |= _roles(part)
    for part in value if isinstance(value, list) else ():
        found |= _roles(part)
    return found
