"""Only signed requests are answered, and every other one is refused as AWS refuses it."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from local_sagemaker.daemon import state
from local_sagemaker.errors import ApiError
from local_sagemaker.gate.policy import judge
from local_sagemaker.gate.request import Request
from local_sagemaker.gate.signature import verify
from moto.iam.models import iam_backends
from serving_kit import unique

ROOT = ("AKIAROOTROOTROOTROOT", "secret")  # 20 letters, as AWS has them
KEYS = {"aws_access_key_id": ROOT[0], "aws_secret_access_key": ROOT[1]}
BODY = b"[1, 2, 3]"


def signed(key=ROOT, *, region="us-east-1", service="sagemaker", path="/endpoints/e/invocations", at=None, body=BODY):
    """Return a request signed by botocore, at a time of our choice."""
    request = AWSRequest("POST", f"http://127.0.0.1:1{path}", data=body, headers={"Host": "127.0.0.1:1"})
    auth = SigV4Auth(Credentials(*key), service, region)
    if at:
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        request.context["timestamp"] = stamp
        request.headers["X-Amz-Date"] = stamp
        auth._inject_signature_to_request(
            request, auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        )
    else:
        auth.add_auth(request)
    path, _, query = path.partition("?")
    return Request("POST", path, query, {k.lower(): v for k, v in request.headers.items()}, body)


@pytest.fixture(autouse=True)
def signer():
    """A user of this process's own who has the key that these tests sign with."""
    backend = iam_backends["123456789012"]["aws"]
    backend.create_user("us-east-1", "signer")
    key = backend.create_access_key("signer")
    key.access_key_id, key.secret_access_key = ROOT
    yield
    del backend.users["signer"]


def check(request, **changes):
    request.length = len(request.body)
    signed = verify(request, "123456789012", "us-east-1", **changes)
    signed.check_body(request.body)
    return signed


def refused(request, code, words="", **changes):
    with pytest.raises(ApiError) as found:
        check(request, **changes)
    assert (found.value.code, found.value.status) == (code, 403)
    assert words in found.value.message


@pytest.mark.parametrize("path", ["/", "/a b", "/a%20b/../c//d", "/k?x=1&y=a%2Fb&flag", "/ä?q=%C3%A4%20b&a=2&a=1"])
def test_what_botocore_signs_is_accepted(path):
    quoted = urllib.request.quote(path, safe="/?&=%+")
    found = check(signed(path=quoted))
    assert (found.caller.arn, found.service) == ("arn:aws:iam::123456789012:user/signer", "sagemaker")


def test_what_is_not_signed_well_is_refused():
    good = signed()
    check(good)
    refused(Request("POST", good.path, "", {"host": "x"}, BODY), "MissingAuthenticationTokenException")
    for junk in (
        "Basic abc",
        "AWS4-HMAC-SHA256 junk",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
    ):
        refused(
            Request("POST", good.path, "", {**good.headers, "authorization": junk}, BODY),
            "IncompleteSignatureException",
        )
    refused(signed((ROOT[0], "wrong")), "InvalidSignatureException", "does not match")
    refused(signed(("AKIANOBODYNOBODYNOBO", "secret")), "UnrecognizedClientException")
    refused(Request("POST", good.path, "", good.headers, b"[9, 2, 3]"), "InvalidSignatureException", "does not match")
    refused(Request("POST", "/endpoints/other/invocations", "", good.headers, BODY), "InvalidSignatureException")
    refused(Request("POST", good.path, "x=1", good.headers, BODY), "InvalidSignatureException")
    refused(Request("GET", good.path, "", good.headers, BODY), "InvalidSignatureException")
    refused(
        Request("POST", good.path, "", {**good.headers, "x-amz-target": "SageMaker.DeleteEndpoint"}, BODY),
        "InvalidSignatureException",
        "not signed: ['x-amz-target']",
    )
    refused(signed(region="eu-west-1"), "InvalidSignatureException", "valid region: us-east-1")


def test_a_signature_grows_old():
    now = datetime.now(UTC).replace(microsecond=0)
    check(signed(at=now - timedelta(minutes=4)))
    refused(signed(at=now - timedelta(minutes=6)), "InvalidSignatureException", "Signature expired")
    refused(signed(at=now + timedelta(minutes=6)), "InvalidSignatureException", "not yet current")
    replayed = signed(at=now)
    check(replayed, now=now + timedelta(minutes=5))
    refused(replayed, "InvalidSignatureException", "Signature expired", now=now + timedelta(minutes=5, seconds=1))
    moved = {**replayed.headers, "x-amz-date": "20200101T000000Z"}
    refused(Request("POST", replayed.path, "", moved, BODY), "InvalidSignatureException", "Date in Credential scope")
    undated = {**replayed.headers, "x-amz-date": "yesterday"}
    refused(Request("POST", replayed.path, "", undated, BODY), "IncompleteSignatureException")


