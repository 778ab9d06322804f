"""Batch transform: many objects through one model, in pieces that fit, to keys that say where they came from."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError
from jobs_kit import archive, client, get, keys, lines, put, unique, wait
from local_sagemaker.errors import ApiError
from local_sagemaker.jobs.transform.filters import Filter, Processing
from local_sagemaker.jobs.transform.job import Transform

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
GROUP = "/aws/sagemaker/TransformJobs"

# A model that sums the numbers of a line, counts the bytes of a picture, and says how many lines each request had.
INFERENCE = """
import json, os

def model_fn(folder):
    return int(open(os.path.join(folder, "offset.txt")).read()) + int(os.environ.get("MORE", "0"))

def transform_fn(offset, body, content_type, accept):
    if content_type == "image/jpeg":
        return json.dumps({"bytes": len(body)}), "application/json"
    text = body if isinstance(body, str) else bytes(body).decode()
    rows = text.strip().split("\\n")
    if "boom" in text:
        raise ValueError("boom is no number")
    if content_type == "application/jsonlines":
        return "\\n".join(json.dumps(sum(json.loads(row))) for row in rows), accept
    sums = [offset + sum(float(value) for value in row.split(",")) for row in rows]
    return "\\n".join(f"{value:g},{len(rows)}" for value in sums), "text/csv"
