"""SageMaker for the lessons: on this machine, or on AWS when you opt in.

    from gluon_lessons import cloud

    session = cloud.connect()     # session.role, session.bucket, session.region, session.account

`connect` starts the local SageMaker or finds it running, and sets environment variables: boto3, the SageMaker SDK and
the aws command line do the rest. With GLUON_LESSONS_AWS=1 it uses your AWS account instead.
"""

import logging
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gluon_lessons.errors import LessonError


@dataclass(frozen=True)
class Session:
    """Where the lesson's requests go."""

    local: bool
    region: str
    account: str
    role: str  # the ARN of the role that SageMaker assumes
    bucket: str

    def price(self, instance_type: str = "ml.m5.large", count: int = 1, delete: str = "") -> str:
        """Say in a sentence what instances cost on AWS, and which command ends the cost."""
        cost = (
            f"On AWS, {count} {instance_type} {'costs' if count == 1 else 'cost'} about {_hourly(instance_type, count)}"
        )
        here = " Here it is your own machine and costs nothing." if self.local else ""
        end = f" It ends with: {delete}" if delete else ""
        return f"{cost}.{here}{end}"


def connect(endpoint: str = "gluon-lessons", instance_type: str = "ml.m5.large") -> Session:
    """Point AWS's clients at the local SageMaker and return the `Session`.

    With GLUON_LESSONS_AWS=1 they stay with your AWS account; what that costs (one `instance_type`) and how to delete
    the `endpoint` is printed first.
    """
    _keep_to_the_point()
    if os.environ.get("GLUON_LESSONS_AWS") == "1":
        return _connect_to_aws(endpoint, instance_type)
    import local_sagemaker

    try:
        running = local_sagemaker.connect()
    except local_sagemaker.LocalSageMakerError as error:
        raise LessonError(str(error)) from error
    session = Session(True, running.region, running.account, running.role, running.bucket)
    print(f"SageMaker on this machine: no account, no cost. Your bucket is {session.bucket}.")
    if running.server == "plain":
        print("There is no Java, so a plain server stands in for AWS's model server.", file=sys.stderr)
    return session


def _keep_to_the_point() -> None:
    """Keep the SDK, when it is imported, from filling the screen."""
    import rich.traceback

    # It would replace Python's error messages with pages of coloured frames.
    rich.traceback.install = lambda **_: None  # type: ignore[assignment]
    logging.basicConfig()  # it would switch on the remarks of every library, but does not where a handler is
    # It remarks on where it found its settings, and warns of what is as it should be in a pipeline or a tuning job.
    for name, level in (("config", logging.WARNING), ("estimator", logging.ERROR), ("workflow", logging.ERROR)):
        logging.getLogger(f"sagemaker.{name}").setLevel(level)


@cache
def prices() -> dict[str, Any]:
    """Return what AWS takes, as prices.yaml beside this module has it: where, since when, an hour, a picture."""
    import yaml

    return yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())


def _hourly(instance_type: str, count: int) -> str:
    known = prices()
    if instance_type not in known["hour"]:
        return f"what {known['source']} says"
    return f"${known['hour'][instance_type] * count:.2f} an hour ({known['region']}, {known['known']})"


def _connect_to_aws(endpoint: str, instance_type: str) -> Session:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("sts")
    try:
        account, region = client.get_caller_identity()["Account"], client.meta.region_name
    except (BotoCoreError, ClientError) as error:
        raise LessonError(f"GLUON_LESSONS_AWS=1 needs an AWS account that works; AWS says: {error}") from error
    role = os.environ.get("GLUON_LESSONS_ROLE")
    if not role:
        raise LessonError("Set GLUON_LESSONS_ROLE to the ARN of the role that SageMaker shall assume.")
    session = Session(False, region, account, role, f"sagemaker-{region}-{account}")
    print(f"Your AWS account {account}, region {region}, role {role}.")
    print(session.price(instance_type, delete=f"aws sagemaker delete-endpoint --endpoint-name {endpoint}"))
    return session
