"""SageMaker on this machine, made of AWS's own parts: no account, no Docker.

    import local_sagemaker

    running = local_sagemaker.connect()   # starts it or finds it running, and points AWS's clients at it

After that boto3, the SageMaker SDK and the aws command line talk to this machine, in this process and in those that it
starts. `start` and `stop` do the same without touching the environment.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local_sagemaker.errors import LocalSageMakerError

if TYPE_CHECKING:
    from local_sagemaker.daemon.state import State

__all__ = ["LocalSageMakerError", "connect", "start", "stop"]

START_WITHIN, STOP_WITHIN = 60, 20  # seconds
_daemon: subprocess.Popen[bytes] | None = None  # kept, so that Python does not remark that it still runs


def __getattr__(name: str) -> str:
    """Return the version that pyproject.toml states, when somebody asks for it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version(__name__)


def connect() -> "State":
    """Start the daemon or find it running, point AWS's clients of this process at it, and return its `state.State`.

    It ends by itself some seconds after the last process that connected.
    """
    import boto3
    from botocore.loaders import Loader

    from local_sagemaker.daemon import state

    running = start(owner=os.getpid())
    for name in state.unwanted():
        del os.environ[name]
    # Two things have no variable: settings that boto3 may have read already, and where the SDK looks for the address of
    # STS (see tls.py).
    boto3.DEFAULT_SESSION = None
    Loader.CUSTOMER_DATA_PATH = str(state.folder() / "botocore")
    os.environ.update(state.environment(running.url, (running.access_key, running.secret_key), running.region))
    return running


def start(owner: int | None = None) -> "State":
    """Start it or find it running, and return its `state.State`.

    It runs until the process `owner` and every other owner have ended, or, without one, until it is told to stop.
    """
    from filelock import FileLock

    from local_sagemaker.daemon import state

    home = state.folder()
    (home / "owners").mkdir(exist_ok=True)
    with FileLock(home / ".lock"):
        lives = state.is_held(home / state.LOCK)
        if not lives and state.foreign():
            raise LocalSageMakerError(
                f"A local SageMaker of another version still runs; end it with `kill {state.foreign()}` "
                "and start again."
            )
        if owner is None:
            (home / "owners" / "stay").touch()
        else:
            if not lives:
                (home / "owners" / "stay").unlink(missing_ok=True)
            state.own(owner)
        return state.read() or _launch(home, lives)


def stop() -> bool:
    """Stop it and everything it started; return whether it ran."""
    from local_sagemaker.daemon import state

    lock, pid = state.folder() / state.LOCK, state.holder()
    if pid is None:
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + STOP_WITHIN
        while time.monotonic() < deadline:
            if not state.is_held(lock):
                return True
            time.sleep(0.05)
    raise LocalSageMakerError(f"Local SageMaker does not end; end process {pid} yourself.")


def _launch(home: Path, lives: bool) -> "State":
    """Start the daemon, unless an interrupted start left one on its way, and return its state when it is ready."""
    from local_sagemaker.daemon import state

    global _daemon
    if not lives:
        # The user's own AWS account stays outside.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        with (home / "daemon.log").open("wb") as output:
            _daemon = subprocess.Popen(
                [sys.executable, "-m", "local_sagemaker.daemon.main"],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    deadline = time.monotonic() + START_WITHIN
    # One that finds another in its place ends, and the other one is the daemon.
    while time.monotonic() < deadline and (state.is_held(home / state.LOCK) or (_daemon and _daemon.poll() is None)):
        running = state.read()
        if running:
            return running
        time.sleep(0.05)
    if _daemon and _daemon.poll() is None:
        _daemon.kill()
    lines = (home / "daemon.log").read_text().strip().splitlines()
    raise LocalSageMakerError(
        f"Local SageMaker did not start: {lines[-1].rstrip('.') if lines else 'no reason given'}. See {home}."
    )
