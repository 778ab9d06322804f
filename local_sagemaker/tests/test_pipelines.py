"""Pipelines: definitions of the SDK and by hand, whose steps run as real jobs."""

import io
import json
import tarfile
import time

import pytest
from botocore.exceptions import ClientError
from jobs_kit import archive, client, get, put, training, unique, wait
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs.pipelines.definition import check
from local_sagemaker.jobs.pipelines.references import Resolver, follow, needed, parts


def definition(*steps, parameters=()):
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters), "Steps": list(steps)})


def create(cloud, *steps, **members):
    """Create a pipeline of some steps and return its name."""
    name = unique("line")
    parameters = members.pop("parameters", ())
    client().create_pipeline(
        PipelineName=name,
        ClientRequestToken="x" * 32,
        RoleArn=cloud.role,
        PipelineDefinition=definition(*steps, parameters=parameters),
        **members,
    )
    return name


def start(name, **members):
    return client().start_pipeline_execution(PipelineName=name, ClientRequestToken="x" * 32, **members)[
        "PipelineExecutionArn"
    ]


def ended(arn, within=60):
    """Wait for an execution and return its description and {step: summary}."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = client().describe_pipeline_execution(PipelineExecutionArn=arn)
        if answer["PipelineExecutionStatus"] in ("Succeeded", "Failed", "Stopped"):
            return answer, steps(arn)
        time.sleep(0.1)
    raise AssertionError(f"the execution did not end: {steps(arn)}")


def steps(arn):
    summaries = client().list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=100)
    return {step["StepName"]: step for step in summaries["PipelineExecutionSteps"]}


def condition(name, left, right, if_steps, else_steps, kind="GreaterThanOrEqualTo"):
    conditions = [{"Type": kind, "LeftValue": left, "RightValue": right}]
    arguments = {"Conditions": conditions, "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def fail(name, message):
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def training_step(cloud, name, script, **changes):
    arguments = training(cloud, script, **changes)
    del arguments["TrainingJobName"]
    return {"Name": name, "Type": "Training", "Arguments": arguments}


PREPARE = """
import pathlib
text = pathlib.Path("/opt/ml/processing/input/raw.txt").read_text()
pathlib.Path("/opt/ml/processing/train/train.csv").write_text(text.upper())
"""
TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
rate = parser.parse_args().rate
data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text()
pathlib.Path(os.environ["SM_MODEL_DIR"], "net.txt").write_text(f"{data} {rate}")
print(f"accuracy={rate};")
"""
EVALUATE = """
import json, pathlib, tarfile
with tarfile.open("/opt/ml/processing/model/model.tar.gz") as tar:
    data, rate = tar.extractfile("net.txt").read().decode().split()
report = {"metrics": {"accuracy": {"value": float(rate)}}, "data": data}
pathlib.Path("/opt/ml/processing/evaluation/evaluation.json").write_text(json.dumps(report))
"""


