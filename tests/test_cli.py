"""The command line: quick to answer, modules imported on demand, mistakes told in a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gluon_lessons import errors
from gluon_lessons.cli import main as cli
from gluon_lessons.course import copies
from gluon_lessons.errors import LessonError

SETTINGS = cli.ROOT / "gluon_lessons" / "lab" / "overrides.json"


def test_help_names_every_command_and_imports_none():
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
    assert listed == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_there(name):
    assert isinstance(cli.main.get_command(None, name), click.Command)


def test_an_unknown_command_is_refused():
    answer = CliRunner().invoke(cli.main, ["preditc"])
    assert answer.exit_code == 2
    assert "No such command 'preditc'" in answer.stderr


def test_a_mistake_is_one_sentence_on_stderr_and_exit_1(monkeypatch):
    def fail(**_):
        raise LessonError("The disk is full: free some space.")

    monkeypatch.setattr(cli.run, "callback", fail)
    answer = CliRunner().invoke(cli.main, ["run"])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, "", "The disk is full: free some space.\n")


def test_run_executes_the_lessons_that_are_named():
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
    CliRunner().invoke(cli.main, ["lab", "--author", "--no-browser"], catch_exceptions=False)
    assert done[:5] == ["missing", sys.executable, sys.executable, "-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in done
    assert "--LabApp.default_url=/lab/tree/notebooks/00-start-here.ipynb" in done
    assert f"--LabApp.app_settings_dir={SETTINGS.parent}" in done
    assert done[-1] == "--no-browser"


def test_lab_opens_without_a_network_and_says_which_lessons_must_wait(monkeypatch, tmp_path):
    from gluon_lessons import predict
    from gluon_lessons.zoo import store

    def notebook(code):
        return json.dumps(
            {"cells": [{"cell_type": "markdown", "source": "far"}, {"cell_type": "code", "source": [code]}]}
        )

    (tmp_path / "notebooks").mkdir()
    for name, code in {"00-start-here": "predict.detect('dog')", "01-a": "nd.zeros(3)", "12-b": "load('far')"}.items():
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(notebook(code))
    asked, started = [], []

    def offline(name):
        asked.append(name)
        raise LessonError(f"{name} cannot be fetched: connect to the internet.")

    monkeypatch.setattr(predict, "NETWORKS", {"detect": "far", "pose": "farther"})
    monkeypatch.setattr(store, "find", lambda name: None)
    monkeypatch.setattr(store, "obtain", offline)
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr(cli.os, "execv", lambda program, command: started.append(command))
    answer = CliRunner().invoke(cli.main, ["lab"], catch_exceptions=False)
    assert (answer.exit_code, asked, len(started)) == (0, ["far", "farther"], 1)
    assert "far cannot be fetched: connect to the internet." in answer.stderr
    assert "The weights of far are missing; lessons 00, 12 want them.\n" in answer.stderr
    assert "--LabApp.default_url=/lab/tree/my-lessons/00-start-here.ipynb" in started[0]
    assert (tmp_path / "my-lessons" / "12-b.ipynb").exists()
    assert "All other lessons run. `" in answer.stderr
    assert "weights fetch --lessons` fetches what is missing.\n" in answer.stderr


def test_a_command_in_a_message_can_be_typed_as_it_stands(monkeypatch, tmp_path):
    own = cli.ROOT / ".venv-of-a-test"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "prefix", str(own))
    assert errors.command("doctor") == ".venv-of-a-test/bin/gluon-lessons doctor"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert errors.command("doctor") == f"{tmp_path}/bin/gluon-lessons doctor"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gluon-lessons").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "gluon-lessons").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert errors.command("doctor") == "gluon-lessons doctor"
    monkeypatch.setattr(sys, "prefix", str(own))  # another environment's is first in the path
    assert errors.command("doctor") == ".venv-of-a-test/bin/gluon-lessons doctor"


def test_what_lab_sets_jupyterlab_knows():
    for plugin, chosen in json.loads(SETTINGS.read_text()).items():
        package, _, name = plugin.partition(":")
        schema = Path(sys.prefix, "share", "jupyter", "lab", "schemas", package, f"{name}.json")
        assert set(chosen) <= set(json.loads(schema.read_text())["properties"])


@pytest.mark.parametrize(
    ("command", "missing"),
    [("lab", "notebooks/00-start-here.ipynb"), ("mark", "teaching"), ("handout", "teaching")],
)
def test_without_the_repository_a_command_that_needs_it_says_so(monkeypatch, tmp_path, command, missing):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    answer = CliRunner().invoke(cli.main, [command])
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"There is no {missing} beside this package")


def test_reset_asks_first(monkeypatch, tmp_path):
    for name in ("notebooks", "my-lessons"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "03-a.ipynb").write_text(name)
    monkeypatch.setattr(copies, "ORIGINALS", tmp_path / "notebooks")
    monkeypatch.setattr(copies, "COPIES", tmp_path / "my-lessons")
    mine = tmp_path / "my-lessons" / "03-a.ipynb"
    answer = CliRunner().invoke(cli.main, ["reset", "03"], input="n\n")
    assert "Everything that you wrote in my-lessons/03-a.ipynb will be lost." in answer.stdout
    assert (answer.exit_code, mine.read_text()) == (1, "my-lessons")
    answer = CliRunner().invoke(cli.main, ["reset", "03"], input="y\n")
    assert (answer.exit_code, mine.read_text()) == (0, "notebooks")
    assert "There is no lesson '99'. There are: 03-a." in CliRunner().invoke(cli.main, ["reset", "99"]).stderr
