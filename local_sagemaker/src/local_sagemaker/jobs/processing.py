"""Processing jobs: a script between what it reads from S3 and what it leaves there."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local_sagemaker.control import roles
from local_sagemaker.control.api import operation
from local_sagemaker.control.logs import LogStream
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.jobs import opt_ml, store
from local_sagemaker.jobs.images import check_image
from local_sagemaker.jobs.opt_ml import OptMl
from local_sagemaker.jobs.work import Work

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]

LOGS = "/aws/sagemaker/ProcessingJobs"
NOT_HERE = {
    "NetworkConfig": "leave it out, the job runs on this machine",
    "ProcessingOutputConfig.KmsKeyId": "leave it out, nothing is encrypted here",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "leave it out, nothing is encrypted here",
    "ProcessingResources.ClusterConfig.InstancePreferences": "use InstanceType and InstanceCount",
    "ExperimentConfig": "leave it out",
}


@operation
def create_processing_job(cloud: "Cloud", request: Json) -> Json:
    return Processing.create(cloud, request)


@operation
def describe_processing_job(cloud: "Cloud", request: Json) -> Json:
    return Processing.describe(cloud, request)


@operation
def list_processing_jobs(cloud: "Cloud", request: Json) -> Json:
    return Processing.table(cloud).list(request, "ProcessingJobSummaries")


@operation
def stop_processing_job(cloud: "Cloud", request: Json) -> Json:
    return Processing.halt(cloud, request)


@operation
def delete_processing_job(cloud: "Cloud", request: Json) -> Json:
    return Processing.delete(cloud, request)


class Processing(Work):
    """A processing job from its request to its outputs."""

    kind, prefix, ended = "processing-job", "ProcessingJob", "ProcessingEndTime"
    missing = 'Could not find requested job with name: "{name}".'
    taken = "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})."

    def __init__(self, cloud, request):
        super().__init__(cloud, request)
        self.outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        self.limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)

    def check(self) -> None:
        refuse(self.request, NOT_HERE)
        roles.require(self.cloud, self.request["RoleArn"])
        check_image(self.request["AppSpecification"]["ImageUri"])
        if not self.request["AppSpecification"].get("ContainerEntrypoint"):
            raise invalid(
                "AppSpecification.ContainerEntrypoint is missing; it must name the command, as the SageMaker SDK's "
                "ScriptProcessor does, because there are no containers here whose own command could run."
            )
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        if not cluster.get("InstanceType") or not cluster.get("InstanceCount"):
            raise invalid("ProcessingResources.ClusterConfig needs InstanceType and InstanceCount.")
        names = set()
        for entry in [*self.request.get("ProcessingInputs", []), *self.outputs]:
            name = entry.get("InputName") or entry.get("OutputName")
            if name in names:
                raise invalid(f"The name {name} is used twice; every input and output needs a name of its own.")
            names.add(name)
            refuse(
                entry,
                {
                    "DatasetDefinition": "put the data in S3 and use S3Input",
                    "FeatureStoreOutput": "use S3Output",
                    "AppManaged": "leave it out",
                },
            )
        self.inputs = []
        for entry in self.request.get("ProcessingInputs", []):
            source = self._place(entry, "InputName", "S3Input")
            if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
                raise invalid("S3InputMode Pipe and S3CompressionType Gzip are not simulated here; use File and None.")
            self.inputs.append((source, store.select(self.cloud, source["S3Uri"], source["S3DataType"])))
        for entry in self.outputs:
            self.cloud.storage.require_bucket(self._place(entry, "OutputName", "S3Output")["S3Uri"])

    def _place(self, entry, name, member):
        place = entry.get(member)
        if not place or not place.get("LocalPath"):
            raise invalid(f"{entry[name]} needs {member} with S3Uri and LocalPath.")
        if not place["LocalPath"].startswith("/opt/ml/processing/"):
            raise invalid(f"The LocalPath of {entry[name]} must begin with /opt/ml/processing/.")
        opt_ml.check(place["LocalPath"])
        return place

    def run(self) -> tuple[str, Json]:
        count, born = self.request["ProcessingResources"]["ClusterConfig"]["InstanceCount"], int(time.time())
        names = [f"algo-{number}" for number in range(1, count + 1)]
        self.hosts = [
            (OptMl(self.cloud, self.folder / name), LogStream(self.cloud, LOGS, f"{self.name}/{name}-{born}"))
            for name in names
        ]
        for number, (folder, _) in enumerate(self.hosts):
            self._prepare(folder, names, number)
        self.update(ProcessingStartTime=datetime.now(UTC))
        self.processes = [folder.start(self._command(), self._environment()) for folder, _ in self.hosts]
        try:
            status, reason = self._watch()
        finally:
            for process in self.processes:
                process.stop(grace=0)
        for entry in self.outputs:
            output = entry["S3Output"]
            for folder, _ in self.hosts:
                if status == "Completed" or output["S3UploadMode"] == "Continuous":
                    store.upload(self.cloud, folder.path(output["LocalPath"]), output["S3Uri"])
        fields = {"FailureReason": reason} if reason else {}
        for folder, _ in self.hosts:
            message = folder.path("/opt/ml/output/message")
            if message.exists():
                fields["ExitMessage"] = message.read_text(errors="replace")[:1024]
        return status, fields

    def _prepare(self, folder, names, number):
        """Fill a host's /opt/ml: configuration, inputs, empty folders for the outputs."""
        config = folder.path("/opt/ml/config")
        config.mkdir(parents=True)
        folder.path("/opt/ml/output").mkdir()
        described = {"ProcessingJobArn": self.arn, "ProcessingJobName": self.name} | {
            member: self.request.get(member)
            for member in (
                "AppSpecification",
                "Environment",
                "ProcessingInputs",
                "ProcessingOutputConfig",
                "ProcessingResources",
                "RoleArn",
                "StoppingCondition",
            )
        }
        config.joinpath("processingjobconfig.json").write_text(json.dumps(described))
        config.joinpath("resourceconfig.json").write_text(json.dumps({"current_host": names[number], "hosts": names}))
        for source, items in self.inputs:
            place = folder.path(source["LocalPath"])
            place.mkdir(parents=True, exist_ok=True)
            store.download(self.cloud, store.shard(items, source, number, len(names)), place)
        for entry in self.outputs:
            folder.path(entry["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        # The inputs hold the code too. Data is left alone: only Python and shell files are changed.
        folder.adapt(folder.path("/opt/ml/processing"))

    def _command(self):
        application = self.request["AppSpecification"]
        return [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]

    def _environment(self):
        return {"ProcessingJobArn": self.arn, **self.request.get("Environment", {})}

    def _watch(self):
        """Follow the script on every host; return the status and the reason of a failure."""
        deadline = time.monotonic() + self.limit
        last = ""
        while True:
            states = [process.poll() for process in self.processes]
            over = any(states) or None not in states
            for folder, stream in self.hosts:
                lines = [line for line in stream.pull(folder.log, over) if line.strip()]
                last = lines[-1].strip() if lines else last
            if any(states):
                code = next(filter(None, states))
                return "Failed", f"AlgorithmError: {last[:900]}, exit code: {code}"
            if over:
                return "Completed", None
            late = time.monotonic() > deadline
            if self.over() or late:
                for process in self.processes:
                    opt_ml.end(process)
                reason = f"MaxRuntimeExceeded: the job ran longer than {self.limit} seconds." if late else None
                return "Stopped", reason
            self.stop.wait(0.1)
