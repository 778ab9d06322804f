"""The exercises of lesson 18, calls from outside."""

import hashlib
from urllib.parse import quote, quote_plus

from gluon_lessons.course.check import call, exercise

ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/lesson-18-detector"


@exercise("Correct. Whoever steals these keys can ask this one endpoint, and nothing else.")
def policy(function):
    from local_sagemaker.gate.policy import judge  # slow to import, and only this exercise needs it

    answer = call(function, ENDPOINT)
    if not isinstance(answer, dict):
        return f"A policy is a dict with a Version and a Statement; yours is a {type(answer).__name__}."
    if answer.get("Version") != "2012-10-17":
        return 'A policy says "Version": "2012-10-17". That is the version of the language, not a date of yours.'
    statements = answer.get("Statement")
    statements = statements if isinstance(statements, list) else [statements]
    for statement in statements:
        if not isinstance(statement, dict) or not {"Effect", "Action", "Resource"} <= set(statement):
            return 'Each Statement is a dict with an "Effect", an "Action" and a "Resource".'
    if any("Condition" in statement for statement in statements):
        return "Leave the Condition out: who holds these keys may ask at any time, from anywhere."

    def allows(action, resource=ENDPOINT):
        return judge([answer], action, resource) == "allowed"

    if not allows("sagemaker:InvokeEndpoint"):
        if any(allows(action) for action in ("InvokeEndpoint", "sagemaker-runtime:InvokeEndpoint")):
            return 'An action begins with the signing name of its service: "sagemaker:InvokeEndpoint".'
        return "With this policy the endpoint may not be asked at all. Compare the action, the resource and the effect."
    if allows("sagemaker:InvokeEndpoint", ENDPOINT.replace("detector", "other")):
        return "Every endpoint of the account may be asked. Name the one that is meant as the resource."
    if allows("sagemaker:DeleteEndpoint"):
        return "Whoever holds these keys may also delete the endpoint. Allow one action only."
    if allows("s3:GetObject", "arn:aws:s3:::bucket/photo.jpg"):
        return "The keys open more than SageMaker. Allow one action only."
    return None


@exercise("Correct. A token that ends is worth less to whoever finds it.")
def authorizer(function):
    def event(header):
        return {"headers": {"authorization": header} if header else {}}

    def sha(text):
        return hashlib.sha256(text.encode()).hexdigest()

    known = {sha("good"): ("web page", 1000), sha("other"): ("telephone", 2000)}
    good = call(function, event("Bearer good"), dict(known), 900)
    if isinstance(good, bool):
        return 'Lambda wants a dict: {"isAuthorized": ...}.'
    if not isinstance(good, dict) or not isinstance(good.get("isAuthorized"), bool):
        return 'Return a dict whose "isAuthorized" is True or False.'
    if not good["isAuthorized"]:
        return (
            'A known token that is still good is turned away. The header reads "Bearer TOKEN"; look up the SHA-256 of '
            "the token, and let it in while now is less than until."
        )

    def lets_in(header, now):
        return call(function, event(header), dict(known), now)["isAuthorized"] is True

    if lets_in("Bearer good", 1500):
        return "A token that has ended still opens the door. Compare now with until."
    if lets_in("Bearer wrong", 900):
        return "A token that nobody knows opens the door."
    if lets_in(f"Bearer {sha('good')}", 900):
        return "The hash itself opens the door, so whoever reads the table gets in. Hash what the caller sends."
    if lets_in("Basic good", 900):
        return 'The header must begin with "Bearer", and this one began with "Basic".'
    if lets_in(None, 900):
        return "A request without the header gets in."
    return None


@exercise("Correct. Both sides must write the query the same way, to the byte.")
def canonical_query(function):
    pairs = [("size", "10"), ("Name", "a b"), ("key", "x/y+z"), ("key", "a=b")]

    def written(encode=lambda text: quote(text, safe=""), order=sorted):
        return "&".join(f"{name}={value}" for name, value in order((encode(n), encode(v)) for n, v in pairs))

    answer = call(function, list(pairs))
    if not isinstance(answer, str):
        return f"Return one string; yours is a {type(answer).__name__}."
    if answer == written():
        if call(function, []) != "":
            return "Without any pair the query is empty."
        return None
    if answer.lstrip("?") == written():
        return "The question mark does not belong to the query."
    if answer == written(quote_plus):
        return "A blank became a plus. AWS wants %20, which is what quote gives."
    if answer == written(quote):
        return 'A slash was left alone. In a query it is written %2F: quote(text, safe="").'
    if answer == written(str):
        return 'Blanks, slashes and the like must be percent-encoded: quote(text, safe="").'
    if answer in (written(order=list), written(quote_plus, list), written(quote, list), written(str, list)):
        return "The pairs stand in the order in which they came. Sort them."
    if answer == written(order=lambda encoded: sorted(encoded, key=lambda pair: pair[0].lower())) or (
        answer.lower().startswith("key=")
    ):
        return "Sort by the code of each letter, as Python's sorted does: capitals come first."
    return f"It should be {written()!r}; yours is {answer!r}."
