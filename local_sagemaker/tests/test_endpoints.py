"""Endpoints are made, called, shifted, replaced, watched and deleted, and what goes wrong says so."""

import importlib.util
import json
import os
import random
import re
import signal
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import hostile
import psutil
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from click.testing import CliRunner
from local_sagemaker.cli import main
from local_sagemaker.daemon import state
from serving_kit import IMAGE, SCRIPT, archive, multiplier, unique, until


def test_a_model_answers(aws, endpoint):
    assert aws.ask(endpoint, [1, 2, 3]) == (12, "only")
    found = aws.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    inside, _ = aws.ask(endpoint, {})
    assert inside["cwd"].startswith(state.read().run)
    assert inside["variables"]["AWS_ENDPOINT_URL"] == state.read().url


def test_what_a_model_prints_is_logged(aws, endpoint):
    logs, word = boto3.client("logs"), unique("word")
    aws.ask(endpoint, {"print": word})

    def found():
        name = f"/aws/sagemaker/Endpoints/{endpoint}"
        return logs.filter_log_events(logGroupName=name, filterPattern=word)["events"]

    assert word in until(found)[0]["message"]
    done = CliRunner().invoke(main, ["logs", endpoint])
    assert word in done.output


def test_bytes_go_through_unchanged(aws, endpoint):
    body = bytes(range(256)) * 4000
    reply = aws.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType="application/octet-stream")
    assert reply["Body"].read() == body[::-1]
    assert reply["ContentType"] == "application/octet-stream"


def refused(aws, endpoint, body=b"[1, 2, 3]", content_type="application/json", **members):
    with pytest.raises(ClientError) as found:
        aws.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **members)
    return found.value.response


def test_a_request_that_the_model_cannot_use_is_the_clients_error(aws, endpoint):
    for body, content_type, status in ((b"{", "application/json", 400), (b"[1]", "text/csv", 415)):
        reply = refused(aws, endpoint, body, content_type)
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert (reply["Error"]["Code"], reply["OriginalStatusCode"]) == ("ModelError", status)
        assert f"Received client error ({status}) from primary" in reply["Error"]["Message"]
    reply = refused(aws, endpoint, json.dumps({"raise": "no luck"}))
    assert reply["OriginalStatusCode"] == 500
    assert "no luck" in reply["OriginalMessage"]
    form = refused(aws, endpoint, b"a=b", "application/x-www-form-urlencoded")
    assert form["OriginalStatusCode"] == 400
    assert aws.ask(endpoint, [1, 2, 3]) == (12, "only")


def test_a_request_that_makes_no_sense_never_reaches_the_model(aws, endpoint):
    reply = refused(aws, endpoint, b"x" * (6 * 1024 * 1024 + 1))
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "not found" in refused(aws, "nobody")["Error"]["Message"]
    assert refused(aws, "nobody")["Error"]["Code"] == "ValidationError"
    assert "Variant other not found" in refused(aws, endpoint, TargetVariant="other")["Error"]["Message"]
    assert "not simulated here" in refused(aws, endpoint, TargetModel="x.tar.gz")["Error"]["Message"]
    with pytest.raises(ClientError, match="InvokeEndpointAsync is not simulated here"):
        aws.runtime.invoke_endpoint_async(EndpointName=endpoint, InputLocation="s3://bucket/key")


def test_hostile_requests_are_refused_and_nothing_else(aws, endpoint):
    worker = aws.ask(endpoint, {})[0]["pid"]
    statuses = hostile.statuses(state.read(), hostile.requests(endpoint, 100))
    assert not [pair for pair in statuses if max(pair) >= 500], statuses
    for seed in range(10):
        hostile.shout(state.read(), hostile.wire(random.Random(seed)))
    assert aws.ask(endpoint, {})[0]["pid"] == worker


