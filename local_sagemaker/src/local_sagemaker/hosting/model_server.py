"""AWS's multi-model-server, one for each copy of a model, started, watched and ended."""

import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import sys
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import urllib3

from local_sagemaker.control import archives
from local_sagemaker.hosting import requirements
from local_sagemaker.hosting.unix_http import UnixPool

if TYPE_CHECKING:
    from local_sagemaker.daemon.processes import Process

log = logging.getLogger("local_sagemaker")

BODY_LIMIT = 6 * 1024 * 1024  # bytes in a request, SageMaker's own
ANSWER_WITHIN = 60  # seconds, SageMaker's own
LOAD_WITHIN = 300  # seconds until a model must be loaded
LOGGED_WITHIN = 2  # seconds until the log must say why one could not be
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
PATIENCE = 3  # seconds that the server may take to replace a dead worker by itself
RESTART_PAUSES = (0, 1, 2, 5, 10, 30)  # seconds before the first, second, ... restart in a row

SERVER = {
    "default_response_timeout": 2 * ANSWER_WITHIN,  # the cloud is the one to lose patience
    "max_request_size": BODY_LIMIT + 1024,
    "max_response_size": 4 * BODY_LIMIT,
    "number_of_netty_threads": 2,
    "netty_client_threads": 2,
    "job_queue_size": 1000,
    "async_logging": "false",
    "decode_input_request": "false",
    "default_service_handler": "local_sagemaker.guest.handler",
}


class ServingFailed(Exception):
    """A model that cannot be served; the message says why."""


class ServerDown(Exception):
    """A model server that does not answer at the moment."""


