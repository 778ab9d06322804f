"""The operations of training jobs."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import operation
from local_sagemaker.jobs.training.job import Training

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


if TYPE_CHECKING:
    pass

Json = dict[str, Any]


@operation
def create_training_job(cloud: "Cloud", request: Json) -> Json:
    return Training.create(cloud, request)


@operation
def describe_training_job(cloud: "Cloud", request: Json) -> Json:
    return Training.describe(cloud, request)


@operation
def list_training_jobs(cloud: "Cloud", request: Json) -> Json:
    return Training.table(cloud).list(request, "TrainingJobSummaries")


@operation
def stop_training_job(cloud: "Cloud", request: Json) -> Json:
    return Training.halt(cloud, request)


@operation
def delete_training_job(cloud: "Cloud", request: Json) -> Json:
    return Training.delete(cloud, request)
