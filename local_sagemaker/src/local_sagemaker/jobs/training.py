"""The training room: runs a learner's script with AWS's own training toolkit, one process a host."""

import contextlib
import json
import math
import re
import socket
import sys
import tarfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from local_sagemaker.control import roles
from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.guest import boosting
from local_sagemaker.jobs import channels, store
from local_sagemaker.jobs import room as rooms
from local_sagemaker.jobs.diary import Diary, Metrics
from local_sagemaker.jobs.refusals import family, invalid, refuse
from local_sagemaker.jobs.work import FINISHED, Work

LOGS = "/aws/sagemaker/TrainingJobs"
# A spot training job whose Environment has this is interrupted once, when it prints a line that contains the value: AWS
# has taken the instance back. On AWS itself the variable means nothing.
INTERRUPT = "LOCAL_SAGEMAKER_INTERRUPT_AT"
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


@operation
def create_training_job(cloud, request):
    return Training.create(cloud, request)


@operation
def describe_training_job(cloud, request):
    return Training.describe(cloud, request)


@operation
def list_training_jobs(cloud, request):
    return Training.table(cloud).list(request, "TrainingJobSummaries")


@operation
def stop_training_job(cloud, request):
    return Training.halt(cloud, request)


@operation
def delete_training_job(cloud, request):
    return Training.delete(cloud, request)


def _check_program(cloud, request):
    """Refuse a job that has neither a script nor an algorithm that is known here."""
    image, parameters = request["AlgorithmSpecification"]["TrainingImage"], request.get("HyperParameters", {})
    if request["AlgorithmSpecification"].get("ContainerEntrypoint"):
        family(image)
        return
    if not parameters.get("sagemaker_program"):
        if family(image) != "sagemaker-xgboost":
            raise invalid(
                "The hyperparameters sagemaker_program and sagemaker_submit_directory must name a script and its "
                "archive, as the SageMaker SDK's MXNet estimator does; only the image of XGBoost does without."
            )
        if request["ResourceConfig"].get("InstanceCount") != 1:
            raise invalid("The built-in XGBoost algorithm runs on one instance here; use InstanceCount 1.")
        return
    family(image)
    if _plain(parameters.get("sagemaker_mpi_enabled", "")) == "true":
        raise invalid("MPI is not simulated here; use the distribution parameter_server, which MXNet brings with it.")
    code = _plain(parameters.get("sagemaker_submit_directory", ""))
    if not code.startswith("s3://"):
        raise invalid("The hyperparameter sagemaker_submit_directory must be the s3:// address of your code's .tar.gz.")
    cloud.storage.require_object(code, "the training code")


def metric_definitions(request):
    """Return the metrics of a training request; SageMaker knows those of its own algorithms."""
    algorithm = request["AlgorithmSpecification"]
    own = request.get("HyperParameters", request.get("StaticHyperParameters", {})).get("sagemaker_program")
    built_in = not own and not algorithm.get("ContainerEntrypoint")
    return algorithm.get("MetricDefinitions") or (boosting.DEFINITIONS if built_in else [])


def _check_limits(request):
    limits = request.get("StoppingCondition", {})
    longest = limits.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if not longest or longest < limits.get("MaxRuntimeInSeconds", 86400):
            raise invalid("With EnableManagedSpotTraining, MaxWaitTimeInSeconds must be at least MaxRuntimeInSeconds.")
    elif longest:
        raise invalid("MaxWaitTimeInSeconds may be set only with EnableManagedSpotTraining.")


def _check_metric(entry):
    try:
        groups = re.compile(entry["Regex"]).groups
    except re.error as error:
        raise invalid(f"The regular expression of the metric {entry['Name']} is not one: {error}.") from None
    if groups != 1:
        raise invalid(f"The regular expression of the metric {entry['Name']} needs one group, the value: ([0-9.]+).")


@dataclass
class Host:
    """One machine of the job: here a room, a process and a log stream."""

    name: str
    room: rooms.Room
    diary: Diary
    process: object = None
    checkpoints: object = None