@dataclass
class Reply:
    """What a model answered."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    custom_attributes: str = ""

    def text(self) -> str:
        """Return the answer as text, whatever it is."""
        return self.body.decode("utf-8", "replace")


class ModelServer:
    """One server with one copy of a model, restarted when it dies or hangs."""

    def __init__(self, serving, name, folder, log_file, handler, environment):
        self.name, self.folder, self.log_file = name, folder, log_file
        self._serving, self._cloud = serving, serving.cloud
        self._note = folder / "note.json"
        self._socket = folder / "socket"  # a socket in a private folder: what goes in there is not signed any more
        self._environment = {
            **self._cloud.environment(),
            # The toolkit runs one thread for each processor unless the model says otherwise.
            "OMP_NUM_THREADS": str(os.cpu_count()),
            "MXNET_SUBGRAPH_VERBOSE": "0",
            **environment,
            "SAGEMAKER_BASE_DIR": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": f"{folder / 'model' / 'code'}:{folder / 'packages'}",
            "LOCAL_SAGEMAKER_HANDLER": handler,
            "LOCAL_SAGEMAKER_FAILURE_NOTE": str(self._note),
        }
        self._started: Process | None = None
        self._ready, self._stopped = threading.Event(), threading.Event()
        self._busy, self._idle = 0, threading.Condition()
        self._answered = 0.0  # when it last did
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._pool = UnixPool(self._socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def unpack(self, model_data: str) -> None:
        """Fetch the model archive and lay it out as a container would find it."""
        archive = self._cloud.storage.download(model_data, self.folder / "model.tar.gz")
        try:
            archives.unpack(archive, self.folder / "model")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ServingFailed(f"{model_data} is not a tar.gz archive that can be unpacked: {error}") from None
        archive.unlink()
        (self.folder / "tmp").mkdir()
        missing = requirements.install(
            self._cloud, self.folder / "model" / "code" / "requirements.txt", self.folder, self.log_file
        )
        if missing:
            raise ServingFailed(f"The packages of requirements.txt cannot be installed: {', '.join(missing)}.")

    def launch(self, within: float = LOAD_WITHIN) -> None:
        """Start the processes and return when the model is loaded and answers."""
        self._note.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        self._started = self._cloud.spawn(
            self._java_command() if self._serving.java else self._plain_command(),
            env=self._environment,
            cwd=self.folder,
            log=self.log_file,
        )
        deadline = time.monotonic() + within
        while not (self._read_note()["state"] == "loaded" and self._answers()):
            note = self._read_note()
            if note["state"] == "failed":
                self._await_traceback(note["reason"])
                raise ServingFailed(note["reason"])
            if self._process.poll() is not None:
                raise ServingFailed(f"The model server ended with status {self._process.poll()}.")
            if self._stopped.is_set():
                raise ServingFailed("The model server was stopped while it started.")
            if time.monotonic() > deadline:
                raise ServingFailed(f"The model was not loaded after {within} seconds.")
            time.sleep(0.05)
        self._ready.set()
        if not self._watcher.is_alive() and threading.current_thread() is not self._watcher:
            self._watcher.start()

    def invoke(
        self,
        body: bytes,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
    ) -> Reply:
        """Send a request to the model and return its `Reply`."""
        if (content_type or "").lower().startswith(FORMS):  # the model server would take them apart
            return Reply(400, b"Send the input as the body, not as a form.")
        with self._idle:
            self._busy += 1
        try:
            return self._invoke(body, content_type, accept, custom_attributes)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def drain(self, within: float) -> None:
        """Wait until no request is under way."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, within)

    def stop(self) -> None:
        """End the server and remove its folder."""
        self._stopped.set()
        self._ready.clear()
        if self._started:
            self._started.stop(grace=0)
        if self._watcher.is_alive():
            self._watcher.join()
            self._process.stop(grace=0)  # one that the watcher started meanwhile
        self._pool.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _invoke(self, body, content_type, accept, custom_attributes):
        headers = {
            "Content-Type": content_type,
            "Accept": accept,
            "X-Amzn-SageMaker-Custom-Attributes": custom_attributes,
        }
        if self._stopped.is_set() or not self._ready.wait(10):
            raise ServerDown("The model server is being restarted; try again.")
        try:
            response = self._pool.urlopen(
                "POST",
                "/invocations",
                body=body,
                headers={name: value for name, value in headers.items() if value},
                retries=False,
                timeout=urllib3.Timeout(connect=5, read=ANSWER_WITHIN),
            )
        except urllib3.exceptions.ReadTimeoutError:
            if time.monotonic() - self._answered > ANSWER_WITHIN:  # it hangs and is not only busy
                self._ready.clear()  # the watcher restarts it
            return Reply(0, b"Your invocation timed out while waiting for a response from container primary.")
        except urllib3.exceptions.NewConnectionError:
            raise ServerDown("The model server is being restarted; try again.") from None
        except urllib3.exceptions.HTTPError as error:
            return Reply(502, f"The model server ended the connection: {error}".encode())
        self._answered = time.monotonic()
        return Reply(
            response.status,
            response.data,
            response.headers.get("Content-Type", "application/octet-stream"),
            response.headers.get("X-Amzn-SageMaker-Custom-Attributes", ""),
        )

    @property
    def _process(self) -> "Process":
        assert self._started is not None, "it has not been launched"
        return self._started

    def _java_command(self):
        package = importlib.util.find_spec("mms")
        assert package and package.origin  # it is a dependency
        site = Path(package.origin).parent.parent
        settings = self.folder / "server.properties"
        address = f"unix:{self._socket}"
        lines = {**SERVER, "inference_address": address, "management_address": address}
        lines["default_workers_per_model"] = self._environment.get("SAGEMAKER_MODEL_SERVER_WORKERS", 1)
        settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return [
            *self._serving.java,
            f"-Dmodel_server_home={site}",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-Dlog4j.configurationFile={Path(__file__).with_name('log4j2.xml').as_uri()}",
            *("-cp", site / "mms" / "frontend" / "*", "com.amazonaws.ml.mms.ModelServer"),
            *("--python", sys.executable, "-f", settings, "-s", "/"),
            *("-m", f"model={self.folder / 'model'}"),
        ]

    def _plain_command(self):
        return [sys.executable, "-m", "local_sagemaker.guest.plain_server", self.folder / "model", self._socket]

    def _read_note(self):
        try:
            return json.loads(self._note.read_text())
        except FileNotFoundError:
            return {"state": "starting", "pid": None}

    def _await_traceback(self, reason):
        """Let the log get the end of the traceback, which the model server writes after the note."""
        last_line = reason.partition(":")[0] + ":"
        deadline = time.monotonic() + LOGGED_WITHIN
        while last_line not in self.log_file.read_text(errors="replace") and time.monotonic() < deadline:
            time.sleep(0.02)

    def _answers(self):
        try:
            return self._pool.urlopen("GET", "/ping", retries=False, timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _watch(self):
        """Restart the server when it ended, when its worker is frozen, or when a dead worker is not replaced."""
        missing_since, restarts = None, 0
        while not self._stopped.wait(0.5):
            now = time.monotonic()
            note = self._read_note()
            state = "useless" if note["state"] == "failed" else _state(note["pid"])
            if state == "alive" and self._process.poll() is None and self._ready.is_set():
                missing_since, restarts = None, 0
                continue
            missing_since = missing_since or now
            gone = self._process.poll() is not None or not self._ready.is_set() or state == "frozen"
            if not gone and now - missing_since < PATIENCE:
                continue
            log.warning("model server %s: worker is %s, restarting", self.name, state)
            self._ready.clear()
            self._process.stop(grace=0)
            if self._stopped.wait(RESTART_PAUSES[min(restarts, len(RESTART_PAUSES) - 1)]):
                return
            restarts += 1
            try:
                self.launch()
            except ServingFailed as error:
                log.warning("model server %s: %s", self.name, error)


def _state(pid):
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return "dead"
    if status == psutil.STATUS_STOPPED:
        return "frozen"
    return "dead" if status == psutil.STATUS_ZOMBIE else "alive"
