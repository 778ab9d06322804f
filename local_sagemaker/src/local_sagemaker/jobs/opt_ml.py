"""A folder that a script sees as /opt/ml, as it would inside a SageMaker container.

Where the kernel lets a user mount (most Linux machines), the folder is mounted at /opt/ml for the script alone. Where
it does not (macOS, some hardened kernels, a container without the right), `/opt/ml` is replaced by the folder in the
script's arguments, its environment and the copy of its code. Files, exit codes and signals are the same either way.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local_sagemaker.control import archives
from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.daemon.processes import Process

INSIDE = "/opt/ml"
GRACE = 20  # seconds that a script has to save its work when its job is stopped; AWS gives it 120

# A new /opt that holds everything the old one held, and ml. Only the script and its children see it.
MOUNT = """
set -e
hidden=$1 folder=$2
shift 2
mkdir -p "$hidden"
mount --rbind /opt "$hidden"
mount -t tmpfs -o mode=755 none /opt
for entry in "$hidden"/*; do
    name=/opt/${entry##*/}
    if [ -L "$entry" ]; then cp -P "$entry" "$name"
    elif [ -d "$entry" ]; then mkdir "$name"; mount --rbind "$entry" "$name"
    elif [ -e "$entry" ]; then : > "$name"; mount --bind "$entry" "$name"
    fi
done
mkdir -p /opt/ml
mount --rbind "$folder" /opt/ml
exec "$@"
"""


@cache
def mountable() -> bool:
    """Return whether this machine lets us mount a folder for one process; LOCAL_SAGEMAKER_MOUNT=0 says no."""
    if os.environ.get("LOCAL_SAGEMAKER_MOUNT") == "0" or not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ml").mkdir()
        Path(folder, "ml", "here").touch()
        probe = _mounted(Path(folder), ["test", "-e", f"{INSIDE}/here"])
        return subprocess.run(probe, capture_output=True).returncode == 0


def _mounted(folder: Path, args: list[str]) -> list[str]:
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]
    return [*unshare, str(folder / "opt"), str(folder / "ml"), *args]


class OptMl:
    """One script's /opt/ml, empty at first."""

    def __init__(self, cloud: "Cloud", folder: Path) -> None:
        self.cloud, self.folder = cloud, Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.inside = self.folder / "ml"
        self.inside.mkdir(parents=True)
        self.log = self.folder / "log"
        self.log.touch()

    def path(self, name: str) -> Path:
        """Return where `/opt/ml/...` is on this machine."""
        check(name)
        return self.inside / Path(name).relative_to(INSIDE)

    def localized(self, text: str) -> str:
        """Return a text as the script must read it: unchanged where /opt/ml is mounted, else with the folder in it."""
        return text if mountable() else text.replace(INSIDE, str(self.inside))

    def adapt(self, folder: Path) -> None:
        """Replace /opt/ml in the code under a folder (see `localize`), where it is not mounted."""
        if not mountable():
            localize(folder, str(self.inside))

    def start(self, args: list[str], env: dict[str, str] | None = None) -> "Process":
        """Start a process that sees the folder; what it prints goes to `log`."""
        env = {key: self.localized(value) for key, value in (env or {}).items()}
        # A container is thrown away, and with it what a script installed; here its packages go beside the folder.
        packages = str(self.folder / "packages")
        base = self.cloud.environment()
        shared = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{base.get('PATH', os.defpath)}",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_TARGET": packages,
            "PYTHONPATH": os.pathsep.join(filter(None, [packages, base.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
        }
        args = [self.localized(str(arg)) for arg in args]
        if mountable():
            args = _mounted(self.folder, args)
        return self.cloud.spawn(args, env=base | shared | env, cwd=self.inside, log=self.log)


def end(process: "Process", grace: float = GRACE) -> int:
    """Ask everything a script started to end, insist after `grace` seconds; the script itself may take that long."""
    started = [psutil.Process(process.pid)] if process.poll() is None else []
    started += [child for parent in started for child in parent.children(recursive=True)]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(map(_alive, started)) and time.monotonic() < deadline:
        process.poll()
        time.sleep(0.05)
    return process.stop(grace=0)


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def check(name: str) -> None:
    """Refuse a path that does not lie in /opt/ml."""
    if not name.startswith(f"{INSIDE}/") or ".." in Path(name).parts:
        raise ApiError("ValidationException", f"LocalPath {name} must be a path under {INSIDE}, without '..'.")


def localize(folder: Path | str, inside: str) -> None:
    """Replace /opt/ml by a path in the Python and shell files under a folder and in the SDK's archives of them."""
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".py", ".sh") and path.is_file():
            path.write_bytes(path.read_bytes().replace(INSIDE.encode(), inside.encode()))
        elif path.name == "sourcedir.tar.gz":
            with tempfile.TemporaryDirectory() as unpacked:
                archives.unpack(path, Path(unpacked))
                localize(unpacked, inside)
                with tarfile.open(path, "w:gz") as tar:
                    tar.add(unpacked, "")
