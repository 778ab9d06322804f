"""The gate: nothing is done that the signer may not do, whatever a request looks like, and nothing makes it stall."""

import json
import socket
import ssl
import threading
import time

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from gate_kit import Guest, allow, ask, learner, port, presigned, send, signed
from local_sagemaker.daemon import state
from serving_kit import IMAGE, unique


@pytest.fixture(scope="module")
def bucket(cloud):
    """A bucket that is not the course's, with one secret in it."""
    name = unique("private")
    boto3.client("s3").create_bucket(Bucket=name)
    boto3.client("s3").put_object(Bucket=name, Key="secret", Body=b"secret")
    return name


def test_sixty_four_control_calls_at_once_are_answered(aws):
    address, names, times, errors = aws.upload(b"model"), [unique("model") for _ in range(64)], [], []

    client = boto3.client("sagemaker", config=Config(max_pool_connections=64, retries={"total_max_attempts": 1}))

    def create(name):
        began = time.monotonic()
        try:
            container = {"Image": IMAGE, "ModelDataUrl": address}
            client.create_model(ModelName=name, ExecutionRoleArn=aws.session.role, PrimaryContainer=container)
        except Exception as error:
            errors.append(error)
        times.append(time.monotonic() - began)

    threads = [threading.Thread(target=create, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    print(f"the slowest of 64 took {max(times):.1f} s")
    listed = [m["ModelName"] for p in aws.sagemaker.get_paginator("list_models").paginate() for m in p["Models"]]
    assert set(names) <= set(listed)


MOTO_PATHS = ("/moto-api/reset", "//moto-api/reset", "/%6doto-api/reset", "/./moto-api/reset", "/x/../moto-api/reset")


@pytest.mark.parametrize("path", MOTO_PATHS)
@pytest.mark.parametrize("service", ["s3", "sagemaker", "iam", "logs"])
def test_nothing_of_motos_own_pages_can_be_reached(bucket, path, service):
    guest = Guest(allow("s3:PutObject"))
    for key in (guest.key, learner()):
        assert ask("POST", path, service, key).status in (400, 403, 404, 501)
    assert boto3.client("s3").get_object(Bucket=bucket, Key="secret")["Body"].read() == b"secret"


@pytest.mark.parametrize("path", ["/moto-api/data.json", "/latest/meta-data/iam", "/v20180820/accesspoint"])
def test_a_page_of_moto_is_an_object_that_nobody_has(bucket, path):
    assert ask("GET", path).code == "NoSuchBucket"


def test_an_address_for_one_service_does_nothing_at_another(bucket):
    guest = Guest(allow("s3:ListAllMyBuckets"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for action in (
        "Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::123456789012:role/gluon-lessons&RoleSessionName=x"
        "&WebIdentityToken=x&Version=2011-06-15",
        "Action=ListUsers&Version=2010-05-08",
    ):
        reply = send("POST", presigned("POST", "/", guest.key, form), form, action.encode())
        assert reply.status in (400, 403, 501)
        assert b"AccessKeyId" not in reply.body
        assert b"learner" not in reply.body
    home = state.read()
    request = f"Action=AssumeRole&RoleArn={home.role}&RoleSessionName=x&Version=2011-06-15".encode()
    assert ask("POST", "/", "logs", guest.key, request, form).status in (400, 403, 404)


def test_an_address_signed_beforehand_has_no_effect_beyond_what_was_signed(bucket):
    guest = Guest(allow("s3:PutObject", resource=f"arn:aws:s3:::{bucket}/inbox/*"))
    path = f"/{bucket}/inbox/a"
    assert send("PUT", presigned("PUT", path, guest.key), body=b"fine").status == 200
    stolen = send("PUT", presigned("PUT", path, guest.key), {"x-amz-copy-source": f"/{bucket}/secret"})
    assert (stolen.status, stolen.code) == (403, "AccessDenied")
    assert boto3.client("s3").get_object(Bucket=bucket, Key="inbox/a")["Body"].read() == b"fine"


def test_a_copy_needs_the_right_to_read_its_source(bucket):
    guest = Guest(allow("s3:PutObject", "s3:GetObject", resource=f"arn:aws:s3:::{bucket}/inbox/*"))
    with pytest.raises(ClientError, match="AccessDenied"):
        guest.client("s3").copy_object(Bucket=bucket, Key="inbox/b", CopySource=f"{bucket}/secret")
    made = guest.client("s3").create_multipart_upload(Bucket=bucket, Key="inbox/b")["UploadId"]
    part = {"Bucket": bucket, "Key": "inbox/b", "UploadId": made, "PartNumber": 1}
    with pytest.raises(ClientError, match="AccessDenied"):
        guest.client("s3").upload_part_copy(**part, CopySource=f"{bucket}/secret")
    guest.client("s3").put_object(Bucket=bucket, Key="inbox/c", Body=b"mine")
    guest.client("s3").copy_object(Bucket=bucket, Key="inbox/b", CopySource=f"{bucket}/inbox/c")


def test_the_bucket_in_the_name_of_the_host_is_the_bucket(bucket):
    own = unique("own")
    boto3.client("s3").create_bucket(Bucket=own)
    guest = Guest(allow("s3:*", resource=[f"arn:aws:s3:::{own}", f"arn:aws:s3:::{own}/*"]))
    host = f"{bucket}.s3.amazonaws.com"
    for path in ("/secret", f"/{own}/secret", "/?list-type=2"):
        assert ask("GET", path, key=guest.key, host=host).status in (403, 404)
    assert ask("GET", "/secret", host=host).body == b"secret"
    assert ask("PUT", "/hello", key=guest.key, host=f"{own}.s3.us-east-1.amazonaws.com", body=b"x").status == 200
    assert ask("GET", f"/{own}/hello", key=guest.key).body == b"x"
    assert ask("GET", f"/{own}/hello", key=guest.key, host="127.0.0.1.evil.example").status == 400


@pytest.mark.parametrize(
    "part", ["policy", "acl", "versioning", "cors", "tagging", "lifecycle", "encryption", "uploads"]
)
def test_parts_of_a_bucket_have_actions_of_their_own(bucket, part):
    guest = Guest(allow("s3:ListBucket", "s3:CreateBucket", "s3:DeleteBucket", "s3:PutObject", "s3:GetObject"))
    for method in ("GET", "PUT", "DELETE"):
        reply = ask(method, f"/{bucket}?{part}", key=guest.key)
        assert reply.code in ("AccessDenied", "NotImplemented"), (method, part)
    assert ask("GET", f"/{bucket}", key=guest.key).status == 200


def test_a_session_ends_when_it_says(cloud):
    from datetime import UTC, datetime, timedelta

    from local_sagemaker.errors import ApiError
    from local_sagemaker.gate.identity import identify
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    trust = '{"Statement": []}'
    role = iam_backends["123456789012"]["aws"].create_role(unique("role"), trust, "/", None, "", [], "3600")
    session = sts_backends["123456789012"]["aws"].assume_role("us-east-1", "x", role.arn, None, 900, None)
    now = datetime.now(UTC)
    caller, secret = identify(session.access_key_id, session.session_token, "123456789012", now)
    assert (caller.arn, secret) == (session.arn, session.secret_access_key)
    with pytest.raises(ApiError, match="expired"):
        identify(session.access_key_id, session.session_token, "123456789012", now + timedelta(seconds=901))


def memory():
    return psutil.Process(state.read().pid).memory_info().rss / 2**20


def test_a_body_is_not_read_before_its_signature_is_verified(bucket):
    before = memory()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port()), timeout=10) as line:
            line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 800000000\r\n\r\n")
            line.sendall(b"x" * 1000)
            assert b" 403 " in line.recv(1000)  # while 799 MB are still to come
    wrong = signed("PUT", f"/{bucket}/big", body=b"a")
    wrong["Content-Length"] = "800000000"
    wrong["Authorization"] = wrong["Authorization"][:-8] + "00000000"
    assert send("PUT", f"/{bucket}/big", wrong).code == "SignatureDoesNotMatch"
    assert memory() - before < 20


def test_a_body_has_no_more_bytes_than_its_operation_takes(cloud):
    headers = signed("POST", "/", "iam", headers={"Content-Type": "application/x-www-form-urlencoded"})
    reply = send("POST", "/", headers | {"Content-Length": "100000000"})
    assert reply.status == 413
    with socket.create_connection(("127.0.0.1", port()), timeout=10) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "host")
        line.sendall(
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port()}\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(100):
                line.sendall(chunk)
        except OSError:
            return  # it hung up
        assert b" 413 " in line.recv(1000)


def test_what_was_signed_is_what_arrives(bucket):
    path = f"/{bucket}/changed"
    reply = send("PUT", path, signed("PUT", path, body=b"good"), b"evil")
    assert reply.code == "XAmzContentSHA256Mismatch"
    assert ask("GET", path).status == 404


def test_a_client_that_says_nothing_over_tls_holds_nobody_up(cloud):
    home = state.folder()
    addresses = json.loads((home / "botocore" / "endpoints.json").read_text())
    host = addresses["partitions"][0]["services"]["sts"]["defaults"]["hostname"]
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))):
        trust = ssl.create_default_context(cafile=home / "ca.pem")
        line = socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=5)
        with line, trust.wrap_socket(line, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert b" 403 " in secure.recv(1000)
        assert boto3.client("sts", endpoint_url=f"https://{host}").get_caller_identity()["Account"] == cloud.account


@pytest.mark.parametrize("date", ["99991231T235959Z", "00000101T000000Z", "20260101T000000", "x" * 5000])
def test_a_date_that_nobody_lives_in_is_refused(bucket, date):
    headers = signed("GET", "/")
    headers["X-Amz-Date"] = date
    headers["Authorization"] = headers["Authorization"].replace(
        headers["Authorization"].partition("Credential=")[2].split("/")[1], date[:8]
    )
    assert send("GET", "/", headers).status in (400, 403)


@pytest.mark.parametrize("expires", ["9" * 5000, "-1", "", "1e3", "604801"])
def test_an_address_is_good_for_a_week_at_most(bucket, expires):
    path = presigned("GET", "/").replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}")
    assert send("GET", path).status in (400, 403)


