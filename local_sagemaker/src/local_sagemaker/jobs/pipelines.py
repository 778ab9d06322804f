"""The pipelines room: runs the steps of a pipeline's definition, each as the real job that it describes."""

import json
import logging
import random
import string
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from local_sagemaker.control import roles
from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.control.tables import page
from local_sagemaker.jobs import registry, store
from local_sagemaker.jobs.references import COMPARISONS, Resolver, needed
from local_sagemaker.jobs.refusals import invalid, refuse

FINISHED = ("Succeeded", "Failed", "Stopped")
CASTS = {
    "String": str,
    "Integer": int,
    "Float": float,
    "Boolean": lambda text: {"true": True, "false": False}[text.lower()],
}


@dataclass(frozen=True)
class Kind:
    """A kind of step that creates something: the operations' noun, and how its description says that it has ended."""

    noun: str
    metadata: str
    name: str = ""
    status: str = ""
    longest: int = 63

    @property
    def member(self):
        return self.name or f"{self.noun}Name"


KINDS = {
    "Processing": Kind("ProcessingJob", "ProcessingJob", status="ProcessingJobStatus"),
    "Training": Kind("TrainingJob", "TrainingJob", status="TrainingJobStatus"),
    "Transform": Kind("TransformJob", "TransformJob", status="TransformJobStatus"),
    "Tuning": Kind("HyperParameterTuningJob", "TuningJob", status="HyperParameterTuningJobStatus", longest=32),
    "Model": Kind("Model", "Model"),
    "RegisterModel": Kind("ModelPackage", "RegisterModel"),
}


def table(cloud):
    return cloud.table(
        "pipeline",
        missing='Pipeline "{name}" does not exist.',
        taken="Pipeline names must be unique within an AWS account and region, and a pipeline with this name already "
        "exists ({arn}).",
    )


def executions(cloud):
    return cloud.table("pipeline-execution", missing='Pipeline execution "{name}" does not exist.')


def _pipeline(cloud, name):
    """Return a pipeline by name or ARN."""
    found = [record for record in table(cloud).all() if name in (record["PipelineName"], record["PipelineArn"])]
    return found[0] if found else table(cloud).get(name, error="ResourceNotFound")


def _execution(cloud, request):
    return executions(cloud).get(request["PipelineExecutionArn"], error="ResourceNotFound")


@operation
def create_pipeline(cloud, request):
    fields = _checked(cloud, request)
    if "PipelineDefinition" not in fields:
        raise invalid("PipelineDefinition is missing; it says which steps to run.")
    record = table(cloud).add(request["PipelineName"], **fields, PipelineStatus="Active")
    return {"PipelineArn": record["PipelineArn"]}


@operation
def update_pipeline(cloud, request):
    record = _pipeline(cloud, request["PipelineName"])
    table(cloud).update(record["PipelineName"], **_checked(cloud, {"RoleArn": record["RoleArn"]} | request))
    return {"PipelineArn": record["PipelineArn"]}


@operation
def describe_pipeline(cloud, request):
    refuse(request, {"PipelineVersionId": "leave it out", "PipelineVersionAlias": "leave it out"})
    return _pipeline(cloud, request["PipelineName"])


@operation
def list_pipelines(cloud, request):
    prefix, records = request.get("PipelineNamePrefix", ""), table(cloud).all()
    wanted = [record for record in records if record["PipelineName"].startswith(prefix)]
    return page(_times(request), "PipelineSummaries", wanted, "Pipeline")


@operation
def delete_pipeline(cloud, request):
    record = _pipeline(cloud, request["PipelineName"])
    if any(e["PipelineExecutionStatus"] not in FINISHED for e in _executions_of(cloud, record)):
        raise ApiError("ConflictException", "The pipeline has an execution that runs; stop it or wait for its end.")
    table(cloud).delete(record["PipelineName"])
    return {"PipelineArn": record["PipelineArn"]}


@operation
def start_pipeline_execution(cloud, request):
    refuse(
        request,
        {
            "SelectiveExecutionConfig": "run the whole pipeline",
            "PipelineVersionId": "leave it out, the latest definition runs",
            "PipelineVersionAlias": "leave it out, the latest definition runs",
            "MlflowExperimentName": "leave it out",
        },
    )
    record = _pipeline(cloud, request["PipelineName"])
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
    table(cloud).update(record["PipelineName"], LastRunTime=run.born, LastExecutionTime=run.born)
    run.start()
    return {"PipelineExecutionArn": run.arn}


@operation
def describe_pipeline_execution(cloud, request):
    return _execution(cloud, request)


@operation
def list_pipeline_executions(cloud, request):
    records = _executions_of(cloud, _pipeline(cloud, request["PipelineName"]))
    return page(_times(request), "PipelineExecutionSummaries", records, "PipelineExecution")


@operation
def list_pipeline_execution_steps(cloud, request):
    if "PipelineExecutionArn" not in request:
        raise invalid("PipelineExecutionArn is missing.")
    steps = [step.summary() for step in list(_execution(cloud, request)["_run"].steps.values())]
    return page(request, "PipelineExecutionSteps", steps, "Step")


@operation
def describe_pipeline_definition_for_execution(cloud, request):
    record = _execution(cloud, request)
    return {"PipelineDefinition": record["_run"].text, "CreationTime": record["CreationTime"]}


