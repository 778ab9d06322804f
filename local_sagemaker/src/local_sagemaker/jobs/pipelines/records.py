"""The records of pipelines and of their executions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.control.tables import Table

Json = dict[str, Any]
FINISHED = ("Succeeded", "Failed", "Stopped")


def pipelines(cloud: "Cloud") -> "Table":
    """Return the records of pipelines."""
    return cloud.table(
        "pipeline",
        missing='Pipeline "{name}" does not exist.',
        taken="Pipeline names must be unique within an AWS account and region, and a pipeline with this name already "
        "exists ({arn}).",
    )


def executions(cloud: "Cloud") -> "Table":
    """Return the records of executions."""
    return cloud.table("pipeline-execution", missing='Pipeline execution "{name}" does not exist.')


def pipeline(cloud: "Cloud", name: str) -> Json:
    """Return a pipeline by name or ARN."""
    found = [record for record in pipelines(cloud).all() if name in (record["PipelineName"], record["PipelineArn"])]
    return found[0] if found else pipelines(cloud).get(name, error="ResourceNotFound")


def execution(cloud: "Cloud", request: Json) -> Json:
    """Return the execution that a request names."""
    return executions(cloud).get(request["PipelineExecutionArn"], error="ResourceNotFound")


def executions_of(cloud: "Cloud", pipeline: Json) -> list[Json]:
    """Return the executions of one pipeline."""
    return [record for record in executions(cloud).all() if record["PipelineArn"] == pipeline["PipelineArn"]]
