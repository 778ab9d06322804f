"""The model registry: versions of a model, and which of them may be deployed."""

import threading
from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.control.tables import Table, page

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]

NOT_HERE = {
    "ValidationSpecification": "leave it out, and try the model with a transform job of your own",
    "SourceAlgorithmSpecification": "give InferenceSpecification",
    "CertifyForMarketplace": "leave it out",
    "SecurityConfig": "leave it out, nothing is encrypted here",
    "ModelCard": "leave it out",
}
_counting = threading.Lock()


def groups(cloud: "Cloud") -> Table:
    """Return the groups of model packages."""
    return cloud.table(
        "model-package-group",
        missing='ModelPackageGroup "{name}" does not exist.',
        taken="Model Package Group already exists: {arn}.",
    )


def packages(cloud: "Cloud") -> Table:
    """Return the model packages; the version of a group has the name GROUP:VERSION."""
    return cloud.table(
        "model-package", missing='ModelPackage "{name}" does not exist.', taken="Model Package already exists: {name}."
    )


def _group(cloud, name):
    """Return a group by name or ARN."""
    if name.startswith("arn:"):
        found = [record for record in groups(cloud).all() if record["ModelPackageGroupArn"] == name]
        if found:
            return found[0]
    return groups(cloud).get(name)


def _package(cloud, name):
    """Return a package by name or ARN."""
    for record in packages(cloud).all():
        if name in (record["ModelPackageArn"], record["ModelPackageName"]):
            return record
    return packages(cloud).get(name)


@operation
def create_model_package_group(cloud: "Cloud", request: Json) -> Json:
    record = groups(cloud).add(
        request["ModelPackageGroupName"],
        ModelPackageGroupDescription=request.get("ModelPackageGroupDescription"),
        ModelPackageGroupStatus="Completed",
    )
    return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}


@operation
def describe_model_package_group(cloud: "Cloud", request: Json) -> Json:
    return _group(cloud, request["ModelPackageGroupName"])


@operation
def list_model_package_groups(cloud: "Cloud", request: Json) -> Json:
    return groups(cloud).list(request, "ModelPackageGroupSummaryList")


@operation
def delete_model_package_group(cloud: "Cloud", request: Json) -> Json:
    name = _group(cloud, request["ModelPackageGroupName"])["ModelPackageGroupName"]
    if any(record.get("ModelPackageGroupName") == name for record in packages(cloud).all()):
        raise ApiError(
            "ConflictException",
            f"Model Package Group {name} cannot be deleted because it still contains Model Package Versions; delete "
            "them first.",
        )
    groups(cloud).delete(name)
    return {}


@operation
def create_model_package(cloud: "Cloud", request: Json) -> Json:
    refuse(request, NOT_HERE)
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        refuse(container, {"ModelDataSource": "give ModelDataUrl"})
        if not container.get("Image"):
            raise invalid("Every container of InferenceSpecification needs an Image.")
        if container.get("ModelDataUrl"):
            cloud.storage.require_object(container["ModelDataUrl"])
    fields = {name: value for name, value in request.items() if name not in ("ModelPackageName", "Tags")}
    fields |= {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
    }
    if bool(request.get("ModelPackageName")) == bool(request.get("ModelPackageGroupName")):
        raise invalid("Give either ModelPackageGroupName, for a version of a group, or ModelPackageName.")
    if request.get("ModelPackageName"):
        return {"ModelPackageArn": packages(cloud).add(request["ModelPackageName"], **fields)["ModelPackageArn"]}
    if not request.get("InferenceSpecification"):
        raise invalid("InferenceSpecification is missing; it says which image and archive the model is.")
    version = _next_version(cloud, request["ModelPackageGroupName"])
    group = _group(cloud, request["ModelPackageGroupName"])["ModelPackageGroupName"]
    arn = f"{cloud.arn('model-package', group)}/{version}"
    fields = {"ModelApprovalStatus": "PendingManualApproval"} | fields
    fields |= {"ModelPackageGroupName": group, "ModelPackageVersion": version, "ModelPackageArn": arn}
    packages(cloud).add(f"{group}:{version}", **fields)
    return {"ModelPackageArn": arn}


def _next_version(cloud, name):
    """Return the next number of a group; the number of a deleted version does not come back."""
    with _counting:
        group = _group(cloud, name)
        version = group.get("_version", 0) + 1
        groups(cloud).update(group["ModelPackageGroupName"], _version=version)
    return version


@operation
def describe_model_package(cloud: "Cloud", request: Json) -> Json:
    return _shown(_package(cloud, request["ModelPackageName"]))


@operation
def batch_describe_model_package(cloud: "Cloud", request: Json) -> Json:
    found, errors = {}, {}
    for arn in request["ModelPackageArnList"]:
        try:
            found[arn] = _shown(_package(cloud, arn))
        except ApiError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


@operation
def list_model_packages(cloud: "Cloud", request: Json) -> Json:
    records = packages(cloud).all()
    if "ModelPackageGroupName" in request:
        group = _group(cloud, request["ModelPackageGroupName"])["ModelPackageGroupName"]
        records = [record for record in records if record.get("ModelPackageGroupName") == group]
    else:
        wanted = {"Versioned": [True], "Both": [True, False]}.get(request.get("ModelPackageType", ""), [False])
        records = [record for record in records if ("ModelPackageGroupName" in record) in wanted]
    if "ModelApprovalStatus" in request:
        records = [record for record in records if record.get("ModelApprovalStatus") == request["ModelApprovalStatus"]]
    answer = page(request, "ModelPackageSummaryList", records, "ModelPackage")
    return answer | {"ModelPackageSummaryList": [_shown(record) for record in answer["ModelPackageSummaryList"]]}


@operation
def update_model_package(cloud: "Cloud", request: Json) -> Json:
    refuse(request, {"ModelCard": "leave it out"})
    record = _package(cloud, request["ModelPackageArn"])
    fields: Json = {
        name: request[name]
        for name in (
            "ModelApprovalStatus",
            "ApprovalDescription",
            "InferenceSpecification",
            "SourceUri",
            "ModelLifeCycle",
            "ModelPackageRegistrationType",
        )
        if name in request
    }
    if "ModelApprovalStatus" in fields and "ModelPackageGroupName" not in record:
        raise invalid("Only a version of a model package group has an approval status.")
    properties = record.get("CustomerMetadataProperties", {}) | request.get("CustomerMetadataProperties", {})
    for name in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(name, None)
    more = record.get("AdditionalInferenceSpecifications", [])
    more = [*more, *request.get("AdditionalInferenceSpecificationsToAdd", [])]
    fields |= {"CustomerMetadataProperties": properties, "AdditionalInferenceSpecifications": more}
    packages(cloud).update(record["ModelPackageName"], **fields)
    return {"ModelPackageArn": record["ModelPackageArn"]}


@operation
def delete_model_package(cloud: "Cloud", request: Json) -> Json:
    packages(cloud).delete(_package(cloud, request["ModelPackageName"])["ModelPackageName"])
    return {}


def _shown(record):
    """Return a package as AWS shows it: a version of a group has no name of its own."""
    hidden = ["ModelPackageName"] if "ModelPackageGroupName" in record else []
    return {name: value for name, value in record.items() if name not in hidden}
