"""The operations of batch transform jobs."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import operation
from local_sagemaker.jobs.transform.job import Transform

if TYPE_CHECKING:
    pass

Json = dict[str, Any]


@operation
def create_transform_job(cloud, request):
    return Transform.create(cloud, request)


@operation
def describe_transform_job(cloud, request):
    return Transform.describe(cloud, request)


@operation
def list_transform_jobs(cloud, request):
    return Transform.table(cloud).list(request, "TransformJobSummaries")


@operation
def stop_transform_job(cloud, request):
    return Transform.halt(cloud, request)
