"""What went wrong once: updates, counts of copies, children that hide, archives without end, keys that are folders."""

import io
import tarfile

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from jobs_kit import channel, put, train, wait
from local_sagemaker.control import archives
from local_sagemaker.daemon import state
from local_sagemaker.daemon.processes import MARK, Processes
from serving_kit import multiplier, unique, until


def test_an_alarm_that_is_not_evaluated_is_refused_before_the_update(aws, endpoint):
    alarm, cloudwatch = unique("alarm"), boto3.client("cloudwatch")
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Period": 60, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, **metric, ExtendedStatistic="p99", Threshold=0, ComparisonOperator="GreaterThanThreshold"
    )
    config = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    at_once = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 1}
    with pytest.raises(ClientError, match=f"Alarm {alarm} is not evaluated here"):
        aws.sagemaker.update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=config,
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": at_once},
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
            },
        )
    assert aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


def test_an_update_that_goes_wrong_leaves_the_old_fleet_alone(aws):
    name, alarm = aws.deploy(1), unique("alarm")
    cloudwatch = boto3.client("cloudwatch")
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Period": 60, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, **metric, Statistic="Sum", Threshold=1e12, ComparisonOperator="GreaterThanThreshold"
    )
    before = {p.pid for p in psutil.Process(state.read().pid).children(recursive=True)}
    canary = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 600,
    }
    config = aws.config(aws.variant("only", aws.model(multiplier(2))))
    aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=config,
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
        },
    )
    until(lambda: {aws.ask(name, [1, 1, 1])[0] for _ in range(10)} == {3, 6}, within=60)
    cloudwatch.delete_alarms(AlarmNames=[alarm])  # nobody thought of that
    found = aws.settled(name)
    assert (found["EndpointStatus"], "mistake" in found["FailureReason"]) == ("InService", True)
    assert {aws.ask(name, [1, 1, 1])[0] for _ in range(10)} == {3}
    until(lambda: {p.pid for p in psutil.Process(state.read().pid).children(recursive=True)} <= before)
    aws.delete(name)


def test_a_variant_keeps_one_copy(aws, endpoint):
    with pytest.raises(ClientError, match="needs at least one instance"):
        aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "only", "DesiredInstanceCount": 0}]
        )
    assert aws.ask(endpoint, [1, 2, 3])[0] == 12


HIDES = """
import subprocess, sys
pid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).pid
print("hidden", pid, flush=True)
"""


def test_a_child_in_a_session_of_its_own_ends_with_its_job(cloud):
    def marked():
        run = state.read().run
        return [p.pid for p in psutil.process_iter() if _mark(p).startswith(run) and "sleep(600)" in _words(p)]

    name = train(cloud, HIDES)
    assert wait("training", name)["TrainingJobStatus"] == "Completed"
    until(lambda: not marked())


def _mark(process):
    try:
        return process.environ().get(MARK, "")
    except psutil.Error:
        return ""


def _words(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_stopping_a_process_ends_what_it_hid(tmp_path):
    processes = Processes(tmp_path / "run")
    child = processes.spawn(["setsid", "--fork", "sleep", "600"], env={"PATH": "/usr/bin:/bin"})
    until(lambda: [p for p in psutil.process_iter() if _mark(p) == child.mark and "sleep" in _words(p)])
    child.wait()
    child.stop()
    assert not [p for p in psutil.process_iter() if _mark(p) == child.mark]
    processes.close()


def bomb(size):
    """Return a small archive of a large file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("zeros")
        info.size = size
        tar.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


def test_an_archive_holds_no_more_than_a_disk_should(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LIMIT", 1_000_000)
    (tmp_path / "small").write_bytes(bomb(900_000))
    archives.unpack(tmp_path / "small", tmp_path / "one")
    assert (tmp_path / "one" / "zeros").stat().st_size == 900_000
    (tmp_path / "large").write_bytes(bomb(1_100_000))
    with pytest.raises(tarfile.TarError, match="make it smaller"):
        archives.unpack(tmp_path / "large", tmp_path / "two")
    assert not (tmp_path / "two" / "zeros").exists()
    monkeypatch.setattr(archives, "MEMBERS", 0)
    with pytest.raises(tarfile.TarError, match="make it smaller"):
        archives.unpack(tmp_path / "small", tmp_path / "three")


def test_a_key_that_is_also_a_folder_is_named(cloud):
    prefix = unique("clash")
    put(cloud.bucket, f"{prefix}/a", b"1")
    uri = put(cloud.bucket, f"{prefix}/a/b", b"2").removesuffix("/a/b")
    done = wait("training", train(cloud, "pass", InputDataConfig=[channel(uri)]))
    assert done["TrainingJobStatus"] == "Failed"
    assert f"{uri}/a/b is an object and a folder of others" in done["FailureReason"]


def test_a_bucket_may_be_called_endpoints(cloud):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="endpoints")
    s3.put_object(Bucket="endpoints", Key="x/invocations", Body=b"1")
    s3.put_object(Bucket="endpoints", Key="x", Body=b"2")
    assert s3.get_object(Bucket="endpoints", Key="x")["Body"].read() == b"2"
    assert s3.list_objects_v2(Bucket="endpoints")["KeyCount"] == 2


def test_large_objects_do_not_use_up_the_open_files(cloud):
    soft, _ = psutil.Process(state.read().pid).rlimit(psutil.RLIMIT_NOFILE)
    hard = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)[1]
    assert soft == min(hard, 1 << 20) if hard > 0 else soft >= 10240
