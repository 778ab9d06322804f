"""What the tests of the jobs share: small archives, small requests, and waiting."""

import io
import json
import os
import tarfile
import time
import uuid
from functools import cache

import boto3

TRAINING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/mxnet-training:1.9.0-cpu-py38"
ENDED = ("Completed", "Failed", "Stopped", "Succeeded")


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def client(service="sagemaker"):
    """Return a client of the cloud that the environment names now."""
    return _client(service, os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_ACCESS_KEY_ID"])


@cache
def _client(service, address, key):
    return boto3.session.Session().client(service)


def archive(**files):
    """Return a .tar.gz of files: archive(**{"train.py": "..."}); bytes and text are both fine."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def put(bucket, key, body):
    client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{key}"


def get(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(bucket, prefix):
    found = client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [entry["Key"].removeprefix(prefix) for entry in found]


def members(uri):
    """Return {name: content} of a .tar.gz in S3."""
    with tarfile.open(fileobj=io.BytesIO(get(uri))) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar.getmembers() if info.isfile()}


def channel(uri, name="train", **members):
    """Return one entry of InputDataConfig."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri} | members.pop("source", {})
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}} | members


def training(cloud, script, **changes):
    """Return the request for a training job that runs a script; `changes` replace its members."""
    name = changes.pop("name", None) or unique("train")
    code = put(cloud.bucket, f"{name}/sourcedir.tar.gz", archive(**{"train.py": script} | changes.pop("files", {})))
    program = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": changes.pop("count", 1), "VolumeSizeInGB": 1}
    return {
        "TrainingJobName": name,
        "RoleArn": cloud.role,
        "HyperParameters": program | changes.pop("parameters", {}),
        "AlgorithmSpecification": {"TrainingImage": TRAINING_IMAGE, "TrainingInputMode": "File"}
        | changes.pop("algorithm", {}),
        "OutputDataConfig": {"S3OutputPath": f"s3://{cloud.bucket}/output"},
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def train(cloud, script, **changes):
    """Start a training job and return its name."""
    request = training(cloud, script, **changes)
    client().create_training_job(**request)
    return request["TrainingJobName"]


def wait(kind, name, status=None, until=ENDED, within=60):
    """Poll a job until it has ended and return its description: wait("training", name)."""
    words = "".join(word.title() for word in kind.split("_"))
    describe = getattr(client(), f"describe_{kind}_job")
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = describe(**{f"{words}JobName": name})
        if answer[status or f"{words}JobStatus"] in until:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{name} did not end within {within} s: {json.dumps(answer, default=str)}")


def lines(group, name):
    """Return what a job printed, as CloudWatch Logs has it: {stream: [line]}."""
    logs = client("logs")
    found = {}
    for stream in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]:
        place = {"logGroupName": group, "logStreamName": stream["logStreamName"]}
        answer = logs.get_log_events(**place, startFromHead=True)
        messages = [event["message"] for event in answer["events"]]
        while answer["events"]:
            answer = logs.get_log_events(**place, startFromHead=True, nextToken=answer["nextForwardToken"])
            messages += [event["message"] for event in answer["events"]]
        found[stream["logStreamName"]] = messages
    return found
