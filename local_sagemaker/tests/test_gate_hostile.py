"""Nothing that is sent to the gate gets another's data out of it, breaks it, or makes it grow."""

import http.client
import json
import random
from collections import Counter

import boto3
import psutil
import pytest
from gate_kit import Guest, Reply, allow, ask, learner, port, signed
from local_sagemaker.daemon import state
from mutations import bases, bend_signature, mutate
from serving_kit import unique

SECRET = b"the secret of another, 4f1c9a"
FEW, MANY = 250, 10_000
FINE_5XX = {501, 503}  # S3 answers what it does not have with 501


class Line:
    """A connection that is opened again whenever the other side closes it."""

    def __init__(self):
        self._line = None

    def send(self, method, path, headers, body, host):
        """Send a request as it is and return the `Reply`, or None where the server hung up."""
        for _ in range(2):
            self._line = self._line or http.client.HTTPConnection("127.0.0.1", port(), timeout=60)
            try:
                self._line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
                self._line.putheader("Host", host)
                for name, value in headers.items():
                    if name.lower() not in ("host", "content-length"):
                        self._line.putheader(name, value.encode("latin-1", "replace"))
                self._line.putheader("Content-Length", str(len(body)))
                self._line.endheaders(body)
                answer = self._line.getresponse()
                return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
            except (http.client.HTTPException, ConnectionError):
                self.close()
        return None

    def close(self):
        """Hang up."""
        if self._line:
            self._line.close()
        self._line = None


@pytest.fixture(scope="module")
def buckets(cloud):
    """The guest's own bucket, and another's with a secret in it."""
    own, other = unique("own"), unique("other")
    s3 = boto3.client("s3")
    for bucket in (own, other):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=own, Key="mine", Body=b"mine")
    s3.put_object(Bucket=other, Key="secret", Body=SECRET)
    return own, other


def assault(cloud, buckets, count, seed, sign):
    """Send requests, made from `seed`, and check every answer; return how often each status came."""
    own, other = buckets
    guest = Guest(allow("s3:*", resource=[f"arn:aws:s3:::{own}", f"arn:aws:s3:::{own}/*"]))
    daemon, dice, line, found = psutil.Process(state.read().pid), random.Random(seed), Line(), Counter()
    users = [user["UserName"] for user in boto3.client("iam").list_users()["Users"]]
    secrets = (SECRET, learner().secret_key.encode(), b"SecretAccessKey")
    starts, wrong = bases(own, other), []
    for number in range(count):
        made = mutate(dice.choice(starts), dice, own, other)
        host = made.host or f"127.0.0.1:{port()}"
        path = made.path.encode("ascii", "ignore").decode().replace(" ", "%20")
        headers = dict(made.headers)
        if sign:
            try:
                headers = signed(made.method, path, made.service, guest.key, made.body, made.headers, host)
            except ValueError:  # botocore reads no such address
                continue
            if dice.random() < 0.4:
                headers = bend_signature(headers, dice)
        reply = line.send(made.method, path, headers, made.body, host)
        story = f"seed {seed}, number {number}: {made}"
        found[reply.status if reply else 0] += 1
        if reply and (
            (reply.status >= 500 and reply.status not in FINE_5XX)
            or (reply.status < 400 and not sign)
            or any(secret in reply.body for secret in secrets)
        ):
            wrong.append((story, reply))
        if number == 50:
            before = daemon.memory_info().rss
    line.close()
    assert wrong == []
    assert daemon.is_running()
    assert daemon.memory_info().rss - before < 200 * 2**20
    assert boto3.client("s3").get_object(Bucket=other, Key="secret")["Body"].read() == SECRET
    left = [user["UserName"] for user in boto3.client("iam").list_users()["Users"]]
    assert set(users) | {guest.name} == set(left)
    print(f"{count} requests: {sorted(found.items())}, {(daemon.memory_info().rss - before) / 2**20:.0f} MB more")
    return found


def test_bent_requests_get_nobody_elses_data(cloud, buckets):
    assert assault(cloud, buckets, FEW, seed=1, sign=True)[200]


def test_unsigned_requests_get_nothing(cloud, buckets):
    found = assault(cloud, buckets, FEW, seed=2, sign=False)
    assert set(found) <= {0, 400, 403, 404, 405, 413, 501}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_thousand_bent_requests_get_nobody_elses_data(cloud, buckets):
    assault(cloud, buckets, MANY, seed=3, sign=True)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_thousand_unsigned_requests_get_nothing(cloud, buckets):
    assault(cloud, buckets, MANY, seed=4, sign=False)


def form(action, **members):
    pairs = {"Action": action, "Version": "2010-05-08", **members}
    return "&".join(f"{name}={value}" for name, value in pairs.items()).encode()


