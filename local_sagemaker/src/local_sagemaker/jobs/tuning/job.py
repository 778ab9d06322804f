"""A tuning job, from its request to its best training job."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs import store
from local_sagemaker.jobs.training.job import Training
from local_sagemaker.jobs.training.request import metric_definitions
from local_sagemaker.jobs.tuning import search
from local_sagemaker.jobs.work import FINISHED, Work

Json = dict[str, Any]

PATIENCE = 5  # training jobs that may fail before the first that succeeds, as on AWS
NOT_HERE = {
    "TrainingJobDefinitions": "give one TrainingJobDefinition",
    "WarmStartConfig": "leave it out",
    "Autotune": "give every hyperparameter a range",
    "HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds": "use MaxNumberOfTrainingJobs",
    "HyperParameterTuningJobConfig.StrategyConfig": "leave it out",
    "HyperParameterTuningJobConfig.TuningJobCompletionCriteria.BestObjectiveNotImproving": "use "
    "TargetObjectiveMetricValue",
    "HyperParameterTuningJobConfig.TuningJobCompletionCriteria.ConvergenceDetected": "use TargetObjectiveMetricValue",
    "TrainingJobDefinition.HyperParameterTuningResourceConfig.InstanceConfigs": "use InstanceType and InstanceCount",
}


@dataclass
class Trial:
    """One point of the search and its training job."""

    name: str
    point: tuple
    parameters: dict
    status: str = "InProgress"
    value: float | None = None


class Tuning(Work):
    """A tuning job from its request to its best training job."""

    kind, prefix, unknown = "hyper-parameter-tuning-job", "HyperParameterTuningJob", "ResourceNotFound"
    ended = "HyperParameterTuningEndTime"
    missing = 'Could not find the hyperparameter tuning job "{name}".'
    taken = "Hyperparameter tuning job names must be unique, and a job with this name already exists ({arn})."

    def __init__(self, cloud, request):
        super().__init__(cloud, request)
        self.config = request["HyperParameterTuningJobConfig"]
        self.definition = request.get("TrainingJobDefinition", {})
        self.trials, self.best = [], None

    def check(self) -> None:
        refuse(self.request, NOT_HERE)
        config = self.config
        if not self.definition:
            raise invalid("TrainingJobDefinition is missing; it says what each training job runs.")
        if config["Strategy"] not in search.STRATEGIES:
            raise invalid(
                f"The strategy {config['Strategy']} is not simulated here; use {', '.join(search.STRATEGIES)}."
            )
        if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise invalid("TrainingJobEarlyStoppingType Auto is not simulated here; use Off.")
        self.objective = config.get("HyperParameterTuningJobObjective") or self.definition.get("TuningObjective")
        if not self.objective:
            raise invalid("HyperParameterTuningJobObjective is missing; it names the metric to improve.")
        self.sign = 1 if self.objective["Type"] == "Maximize" else -1
        metrics = [entry["Name"] for entry in metric_definitions(self.definition)]
        if self.objective["MetricName"] not in metrics:
            raise invalid(
                f"The objective metric {self.objective['MetricName']} must be one of MetricDefinitions, which are: "
                f"{', '.join(metrics) or 'none'}."
            )
        ranges = config.get("ParameterRanges") or self.definition.get("HyperParameterRanges", {})
        self.parameters = search.ranges(ranges)
        strategy = search.STRATEGIES[config["Strategy"]]
        self.strategy: search.Strategy = strategy(self.parameters, config.get("RandomSeed"))
        limits = config["ResourceLimits"]
        self.most: int = limits.get("MaxNumberOfTrainingJobs") or getattr(self.strategy, "size", 0)
        if not self.most:
            raise invalid("ResourceLimits.MaxNumberOfTrainingJobs is missing; it says when to end.")
        self.parallel = limits["MaxParallelTrainingJobs"]
        sample = self._training_request(
            self.name, search.hyperparameters(self.parameters, [0.5] * len(self.parameters))
        )
        Training(self.cloud, sample).check()

    def about(self) -> Json:
        wanted = {name: self.config[name] for name in ("Strategy", "ResourceLimits")}
        return wanted | self.counters()

    def run(self) -> tuple[str, Json]:
        target = self.config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
        exhausted = False
        while True:
            for trial in self.trials:
                self._follow(trial)
            running = [trial for trial in self.trials if trial.status not in FINISHED]
            failed = [trial for trial in self.trials if trial.status == "Failed"]
            hopeless = len(failed) >= PATIENCE and self.best is None
            reached = target is not None and self.best and self.sign * (self.best.value - target) >= 0
            if self.over() or hopeless or reached:
                exhausted = True
                for trial in running:
                    self._stop(trial)
            while not exhausted and len(running) < self.parallel:
                point = None
                if len(self.trials) < self.most:
                    point = self.strategy.next([(trial.point, self._worth(trial)) for trial in self.trials])
                if point is None:
                    exhausted = True
                else:
                    running.append(self._start(point))
            self.update(**self.counters())
            if exhausted and not running:
                break
            time.sleep(0.2)
        if self.over():
            return "Stopped", {}
        if self.best is None:
            reason = f"No training job succeeded after {len(self.trials)} attempts. "
            hint = "The training jobs that ListTrainingJobsForHyperParameterTuningJob lists say why."
            return "Failed", {"FailureReason": reason + hint}
        return "Completed", {}

    def _training_request(self, name, tuned):
        definition = {key: value for key, value in self.definition.items() if key != "TuningObjective"}
        static = definition.pop("StaticHyperParameters", {})
        definition.pop("DefinitionName", None)
        definition.pop("HyperParameterRanges", None)
        resources = definition.pop("HyperParameterTuningResourceConfig", None) or definition.get("ResourceConfig", {})
        definition["ResourceConfig"] = {key: value for key, value in resources.items() if key != "AllocationStrategy"}
        if "CheckpointConfig" in definition:  # every training job has checkpoints of its own
            place = definition["CheckpointConfig"]
            definition["CheckpointConfig"] = place | {"S3Uri": store.join(place["S3Uri"], name)}
        parameters = static | tuned | {"_tuning_objective_metric": self.objective["MetricName"]}
        return {"TrainingJobName": name, "HyperParameters": parameters, **definition}

    def _start(self, point):
        name = f"{self.name}-{len(self.trials) + 1:03d}-{uuid.uuid4().hex[:8]}"
        tuned = search.hyperparameters(self.parameters, point)
        self.cloud.call("CreateTrainingJob", self._training_request(name, tuned))
        Training.table(self.cloud).update(name, TuningJobArn=self.arn)
        self.trials.append(trial := Trial(name, point, tuned))
        return trial

    def _follow(self, trial):
        """Take over what a training job has come to."""
        if trial.status in FINISHED:
            return
        record = Training.table(self.cloud).get(trial.name)
        metric = self.objective["MetricName"]
        if record["TrainingJobStatus"] == "Completed":
            values = {entry["MetricName"]: entry["Value"] for entry in record["FinalMetricDataList"]}
            trial.value = values.get(metric)
            if trial.value is not None and (self.best is None or self.sign * (trial.value - self.best.value) > 0):
                self.best = trial
        trial.status = record["TrainingJobStatus"]

    def _worth(self, trial):
        """Return what the search learns from a trial: more is better, None is not known yet or never."""
        return None if trial.value is None else self.sign * trial.value

    def _stop(self, trial):
        if trial.status != "Stopping":
            try:
                self.cloud.call("StopTrainingJob", {"TrainingJobName": trial.name})
            except ApiError:  # it has just ended by itself
                return
            trial.status = "Stopping"

    def summary(self, trial: Trial) -> Json:
        """Return a training job as tuning answers describe it."""
        record = Training.table(self.cloud).get(trial.name)
        summary: Json = {
            name: record[name]
            for name in (
                "TrainingJobName",
                "TrainingJobArn",
                "CreationTime",
                "LastModifiedTime",
                "TrainingStartTime",
                "TrainingEndTime",
                "TrainingJobStatus",
                "FailureReason",
            )
            if name in record
        }
        summary |= {"TunedHyperParameters": trial.parameters, "TuningJobName": self.name, "ObjectiveStatus": "Pending"}
        if trial.value is not None:
            metric = {"MetricName": self.objective["MetricName"], "Value": trial.value, "Type": self.objective["Type"]}
            summary |= {"FinalHyperParameterTuningJobObjectiveMetric": metric, "ObjectiveStatus": "Succeeded"}
        elif trial.status in FINISHED:
            summary["ObjectiveStatus"] = "Failed"
        return summary

    def counters(self) -> Json:
        """Return the counters and the best training job of a Describe answer."""
        states = [trial.status for trial in self.trials]
        ended = [trial for trial in self.trials if trial.status in FINISHED]
        valued = [trial for trial in self.trials if trial.value is not None]
        answer = {
            "TrainingJobStatusCounters": {
                "Completed": states.count("Completed"),
                "InProgress": len(self.trials) - len(ended),
                "RetryableError": 0,
                "NonRetryableError": states.count("Failed"),
                "Stopped": states.count("Stopped"),
            },
            "ObjectiveStatusCounters": {
                "Succeeded": len(valued),
                "Pending": len(self.trials) - len(ended),
                "Failed": len(ended) - len(valued),
            },
        }
        if self.best:
            answer["BestTrainingJob"] = self.summary(self.best)
        return answer
