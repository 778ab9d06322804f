"""Who lives and where: a lock that the daemon holds, and the files that it leaves for the programs that use it.

No clock and no number of a process decides whether the daemon or one of its owners lives: each holds a lock on a file
for as long as it does, and the system lets go of it however the process ends.
"""

import configparser
import contextlib
import fcntl
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

# The settings of a person's own account, which must not leak into the local SageMaker, nor its requests to AWS.
FORGET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)


LOCK = "daemon.lock"
_owned: dict[Path, BinaryIO] = {}  # the locks of this process, which must not be let go


@dataclass
class State:
    """A running cloud, as a client needs to know it."""

    url: str
    pid: int
    access_key: str
    secret_key: str
    region: str
    account: str
    role: str
    bucket: str
    run: str  # the folder that goes away with it
    server: str  # what serves models


def folder():
    """Return the folder of the cloud, made for its owner alone: LOCAL_SAGEMAKER_HOME, or ~/.local-sagemaker."""
    path = Path(os.environ.get("LOCAL_SAGEMAKER_HOME") or "~/.local-sagemaker").expanduser().absolute()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write(state):
    """Write the state, and the files that AWS's clients read, for their owner alone."""
    home = folder()
    private(
        home / "credentials",
        f"[default]\naws_access_key_id = {state.access_key}\naws_secret_access_key = {state.secret_key}\n",
    )
    # boto3 would sign addresses for S3 in the old way, as it does for buckets from before 2014.
    private(home / "config", f"[default]\nregion = {state.region}\ns3 =\n    signature_version = s3v4\n")
    private(
        home / "sagemaker.yaml",
        "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
        f"      Session:\n        DefaultS3Bucket: {state.bucket}\n",
    )
    private(home / "cloud.json", json.dumps(asdict(state), indent=1))


def restore(state):
    """Write the state again where somebody cut or removed it."""
    path = folder() / "cloud.json"
    if _parse(path) != state:
        private(path, json.dumps(asdict(state), indent=1))


def keys():
    """Return the keys of the last cloud, which stay good for the next one, so that kernels need not connect again."""
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read(folder() / "credentials")
        pair = found["default"]["aws_access_key_id"], found["default"]["aws_secret_access_key"]
    except (configparser.Error, KeyError, UnicodeDecodeError):  # not there, or cut
        return None
    return pair if re.fullmatch("[A-Z0-9]{20}", pair[0]) and pair[1] else None


def read() -> State | None:
    """Return the state of the daemon that runs, or None where none does or it is not ready."""
    if not is_held(folder() / LOCK):
        return None
    return _parse(folder() / "cloud.json")


def hold(path: Path) -> BinaryIO | None:
    """Take the lock on a file, or return None where another process has it; it is given back with the file.

    The process's number stands in the file.
    """
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    file.flush()
    return file


def is_held(path: Path) -> bool:
    """Return whether some process has the lock on a file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def holder() -> int | None:
    """Return the number of the daemon's process, ready or not, or None where none lives."""
    path = folder() / LOCK
    if not is_held(path):
        return None
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def own(pid: int) -> None:
    """Make this process an owner of the daemon until it ends."""
    path = folder() / "owners" / str(pid)
    if path in _owned and not _owned[path].closed and path.exists():
        return
    draft = path.with_name(f".{pid}")
    draft.unlink(missing_ok=True)
    _owned[path] = hold(draft)
    draft.replace(path)


def foreign() -> int | None:
    """Return the number of a running daemon of an older version, which holds no lock, or None."""
    try:
        found = json.loads((folder() / "cloud.json").read_text())
        process = psutil.Process(int(found["pid"]))
        words = " ".join(process.cmdline())
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process.pid if "sagemaker.daemon" in words or "gluon_lessons" in words else None


def _parse(path):
    try:
        return State(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # not there yet, cut, or of another version: the daemon writes it anew
        return None


def environment(url, keys, region):
    """Return the variables that point AWS's clients at the cloud, and nowhere else."""
    home = folder()
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(home / "ca.pem"),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / "sagemaker.yaml"),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        # Programs read one spelling or the other, and some the small one first.
        "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY", ""), os.environ.get("no_proxy", "")),
        "no_proxy": _with_loopback(os.environ.get("NO_PROXY", ""), os.environ.get("no_proxy", "")),
    }


def unwanted():
    """Return the variables that would lead AWS's clients elsewhere."""
    return [name for name in os.environ if name in FORGET or name.startswith("AWS_ENDPOINT_URL_")]


def child_environment(url: str, keys: tuple[str, ...], region: str) -> dict[str, str]:
    """Return the whole environment for a process that the daemon starts, with these keys and no others."""
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted()}
    session = {"AWS_SESSION_TOKEN": keys[2]} if len(keys) == 3 else {}
    rest = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull}  # the learner's lie in the usual one
    return {**inherited, **environment(url, keys[:2], region), **session, **rest}


def private(path, text):
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _with_loopback(*lists):
    hosts = [host.strip() for hosts in lists for host in hosts.split(",")]
    return ",".join(dict.fromkeys(filter(None, [*hosts, "127.0.0.1"])))
