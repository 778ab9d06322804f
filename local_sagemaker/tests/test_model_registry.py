"""The model registry: versions, approval, and what approval permits."""

import pytest
from botocore.exceptions import ClientError
from jobs_kit import archive, client, put, unique

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture
def group(cloud):
    name = unique("Dogs")
    client().create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="who is a dog")
    return name


def register(cloud, group, **members):
    model = put(cloud.bucket, f"{unique('model')}/model.tar.gz", archive(**{"net.json": "{}"}))
    answer = client().create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": model}],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        **members,
    )
    return answer["ModelPackageArn"]


def test_versions_are_counted_and_wait_for_approval(cloud, group):
    first, second = register(cloud, group), register(cloud, group, ModelPackageDescription="more dogs")
    assert first.endswith(f":model-package/{group.lower()}/1")
    about = client().describe_model_package(ModelPackageName=second)
    assert about["ModelPackageVersion"] == 2
    assert about["ModelPackageGroupName"] == group
    assert about["ModelPackageStatus"] == "Completed"
    assert about["ModelApprovalStatus"] == "PendingManualApproval"
    listed = client().list_model_packages(ModelPackageGroupName=group, SortOrder="Ascending")["ModelPackageSummaryList"]
    assert [entry["ModelPackageVersion"] for entry in listed] == [1, 2]
    client().delete_model_package(ModelPackageName=second)
    assert register(cloud, group).endswith("/3")  # a number is given once


def test_only_an_approved_version_becomes_a_model(cloud, group):
    arn, name = register(cloud, group), unique("dogs")
    model = {
        "ModelName": name,
        "ExecutionRoleArn": cloud.role,
        "PrimaryContainer": {"ModelPackageName": arn},
    }
    with pytest.raises(ClientError, match="PendingManualApproval"):
        client().create_model(**model)
    client().update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="cats")
    with pytest.raises(ClientError, match="Rejected"):
        client().create_model(**model)
    client().update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client().create_model(**model)
    assert client().describe_model(ModelName=name)["PrimaryContainer"]["Image"] == IMAGE
    approved = client().list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
    assert [entry["ModelPackageArn"] for entry in approved["ModelPackageSummaryList"]] == [arn]


def test_properties_are_added_and_removed(cloud, group):
    arn = register(cloud, group, CustomerMetadataProperties={"a": "1", "b": "2"})
    client().update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    assert client().describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_many_versions_are_described_at_once(cloud, group):
    arn, missing = register(cloud, group), f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group.lower()}/9"
    answer = client().batch_describe_model_package(ModelPackageArnList=[arn, missing])
    assert answer["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    assert "does not exist" in answer["BatchDescribeModelPackageErrorMap"][missing]["ErrorResponse"]


def test_a_group_is_found_by_its_arn_and_deleted_when_empty(cloud, group):
    arn = client().describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    assert client().describe_model_package_group(ModelPackageGroupName=arn)["ModelPackageGroupName"] == group
    package = register(cloud, arn)
    with pytest.raises(ClientError, match="still contains Model Package Versions") as caught:
        client().delete_model_package_group(ModelPackageGroupName=group)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    client().delete_model_package(ModelPackageName=package)
    client().delete_model_package_group(ModelPackageGroupName=group)
    names = [
        entry["ModelPackageGroupName"]
        for entry in client().list_model_package_groups(MaxResults=100)["ModelPackageGroupSummaryList"]
    ]
    assert group not in names


def test_a_package_without_a_group_needs_no_approval(cloud):
    name = unique("alone")
    model = put(cloud.bucket, f"{name}/model.tar.gz", archive(**{"net.json": "{}"}))
    inference = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": model}],
        "SupportedContentTypes": ["image/jpeg"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arn = client().create_model_package(ModelPackageName=name, InferenceSpecification=inference)["ModelPackageArn"]
    assert client().describe_model_package(ModelPackageName=name)["ModelPackageArn"] == arn
    listed = client().list_model_packages(NameContains=name)["ModelPackageSummaryList"]
    assert [entry["ModelPackageName"] for entry in listed] == [name]
    with pytest.raises(ClientError, match="Only a version"):
        client().update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client().create_model(ModelName=name, ExecutionRoleArn=cloud.role, PrimaryContainer={"ModelPackageName": arn})


def test_what_is_missing_or_taken_is_refused(cloud, group):
    with pytest.raises(ClientError, match="already exists"):
        client().create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match='ModelPackageGroup "nobody" does not exist'):
        register(cloud, "nobody")
    with pytest.raises(ClientError, match="InferenceSpecification is missing"):
        client().create_model_package(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="either ModelPackageGroupName"):
        client().create_model_package()
    with pytest.raises(ClientError, match="Could not find model data"):
        client().create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{cloud.bucket}/{unique('none')}"}]
            },
        )
