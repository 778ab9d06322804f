"""One run of a pipeline: starts steps when what they wait for has succeeded, and follows their jobs."""

import json
import logging
import random
import string
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_sagemaker.control import model_registry
from local_sagemaker.control.refusals import invalid
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs.pipelines.definition import KINDS
from local_sagemaker.jobs.pipelines.records import FINISHED, executions
from local_sagemaker.jobs.pipelines.references import Resolver
from local_sagemaker.jobs.pipelines.step import Step

CASTS: dict[str, Callable[[str], Any]] = {
    "String": str,
    "Integer": int,
    "Float": float,
    "Boolean": lambda text: {"true": True, "false": False}[text.lower()],
}


class Execution:
    """One run of a pipeline."""

    def __init__(self, cloud, pipeline, request):
        self.cloud, self.text = cloud, pipeline["PipelineDefinition"]
        self.definition = json.loads(self.text)
        self.id = random_name(12)
        self.arn = f"{pipeline['PipelineArn']}/execution/{self.id}"
        self.born = datetime.now(UTC)
        self.role = request.get("RoleArn", pipeline["RoleArn"])
        limits = request.get("ParallelismConfiguration") or pipeline.get("ParallelismConfiguration") or {}
        self.parallel = limits.get("MaxParallelExecutionSteps", 50)
        parameters = self._parameters(request.get("PipelineParameters", []))
        self.given = {name: str(value) for name, value in parameters.items()}
        self.steps, self.described = {}, {}
        self.stop, self.lock = threading.Event(), threading.Lock()
        variables = {
            "PipelineName": pipeline["PipelineName"],
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineExecutionId": self.id,
            "PipelineExecutionArn": self.arn,
            "StartDateTime": self.born.isoformat(),
            "CurrentDateTime": self.born.isoformat(),
        }
        self.resolver = Resolver(cloud, parameters, variables, self.described)

    def _parameters(self, given):
        """Return {name: value} of the definition's parameters, as given or by default."""
        given, values = {entry["Name"]: entry["Value"] for entry in given}, {}
        for entry in self.definition.get("Parameters", []):
            name = entry["Name"]
            value = given.pop(name, entry.get("DefaultValue"))
            if value is None:
                raise invalid(f"The parameter {name} has no default; give it a value.")
            try:
                values[name] = CASTS[entry["Type"]](str(value))
            except (ValueError, KeyError):
                raise invalid(f"The parameter {name} is of type {entry['Type']}, and {value!r} is not.") from None
            if entry.get("EnumValues") and values[name] not in entry["EnumValues"]:
                raise invalid(f"The parameter {name} must be one of {entry['EnumValues']}, not {value!r}.")
        if given:
            raise invalid(f"The pipeline has no parameter {', '.join(sorted(given))}.")
        return values

    def start(self) -> None:
        self.waiting = [Step(definition) for definition in self.definition["Steps"]]
        threading.Thread(target=self._guarded, name=self.id, daemon=True).start()

    def retry(self) -> None:
        """Run again what did not succeed."""
        again = [step for step in self.steps.values() if step.status != "Succeeded"]
        self.stop.clear()
        for step in again:
            del self.steps[step.name]
        self.waiting += [Step(step.definition) for step in again]
        threading.Thread(target=self._guarded, name=self.id, daemon=True).start()

    def ask_to_stop(self) -> None:
        with self.lock:
            status = executions(self.cloud).get(self.id)["PipelineExecutionStatus"]
            if status in FINISHED:
                raise invalid(f"The request was rejected because the execution has the status {status}.")
            executions(self.cloud).update(self.id, PipelineExecutionStatus="Stopping")
            self.stop.set()

    def _guarded(self):
        try:
            self._run()
        except Exception as error:
            logging.exception("pipeline execution %s", self.id)
            self._finish("Failed", f"InternalServerError: {error!r}")

    def _run(self):
        while True:
            running = [step for step in self.steps.values() if step.status not in FINISHED]
            for step in running:
                self._follow(step)
            running = [step for step in running if step.status not in FINISHED]
            failed = [step for step in self.steps.values() if step.status == "Failed"]
            stopping = self.stop.is_set() or self.cloud.stopping.is_set()
            if stopping:
                for step in running:
                    self._stop(step)
            ready = [] if failed or stopping else self._ready()
            for step in ready[: self.parallel - len(running)]:
                self._start(step)
            if not ready and not running:
                break
            time.sleep(0.1)
        if failed:
            names = ", ".join(step.name for step in failed)
            self._finish("Failed", f"Step failure: One or multiple steps failed: {names}.")
        else:
            self._finish("Stopped" if stopping else "Succeeded")

    def _ready(self):
        done = {step.name for step in self.steps.values() if step.status == "Succeeded"}
        return [step for step in self.waiting if step.waits <= done]

    def _start(self, step):
        self.waiting.remove(step)
        step.began = datetime.now(UTC)
        self.steps[step.name] = step
        try:
            if step.type == "Condition":
                self._branch(step)
            elif step.type == "Fail":
                message = self.resolver.fill(step.definition["Arguments"]["ErrorMessage"])
                step.metadata = {"Fail": {"ErrorMessage": message}}
                step.end("Failed", message)
            else:
                self._create(step)
        except ApiError as error:
            step.end("Failed", f"ClientError: {error.message}")

    def _branch(self, step):
        arguments = step.definition["Arguments"]
        outcome = all(map(self.resolver.holds, arguments["Conditions"]))
        step.metadata = {"Condition": {"Outcome": str(outcome)}}
        self.described[step.name] = (step.definition, {"Outcome": str(outcome)})
        self.waiting += [Step(definition) for definition in arguments["IfSteps" if outcome else "ElseSteps"]]
        step.end("Succeeded")

    def _create(self, step):
        """Create what the step describes, under a name of its own."""
        kind = KINDS[step.type]
        request = self.resolver.fill(step.definition["Arguments"])
        if step.type == "RegisterModel":
            self._ensure_group(request)
        else:
            name = f"{request.get(kind.member, f'pipelines-{self.id}-{step.name}')}"[: kind.longest - 11]
            request[kind.member] = step.job = f"{name.replace('_', '-').rstrip('-')}-{random_name(10)}"
        if step.type in ("Processing", "Training"):
            request.setdefault("RoleArn", self.role)
        answer = self.cloud.call(f"Create{kind.noun}", request)
        arn = answer[f"{kind.noun}Arn"]
        step.metadata = {kind.metadata: {"Arn": arn}}
        step.job = step.job or arn
        self._follow(step)

    def _ensure_group(self, request):
        """Make the group that a model is registered in, which a pipeline on AWS does too."""
        name = request.get("ModelPackageGroupName")
        if name and name not in [group["ModelPackageGroupName"] for group in model_registry.groups(self.cloud).all()]:
            self.cloud.call("CreateModelPackageGroup", {"ModelPackageGroupName": name})

    def _follow(self, step):
        """Take over what the step's job has come to."""
        kind = KINDS[step.type]
        description = self.cloud.call(f"Describe{kind.noun}", {kind.member: step.job})
        status = description[kind.status] if kind.status else "Completed"
        if step.type == "Tuning":
            description["TrainingJobSummaries"] = self._trials(step.job, description)
        self.described[step.name] = (step.definition, description)
        if status == "Completed":
            step.end("Succeeded")
        elif status in ("Failed", "Stopped"):
            step.end(status, description.get("FailureReason"))
            if status == "Stopped" and not self.stop.is_set():
                step.end("Failed", f"The job {step.job} was stopped.")

    def _trials(self, name, description):
        objective = description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        order = "Descending" if objective["Type"] == "Maximize" else "Ascending"
        request = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 100}
        request["HyperParameterTuningJobName"] = name
        return self.cloud.call("ListTrainingJobsForHyperParameterTuningJob", request)["TrainingJobSummaries"]

    def _stop(self, step):
        kind = KINDS[step.type]
        if step.status != "Stopping":
            step.status = "Stopping"
            try:
                self.cloud.call(f"Stop{kind.noun}", {kind.member: step.job})
            except ApiError:  # it has just ended by itself
                logging.info("the step %s ended before it was stopped", step.name)

    def _finish(self, status, reason=None):
        with self.lock:
            executions(self.cloud).update(self.id, PipelineExecutionStatus=status, FailureReason=reason)


def random_name(length: int) -> str:
    """Return a name that nothing else has."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))
