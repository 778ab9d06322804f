"""One local cloud for all tests of a run, in a folder of its own."""

import os

import boto3
import pytest
import serving_kit
from botocore.loaders import Loader

from gluon_lessons import cloud as room
from gluon_lessons.cloud import state


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """Connect to a cloud of the tests' own, and leave nothing behind."""
    before = dict(os.environ)
    os.environ["GLUON_LESSONS_CLOUD"] = str(tmp_path_factory.mktemp("cloud"))
    os.environ.pop("GLUON_LESSONS_AWS", None)
    try:
        yield room.connect()
    finally:
        room.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def sts_address():
    """Ask the cloud that the environment names: another test of this process may have connected to one of its own."""
    if "GLUON_LESSONS_CLOUD" in os.environ:
        Loader.CUSTOMER_DATA_PATH = str(state.folder() / "botocore")
        boto3.DEFAULT_SESSION = None  # it remembers the settings of the cloud that it met first


@pytest.fixture(scope="session")
def desk(cloud):
    """Clients to the cloud."""
    return serving_kit.Desk(cloud)


@pytest.fixture(scope="session")
def endpoint(desk):
    """An endpoint in service that doubles a sum; leave it as it was."""
    return desk.deploy(2)
