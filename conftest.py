"""What holds for every test and notebook: one thread, a cloud of their own, no network unless a mark asks for it."""

import os
import shutil
import tempfile
from pathlib import Path

import network_off
import pytest

pytest_plugins = ["compare"]  # tolerances, and figures, in the outputs of notebooks

OFFLINE = str(Path(__file__).parent / "tests" / "offline")
CLOUD = pytest.StashKey[str]()


def pytest_configure(config):
    """Set what every process of this run shall see, workers, kernels and servers among them."""
    config.stash[CLOUD] = tempfile.mkdtemp(prefix="gluon-lessons-")
    os.environ["LOCAL_SAGEMAKER_HOME"] = config.stash[CLOUD]
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums come out in the same order on every machine
    os.environ["GLUON_LESSONS_OFFLINE"] = "1"
    os.environ["GLUON_LESSONS_PROGRESS"] = "off"
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", OFFLINE)]
    os.environ["PYTHONPATH"] = os.pathsep.join([OFFLINE, *paths])
    config.option.nbval_sanitize_with = str(config.rootpath / config.option.nbval_sanitize_with)
    network_off.install()


def pytest_unconfigure(config):
    shutil.rmtree(config.stash[CLOUD], ignore_errors=True)


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
