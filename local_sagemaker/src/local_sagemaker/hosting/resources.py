"""Models, endpoint configurations and endpoints, created, described, changed and deleted."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control import roles
from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.control.metrics import COMPARE
from local_sagemaker.hosting.images import handler_of

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]

STATISTICS = ("Sum", "Average", "Minimum", "Maximum", "SampleCount")
# Members of a model, a configuration or a variant that would need machinery that is not here.
REFUSED = {
    "ServerlessConfig": "Serverless endpoints are not simulated here; give InstanceType and InitialInstanceCount.",
    "AsyncInferenceConfig": "Asynchronous endpoints are not simulated here; use a batch transform job.",
    "ExplainerConfig": "Explainers are not simulated here.",
    "AcceleratorType": "Elastic Inference has been retired; choose another InstanceType.",
    "ManagedInstanceScaling": "Automatic scaling is not simulated here; use UpdateEndpointWeightsAndCapacities.",
    "CapacityReservationConfig": "Capacity reservations are not simulated here.",
    "EnableNetworkIsolation": "Network isolation is not simulated here; leave it out.",
    "VpcConfig": "Private networks are not simulated here; leave VpcConfig out.",
    "KmsKeyId": "Encryption keys are not simulated here; leave KmsKeyId out.",
}


@operation
def create_model(cloud: "Cloud", request: Json) -> Json:
    """File a model after checking its role, its image and its archive."""
    containers = request.get("Containers") or [request[k] for k in ["PrimaryContainer"] if k in request]
    if len(containers) != 1:
        raise ApiError("ValidationException", "Give one container: pipelines of several are not simulated here.")
    _refuse(request)
    roles.require(cloud, request.get("ExecutionRoleArn", ""))
    container = _resolved(cloud, containers[0])
    for member in ("Image", "ModelDataUrl"):
        if member not in container:
            raise ApiError("ValidationException", f"The container needs {member}.")
    if container.get("Mode") == "MultiModel":
        raise ApiError("ValidationException", "Multi-model endpoints are not simulated here; give one model archive.")
    handler_of(container["Image"])
    cloud.acting(request["ExecutionRoleArn"]).storage.require_object(container["ModelDataUrl"])
    fields = {"ExecutionRoleArn": request["ExecutionRoleArn"], "PrimaryContainer": container}
    return _models(cloud).add(request["ModelName"], EnableNetworkIsolation=False, **fields)


@operation
def describe_model(cloud: "Cloud", request: Json) -> Json:
    """Return a model's record."""
    return _models(cloud).get(request["ModelName"])


@operation
def list_models(cloud: "Cloud", request: Json) -> Json:
    """List models."""
    return _models(cloud).list(request, "Models")


@operation
def delete_model(cloud: "Cloud", request: Json) -> Json:
    """Delete a model; endpoints that run it go on."""
    _models(cloud).delete(request["ModelName"])
    return {}


@operation
def create_endpoint_config(cloud: "Cloud", request: Json) -> Json:
    """File an endpoint configuration after checking its variants."""
    shadows = request.get("ShadowProductionVariants", [])
    names = [variant["VariantName"] for variant in [*request["ProductionVariants"], *shadows]]
    if len(set(names)) < len(names):
        raise ApiError("ValidationException", f"The variants need names of their own, not {', '.join(names)}.")
    if shadows and (len(shadows), len(request["ProductionVariants"])) != (1, 1):
        raise ApiError("ValidationException", "Shadow one variant by one: give one of each, or no shadow variants.")
    for part in [request, *request["ProductionVariants"], *shadows]:
        _refuse(part)
    for variant in [*request["ProductionVariants"], *shadows]:
        if "InstanceType" not in variant or "ModelName" not in variant:
            raise ApiError("ValidationException", f"Variant {variant['VariantName']} needs ModelName and InstanceType.")
        _models(cloud).get(variant["ModelName"])
        variant.setdefault("InitialInstanceCount", 1)
        variant.setdefault("InitialVariantWeight", 1.0)
    if "DataCaptureConfig" in request:
        cloud.storage.require_bucket(request["DataCaptureConfig"]["DestinationS3Uri"])
    fields = {k: v for k, v in request.items() if k not in ("EndpointConfigName", "Tags")}
    return _configs(cloud).add(request["EndpointConfigName"], **fields)


@operation
def describe_endpoint_config(cloud: "Cloud", request: Json) -> Json:
    """Return a configuration's record."""
    return _configs(cloud).get(request["EndpointConfigName"])


@operation
def list_endpoint_configs(cloud: "Cloud", request: Json) -> Json:
    """List endpoint configurations."""
    return _configs(cloud).list(request, "EndpointConfigs")


@operation
def delete_endpoint_config(cloud: "Cloud", request: Json) -> Json:
    """Delete a configuration; endpoints that were made from it go on."""
    _configs(cloud).delete(request["EndpointConfigName"])
    return {}


