"""What several tests share."""

import subprocess
import sys

import pytest
from filelock import FileLock
from lessons import ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """The pages to read, built once for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    made = (own if worker_id == "master" else own.parent) / "site"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            command = [sys.executable, ROOT / "tools" / "build_site.py", made]
            run = subprocess.run(command, capture_output=True, text=True, timeout=240)
            assert run.returncode == 0, run.stdout + run.stderr
    return made
