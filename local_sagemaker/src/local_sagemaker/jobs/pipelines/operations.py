"""The operations of pipelines and of their executions."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control import roles
from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.control.tables import page
from local_sagemaker.jobs import store
from local_sagemaker.jobs.pipelines.definition import check
from local_sagemaker.jobs.pipelines.execution import Execution
from local_sagemaker.jobs.pipelines.records import FINISHED, execution, executions, executions_of, pipeline, pipelines

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


if TYPE_CHECKING:
    pass

Json = dict[str, Any]


@operation
def create_pipeline(cloud: "Cloud", request: Json) -> Json:
    fields = _checked(cloud, request)
    if "PipelineDefinition" not in fields:
        raise invalid("PipelineDefinition is missing; it says which steps to run.")
    record = pipelines(cloud).add(request["PipelineName"], **fields, PipelineStatus="Active")
    return {"PipelineArn": record["PipelineArn"]}


@operation
def update_pipeline(cloud: "Cloud", request: Json) -> Json:
    record = pipeline(cloud, request["PipelineName"])
    pipelines(cloud).update(record["PipelineName"], **_checked(cloud, {"RoleArn": record["RoleArn"]} | request))
    return {"PipelineArn": record["PipelineArn"]}


@operation
def describe_pipeline(cloud: "Cloud", request: Json) -> Json:
    refuse(request, {"PipelineVersionId": "leave it out", "PipelineVersionAlias": "leave it out"})
    return pipeline(cloud, request["PipelineName"])


@operation
def list_pipelines(cloud: "Cloud", request: Json) -> Json:
    prefix, records = request.get("PipelineNamePrefix", ""), pipelines(cloud).all()
    wanted = [record for record in records if record["PipelineName"].startswith(prefix)]
    return page(_times(request), "PipelineSummaries", wanted, "Pipeline")


@operation
def delete_pipeline(cloud: "Cloud", request: Json) -> Json:
    record = pipeline(cloud, request["PipelineName"])
    if any(e["PipelineExecutionStatus"] not in FINISHED for e in executions_of(cloud, record)):
        raise ApiError("ConflictException", "The pipeline has an execution that runs; stop it or wait for its end.")
    pipelines(cloud).delete(record["PipelineName"])
    return {"PipelineArn": record["PipelineArn"]}


@operation
def start_pipeline_execution(cloud: "Cloud", request: Json) -> Json:
    refuse(
        request,
        {
            "SelectiveExecutionConfig": "run the whole pipeline",
            "PipelineVersionId": "leave it out, the latest definition runs",
            "PipelineVersionAlias": "leave it out, the latest definition runs",
            "MlflowExperimentName": "leave it out",
        },
    )
    record = pipeline(cloud, request["PipelineName"])
    run = Execution(cloud, record, request)
    executions(cloud).add(
        run.id,
        PipelineArn=record["PipelineArn"],
        PipelineName=record["PipelineName"],
        PipelineExecutionArn=run.arn,
        PipelineExecutionStatus="Executing",
        PipelineExecutionDisplayName=request.get("PipelineExecutionDisplayName"),
        PipelineExecutionDescription=request.get("PipelineExecutionDescription"),
        ParallelismConfiguration=request.get("ParallelismConfiguration"),
        StartTime=run.born,
        RoleArn=request.get("RoleArn", record["RoleArn"]),
        _run=run,
    )
    pipelines(cloud).update(record["PipelineName"], LastRunTime=run.born, LastExecutionTime=run.born)
    run.start()
    return {"PipelineExecutionArn": run.arn}


@operation
def describe_pipeline_execution(cloud: "Cloud", request: Json) -> Json:
    return execution(cloud, request)


@operation
def list_pipeline_executions(cloud: "Cloud", request: Json) -> Json:
    records = executions_of(cloud, pipeline(cloud, request["PipelineName"]))
    return page(_times(request), "PipelineExecutionSummaries", records, "PipelineExecution")


@operation
def list_pipeline_execution_steps(cloud: "Cloud", request: Json) -> Json:
    if "PipelineExecutionArn" not in request:
        raise invalid("PipelineExecutionArn is missing.")
    steps = [step.summary() for step in list(execution(cloud, request)["_run"].steps.values())]
    return page(request, "PipelineExecutionSteps", steps, "Step")


@operation
def describe_pipeline_definition_for_execution(cloud: "Cloud", request: Json) -> Json:
    record = execution(cloud, request)
    return {"PipelineDefinition": record["_run"].text, "CreationTime": record["CreationTime"]}


@operation
def list_pipeline_parameters_for_execution(cloud: "Cloud", request: Json) -> Json:
    given = execution(cloud, request)["_run"].given
    return {"PipelineParameters": [{"Name": name, "Value": value} for name, value in given.items()]}


@operation
def stop_pipeline_execution(cloud: "Cloud", request: Json) -> Json:
    record = execution(cloud, request)
    record["_run"].ask_to_stop()
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


@operation
def retry_pipeline_execution(cloud: "Cloud", request: Json) -> Json:
    record = execution(cloud, request)
    if record["PipelineExecutionStatus"] not in ("Failed", "Stopped"):
        raise invalid("Only an execution that failed or was stopped can be retried.")
    executions(cloud).update(record["_run"].id, PipelineExecutionStatus="Executing", FailureReason=None)
    record["_run"].retry()
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


def _times(request):
    """Return a List request with pipelines' names for its limits of time replaced by everybody else's."""
    other = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {other.get(name, name): value for name, value in request.items()}


def _checked(cloud, request):
    """Return what to file of a pipeline; a definition that cannot run here is refused."""
    roles.require(cloud, request["RoleArn"])
    text = request.get("PipelineDefinition")
    if "PipelineDefinitionS3Location" in request:
        place = request["PipelineDefinitionS3Location"]
        text = store.read(cloud, f"s3://{place['Bucket']}/{place['ObjectKey']}", "pipeline definition").decode()
    members = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
    fields = {name: request[name] for name in members if name in request}
    if text:
        check(text)
        fields["PipelineDefinition"] = text
    return fields
