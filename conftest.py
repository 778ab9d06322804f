"""What holds for every test and notebook: one thread, a cloud of their own, no network unless a mark asks for it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["compare"]  # tolerances, and figures, in the outputs of notebooks

OFFLINE = str(Path(__file__).parent / "tests" / "offline")

os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums come out in the same order on every machine
os.environ["GLUON_LESSONS_OFFLINE"] = "1"
os.environ["LOCAL_SAGEMAKER_HOME"] = CLOUD = tempfile.mkdtemp(prefix="gluon-lessons-")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [OFFLINE, os.environ.get("PYTHONPATH")]))

# Workers of this run started behind the gate; the first process comes to it now, whatever it customised before.
if not hasattr(sys.modules.get("sitecustomize"), "NetworkIsOff"):
    sys.path.insert(0, OFFLINE)
    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # noqa: F401


@pytest.fixture(autouse=True)
def network_off_unless_marked(request, monkeypatch):
    if request.node.get_closest_marker("network"):
        monkeypatch.delenv("GLUON_LESSONS_OFFLINE")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One more than there are processors: much of the time goes in waiting for servers and jobs."""
    return min(os.cpu_count() + 1, 4)


def pytest_collection_modifyitems(items):
    """Notebooks first: what they print must not depend on the cloud that tests leave behind."""
    items.sort(key=lambda item: item.path.suffix != ".ipynb")


def pytest_unconfigure():
    shutil.rmtree(CLOUD, ignore_errors=True)