@operation
def list_pipeline_parameters_for_execution(cloud, request):
    given = _execution(cloud, request)["_run"].given
    return {"PipelineParameters": [{"Name": name, "Value": value} for name, value in given.items()]}


@operation
def stop_pipeline_execution(cloud, request):
    record = _execution(cloud, request)
    record["_run"].ask_to_stop()
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


@operation
def retry_pipeline_execution(cloud, request):
    record = _execution(cloud, request)
    if record["PipelineExecutionStatus"] not in ("Failed", "Stopped"):
        raise invalid("Only an execution that failed or was stopped can be retried.")
    executions(cloud).update(record["_run"].id, PipelineExecutionStatus="Executing", FailureReason=None)
    record["_run"].retry()
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


def _executions_of(cloud, pipeline):
    return [record for record in executions(cloud).all() if record["PipelineArn"] == pipeline["PipelineArn"]]


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


def check(text):
    """Refuse a definition that is not one, or that has steps that cannot run here."""
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise invalid(f"The pipeline definition is not JSON: {error}.") from None
    steps = list(_all_steps(definition.get("Steps") or []))
    if not steps:
        raise invalid("The pipeline definition has no Steps.")
    names = [step["Name"] for step in steps]
    for step in steps:
        name, kind = step["Name"], step["Type"]
        if names.count(name) > 1:
            raise invalid(f"Two steps are called {name}; every step needs a name of its own.")
        if kind not in (*KINDS, "Condition", "Fail"):
            raise invalid(
                f"The step {name} is of type {kind}, which is not simulated here; the types that run are "
                f"{', '.join([*KINDS, 'Condition', 'Fail'])}."
            )
        if step.get("CacheConfig", {}).get("Enabled"):
            raise invalid(f"CacheConfig of the step {name} is not simulated here; leave it out.")
        if step.get("RetryPolicies"):
            raise invalid(f"RetryPolicies of the step {name} are not simulated here; leave them out.")
        unknown = _waits_for(step) - set(names)
        if unknown:
            raise invalid(f"The step {name} refers to {', '.join(sorted(unknown))}, which the pipeline does not have.")
        for condition in _all_conditions(step["Arguments"].get("Conditions", []) if kind == "Condition" else []):
            if condition["Type"] not in (*COMPARISONS, "In", "Not", "Or"):
                raise invalid(f"The step {name} has a condition of the unknown type {condition['Type']}.")
    _check_order({step["Name"]: _waits_for(step) for step in steps})


def _all_steps(steps):
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _all_steps([*step["Arguments"].get("IfSteps", []), *step["Arguments"].get("ElseSteps", [])])


def _all_conditions(conditions):
    for condition in conditions:
        yield condition
        inner = [condition["Condition"]] if "Condition" in condition else condition.get("Conditions", [])
        yield from _all_conditions(inner)


def _waits_for(step):
    """Return the names of the steps that must end before this one begins."""
    arguments = step["Arguments"]
    if step["Type"] == "Condition":
        arguments = arguments["Conditions"]
    return needed(arguments) | set(step.get("DependsOn", []))


def _check_order(waits):
    while waits:
        ready = [name for name, others in waits.items() if not others & set(waits)]
        if not ready:
            raise invalid(f"The steps {', '.join(sorted(waits))} wait for each other.")
        for name in ready:
            del waits[name]


class Step:
    """One step of an execution."""

    def __init__(self, definition):
        self.definition, self.name, self.type = definition, definition["Name"], definition["Type"]
        self.waits = _waits_for(definition)
        self.began = self.ended = self.job = self.reason = None
        self.status, self.metadata, self.description = "Executing", {}, {}

    def end(self, status, reason=None):
        self.status, self.reason, self.ended = status, reason, datetime.now(UTC)

    def summary(self):
        return {
            "StepName": self.name,
            "StepDisplayName": self.definition.get("DisplayName"),
            "StepDescription": self.definition.get("Description"),
            "StepStatus": self.status,
            "StartTime": self.began,
            "EndTime": self.ended,
            "FailureReason": self.reason,
            "Metadata": self.metadata,
            "AttemptCount": 1,
            "CreationTime": self.began,
            "LastModifiedTime": self.ended or self.began,
        }


class Execution:
    """One run of a pipeline."""

    def __init__(self, cloud, pipeline, request):
        self.cloud, self.text = cloud, pipeline["PipelineDefinition"]
        self.definition = json.loads(self.text)
        self.id = _random(12)
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

    def start(self):
        self.waiting = [Step(definition) for definition in self.definition["Steps"]]
        threading.Thread(target=self._guarded, name=self.id, daemon=True).start()

    def retry(self):
        """Run again what did not succeed."""
        again = [step for step in self.steps.values() if step.status != "Succeeded"]
        self.stop.clear()
        for step in again:
            del self.steps[step.name]
        self.waiting += [Step(step.definition) for step in again]
        threading.Thread(target=self._guarded, name=self.id, daemon=True).start()

    def ask_to_stop(self):
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
            request[kind.member] = step.job = f"{name.replace('_', '-').rstrip('-')}-{_random(10)}"
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
        if name and name not in [group["ModelPackageGroupName"] for group in registry.groups(self.cloud).all()]:
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


def _random(length):
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))
