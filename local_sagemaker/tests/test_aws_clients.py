"""The clients that people use work unchanged."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from local_sagemaker.daemon import state
from serving_kit import IMAGE, SCRIPT, multiplier, unique


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_sagemaker_sdk_deploys_predicts_and_deletes(aws, cloud, tmp_path, monkeypatch):
    pytest.importorskip("mxnet")
    sagemaker = pytest.importorskip("sagemaker")
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.mxnet import MXNetModel
    from sagemaker.serializers import JSONSerializer

    monkeypatch.chdir(tmp_path)
    Path("inference.py").write_text(SCRIPT)
    Path("factor.json").write_text("3")
    with tarfile.open("model.tar.gz", "w:gz") as tar:
        tar.add("factor.json")
    session = sagemaker.Session()
    assert session.default_bucket() == cloud.bucket
    data = session.upload_data("model.tar.gz", key_prefix=unique("sdk"))
    model = MXNetModel(data, cloud.role, "inference.py", framework_version="1.9.0", py_version="py38")
    predictor = model.deploy(
        initial_instance_count=1,
        instance_type="ml.m5.large",
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
        wait=False,  # the SDK's own first look comes after 30 seconds
    )
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    assert predictor.predict([1, 2, 3]) == 18
    name = predictor.endpoint_name
    predictor.delete_endpoint()
    model.delete_model()
    listed = aws.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]  # one look: it may go between two
    statuses = {endpoint["EndpointName"]: endpoint["EndpointStatus"] for endpoint in listed}
    assert statuses.get(name, "Deleting") == "Deleting"


def test_the_sagemaker_sdk_asks_nobody_else_who_it_is(cloud):
    sagemaker = pytest.importorskip("sagemaker")
    from sagemaker.utils import sts_regional_endpoint

    assert sts_regional_endpoint("us-east-1").startswith("https://127.0.0.1:")
    session = sagemaker.Session()
    assert session.account_id() == cloud.account
    with pytest.raises(ValueError, match="user/learner, therefore it cannot be used as a SageMaker execution role"):
        sagemaker.get_execution_role(session)


def test_the_resource_classes_of_the_new_sdk_work(aws, cloud):
    pytest.importorskip("sagemaker_core")
    from sagemaker_core.resources import Endpoint, EndpointConfig, Model
    from sagemaker_core.shapes import ContainerDefinition, ProductionVariant

    data, name = aws.upload(multiplier(4)), unique("core")
    container = ContainerDefinition(image=IMAGE, model_data_url=data)
    Model.create(model_name=name, primary_container=container, execution_role_arn=cloud.role)
    variant = ProductionVariant(
        variant_name="only", model_name=name, initial_instance_count=1, instance_type="ml.m5.large"
    )
    EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService", poll=1)
    reply = endpoint.invoke(body=json.dumps([1, 2, 3]), content_type="application/json")
    assert json.loads(reply.body.read()) == 24
    assert endpoint.refresh().production_variants[0].variant_name == "only"
    assert name in [found.endpoint_name for found in Endpoint.get_all()]
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    assert name not in aws.endpoints()


def test_the_aws_command_line_works(cloud, endpoint, tmp_path):
    command = Path(sys.executable).with_name("aws")
    if not command.exists():
        pytest.skip("the aws command line is not installed here")
    listed = json.loads(run(command, "sagemaker", "list-endpoints"))
    assert endpoint in [found["EndpointName"] for found in listed["Endpoints"]]
    (tmp_path / "request.json").write_text("[1, 2, 3]")
    run(
        *(command, "sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint),
        *("--content-type", "application/json", "--body", "fileb://request.json", "answer.json"),
        cwd=tmp_path,
    )
    assert json.loads((tmp_path / "answer.json").read_text()) == 12
    run(command, "s3", "cp", tmp_path / "request.json", f"s3://{cloud.bucket}/cli/a b.json")
    assert run(command, "s3", "cp", f"s3://{cloud.bucket}/cli/a b.json", "-") == "[1, 2, 3]"
    run(command, "sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)


def test_curl_works(cloud, endpoint):
    if not shutil.which("curl"):
        pytest.skip("this machine has no curl")
    home = state.read()
    call = ("curl", "--silent", f"{home.url}/endpoints/{endpoint}/invocations", "--data-binary", "[1, 2, 3]")
    sign = ("--aws-sigv4", "aws:amz:us-east-1:sagemaker", "--header", "Content-Type: application/json", "--user")
    assert run(*call, *sign, f"{home.access_key}:{home.secret_key}") == "12.0"
    refused = json.loads(run(*call, *sign, f"{home.access_key}:wrong"))
    assert refused["__type"] == "InvalidSignatureException"
    assert json.loads(run(*call))["__type"] == "MissingAuthenticationTokenException"


def item(name, url, auth, status):
    check = f"pm.test('{name}', () => pm.response.to.have.status({status}))"
    return {
        "name": name,
        "event": [{"listen": "test", "script": {"exec": [check]}}],
        "request": {
            "method": "POST",
            "header": [{"key": "Content-Type", "value": "application/json"}],
            "body": {"mode": "raw", "raw": "[1, 2, 3]"},
            "url": url,
            "auth": auth,
        },
    }


def awsv4(access_key, secret_key, service="sagemaker"):
    values = {"accessKey": access_key, "secretKey": secret_key, "region": "us-east-1", "service": service}
    return {"type": "awsv4", "awsv4": [{"key": key, "value": value} for key, value in values.items()]}


@pytest.mark.network
def test_postman_works(cloud, endpoint, tmp_path):
    npx = shutil.which("npx")
    if not npx:
        pytest.skip("this machine has no npx, which fetches newman")
    home = state.read()
    url, key = f"{home.url}/endpoints/{endpoint}/invocations", (home.access_key, home.secret_key)
    requests = [
        item("signed", url, awsv4(*key), 200),
        item("unsigned", url, {"type": "noauth"}, 403),
        item("wrong secret", url, awsv4(key[0], "wrong"), 403),
        item("wrong service", url, awsv4(*key, service="s3"), 403),
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    collection = tmp_path / "collection.json"
    collection.write_text(json.dumps({"info": {"name": "lessons", "schema": schema}, "item": requests}))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    run(npx, "--yes", "newman@6.2.1", "run", collection, "--color", "off", env=plain, cwd=tmp_path)


def test_a_prefix_of_log_streams_is_refused_rather_than_ignored(cloud):
    import boto3
    from botocore.exceptions import ClientError

    logs, group = boto3.client("logs"), {"logGroupName": unique("group")}
    logs.create_log_group(**group)
    for stream in ("one", "two"):
        logs.create_log_stream(**group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": stream}
        logs.put_log_events(**group, logStreamName=stream, logEvents=[event])
    with pytest.raises(ClientError, match="use logStreamNames"):
        logs.filter_log_events(**group, logStreamNamePrefix="on")
    (found,) = logs.filter_log_events(**group, logStreamNames=["one"])["events"]
    assert found["message"] == "one"
