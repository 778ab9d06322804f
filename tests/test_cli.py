"""The command line: quick to answer, rooms entered on demand, mistakes told in a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gluon_lessons.cli import main as cli
from gluon_lessons.errors import LessonError

SETTINGS = cli.ROOT / "gluon_lessons" / "lab" / "overrides.json"


def test_help_names_every_room_and_enters_none():
    code = """
import sys
from gluon_lessons.cli.main import main
try:
    main(["--help"])
finally:
    assert not {"mxnet", "numpy", "boto3", "yaml"} & set(sys.modules), "help imports too much"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed = [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == ["doctor", "lab", "predict", "run", "weights"]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_room_is_there(name):
    assert isinstance(cli.main.get_command(None, name), click.Command)


def test_an_unknown_command_is_refused():
    answer = CliRunner().invoke(cli.main, ["preditc"])
    assert answer.exit_code == 2
    assert "No such command 'preditc'" in answer.stderr


def test_a_mistake_is_one_sentence_on_stderr_and_exit_1(monkeypatch):
    def fail(**_):
        raise LessonError("The disk is full: free some room.")

    monkeypatch.setattr(cli.run, "callback", fail)
    answer = CliRunner().invoke(cli.main, ["run"])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, "", "The disk is full: free some room.\n")


def test_run_hands_the_lessons_to_the_press():
    done = subprocess.run(
        [sys.executable, "-c", "from gluon_lessons.cli.main import main; main()", "run", "99-nowhere"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no notebook '99-nowhere'.")


def test_lab_fetches_the_missing_weights_and_opens_the_first_lesson_on_this_machine_alone(monkeypatch):
    from gluon_lessons import predict
    from gluon_lessons.zoo import store

    done = []
    monkeypatch.setattr(predict, "NETWORKS", {"detect": "here", "classify": "missing"})
    monkeypatch.setattr(store, "find", lambda name: name == "here")
    monkeypatch.setattr(store, "obtain", done.append)
    monkeypatch.setattr(cli, "_in_repository", lambda path: cli.ROOT / path)
    monkeypatch.setattr(cli.os, "execv", lambda program, command: done.extend([program, *command]))
    CliRunner().invoke(cli.main, ["lab", "--no-browser"], catch_exceptions=False)
    assert done[:5] == ["missing", sys.executable, sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in done
    assert "--LabApp.default_url=/lab/tree/notebooks/00-start-here.ipynb" in done
    assert f"--LabApp.app_settings_dir={SETTINGS.parent}" in done
    assert done[-1] == "--no-browser"


def test_what_lab_sets_jupyterlab_knows():
    for plugin, chosen in json.loads(SETTINGS.read_text()).items():
        package, _, name = plugin.partition(":")
        schema = Path(sys.prefix, "share", "jupyter", "lab", "schemas", package, f"{name}.json")
        assert set(chosen) <= set(json.loads(schema.read_text())["properties"])


def test_without_the_repository_lab_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    answer = CliRunner().invoke(cli.main, ["lab"])
    assert answer.exit_code == 1
    assert answer.stderr.startswith("There is no notebooks/00-start-here.ipynb beside this package")