def test_eight_clients_get_their_own_answers(aws, endpoint):
    def ask(number):
        return [aws.ask(endpoint, [number, number, turn])[0] - 4 * number for turn in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [[2 * turn for turn in range(20)]] * 8


def test_what_cannot_be_made_says_why(aws, cloud):
    client, bucket = aws.sagemaker, cloud.bucket
    data = aws.upload(multiplier(1))

    def model(name=None, role=cloud.role, **container):
        container = {"Image": IMAGE, "ModelDataUrl": data, **container}
        client.create_model(ModelName=name or unique("m"), ExecutionRoleArn=role, PrimaryContainer=container)

    taken = unique("taken")
    model(taken)
    config = aws.config(aws.variant("a", taken))
    wrong = {
        "Cannot create already existing model": lambda: model(taken),
        "Could not assume role": lambda: model(role="arn:aws:iam::123456789012:role/nobody"),
        "Could not find model data at": lambda: model(ModelDataUrl=f"s3://{bucket}/nothing.tar.gz"),
        "Could not access S3 bucket nowhere": lambda: model(ModelDataUrl="s3://nowhere/model.tar.gz"),
        "Image .*/pytorch-inference:2 is not simulated here": lambda: model(Image="763.ecr/pytorch-inference:2"),
        "Multi-model endpoints are not simulated": lambda: model(Mode="MultiModel"),
        "Could not find model": lambda: aws.config(aws.variant("a", "nothing")),
        "need names of their own": lambda: aws.config(aws.variant("a", taken), aws.variant("a", taken)),
        "Serverless endpoints are not simulated": lambda: aws.config(
            {"VariantName": "a", "ModelName": taken, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
        ),
        "Could not find endpoint configuration": lambda: aws.create("nothing"),
        "Cannot create already existing endpoint configuration": lambda: client.create_endpoint_config(
            EndpointConfigName=config, ProductionVariants=[aws.variant("a", taken)]
        ),
        "ResourceLimitExceeded.* is 8 Instances": lambda: aws.create(aws.config(aws.variant("a", taken, count=9))),
        'Could not find endpoint "arn:aws': lambda: client.describe_endpoint(EndpointName="nothing"),
    }
    for message, attempt in wrong.items():
        with pytest.raises(ClientError, match=message):
            attempt()
    assert "nothing" not in aws.endpoints()


def test_models_that_cannot_be_loaded_fail_with_the_reason(aws):
    broken = {
        "FileNotFoundError.*factor.json": {"code/inference.py": SCRIPT},
        "SyntaxError.*inference.py, line 1": {"factor.json": "1", "code/inference.py": "def model_fn(:"},
        "No module named 'nowhere_at_all'": {"factor.json": "1", "code/inference.py": "import nowhere_at_all"},
        "The archive holds no xgboost-model and the script no model_fn": {
            "factor.json": "1",
            "code/inference.py": "x = 1",
        },
        "The archive holds no xgboost-model": {"factor.json": "1"},
        "not a tar.gz archive that can be unpacked": None,
        "outside the destination": {"../../escape.py": "x = 1"},
    }
    names = {}
    for reason, files in broken.items():
        data = archive(files) if files else b"not an archive"
        names[reason] = aws.create(aws.config(aws.variant("only", aws.model(data))))
    for reason, name in names.items():
        found = aws.settled(name)
        assert found["EndpointStatus"] == "Failed"
        assert "production variant only did not pass the ping health check" in found["FailureReason"]
        assert re.search(reason, found["FailureReason"])
        assert refused(aws, name)["Error"]["Code"] == "ValidationError"
        with pytest.raises(ClientError, match="Cannot update failed endpoint"):
            aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=found["EndpointConfigName"])
        aws.delete(name)
    for reason in ("FileNotFoundError.*factor.json", "SyntaxError.*inference.py, line 1"):
        group, error = f"/aws/sagemaker/Endpoints/{names[reason]}", reason.partition(".")[0]
        assert boto3.client("logs").filter_log_events(logGroupName=group, filterPattern=f"{error}:")["events"]


def processes():
    return {process.pid for process in psutil.Process(state.read().pid).children(recursive=True)}


def test_traffic_is_shared_shifted_and_ended(aws):
    before = processes()
    variants = [aws.variant("old", aws.model(multiplier(1)), 9), aws.variant("new", aws.model(multiplier(10)), 1)]
    name = aws.create(aws.config(*variants))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    answers = [aws.ask(name, [1, 1, 1]) for _ in range(40)]
    assert answers.count((3, "old")) == 36
    assert answers.count((30, "new")) == 4
    assert aws.ask(name, [1, 1, 1], TargetVariant="new") == (30, "new")
    shift = [{"VariantName": "old", "DesiredWeight": 0}, {"VariantName": "new", "DesiredWeight": 5}]
    aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=shift)
    assert [v["CurrentWeight"] for v in aws.settled(name)["ProductionVariants"]] == [0, 5]
    assert {aws.ask(name, [1, 1, 1]) for _ in range(10)} == {(30, "new")}
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        more = [{"VariantName": "old", "DesiredInstanceCount": 9}]
        aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=more)
    for variant in variants:  # what runs needs its model no more
        aws.sagemaker.delete_model(ModelName=variant["ModelName"])
    assert aws.settled(name)["EndpointStatus"] == "InService"
    with pytest.raises(ClientError, match="no variant third"):
        shift = [{"VariantName": "third", "DesiredWeight": 1}]
        aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=shift)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    assert refused(aws, name)["Error"]["Code"] == "ValidationError"
    until(lambda: name not in aws.endpoints())
    assert processes() <= before