def target(service, name, **members):
    return {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": name}, json.dumps(members).encode(), service


ROLE = "arn:aws:iam::123456789012:role/gluon-lessons"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STS = {"Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "xx"}
# What a guest tries who may get the objects of one prefix of one bucket, and no more.
ON_S3 = [
    ("GET", "/{own}/private/x", {}),
    ("GET", "/{other}/secret", {}),
    ("HEAD", "/{other}/secret", {}),
    ("GET", "/{own}", {}),
    ("GET", "/{own}?list-type=2", {}),
    ("GET", "/{own}?list-type=2&prefix=public/", {}),
    ("GET", "/{own}?versions", {}),
    ("GET", "/{own}?uploads", {}),
    ("GET", "/{own}?policy", {}),
    ("GET", "/{own}?acl", {}),
    ("GET", "/{own}/public/x?acl", {}),
    ("GET", "/{own}/public/x?tagging", {}),
    ("GET", "/{own}/public/x?attributes", {"x-amz-object-attributes": "ETag"}),
    ("GET", "/{own}/public/x?versionId=null", {}),
    ("GET", "/", {}),
    ("PUT", "/{own}/public/x", {}),
    ("PUT", "/{own}/public/y", {"x-amz-copy-source": "/{own}/public/x"}),
    ("PUT", "/{own}/public/y", {"x-amz-copy-source": "/{other}/secret"}),
    ("PUT", "/{own}/public/x?tagging", {}),
    ("PUT", "/{own}/public/x?acl", {}),
    ("PUT", "/{own}?policy", {}),
    ("PUT", "/{own}?versioning", {}),
    ("PUT", "/guests-bucket", {}),
    ("POST", "/{own}/public/x?uploads", {}),
    ("POST", "/{own}?delete", {}),
    ("POST", "/{own}", {}),
    ("DELETE", "/{own}/public/x", {}),
    ("DELETE", "/{own}", {}),
    ("DELETE", "/{own}?policy", {}),
    ("GET", "/{own}/public/../private/x", {}),
    ("GET", "/{own}/public/%2e%2e/private/x", {}),
    ("GET", "//{own}/private/x", {}),
    ("GET", "/{own}/PUBLIC/x", {}),
]
ELSEWHERE = [
    ("iam", FORM, form("ListUsers")),
    ("iam", FORM, form("CreateAccessKey", UserName="learner")),
    ("iam", FORM, form("CreateAccessKey")),
    ("iam", FORM, form("PutUserPolicy", UserName="guest", PolicyName="x", PolicyDocument="{}")),
    ("iam", FORM, form("AttachUserPolicy", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess", UserName="x")),
    ("iam", FORM, form("CreateRole", RoleName="x", AssumeRolePolicyDocument="{}")),
    ("iam", FORM, form("UpdateAssumeRolePolicy", RoleName="gluon-lessons", PolicyDocument="{}")),
    ("iam", FORM, form("SimulatePrincipalPolicy", PolicySourceArn=ROLE)),
    ("iam", FORM, form("GetAccountAuthorizationDetails")),
    ("sts", FORM, form("AssumeRole", **STS)),
    ("sts", FORM, form("AssumeRoleWithWebIdentity", WebIdentityToken="x", **STS)),
    ("sts", FORM, form("AssumeRoleWithSAML", SAMLAssertion="x", PrincipalArn="x", **STS)),
    ("sts", FORM, form("GetSessionToken", Version="2011-06-15")),
    ("sts", FORM, form("GetFederationToken", Name="x", Version="2011-06-15")),
    ("sts", FORM, form("ListUsers")),
    ("s3", FORM, form("ListUsers")),
    ("sagemaker", *target("sagemaker", "SageMaker.ListEndpoints")[:2]),
    ("sagemaker", *target("sagemaker", "SageMaker.DeleteEndpoint", EndpointName="x")[:2]),
    ("sagemaker", *target("sagemaker", "SageMaker.CreateModel", ModelName="x", ExecutionRoleArn=ROLE)[:2]),
    ("sagemaker", *target("sagemaker", "SageMaker.AddTags", ResourceArn="x", Tags=[])[:2]),
    ("logs", *target("logs", "Logs_20140328.DescribeLogGroups")[:2]),
    ("logs", *target("logs", "Logs_20140328.FilterLogEvents", logGroupName="x")[:2]),
    ("monitoring", *target("monitoring", "GraniteServiceVersion20100801.PutMetricData", Namespace="x")[:2]),
    ("monitoring", *target("monitoring", "GraniteServiceVersion20100801.DeleteAlarms", AlarmNames=["x"])[:2]),
]


@pytest.fixture(scope="module")
def reader(buckets):
    """A guest who may get the objects below public/ in one bucket."""
    boto3.client("s3").put_object(Bucket=buckets[0], Key="public/x", Body=b"public")
    boto3.client("s3").put_object(Bucket=buckets[0], Key="private/x", Body=SECRET)
    return Guest(allow("s3:GetObject", resource=f"arn:aws:s3:::{buckets[0]}/public/*"))


def test_there_are_forty_attempts_at_least():
    assert len(ON_S3) + len(ELSEWHERE) >= 40


@pytest.mark.parametrize(("method", "path", "headers"), ON_S3)
def test_a_guest_with_one_right_has_that_one_at_s3(buckets, reader, method, path, headers):
    own, other = buckets
    headers = {name: value.format(own=own, other=other) for name, value in headers.items()}
    reply = ask(method, path.format(own=own, other=other), "s3", reader.key, headers=headers)
    # A path with .. in it is a key of its own, below public/, that nobody has.
    assert reply.status in (403, 404, 501) or reply.code in ("InvalidURI", "MalformedXML"), reply
    assert SECRET not in reply.body
    assert ask("GET", f"/{own}/public/x", key=reader.key).body == b"public"


@pytest.mark.parametrize(("service", "headers", "body"), ELSEWHERE)
def test_a_guest_with_one_right_has_none_elsewhere(buckets, reader, service, headers, body):
    reply = ask("POST", "/", service, reader.key, body, headers)
    assert reply.status in (400, 403, 404, 501), reply
    assert reply.status == 403 or b"learner" not in reply.body
    assert b"SecretAccessKey" not in reply.body