@operation
def create_endpoint(cloud: "Cloud", request: Json) -> Json:
    """Start an endpoint."""
    config = _configs(cloud).get(request["EndpointConfigName"])
    name, table = request["EndpointName"], cloud.hosting.table
    fields = {"EndpointConfigName": config["EndpointConfigName"], "DataCaptureConfig": config.get("DataCaptureConfig")}
    record = table.add(name, EndpointStatus="Creating", **fields)
    try:
        cloud.hosting.create(name, config)
    except ApiError:
        table.delete(name)
        raise
    return record


@operation
def describe_endpoint(cloud: "Cloud", request: Json) -> Json:
    """Return an endpoint's record and what its fleet does."""
    record = cloud.hosting.table.get(request["EndpointName"])
    capture = record.get("DataCaptureConfig")
    if capture:
        state = "Started" if capture.get("EnableCapture") else "Stopped"
        percent = capture["InitialSamplingPercentage"]
        record["DataCaptureConfig"] = {**capture, "CaptureStatus": state, "CurrentSamplingPercentage": percent}
    return {**record, **cloud.hosting.show(record["EndpointName"])}


@operation
def list_endpoints(cloud: "Cloud", request: Json) -> Json:
    """List endpoints."""
    return cloud.hosting.table.list(request, "Endpoints")


@operation
def update_endpoint(cloud: "Cloud", request: Json) -> Json:
    """Replace what an endpoint runs, without a gap."""
    record = _settled(cloud, request["EndpointName"])
    config = _configs(cloud).get(request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig", {})
    if "RollingUpdatePolicy" in deployment:
        raise ApiError("ValidationException", "Rolling updates are not simulated here; use BlueGreenUpdatePolicy.")
    alarms = [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]
    known = cloud.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"] if alarms else []
    unknown = set(alarms) - {alarm["AlarmName"] for alarm in known}
    if unknown:
        raise ApiError("ValidationException", f"CloudWatch has no metric alarm {', '.join(sorted(unknown))}.")
    for alarm in known:
        if alarm.get("Statistic") not in STATISTICS or alarm["ComparisonOperator"] not in COMPARE:
            message = f"Alarm {alarm['AlarmName']} is not evaluated here; watch one metric by Sum, Average, Minimum or "
            raise ApiError("ValidationException", f"{message}Maximum against a threshold.")
    cloud.hosting.update(record["EndpointName"], config, deployment)
    return record


@operation
def update_endpoint_weights_and_capacities(cloud: "Cloud", request: Json) -> Json:
    """Change how much traffic variants get and how many copies they run."""
    record = _settled(cloud, request["EndpointName"])
    cloud.hosting.scale(record["EndpointName"], request["DesiredWeightsAndCapacities"])
    return record


@operation
def delete_endpoint(cloud: "Cloud", request: Json) -> Json:
    """End an endpoint."""
    record = cloud.hosting.table.get(request["EndpointName"])
    if record["EndpointStatus"] != "Deleting":
        cloud.hosting.delete(record["EndpointName"])
    return {}


def _models(cloud):
    return cloud.table("model")


def _configs(cloud):
    return cloud.table(
        "endpoint-config",
        'Could not find endpoint configuration "{arn}".',
        'Cannot create already existing endpoint configuration "{arn}".',
    )


def _refuse(part):
    for member, instead in REFUSED.items():
        if part.get(member):
            raise ApiError("ValidationException", instead)


def _settled(cloud, name):
    """Return the record of an endpoint that may be changed now."""
    record = cloud.hosting.table.get(name)
    if record["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
        raise ApiError("ValidationException", f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
    if record["EndpointStatus"] == "Failed":
        raise ApiError("ValidationException", f'Cannot update failed endpoint "{record["EndpointArn"]}"; delete it.')
    return record


def _resolved(cloud, container):
    """Return a container with what its model package or its model data source says filled in."""
    package = container.get("ModelPackageName")
    if package:
        found = cloud.call("DescribeModelPackage", {"ModelPackageName": package})
        if found.get("ModelApprovalStatus", "Approved") != "Approved":
            raise ApiError(
                "ValidationException",
                f"Model package {package} is {found['ModelApprovalStatus']}; approve it with UpdateModelPackage first.",
            )
        inside = found["InferenceSpecification"]["Containers"][0]
        container = {
            **inside,
            **container,
            "Environment": {**inside.get("Environment", {}), **container.get("Environment", {})},
        }
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source and source["S3DataType"] == "S3Object":
        container = {**container, "ModelDataUrl": source["S3Uri"]}
    elif source:
        raise ApiError("ValidationException", "Uncompressed model data is not simulated here; give a model.tar.gz.")
    return container
