"""SageMaker's operations: which function answers which, and how a request gets there.

A function becomes an operation by its name, which is the one boto3 gives it:

    from local_sagemaker.control.api import operation

    @operation
    def create_training_job(cloud, request):
        roles.require(cloud, request["RoleArn"])
        job = cloud.table("training-job").add(request["TrainingJobName"], error="ResourceInUse", **request)
        threading.Thread(target=_run, args=(cloud, job), daemon=True).start()
        return {"TrainingJobArn": job["TrainingJobArn"]}

    @operation
    def describe_training_job(cloud, request):
        return cloud.table("training-job").get(request["TrainingJobName"])

The modules that `load` names are imported when the daemon starts. Every operation stands in `operations.yaml` as real
(a function here), moto (a record that moto keeps, which claims nothing to have run) or refused (with what to use
instead); a test walks all of them.

The request is a dict as AWS's JSON has it. It has been checked against botocore's description before the function sees
it (required members, types, patterns, enums, ranges; times are seconds since 1970). The answer is a dict; datetimes,
paths and members that AWS's answer does not have are fine, they are converted or dropped, nulls and empty structures
too. Raise `ApiError(code, message)` for a refusal: a clear sentence that names the cure. Any other exception answers
500 and is logged with its traceback; that is a defect. `Tags` of any Create request are kept, nothing to do.

`cloud` is a `local_sagemaker.control.cloud.Cloud`; functions run in several threads at once.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import ClientError

from local_sagemaker import jobs
from local_sagemaker.control import moto_bridge, shapes
from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

__all__ = ["ApiError", "call", "load", "operation", "table_of_operations"]

Json = dict[str, Any]
Operation = Callable[["Cloud", Json], Json]
FILE = Path(__file__).with_name("operations.yaml")
OPERATIONS: dict[str, Operation] = {}


def operation(function: Operation) -> Operation:
    """Register a function `(cloud, request) -> dict` as the SageMaker operation of its name."""
    OPERATIONS[shapes.operation_names()[function.__name__]] = function
    return function


def load() -> None:
    """Import every module that registers operations."""
    names = [f"local_sagemaker.{name}" for name in ("control.model_registry", "control.tags", "hosting.resources")]
    names += [module.name for module in pkgutil.walk_packages(jobs.__path__, f"{jobs.__name__}.")]
    for name in names:
        importlib.import_module(name)


@cache
def table_of_operations() -> dict[str, tuple[str, str]]:
    """Return {operation: (kind, instead)} from operations.yaml."""
    found = {}
    for kind, groups in yaml.safe_load(FILE.read_text()).items():
        for group in groups:
            for name in group["operations"]:
                found[name] = (kind, group.get("instead", "").strip())
    return found


def call(cloud: "Cloud", name: str, request: Json) -> Json:
    """Check a request, have it answered by the function of its operation or by moto, and keep its tags."""
    if name not in shapes.service().operation_names:
        raise ApiError("UnknownOperationException", f"SageMaker has no operation {name}.")
    kind, instead = table_of_operations().get(name, ("refused", "It is newer than this package; use it on AWS."))
    if kind == "refused":
        raise ApiError("ValidationException", f"{name} is not simulated here. {instead}")
    model = shapes.service().operation_model(name)
    if model.input_shape:
        found = list(shapes.problems(request, model.input_shape))
        if found:
            count = f"{len(found)} validation error{'s' * (len(found) > 1)} detected"
            raise ApiError("ValidationException", f"{count}: {'; '.join(found)}")
    try:
        answer = OPERATIONS[name](cloud, request) if kind == "real" else moto_bridge.call(cloud, name, request)
    except ClientError as error:  # a role without the rights that the request needs
        raise ApiError("ValidationException", error.response["Error"]["Message"]) from None
    if name.startswith("Create"):
        cloud.tags.keep(answer, request.get("Tags", []))
    return answer