def test_an_endpoint_deleted_while_it_starts_leaves_nothing(aws):
    before = processes()
    name = aws.create(aws.config(aws.variant("only", aws.model(multiplier(1)))))
    until(lambda: processes() - before)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Deleting"
    until(lambda: name not in aws.endpoints())
    assert processes() <= before


class Load:
    """Clients that ask without a pause and remember what they got."""

    def __init__(self, aws, name, clients=2):
        self.aws, self.name = aws, name
        self.answers, self.errors, self._over = [], [], threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        while not self._over.is_set():
            try:
                self.answers.append(self.aws.ask(self.name, [1, 1, 1])[0])
            except Exception as error:
                self.errors.append(error)


def test_an_update_under_load_loses_no_request_and_a_bad_one_changes_nothing(aws):
    name = aws.deploy(1)
    good = aws.config(aws.variant("only", aws.model(multiplier(2))))
    bad = aws.config(aws.variant("only", aws.model(archive({"code/inference.py": SCRIPT}))))
    with Load(aws, name) as load:
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=good)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=good)
        assert aws.settled(name)["EndpointConfigName"] == good
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
        found = aws.settled(name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", good)
    assert "factor.json" in found["FailureReason"]
    assert load.errors == []
    turn = load.answers.index(6)
    assert set(load.answers[:turn]) == {3}
    assert set(load.answers[turn + 2 :]) == {6}  # two clients: one answer of the old fleet may arrive late
    aws.delete(name)


def test_a_canary_in_alarm_rolls_back(aws):
    name, alarm = aws.deploy(1), unique("alarm")
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "only"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    broken = SCRIPT.replace("factor * sum(request)", "factor.no_such_thing")
    assert broken != SCRIPT
    config = aws.config(aws.variant("only", aws.model(multiplier(2, broken))))
    canary = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 60,
    }
    deployment = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    with pytest.raises(ClientError, match="no metric alarm nothing"):
        wrong = {**deployment, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nothing"}]}}
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, DeploymentConfig=wrong)
    with Load(aws, name, clients=1) as load:
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment)
        found = aws.settled(name)
    assert found["EndpointStatus"] == "InService"
    assert alarm in found["FailureReason"]
    assert {error.response["Error"]["Code"] for error in load.errors} == {"ModelError"}
    assert {aws.ask(name, [1, 1, 1])[0] for _ in range(10)} == {3}
    assert cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"] == "ALARM"
    aws.delete(name)


def total(metric, endpoint, variant):
    now = datetime.now(UTC)
    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def test_requests_are_counted(aws, endpoint):
    time.sleep(1.5)  # what earlier tests did is delivered
    calls, errors = total("Invocations", endpoint, "only"), total("Invocation4XXErrors", endpoint, "only")
    aws.ask(endpoint, [1, 2, 3])
    refused(aws, endpoint, b"{")
    until(lambda: total("Invocations", endpoint, "only") == calls + 2)
    assert total("Invocation4XXErrors", endpoint, "only") == errors + 1


@pytest.fixture(scope="module")
def rich(aws, cloud):
    """An endpoint with two copies of a model, a shadow, a variable and data capture."""
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{cloud.bucket}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    only = aws.variant("only", aws.model(multiplier(2), Environment={"FLAVOUR": "mint"}), weight=2, count=2)
    shadow = aws.variant("shadow", aws.model(multiplier(100)), weight=1)
    name = aws.create(aws.config(only, ShadowProductionVariants=[shadow], DataCaptureConfig=capture))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    yield name
    aws.delete(name)


def test_requests_are_captured(aws, cloud, rich):
    aws.ask(rich, [1, 2, 3], InferenceId="mine")
    found = aws.sagemaker.describe_endpoint(EndpointName=rich)["DataCaptureConfig"]
    assert (found["CaptureStatus"], found["CurrentSamplingPercentage"]) == ("Started", 100)

    def files():
        prefix = f"captured/{rich}/only/{datetime.now(UTC):%Y/%m/%d}/"
        return aws.s3.list_objects_v2(Bucket=cloud.bucket, Prefix=prefix).get("Contents")

    key = until(files)[0]["Key"]
    assert key.endswith(".jsonl")
    line = json.loads(aws.s3.get_object(Bucket=cloud.bucket, Key=key)["Body"].read())
    sides = line["captureData"]
    assert sides["endpointInput"] == {
        "observedContentType": "application/json",
        "mode": "INPUT",
        "data": "[1, 2, 3]",
        "encoding": "JSON",
    }
    assert sides["endpointOutput"]["data"] == "12.0"
    assert line["eventMetadata"]["inferenceId"] == "mine"


