"""A fault of moto's answers 500; what the sender got wrong answers 400, and moto does not see it."""

import pytest
from botocore.exceptions import ClientError
from local_sagemaker.errors import ApiError
from local_sagemaker.gate import answers, backends
from local_sagemaker.gate.request import Call, Request
from serving_kit import unique

BUCKET = "sagemaker-us-east-1-123456789012"
LARGE = 2**20


def sent(service, operation, body=b"", protocol="json", **members):
    """Have a call answered as the gate does it when its caller may."""
    call = Call(service, operation, LARGE, protocol, members=members)
    request = Request("POST", "/", "", {"x-amz-target": f"Logs_20140328.{operation}"}, body, len(body))
    return answers.answer(call, request, None, "us-east-1")


def document(inside, operation, body, key="", query=None):
    call = Call("s3", operation, LARGE, "s3", BUCKET, key, query or {})
    method = "POST" if operation == "CompleteMultipartUpload" else "PUT"
    return answers.answer(call, Request(method, "/", "", {}, body, len(body)), None, inside.region)


@pytest.mark.parametrize("error", [KeyError("x"), AttributeError("x"), ValueError("x"), TypeError("x")])
def test_a_fault_of_moto_answers_500_and_is_logged(inside, monkeypatch, caplog, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(backends, "_responder", lambda service: (fail, "logs"))
    with pytest.raises(ApiError, match="moto failed at DescribeLogGroups; `local-sagemaker logs` shows why") as found:
        sent("logs", "DescribeLogGroups")
    assert (found.value.code, found.value.status) == ("InternalFailure", 500)
    assert "Traceback" in caplog.text


MISTAKES = {
    "CompleteMultipartUpload": (
        "s3",
        {"Bucket": BUCKET, "Key": "x", "UploadId": "x", "MultipartUpload": {"Parts": [{"ETag": "x", "PartNumber": 1}]}},
    ),
    "CreateServiceLinkedRole": ("iam", {"AWSServiceName": "x"}),
    "DescribeDestinations": ("logs", {"nextToken": "x"}),
    "GetQueryResults": ("logs", {"queryId": "x"}),
    "ListPolicies": ("iam", {"Marker": "x"}),
    "ListRoles": ("iam", {"Marker": "x"}),
    "ListVirtualMFADevices": ("iam", {"Marker": "x"}),
    "PutDeliveryDestination": (
        "logs",
        {"name": "x", "deliveryDestinationConfiguration": {"destinationResourceArn": "x"}},
    ),
    "PutDeliverySource": ("logs", {"name": "x", "resourceArn": "x", "logType": "x"}),
    "StartQuery": ("logs", {"startTime": 1, "endTime": 2, "queryString": "x"}),
}


@pytest.mark.parametrize("operation", MISTAKES)
def test_what_the_sender_got_wrong_is_no_fault(inside, caplog, operation):
    service, members = MISTAKES[operation]
    with pytest.raises(ClientError) as found:
        inside.client(service)._make_api_call(operation, members)
    expected = {(code, status) for (name, _), (code, _, status) in backends.MISTAKES.items() if name == operation}
    reply = found.value.response
    assert (reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"]) in expected
    assert "moto: " not in caplog.text


def test_every_mistake_that_is_known_is_tried():
    assert {operation for operation, _ in backends.MISTAKES} == set(MISTAKES)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateLogGroup", {"logGroupName": 3}),
        ("CreateLogGroup", {"logGroupName": "a b"}),
        ("CreateLogGroup", {"logGroupClass": "STANDARD"}),
        ("PutLogEvents", {"logGroupName": "a", "logStreamName": "b", "logEvents": {"message": "x"}}),
        ("PutRetentionPolicy", {"logGroupName": "a", "retentionInDays": "x"}),
    ],
)
def test_members_of_another_type_do_not_reach_moto(inside, monkeypatch, operation, members):
    monkeypatch.setattr(backends, "_run", None)
    with pytest.raises(ApiError, match="1 validation error detected") as found:
        sent("logs", operation, **members)
    assert (found.value.code, found.value.status) == ("InvalidParameterException", 400)


def test_a_form_with_a_number_that_is_none_does_not_reach_moto(inside, monkeypatch):
    monkeypatch.setattr(backends, "_run", None)
    with pytest.raises(ApiError, match="'MaxItems' must be an integer"):
        sent("iam", "ListUsers", protocol="query", MaxItems="x")
    with pytest.raises(ApiError, match="'OnlyAttached' must be true or false"):
        sent("iam", "ListPolicies", protocol="query", OnlyAttached="x")


WRONG = {
    "PutBucketTagging": [
        b"",
        b"x",
        b"<Tagging/>",
        b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        b"<Other><TagSet/></Other>",
        b'<!DOCTYPE x [<!ENTITY y "z">]><Tagging><TagSet/></Tagging>',
    ],
    "PutBucketVersioning": [b"<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>"],
    "PutPublicAccessBlock": [
        b"<PublicAccessBlockConfiguration><BlockPublicAcls>x</BlockPublicAcls></PublicAccessBlockConfiguration>"
    ],
    "CompleteMultipartUpload": [
        b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>"
    ],
}


@pytest.mark.parametrize(("operation", "body"), [(name, body) for name, bodies in WRONG.items() for body in bodies])
def test_xml_of_another_form_does_not_reach_moto(inside, monkeypatch, operation, body):
    monkeypatch.setattr(backends, "_run", None)
    with pytest.raises(ApiError) as found:
        document(inside, operation, body, "x" if operation == "CompleteMultipartUpload" else "")
    assert (found.value.code, found.value.status) == ("MalformedXML", 400)


def test_every_document_that_boto3_writes_is_well_formed(inside):
    s3, bucket = inside.client("s3"), unique("documents")
    s3.create_bucket(Bucket=bucket)
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]
    rule = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    life = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [life]})
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owner)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_object(Bucket=bucket, Key="x", Body=b"x")
    s3.put_object_tagging(Bucket=bucket, Key="x", Tagging=tags)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"y")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"y"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "x"}], "Quiet": True})
