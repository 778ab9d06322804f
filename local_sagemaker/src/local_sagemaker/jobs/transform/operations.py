"""The operations of batch transform jobs."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import operation
from local_sagemaker.jobs.transform.job import Transform

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


if TYPE_CHECKING:
    pass

Json = dict[str, Any]


@operation
def create_transform_job(cloud: "Cloud", request: Json) -> Json:
    return Transform.create(cloud, request)


@operation
def describe_transform_job(cloud: "Cloud", request: Json) -> Json:
    return Transform.describe(cloud, request)


@operation
def list_transform_jobs(cloud: "Cloud", request: Json) -> Json:
    return Transform.table(cloud).list(request, "TransformJobSummaries")


@operation
def stop_transform_job(cloud: "Cloud", request: Json) -> Json:
    return Transform.halt(cloud, request)