class Training(Work):
    """A training job from its request to its archives."""

    kind, prefix, halting = "training-job", "TrainingJob", {"SecondaryStatus": "Stopping"}
    missing = 'Requested resource not found: there is no training job "{name}".'
    taken = (
        "Training job names must be unique within an AWS account and region, and a training job with this name already "
        "exists ({arn})."
    )

    def __init__(self, cloud, request):
        super().__init__(cloud, request)
        self.interrupted, self.failed, self.began = False, None, None

    def check(self):
        cloud, request = self.cloud, self.request
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
            rooms.check(request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints"))
        cloud.storage.require_bucket(request["OutputDataConfig"]["S3OutputPath"])
        self.inputs = channels.resolve(cloud, request)
        program = request.get("HyperParameters", {}).get("sagemaker_program")
        self.scripted = bool(program) and not algorithm.get("ContainerEntrypoint")
        spot = request.get("EnableManagedSpotTraining", False)
        self.interrupt_at = request.get("Environment", {}).get(INTERRUPT) if spot else None
        self.metrics = Metrics(cloud, self.name, metric_definitions(request))

    def about(self):
        return {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": []}

    def run(self):
        count = self.request["ResourceConfig"]["InstanceCount"]
        self._phase("Starting", "Preparing the instances for training")
        born = int(time.time())
        self.hosts = [
            Host(f"algo-{number}", None, Diary(self.cloud, LOGS, f"{self.name}/algo-{number}-{born}"))
            for number in range(1, count + 1)
        ]
        clock = _Clock(self.request.get("StoppingCondition", {}))
        while (outcome := self._attempt(clock)) == "Interrupted":
            self._phase("Interrupted", "The spot instance was taken back; the job waits for another")
            self._phase("Starting", "Preparing the instances for training")
        ended = datetime.now(UTC)
        return outcome, {"TrainingEndTime": ended} | self._leave(outcome)

    def _attempt(self, clock):
        """Run the script on every host until one outcome stands: its own, Stopped, a limit, or Interrupted."""
        self._phase("Downloading", "Downloading input data")
        pipes, servers = [], []
        try:
            for number, host in enumerate(self.hosts):
                host.room = rooms.Room(self.cloud, self.folder / host.name)
                host.diary.restart()
                pipes += filter(None, self._furnish(host, number))
            self._phase("Training", "Training in-progress")
            clock.begin()
            shared, servers = self._parameter_server() if self._distributed() else ({}, [])
            for host in self.hosts:
                host.process = host.room.start(self._command(), self._environment() | shared)
            return self._watch(clock)
        finally:
            for pipe in pipes:
                pipe.ended.set()
            for process in [host.process for host in self.hosts if host.process] + servers:
                process.stop(grace=0)

    def _furnish(self, host, number):
        """Fill a host's room: configuration, data, checkpoints; return the pipes that feed it."""
        room, request = host.room, self.request
        for name in ("input/config", "input/data", "model", "output/data", "code"):
            room.path(f"/opt/ml/{name}").mkdir(parents=True)
        parameters = {key: room.spelled(value) for key, value in request.get("HyperParameters", {}).items()}
        names = [other.name for other in self.hosts]
        group = {
            "instance_group_name": "homogeneousCluster",
            "instance_type": request["ResourceConfig"]["InstanceType"],
            "hosts": names,
        }
        resources = {
            "current_host": host.name,
            "hosts": names,
            "current_group_name": "homogeneousCluster",
            "current_instance_type": group["instance_type"],
            "instance_groups": [group],
            "network_interface_name": "lo",
        }
        inputs = {channel.name: channel.config() for channel in self.inputs}
        for name, value in (
            ("hyperparameters", parameters),
            ("resourceconfig", resources),
            ("inputdataconfig", inputs),
        ):
            room.path(f"/opt/ml/input/config/{name}.json").write_text(json.dumps(value))
        if self.scripted and not rooms.mountable():
            self._unpack_code(room)
        if "CheckpointConfig" in request:
            host.checkpoints = Checkpoints(self.cloud, room, request["CheckpointConfig"])
        data = room.path("/opt/ml/input/data")
        pipes = [channels.deliver(self.cloud, channel, data, number, len(self.hosts)) for channel in self.inputs]
        room.adapt(data)
        return pipes

    def _unpack_code(self, room):
        """Unpack and adapt the script ourselves; the toolkit leaves a code folder that is not empty as it is."""
        uri = _plain(self.request["HyperParameters"].get("sagemaker_submit_directory", ""))
        archive = self.cloud.storage.download(uri, room.folder / "sourcedir.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(room.path("/opt/ml/code"), filter="data")
        room.adapt(room.path("/opt/ml/code"))

    def _command(self):
        """Return what the image would run: a command of the request's own, AWS's toolkit, or the algorithm."""
        algorithm = self.request["AlgorithmSpecification"]
        if algorithm.get("ContainerEntrypoint"):
            return [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
        return [sys.executable, "-m", "sagemaker_training.cli.train" if self.scripted else boosting.__name__]

    def _environment(self):
        return {
            # The toolkit waits until every host name can be looked up, except in this mode; algo-1 is no DNS name here.
            "SM_STUDIO_LOCAL_MODE": "true",
            "SAGEMAKER_BASE_DIR": "/opt/ml",
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
            **self.request.get("Environment", {}),
        }

    def _distributed(self):
        return _plain(self.request.get("HyperParameters", {}).get("sagemaker_parameter_server_enabled", "")) == "true"

    def _parameter_server(self):
        """Start MXNet's scheduler and one server; return them after the variables that its workers need."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        shared = {
            "DMLC_PS_ROOT_URI": "127.0.0.1",
            "DMLC_PS_ROOT_PORT": str(port),
            "DMLC_NODE_HOST": "127.0.0.1",
            "DMLC_NUM_SERVER": "1",
            "DMLC_NUM_WORKER": str(len(self.hosts)),
        }
        command = [sys.executable, "-c", "import mxnet"]  # a process with one of these roles serves and never returns
        room = self.hosts[0].room
        servers = [room.start(command, shared | {"DMLC_ROLE": role}) for role in ("scheduler", "server")]
        return shared | {"DMLC_ROLE": "worker"}, servers

    def _watch(self, clock):
        """Follow the hosts until all have ended well, one has not, or somebody or some limit ends them."""
        while True:
            states = [host.process.poll() for host in self.hosts]
            self.failed = next((host for host, state in zip(self.hosts, states, strict=True) if state), None)
            over = self.failed or None not in states
            for host in self.hosts:
                self._read(host, last=over)
            if over:
                return "Failed" if self.failed else "Completed"
            if self.over():
                return self._end("Stopped")
            if limit := clock.outcome():
                return self._end(limit)
            if self.interrupted:
                self.interrupted, self.interrupt_at = False, None
                return self._end("Interrupted")
            self.stop.wait(0.1)

    def _end(self, outcome):
        """End all hosts at once, with time to save their work."""
        if outcome != "Interrupted":
            self._phase("Stopping", "Stopping the training job")
        enders = [threading.Thread(target=rooms.end, args=(host.process,)) for host in self.hosts]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        for host in self.hosts:
            self._read(host, last=True)
        return outcome

    def _read(self, host, last):
        lines = host.diary.pull(host.room.log, last)
        self.metrics.read(lines)
        for line in lines:
            self.interrupted |= bool(self.interrupt_at) and self.interrupt_at in line
        if host.checkpoints:
            host.checkpoints.sync()

    def _leave(self, outcome):
        """Store what the job leaves, and return the fields that tell of it."""
        self._phase("Uploading", "Uploading generated training model")
        output = self.request["OutputDataConfig"]
        place = store.join(output["S3OutputPath"], self.name, "output")
        rooms_ = [host.room for host in self.hosts]
        data = [room.path("/opt/ml/output/data") for room in rooms_]
        if any(store.files(part) for part in data):
            store.archive(self.cloud, data, self.folder / "output.tar.gz", store.join(place, "output.tar.gz"))
        if outcome == "Failed":
            return {"FailureReason": self._reason()}
        model = [room.path("/opt/ml/model") for room in rooms_]
        if output.get("CompressionType") == "NONE":
            for part in model:
                store.upload(self.cloud, part, store.join(place, "model"))
            uri = store.join(place, "model") + "/"
        else:
            uri = store.join(place, "model.tar.gz")
            store.archive(self.cloud, model, self.folder / "model.tar.gz", uri)
        return {"ModelArtifacts": {"S3ModelArtifacts": uri}}

    def _reason(self):
        """Return the failure that the toolkit reported, with the script's own last words in it."""
        code, report = self.failed.process.poll(), self.failed.room.path("/opt/ml/output/failure")
        text = report.read_text(errors="replace") if report.exists() else _last_words(self.failed.room.log)
        text = text.replace('ErrorMessage ""', f'ErrorMessage "{_last_words(self.failed.room.log)}"')
        if len(text) > 900:  # the end of a traceback says what went wrong
            text = f"{text[:100]} ... {text[-800:]}"
        return f"AlgorithmError: {text}, exit code: {code}"

    def _phase(self, status, message):
        """Enter the next secondary status."""
        now = datetime.now(UTC)
        past = [entry | {"EndTime": entry.get("EndTime", now)} for entry in self._transitions()]
        fields = {}
        if status == "Training" and not self.began:
            self.began = fields["TrainingStartTime"] = now
        self.update(
            SecondaryStatus=status,
            SecondaryStatusTransitions=[*past, {"Status": status, "StartTime": now, "StatusMessage": message}],
            **fields,
        )

    def _transitions(self):
        return self.table(self.cloud).get(self.name)["SecondaryStatusTransitions"]

    def settle(self, status, **fields):
        self._phase(status, fields.get("FailureReason", f"Training job {status.lower()}"))
        *past, last = self._transitions()
        if self.began:
            fields.setdefault("TrainingEndTime", datetime.now(UTC))
            seconds = max(1, math.ceil((fields["TrainingEndTime"] - self.began).total_seconds()))
            # Nothing is saved here by spot, which has no price: AWS would bill fewer seconds.
            fields |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        super().settle(
            status if status in FINISHED else "Stopped",
            SecondaryStatus=status,
            SecondaryStatusTransitions=[*past, last | {"EndTime": last["StartTime"]}],
            FinalMetricDataList=list(self.metrics.last.values()),
            **fields,
        )


class Checkpoints:
    """Keeps a folder of the script and a place in S3 the same: down at the start, up while it runs."""

    def __init__(self, cloud, room, config):
        self.cloud, self.uri = cloud, config["S3Uri"]
        self.folder = room.path(config.get("LocalPath", "/opt/ml/checkpoints"))
        self.folder.mkdir(parents=True)
        with contextlib.suppress(ApiError):  # nothing there yet
            store.download(cloud, store.select(cloud, self.uri.rstrip("/") + "/"), self.folder)
        self.seen = self._state()

    def sync(self):
        """Upload what has changed since the last call."""
        now = self._state()
        bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        for path, state in now.items():
            if self.seen.get(path) != state:
                key = "/".join(filter(None, [prefix.rstrip("/"), path.relative_to(self.folder).as_posix()]))
                with contextlib.suppress(FileNotFoundError):  # the script has just renamed it
                    self.cloud.client("s3").upload_file(str(path), bucket, key)
        self.seen = now

    def _state(self):
        state = {}
        for path in store.files(self.folder):
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                state[path] = (about.st_mtime_ns, about.st_size)
        return state


class _Clock:
    """The limits of a StoppingCondition."""

    def __init__(self, limits):
        self.runtime = limits.get("MaxRuntimeInSeconds", 86400)
        self.wait = limits.get("MaxWaitTimeInSeconds", math.inf)
        self.created, self.began = time.monotonic(), None

    def begin(self):
        self.began = self.began or time.monotonic()

    def outcome(self):
        now = time.monotonic()
        if now - self.began > self.runtime:
            return "MaxRuntimeExceeded"
        return "MaxWaitTimeExceeded" if now - self.created > self.wait else None


def _plain(value):
    """Return a hyperparameter as it was meant: the SDK writes strings as JSON, other clients as they are."""
    return value[1:-1] if value.startswith('"') and value.endswith('"') and len(value) > 1 else value


def _last_words(log):
    """Return the last error that a script printed, or its last line."""
    text = log.read_bytes()[-65536:].decode("utf-8", "replace").partition("Reporting training FAILURE")[0]
    _, invoked, text = text.rpartition("Invoking script with the following command:")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "sagemaker-training-toolkit" not in line]
    lines = lines[1:] if invoked else lines  # the toolkit prints the command
    errors = [line for line in lines if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b", line)]
    return (errors or lines or ["The script printed nothing."])[-1][:500]