def test_keys_of_every_kind_are_the_ones_that_were_judged(bucket):
    s3 = boto3.client("s3")
    for key in ("a b", "a//b", "/x", "ä", "a;b", "a%20b", "a+b", "a?b", "../x", "a/../b", "a&b=c", "//", "a/."):
        guest = Guest(allow("s3:PutObject", "s3:GetObject", resource=f"arn:aws:s3:::{bucket}/odd/{key}"))
        guest.client("s3").put_object(Bucket=bucket, Key=f"odd/{key}", Body=key.encode())
        assert guest.client("s3").get_object(Bucket=bucket, Key=f"odd/{key}")["Body"].read() == key.encode()
        with pytest.raises(ClientError, match="AccessDenied"):
            guest.client("s3").put_object(Bucket=bucket, Key=f"odd/{key}x", Body=b"")
    found = s3.list_objects_v2(Bucket=bucket, Prefix="odd/")["Contents"]
    assert len(found) == 13


def test_keys_are_deleted_one_by_one(bucket):
    s3 = boto3.client("s3")
    guest = Guest(allow("s3:DeleteObject", resource=f"arn:aws:s3:::{bucket}/mine/*"))
    for key in ("mine/a", "mine/<b>&", "theirs"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    names = [{"Key": key} for key in ("mine/a", "mine/<b>&", "theirs")]
    answer = guest.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": names})
    assert sorted(entry["Key"] for entry in answer["Deleted"]) == ["mine/<b>&", "mine/a"]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("theirs", "AccessDenied")]
    assert s3.head_object(Bucket=bucket, Key="theirs")
    answer = guest.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": names[2:], "Quiet": True})
    assert [entry["Key"] for entry in answer["Errors"]] == ["theirs"]
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    assert ask("POST", f"/{bucket}?delete", body=bomb).code == "MalformedXML"


