"""Deploy a model that is nothing but a Python function, ask it, and delete it: boto3 alone, as on AWS."""

import io
import tarfile

import boto3

SCRIPT = b"""
import json

def model_fn(model_dir):
    return 3

def transform_fn(model, body, content_type, accept):
    return json.dumps(model * json.loads(body)), "application/json"
"""
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"

archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    info = tarfile.TarInfo("code/inference.py")
    info.size = len(SCRIPT)
    tar.addfile(info, io.BytesIO(SCRIPT))

account = boto3.client("sts").get_caller_identity()["Account"]
role = boto3.client("iam").get_role(RoleName="gluon-lessons")["Role"]["Arn"]  # every account here begins with it
bucket = f"sagemaker-us-east-1-{account}"
boto3.client("s3").put_object(Bucket=bucket, Key="triple/model.tar.gz", Body=archive.getvalue())

sagemaker = boto3.client("sagemaker")
container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/triple/model.tar.gz"}
variant = {"VariantName": "only", "ModelName": "triple", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
sagemaker.create_model(ModelName="triple", ExecutionRoleArn=role, PrimaryContainer=container)
sagemaker.create_endpoint_config(EndpointConfigName="triple", ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName="triple", EndpointConfigName="triple")
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="triple", WaiterConfig={"Delay": 1, "MaxAttempts": 60})

runtime = boto3.client("sagemaker-runtime")
answer = runtime.invoke_endpoint(EndpointName="triple", ContentType="application/json", Body=b"14")
print("Three times 14 is", answer["Body"].read().decode())

sagemaker.delete_endpoint(EndpointName="triple")
sagemaker.delete_endpoint_config(EndpointConfigName="triple")
sagemaker.delete_model(ModelName="triple")
