"""The daemon: the process that is the cloud, from its start to the last thing it clears away."""

import contextlib
import json
import logging
import os
import random
import resource
import secrets
import shutil
import signal
import socket
import string
import sys
import tempfile
import threading
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from local_sagemaker.control import api
from local_sagemaker.control.cloud import Cloud
from local_sagemaker.daemon import state, tls
from local_sagemaker.gate.front import Front
from local_sagemaker.gate.server import create

log = logging.getLogger("local_sagemaker")

PORT = 24566  # the first choice, so that an address noted down yesterday still works
PORTS = range(20000, 32768)  # the others: below the ports that systems hand out by themselves
GRACE = 10  # seconds without an owner: long enough to restart a kernel and run its first cell
RUN = "local-sagemaker-"  # how the folder of a run begins
ROLE, USER = "gluon-lessons", "learner"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"},
    ],
}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# What an execution role needs for everything that SageMaker does here in its name; nothing about users and keys.
EXECUTION = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:*", "sagemaker:*", "logs:*", "cloudwatch:*", "iam:GetRole"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ],
}


def main():
    """Run the cloud until it is told to stop or, unless it is to stay, nobody owns it any more."""
    os.umask(0o077)  # what is written here is the owner's alone
    home = state.folder()
    lock = state.hold(home / state.LOCK)
    if lock is None:
        sys.exit("Another local SageMaker runs in this folder; stop it with `local-sagemaker stop`.")
    (home / "owners").mkdir(exist_ok=True)
    _log_to(home / "cloud.log")
    _sweep(home)
    _open_many_files()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    run = Path(tempfile.mkdtemp(prefix=RUN))
    listener, side = _listener(PORT), _listener(PORT + 1)
    cloud = Cloud(run, home / "logs", listener.getsockname()[1], state.keys() or _new_key())
    try:
        api.load()
        role, bucket = _furnish(cloud)
        server = create(Front(cloud), listener)
        tls.serve(side, listener.getsockname()[1])
        here = state.State(
            url=cloud.endpoint_url,
            pid=os.getpid(),
            access_key=cloud.learner[0],
            secret_key=cloud.learner[1],
            region=cloud.region,
            account=cloud.account,
            role=role,
            bucket=bucket,
            run=str(run),
            server="multi-model-server" if cloud.serving.java else "plain",
        )
        state.write(here)
        threading.Thread(target=_watch, args=(home, here, cloud), daemon=True).start()
        log.info("ready at %s", cloud.endpoint_url)
        server.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        log.info("stopping")
        (home / "cloud.json").unlink(missing_ok=True)
        cloud.close()
        shutil.rmtree(run, ignore_errors=True)
        lock.close()
    os._exit(0)  # threads that still wait for something have nothing left to do


def _listener(port):
    """Hold a port, or another one where somebody else holds it."""
    return next(filter(None, (_listen(choice) for choice in (port, *random.sample(PORTS, 100)))))


def _listen(port):
    """Return a socket that holds a port of this machine, or None where somebody else does."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # two may bind, one may listen
    except OSError:
        listener.close()
        return None
    return listener


def _furnish(cloud):
    """Make what an account has before the first lesson: a user, a role that SageMaker may assume, a bucket."""
    from moto.iam.models import iam_backends
    from moto.s3.models import s3_backends

    iam = iam_backends[cloud.account]["aws"]
    iam.create_user(cloud.region, USER)
    iam.put_user_policy(USER, "everything", json.dumps(EVERYTHING))
    key = iam.create_access_key(USER)
    del iam.access_keys[key.physical_resource_id]
    key.access_key_id, key.secret_access_key = cloud.learner
    iam.access_keys[key.physical_resource_id] = key
    role = iam.create_role(ROLE, json.dumps(TRUST), "/", None, "What SageMaker may do for the lessons.", [], "3600")
    iam.put_role_policy(ROLE, "execution", json.dumps(EXECUTION))
    bucket = f"sagemaker-{cloud.region}-{cloud.account}"
    s3_backends[cloud.account]["aws"].create_bucket(bucket, cloud.region)
    return role.arn, bucket


def _sweep(home):
    """Remove what an earlier daemon left, if it was killed."""
    left = home / "cloud.json"
    with contextlib.suppress(FileNotFoundError):
        try:
            run = Path(json.loads(left.read_text())["run"])
            if run.name.startswith(RUN):
                shutil.rmtree(run, ignore_errors=True)
            left.unlink()
        except (ValueError, KeyError, TypeError):
            log.warning("%s was cut or of another version; it has been put aside as cloud.json.old.", left)
            left.replace(home / "cloud.json.old")
    shutil.rmtree(home / "logs", ignore_errors=True)
    (home / "logs").mkdir()


def _open_many_files():
    """Let this process open as many files as the system allows: moto keeps one open for each large object."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS calls it unlimited and allows less
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 20) if hard > 0 else 10240, hard))


def _log_to(path):
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    log.setLevel(logging.INFO)


def _watch(home, here, cloud):
    """Stop when every process that called `connect` has ended and nobody said that the daemon is to stay."""
    alone_since = None
    while True:
        time.sleep(0.5)
        cloud.processes.watch()
        if _is_owned(home / "owners"):
            alone_since = None
            with contextlib.suppress(OSError):
                state.restore(here)
            continue
        alone_since = alone_since or time.monotonic()
        if time.monotonic() - alone_since > GRACE:
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _is_owned(owners):
    try:
        return any(map(_is_owner, list(owners.iterdir())))
    except FileNotFoundError:  # the daemon's folder has been removed, and with it the way to find the daemon
        return False


def _is_owner(path):
    if path.name == "stay" or not path.name.isdecimal():
        return path.name == "stay"
    if state.is_held(path):
        return True
    path.unlink(missing_ok=True)
    return False


def _new_key():
    letters = string.ascii_uppercase + string.digits
    return "AKIA" + "".join(secrets.choice(letters) for _ in range(16)), secrets.token_urlsafe(30)


def _leave(signum, frame):
    sys.exit(0)


if __name__ == "__main__":
    main()
