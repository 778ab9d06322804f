"""One local SageMaker for all tests of a run, in a folder of its own."""

import os
import shutil

import boto3
import pytest
import serving_kit
from botocore.loaders import Loader
from local_sagemaker.control import api
from local_sagemaker.control.cloud import Cloud
from local_sagemaker.daemon import main, state

import local_sagemaker


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """Connect to a cloud of the tests' own, and leave nothing behind."""
    before = dict(os.environ)
    os.environ["LOCAL_SAGEMAKER_HOME"] = str(tmp_path_factory.mktemp("cloud"))
    try:
        yield local_sagemaker.connect()
    finally:
        local_sagemaker.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def inside(tmp_path_factory):
    """A cloud in this process, without a daemon or a port: for many small requests to its operations."""
    root = tmp_path_factory.mktemp("inside")
    made = Cloud(root, root / "logs", 1, ("AKIAINSIDE0000000000", "x" * 40))
    api.load()
    main._furnish(made)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def sts_address():
    """Ask the cloud that the environment names: another test of this process may have connected to one of its own."""
    if "LOCAL_SAGEMAKER_HOME" in os.environ:
        Loader.CUSTOMER_DATA_PATH = str(state.folder() / "botocore")
        boto3.DEFAULT_SESSION = None  # it remembers the settings of the cloud that it met first


@pytest.fixture(scope="session")
def aws(cloud):
    """Clients to the cloud."""
    return serving_kit.Clients(cloud)


@pytest.fixture(scope="session")
def endpoint(aws):
    """An endpoint in service that doubles a sum; leave it as it was."""
    return aws.deploy(2)


@pytest.fixture(scope="module")  # while Playwright is open, no other of its kind can be, nor an asyncio.run
def chromium():
    """A browser that nobody sees."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        pytest.skip("There is no Chromium here. On Debian and Ubuntu: apt-get install chromium")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()
