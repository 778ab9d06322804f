"""Who a caller is: users and sessions of roles, as moto keeps them, and the policies that they have."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from moto.iam.access_control import AssumedRoleAccessKey, CreateAccessKeyFailure, create_access_key
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import policy

YEARS = 10 * 365 * 24 * 3600  # seconds: on AWS a container asks for new keys before its keys expire


@dataclass
class Caller:
    """Somebody whose signature holds, or a role in whose name SageMaker acts."""

    arn: str
    key: str
    policies: list[dict]
    principal: str = ""  # the ARN that policies name: a user's own, or that of the role behind a session
    boundaries: list[list[dict]] = field(default_factory=list)  # each must allow too: a session's policy, a boundary
    context: policy.Context = field(default_factory=dict)

    def verdict(self, action: str, resource: str, context: policy.Context | None = None) -> str:
        """Return "allowed", "denied" or "neither"."""
        context = self.context | (context or {})
        verdicts = [policy.judge(policies, action, resource, context) for policies in (self.policies, *self.boundaries)]
        if policy.DENIED in verdicts:
            return policy.DENIED
        return policy.ALLOWED if all(verdict == policy.ALLOWED for verdict in verdicts) else policy.NEITHER

    def require(self, action: str, resource: str, context: policy.Context | None = None) -> None:
        """Refuse an action that no policy of the caller allows, or that one denies."""
        verdict = self.verdict(action, resource, context)
        if verdict != policy.ALLOWED:
            raise self.refusal(action, resource, verdict)

    def refusal(self, action: str, resource: str, verdict: str = policy.NEITHER) -> ApiError:
        """Return AWS's refusal of an action."""
        because = (
            "with an explicit deny in an identity-based policy"
            if verdict == policy.DENIED
            else f"because no identity-based policy allows the {action} action"
        )
        return ApiError(
            "AccessDeniedException",
            f"User: {self.arn} is not authorized to perform: {action} on resource: {resource} {because}",
            403,
        )


def identify(key: str, token: str | None, account: str, now: datetime) -> tuple[Caller, str]:
    """Return the caller who has an access key, and the key's secret."""
    try:
        found = create_access_key(account, "aws", key, {"X-Amz-Security-Token": token} if token else {})
    except CreateAccessKeyFailure:
        found = None
    known = iam_backends[account]["aws"].access_keys.get(key)
    if not found or (known and known.status != "Active"):
        raise ApiError("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    secret = found.create_credentials().secret_key
    if isinstance(found, AssumedRoleAccessKey):
        session = sts_backends[account]["aws"].get_assumed_role_from_access_key(key)
        if _aware(session.expiration) <= now:
            raise ApiError("ExpiredTokenException", "The security token included in the request is expired", 403)
        return as_session(session, account), secret
    user = iam_backends[account]["aws"].get_user(found._owner_user_name)
    return as_user(found.collect_policies(), user, account, key), secret


def as_user(policies: list, user, account: str, key: str = "") -> Caller:
    """Return the caller that a user is."""
    context = {"aws:username": [user.name], "aws:userid": [user.id], "aws:principaltype": ["User"]}
    return _caller(user.arn, key, policies, user, account, context)


def as_session(session, account: str) -> Caller:
    """Return the caller behind a session of a role."""
    role = _role(session.role_arn, account)
    context = {"aws:userid": [session.user_id], "aws:principaltype": ["AssumedRole"]}
    caller = _caller(session.arn, session.access_key_id, _role_policies(role, account), role, account, context)
    if session.policy:
        caller.boundaries.append([document(session.policy)])
    return caller


def as_role(arn: str, account: str, name: str = "SageMaker") -> Caller:
    """Return the caller that a service is when it acts in the name of a role."""
    role = _role(arn, account)
    session = f"arn:aws:sts::{account}:assumed-role/{arn.rpartition('/')[2]}/{name}"
    context = {"aws:principaltype": ["AssumedRole"]}
    return _caller(session, "", _role_policies(role, account), role, account, context)


def open_session(arn: str, account: str, region: str) -> tuple[str, str, str]:
    """Return the keys of a session of a role, for programs that run as long as SageMaker lets them."""
    session = sts_backends[account]["aws"].assume_role(region, "SageMaker", arn, None, YEARS, None)
    return session.access_key_id, session.secret_access_key, session.session_token


def document(text: str) -> dict:
    """Return a policy's text as what it says."""
    return _document(text)


@lru_cache(1024)
def _document(text):
    return json.loads(text)


def _caller(arn, key, policies, owner, account, context):
    """Put a caller together; `owner` is moto's user or role, or None for a role that has been deleted."""
    principal = owner.arn if owner else arn
    context = context | {"aws:principalarn": [principal], "aws:principalaccount": [account]}
    tags = (owner.tags if owner else None) or {}
    for tag in tags.values() if isinstance(tags, dict) else tags:
        context[f"aws:principaltag/{tag['Key'].lower()}"] = [tag["Value"]]
    caller = Caller(arn, key, [_policy(found) for found in policies], principal, context=context)
    boundary = getattr(owner, "permissions_boundary_arn", None)  # moto has none for users
    if boundary:
        caller.boundaries.append([_policy(iam_backends[account]["aws"].get_policy(boundary))])
    return caller


def _policy(found) -> dict:
    """Return a policy as a dict, whichever way moto holds it."""
    if isinstance(found, str):
        return document(found)
    if isinstance(found, dict):
        return document(found["policy_document"])
    return document(next(version.document for version in found.versions if version.is_default))


def _role(arn, account):
    roles: Iterable = iam_backends[account]["aws"].roles.values()
    return next((role for role in roles if role.arn == arn), None)


def _role_policies(role, account):
    return [*role.policies.values(), *role.managed_policies.values()] if role else []


def _aware(moment):
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
