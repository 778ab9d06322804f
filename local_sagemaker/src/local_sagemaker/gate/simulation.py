"""SimulatePrincipalPolicy and SimulateCustomPolicy: what the gate would say, asked beforehand."""

import re
from xml.sax.saxutils import escape

from moto.iam.access_control import IAMUserAccessKey
from moto.iam.models import iam_backends

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import identity, policy
from local_sagemaker.gate.identity import Caller

OPERATIONS = ("SimulatePrincipalPolicy", "SimulateCustomPolicy")
DECISIONS = {policy.ALLOWED: "allowed", policy.DENIED: "explicitDeny", policy.NEITHER: "implicitDeny"}
SPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def answer(operation: str, members: dict[str, str], account: str) -> tuple[int, dict[str, str], bytes]:
    """Judge every action that a request names on every resource."""
    more = [identity.document(text) for text in _list(members, "PolicyInputList")]
    if operation == "SimulatePrincipalPolicy":
        caller = principal(members.get("PolicySourceArn", ""), account)
        caller.policies += more
    else:
        caller = Caller("", "", more)
    context = _context(members)
    results = "".join(
        _result(action, resource, caller.verdict(action, resource, context))
        for action in _list(members, "ActionNames")
        for resource in _list(members, "ResourceArns") or ["*"]
    )
    text = (
        f'<{operation}Response xmlns="{SPACE}"><{operation}Result><IsTruncated>false</IsTruncated>'
        f"<EvaluationResults>{results}</EvaluationResults></{operation}Result></{operation}Response>"
    )
    return 200, {"Content-Type": "text/xml"}, text.encode()


def principal(arn: str, account: str) -> Caller:
    """Return the user or the role that an ARN names, with its policies."""
    known = iam_backends[account]["aws"]
    for role in known.roles.values():
        if role.arn == arn:
            return identity.as_role(arn, account)
    for user in known.users.values():
        if user.arn == arn:
            owner = IAMUserAccessKey.__new__(IAMUserAccessKey)
            owner.account_id, owner.partition, owner._owner_user_name = account, "aws", user.name
            return identity.as_user(owner.collect_policies(), user, account)
    raise ApiError("NoSuchEntity", f"The entity {arn[:200]} cannot be found.", 404)


def _result(action, resource, verdict):
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{DECISIONS[verdict]}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )


def _list(members, name):
    found = [(int(key.rpartition(".")[2]), value) for key, value in members.items() if _is_member(key, name)]
    return [value for _, value in sorted(found)]


def _is_member(key, name):
    return re.fullmatch(rf"{re.escape(name)}\.member\.\d{{1,4}}", key)


def _context(members):
    found = {}
    for key, name in members.items():
        if re.fullmatch(r"ContextEntries\.member\.\d+\.ContextKeyName", key):
            found[name.lower()] = _list(members, f"{key.rpartition('.')[0]}.ContextKeyValues")
    return found