@pytest.fixture(scope="module")
def line(cloud, tmp_path_factory):
    """Build the course's pipeline with the SDK: prepare, train, evaluate, register if good enough, else fail."""
    pytest.importorskip("sagemaker.workflow", reason="needs the SageMaker SDK, version 2")
    pytest.importorskip("mxnet", reason="makes a model of MXNet's image")
    from sagemaker.inputs import TrainingInput
    from sagemaker.mxnet import MXNet, MXNetModel
    from sagemaker.processing import ProcessingInput, ProcessingOutput
    from sagemaker.sklearn.processing import SKLearnProcessor
    from sagemaker.workflow.condition_step import ConditionStep
    from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
    from sagemaker.workflow.fail_step import FailStep
    from sagemaker.workflow.functions import Join, JsonGet
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.parameters import ParameterFloat, ParameterString
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.properties import PropertyFile
    from sagemaker.workflow.steps import ProcessingStep, TrainingStep

    folder = tmp_path_factory.mktemp("line")
    for name, text in (("prepare", PREPARE), ("train", TRAIN), ("evaluate", EVALUATE)):
        (folder / f"{name}.py").write_text(text)
    (folder / "inference.py").write_text("def model_fn(folder): return folder\n")
    session, group = PipelineSession(), unique("animals")
    place = {"role": cloud.role, "instance_type": "ml.m5.large", "instance_count": 1, "sagemaker_session": session}
    raw = put(cloud.bucket, f"{unique('raw')}/raw.txt", b"dog")
    rate = ParameterFloat("Rate", default_value=0.9)
    source = ParameterString("Source", default_value=raw)
    processor = SKLearnProcessor(framework_version="1.2-1", **place)
    prepare = ProcessingStep(
        "Prepare",
        step_args=processor.run(
            str(folder / "prepare.py"),
            inputs=[ProcessingInput(source=source, destination="/opt/ml/processing/input")],
            outputs=[ProcessingOutput(output_name="train", source="/opt/ml/processing/train")],
        ),
    )
    estimator = MXNet(
        "train.py",
        source_dir=str(folder),
        framework_version="1.9.0",
        py_version="py38",
        hyperparameters={"rate": rate},
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
        **place,
    )
    data = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    train = TrainingStep("Train", step_args=estimator.fit({"train": TrainingInput(data)}))
    report = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        "Evaluate",
        step_args=processor.run(
            str(folder / "evaluate.py"),
            inputs=[
                ProcessingInput(
                    source=train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"
                )
            ],
            outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        ),
        property_files=[report],
    )
    model = MXNetModel(
        train.properties.ModelArtifacts.S3ModelArtifacts,
        cloud.role,
        "inference.py",
        source_dir=str(folder),
        framework_version="1.9.0",
        py_version="py38",
        sagemaker_session=session,
    )
    register = ModelStep(
        "Register",
        step_args=model.register(
            content_types=["image/jpeg"],
            response_types=["application/json"],
            inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.large"],
            model_package_group_name=group,
            approval_status="PendingManualApproval",
        ),
    )
    accuracy = JsonGet(step_name="Evaluate", property_file=report, json_path="metrics.accuracy.value")
    decide = ConditionStep(
        "Decide",
        conditions=[ConditionGreaterThanOrEqualTo(accuracy, 0.8)],
        if_steps=[register],
        else_steps=[FailStep("TooLow", error_message=Join(" ", ["The accuracy", accuracy, "is too low."]))],
    )
    pipeline = Pipeline(
        unique("animals"), [rate, source], steps=[prepare, train, evaluate, decide], sagemaker_session=session
    )
    pipeline.upsert(cloud.role)
    pipeline.upsert(cloud.role, tags=[{"Key": "lesson", "Value": "22"}])
    return pipeline, group


def test_the_sdks_pipeline_registers_a_good_model(cloud, line):
    pipeline, group = line
    execution = pipeline.start()
    about, done = ended(execution.arn)
    assert about["PipelineExecutionStatus"] == "Succeeded", done
    assert done["Decide"]["Metadata"]["Condition"]["Outcome"] == "True"
    assert "TooLow" not in done
    job = done["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    about = client().describe_training_job(TrainingJobName=job)
    assert {entry["MetricName"]: entry["Value"] for entry in about["FinalMetricDataList"]} == {"accuracy": 0.9}
    (package,) = client().list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    registered = client().describe_model_package(ModelPackageName=package["ModelPackageArn"])
    container = registered["InferenceSpecification"]["Containers"][0]
    # The SDK's own repacking step has put the serving script beside what was trained.
    with tarfile.open(fileobj=io.BytesIO(get(container["ModelDataUrl"]))) as tar:
        names = tar.getnames()
        assert tar.extractfile("net.txt").read() == b"DOG 0.9"
    assert "code/inference.py" in names
    assert {step["StepName"] for step in execution.list_steps()} == set(done)


def test_the_sdks_pipeline_fails_with_its_own_message(cloud, line):
    pipeline, _ = line
    execution = pipeline.start(parameters={"Rate": 0.5})
    about, done = ended(execution.arn)
    assert about["PipelineExecutionStatus"] == "Failed"
    assert done["Decide"]["Metadata"]["Condition"]["Outcome"] == "False"
    assert done["TooLow"]["FailureReason"] == "The accuracy 0.5 is too low."
    given = execution.list_parameters()["PipelineParameters"]
    assert {"Name": "Rate", "Value": "0.5"} in given
    listed = client().list_pipeline_executions(PipelineName=pipeline.name)["PipelineExecutionSummaries"]
    assert execution.arn in [entry["PipelineExecutionArn"] for entry in listed]


def test_a_failing_job_fails_its_step_and_can_be_retried(cloud):
    place = unique("switch")
    script = (
        "import boto3, sys\n"
        f"found = boto3.client('s3').list_objects_v2(Bucket={cloud.bucket!r}, Prefix={place!r})['KeyCount']\n"
        "sys.exit(0 if found else 'the switch is off')"
    )
    first = training_step(cloud, "First", "print('first')")
    second = training_step(cloud, "Second", script) | {"DependsOn": ["First"]}
    third = training_step(cloud, "Third", "print('third')") | {"DependsOn": ["Second"]}
    arn = start(create(cloud, first, second, third))
    about, done = ended(arn)
    assert about["PipelineExecutionStatus"] == "Failed"
    assert "Second" in about["FailureReason"]
    assert "the switch is off" in done["Second"]["FailureReason"]
    assert "Third" not in done
    put(cloud.bucket, f"{place}/on", b"x")
    client().retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="x" * 32)
    about, again = ended(arn)
    assert about["PipelineExecutionStatus"] == "Succeeded"
    assert again["First"]["StartTime"] == done["First"]["StartTime"]
    assert again["Third"]["StepStatus"] == "Succeeded"


