"""The cloud: SageMaker on this machine, for notebooks that would run on AWS unchanged.

    from gluon_lessons import cloud

    session = cloud.connect()     # session.role, session.bucket, session.region, session.account

`connect` starts the local cloud or finds it running, and sets environment variables: boto3, the SageMaker SDK and the
aws command line do the rest. With GLUON_LESSONS_AWS=1 it uses your AWS account instead.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gluon_lessons.errors import LessonError

START_WITHIN, STOP_WITHIN = 60, 20  # seconds
_daemon = None  # kept, so that Python does not remark that it still runs


@dataclass(frozen=True)
class Session:
    """Where the lesson's requests go."""

    local: bool
    region: str
    account: str
    role: str  # the ARN of the role that SageMaker assumes
    bucket: str

    def price(self, instance_type="ml.m5.large", count=1, delete=""):
        """Say in a sentence what instances cost on AWS, and which command ends the cost."""
        cost = (
            f"On AWS, {count} {instance_type} {'costs' if count == 1 else 'cost'} about {_hourly(instance_type, count)}"
        )
        here = " Here it is your own machine and costs nothing." if self.local else ""
        end = f" It ends with: {delete}" if delete else ""
        return f"{cost}.{here}{end}"


def connect(endpoint="gluon-lessons", instance_type="ml.m5.large"):
    """Point AWS's clients at the local cloud and return the `Session`.

    With GLUON_LESSONS_AWS=1 they stay with your AWS account; what that costs (one `instance_type`) and how to delete
    the `endpoint` is printed first.
    """
    _keep_to_the_point()
    if os.environ.get("GLUON_LESSONS_AWS") == "1":
        return _connect_to_aws(endpoint, instance_type)
    import boto3
    from botocore.loaders import Loader

    from gluon_lessons.cloud import state

    running = start(owner=os.getpid())
    for name in state.unwanted():
        del os.environ[name]
    # Two things have no variable: settings that boto3 may have read already, and where the SDK looks for the address of
    # STS (see tls.py).
    boto3.DEFAULT_SESSION = None
    Loader.CUSTOMER_DATA_PATH = str(state.folder() / "botocore")
    os.environ.update(state.environment(running.url, (running.access_key, running.secret_key), running.region))
    session = Session(True, running.region, running.account, running.role, running.bucket)
    print(f"SageMaker on this machine: no account, no cost. Your bucket is {session.bucket}.")
    if running.server == "plain":
        print("There is no Java, so a plain server stands in for AWS's model server.", file=sys.stderr)
    return session


def start(owner=None):
    """Start the cloud or find it running, and return its `state.State`.

    It runs until the process `owner` and every other owner have ended, or, without one, until it is told to stop.
    """
    from filelock import FileLock

    from gluon_lessons.cloud import state

    home = state.folder()
    (home / "owners").mkdir(exist_ok=True)
    with FileLock(home / ".lock"):
        if owner:
            import psutil

            state.private(home / "owners" / str(owner), str(psutil.Process(owner).create_time()))
        else:
            (home / "owners" / "stay").touch()
        return state.read() or _launch(home, stay=owner is None)


def stop():
    """Stop the cloud and everything it started; return whether it ran."""
    from gluon_lessons.cloud import state

    running = state.read()
    if not running:
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.kill(running.pid, sign)
        deadline = time.monotonic() + STOP_WITHIN
        while time.monotonic() < deadline:
            if not state.is_running(running.pid, running.started):
                return True
            time.sleep(0.05)
    raise LessonError(f"The local cloud does not end; end process {running.pid} yourself.")


def _keep_to_the_point():
    """Keep the SDK, when it is imported, from filling the screen."""
    import rich.traceback

    rich.traceback.install = lambda **_: None  # it would replace Python's error messages with pages of coloured frames
    logging.basicConfig()  # it would switch on the remarks of every library, but does not where a handler is
    # It remarks on where it found its settings, and warns of what is as it should be in a pipeline or a tuning job.
    for name, level in (("config", logging.WARNING), ("estimator", logging.ERROR), ("workflow", logging.ERROR)):
        logging.getLogger(f"sagemaker.{name}").setLevel(level)


def _launch(home, stay):
    from gluon_lessons.cloud import state

    command = [sys.executable, "-m", "gluon_lessons.cloud.daemon", *(["--stay"] if stay else [])]
    global _daemon
    # The learner's own account stays outside.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with (home / "daemon.log").open("wb") as output:
        _daemon = subprocess.Popen(
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline and _daemon.poll() is None:
        running = state.read()
        if running:
            return running
        time.sleep(0.05)
    _daemon.kill()
    lines = (home / "daemon.log").read_text().strip().splitlines()
    raise LessonError(f"The local cloud did not start: {lines[-1] if lines else 'no reason given'}. See {home}.")


@cache
def _prices():
    import yaml

    return yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())


def _hourly(instance_type, count):
    prices = _prices()
    if instance_type not in prices["hour"]:
        return f"what {prices['source']} says"
    return f"${prices['hour'][instance_type] * count:.2f} an hour ({prices['region']}, {prices['known']})"


def _connect_to_aws(endpoint, instance_type):
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
