"""A training job, from its request to its archives: one process per host."""

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local_sagemaker.control.logs import LogStream
from local_sagemaker.daemon.processes import Process
from local_sagemaker.jobs import channels, opt_ml, store
from local_sagemaker.jobs.opt_ml import OptMl
from local_sagemaker.jobs.training import request, toolkit
from local_sagemaker.jobs.training.checkpoints import Checkpoints
from local_sagemaker.jobs.training.limits import Clock
from local_sagemaker.jobs.training.metrics import JobMetrics
from local_sagemaker.jobs.work import FINISHED, Work

Json = dict[str, Any]

LOGS = "/aws/sagemaker/TrainingJobs"
# A spot training job whose Environment has this is interrupted once, when it prints a line that contains the value: AWS
# has taken the instance back. On AWS itself the variable means nothing.
INTERRUPT = "LOCAL_SAGEMAKER_INTERRUPT_AT"


@dataclass
class Host:
    """One machine of the job: here a folder, a process and a log stream."""

    name: str
    stream: LogStream
    folder: OptMl = field(init=False)  # a new one for every attempt
    process: Process | None = None
    checkpoints: Checkpoints | None = None

    def status(self) -> int | None:
        """Return the exit status of its process, or None while that runs."""
        return self.process.poll() if self.process else None


class Training(Work):
    """A training job from its request to its archives."""

    kind, prefix, halting = "training-job", "TrainingJob", {"SecondaryStatus": "Stopping"}
    missing = 'Requested resource not found: there is no training job "{name}".'
    taken = (
        "Training job names must be unique within an AWS account and region, and a training job with this name already "
        "exists ({arn})."
    )

    def __init__(self, cloud, body):
        super().__init__(cloud, body)
        self.interrupted = False
        self.failed: Host | None = None
        self.began: datetime | None = None

    def check(self) -> None:
        request.check(self.cloud, self.request)
        self.inputs = channels.resolve(self.cloud, self.request)
        spot = self.request.get("EnableManagedSpotTraining", False)
        self.interrupt_at = self.request.get("Environment", {}).get(INTERRUPT) if spot else None
        self.metrics = JobMetrics(self.cloud, self.name, request.metric_definitions(self.request))

    def about(self) -> Json:
        return {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": []}

    def run(self) -> tuple[str, Json]:
        count = self.request["ResourceConfig"]["InstanceCount"]
        self._phase("Starting", "Preparing the instances for training")
        born = int(time.time())
        self.hosts = [
            Host(f"algo-{number}", LogStream(self.cloud, LOGS, f"{self.name}/algo-{number}-{born}"))
            for number in range(1, count + 1)
        ]
        clock = Clock(self.request.get("StoppingCondition", {}))
        while (outcome := self._attempt(clock)) == "Interrupted":
            self._phase("Interrupted", "The spot instance was taken back; the job waits for another")
            self._phase("Starting", "Preparing the instances for training")
        ended = datetime.now(UTC)
        return outcome, {"TrainingEndTime": ended} | self._upload(outcome)

    def _attempt(self, clock):
        """Run the script on every host until one outcome stands: its own, Stopped, a limit, or Interrupted."""
        self._phase("Downloading", "Downloading input data")
        pipes, servers = [], []
        try:
            for number, host in enumerate(self.hosts):
                host.folder = OptMl(self.cloud, self.folder / host.name)
                host.stream.restart()
                pipes += filter(None, self._prepare(host, number))
            self._phase("Training", "Training in-progress")
            clock.begin()
            shared, servers = self._parameter_server()
            command, environment = toolkit.command(self.request), toolkit.environment(self.request, self.arn)
            for host in self.hosts:
                host.process = host.folder.start(command, environment | shared)
            return self._watch(clock)
        finally:
            for pipe in pipes:
                pipe.ended.set()
            for process in [host.process for host in self.hosts if host.process] + servers:
                process.stop(grace=0)

    def _prepare(self, host, number):
        """Fill a host's /opt/ml: configuration, code, data, checkpoints; return the pipes that feed it."""
        folder = host.folder
        toolkit.prepare(folder, self.request, host.name, [other.name for other in self.hosts], self.inputs)
        toolkit.unpack_code(self.cloud, folder, self.request)
        if "CheckpointConfig" in self.request:
            host.checkpoints = Checkpoints(self.cloud, folder, self.request["CheckpointConfig"])
        data = folder.path("/opt/ml/input/data")
        pipes = [channels.deliver(self.cloud, channel, data, number, len(self.hosts)) for channel in self.inputs]
        folder.adapt(data)
        return pipes

    def _parameter_server(self):
        """Return the variables of a distributed job's workers and the processes that serve them, both perhaps empty."""
        if not request.is_distributed(self.request):
            return {}, []
        return toolkit.parameter_server(self.hosts[0].folder, len(self.hosts))

    def _watch(self, clock):
        """Follow the hosts until all have ended well, one has not, or somebody or some limit ends them."""
        while True:
            states = [host.status() for host in self.hosts]
            self.failed = next((host for host, state in zip(self.hosts, states, strict=True) if state), None)
            over = self.failed or None not in states
            for host in self.hosts:
                self._follow_output(host, last=over)
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
        enders = [threading.Thread(target=opt_ml.end, args=(host.process,)) for host in self.hosts]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        for host in self.hosts:
            self._follow_output(host, last=True)
        return outcome

    def _follow_output(self, host, last):
        lines = host.stream.pull(host.folder.log, last)
        self.metrics.read(lines)
        for line in lines:
            self.interrupted |= bool(self.interrupt_at) and self.interrupt_at in line
        if host.checkpoints:
            host.checkpoints.sync()

    def _upload(self, outcome):
        """Store what the job leaves, and return the fields that tell of it."""
        self._phase("Uploading", "Uploading generated training model")
        output = self.request["OutputDataConfig"]
        place = store.join(output["S3OutputPath"], self.name, "output")
        folders = [host.folder for host in self.hosts]
        data = [folder.path("/opt/ml/output/data") for folder in folders]
        if any(store.files(part) for part in data):
            store.archive(self.cloud, data, self.folder / "output.tar.gz", store.join(place, "output.tar.gz"))
        if self.failed:
            return {"FailureReason": toolkit.failure(self.failed.folder, self.failed.status() or 1)}
        model = [folder.path("/opt/ml/model") for folder in folders]
        if output.get("CompressionType") == "NONE":
            for part in model:
                store.upload(self.cloud, part, store.join(place, "model"))
            uri = store.join(place, "model") + "/"
        else:
            uri = store.join(place, "model.tar.gz")
            store.archive(self.cloud, model, self.folder / "model.tar.gz", uri)
        return {"ModelArtifacts": {"S3ModelArtifacts": uri}}

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

    def settle(self, status: str, **fields: Any) -> None:
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