def test_stopping_stops_the_jobs(cloud):
    arn = start(create(cloud, training_step(cloud, "Long", "import time; time.sleep(60)")))
    deadline = time.monotonic() + 20
    while not steps(arn).get("Long", {}).get("Metadata") and time.monotonic() < deadline:
        time.sleep(0.1)
    client().stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="x" * 32)
    about, done = ended(arn)
    assert about["PipelineExecutionStatus"] == done["Long"]["StepStatus"] == "Stopped"
    job = done["Long"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert wait("training", job)["TrainingJobStatus"] == "Stopped"


def test_a_model_and_its_batch_job_are_steps(cloud):
    name, image = (
        unique("stepmodel"),
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    )
    code = "def model_fn(folder): return 1\ndef transform_fn(net, body, kind, accept): return 'fine', 'text/plain'\n"
    data = put(cloud.bucket, f"{name}/model.tar.gz", archive(**{"code/inference.py": code}))
    model = {
        "Name": "Make",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": cloud.role, "PrimaryContainer": {"Image": image, "ModelDataUrl": data}},
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": put(cloud.bucket, f"{name}/in/x.txt", b"hello")}
    batch = {
        "Name": "Batch",
        "Type": "Transform",
        "Arguments": {
            "ModelName": {"Get": "Steps.Make.ModelName"},
            "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/plain"},
            "TransformOutput": {"S3OutputPath": f"s3://{cloud.bucket}/{name}/out"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    about, done = ended(start(create(cloud, model, batch)))
    assert about["PipelineExecutionStatus"] == "Succeeded", done
    assert get(f"s3://{cloud.bucket}/{name}/out/x.txt.out") == b"fine"


def test_a_tuning_step_hands_on_its_best(cloud):
    tuned = training(cloud, "import sys; print(f'score={sys.argv[2]};')")
    del tuned["TrainingJobName"]
    tuned["StaticHyperParameters"] = tuned.pop("HyperParameters")
    tuned["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=([0-9]+);"}]
    config = {
        "Strategy": "Grid",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": {"MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "5"]}]},
    }
    tune = {
        "Name": "Tune",
        "Type": "Tuning",
        "Arguments": {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": tuned},
    }
    value = {"Get": "Steps.Tune.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value"}
    second = {"Get": "Steps.Tune.TrainingJobSummaries[1].TunedHyperParameters['x']"}
    stop = fail("Say", {"Std:Join": {"On": " ", "Values": ["best", value, "then", second]}})
    _, done = ended(start(create(cloud, tune, stop)))
    assert done["Tune"]["StepStatus"] == "Succeeded", done
    assert done["Say"]["FailureReason"] == "best 5.0 then 1"


def test_parameters_have_types_and_choices(cloud):
    parameters = [
        {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Mode", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "Goal", "Type": "Float"},
    ]
    enough = condition("Enough", {"Get": "Parameters.Count"}, {"Get": "Parameters.Goal"}, [], [fail("No", "too few")])
    name = create(cloud, enough, parameters=parameters)

    def run(**given):
        return start(name, PipelineParameters=[{"Name": key, "Value": value} for key, value in given.items()])

    assert ended(run(Goal="2.5"))[0]["PipelineExecutionStatus"] == "Succeeded"
    assert ended(run(Goal="2.5", Count="2"))[1]["No"]["FailureReason"] == "too few"
    for given, message in (
        ({}, "Goal has no default"),
        ({"Goal": "1", "Count": "many"}, "Count is of type Integer"),
        ({"Goal": "1", "Mode": "c"}, "Mode must be one of"),
        ({"Goal": "1", "Colour": "red"}, "no parameter Colour"),
    ):
        with pytest.raises(ClientError, match=message):
            run(**given)


def test_a_step_that_cannot_be_created_fails_with_the_reason(cloud):
    step = training_step(cloud, "Train", "print()", RoleArn="arn:aws:iam::123456789012:role/nobody")
    _, done = ended(start(create(cloud, step)))
    assert "Could not assume role" in done["Train"]["FailureReason"]


def test_pipelines_are_described_updated_listed_and_deleted(cloud):
    name = create(cloud, fail("Stop", "now"), PipelineDescription="one")
    with pytest.raises(ClientError, match="already exists") as caught:
        client().create_pipeline(
            PipelineName=name,
            ClientRequestToken="x" * 32,
            RoleArn=cloud.role,
            PipelineDefinition=definition(fail("Stop", "now")),
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    arn = start(name)
    before = client().describe_pipeline(PipelineName=name)
    client().update_pipeline(
        PipelineName=name, PipelineDescription="two", PipelineDefinition=definition(fail("Later", "then"))
    )
    after = client().describe_pipeline(PipelineName=before["PipelineArn"])
    assert after["PipelineDescription"] == "two"
    assert "Later" in after["PipelineDefinition"]
    ran = client().describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert ran["PipelineDefinition"] == before["PipelineDefinition"]
    listed = client().list_pipelines(PipelineNamePrefix=name)["PipelineSummaries"]
    assert [entry["PipelineName"] for entry in listed] == [name]
    ended(arn)
    client().delete_pipeline(PipelineName=name, ClientRequestToken="x" * 32)
    with pytest.raises(ClientError, match="does not exist") as caught:
        client().describe_pipeline(PipelineName=name)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("steps_", "message"),
    [
        ([], "has no Steps"),
        ([fail("A", "x"), fail("A", "y")], "Two steps are called A"),
        ([{"Name": "L", "Type": "Lambda", "Arguments": {}}], "type Lambda, which is not simulated here"),
        ([fail("A", {"Get": "Steps.B.X"})], "refers to B"),
        ([fail("A", "x") | {"DependsOn": ["B"]}, fail("B", "x") | {"DependsOn": ["A"]}], "wait for each other"),
        ([fail("A", "x") | {"CacheConfig": {"Enabled": True}}], "CacheConfig of the step A"),
        ([condition("C", 1, 2, [fail("C", "x")], [])], "Two steps are called C"),
        ([condition("C", 1, 2, [], [], kind="Near")], "unknown type Near"),
    ],
)
def test_a_definition_that_cannot_run_is_refused(steps_, message):
    with pytest.raises(ApiError, match=message):
        check(definition(*steps_))


def test_a_definition_must_be_json():
    with pytest.raises(ApiError, match="is not JSON"):
        check("{")


def test_paths_lead_through_structures_and_named_lists():
    document = {"A": {"Outputs": [{"OutputName": "x", "V": 1}, {"OutputName": "y", "V": [7, {"z": 2}]}]}}
    assert follow(document, parts("A.Outputs['y'].V[1].z"), "") == 2
    assert follow(document, parts("A.Outputs[0].V"), "") == 1
    for path in ("A.B", "A.Outputs['q']", "A.Outputs[5]"):
        with pytest.raises(ApiError, match="leads nowhere"):
            follow(document, parts(path), path)


def test_references_are_found_anywhere():
    found = needed(
        {"a": [{"Get": "Steps.One.X"}], "b": {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Two.Y[0]"}]}}}
    )
    assert found == {"One", "Two"}


@pytest.mark.parametrize(
    ("kind", "truth"),
    [("Equals", False), ("GreaterThan", False), ("LessThan", True), ("LessThanOrEqualTo", True)],
)
def test_conditions_compare(kind, truth):
    resolver = Resolver(None, {"N": 3}, {}, {})
    simple = {"Type": kind, "LeftValue": {"Get": "Parameters.N"}, "RightValue": 4}
    assert resolver.holds(simple) is truth
    assert resolver.holds({"Type": "Not", "Condition": simple}) is not truth
    assert resolver.holds({"Type": "Or", "Conditions": [simple, {**simple, "RightValue": 3, "Type": "Equals"}]})
    assert resolver.holds({"Type": "In", "QueryValue": {"Get": "Parameters.N"}, "Values": [1, 3]})


def test_things_that_cannot_be_compared_are_refused():
    with pytest.raises(ApiError, match="cannot compare"):
        Resolver(None, {}, {}, {}).holds({"Type": "LessThan", "LeftValue": "a", "RightValue": 1})
