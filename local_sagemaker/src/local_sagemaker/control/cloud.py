"""The running local SageMaker, as operations see it: its parts, put together."""

import copy
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_sagemaker.control import api
from local_sagemaker.control.metrics import Metrics
from local_sagemaker.control.storage import Storage
from local_sagemaker.control.tables import Table, Tables
from local_sagemaker.control.tags import Tags
from local_sagemaker.daemon import state
from local_sagemaker.daemon.processes import Processes
from local_sagemaker.gate import direct, identity
from local_sagemaker.hosting.capture import Capture
from local_sagemaker.hosting.endpoints import Hosting
from local_sagemaker.hosting.serving import Serving

if TYPE_CHECKING:
    from local_sagemaker.daemon.processes import Process

REGION = "us-east-1"
ACCOUNT = "123456789012"


class Cloud:
    """The parts of the running local SageMaker.

    root          a folder that belongs to this run and is removed at its end; `folder(...)` makes one in it
    logs          a folder for log files, kept until the next start
    region, account, endpoint_url
    learner       the access key and the secret that programs and jobs use
    stopping      an Event, set when the daemon begins to stop; long waits use `cloud.stopping.wait(seconds)`
    tables, tags, storage, metrics, capture, hosting, processes
    serving       starts model servers: see `local_sagemaker.hosting.model_server.Serving.start`
    """

    region, account = REGION, ACCOUNT

    def __init__(self, root: Path, logs: Path, port: int, keys: tuple[str, str]) -> None:
        self.root, self.logs = Path(root), Path(logs)
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.learner = keys
        self.stopping = threading.Event()
        self.role: str | None = None  # in whose name this acts: see `acting`
        self.daemon = self  # with all rights, whatever the role
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._sessions: dict[str, tuple[str, ...]] = {}
        self._lock = threading.RLock()
        self.tags = Tags()
        self.tables = Tables(self.arn, self.tags.drop)
        self.storage = Storage(self)
        self.processes = Processes(self.root)
        self.serving, self.hosting = Serving(self), Hosting(self)
        self.metrics, self.capture = Metrics(self), Capture(self)

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a SageMaker resource: `arn("training-job", "mine")`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.rpartition('/')[2].lower()}"

    def table(self, kind: str, missing: str | None = None, taken: str | None = None) -> Table:
        """Return the records of one kind, e.g. "training-job" (see `Tables.get`)."""
        return self.tables.get(kind, missing, taken)

    def folder(self, *parts: str) -> Path:
        """Make and return a folder of this run."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def client(self, service: str) -> Any:
        """Return a boto3 client ("s3", "logs", "iam", "cloudwatch") that asks moto in this process, shared by all."""
        role = self.role if service == "s3" else None
        with self._lock:
            if (service, role) not in self._clients:
                caller = partial(identity.as_role, role, self.account) if role else None
                self._clients[service, role] = direct.client(service, self.region, caller)
            return self._clients[service, role]

    def acting(self, role: str | None) -> "Cloud":
        """Return this in the name of a role: S3 is asked with the role's rights, programs get the role's keys."""
        if not role:
            return self
        view = copy.copy(self)
        view.role = role
        view.storage, view.serving = Storage(view), copy.copy(self.serving)
        view.serving.cloud = view
        return view

    def environment(self) -> dict[str, str]:
        """Return the environment for a server or job: this one's, with the daemon's address, keys and region.

        On AWS each has a machine. Here they share the processors, which a thread that waits by spinning keeps.
        """
        keys = self.learner
        if self.role:
            with self._lock:
                if self.role not in self._sessions:
                    self._sessions[self.role] = identity.open_session(self.role, self.account, self.region)
                keys = self._sessions[self.role]
        return state.child_environment(self.endpoint_url, keys, self.region) | {"OMP_WAIT_POLICY": "passive"}

    def spawn(
        self, args: list[Any], *, env: dict[str, str] | None = None, cwd: Path | None = None, log: Path | None = None
    ) -> "Process":
        """Start a process that cannot outlive the daemon and return it.

        It is a `subprocess.Popen` in its own process group with one more method, `stop(grace=5)`, that ends the group.
        Call `stop()` too when it has ended by itself: it clears what it left behind. `env` replaces `environment()`;
        output goes to the file `log`, or nowhere.
        """
        return self.processes.spawn(args, env=env or self.environment(), cwd=cwd, log=log)

    def call(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation as a client would, without the network: `cloud.call("CreateModel", {...})` -> dict."""
        return api.call(self, name, request)

    def close(self) -> None:
        """Stop everything that was started."""
        self.stopping.set()
        self.processes.close()
