"""What learners answer in lesson 18, and the part of the hint that each mistake must get."""

import hashlib
from urllib.parse import quote, quote_plus, urlencode


def document(action="sagemaker:InvokeEndpoint", resource=None, version="2012-10-17"):
    def policy(arn):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource or arn}
        return {"Version": version, "Statement": [statement]}

    return policy


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def token_of(event):
    return event["headers"].get("authorization", "").removeprefix("Bearer ")


def yes_or_no(event, known, now):
    return sha(token_of(event)) in known


def never_ends(event, known, now):
    return {"isAuthorized": sha(token_of(event)) in known}


def ends_too_soon(event, known, now):
    return {"isAuthorized": known.get(sha(token_of(event)), ("", 0))[1] < now}


def unhashed(event, known, now):
    return {"isAuthorized": known.get(token_of(event), ("", 0))[1] > now}


def hashed_or_not(event, known, now):
    token = token_of(event)
    return {"isAuthorized": max(known.get(text, ("", 0))[1] for text in (token, sha(token))) > now}


def any_scheme(event, known, now):
    token = event["headers"].get("authorization", " ").split(" ")[1]
    return {"isAuthorized": known.get(sha(token), ("", 0))[1] > now}


def headless(event, known, now):
    kind, token = event["headers"]["authorization"].split()
    return {"isAuthorized": kind == "Bearer" and known.get(sha(token), ("", 0))[1] > now}


def open_door(event, known, now):
    return {"isAuthorized": now < known.get(sha(token_of(event)), ("", 1200))[1]}


def query(encode, order=sorted):
    return lambda pairs: "&".join(f"{n}={v}" for n, v in order((encode(name), encode(value)) for name, value in pairs))


WRONG_ANSWERS = {
    "policy": [
        (document("sagemaker:*"), "also delete"),
        (document("*", "*"), "Every endpoint"),
        (document(resource="*"), "Every endpoint"),
        (document("*"), "also delete"),
        (document("InvokeEndpoint"), "signing name"),
        (document("sagemaker-runtime:InvokeEndpoint"), "signing name"),
        (document(version="2026-01-01"), "language"),
        (document(resource="lesson-18-detector"), "may not be asked"),
        (lambda arn: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}, "Each Statement"),
        (lambda arn: '{"Version": "2012-10-17"}', "is a dict"),
    ],
    "authorizer": [
        (yes_or_no, "wants a dict"),
        (never_ends, "has ended"),
        (ends_too_soon, "turned away"),
        (unhashed, "SHA-256"),
        (hashed_or_not, "The hash itself"),
        (any_scheme, "Basic"),
        (headless, "KeyError"),
        (open_door, "nobody knows"),
    ],
    "canonical_query": [
        (query(lambda text: quote(text, safe=""), list), "Sort them"),
        (query(quote), "slash"),
        (query(quote_plus), "plus"),
        (query(str), "percent-encoded"),
        (urlencode, "Sort them"),
        (lambda pairs: "?" + query(lambda text: quote(text, safe=""))(pairs), "question mark"),
        (lambda pairs: sorted(pairs), "one string"),
        (
            query(lambda text: quote(text, safe=""), lambda pairs: sorted(pairs, key=lambda pair: pair[0].lower())),
            "capitals",
        ),
    ],
}
