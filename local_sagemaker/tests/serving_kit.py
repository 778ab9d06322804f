"""What the tests of serving share: archives, deployments, and waiting."""

import io
import json
import tarfile
import time
import uuid
from pathlib import Path

import boto3

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = (Path(__file__).parent / "models" / "inference.py").read_text()


def unique(prefix):
    """Return a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def archive(files):
    """Return the bytes of a tar.gz with these files: {name: text}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def multiplier(factor, script=SCRIPT):
    """Return the archive of a model that multiplies the sum of three numbers by a factor."""
    return archive({"factor.json": json.dumps(factor), "code/inference.py": script})


class Clients:
    """SageMaker's clients, and what most tests do with them."""

    def __init__(self, session):
        self.session = session
        self.sagemaker = boto3.client("sagemaker")
        self.runtime = boto3.client("sagemaker-runtime")
        self.s3 = boto3.client("s3")

    def upload(self, data):
        """Put bytes into the bucket and return their address."""
        key = f"models/{unique('model')}.tar.gz"
        self.s3.put_object(Bucket=self.session.bucket, Key=key, Body=data)
        return f"s3://{self.session.bucket}/{key}"

    def model(self, data, **container):
        """Create a model from the bytes of an archive and return its name."""
        name = unique("model")
        container = {"Image": IMAGE, "ModelDataUrl": self.upload(data), **container}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.session.role, PrimaryContainer=container)
        return name

    def variant(self, name, model, weight=1.0, count=1):
        """Return one entry of ProductionVariants."""
        return {
            "VariantName": name,
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
            "InitialVariantWeight": weight,
        }

    def config(self, *variants, **members):
        """Create an endpoint configuration and return its name."""
        name = unique("config")
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **members)
        return name

    def create(self, config):
        """Create an endpoint and return its name at once."""
        name = unique("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def deploy(self, factor, **members):
        """Deploy a multiplier as variant `only` and return the endpoint's name when it is in service."""
        name = self.create(self.config(self.variant("only", self.model(multiplier(factor))), **members))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def settled(self, name, within=60):
        """Wait until nothing is being started or replaced and return the description."""
        deadline = time.monotonic() + within
        while True:
            found = self.sagemaker.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] not in ("Creating", "Updating"):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def delete(self, name):
        """Delete an endpoint and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        until(lambda: name not in self.endpoints())

    def endpoints(self):
        """Return the names of all endpoints."""
        return [e["EndpointName"] for e in self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]

    def ask(self, name, numbers, **members):
        """Invoke an endpoint with JSON and return (answer, variant)."""
        reply = self.runtime.invoke_endpoint(
            EndpointName=name, ContentType="application/json", Body=json.dumps(numbers), **members
        )
        return json.loads(reply["Body"].read()), reply["InvokedProductionVariant"]


def until(condition, within=30):
    """Wait until a condition holds and return its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
