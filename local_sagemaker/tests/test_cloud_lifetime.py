"""The cloud starts once, is found, stays private to its owner, and leaves nothing behind however it ends."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.loaders import Loader
from click.testing import CliRunner
from local_sagemaker.cli import main
from local_sagemaker.daemon import main as main_module
from local_sagemaker.daemon import state
from local_sagemaker.errors import LocalSageMakerError
from serving_kit import Clients, until

import local_sagemaker

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
    local_sagemaker.stop()
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
    threads = [threading.Thread(target=lambda: found.append(local_sagemaker.start(os.getpid()).pid)) for _ in range(4)]
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
    return Clients(running)


def test_a_cloud_outlives_a_restart_of_its_kernel_but_not_its_last_kernel(home, kernel):
    first = kernel()
    aws = connect_as_guest()
    name = aws.deploy(2)
    running, processes = state.read(), family()
    assert len(processes) > 3
    for process in processes:
        for connection in process.net_connections(kind="inet"):
            assert connection.laddr.ip.removeprefix("::ffff:") == "127.0.0.1"
    first.kill()
    first.wait()
    second = kernel()
    assert state.read() == running
    assert aws.ask(name, [1, 2, 3]) == (12, "only")
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
    running = local_sagemaker.start()
    name = connect_as_guest().deploy(2)
    processes = family()
    assert len(processes) > 3
    os.kill(running.pid, how)
    assert_gone(processes, running.run)
    again = local_sagemaker.start()
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
    session = local_sagemaker.connect()
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(os.environ)
    for service in ("s3", "sagemaker", "sagemaker-runtime", "sts", "iam", "logs", "cloudwatch"):
        assert boto3.client(service).meta.endpoint_url == state.read().url
    assert boto3.client("sts").get_caller_identity()["Account"] == session.account
    before = dict(os.environ)
    local_sagemaker.connect()
    assert dict(os.environ) == before


def test_a_cloud_that_cannot_start_says_so(home):
    (home / "cloud.log").mkdir()
    with pytest.raises(LocalSageMakerError, match="did not start: IsADirectoryError"):
        local_sagemaker.start()


def daemons(home):
    """Return the daemons that run for a folder."""
    found = [p for p in psutil.process_iter() if "sagemaker.daemon" in " ".join(cmdline(p))]
    return [p for p in found if p.environ().get("LOCAL_SAGEMAKER_HOME") == str(home)]


def cmdline(process):
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def test_an_interrupted_start_leaves_one_daemon_to_be_found(home, monkeypatch):
    class Interrupted(Exception):
        pass

    def interrupt(_):
        raise Interrupted

    monkeypatch.setattr(local_sagemaker.time, "sleep", interrupt)
    with pytest.raises(Interrupted):
        local_sagemaker.start()
    monkeypatch.undo()
    os.environ["LOCAL_SAGEMAKER_HOME"] = str(home)
    running = local_sagemaker.start()
    until(lambda: [process.pid for process in daemons(home)] == [running.pid])  # one that comes second ends by itself
    assert state.read() == running


def test_a_second_daemon_in_the_same_folder_leaves_the_first_alone(home):
    running = local_sagemaker.start()
    done = subprocess.run([sys.executable, "-m", "local_sagemaker.daemon.main"], capture_output=True, text=True)
    assert (done.returncode, "Another local SageMaker runs in this folder" in done.stderr) == (1, True)
    assert state.read() == running
    assert connect_as_guest().endpoints() == []


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_step_of_the_clock_changes_nothing(home, monkeypatch, step):
    running, created, now = local_sagemaker.start(), psutil.Process.create_time, time.time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + step)
    monkeypatch.setattr(time, "time", lambda: now() + step)
    assert state.read() == running
    assert local_sagemaker.start(os.getpid()) == running
    assert main_module._is_owner(home / "owners" / str(os.getpid()))
    assert Path(running.run).exists()
    assert local_sagemaker.stop()
    assert not local_sagemaker.stop()


@pytest.mark.parametrize("text", ["", '{"url": "http://127', '{"url": 1}', "[]", "null", "\udcff"])
def test_a_state_file_that_says_nothing_is_put_aside(home, text):
    (home / "cloud.json").write_text(text, errors="surrogateescape")
    assert state.read() is None
    running = local_sagemaker.start()
    assert "has been put aside as cloud.json.old" in command("logs")
    assert state.read() == running


def test_a_state_file_cut_while_the_daemon_runs_is_written_again(home):
    running = local_sagemaker.start()
    (home / "cloud.json").write_text('{"url": "http')
    until(lambda: state.read() == running)
    (home / "cloud.json").write_text("")
    assert local_sagemaker.start() == running
    (home / "cloud.json").write_text("")
    assert local_sagemaker.stop()
    assert daemons(home) == []


def test_a_daemon_of_an_older_version_is_named(home):
    old = subprocess.Popen([sys.executable, "-c", "input() # local_sagemaker.daemon.main"], stdin=subprocess.PIPE)
    (home / "cloud.json").write_text(json.dumps({"pid": old.pid, "run": "/nowhere", "url": "x", "started": 0.0}))
    with pytest.raises(LocalSageMakerError, match=f"another version still runs; end it with `kill {old.pid}`"):
        local_sagemaker.start()
    old.kill()
    old.communicate()
    assert local_sagemaker.start()


def test_without_its_guard_the_daemon_goes_on_and_leaves_nothing(home):
    running = local_sagemaker.start()
    (guard,) = [p for p in family() if "-ISE" in p.cmdline()]
    guard.kill()
    name = connect_as_guest().deploy(2)
    (another,) = until(lambda: [p for p in family() if "-ISE" in cmdline(p)])
    assert another.pid != guard.pid
    another.kill()
    processes = family()
    until(lambda: [p for p in family() if "-ISE" in cmdline(p) and p.is_running() and p.pid != another.pid])
    os.kill(running.pid, signal.SIGKILL)
    assert_gone(processes, running.run)
    assert name


def test_stopping_without_a_guard_leaves_nothing(home):
    running = local_sagemaker.start()
    processes = family()
    (guard,) = [p for p in processes if "-ISE" in p.cmdline()]
    guard.kill()
    assert local_sagemaker.stop()
    assert_gone(processes, running.run)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_proxy_in_the_environment_is_not_asked(home, monkeypatch, name):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    for other in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "example.com")
    session = local_sagemaker.connect()
    assert boto3.client("sts").get_caller_identity()["Account"] == session.account
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.com,127.0.0.1"


def test_an_existing_folder_is_closed_to_others(home):
    home.chmod(0o755)
    local_sagemaker.start()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "cloud.log").stat().st_mode) == 0o600
