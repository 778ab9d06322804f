"""The long runs of the jobs: many at once, many in a row, and the SDK's own patience."""

import io
import json
import os
from pathlib import Path

import numpy as np
import psutil
import pytest
from jobs_kit import archive, channel, client, keys, lines, put, train, unique, wait
from test_processing import processing
from test_transform import IMAGE, INFERENCE, transforming
from test_tuning import tune

pytestmark = pytest.mark.soak


def _daemon():
    return psutil.Process(json.loads(Path(os.environ["LOCAL_SAGEMAKER_HOME"], "cloud.json").read_text())["pid"])


def test_forty_jobs_at_once_all_come_out_right(cloud):
    place = unique("crowd")
    trained = [
        train(
            cloud,
            f"open('/opt/ml/model/x', 'w').write('{number}')\nprint('loss={number};')",
            name=f"{place}-{number}",
            algorithm={"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9]+);"}]},
        )
        for number in range(24)
    ]
    processed = []
    for number in range(12):
        script = f"open('/opt/ml/processing/out/{number}', 'w').write('x')"
        request = processing(cloud, script, [], [("out", f"s3://{cloud.bucket}/{place}/out", "/opt/ml/processing/out")])
        client().create_processing_job(**request)
        processed.append(request["ProcessingJobName"])
    searched = [tune(cloud, most=4, parallel=4) for _ in range(2)]
    for number, name in enumerate(trained):
        job = wait("training", name, within=280)
        assert [entry["Value"] for entry in job["FinalMetricDataList"]] == [number], job
    assert {wait("processing", name, within=280)["ProcessingJobStatus"] for name in processed} == {"Completed"}
    assert sorted(keys(cloud.bucket, f"{place}/out/"), key=int) == [str(number) for number in range(12)]
    for name in searched:
        assert wait("hyper_parameter_tuning", name, within=280)["ObjectiveStatusCounters"]["Succeeded"] == 4
    assert not _daemon().children(recursive=True)[1:]  # the guard of the processes stays


def test_a_hundred_jobs_in_a_row_leave_nothing_behind(cloud):
    daemon, sizes, files = _daemon(), [], []
    for _ in range(100):
        wait("training", train(cloud, "print('x' * 10_000)"))
        sizes.append(daemon.memory_info().rss)
        files.append(daemon.num_fds())
    assert sizes[-1] < sizes[20] * 1.1
    assert files[-1] <= files[20] + 5


def test_hundreds_of_pictures_go_through_one_job(cloud):
    name = unique("gallery")
    model = put(cloud.bucket, f"{name}/model.tar.gz", archive(**{"offset.txt": "1", "code/inference.py": INFERENCE}))
    client().create_model(
        ModelName=name, ExecutionRoleArn=cloud.role, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model}
    )
    for number in range(500):
        put(cloud.bucket, f"{name}/in/{number:03}.jpg", b"x" * (number + 1))
    request = transforming(
        cloud, name, f"s3://{cloud.bucket}/{name}/in", "image/jpeg", "None", MaxConcurrentTransforms=4
    )
    client().create_transform_job(**request)
    assert wait("transform", request["TransformJobName"], within=200)["TransformJobStatus"] == "Completed"
    assert len(keys(cloud.bucket, f"{request['TransformJobName']}/out/")) == 500


@pytest.fixture(scope="module")
def pictures(cloud):
    """Store a small set of grey pictures, each brightest in the quarter that is its class."""
    random = np.random.RandomState(0)
    labels = random.randint(0, 4, 3000)
    images = random.randint(0, 120, (3000, 28, 28))
    for image, label in zip(images, labels, strict=True):
        image[14 * (label // 2) :, 14 * (label % 2) :][:14, :14] += 60
    out = io.BytesIO()
    np.savez_compressed(out, images=images.astype(np.uint8), labels=labels)
    return put(cloud.bucket, f"{unique('quarters')}/quarters.npz", out.getvalue())


def learn(cloud, pictures, **changes):
    """Run the course's own training script and return what it printed of its epochs, and the job."""
    serve = pytest.importorskip("gluon_lessons.serve")
    name = train(
        cloud,
        (Path(serve.__file__).parent / "train.py").read_text(),
        parameters={"epochs": "4", "channels": "4", "learning-rate": "0.01"} | changes.pop("parameters", {}),
        InputDataConfig=[channel(pictures)],
        **changes,
    )
    job = wait("training", name, within=200)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    printed = [line for stream in lines("/aws/sagemaker/TrainingJobs", name).values() for line in stream]
    epochs = [line.partition(" seconds=")[0] for line in printed if line.startswith("epoch=")]
    return epochs, job


def test_an_interrupted_training_comes_out_as_if_nothing_had_happened(cloud, pictures):
    whole, _ = learn(cloud, pictures)
    torn, job = learn(
        cloud,
        pictures,
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"s3://{cloud.bucket}/{unique('torn')}"},
        StoppingCondition={"MaxRuntimeInSeconds": 200, "MaxWaitTimeInSeconds": 300},
        Environment={"LOCAL_SAGEMAKER_INTERRUPT_AT": "epoch=2 "},
    )
    assert "Interrupted" in [entry["Status"] for entry in job["SecondaryStatusTransitions"]]
    assert len(whole) == 4
    assert set(torn) == set(whole)  # an epoch that was cut short may be told twice, in the same words
    assert torn[-1] == whole[-1]


def test_two_hosts_learn_what_one_does(cloud, pictures):
    one, _ = learn(cloud, pictures)
    two, _ = learn(cloud, pictures, count=2, parameters={"sagemaker_parameter_server_enabled": "true"})

    def accuracy(epochs):
        return float(epochs[-1].rpartition("validation-accuracy=")[2])

    assert len(two) == 4
    assert accuracy(one) > 0.9
    assert accuracy(two) == pytest.approx(accuracy(one), abs=0.05)


def test_the_sdk_waits_and_shows_the_log(cloud, tmp_path, capsys):
    MXNet = pytest.importorskip("sagemaker.mxnet").MXNet

    (tmp_path / "train.py").write_text("import time\nfor i in range(8):\n    print('epoch', i)\n    time.sleep(1)\n")
    estimator = MXNet(
        "train.py",
        source_dir=str(tmp_path),
        role=cloud.role,
        instance_type="ml.m5.large",
        instance_count=1,
        framework_version="1.9.0",
        py_version="py38",
    )
    estimator.fit(wait=True)
    shown = capsys.readouterr().out
    assert all(f"epoch {number}" in shown for number in range(8))
    assert "Training seconds:" in shown
