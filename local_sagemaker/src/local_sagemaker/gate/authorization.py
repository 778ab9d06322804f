"""The decision: what a caller's own policies say, together with those of the bucket or the role that is acted on."""

from moto.iam.models import iam_backends
from moto.s3.models import FakeBucket, s3_backends

from local_sagemaker.gate import policy
from local_sagemaker.gate.identity import Caller, document
from local_sagemaker.gate.permissions import Need

SERVICE = "sagemaker.amazonaws.com"


def _decided_here(*_):
    """Leave bucket policies to this module: moto looks neither at principals nor at conditions."""
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL


FakeBucket.get_permission = _decided_here


def require(caller: Caller, need: Need, account: str) -> None:
    """Refuse an action that the caller may not do."""
    verdict = decide(caller, need, account)
    if verdict != policy.ALLOWED:
        raise caller.refusal(need.action, need.resource, verdict)


def decide(caller: Caller, need: Need, account: str) -> str:
    """Return "allowed", "denied" or "neither"."""
    own = caller.verdict(need.action, need.resource, need.context)
    if need.action == "sts:AssumeRole":
        return _assumption(caller, own, need, account)
    if not need.action.startswith("s3:"):
        return own
    theirs = _bucket_verdict(caller, need, account)
    if policy.DENIED in (own, theirs):
        return policy.DENIED
    return policy.ALLOWED if policy.ALLOWED in (own, theirs) else policy.NEITHER


def trusts_sagemaker(arn: str, account: str, region: str) -> bool:
    """Return whether a role exists and lets SageMaker assume it."""
    trust = _trust(arn, account)
    context = {"aws:sourceaccount": [account], "aws:sourcearn": [f"arn:aws:sagemaker:{region}:{account}:*"]}
    principals = {"Service": {SERVICE}}
    return trust is not None and policy.judge_trust(trust, "sts:AssumeRole", principals, context) == policy.ALLOWED


def _assumption(caller, own, need, account):
    """A role that names the caller needs no more; one that names the account leaves it to the caller's own policies."""
    trust = _trust(need.resource, account)
    if trust is None or own == policy.DENIED:
        return own if own == policy.DENIED else policy.NEITHER
    context = caller.context | need.context
    named = policy.judge_trust(trust, need.action, {"AWS": {caller.arn, caller.principal}}, context)
    delegated = policy.judge_trust(trust, need.action, {"AWS": {account, f"arn:aws:iam::{account}:root"}}, context)
    if policy.DENIED in (named, delegated):
        return policy.DENIED
    return policy.ALLOWED if named == policy.ALLOWED or own == delegated == policy.ALLOWED else policy.NEITHER


def _trust(arn, account):
    for role in iam_backends[account]["aws"].roles.values():
        if role.arn == arn:
            return document(role.assume_role_policy_document)
    return None


def _bucket_verdict(caller, need, account):
    name = need.resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    bucket = s3_backends[account]["aws"].buckets.get(name)
    text = bucket.policy if bucket else None
    if not text:
        return policy.NEITHER
    found = document(text.decode() if isinstance(text, bytes) else text)
    principals = {"AWS": {caller.arn, caller.principal, account, f"arn:aws:iam::{account}:root"}}
    statements = [s for s in policy.listed(found.get("Statement", [])) if policy.names_principal(s, principals)]
    # A statement that names the account hands the decision to the caller's own policies.
    own = {"AWS": {caller.arn, caller.principal}}
    direct = [s for s in statements if s.get("Effect") == "Deny" or policy.names_principal(s, own)]
    return policy.judge([{"Statement": direct}], need.action, need.resource, caller.context | need.context)
