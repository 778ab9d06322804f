"""The same job with /opt/ml mounted and, where a machine does not allow that, replaced by a folder."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from jobs_kit import archive, channel, client, get, members, put, train, unique, wait
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs import opt_ml
from test_processing import COUNT, processing

import local_sagemaker

SCRIPT = """
import json, os, pathlib, sys
from folder.places import MODEL
data = pathlib.Path("/opt/ml/input/data/train/a.csv").read_text()
pathlib.Path("/opt/ml/checkpoints/last").write_text("1")
(pathlib.Path(MODEL) / "seen.json").write_text(json.dumps([data, sys.argv[1:], os.environ["MINE"]]))
"""


@contextlib.contextmanager
def another(folder, **variables):
    """Run a second local SageMaker and leave the first as it was."""
    before = dict(os.environ)
    os.environ.update(variables, LOCAL_SAGEMAKER_HOME=str(folder))
    try:
        yield local_sagemaker.connect()
    finally:
        local_sagemaker.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def unmounted(cloud, tmp_path):
    """Start one that may not mount."""
    with another(tmp_path, LOCAL_SAGEMAKER_MOUNT="0") as session:
        yield session


def test_absolute_paths_work_without_a_mount(unmounted):
    bucket, checkpoints = unmounted.bucket, unique("checkpoints")
    name = train(
        unmounted,
        SCRIPT,
        files={"folder/__init__.py": "", "folder/places.py": 'MODEL = "/opt/ml/model"'},
        parameters={"where": "/opt/ml/code"},
        Environment={"MINE": "/opt/ml/mine"},
        CheckpointConfig={"S3Uri": f"s3://{bucket}/{checkpoints}"},
        InputDataConfig=[channel(put(bucket, "data/a.csv", b"dog"))],
    )
    job = wait("training", name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    data, arguments, mine = json.loads(members(job["ModelArtifacts"]["S3ModelArtifacts"])["seen.json"])
    assert (data, arguments[0]) == ("dog", "--where")
    assert arguments[1].endswith("/ml/code")
    assert mine.endswith("/ml/mine")
    assert get(f"s3://{bucket}/{checkpoints}/last") == b"1"
    put(
        bucket, "code/sourcedir.tar.gz", archive(**{"main.py": "open('/opt/ml/processing/out/x', 'w').write('packed')"})
    )
    packed = processing(
        unmounted,
        "import os\nos.chdir('/opt/ml/processing/packed')\nos.system('tar -xzf sourcedir.tar.gz && python3 main.py')",
        [("packed", f"s3://{bucket}/code", "/opt/ml/processing/packed")],
        [("out", f"s3://{bucket}/packed", "/opt/ml/processing/out")],
    )
    client().create_processing_job(**packed)
    put(bucket, "texts/a.txt", b"dog dog")
    request = processing(
        unmounted,
        COUNT,
        [("texts", f"s3://{bucket}/texts", "/opt/ml/processing/input")],
        [("counts", f"s3://{bucket}/counts", "/opt/ml/processing/output")],
        application={"ContainerArguments": ["--word", "dog"]},
    )
    client().create_processing_job(**request)
    job = wait("processing", request["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Completed", job["FailureReason"]
    assert json.loads(get(f"s3://{bucket}/counts/counts.json"))["a.txt"] == 2
    job = wait("processing", packed["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Completed", job["FailureReason"]
    assert get(f"s3://{bucket}/packed/x") == b"packed"


@pytest.mark.parametrize("name", ["/etc/passwd", "/opt/ml", "/opt/ml/../x", "/opt/mlx/y", "opt/ml/x"])
def test_only_paths_inside_opt_ml_are_taken(name):
    with pytest.raises(ApiError, match="must be a path under /opt/ml"):
        opt_ml.check(name)


def test_names_of_objects_cannot_lead_out_of_a_channel(cloud):
    place = unique("names")
    for key in ("../../../escaped.csv", "a b/é.csv", "/slashed.csv", "x/./y.csv"):
        put(cloud.bucket, f"{place}/{key}", b"x")
    script = """
import os, pathlib
root = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
names = sorted(str(path.relative_to(root)) for path in root.rglob("*.csv"))
pathlib.Path(os.environ["SM_MODEL_DIR"], "names").write_text("|".join(names))
"""
    job = wait("training", train(cloud, script, InputDataConfig=[channel(f"s3://{cloud.bucket}/{place}/")]))
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    found = members(job["ModelArtifacts"]["S3ModelArtifacts"])["names"].decode().split("|")
    assert found == ["a b/é.csv", "escaped.csv", "slashed.csv", "x/y.csv"]


def test_nothing_is_left_of_a_jobs_folder(cloud):
    state = json.loads(Path(os.environ["LOCAL_SAGEMAKER_HOME"], "cloud.json").read_text())
    name = train(cloud, "import time; open('/opt/ml/big', 'w').write('x'); time.sleep(1)")
    folder = Path(state["run"], "training-job", name)
    _until(folder.exists)
    wait("training", name)
    assert not folder.exists()
    assert not Path("/opt/ml/big").exists()


def _processes_of(job):
    """Return the processes of a training job, wherever they are."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TRAINING_JOB_NAME") == job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _until(condition, within=20):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


SLEEPERS = "import subprocess, time\nsubprocess.Popen(['sleep', '300'])\nprint('asleep')\ntime.sleep({})"


def test_a_job_that_ends_leaves_no_process(cloud):
    name = train(cloud, SLEEPERS.format(0))
    assert wait("training", name)["TrainingJobStatus"] == "Completed"
    assert _processes_of(name) == []


def test_a_killed_cloud_leaves_no_process(cloud, tmp_path):
    with another(tmp_path) as session:
        name = train(session, SLEEPERS.format(300))
        _until(lambda: len(_processes_of(name)) >= 3)  # the toolkit, the script, and what the script started
        os.kill(json.loads((tmp_path / "cloud.json").read_text())["pid"], signal.SIGKILL)
        _until(lambda: not _processes_of(name))