def test_policies_are_judged_as_iam_judges_them():
    def policy(effect, action, resource="*", **more):
        return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}

    arn = "arn:aws:sagemaker:us-east-1:1:endpoint/mine"
    invoke = "sagemaker:InvokeEndpoint"
    assert judge([], invoke, arn) == "neither"
    assert judge([policy("Allow", "sagemaker:Invoke*")], invoke, arn) == "allowed"
    assert judge([policy("Allow", ["s3:*", "SAGEMAKER:invokeendpoint"], "*:endpoint/m?ne")], invoke, arn) == "allowed"
    assert judge([policy("Allow", invoke, "*:endpoint/MINE")], invoke, arn) == "neither"
    assert judge([policy("Allow", invoke, "arn:aws:sagemaker:*:*:endpoint/other")], invoke, arn) == "neither"
    assert judge([policy("Allow", "*"), policy("Deny", invoke)], invoke, arn) == "denied"
    assert judge([policy("Allow", "*", Condition={"Bool": {"aws:x": "true"}})], invoke, arn) == "neither"
    assert judge([{"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}], invoke, arn) == "allowed"


def test_refusals_reach_the_client_in_aws_form(cloud):
    url = f"{state.read().url}/endpoints/nobody/invocations"
    reply = urllib3.request("POST", url, body=BODY)
    assert reply.status == 403
    assert reply.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    assert reply.json()["message"] == "Missing Authentication Token"
    assert urllib3.request("GET", f"{state.read().url}/{cloud.bucket}").data.startswith(b"<?xml")
    assert urllib3.request("POST", f"{state.read().url}/moto-api/reset").status == 403


def test_the_scope_must_name_the_service(cloud):
    home = state.read()
    request = AWSRequest("POST", f"{home.url}/endpoints/nobody/invocations", data=BODY)
    SigV4Auth(Credentials(home.access_key, home.secret_key), "s3", "us-east-1").add_auth(request)
    reply = urllib3.request("POST", request.url, body=BODY, headers=dict(request.headers))
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "'sagemaker'" in reply.json()["message"]


@pytest.fixture
def guest(cloud):
    """A user without a policy: (name, a function that makes clients)."""
    iam, name = boto3.client("iam"), unique("guest")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1").client


def test_a_user_may_do_what_a_policy_says(cloud, endpoint, guest):
    name, client = guest
    runtime = client("sagemaker-runtime")
    request = {"EndpointName": endpoint, "ContentType": "application/json", "Body": BODY}
    with pytest.raises(ClientError) as found:
        runtime.invoke_endpoint(**request)
    assert found.value.response["Error"]["Code"] == "AccessDeniedException"
    assert found.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert f"user/{name} is not authorized to perform: sagemaker:InvokeEndpoint" in str(found.value)
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3").list_objects_v2(Bucket=cloud.bucket)
    statement = {
        "Effect": "Allow",
        "Action": "sagemaker:InvokeEndpoint",
        "Resource": f"arn:aws:sagemaker:us-east-1:{cloud.account}:endpoint/{endpoint}",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("iam").put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=document)
    assert json.loads(runtime.invoke_endpoint(**request)["Body"].read()) == 12
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:DeleteEndpoint"):
        client("sagemaker").delete_endpoint(EndpointName=endpoint)
    key = boto3.client("iam").list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    boto3.client("iam").update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        runtime.invoke_endpoint(**request)


def test_whoever_signs_may_ask_who_they_are(cloud, guest):
    name, client = guest
    assert client("sts").get_caller_identity()["Arn"].endswith(f"user/{name}")
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        client("sts").assume_role(RoleArn=cloud.role, RoleSessionName="guest")


def test_what_moto_lacks_is_refused_plainly(cloud):
    with pytest.raises(ClientError, match="has not been implemented; use it on AWS"):
        boto3.client("iam").generate_service_last_accessed_details(Arn=cloud.role)


def test_a_role_can_be_assumed(cloud):
    caller = boto3.client("sts").get_caller_identity()
    assert (caller["Account"], caller["Arn"]) == (cloud.account, f"arn:aws:iam::{cloud.account}:user/learner")
    keys = boto3.client("sts").assume_role(RoleArn=cloud.role, RoleSessionName="test")["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1")
    assert session.client("s3").list_objects_v2(Bucket=cloud.bucket)["KeyCount"] >= 0
    stale = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], "other", region_name="us-east-1")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stale.client("s3").list_objects_v2(Bucket=cloud.bucket)


def test_addresses_signed_beforehand_work_and_expire(cloud):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=cloud.bucket, Key="a b/ü.txt", Body=b"hello")
    where = {"Bucket": cloud.bucket, "Key": "a b/ü.txt"}
    url = s3.generate_presigned_url("get_object", Params=where)
    assert urllib3.request("GET", url).data == b"hello"
    assert urllib3.request("GET", url.replace("a%20b", "a%20c")).status == 403
    old = boto3.client("s3", config=Config(signature_version="s3")).generate_presigned_url("get_object", Params=where)
    assert b"Please use AWS4-HMAC-SHA256" in urllib3.request("GET", old).data
    put = s3.generate_presigned_url("put_object", Params=where)
    assert urllib3.request("PUT", put, body=b"new").status == 200
    assert urllib3.request("GET", url).data == b"new"


def test_an_address_signed_beforehand_grows_old():
    s3 = boto3.client(
        "s3", "us-east-1", endpoint_url="http://127.0.0.1:1", **KEYS, config=Config(signature_version="s3v4")
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    request = Request("GET", "/bucket/key", url.partition("?")[2], {"host": "127.0.0.1:1"})
    check(request, now=datetime.now(UTC) + timedelta(minutes=59))
    refused(request, "InvalidSignatureException", "expired", now=datetime.now(UTC) + timedelta(minutes=61))
    check(request)
    request.headers["x-amz-copy-source"] = "other/key"
    refused(request, "AccessDeniedException", "not signed: ['x-amz-copy-source']")
