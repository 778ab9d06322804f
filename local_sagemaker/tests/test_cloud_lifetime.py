"""The cloud starts once, is found, stays private to its owner, and leaves nothing behind however it ends."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.loaders import Loader
from click.testing import CliRunner
from local_sagemaker.cli import main
from local_sagemaker.daemon import state
from local_sagemaker.errors import LocalSageMakerError
from serving_kit import Desk, until

import local_sagemaker as room

# A notebook's kernel: it connects, says so, and lives until it is killed.
KERNEL = "import local_sagemaker; local_sagemaker.connect(); print('connected', flush=True); input()"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for a cloud of one test, which does not outlive it."""
    before = dict(os.environ)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", Loader.CUSTOMER_DATA_PATH)
    os.environ["LOCAL_SAGEMAKER_HOME"] = str(tmp_path)
    yield tmp_path
    room.stop()
    os.environ.clear()
    os.environ.update(before)


def command(*args):
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*args):
    """Return the sentence that a command ends with."""
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 1
    return done.output


def family():
    """Return the processes of the running cloud."""
    cloud = psutil.Process(state.read().pid)
    return [cloud, *cloud.children(recursive=True)]


def assert_gone(processes, run):
    until(lambda: not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE])
    until(lambda: not Path(run).exists())


def test_the_commands_start_show_and_stop(home):
    assert "local-sagemaker start" in refused("status")
    assert "127.0.0.1" in command("start")
    first = state.read()
    command("start")
    assert state.read() == first
    variables = dict(
        line.removeprefix("export ").split("=", 1) for line in command("env").splitlines() if line.startswith("export")
    )
    assert variables["AWS_ENDPOINT_URL"] == first.url
    assert "ready at" in command("logs")
    assert "no log of nobody" in refused("logs", "nobody")
    assert "processes" in command("status")
    for name in ("cloud.json", "credentials", "config", "sagemaker.yaml"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    processes = family()
    assert "has stopped" in command("stop")
    assert_gone(processes, first.run)
    assert "was not running" in command("stop")


def test_two_kernels_at_once_start_one_cloud(home):
    found = []
    threads = [threading.Thread(target=lambda: found.append(room.start(os.getpid()).pid)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.fixture
def kernel():
    """A function that starts kernels, all of which are ended."""
    kernels = []

    def start():
        kernels.append(_kernel())
        return kernels[-1]

    yield start
    for process in kernels:
        process.kill()
        process.communicate()


def _kernel():
    process = subprocess.Popen([sys.executable, "-c", KERNEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while process.stdout.readline() != "connected\n":
        assert process.poll() is None
    return process


def connect_as_guest():
    """Use the running cloud without owning it."""
    running = state.read()
    keys = (running.access_key, running.secret_key)
    os.environ.update(state.environment(running.url, keys, running.region))
    return Desk(running)


def test_a_cloud_outlives_a_restart_of_its_kernel_but_not_its_last_kernel(home, kernel):
    first = kernel()
    desk = connect_as_guest()
    name = desk.deploy(2)
    running, processes = state.read(), family()
    assert len(processes) > 3
    for process in processes:
        for connection in process.net_connections(kind="inet"):
            assert connection.laddr.ip.removeprefix("::ffff:") == "127.0.0.1"
    first.kill()
    first.wait()
    second = kernel()
    assert state.read() == running
    assert desk.ask(name, [1, 2, 3]) == (12, "only")
    second.kill()
    second.wait()
    assert_gone(processes, running.run)
    assert state.read() is None


def test_a_cloud_does_not_outlive_its_folder(home, kernel):
    kernel()
    running, processes = state.read(), family()
    shutil.rmtree(home)
    assert_gone(processes, running.run)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_a_cloud_that_is_ended(home, how):
    running = room.start()
    name = connect_as_guest().deploy(2)
    processes = family()
    assert len(processes) > 3
    os.kill(running.pid, how)
    assert_gone(processes, running.run)
    again = room.start()
    assert again.pid != running.pid
    assert name not in connect_as_guest().endpoints()


def test_connecting_leads_every_client_here(home):
    elsewhere = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_S3": "https://s3.example",
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    }
    os.environ.update(elsewhere)
    session = room.connect()
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(os.environ)
    for service in ("s3", "sagemaker", "sagemaker-runtime", "sts", "iam", "logs", "cloudwatch"):
        assert boto3.client(service).meta.endpoint_url == state.read().url
    assert boto3.client("sts").get_caller_identity()["Account"] == session.account
    before = dict(os.environ)
    room.connect()
    assert dict(os.environ) == before


def test_a_cloud_that_cannot_start_says_so(home):
    (home / "cloud.log").mkdir()
    with pytest.raises(LocalSageMakerError, match="did not start: IsADirectoryError"):
        room.start()
