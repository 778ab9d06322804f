"""The key rack: where a running cloud leaves its address and its throw-away keys, and what programs need to use it."""

import configparser
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# The settings of the learner's own account, which must not leak into the local cloud, nor the cloud's requests to AWS.
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


@dataclass
class State:
    """A running cloud, as a client needs to know it."""

    url: str
    pid: int
    started: float  # the process's, because numbers of processes are used again
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


def keys():
    """Return the keys of the last cloud, which stay good for the next one, so that kernels need not connect again."""
    found = configparser.ConfigParser(interpolation=None)
    found.read(folder() / "credentials")
    if "default" not in found:
        return None
    return found["default"]["aws_access_key_id"], found["default"]["aws_secret_access_key"]


def read():
    """Return the state of the cloud that runs, or None."""
    try:
        state = State(**json.loads((folder() / "cloud.json").read_text()))
    except FileNotFoundError:
        return None
    return state if is_running(state.pid, state.started) else None


def is_running(pid, started):
    """Return whether a process still runs: this very one, not another with its number."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
        "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY") or os.environ.get("no_proxy", "")),
    }


def unwanted():
    """Return the variables that would lead AWS's clients elsewhere."""
    return [name for name in os.environ if name in FORGET or name.startswith("AWS_ENDPOINT_URL_")]


def child_environment(url, keys, region):
    """Return the whole environment for a process of the cloud."""
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted()}
    return {**inherited, **environment(url, keys, region)}


def private(path, text):
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _with_loopback(hosts):
    return hosts if "127.0.0.1" in hosts.split(",") else ",".join(filter(None, [hosts, "127.0.0.1"]))
