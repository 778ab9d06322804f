"""Processing jobs: a script between its inputs and its outputs, at the paths that it has on AWS."""

import json

import pytest
from botocore.exceptions import ClientError
from jobs_kit import client, get, keys, lines, put, unique, wait

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
GROUP = "/aws/sagemaker/ProcessingJobs"

COUNT = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--input", default="/opt/ml/processing/input")
parser.add_argument("--output", default="/opt/ml/processing/output")
parser.add_argument("--word", required=True)
given = parser.parse_args()
texts = {path.name: path.read_text() for path in pathlib.Path(given.input).glob("*.txt")}
counts = {name: text.split().count(given.word) for name, text in texts.items()}
with open(f"{given.output}/counts.json", "w") as out:
    json.dump(counts | {"mood": os.environ.get("MOOD")}, out)
print("counted", sum(counts.values()))
"""


def processing(cloud, script, inputs=(), outputs=(), count=1, **members):
    """Return the request for a processing job that runs a script."""
    name = unique("process")
    code = put(cloud.bucket, f"{name}/code/script.py", script.encode())
    places = [("code", code, "/opt/ml/processing/input/code"), *inputs]
    return {
        "ProcessingJobName": name,
        "RoleArn": cloud.role,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
        }
        | members.pop("application", {}),
        "ProcessingInputs": [
            {"InputName": label, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"}}
            for label, uri, path in places
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": label, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}
                for label, uri, path in outputs
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        **members,
    }


def process(request):
    client().create_processing_job(**request)
    return wait("processing", request["ProcessingJobName"])


@pytest.fixture
def texts(cloud):
    place = unique("texts")
    put(cloud.bucket, f"{place}/a.txt", b"dog cat dog")
    put(cloud.bucket, f"{place}/b.txt", b"cat")
    return f"s3://{cloud.bucket}/{place}"


def test_a_script_reads_its_inputs_and_leaves_its_outputs(cloud, texts):
    target = f"s3://{cloud.bucket}/{unique('counts')}"
    request = processing(
        cloud,
        COUNT,
        [("texts", texts, "/opt/ml/processing/input")],
        [("counts", target, "/opt/ml/processing/output")],
        application={"ContainerArguments": ["--word", "dog"]},
        Environment={"MOOD": "good"},
    )
    job = process(request)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert json.loads(get(f"{target}/counts.json")) == {"a.txt": 2, "b.txt": 0, "mood": "good"}
    (messages,) = lines(GROUP, request["ProcessingJobName"]).values()
    assert "counted 2" in messages
    listed = client().list_processing_jobs(NameContains=request["ProcessingJobName"])["ProcessingJobSummaries"]
    assert [entry["ProcessingJobStatus"] for entry in listed] == ["Completed"]


def test_a_script_that_fails_says_why_and_leaves_its_last_message(cloud):
    script = "open('/opt/ml/output/message', 'w').write('no cats')\nraise KeyError('cat')"
    job = process(processing(cloud, script))
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "no cats"
    assert "KeyError: 'cat'" in job["FailureReason"]
    assert "exit code: 1" in job["FailureReason"]


def test_a_job_is_stopped_by_hand_or_by_its_limit(cloud):
    limited = processing(cloud, "import time; time.sleep(60)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    stopped = processing(cloud, "import time; time.sleep(60)")
    client().create_processing_job(**limited)
    client().create_processing_job(**stopped)
    client().stop_processing_job(ProcessingJobName=stopped["ProcessingJobName"])
    job = wait("processing", stopped["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    job = wait("processing", limited["ProcessingJobName"])
    assert (job["ProcessingJobStatus"], job["FailureReason"][:18]) == ("Stopped", "MaxRuntimeExceeded")
    client().delete_processing_job(ProcessingJobName=limited["ProcessingJobName"])
    with pytest.raises(ClientError, match="Could not find requested job"):
        client().describe_processing_job(ProcessingJobName=limited["ProcessingJobName"])


def test_several_hosts_share_the_objects(cloud, texts):
    script = """
import json, os, pathlib
host = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]
for path in pathlib.Path("/opt/ml/processing/texts").iterdir():
    pathlib.Path("/opt/ml/processing/seen", f"{host}-{path.name}").write_text("x")
