"""The commands around the course: make, CI and the commit hooks call what is there, and no address."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
COMMANDS = ["lab", "test", "run", "notebooks", "bench", "site", "soak", "browser", "clean", "lock"]


def make(*words):
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_make_alone_shows_every_command():
    shown = re.findall(r"^  make (\w+) ", make().stdout, re.MULTILINE)
    assert shown == ["help", *COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_calls_only_what_is_there(command):
    planned = make("--dry-run", command, "LESSON=01").stdout
    for script in re.findall(r"tools/\w+\.py", planned):
        assert (ROOT / script).exists(), script


def test_a_second_environment_stays_beside_the_first():
    planned = make("--dry-run", "test", "PY=3.12").stdout
    assert "--venv .venv-3.12 --version 3.12" in planned
    assert ".venv/bin" not in planned


def test_ci_is_a_sound_script():
    done = subprocess.run([BIN / "shellcheck", ROOT / ".ci" / "run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_commit_hooks_use_the_environment_and_no_address():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert "://" not in text
    (repository,) = yaml.safe_load(text)["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert (BIN / Path(hook["entry"].split()[0]).name).exists(), hook["entry"]
