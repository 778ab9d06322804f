"""Tuning jobs: the search by itself, and over real training jobs."""

import math
import statistics

import pytest
from botocore.exceptions import ClientError
from jobs_kit import client, training, unique, wait
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs.tuning import search

SCRIPT = """
import sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
rate, layers = float(given["--rate"]), int(given.get("--layers", 2))
print(f"loss={(rate - 0.3) ** 2 + abs(layers - 2):.6f};")
"""
METRIC = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([-0-9.e]+);"}]}
RATE = {"Name": "rate", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}


def tuning(cloud, script=SCRIPT, ranges=None, most=4, parallel=2, strategy="Random", objective="loss", **config):
    """Return the request for a tuning job."""
    definition = training(cloud, script, algorithm=METRIC)
    del definition["TrainingJobName"]
    definition["StaticHyperParameters"] = definition.pop("HyperParameters")
    return {
        "HyperParameterTuningJobName": unique("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": objective},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": ranges or {"ContinuousParameterRanges": [RATE]},
            "RandomSeed": 7,
        }
        | config,
        "TrainingJobDefinition": definition,
    }


def tune(cloud, **changes):
    request = tuning(cloud, **changes)
    client().create_hyper_parameter_tuning_job(**request)
    return request["HyperParameterTuningJobName"]


def trials(name, **order):
    answer = client().list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **order)
    return answer["TrainingJobSummaries"]


def value(trial):
    return trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]


def test_the_best_of_real_training_jobs_wins(cloud):
    name = tune(cloud)
    job = wait("hyper_parameter_tuning", name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == job["ObjectiveStatusCounters"]["Succeeded"] == 4
    ranked = trials(name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    assert [value(trial) for trial in ranked] == sorted(value(trial) for trial in ranked)
    assert job["BestTrainingJob"]["TrainingJobName"] == ranked[0]["TrainingJobName"]
    for trial in ranked:
        rate = float(trial["TunedHyperParameters"]["rate"])
        assert value(trial) == pytest.approx((rate - 0.3) ** 2, abs=1e-5)
        ran = client().describe_training_job(TrainingJobName=trial["TrainingJobName"])
        assert ran["HyperParameters"]["rate"] == trial["TunedHyperParameters"]["rate"]
        assert ran["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    starts = sorted(trial["TrainingStartTime"] for trial in ranked)
    ends = sorted(trial["TrainingEndTime"] for trial in ranked)
    assert starts[2] >= ends[0]  # the third began when one of the first two had ended


def test_a_grid_is_tried_whole(cloud):
    ranges = {
        "CategoricalParameterRanges": [
            {"Name": "rate", "Values": ["0.1", "0.3"]},
            {"Name": "layers", "Values": ["1", "2"]},
        ]
    }
    request = tuning(cloud, ranges=ranges, strategy="Grid", parallel=4)
    del request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    client().create_hyper_parameter_tuning_job(**request)
    job = wait("hyper_parameter_tuning", request["HyperParameterTuningJobName"])
    tried = {
        tuple(sorted(trial["TunedHyperParameters"].items())) for trial in trials(job["HyperParameterTuningJobName"])
    }
    assert len(tried) == 4
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0.3", "layers": "2"}


def test_a_goal_that_is_reached_ends_the_search(cloud):
    goal = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.9}}
    job = wait("hyper_parameter_tuning", tune(cloud, most=50, parallel=1, **goal))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 1


def test_a_search_whose_jobs_all_fail_fails(cloud):
    job = wait("hyper_parameter_tuning", tune(cloud, script="raise SystemExit(1)", most=2))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "No training job succeeded after 2 attempts" in job["FailureReason"]
    assert "BestTrainingJob" not in job


def test_a_job_without_the_metric_counts_as_failed(cloud):
    name = tune(cloud, script="print('no metric')", most=1)
    job = wait("hyper_parameter_tuning", name)
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 1}
    assert trials(name)[0]["ObjectiveStatus"] == "Failed"


