"""Training jobs: what a script gets, what it leaves, how it fails, stops, is interrupted, and shares its work."""

import json
import re
import struct
import time
import zipfile

import pytest
from botocore.exceptions import ClientError
from jobs_kit import channel, client, keys, lines, members, put, train, training, unique, wait

GROUP = "/aws/sagemaker/TrainingJobs"

REPORT = """
import json, os, pathlib, sys
seen = {
    "arguments": sys.argv[1:],
    "hosts": json.loads(os.environ["SM_HOSTS"]),
    "job": os.environ["TRAINING_JOB_NAME"],
    "mine": os.environ.get("MINE"),
    "files": {
        name: sorted(str(path.relative_to(os.environ[name])) for path in pathlib.Path(os.environ[name]).rglob("*.csv"))
        for name in os.environ
        if name.startswith("SM_CHANNEL_")
    },
}
for epoch in range(3):
    print(f"epoch {epoch}: accuracy={0.5 + epoch / 10}; loss={1 / (epoch + 1):.2f};")
pathlib.Path(os.environ["SM_MODEL_DIR"], "code").mkdir()
pathlib.Path(os.environ["SM_MODEL_DIR"], "code", "net.json").write_text(json.dumps(seen))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt").write_text("done")
"""


def test_a_script_gets_its_data_and_leaves_a_model(cloud):
    place = unique("data")
    put(cloud.bucket, f"{place}/a.csv", b"1")
    put(cloud.bucket, f"{place}/deep/b.csv", b"2")
    put(cloud.bucket, f"{place}-other.csv", b"3")
    name = train(
        cloud,
        REPORT,
        parameters={"learning-rate": "0.1"},
        Environment={"MINE": "yes"},
        InputDataConfig=[
            channel(f"s3://{cloud.bucket}/{place}/"),
            channel(f"s3://{cloud.bucket}/{place}/a.csv", "one", InputMode="FastFile"),
        ],
        algorithm={
            "MetricDefinitions": [
                {"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"},
                {"Name": "loss", "Regex": "loss=([0-9.]+);"},
            ]
        },
        Tags=[{"Key": "lesson", "Value": "20"}],
    )
    job = wait("training", name)
    assert job["TrainingJobStatus"] == "Completed"
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{cloud.bucket}/output/{name}/output/model.tar.gz"
    assert json.loads(members(uri)["code/net.json"]) == {
        "arguments": ["--learning-rate", "0.1"],
        "hosts": ["algo-1"],
        "job": name,
        "mine": "yes",
        "files": {"SM_CHANNEL_ONE": ["a.csv"], "SM_CHANNEL_TRAIN": ["a.csv", "deep/b.csv"]},
    }
    assert members(uri.replace("model", "output"))["report.txt"] == b"done"
    assert {entry["MetricName"]: entry["Value"] for entry in job["FinalMetricDataList"]} == pytest.approx(
        {"accuracy": 0.7, "loss": 0.33}
    )
    phases = [entry["Status"] for entry in job["SecondaryStatusTransitions"]]
    assert phases == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in entry for entry in job["SecondaryStatusTransitions"])
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    (messages,) = lines(GROUP, name).values()
    assert [line for line in messages if line.startswith("epoch")][-1] == "epoch 2: accuracy=0.7; loss=0.33;"
    points = client("cloudwatch").get_metric_statistics(
        Namespace=GROUP,
        MetricName="accuracy",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=job["CreationTime"].replace(second=0, microsecond=0),
        EndTime=job["TrainingEndTime"].replace(year=2100),
        Period=60,
        Statistics=["SampleCount", "Maximum"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in points) == 3
    tags = client().list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "lesson", "Value": "20"}]


def test_an_uncompressed_model_is_stored_file_by_file(cloud):
    output = {"S3OutputPath": f"s3://{cloud.bucket}/output", "CompressionType": "NONE"}
    job = wait("training", train(cloud, REPORT, OutputDataConfig=output))
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri.endswith("/output/model/")
    assert keys(cloud.bucket, uri.removeprefix(f"s3://{cloud.bucket}/")) == ["code/net.json"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise ValueError('no such class')", "ValueError: no such class"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("import a_missing_package", "No module named 'a_missing_package'"),
        ("import sys; print('giving up'); sys.exit(3)", "giving up"),
    ],
)
def test_a_script_that_fails_says_why(cloud, script, reason):
    job = wait("training", train(cloud, script))
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert reason in job["FailureReason"]
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts")


