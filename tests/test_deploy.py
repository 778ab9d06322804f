"""What runs elsewhere, run as far as this machine allows."""

import gzip
import http.server
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SCRIPTS = sorted(DEPLOY.rglob("*.sh"))
BIN = Path(sys.executable).parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_pass_shellcheck(script):
    done = subprocess.run([BIN / "shellcheck", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_names_a_key_or_an_account():
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            text = path.read_text()
            assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{12}|\b\d{12}\b", text), path


def test_no_port_is_published_to_the_world():
    for path in (DEPLOY / "Dockerfile", DEPLOY / "README.md"):
        for address in re.findall(r"docker run.*? -p (\S+)", path.read_text()):
            assert address.startswith("127.0.0.1:"), (path, address)


# ---------------------------------------------------------------- the notebook instance


def test_a_notebook_instance_gets_a_kernel_that_computes(tmp_path):
    """The two lifecycle scripts from beginning to end; conda is a stand-in that makes an environment of this Python."""
    course = tmp_path / "gluon-lessons"
    course.mkdir()
    (course / "deploy").symlink_to(DEPLOY)
    (course / "requirements.lock").write_text("")
    stand_in = tmp_path / "conda"
    stand_in.write_text(
        "#!/bin/sh\n"
        f'echo "conda $*" >> {tmp_path}/calls\n'
        'mkdir -p "$4/bin"\n'
        f'printf \'#!/bin/sh\\ncase "$*" in *pip*) echo "pip $*" >> {tmp_path}/calls;; '
        f'*) exec {sys.executable} "$@";; esac\\n\' > "$4/bin/python"\n'
        'chmod +x "$4/bin/python"\n'
    )
    stand_in.chmod(0o755)
    (tmp_path / "bin").mkdir()
    crontab = tmp_path / "bin" / "crontab"
    crontab.write_text(
        f'#!/bin/sh\ntable={tmp_path}/cron\n[ "$1" = -u ] && table=$table-$2 && shift 2\n'
        '[ "$1" = -l ] && cat $table 2> /dev/null\n[ "$1" = - ] && cat > $table.new && mv $table.new $table\n'
    )
    crontab.chmod(0o755)
    environment = os.environ | {
        "GLUON_LESSONS_HOME": str(tmp_path),
        "GLUON_LESSONS_USER": subprocess.check_output(["id", "-un"], text=True).strip(),
        "CONDA_EXE": str(stand_in),
        "HOME": str(tmp_path / "home"),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", DEPLOY / "notebook-instance" / "on-create.sh"], check=True, env=environment)
    log = tmp_path / "install.log"
    until(lambda: log.exists() and "is ready" in log.read_text(), log)

    calls = (tmp_path / "calls").read_text()
    assert "python=3.11" in calls
    assert f"--require-hashes -r {course}/requirements.lock" in calls
    assert f"-e {course}" in calls
    spec = tmp_path / "jupyter" / "kernels" / "gluon-lessons" / "kernel.json"
    assert json.loads(spec.read_text())["display_name"] == "Gluon Lessons"

    subprocess.run(["bash", DEPLOY / "notebook-instance" / "on-start.sh"], check=True, env=environment)  # the next day
    if os.getuid() == 0:
        assert (tmp_path / "cron").read_text() == ""  # root runs nothing that the learner can write
        learner = environment["GLUON_LESSONS_USER"]
        (line,) = (tmp_path / f"cron-{learner}").read_text().splitlines()  # once, however often the instance starts
        assert "stop_when_idle.py --minutes 60" in line

    from jupyter_client.manager import start_new_kernel

    os.environ["JUPYTER_DATA_DIR"] = str(tmp_path / "jupyter")
    try:
        manager, client = start_new_kernel(kernel_name="gluon-lessons", startup_timeout=60)
    finally:
        del os.environ["JUPYTER_DATA_DIR"]
    said = []
    client.execute_interactive("print(6 * 7)", output_hook=lambda message: said.append(message["content"]), timeout=60)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert {"name": "stdout", "text": "42\n"} in said


def test_an_instance_without_the_course_says_so(tmp_path):
    environment = os.environ | {"GLUON_LESSONS_HOME": str(tmp_path)}
    script = DEPLOY / "notebook-instance" / "on-create.sh"
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "The course is not in" in done.stderr


def until(true, log, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, log.read_text() if log.exists() else "nothing happened"
        time.sleep(0.1)


idle = load(DEPLOY / "notebook-instance" / "stop_when_idle.py")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def used(minutes_ago, state="idle"):
    last = (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%S.123456Z")
    return {"last_activity": last, "execution_state": state}


@pytest.mark.parametrize(
    ("kernels", "terminals", "started", "expected"),
    [
        ([], [], 300, 300),
        ([], [], 5, 5),
        ([used(90), used(200)], [], 300, 90),
        ([used(90)], [used(20)], 300, 20),
        ([used(90), used(90, "busy")], [], 300, 0),
    ],
)
def test_idle_is_the_time_since_the_last_use(kernels, terminals, started, expected):
    minutes = idle.idle_minutes(kernels, terminals, NOW - timedelta(minutes=started), NOW)
    assert minutes == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("threshold", "stopped"), [(0, True), (10**9, False)])
def test_an_idle_instance_is_stopped(tmp_path, monkeypatch, capsys, threshold, stopped):
    moto = pytest.importorskip("moto")
    import boto3

    class Jupyter(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps([used(600)] if self.path == "/api/kernels" else []).encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Jupyter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    metadata = tmp_path / "metadata.json"
    arn = "arn:aws:sagemaker:eu-west-1:1:notebook-instance/mine"
    metadata.write_text(json.dumps({"ResourceArn": arn, "ResourceName": "mine"}))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(
        sys, "argv", ["idle", f"--minutes={threshold}", f"--address={address}", f"--metadata={metadata}"]
    )
    with moto.mock_aws():
        client = boto3.client("sagemaker", region_name="eu-west-1")
        role = "arn:aws:iam::123:role/r"
        client.create_notebook_instance(NotebookInstanceName="mine", InstanceType="ml.t3.medium", RoleArn=role)
        idle.main()
        state = client.describe_notebook_instance(NotebookInstanceName="mine")["NotebookInstanceStatus"]
    server.shutdown()
    assert (state in ("Stopping", "Stopped")) == stopped
    assert "idle for" in capsys.readouterr().out


# ---------------------------------------------------------------- the image


def instructions():
    """The Dockerfile's lines as (word, rest)."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def ignored(path):
    """What Docker does with a path, by the last pattern that fits it or a folder above it."""
    result = False
    for pattern in (DEPLOY / "Dockerfile.dockerignore").read_text().split():
        keep, pattern = pattern.startswith("!"), pattern.lstrip("!").removeprefix("**/")
        parts = Path(path).parts
        above = ["/".join(parts[: length + 1]) for length in range(len(parts))]
        if any(fnmatch(part, pattern) for part in [*above, *parts]):
            result = not keep
    return result


def test_the_image_holds_what_it_needs_to_build_the_package(tmp_path):
    for word, rest in instructions():
        if word == "RUN":
            subprocess.run(["bash", "-n", "-c", rest], check=True)
        if word == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                assert (ROOT / source).exists(), source
                assert not ignored(source), source
                if not target.startswith("/"):
                    place = tmp_path / (source if target == "./" else target)
                    copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                    if source not in ("notebooks", "data"):
                        copy(ROOT / source, place)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path / "wheel"]
    subprocess.run([*wheel, tmp_path, tmp_path / "local_sagemaker"], check=True)
    assert list((tmp_path / "wheel").glob("gluon_lessons-*.whl"))
    assert list((tmp_path / "wheel").glob("local_sagemaker-*.whl"))
    words = dict(instructions())
    assert words["FROM"].startswith("python:3.11")
    assert json.loads(words["ENTRYPOINT"])[0] == "bash"
    assert json.loads(words["CMD"])[0] == "jupyter"
    assert ignored("requirements.lock") is False
    assert ignored(".venv/bin/python")
    assert ignored("gluon_lessons/__pycache__/x.pyc")


def container(folder, *command, **variables):
    """Start what the image starts, in a folder that stands for /opt/ml."""
    environment = os.environ | {
        "SAGEMAKER_BASE_DIR": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            ["bash", DEPLOY / "container" / "start.sh", *command],
            env=environment | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def test_any_other_command_is_run_as_it_is(tmp_path):
    assert container(tmp_path, "echo", "hello there").wait() == 0
    assert (tmp_path / "log").read_text() == "hello there\n"


def trained(folder):
    """Run `train` on the files that SageMaker gives a job, with AWS's training toolkit."""
    pytest.importorskip("sagemaker_training")
    labels = np.arange(200, dtype=np.uint8) % 2
    images = np.zeros((200, 28, 28), np.uint8) + 200 * labels[:, None, None]
    images[:, ::2] = 10
    channel, config = folder / "input" / "data" / "train", folder / "input" / "config"
    channel.mkdir(parents=True)
    config.mkdir(parents=True)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        (channel / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    hyperparameters = {"epochs": "1", "learning-rate": "0.02", "classes": '"dark,light"', "channels": "2"}
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    (config / "inputdataconfig.json").write_text(json.dumps({"train": {"TrainingInputMode": "File"}}))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": "localhost", "hosts": ["localhost"]}))
    (folder / "code").mkdir()
    for script in ("train.py", "inference.py"):
        shutil.copy(ROOT / "gluon_lessons" / "serve" / script, folder / "code")
    code = container(folder, "train").wait(timeout=120)
    assert code == 0, (folder / "log").read_text()[-3000:]


def test_train_runs_with_awss_toolkit(tmp_path):
    trained(tmp_path)
    assert "validation-accuracy=" in (tmp_path / "log").read_text()
    written = {path.relative_to(tmp_path / "model").as_posix() for path in (tmp_path / "model").rglob("*.*")}
    assert written == {"code/inference.py", "model-0000.params", "model-symbol.json", "model.json"}


@pytest.mark.soak
def test_serve_runs_with_awss_model_server(tmp_path):
    trained(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = 20_000 + free.getsockname()[1] % 10_000  # the server refuses ports above 32767
    server = container(tmp_path, "serve", SAGEMAKER_BIND_TO_PORT=str(port), GLUON_LESSONS_BIND="127.0.0.1")
    body = json.dumps(np.full((28, 28), 10).tolist()).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})

    def answered():
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answered.body = json.load(answer)
        except OSError:
            return False
        return True

    try:
        until(answered, tmp_path / "log")
    finally:
        os.killpg(server.pid, 9)
    assert answered.body["predictions"][0]["classes"][0]["name"] == "dark"


# ---------------------------------------------------------------- Postman


def test_the_postman_collection_signs_as_aws_wants():
    collection = json.loads((DEPLOY / "postman" / "gluon-lessons.postman_collection.json").read_text())
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert collection["auth"]["type"] == "awsv4"
    values = {pair["key"]: pair["value"] for pair in collection["auth"]["awsv4"]}
    assert values["service"] == "sagemaker"
    known = {variable["key"] for variable in collection["variable"]}
    assert set(re.findall(r"{{(\w+)}}", json.dumps(collection))) <= known
    assert not any(variable["value"] for variable in collection["variable"] if "Key" in variable["key"])
    for item in collection["item"]:
        assert item["request"]["url"]["raw"] == "{{host}}/endpoints/{{endpoint}}/invocations"
        assert any("pm.test" in line for line in item["event"][0]["script"]["exec"])
    assert [item["request"].get("auth", {}).get("type") for item in collection["item"]] == [None, None, None, "noauth"]