def test_the_daemons_files_are_for_their_owner(cloud):
    for name in ("cloud.json", "credentials", "key.pem", "cloud.log"):
        assert (state.folder() / name).stat().st_mode & 0o077 == 0, name


def test_what_moto_would_ignore_is_refused(bucket):
    path = f"/{bucket}/ignored"
    assert ask("PUT", path, headers={"x-amz-acl": "public-read"}).code == "AccessControlListNotSupported"
    assert ask("PUT", path, headers={"x-amz-grant-read": "uri=x"}).code == "AccessControlListNotSupported"
    assert ask("PUT", path, headers={"x-amz-acl": "bucket-owner-full-control"}).status == 200
    assert ask("GET", path, headers={"x-amz-expected-bucket-owner": "999999999999"}).code == "AccessDenied"
    assert ask("GET", path, headers={"x-amz-expected-bucket-owner": "123456789012"}).status == 200
    assert ask("GET", f"/{bucket}?list-type=3").code == "NotImplemented"


def test_a_page_elsewhere_cannot_read_an_answer(bucket):
    reply = send("GET", presigned("GET", f"/{bucket}/secret"), {"Origin": "https://evil.example"})
    assert (reply.status, reply.body) == (200, b"secret")
    assert not [name for name in reply.headers if name.startswith("access-control")]