"""
    target = unique("seen")
    request = processing(
        cloud,
        script,
        [("texts", texts, "/opt/ml/processing/texts")],
        [("seen", f"s3://{cloud.bucket}/{target}", "/opt/ml/processing/seen")],
        count=2,
    )
    request["ProcessingInputs"][1]["S3Input"]["S3DataDistributionType"] = "ShardedByS3Key"
    assert process(request)["ProcessingJobStatus"] == "Completed"
    assert keys(cloud.bucket, f"{target}/") == ["algo-1-a.txt", "algo-2-b.txt"]


def test_the_sdk_runs_a_script(cloud, texts, tmp_path):
    pytest.importorskip("sagemaker.processing")
    from sagemaker.processing import ProcessingInput, ProcessingOutput
    from sagemaker.sklearn.processing import SKLearnProcessor

    (tmp_path / "count.py").write_text(COUNT)
    processor = SKLearnProcessor(
        framework_version="1.2-1", role=cloud.role, instance_type="ml.m5.large", instance_count=1
    )
    processor.run(
        str(tmp_path / "count.py"),
        inputs=[ProcessingInput(source=texts, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name="counts", source="/opt/ml/processing/output")],
        arguments=["--word", "cat"],
        wait=False,
    )
    wait("processing", processor.latest_job.job_name)
    (output,) = processor.latest_job.describe()["ProcessingOutputConfig"]["Outputs"]
    assert json.loads(get(f"{output['S3Output']['S3Uri']}/counts.json")) == {"a.txt": 1, "b.txt": 1, "mood": None}


def test_the_sdk_runs_a_folder_of_code(cloud, tmp_path):
    MXNetProcessor = pytest.importorskip("sagemaker.mxnet.processing").MXNetProcessor
    from sagemaker.processing import ProcessingOutput

    (tmp_path / "main.py").write_text(
        "import sys, other\nopen('/opt/ml/processing/output/x', 'w').write(other.word + sys.argv[1])"
    )
    (tmp_path / "other.py").write_text("word = 'hello '")
    processor = MXNetProcessor(
        framework_version="1.9.0", py_version="py38", role=cloud.role, instance_type="ml.m5.large", instance_count=1
    )
    processor.run(
        "main.py",
        source_dir=str(tmp_path),
        outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")],
        arguments=["world"],
        wait=False,
    )
    job = wait("processing", processor.latest_job.job_name)
    assert job["ProcessingJobStatus"] == "Completed", job["FailureReason"]
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert get(f"{output['S3Output']['S3Uri']}/x") == b"hello world"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"inputs": [("texts", "s3://BUCKET/nothing-here/", "/opt/ml/processing/x")]}, "No S3 objects found"),
        ({"inputs": [("texts", "s3://BUCKET/", "/etc/x")]}, "must begin with /opt/ml/processing/"),
        ({"inputs": [("texts", "s3://BUCKET/", "/opt/ml/processing/../x")]}, "without '..'"),
        ({"inputs": [("code", "s3://BUCKET/", "/opt/ml/processing/x")]}, "The name code is used twice"),
        ({"outputs": [("out", "s3://no-such-bucket/x", "/opt/ml/processing/x")]}, "no-such-bucket"),
        ({"application": {"ImageUri": "1.dkr.ecr.x.amazonaws.com/mine:1"}}, "mine:1 cannot run here"),
        ({"NetworkConfig": {"EnableNetworkIsolation": True}}, "NetworkConfig is not simulated here"),
    ],
)
def test_a_request_that_cannot_run_is_refused(cloud, changes, message):
    put(cloud.bucket, "something", b"x")
    changes = json.loads(json.dumps(changes).replace("BUCKET", cloud.bucket))
    with pytest.raises(ClientError, match=message):
        client().create_processing_job(**processing(cloud, "print()", **changes))


def test_a_name_is_used_once(cloud):
    request = processing(cloud, "print()")
    client().create_processing_job(**request)
    with pytest.raises(ClientError, match="already exists") as caught:
        client().create_processing_job(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