def test_a_command_of_its_own_runs_without_the_toolkit(cloud):
    code = put(cloud.bucket, f"{unique('code')}/run.sh", b'echo "$1" > /opt/ml/model/said\necho told $1\nexit $2\n')
    entry = ["bash", "/opt/ml/input/data/code/run.sh"]

    def run(status):
        algorithm = {"ContainerEntrypoint": entry, "ContainerArguments": ["hello", status]}
        name = train(
            cloud,
            "",
            parameters={"sagemaker_program": ""},
            algorithm=algorithm,
            InputDataConfig=[channel(code, "code")],
        )
        return wait("training", name)

    assert members(run("0")["ModelArtifacts"]["S3ModelArtifacts"]) == {"said": b"hello\n"}
    assert run("4")["FailureReason"] == "AlgorithmError: told hello, exit code: 4"


def test_requirements_are_installed_for_the_job_alone(cloud, tmp_path):
    wheel = tmp_path / "jobs_guest-1.0-py3-none-any.whl"
    _wheel(wheel)
    files = {"requirements.txt": f"./{wheel.name}", wheel.name: wheel.read_bytes()}
    job = wait("training", train(cloud, "import jobs_guest; assert jobs_guest.here == 1", files=files))
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    with pytest.raises(ModuleNotFoundError):
        __import__("jobs_guest")