def test_copies_take_turns_and_get_their_variables(aws, rich):
    inside = [aws.ask(rich, {})[0] for _ in range(2)]
    assert inside[0]["pid"] != inside[1]["pid"]
    assert [one["variables"]["FLAVOUR"] for one in inside] == ["mint", "mint"]


def test_a_shadow_gets_copies_and_answers_nobody(aws, rich):
    def copies():
        return total("Invocations", rich, "shadow")

    time.sleep(1.5)  # what earlier tests did is delivered
    before = copies()
    assert {aws.ask(rich, [1, 1, 1]) for _ in range(10)} == {(6, "only")}
    until(lambda: copies() == before + 5)


def test_what_a_shadow_answers_is_captured(aws, cloud, rich):
    for _ in range(2):  # the shadow gets every second request
        aws.ask(rich, [1, 1, 1], InferenceId="both")

    def answers(variant):
        found = aws.s3.list_objects_v2(Bucket=cloud.bucket, Prefix=f"captured/{rich}/{variant}/").get("Contents", [])
        files = [aws.s3.get_object(Bucket=cloud.bucket, Key=file["Key"])["Body"].read() for file in found]
        lines = [json.loads(line) for file in files for line in file.splitlines()]
        lines = [line for line in lines if line["eventMetadata"].get("inferenceId") == "both"]
        return [line["captureData"]["endpointOutput"]["data"] for line in lines]

    until(lambda: (answers("only"), answers("shadow")) == (["6.0", "6.0"], ["300.0"]))


def back_within(aws, name, seconds):
    """Ask until the endpoint answers again; every failure on the way must be a clean one. Return how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            assert aws.ask(name, [1, 2, 3])[0] == 12
            return time.monotonic() - began
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (424, 500, 503), error
            time.sleep(0.1)
    raise AssertionError(f"the endpoint was not back after {seconds} seconds")


def test_a_killed_worker_and_a_killed_server_come_back(aws, endpoint):
    worker = aws.ask(endpoint, {})[0]["pid"]
    os.kill(worker, signal.SIGKILL)
    back_within(aws, endpoint, 30)
    worker = aws.ask(endpoint, {})[0]["pid"]
    os.kill(psutil.Process(worker).ppid(), signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    back_within(aws, endpoint, 60)


def test_the_plain_server_gives_the_same_answers(aws, tmp_path, monkeypatch):
    import local_sagemaker

    monkeypatch.setenv("LOCAL_SAGEMAKER_HOME", str(tmp_path))
    monkeypatch.setenv("LOCAL_SAGEMAKER_JAVA", "none")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", Loader.CUSTOMER_DATA_PATH)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    try:
        other = type(aws)(local_sagemaker.connect())
        assert state.read().server == "plain"
        name = other.deploy(2)
        assert other.ask(name, [1, 2, 3]) == (12, "only")
        assert refused(other, name, b"{")["OriginalStatusCode"] == 400
        assert refused(other, name, b"x", "text/csv")["OriginalStatusCode"] == 415
        os.kill(other.ask(name, {})[0]["pid"], signal.SIGKILL)
        back_within(other, name, 30)
    finally:
        local_sagemaker.stop()


def test_packages_that_a_model_needs_are_installed_for_it_alone(aws, tmp_path):
    wheel = tmp_path / "moo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("moo.py", "SAYS = 'moo'")
        package.writestr("moo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: moo\nVersion: 1.0\n")
        package.writestr("moo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr("moo-1.0.dist-info/RECORD", "")
    files = {"factor.json": "1", "code/inference.py": "import moo, numpy\n" + SCRIPT}
    good = {**files, "code/requirements.txt": f"boto3  # is here\nnumpy>=1.20\nmoo @ {wheel.as_uri()}\n"}
    bad = {**files, "code/requirements.txt": "moo @ file:///nowhere/moo-1.0-py3-none-any.whl\n"}
    names = [aws.create(aws.config(aws.variant("only", aws.model(archive(files))))) for files in (good, bad)]
    assert aws.settled(names[0])["EndpointStatus"] == "InService"
    reason = aws.settled(names[1])["FailureReason"]
    assert "The packages of requirements.txt cannot be installed: moo @ file:///nowhere" in reason
    assert not importlib.util.find_spec("moo")
    for name in names:
        aws.delete(name)