"""


@pytest.fixture(scope="module")
def model(cloud):
    """Return the name of a model whose answers are easy to foretell."""
    name = unique("adder")
    files = {"offset.txt": "100", "code/inference.py": INFERENCE}
    container = {
        "Image": IMAGE,
        "ModelDataUrl": put(cloud.bucket, f"{name}/model.tar.gz", archive(**files)),
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    client().create_model(ModelName=name, ExecutionRoleArn=cloud.role, PrimaryContainer=container)
    return name


def transforming(cloud, model, uri, content="text/csv", split="Line", **members):
    """Return the request for a transform job of everything under a prefix."""
    name = unique("batch")
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            "ContentType": content,
            "SplitType": split,
        }
        | members.pop("input", {}),
        "TransformOutput": {"S3OutputPath": f"s3://{cloud.bucket}/{name}/out", "Accept": "text/csv"}
        | members.pop("output", {}),
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }


def transform(request):
    """Run a transform job and return its description and {key below the output path: content}."""
    client().create_transform_job(**request)
    job = wait("transform", request["TransformJobName"])
    bucket, _, prefix = job["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
    return job, {key: get(f"s3://{bucket}/{prefix}/{key}") for key in keys(bucket, f"{prefix}/")}


def test_files_are_split_into_lines_and_answers_put_together(cloud, model):
    place = unique("rows")
    put(cloud.bucket, f"{place}/a.csv", b"1,2\n3,4\n5,6\n")
    put(cloud.bucket, f"{place}/deep/b.csv.gz", gzip.compress(b"10\n"))
    put(cloud.bucket, f"{place}/deep/c.csv", gzip.compress(b"7\n\n8"))
    zipped = {"CompressionType": "Gzip"}
    request = transforming(
        cloud,
        model,
        f"s3://{cloud.bucket}/{place}/deep",
        input=zipped,
        output={"AssembleWith": "Line"},
        Environment={"MORE": "1000"},
        MaxConcurrentTransforms=2,
    )
    plain = transforming(
        cloud, model, f"s3://{cloud.bucket}/{place}/a", BatchStrategy="SingleRecord", output={"AssembleWith": "Line"}
    )
    client().create_transform_job(**plain)
    job, found = transform(request)
    assert job["TransformJobStatus"] == "Completed", job
    assert found == {"b.csv.gz.out": b"1110,1\n", "c.csv.out": b"1107,2\n1108,2\n"}
    wait("transform", plain["TransformJobName"])
    assert get(f"{plain['TransformOutput']['S3OutputPath']}/a.csv.out") == b"103,1\n107,1\n111,1\n"
    streams = lines(GROUP, request["TransformJobName"])
    (log,) = [messages for stream, messages in streams.items() if stream.endswith("/data-log")]
    assert "BatchStrategy=MULTI_RECORD" in log[0]
    assert "/work" not in json.dumps(job, default=str)


def test_the_sdk_sends_pictures_whole(cloud, model):
    Transformer = pytest.importorskip("sagemaker.transformer").Transformer

    place = unique("pictures")
    for name, size in (("one.jpg", 10), ("more/two.jpg", 20)):
        put(cloud.bucket, f"{place}/{name}", b"x" * size)
    transformer = Transformer(
        model, 1, "ml.m5.large", strategy="SingleRecord", output_path=f"s3://{cloud.bucket}/{place}-out"
    )
    transformer.transform(f"s3://{cloud.bucket}/{place}", content_type="image/jpeg", wait=False)
    wait("transform", transformer.latest_transform_job.name)
    assert sorted(keys(cloud.bucket, f"{place}-out/")) == ["more/two.jpg.out", "one.jpg.out"]
    assert json.loads(get(f"s3://{cloud.bucket}/{place}-out/more/two.jpg.out")) == {"bytes": 20}


def test_what_fails_leaves_no_output_and_the_rest_goes_on(cloud, model):
    place = unique("mixed")
    put(cloud.bucket, f"{place}/good.csv", b"1")
    put(cloud.bucket, f"{place}/bad.csv", b"boom")
    put(cloud.bucket, f"{place}/list", json.dumps([{"prefix": f"s3://{cloud.bucket}/{place}/"}, "bad.csv", "good.csv"]))
    request = transforming(
        cloud, model, f"s3://{cloud.bucket}/{place}/list", ModelClientConfig={"InvocationsMaxRetries": 0}
    )
    request["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    job, found = transform(request)
    assert job["TransformJobStatus"] == "Failed"
    assert "1 of 2 objects failed" in job["FailureReason"]
    assert "bad.csv: 500" in job["FailureReason"]
    assert found == {"good.csv.out": b"101,1"}
    (log,) = [m for stream, m in lines(GROUP, request["TransformJobName"]).items() if stream.endswith("/data-log")]
    assert any("bad.csv: ClientError: 500" in line for line in log)


def test_answers_are_joined_to_their_records(cloud, model):
    place = put(cloud.bucket, f"{unique('joined')}/x.csv", b"id-1,1,2\nid-2,3,4\n")
    rules = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,3]"}
    request = transforming(cloud, model, place, output={"AssembleWith": "Line"}, DataProcessing=rules)
    job, found = transform(request)
    assert job["TransformJobStatus"] == "Completed", job
    assert found == {"x.csv.out": b"id-1,103\nid-2,107\n"}


def test_a_model_that_cannot_be_loaded_fails_the_job(cloud):
    name = unique("broken")
    archived = archive(**{"code/inference.py": "def model_fn(folder): raise OSError('no weights here')"})
    container = {"Image": IMAGE, "ModelDataUrl": put(cloud.bucket, f"{name}/model.tar.gz", archived)}
    client().create_model(ModelName=name, ExecutionRoleArn=cloud.role, PrimaryContainer=container)
    job, found = transform(transforming(cloud, name, put(cloud.bucket, f"{name}/x.csv", b"1")))
    assert job["TransformJobStatus"] == "Failed"
    assert "no weights here" in job["FailureReason"]
    assert not found


def test_a_job_can_be_stopped_listed_and_is_named_once(cloud, model):
    request = transforming(cloud, model, put(cloud.bucket, f"{unique('stop')}/x.csv", b"1\n" * 20000))
    request["BatchStrategy"] = "SingleRecord"
    client().create_transform_job(**request)
    with pytest.raises(ClientError, match="already exists") as caught:
        client().create_transform_job(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    client().stop_transform_job(TransformJobName=request["TransformJobName"])
    assert wait("transform", request["TransformJobName"])["TransformJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        client().stop_transform_job(TransformJobName=request["TransformJobName"])
    listed = client().list_transform_jobs(NameContains=request["TransformJobName"])["TransformJobSummaries"]
    assert [entry["TransformJobStatus"] for entry in listed] == ["Stopped"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ModelName": "nobody"}, "nobody"),
        ({"input": {"SplitType": "TFRecord"}}, "SplitType TFRecord is not simulated here"),
        ({"output": {"S3OutputPath": "s3://no-such-bucket/x"}}, "no-such-bucket"),
        ({"output": {"KmsKeyId": "k"}}, "KmsKeyId is not simulated here"),
        ({"MaxPayloadInMB": 50}, "at most 6 here"),
        ({"DataProcessing": {"InputFilter": "$.a[?(@.b)]"}}, "is not simulated here"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "SplitType and AssembleWith must be the same"),
        ({"DataProcessing": {"JoinSource": "Input"}, "input": {"ContentType": "image/jpeg"}}, "not image/jpeg"),
    ],
)
def test_a_request_that_cannot_run_is_refused(cloud, model, changes, message):
    place = put(cloud.bucket, f"{unique('refused')}/x.csv", b"1")
    request = transforming(cloud, model, place, **changes)
    with pytest.raises(ClientError, match=message):
        client().create_transform_job(**request)


def test_data_that_is_not_there_is_refused(cloud, model):
    with pytest.raises(ClientError, match="No S3 objects found"):
        client().create_transform_job(**transforming(cloud, model, f"s3://{cloud.bucket}/{unique('nothing')}/"))


def _batches(body, several, limit):
    job = Transform.__new__(Transform)
    job.split, job.several, job.limit = "Line", several, limit
    return [b"+".join(batch) for batch in job._batches(body)]


def test_lines_are_packed_up_to_the_limit():
    assert _batches(b"aa\nbb\n\ncc\n", True, 6) == [b"aa+bb", b"cc"]
    assert _batches(b"aa\nbb", False, 6) == [b"aa", b"bb"]
    assert _batches(b"much too long\nx", True, 6) == [b"much too long", b"x"]
    assert _batches(b"", True, 6) == []


@pytest.mark.parametrize(
    ("path", "value", "result"),
    [
        ("$", [1, 2], [1, 2]),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$[-1]", [1, 2, 3], 3),
        ("$[0,2]", [1, 2, 3], [1, 3]),
        ("$[0,1:]", [1, 2, 3], [1, 2, 3]),
        ("$.a.b", {"a": {"b": 5}}, 5),
        ("$['a','c']", {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}),
        ("$.a[0].b", {"a": [{"b": 5}]}, 5),
        ("$.a[*]", {"a": [1, 2]}, [1, 2]),
    ],
)
def test_a_filter_takes_its_part(path, value, result):
    assert Filter(path)(value) == result


@pytest.mark.parametrize("path", ["a", "$..a", "$[?(@.x)]", "$.a[", "$[1:2:3]", ""])
def test_a_filter_that_is_not_understood_is_refused(path):
    with pytest.raises(ApiError, match="is not simulated here"):
        Filter(path)


def test_a_filter_that_finds_nothing_says_so():
    with pytest.raises(ValueError, match="finds nothing"):
        Filter("$.b")({"a": 1})
    with pytest.raises(ValueError, match="finds nothing"):
        Filter("$[3]")([1])


def test_json_records_get_the_answer_as_a_member():
    rules = Processing({"InputFilter": "$.x", "JoinSource": "Input"}, "application/jsonlines", "application/json")
    assert rules.before(b'{"id": 7, "x": [1, 2]}') == b"[1, 2]"
    assert json.loads(rules.after(b'{"id": 7, "x": [1, 2]}', b"3")) == {"id": 7, "x": [1, 2], "SageMakerOutput": 3}
    assert json.loads(rules.after(b"[1]", b"3")) == {"SageMakerInput": [1], "SageMakerOutput": 3}
