"""Every SageMaker operation is real, kept by moto, or refused; requests are checked, records filed and paged."""

import gzip
import json
from datetime import UTC, datetime

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from local_sagemaker.control import api, shapes
from local_sagemaker.control.tables import Table
from local_sagemaker.daemon import state
from local_sagemaker.errors import ApiError
from serving_kit import unique


def of_kind(kind):
    return {name for name, (found, _) in api.table_of_operations().items() if found == kind}


def post(operation, body=b"{}"):
    """Send an operation as it comes over the wire, past the checks that boto3 makes."""
    home = state.read()
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{home.url}/", data=body, headers=headers)
    SigV4Auth(Credentials(home.access_key, home.secret_key), "sagemaker", "us-east-1").add_auth(request)
    return urllib3.request("POST", request.url, body=body, headers=dict(request.headers))


BOTO3 = "1.44.5"  # whose operations are all listed


def test_every_operation_is_listed_once():
    known = set(shapes.service().operation_names)
    if boto3.__version__ == BOTO3:
        assert set(api.table_of_operations()) == known
    groups = api.yaml.safe_load(api.FILE.read_text()).values()
    names = [name for group in groups for entry in group for name in entry["operations"]]
    assert len(names) == len(set(names))


def test_every_real_operation_has_a_function():
    api.load()
    assert set(api.OPERATIONS) == of_kind("real")


def test_an_operation_that_boto3_learns_later_is_refused(monkeypatch):
    table = {name: entry for name, entry in api.table_of_operations().items() if name != "CreateHub"}
    monkeypatch.setattr(api, "table_of_operations", lambda: table)
    with pytest.raises(ApiError, match="CreateHub is not simulated here") as found:
        api.call(None, "CreateHub", {})
    assert found.value.code == "ValidationException"
    with pytest.raises(ApiError, match="SageMaker has no operation MakeTea"):
        api.call(None, "MakeTea", {})


def test_every_operation_answers_or_refuses(cloud):
    for name in of_kind("refused"):
        reply = post(name)
        assert (reply.status, reply.headers["x-amzn-errortype"]) == (400, "ValidationException"), name
        assert "is not simulated here. " in reply.json()["message"], name
    for name in of_kind("real") | of_kind("moto"):
        assert post(name).status in (200, 400), name
    assert post("MakeTea").status == 404


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'"x"', b'{"EndpointName": 3}', b'{"EndpointName": "-"}'])
def test_a_request_that_makes_no_sense_answers_400(cloud, body):
    assert post("DescribeEndpoint", body).status == 400


def test_other_services_are_refused(cloud):
    with pytest.raises(ClientError, match="ec2 is not simulated here"):
        boto3.client("ec2").describe_instances()
    with pytest.raises(ClientError, match="not simulated here"):
        boto3.client("rekognition").list_collections()


def test_experiments_are_kept(cloud):
    client, name = boto3.client("sagemaker"), unique("experiment")
    client.create_experiment(ExperimentName=name)
    assert client.describe_experiment(ExperimentName=name)["ExperimentName"] == name


def test_a_request_is_checked_against_its_shape():
    shape = shapes.service().operation_model("CreateEndpoint").input_shape
    good = {"EndpointName": "a", "EndpointConfigName": "b"}
    assert list(shapes.problems(good, shape)) == []
    bad = {
        "must not be null": {"EndpointName": "a"},
        "pattern": {**good, "EndpointName": "a b"},
        "greater than or equal to 1": {**good, "Tags": [{"Key": "", "Value": ""}]},
        "must be a string": {**good, "EndpointName": 1},
        "must be a list": {**good, "Tags": {}},
        "at 'tags.1.member.key'": {**good, "Tags": [{"Value": "x"}]},
    }
    for words, request in bad.items():
        found = list(shapes.problems(request, shape))
        assert len(found) == 1, found
        assert words in found[0], found
    shape = shapes.service().operation_model("ListEndpoints").input_shape
    assert "enum value set" in next(shapes.problems({"SortBy": "Colour"}, shape))
    assert "between 1 and 100" in next(shapes.problems({"MaxResults": 0}, shape))
    assert "must be a number" in next(shapes.problems({"MaxResults": "ten"}, shape))


