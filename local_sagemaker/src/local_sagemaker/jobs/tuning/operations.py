"""The operations of hyperparameter tuning jobs."""

from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import operation
from local_sagemaker.control.tables import page
from local_sagemaker.jobs.tuning.job import Tuning

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


if TYPE_CHECKING:
    pass

Json = dict[str, Any]


@operation
def create_hyper_parameter_tuning_job(cloud: "Cloud", request: Json) -> Json:
    return Tuning.create(cloud, request)


@operation
def describe_hyper_parameter_tuning_job(cloud: "Cloud", request: Json) -> Json:
    return Tuning.describe(cloud, request)


@operation
def list_hyper_parameter_tuning_jobs(cloud: "Cloud", request: Json) -> Json:
    return Tuning.table(cloud).list(request, "HyperParameterTuningJobSummaries")


@operation
def stop_hyper_parameter_tuning_job(cloud: "Cloud", request: Json) -> Json:
    return Tuning.halt(cloud, request)


@operation
def delete_hyper_parameter_tuning_job(cloud: "Cloud", request: Json) -> Json:
    return Tuning.delete(cloud, request)


@operation
def list_training_jobs_for_hyper_parameter_tuning_job(cloud: "Cloud", request: Json) -> Json:
    tuner = Tuning.describe(cloud, request)["_work"]
    summaries = [tuner.summary(trial) for trial in tuner.trials]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        for summary in summaries:  # those without a value come last
            metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
            summary["FinalObjectiveMetricValue"] = metric["Value"] if metric else tuner.sign * float("-inf")
    return page(request, "TrainingJobSummaries", summaries, "TrainingJob")
