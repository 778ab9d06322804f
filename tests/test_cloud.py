"""`connect` leads to the local SageMaker, or to AWS when it is asked for, and says what that costs."""

import os
import subprocess
import sys

import boto3
import pytest
from botocore.loaders import Loader
from local_sagemaker.daemon import state

import local_sagemaker
from gluon_lessons import cloud
from gluon_lessons.errors import LessonError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for a SageMaker of one test, which does not outlive it."""
    before = dict(os.environ)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", Loader.CUSTOMER_DATA_PATH)
    os.environ["LOCAL_SAGEMAKER_HOME"] = str(tmp_path)
    yield tmp_path
    local_sagemaker.stop()
    os.environ.clear()
    os.environ.update(before)


def test_aws_needs_to_be_asked_for_and_says_what_it_costs(home, capsys):
    running = local_sagemaker.start()
    # Local SageMaker plays AWS: an account that the environment leads to.
    os.environ.update(state.environment(running.url, (running.access_key, running.secret_key), running.region))
    os.environ["GLUON_LESSONS_AWS"] = "1"
    with pytest.raises(LessonError, match="GLUON_LESSONS_ROLE"):
        cloud.connect()
    os.environ["GLUON_LESSONS_ROLE"] = "arn:aws:iam::1:role/mine"
    session = cloud.connect(endpoint="mine", instance_type="ml.m5.xlarge")
    assert not session.local
    said = capsys.readouterr().out
    for words in (running.account, "us-east-1", "arn:aws:iam::1:role/mine", "$0.23 an hour"):
        assert words in said
    assert "aws sagemaker delete-endpoint --endpoint-name mine" in said
    os.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"
    boto3.DEFAULT_SESSION = None
    with pytest.raises(LessonError, match="needs an AWS account that works"):
        cloud.connect()


def test_a_price_is_a_sentence():
    session = cloud.Session(True, "us-east-1", "1", "role", "bucket")
    assert session.price(count=2) == (
        "On AWS, 2 ml.m5.large cost about $0.23 an hour (us-east-1, early 2025). "
        "Here it is your own machine and costs nothing."
    )
    assert "https://aws.amazon.com/sagemaker/pricing" in session.price("ml.x9.huge")
    assert cloud.prices()["hour"]["ml.m5.large"] * 2 == pytest.approx(0.23)


def test_the_sagemaker_sdk_leaves_error_messages_alone_and_the_remarks_of_others_off(home):
    code = """
from gluon_lessons import cloud
cloud.connect()
import logging, sys, sagemaker.experiments
print(sys.excepthook is sys.__excepthook__, logging.getLogger().level == logging.WARNING)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("True True\n")
