"""What the tests of the gate share: requests signed for any path, sent byte for byte, and guests with few rights."""

import contextlib
import http.client
import json
import uuid
from dataclasses import dataclass

import boto3
import botocore.session
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from local_sagemaker.daemon import state

LOADER = Loader()


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        """The class of an error, wherever it stands."""
        text = self.body.decode("utf-8", "replace")
        if "<Code>" in text:
            return text.partition("<Code>")[2].partition("<")[0]
        return self.headers.get("x-amzn-errortype", "")


def port():
    return int(state.read().url.rpartition(":")[2])


def learner():
    home = state.read()
    return Credentials(home.access_key, home.secret_key)


def signed(method, path, service="s3", key=None, body=b"", headers=None, host=None):
    """Return the headers of a request signed for exactly this path."""
    url = f"http://{host or f'127.0.0.1:{port()}'}{path}"
    request = AWSRequest(method, url, data=body, headers=headers or {})
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(key or learner(), service, "us-east-1").add_auth(request)
    return dict(request.headers)


def presigned(method, path, key=None, headers=None, host=None):
    """Return a path with a signature in its query."""
    base = f"http://{host or f'127.0.0.1:{port()}'}"
    request = AWSRequest(method, base + path, headers=headers or {})
    S3SigV4QueryAuth(key or learner(), "s3", "us-east-1", expires=60).add_auth(request)
    return request.url.removeprefix(base)


def send(method, path, headers=None, body=b"", host=None):
    """Send a request as it is, its path not tidied, and return the `Reply`."""
    line = http.client.HTTPConnection("127.0.0.1", port(), timeout=60)
    line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    line.putheader("Host", host or f"127.0.0.1:{port()}")
    given = {name.lower() for name in headers or {}}
    for name, value in (headers or {}).items():
        if name.lower() != "host":
            line.putheader(name, value)
    if "content-length" not in given and "transfer-encoding" not in given and (body or method in ("PUT", "POST")):
        line.putheader("Content-Length", str(len(body)))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.endheaders(body)
    answer = line.getresponse()
    found = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    line.close()
    return found


def ask(method, path, service="s3", key=None, body=b"", headers=None, host=None):
    """Sign a request and send it."""
    return send(method, path, signed(method, path, service, key, body, headers, host), body, host)


def allow(*actions, resource="*", **more):
    """Return a policy's text."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def clients(key):
    """Return a function that makes clients for a key; they share what botocore has read of its descriptions."""
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    return boto3.Session(key.access_key, key.secret_key, key.token, "us-east-1", session).client


class Guest:
    """A user with the rights that a policy gives."""

    def __init__(self, policy=None):
        self.name, self.iam = f"guest-{uuid.uuid4().hex[:8]}", boto3.client("iam")
        self.iam.create_user(UserName=self.name)
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.key = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        self.client = clients(self.key)
        if policy:
            self.may(policy)

    def may(self, policy):
        """Replace the guest's policy."""
        self.iam.put_user_policy(UserName=self.name, PolicyName="only", PolicyDocument=policy)
