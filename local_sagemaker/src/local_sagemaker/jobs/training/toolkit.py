"""What AWS's training toolkit finds in a container: its configuration, code, command, variables and report."""

import json
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_sagemaker.control import archives
from local_sagemaker.guest import boosting
from local_sagemaker.jobs import opt_ml
from local_sagemaker.jobs.training.request import is_scripted, plain

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.daemon.processes import Process
    from local_sagemaker.jobs.channels import Channel
    from local_sagemaker.jobs.opt_ml import OptMl

Json = dict[str, Any]


def prepare(folder: "OptMl", request: Json, host: str, hosts: list[str], channels: "list[Channel]") -> None:
    """Make the folders that every script finds, and the files that say what it runs with."""
    for name in ("input/config", "input/data", "model", "output/data", "code"):
        folder.path(f"/opt/ml/{name}").mkdir(parents=True)
    parameters = {key: folder.localized(value) for key, value in request.get("HyperParameters", {}).items()}
    group = {
        "instance_group_name": "homogeneousCluster",
        "instance_type": request["ResourceConfig"]["InstanceType"],
        "hosts": hosts,
    }
    resources = {
        "current_host": host,
        "hosts": hosts,
        "current_group_name": "homogeneousCluster",
        "current_instance_type": group["instance_type"],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
    for name, value in (
        ("hyperparameters", parameters),
        ("resourceconfig", resources),
        ("inputdataconfig", {channel.name: channel.config() for channel in channels}),
    ):
        folder.path(f"/opt/ml/input/config/{name}.json").write_text(json.dumps(value))


def unpack_code(cloud: "Cloud", folder: "OptMl", request: Json) -> None:
    """Unpack the script where /opt/ml is not mounted; the toolkit leaves a code folder that is not empty as it is."""
    if not is_scripted(request) or opt_ml.mountable():
        return
    uri = plain(request["HyperParameters"].get("sagemaker_submit_directory", ""))
    archive = cloud.storage.download(uri, folder.folder / "sourcedir.tar.gz")
    archives.unpack(archive, folder.path("/opt/ml/code"))
    folder.adapt(folder.path("/opt/ml/code"))


def command(request: Json) -> list[str]:
    """Return what the image would run: a command of the request's own, AWS's toolkit, or the algorithm."""
    algorithm = request["AlgorithmSpecification"]
    if algorithm.get("ContainerEntrypoint"):
        return [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
    return [sys.executable, "-m", "sagemaker_training.cli.train" if is_scripted(request) else boosting.__name__]


def environment(request: Json, arn: str) -> dict[str, str]:
    """Return the variables that a script finds beside those of every process here."""
    return {
        # The toolkit waits until every host name can be looked up, except in this mode; algo-1 is no DNS name here.
        "SM_STUDIO_LOCAL_MODE": "true",
        "SAGEMAKER_BASE_DIR": "/opt/ml",
        "TRAINING_JOB_NAME": request["TrainingJobName"],
        "TRAINING_JOB_ARN": arn,
        **request.get("Environment", {}),
    }


def parameter_server(folder: "OptMl", workers: int) -> "tuple[dict[str, str], list[Process]]":
    """Start MXNet's scheduler and one server; return them after the variables that its workers need."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(port),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_SERVER": "1",
        "DMLC_NUM_WORKER": str(workers),
    }
    serve = [sys.executable, "-c", "import mxnet"]  # a process with one of these roles serves and never returns
    servers = [folder.start(serve, shared | {"DMLC_ROLE": role}) for role in ("scheduler", "server")]
    return shared | {"DMLC_ROLE": "worker"}, servers


def failure(folder: "OptMl", status: int) -> str:
    """Return the failure that the toolkit reported, with the script's own last words in it."""
    report, words = folder.path("/opt/ml/output/failure"), last_words(folder.log)
    text = report.read_text(errors="replace") if report.exists() else words
    text = text.replace('ErrorMessage ""', f'ErrorMessage "{words}"')
    if len(text) > 900:  # the end of a traceback says what went wrong
        text = f"{text[:100]} ... {text[-800:]}"
    return f"AlgorithmError: {text}, exit code: {status}"


def last_words(log: Path) -> str:
    """Return the last error that a script printed, or its last line."""
    text = log.read_bytes()[-65536:].decode("utf-8", "replace").partition("Reporting training FAILURE")[0]
    _, invoked, text = text.rpartition("Invoking script with the following command:")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "sagemaker-training-toolkit" not in line]
    lines = lines[1:] if invoked else lines  # the toolkit prints the command
    errors = [line for line in lines if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b", line)]
    return (errors or lines or ["The script printed nothing."])[-1][:500]
