"""What a training request asks for, and what of it is refused before anything starts."""

import re
from typing import TYPE_CHECKING, Any

from local_sagemaker.control import roles
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.guest import boosting
from local_sagemaker.jobs import opt_ml
from local_sagemaker.jobs.images import check_image

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]
NOT_HERE = {
    "VpcConfig": "leave it out, the job runs on this machine",
    "EnableNetworkIsolation": "leave it out, the job runs on this machine",
    "EnableInterContainerTrafficEncryption": "leave it out, nothing leaves this machine",
    "OutputDataConfig.KmsKeyId": "leave it out, nothing is encrypted here",
    "ResourceConfig.VolumeKmsKeyId": "leave it out, nothing is encrypted here",
    "ResourceConfig.InstanceGroups": "use InstanceType and InstanceCount",
    "ResourceConfig.InstancePreferences": "use InstanceType and InstanceCount",
    "ResourceConfig.KeepAlivePeriodInSeconds": "leave it out, there is no instance to keep warm",
    "ResourceConfig.TrainingPlanArn": "leave it out",
    "AlgorithmSpecification.AlgorithmName": "give a TrainingImage and a script",
    "AlgorithmSpecification.TrainingImageConfig": "leave it out",
    "DebugRuleConfigurations": "read the job's metrics and logs",
    "ProfilerRuleConfigurations": "read the job's metrics and logs",
    "TensorBoardOutputConfig": "write the event files to the folder in SM_OUTPUT_DATA_DIR",
    "ExperimentConfig": "leave it out",
    "RemoteDebugConfig.EnableRemoteDebug": "read the job's logs",
    "InfraCheckConfig.EnableInfraCheck": "leave it out",
    "SessionChainingConfig": "leave it out",
    "ServerlessJobConfig": "give a TrainingImage and a script",
    "MlflowConfig": "leave it out",
    "ModelPackageConfig": "register the model with CreateModelPackage",
}

LONGEST = 28 * 86400  # seconds that a training job may run


def check(cloud: "Cloud", request: Json) -> None:
    """Refuse what AWS refuses and what is not simulated here; data is looked for by `channels.resolve`."""
    refuse(request, NOT_HERE)
    roles.require(cloud, request["RoleArn"])
    algorithm = request.get("AlgorithmSpecification", {})
    if "TrainingImage" not in algorithm:
        raise invalid("AlgorithmSpecification.TrainingImage is missing; it names the image that the script is for.")
    _check_program(cloud, request)
    for entry in algorithm.get("MetricDefinitions", []):
        _check_metric(entry)
    resources = request["ResourceConfig"]
    if not resources.get("InstanceType") or not resources.get("InstanceCount"):
        raise invalid("ResourceConfig needs InstanceType and InstanceCount.")
    _check_limits(request)
    if "CheckpointConfig" in request:
        cloud.storage.require_bucket(request["CheckpointConfig"]["S3Uri"])
        opt_ml.check(request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints"))
    cloud.storage.require_bucket(request["OutputDataConfig"]["S3OutputPath"])


def is_scripted(request: Json) -> bool:
    """Return whether the job runs a script of its own with AWS's toolkit."""
    program = request.get("HyperParameters", {}).get("sagemaker_program")
    return bool(program) and not request["AlgorithmSpecification"].get("ContainerEntrypoint")


def metric_definitions(request: Json) -> list[dict[str, str]]:
    """Return the metrics of a training request; SageMaker knows those of its own algorithms."""
    algorithm = request["AlgorithmSpecification"]
    parameters: Json = request.get("HyperParameters") or request.get("StaticHyperParameters") or {}
    own = parameters.get("sagemaker_program")
    built_in = not own and not algorithm.get("ContainerEntrypoint")
    return algorithm.get("MetricDefinitions") or (boosting.DEFINITIONS if built_in else [])


def is_distributed(request: Json) -> bool:
    """Return whether the hosts train one network through MXNet's parameter server."""
    return plain(request.get("HyperParameters", {}).get("sagemaker_parameter_server_enabled", "")) == "true"


def plain(value: str) -> str:
    """Return a hyperparameter as it was meant: the SDK writes strings as JSON, other clients as they are."""
    return value[1:-1] if value.startswith('"') and value.endswith('"') and len(value) > 1 else value


def _check_program(cloud: "Cloud", request: Json) -> None:
    """Refuse a job that has neither a script nor an algorithm that is known here."""
    image, parameters = request["AlgorithmSpecification"]["TrainingImage"], request.get("HyperParameters", {})
    if request["AlgorithmSpecification"].get("ContainerEntrypoint"):
        check_image(image)
        return
    if not parameters.get("sagemaker_program"):
        if check_image(image) != "sagemaker-xgboost":
            raise invalid(
                "The hyperparameters sagemaker_program and sagemaker_submit_directory must name a script and its "
                "archive, as the SageMaker SDK's MXNet estimator does; only the image of XGBoost does without."
            )
        if request["ResourceConfig"].get("InstanceCount") != 1:
            raise invalid("The built-in XGBoost algorithm runs on one instance here; use InstanceCount 1.")
        return
    check_image(image)
    if plain(parameters.get("sagemaker_mpi_enabled", "")) == "true":
        raise invalid("MPI is not simulated here; use the distribution parameter_server, which MXNet brings with it.")
    code = plain(parameters.get("sagemaker_submit_directory", ""))
    if not code.startswith("s3://"):
        raise invalid("The hyperparameter sagemaker_submit_directory must be the s3:// address of your code's .tar.gz.")
    cloud.storage.require_object(code, "the training code")


def _check_limits(request: Json) -> None:
    limits = request.get("StoppingCondition", {})
    longest = limits.get("MaxWaitTimeInSeconds")
    if limits.get("MaxRuntimeInSeconds", 0) > LONGEST:
        raise invalid(f"StoppingCondition.MaxRuntimeInSeconds is at most {LONGEST}, which is 28 days.")
    if request.get("EnableManagedSpotTraining"):
        if not longest or longest < limits.get("MaxRuntimeInSeconds", 86400):
            raise invalid("With EnableManagedSpotTraining, MaxWaitTimeInSeconds must be at least MaxRuntimeInSeconds.")
    elif longest:
        raise invalid("MaxWaitTimeInSeconds may be set only with EnableManagedSpotTraining.")


def _check_metric(entry: dict[str, str]) -> None:
    try:
        groups = re.compile(entry["Regex"]).groups
    except re.error as error:
        raise invalid(f"The regular expression of the metric {entry['Name']} is not one: {error}.") from None
    if groups != 1:
        raise invalid(f"The regular expression of the metric {entry['Name']} needs one group, the value: ([0-9.]+).")