def test_an_answer_is_trimmed_to_its_shape():
    shape = shapes.service().operation_model("DescribeEndpoint").output_shape
    now = datetime(2026, 1, 1, tzinfo=UTC)
    answer = {"EndpointName": "a", "CreationTime": now, "FailureReason": None, "mine": 1, "DataCaptureConfig": {}}
    assert shapes.render(answer, shape) == {"EndpointName": "a", "CreationTime": now.timestamp()}


def test_records_are_filed_listed_and_paged():
    table = Table("endpoint-config", lambda name: f"arn:endpoint-config/{name}")
    for name in ("b", "a", "ab"):
        table.add(name, colour="red")
    assert table.get("arn:endpoint-config/a")["EndpointConfigArn"] == "arn:endpoint-config/a"
    with pytest.raises(ApiError, match='Cannot create already existing endpoint config "arn:endpoint-config/a"'):
        table.add("a")
    with pytest.raises(ApiError, match='Could not find endpoint config "arn:endpoint-config/z"'):
        table.get("z")

    def names(**request):
        return [record["EndpointConfigName"] for record in table.list(request, "EndpointConfigs")["EndpointConfigs"]]

    assert names() == ["ab", "a", "b"]  # newest first
    assert names(SortBy="Name", SortOrder="Ascending") == ["a", "ab", "b"]
    assert names(NameContains="B") == ["ab", "b"]
    assert names(CreationTimeAfter=datetime.now(UTC).timestamp()) == []
    first = table.list({"MaxResults": 2, "SortOrder": "Ascending"}, "EndpointConfigs")
    assert len(first["EndpointConfigs"]) == 2
    assert names(NextToken=first["NextToken"], SortOrder="Ascending") == ["ab"]
    with pytest.raises(ApiError, match="NextToken"):
        names(NextToken="later")
    before = table.get("a")["LastModifiedTime"]
    table.update("a", colour="blue")
    assert table.get("a")["colour"] == "blue"
    assert table.get("a")["LastModifiedTime"] > before
    table.delete("a")
    table.update("a", colour="green")
    assert names() == ["ab", "b"]


def test_tags_stay_with_what_they_were_given_to(cloud):
    client, name = boto3.client("sagemaker"), unique("group")
    arn = client.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": "1"}])[
        "ModelPackageGroupArn"
    ]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ClientError, match="Could not find resource"):
        client.list_tags(ResourceArn=arn + "x")


def test_the_bucket_and_the_role_exist(cloud):
    assert boto3.client("s3").head_bucket(Bucket=cloud.bucket)
    role = boto3.client("iam").get_role(RoleName="gluon-lessons")["Role"]
    assert role["Arn"] == cloud.role
    assert "sagemaker.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])


def test_tags_end_with_what_they_were_on(cloud):
    client, name = boto3.client("sagemaker"), unique("tagged")
    group = client.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": "b"}])
    arn = group["ModelPackageGroupArn"]
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    client.delete_model_package_group(ModelPackageGroupName=name)
    with pytest.raises(ClientError, match="Could not find resource"):
        client.list_tags(ResourceArn=arn)


def test_many_metrics_which_boto3_packs_arrive(cloud):
    client, name = boto3.client("cloudwatch"), unique("Tests")
    data = [{"MetricName": f"metric-{number}", "Value": number} for number in range(400)]
    client.put_metric_data(Namespace=name, MetricData=data)  # above 10 kB, so boto3 sends it packed
    pages = client.get_paginator("list_metrics").paginate(Namespace=name)
    assert len({metric["MetricName"] for page in pages for metric in page["Metrics"]}) == 400


def test_a_packed_body_has_a_limit_too(cloud):
    packed = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(packed) < 100_000
    home = state.read()
    headers = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    for body, status in ((packed, 413), (b"no gzip", 400)):
        request = AWSRequest("POST", f"{home.url}/", data=body, headers=headers | {"Content-Encoding": "gzip"})
        SigV4Auth(Credentials(home.access_key, home.secret_key), "sagemaker", "us-east-1").add_auth(request)
        assert urllib3.request("POST", request.url, body=body, headers=dict(request.headers)).status == status
