"""The commands around the course: make, CI and the commit hooks call what is there, and no address."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
COMMANDS = [
    "lab",
    "test",
    "run",
    "check",
    "notebooks",
    "sources",
    "bench",
    "site",
    "soak",
    "browser",
    "mutants",
    "clean",
    "lock",
]


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


def test_what_contributing_points_to_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:gluon_lessons|teaching|local_sagemaker|tools|tests|notebooks)/[\w./-]+)`", text)
    assert len(named) > 20
    assert [path for path in named if "NN" not in path and not (ROOT / path).exists()] == []


def test_the_readme_quotes_the_speeds_that_were_measured():
    def rows(text):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]

    measured = rows((ROOT / "data" / "bench.md").read_text(encoding="utf-8"))
    block = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- speed -->")[2].partition("<!-- /speed -->")[0]
    )
    names = {
        "ResNet-50": "resnet50_v1",
        "EfficientNet-Lite0": "efficientnet_lite0",
        "SSD on MobileNet": "ssd_300_mobilenet1.0_voc",
    }
    beside = [
        ("fused", "ONNX Runtime fp32"),
        ("fused", "PyTorch fp32"),
        ("int8", "ONNX Runtime int8"),
        ("int8", "OpenVINO int8"),
    ]
    quoted = {row[0]: row[1:] for row in rows(block) if row[0] in names}
    assert set(quoted) == set(names)
    for title, name in names.items():
        ratio = {(row[2], row[3]): row[4] for row in measured if row[:2] == [name, "network"]}
        agrees = [
            re.search(r"[\d.]+(?=%)", row[2])[0]
            for row in measured
            if row[0] == name and row[1] in ("int8", "ONNX Runtime int8")
        ]
        assert quoted[title] == [*(ratio[pair] for pair in beside), ", ".join(f"{share} %" for share in agrees)]