def _wheel(path):
    about = "jobs_guest-1.0.dist-info"
    files = {
        "jobs_guest.py": "here = 1\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: jobs-guest\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


STUBBORN = """
import pathlib, signal, sys, time
def save(*_):
    pathlib.Path("/opt/ml/model/saved").write_text("yes")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready")
time.sleep(60)
"""


def test_a_stopped_job_keeps_what_its_script_saves(cloud):
    name = train(cloud, STUBBORN)
    _wait_for_line(name, "ready")
    client().stop_training_job(TrainingJobName=name)
    assert client().describe_training_job(TrainingJobName=name)["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = wait("training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert members(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"saved": b"yes"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        client().stop_training_job(TrainingJobName=name)


def test_a_job_may_not_run_longer_than_allowed(cloud):
    job = wait("training", train(cloud, STUBBORN, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def _wait_for_line(name, text):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if any(text in line for stream in lines(GROUP, name).values() for line in stream):
                return
        except ClientError:  # no log yet
            pass
        time.sleep(0.1)
    raise AssertionError(f"{name} never printed {text!r}")


RESUMING = """
import pathlib, time
folder = pathlib.Path("/opt/ml/checkpoints")
start = len(list(folder.iterdir()))
print(f"begin at {start}")
for epoch in range(start, 4):
    time.sleep(0.4)
    (folder / f"{epoch}.params").write_text(str(epoch))
    print(f"epoch {epoch} done")
"""


def test_an_interrupted_spot_job_goes_on_from_its_checkpoints(cloud):
    place = unique("checkpoints")
    name = train(
        cloud,
        RESUMING,
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"s3://{cloud.bucket}/{place}"},
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        Environment={"LOCAL_SAGEMAKER_INTERRUPT_AT": "epoch 1 done"},
    )
    job = wait("training", name)
    assert job["TrainingJobStatus"] == "Completed"
    phases = [entry["Status"] for entry in job["SecondaryStatusTransitions"]]
    assert phases.count("Interrupted") == 1
    assert phases.index("Interrupted") < len(phases) - 1 - phases[::-1].index("Training")
    (messages,) = lines(GROUP, name).values()
    begins = [int(line.removeprefix("begin at ")) for line in messages if line.startswith("begin at")]
    assert begins[0] == 0
    assert begins[1] >= 2
    assert sorted(keys(cloud.bucket, f"{place}/")) == [f"{epoch}.params" for epoch in range(4)]


def test_only_a_spot_job_is_interrupted(cloud):
    job = wait(
        "training", train(cloud, "print('epoch 1 done')", Environment={"LOCAL_SAGEMAKER_INTERRUPT_AT": "epoch 1"})
    )
    assert "Interrupted" not in [entry["Status"] for entry in job["SecondaryStatusTransitions"]]


PIPED = """
import os
for epoch in range(2):
    with open(f"{os.environ['SM_CHANNEL_TRAIN']}_{epoch}", "rb") as pipe:
        data = pipe.read()
    with open(f"/opt/ml/model/{epoch}", "wb") as out:
        out.write(data)
"""


def test_a_pipe_delivers_every_object_once_a_pass(cloud):
    place = unique("pipe")
    for number in range(4):
        put(cloud.bucket, f"{place}/{number}", f"{number}\n".encode())
    entry = channel(f"s3://{cloud.bucket}/{place}/", InputMode="Pipe", ShuffleConfig={"Seed": 5})
    job = wait("training", train(cloud, PIPED, InputDataConfig=[entry]))
    passes = members(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert sorted(passes["0"].split()) == sorted(passes["1"].split()) == [b"0", b"1", b"2", b"3"]
    assert passes["0"] != passes["1"]


def test_a_pipe_wraps_objects_as_mxnet_reads_them(cloud, tmp_path):
    recordio = pytest.importorskip("mxnet.recordio")

    place, bodies = unique("records"), [b"one", b"four", b"x", b"\x00\x0a\x23\xd7\xce" * 3]
    for number, body in enumerate(bodies):
        put(cloud.bucket, f"{place}/{number}", body)
    entry = channel(f"s3://{cloud.bucket}/{place}/", InputMode="Pipe", RecordWrapperType="RecordIO")
    job = wait("training", train(cloud, PIPED, InputDataConfig=[entry]))
    path = tmp_path / "all.rec"
    path.write_bytes(members(job["ModelArtifacts"]["S3ModelArtifacts"])["0"])
    reader = recordio.MXRecordIO(str(path), "r")
    assert [reader.read() for _ in bodies] == bodies


SHARE = """
import os, pathlib
host = os.environ["SM_CURRENT_HOST"]
for path in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir():
    pathlib.Path(os.environ["SM_MODEL_DIR"], f"{host}-{path.name}").touch()
print("host", host)
"""


def test_several_hosts_share_the_objects(cloud):
    place = unique("shards")
    for number in range(3):
        put(cloud.bucket, f"{place}/{number}", b"x")
    entry = channel(f"s3://{cloud.bucket}/{place}/", source={"S3DataDistributionType": "ShardedByS3Key"})
    name = train(cloud, SHARE, count=2, InputDataConfig=[entry])
    job = wait("training", name)
    assert sorted(members(job["ModelArtifacts"]["S3ModelArtifacts"])) == ["algo-1-0", "algo-1-2", "algo-2-1"]
    streams = lines(GROUP, name)
    assert [f"host algo-{number}" in streams[stream] for number, stream in enumerate(sorted(streams), 1)] == [True] * 2


def test_one_failing_host_ends_the_job(cloud):
    script = "import os, time\nif os.environ['SM_CURRENT_HOST'] == 'algo-2': raise OSError('disk')\ntime.sleep(60)"
    job = wait("training", train(cloud, script, count=2))
    assert job["TrainingJobStatus"] == "Failed"
    assert "OSError: disk" in job["FailureReason"]


WORKER = """
import os
import mxnet as mx
from mxnet import autograd, gluon

store = mx.kv.create("dist_sync")
mx.random.seed(store.rank)
x = mx.nd.random.uniform(shape=(32, 3))
y = x.sum(axis=1, keepdims=True)
net = gluon.nn.Dense(1)
net.initialize(mx.init.Zero())
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=store)
for _ in range(20):
    with autograd.record():
        loss = ((net(x) - y) ** 2).mean()
    loss.backward()
    trainer.step(store.num_workers)
text = f"{store.rank} of {store.num_workers}: {net.weight.data().asnumpy().ravel().tolist()}"
open(os.path.join(os.environ["SM_MODEL_DIR"], f"{store.rank}.txt"), "w").write(text)
"""


def test_two_hosts_train_one_network_through_the_parameter_server(cloud):
    pytest.importorskip("mxnet")
    job = wait("training", train(cloud, WORKER, count=2, parameters={"sagemaker_parameter_server_enabled": "true"}))
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    found = members(job["ModelArtifacts"]["S3ModelArtifacts"])
    weights = [json.loads(found[f"{rank}.txt"].decode().partition(": ")[2]) for rank in range(2)]
    assert found["1.txt"].startswith(b"1 of 2")
    assert weights[0] == weights[1] == pytest.approx(_trained_alone(), abs=1e-5)


def _trained_alone():
    """Return the weights that one worker gets with the mean of both workers' gradients."""
    import mxnet as mx
    from mxnet import autograd, gluon

    data = []
    for rank in range(2):
        mx.random.seed(rank)
        data.append(mx.nd.random.uniform(shape=(32, 3)))
    net = gluon.nn.Dense(1)
    net.initialize(mx.init.Zero())
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    for _ in range(20):
        with autograd.record():
            loss = sum(((net(x) - x.sum(axis=1, keepdims=True)) ** 2).mean() for x in data)
        loss.backward()
        trainer.step(2)
    return net.weight.data().asnumpy().ravel().tolist()


def test_the_sdk_trains_and_waits(cloud, tmp_path):
    MXNet = pytest.importorskip("sagemaker.mxnet").MXNet

    (tmp_path / "train.py").write_text(REPORT)
    data = put(cloud.bucket, f"{unique('sdk')}/a.csv", b"1")
    estimator = MXNet(
        "train.py",
        source_dir=str(tmp_path),
        role=cloud.role,
        instance_type="ml.m5.large",
        instance_count=1,
        framework_version="1.9.0",
        py_version="py38",
        hyperparameters={"epochs": 3},
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
    )
    estimator.fit({"train": data}, wait=False)
    wait("training", estimator.latest_training_job.name)
    report = json.loads(members(estimator.model_data)["code/net.json"])
    assert report["arguments"] == ["--epochs", "3"]
    frame = estimator.training_job_analytics.dataframe()
    assert list(frame["metric_name"]) == ["accuracy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/x"}}, "no-such-bucket"),
        ({"algorithm": {"TrainingImage": "1.dkr.ecr.x.amazonaws.com/pytorch-training:2.1"}}, "pytorch-training:2.1"),
        ({"parameters": {"sagemaker_program": ""}}, "sagemaker_program"),
        ({"parameters": {"sagemaker_submit_directory": "s3://no-such-bucket/x.tar.gz"}}, "no-such-bucket"),
        ({"parameters": {"sagemaker_mpi_enabled": "true"}}, "MPI is not simulated here"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}, "VpcConfig is not simulated here"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation is not simulated here"),
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be at least"),
        ({"CheckpointConfig": {"S3Uri": "s3://BUCKET/x", "LocalPath": "/etc/x"}}, "must be a path under /opt/ml"),
        ({"algorithm": {"MetricDefinitions": [{"Name": "a", "Regex": "a=("}]}}, "regular expression of the metric a"),
        ({"algorithm": {"MetricDefinitions": [{"Name": "a", "Regex": "a="}]}}, "needs one group"),
    ],
)
def test_a_request_that_cannot_run_is_refused(cloud, changes, message):
    changes = json.loads(json.dumps(changes).replace("BUCKET", cloud.bucket))
    with pytest.raises(ClientError, match=re.escape(message)) as caught:
        train(cloud, "print()", **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_data_that_is_not_there_is_refused(cloud):
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        train(cloud, "print()", InputDataConfig=[channel(f"s3://{cloud.bucket}/{unique('nothing')}/")])
    place = put(cloud.bucket, f"{unique('bad')}.manifest", b"[]")
    entry = channel(place, source={"S3DataType": "ManifestFile"})
    with pytest.raises(ClientError, match="must be a JSON list that begins with"):
        train(cloud, "print()", InputDataConfig=[entry])


def test_a_manifest_names_the_objects(cloud):
    place = unique("listed")
    for name in ("a.csv", "b/c.csv", "d.csv"):
        put(cloud.bucket, f"{place}/{name}", b"1")
    listing = json.dumps([{"prefix": f"s3://{cloud.bucket}/{place}/"}, "a.csv", "b/c.csv"])
    entry = channel(put(cloud.bucket, f"{place}.manifest", listing.encode()), source={"S3DataType": "ManifestFile"})
    job = wait("training", train(cloud, REPORT, InputDataConfig=[entry]))
    seen = json.loads(members(job["ModelArtifacts"]["S3ModelArtifacts"])["code/net.json"])
    assert seen["files"]["SM_CHANNEL_TRAIN"] == ["a.csv", "b/c.csv"]


def test_names_are_unique_and_jobs_can_be_listed_and_deleted(cloud):
    name = train(cloud, "print('hello')")
    with pytest.raises(ClientError, match="already exists") as caught:
        client().create_training_job(**training(cloud, "print()", name=name))
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    wait("training", name)
    listed = client().list_training_jobs(NameContains=name, StatusEquals="Completed")["TrainingJobSummaries"]
    assert [entry["TrainingJobName"] for entry in listed] == [name]
    client().delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match=f'no training job "{name}"'):
        client().describe_training_job(TrainingJobName=name)


def test_a_record_is_padded_to_four_bytes():
    from local_sagemaker.jobs.channels import record

    assert record(b"abcde") == struct.pack("<II", 0xCED7230A, 5) + b"abcde\0\0\0"
