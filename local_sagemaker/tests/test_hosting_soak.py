"""The long runs: load, kills and hostile requests by the thousand, with the figures printed (`make soak`)."""

import io
import json
import os
import random
import signal
import statistics
import tarfile
import threading
import time
from pathlib import Path

import boto3
import hostile
import psutil
import pytest
from botocore.exceptions import ClientError
from local_sagemaker.daemon import state
from serving_kit import multiplier

import local_sagemaker

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
SECONDS = int(os.environ.get("LOCAL_SAGEMAKER_SOAK_SECONDS", "60"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of real size, with weights of no meaning, as the course's own script serves it."""
    vision = pytest.importorskip("mxnet.gluon.model_zoo.vision")
    serve = pytest.importorskip("gluon_lessons.serve")

    net = vision.mobilenet1_0(classes=1000)
    net.initialize()
    classes = [f"class {number}" for number in range(1000)]
    about = serve.Picture((224, 224), (123.7, 116.3, 103.5), (58.4, 57.1, 57.4), "crop", short=256)
    return serve.save_block(net, tmp_path_factory.mktemp("net"), "classify", classes, about)


@pytest.fixture(scope="module")
def deployed(aws, folder):
    serve = pytest.importorskip("gluon_lessons.serve")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
        tar.add(serve.INFERENCE, "code/inference.py")
    config = aws.config(aws.variant("only", aws.model(buffer.getvalue())))
    began = time.monotonic()
    name = aws.create(config)
    assert aws.settled(name)["EndpointStatus"] == "InService"
    report("CreateEndpoint to InService, mobilenet1.0", time.monotonic() - began, "s")
    yield name
    aws.delete(name)


def report(what, value, unit):
    print(f"\n  {what}: {value:.2f} {unit}", end="")


def send(aws, name, body, kind="image/jpeg"):
    return aws.runtime.invoke_endpoint(EndpointName=name, ContentType=kind, Body=body)["Body"].read()


def servers():
    """Return the processes of all model servers."""
    return [p for p in psutil.Process(state.read().pid).children(recursive=True) if "-ISE" not in p.cmdline()]


def memory(processes):
    """Return the memory that processes hold, what they share counted once, in MB."""
    return sum(process.memory_full_info().pss for process in processes) / 2**20


def test_starting_takes_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_SAGEMAKER_HOME", str(tmp_path))
    times = []
    for _ in range(5):
        began = time.monotonic()
        local_sagemaker.start()
        times.append(time.monotonic() - began)
        assert local_sagemaker.stop()
    report("cloud start, median of 5", statistics.median(times), "s")


def test_the_way_through_the_cloud_costs_little(aws, deployed, folder):
    import importlib.util

    serve = pytest.importorskip("gluon_lessons.serve")
    spec = importlib.util.spec_from_file_location("inference", serve.INFERENCE)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    model, body = script.model_fn(str(folder)), hostile.picture()

    def direct():
        found = script.predict_fn(script.input_fn(body, "image/jpeg"), model)
        return script.output_fn(found, "application/json")

    signed_times, direct_times = [], []
    for _ in range(120):
        for call, times in ((direct, direct_times), (lambda: send(aws, deployed, body), signed_times)):
            began = time.perf_counter()
            answer = call()
            times.append((time.perf_counter() - began) * 1000)
            assert json.loads(answer)["predictions"]
    direct_, signed = statistics.median(direct_times[20:]), statistics.median(signed_times[20:])
    report("direct call, median", direct_, "ms")
    report("signed call, median", signed, "ms")
    report("the whole way costs", signed - direct_, "ms")


def test_eight_clients_get_right_answers_only(aws, deployed):
    pictures = [hostile.picture(seed=seed) for seed in range(8)]
    expected = [send(aws, deployed, picture) for picture in pictures]
    counts, wrong = [0] * 8, []
    until = time.monotonic() + SECONDS

    def client(number):
        runtime = boto3.Session().client("sagemaker-runtime")
        while time.monotonic() < until:
            try:
                reply = runtime.invoke_endpoint(EndpointName=deployed, ContentType="image/jpeg", Body=pictures[number])[
                    "Body"
                ].read()
            except ClientError as error:
                wrong.append(error)
            else:
                counts[number] += 1
                if reply != expected[number]:
                    wrong.append(reply)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report(f"answers to 8 clients in {SECONDS} s", sum(counts), "answers")
    assert wrong == []
    assert min(counts) > 0
    report("memory of one variant", memory(servers()), "MB")


def test_hostile_requests_change_nothing(aws, deployed, tmp_path):
    home, good = state.read(), hostile.picture()
    for _ in range(50):
        expected = send(aws, deployed, good)
    before_pids = {p.pid for p in servers()}
    before = memory(servers())
    outside = snapshot(home)
    count = 1000
    statuses = hostile.statuses(home, hostile.requests(deployed, count))
    report(f"{count} hostile requests answered {sorted(statuses.items())}", count, "requests")
    assert not [key for key in statuses if key[0] >= 500 or key[1] >= 500]
    random_ = random.Random(0)
    for _ in range(100):
        hostile.shout(home, hostile.wire(random_))
    assert send(aws, deployed, good) == expected
    assert {p.pid for p in servers()} == before_pids
    assert snapshot(home) == outside
    for _ in range(50):
        send(aws, deployed, good)
    after = memory(servers())
    report("memory before and after", before, "MB")
    report("", after, "MB")
    assert after < before * 1.1


def snapshot(home):
    """Return the files of the model servers, and those that a path trick would have made beside them."""
    found = {str(path) for path in Path(home.run).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return found | {str(path) for path in (Path("/tmp/escape"), Path("/etc/escape")) if path.exists()}


class Asker:
    """A client that asks a multiplier without a pause, and notes when it failed and when it got answers again."""

    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        self.errors, self.good, self._over = [], [], threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _ask(self):
        while not self._over.is_set():
            try:
                assert self.aws.ask(self.name, [1, 2, 3])[0] == 12
                self.good.append(time.monotonic())
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                assert status in (424, 500, 503), error
                self.errors.append(time.monotonic())
            time.sleep(0.02)

    def back_after(self, moment):
        """Wait for an answer to a request that was made after a moment, and return how long that took."""
        deadline = time.monotonic() + 60
        while not (self.good and self.good[-1] > moment + 0.1):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return next(good for good in self.good if good > moment + 0.1) - moment


@pytest.fixture
def victim(aws):
    name = aws.deploy(2)
    yield name
    aws.delete(name)


def kill(aws, name, parent_too):
    worker = json.loads(send(aws, name, b"{}", "application/json"))["pid"]
    pids = [worker, psutil.Process(worker).ppid()] if parent_too else [worker]
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def test_a_worker_killed_every_five_seconds_comes_back_every_time(aws, victim):
    with Asker(aws, victim) as asker:
        gaps = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            began = kill(aws, victim, parent_too=False)
            gaps.append(asker.back_after(began))
            time.sleep(max(0, 5 - (time.monotonic() - began)))
    report(f"worker killed {len(gaps)} times, longest recovery", max(gaps), "s")
    report("requests that failed cleanly", len(asker.errors), "requests")


def test_a_worker_killed_with_its_parent_comes_back(aws, victim):
    with Asker(aws, victim) as asker:
        gaps = [asker.back_after(kill(aws, victim, parent_too=True)) for _ in range(3)]
    report("worker and parent killed 3 times, longest recovery", max(gaps), "s")


def test_a_frozen_worker_is_replaced(aws, victim):
    with Asker(aws, victim) as asker:
        worker = json.loads(send(aws, victim, b"{}", "application/json"))["pid"]
        os.kill(worker, signal.SIGSTOP)
        report("worker frozen, recovery", asker.back_after(time.monotonic()), "s")
    assert not psutil.pid_exists(worker)


def test_updates_under_load_lose_no_request(aws):
    name = aws.deploy(1)
    configs = [aws.config(aws.variant("only", aws.model(multiplier(factor)))) for factor in (2, 3, 4, 5)]
    answers, errors, over = [], [], threading.Event()

    def client():
        runtime = boto3.Session().client("sagemaker-runtime")
        while not over.is_set():
            try:
                reply = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=b"[1, 1, 1]")
                answers.append(json.loads(reply["Body"].read()))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for config in configs:
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        assert aws.settled(name, within=120)["EndpointConfigName"] == config
    over.set()
    for thread in threads:
        thread.join()
    report(f"4 blue/green updates under the load of 8 clients, {len(errors)} failed of", len(answers), "requests")
    assert errors == []
    assert set(answers) == {3, 6, 9, 12, 15}
    aws.delete(name)
