"""IAM's rules: what policies say about an action on a resource under the circumstances of a request."""

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache

ALLOWED, DENIED, NEITHER = "allowed", "denied", "neither"
VARIABLE = re.compile(r"\$\{([^}]*)\}")
LITERALS = ("*", "?", "$")  # ${*} is an asterisk and no wildcard

Context = dict[str, list[str]]  # condition keys in lower case, with their values


def judge(policies: Iterable[dict], action: str, resource: str, context: Context | None = None) -> str:
    """Return "allowed", "denied" or "neither" for an action on a resource: a denial beats everything."""
    verdict = NEITHER
    for policy in policies:
        for statement in listed(policy.get("Statement", [])):
            if not _concerns(statement, action, resource, context or {}):
                continue
            if statement["Effect"] == "Deny":
                return DENIED
            verdict = ALLOWED
    return verdict


def check(text: str, principals: bool = False) -> None:
    """Raise ValueError where a text is no policy; that of a resource names principals."""
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("Statement"), list | dict):
        raise ValueError("A policy is a JSON object with a Statement.")
    for statement in listed(found["Statement"]):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise ValueError("Each statement has an Effect, Allow or Deny.")
        for name in ("Action", "Resource", *(["Principal"] if principals else [])):
            if (name in statement) == (f"Not{name}" in statement):
                raise ValueError(f"Each statement has {name} or Not{name}.")
            if name != "Principal" and not _are_texts(statement.get(name, statement.get(f"Not{name}"))):
                raise ValueError(f"{name} is a text or a list of texts.")
        conditions = statement.get("Condition", {})
        if not isinstance(conditions, dict) or not all(isinstance(keys, dict) for keys in conditions.values()):
            raise ValueError("A Condition reads {operator: {key: value}}.")


def _are_texts(value):
    return all(isinstance(text, str) for text in listed(value))


def judge_trust(document: dict, action: str, principals: dict[str, set[str]], context: Context | None = None) -> str:
    """Return what a trust policy or bucket policy's principals say: {"AWS": {arns and accounts}, "Service": {names}}.

    The statements' resources are not looked at; `names_principal` and `judge` do that for a bucket policy.
    """
    statements = [s for s in listed(document.get("Statement", [])) if names_principal(s, principals)]
    unbound = [
        {k: v for k, v in s.items() if k not in ("Resource", "NotResource")} | {"Resource": "*"} for s in statements
    ]
    return judge([{"Statement": unbound}], action, "*", context)


def names_principal(statement: dict, principals: dict[str, set[str]]) -> bool:
    """Return whether a statement of a resource's own policy is about a principal."""
    if "NotPrincipal" in statement:
        return not _listed_principal(statement["NotPrincipal"], principals)
    return _listed_principal(statement.get("Principal", {}), principals)


def listed(value) -> list:
    """Return a value as a list: policies write one thing as itself."""
    return value if isinstance(value, list) else [value]


def _listed_principal(element, principals):
    if element == "*":
        return True
    return any(
        (name == "*" and kind == "AWS") or name in principals.get(kind, ())
        for kind, names in (element.items() if isinstance(element, dict) else ())
        for name in listed(names)
    )


def _concerns(statement, action, resource, context):
    if not _matches(statement, "Action", lambda text: _wildcards(text.lower(), ()).fullmatch(action.lower())):
        return False
    if not _matches(statement, "Resource", lambda text: matches(text, resource, context)):
        return False
    return all(
        _condition_holds(test, key.lower(), [_text(value) for value in listed(values)], context)
        for test, wanted in statement.get("Condition", {}).items()
        for key, values in wanted.items()
    )


def _matches(statement, element, match):
    if f"Not{element}" in statement:
        return not any(map(match, listed(statement[f"Not{element}"])))
    return any(map(match, listed(statement.get(element, []))))


def matches(pattern: str, value: str, context: Context) -> bool:
    """Compare with IAM's wildcards * and ?, in this case, with variables such as ${aws:username} filled in."""
    filled = []
    for name in VARIABLE.findall(pattern):
        key, _, default = name.partition(",")
        found = context.get(key.strip().lower(), [])
        if name not in LITERALS and len(found) != 1 and not default:
            return False
        filled.append(name if name in LITERALS else found[0] if len(found) == 1 else default.strip().strip("'"))
    return bool(_wildcards(pattern, tuple(filled)).fullmatch(value))


@lru_cache(4096)
def _wildcards(pattern, filled):
    pieces = VARIABLE.split(pattern)[::2] if filled else [pattern]
    text = [re.escape(piece).replace(r"\*", ".*").replace(r"\?", ".") for piece in pieces]
    return re.compile("".join(a + b for a, b in zip(text, [*map(re.escape, filled), ""], strict=True)), re.DOTALL)


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(compare):
    return lambda actual, wanted, _: compare(float(actual), float(wanted))


def _date(compare):
    return lambda actual, wanted, _: compare(_moment(actual), _moment(wanted))


def _moment(text):
    if text.replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _address(actual, wanted, _):
    return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)


def _same(actual, wanted, context):
    return matches(_literal(wanted), actual, context)


def _same_in_any_case(actual, wanted, context):
    return _same(actual.lower(), wanted.lower(), context)


def _like(actual, wanted, context):
    return matches(wanted, actual, context)


def _literal(text):
    """Return a text in which * and ? mean themselves, and variables stay."""
    pieces = re.split(r"(\$\{[^}]*\})", text)
    return "".join(p if p.startswith("${") else re.sub(r"[*?]", lambda found: f"${{{found[0]}}}", p) for p in pieces)


TESTS: dict[str, Callable[[str, str, Context], bool]] = {
    "StringEquals": _same,
    "StringEqualsIgnoreCase": _same_in_any_case,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "BinaryEquals": _same,
    "Bool": _same_in_any_case,
    "IpAddress": _address,
    **{
        f"{kind}{name}": make(compare)
        for kind, make in (("Numeric", _number), ("Date", _date))
        for name, compare in (
            ("Equals", operator.eq),
            ("LessThan", operator.lt),
            ("LessThanEquals", operator.le),
            ("GreaterThan", operator.gt),
            ("GreaterThanEquals", operator.ge),
        )
    },
}
NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def _condition_holds(test, key, wanted, context):
    """Return whether one key of a Condition holds; a test that IAM does not have never does."""
    quantifier, _, test = test.rpartition(":")
    actual = context.get(key)
    if test == "Null":
        return (actual is None) == (wanted == ["true"])
    optional = test.endswith("IfExists")
    test = test.removesuffix("IfExists")
    negated = test in NEGATIONS
    check = TESTS.get(NEGATIONS.get(test, test))
    if check is None:
        return False
    if not actual:
        return optional or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    held = [_any_holds(check, value, wanted, context) != negated for value in actual]
    return any(held) if quantifier == "ForAnyValue" else all(held)


def _any_holds(check, actual, wanted, context):
    for value in wanted:
        try:
            if check(actual, value, context):
                return True
        except ValueError:  # neither a number, nor a date, nor an address
            continue
    return False
