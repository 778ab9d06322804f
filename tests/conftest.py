"""What several tests share."""

import shutil
import subprocess
import sys

import pytest
from filelock import FileLock
from lessons import ROOT
from playwright.sync_api import sync_playwright


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


@pytest.fixture(scope="module")  # while Playwright is open, no other of its kind can be, nor an asyncio.run
def chromium():
    """A browser that nobody sees."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not program:
        pytest.skip("There is no Chromium here. On Debian and Ubuntu: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()