def test_stopping_stops_the_training_jobs(cloud):
    name = tune(cloud, script="import time; time.sleep(60)", most=10)
    client().stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = wait("hyper_parameter_tuning", name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert all(trial["TrainingJobStatus"] == "Stopped" for trial in trials(name))
    client().delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    with pytest.raises(ClientError, match="Could not find"):
        client().describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def test_the_sdk_tunes_and_ranks(cloud, tmp_path):
    MXNet = pytest.importorskip("sagemaker.mxnet").MXNet
    from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner

    (tmp_path / "train.py").write_text(SCRIPT)
    estimator = MXNet(
        "train.py",
        source_dir=str(tmp_path),
        role=cloud.role,
        instance_type="ml.m5.large",
        instance_count=1,
        framework_version="1.9.0",
        py_version="py38",
    )
    ranges = {"rate": ContinuousParameter(0.2, 0.4), "layers": CategoricalParameter([2, 3])}
    tuner = HyperparameterTuner(
        estimator,
        "loss",
        ranges,
        METRIC["MetricDefinitions"],
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    tuner.fit(wait=False)
    wait("hyper_parameter_tuning", tuner.latest_tuning_job.name)
    frame = tuner.analytics().dataframe()
    assert len(frame) == 2
    best = frame.sort_values("FinalObjectiveValue").iloc[0]
    assert tuner.best_training_job() == best["TrainingJobName"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "Hyperband"}, "Hyperband is not simulated here"),
        ({"objective": "accuracy"}, "must be one of MetricDefinitions"),
        ({"TrainingJobEarlyStoppingType": "Auto"}, "EarlyStoppingType Auto is not simulated"),
        ({"ranges": {"ContinuousParameterRanges": [RATE | {"MinValue": "1"}]}}, "MinValue below its MaxValue"),
        ({"ranges": {"ContinuousParameterRanges": [RATE | {"MinValue": "low"}]}}, "must have numbers"),
        ({"ranges": {"ContinuousParameterRanges": [RATE | {"ScalingType": "Logarithmic"}]}}, "must be above 0"),
        ({"ranges": {"IntegerParameterRanges": [RATE], "ContinuousParameterRanges": [RATE]}}, "has two ranges"),
        ({"strategy": "Grid"}, "takes only CategoricalParameterRanges"),
    ],
)
def test_a_search_that_cannot_run_is_refused(cloud, changes, message):
    with pytest.raises(ClientError, match=message):
        tune(cloud, **changes)


def test_a_definition_that_cannot_run_is_refused(cloud):
    request = tuning(cloud)
    request["TrainingJobDefinition"]["RoleArn"] = "arn:aws:iam::123456789012:role/nobody"
    with pytest.raises(ClientError, match="Could not assume role"):
        client().create_hyper_parameter_tuning_job(**request)


@pytest.mark.parametrize(
    ("scale", "low", "high", "middle"),
    [("Linear", "0", "10", 5), ("Logarithmic", "0.001", "0.1", 0.01), ("ReverseLogarithmic", "0.9", "0.999", 0.99)],
)
def test_a_range_is_searched_on_its_scale(scale, low, high, middle):
    entry = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}
    (parameter,) = search.ranges({"ContinuousParameterRanges": [entry]})
    assert float(parameter.value(0)) == pytest.approx(float(low))
    assert float(parameter.value(1)) == pytest.approx(float(high))
    assert float(parameter.value(0.5)) == pytest.approx(middle)


def test_whole_numbers_stay_whole():
    entry = {"Name": "x", "MinValue": "1", "MaxValue": "4"}
    (parameter,) = search.ranges({"IntegerParameterRanges": [entry]})
    assert {parameter.value(position / 20) for position in range(21)} == {"1", "2", "3", "4"}


def test_the_same_seed_makes_the_same_search():
    parameters = search.ranges({"ContinuousParameterRanges": [RATE]})
    first, second = search.Random(parameters, 3), search.Random(parameters, 3)
    assert [first.next([]) for _ in range(5)] == [second.next([]) for _ in range(5)]


def test_no_point_is_tried_twice_while_there_are_others():
    parameters = search.ranges({"CategoricalParameterRanges": [{"Name": "x", "Values": list("abcd")}]})
    strategy = search.Random(parameters, 0)
    assert {parameters[0].value(strategy.next([])[0]) for _ in range(4)} == set("abcd")


def _best_after(strategy, parameters, seed, tries=15):
    """Return how near a search comes to the peak of a hilly function of two numbers and a choice."""
    strategy, seen = strategy(parameters, seed), []
    for _ in range(tries):
        point = strategy.next(seen)
        x, y, kind = (parameter.value(position) for parameter, position in zip(parameters, point, strict=True))
        x, y = math.log10(float(x)), float(y)
        seen.append((point, -((x + 2) ** 2) - (y - 0.7) ** 2 * 4 - (kind != "b")))
    return max(value for _, value in seen)


def test_the_bayesian_search_beats_chance():
    parameters = search.ranges(
        {
            "ContinuousParameterRanges": [
                {"Name": "x", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"},
                {"Name": "y", "MinValue": "0", "MaxValue": "1"},
            ],
            "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c"]}],
        }
    )
    bayesian = statistics.mean(_best_after(search.Bayesian, parameters, seed) for seed in range(5))
    chance = statistics.mean(_best_after(search.Random, parameters, seed) for seed in range(5))
    assert bayesian > chance / 2  # both are below 0: at most half as far from the peak


def test_an_unknown_kind_of_range_is_refused():
    with pytest.raises(ApiError, match="at least one range"):
        search.ranges({})
    with pytest.raises(ApiError, match="AutoParameters"):
        search.ranges({"AutoParameters": [{"Name": "x", "ValueHint": "1"}]})
