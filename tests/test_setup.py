"""The set-up: what it refuses and in which words, that a second call does nothing, and that an interrupted one heals.

Nothing is installed here; the installer is stood in for.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from gluon_lessons import supported

ROOT = Path(__file__).parent.parent
TAKEN = tuple(supported.PYTHONS)


def load():
    specification = importlib.util.spec_from_file_location("course_setup", ROOT / "tools" / "setup.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder whose set-up installs nothing, with a list of what it would have done."""
    setup = load()
    for name in ("requirements.lock", "requirements-headless.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "local_sagemaker").mkdir()
    shutil.copy(ROOT / "local_sagemaker" / "pyproject.toml", tmp_path / "local_sagemaker")
    setup.ROOT = tmp_path
    setup.LOCK = tmp_path / "requirements.lock"
    setup.HEADLESS_LOCK = tmp_path / "requirements-headless.lock"
    setup.done = []

    def make_venv(venv, python, uv):
        setup.in_venv(venv).parent.mkdir(parents=True)
        setup.in_venv(venv).write_text("#!/bin/sh\n")
        setup.done.append("venv")

    monkeypatch.setattr(setup, "make_venv", make_venv)
    monkeypatch.setattr(setup, "carry_out", lambda venv, command, total=0: setup.done.append(str(command[-1])))
    monkeypatch.setattr(setup, "runs", lambda venv, code: True)
    monkeypatch.setattr(setup, "finish", lambda venv: None)
    monkeypatch.setattr(setup, "find_python", lambda asked, version: (version or "3.11", "/usr/bin/python3"))
    monkeypatch.setattr(setup.shutil, "which", lambda name: "/usr/bin/uv")
    monkeypatch.delenv("PYTHON", raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    yield setup
    signal.signal(signal.SIGTERM, handler)


def python_that_says(folder, name, version):
    """Put a program on the shelf that answers as a Python of that version."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version} {path}\n")
    path.chmod(0o755)
    return path


# ---- which Python


@pytest.mark.parametrize(
    ("version", "system", "machine", "words"),
    [
        ((3, 11), "linux", "x86_64", None),
        ((3, 12), "darwin", "x86_64", None),
        ((3, 10), "linux", "x86_64", "runs on Python 3.11 or 3.12, and this is Python 3.10: install Python 3.12"),
        ((3, 13), "linux", "aarch64", "this is Python 3.13: install Python 3.12"),
        ((3, 12), "win32", "AMD64", "install WSL (`wsl --install`)"),
        ((3, 12), "darwin", "arm64", "no build for Apple silicon"),
        ((3, 12), "linux", "riscv64", "MXNet has no build for linux on riscv64: use Linux on x86_64 or aarch64."),
        ((3, 12), "freebsd14", "x86_64", "no build for freebsd14 on x86_64"),
    ],
)
def test_where_the_course_runs(version, system, machine, words):
    problem = supported.problem(version, system, machine)
    assert problem is None if words is None else words in problem


@pytest.mark.parametrize(
    ("shelf", "asked", "words"),
    [
        ({"python3": "3.13"}, None, "here is only Python 3.13: install Python 3.12"),
        ({"python3": "3.9", "python3.12": "3.10"}, None, "here is only Python 3.10, 3.9"),
        ({}, None, "here is none: install Python 3.12"),
        ({"python3": "3.11", "old": "3.10"}, "old", "old is Python 3.10: install Python 3.12"),
        ({"python3": "3.11"}, "/nowhere/python", "/nowhere/python does not run: install Python 3.12"),
    ],
)
def test_a_python_that_does_not_fit_is_refused_in_a_sentence(tmp_path, monkeypatch, shelf, asked, words):
    for name, version in shelf.items():
        python_that_says(tmp_path, name, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    setup = load()
    with pytest.raises(setup.SetupError) as refusal:
        setup.find_python(asked)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
OTHERS = [path for path in sorted(PYENV.glob("versions/3.*/bin/python")) if not path.parts[-3].startswith(TAKEN)]


@pytest.mark.parametrize("python", OTHERS, ids=lambda path: path.parts[-3])
@pytest.mark.parametrize("also_asked", [False, True])
def test_every_other_python_that_is_here_refuses_in_one_sentence(tmp_path, python, also_asked):
    """It runs the set-up itself, and the file may be one that it cannot compile."""
    version = ".".join(python.parts[-3].split(".")[:2])
    environment = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    python_that_says(tmp_path, "python3", version)
    if also_asked:
        environment["PYTHON"] = str(python)
    done = subprocess.run(
        [python, "-S", ROOT / "tools" / "setup.py", "--venv", tmp_path / "venv"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    seen = f"{python} is Python {version}" if also_asked else f"here is only Python {version}"
    assert done.stderr.strip().startswith(f"Gluon Lessons runs on Python 3.11 or 3.12, and {seen}: install Python 3.12")
    assert len(done.stderr.strip().splitlines()) == 1
    refused = subprocess.run(
        [python, "-S", "-c", "import backend"], env={"PYTHONPATH": str(ROOT / "tools")}, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert f"this is Python {version}: install Python 3.12" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_the_first_python_that_fits_is_taken_and_a_hollow_shim_is_passed_over(tmp_path, monkeypatch):
    python_that_says(tmp_path, "python3", "3.13")
    (tmp_path / "python3.11").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.11").chmod(0o755)
    pyenv = tmp_path / "pyenv" / "versions" / "3.12.1" / "bin"
    pyenv.mkdir(parents=True)
    kept = python_that_says(pyenv, "python", "3.12")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert load().find_python() == ("3.12", str(kept))


def test_on_windows_it_names_wsl(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert load().main(["--venv", "nowhere"]) == 1
    assert "MXNet has no build for Windows: install WSL" in capsys.readouterr().err


def test_the_packages_own_build_refuses_in_the_same_words(monkeypatch):
    import setup

    monkeypatch.setattr(setup.supported, "problem", lambda: "Install WSL.")
    monkeypatch.delitem(sys.modules, "backend", raising=False)
    with pytest.raises(SystemExit, match=r"Install WSL\."):
        importlib.import_module("backend")


def test_make_says_so_where_no_python_runs(tmp_path):
    for program in ("make", "sh"):
        (tmp_path / program).symlink_to(shutil.which(program))
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(
        ["make", "lab"], cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert done.stderr.startswith("No Python 3 runs here: install Python 3.12")


# ---- once, and only once


def test_a_second_call_does_nothing(course, capsys):
    assert course.main([]) == 0
    assert [Path(step).name for step in course.done] == ["venv", "requirements.lock", "local_sagemaker"]
    course.done.clear()
    capsys.readouterr()
    assert course.main([]) == 0
    assert course.done == []
    assert capsys.readouterr() == ("", "")


def change(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("what", "again"),
    [
        (lambda root: change(root / "requirements.lock", "click==", "click== "), True),
        (lambda root: change(root / "requirements-headless.lock", "4.11", "4.12"), True),
        (lambda root: change(root / "pyproject.toml", '"click"', '"click>=8"'), True),
        (lambda root: change(root / "pyproject.toml", "line-length = 120", "line-length = 119"), False),
        (lambda root: (root / ".venv" / "ready.json").unlink(), True),
        (lambda root: (root / ".venv" / "ready.json").write_text(""), True),
        (lambda root: (root / ".venv" / "bin" / "python").unlink(), True),
    ],
)
def test_it_begins_again_when_what_it_is_made_from_changes(course, what, again):
    course.main([])
    course.done.clear()
    what(course.ROOT)
    assert course.main([]) == 0
    assert ("venv" in course.done) == again


def test_another_version_gets_an_environment_of_its_own(course):
    course.main([])
    course.done.clear()
    assert course.main(["--venv", ".venv-3.12", "--version", "3.12"]) == 0
    assert "venv" in course.done
    assert course.is_ready(course.ROOT / ".venv", version="3.11")
    assert not course.is_ready(course.ROOT / ".venv", version="3.12")


def test_without_libgl_opencv_is_taken_headless(course, monkeypatch):
    monkeypatch.setattr(course, "runs", lambda venv, code: "cv2" not in code)
    assert course.main([]) == 0
    assert [Path(step).name for step in course.done][-2:] == ["opencv-python", "requirements-headless.lock"]


@pytest.mark.parametrize("at", ["requirements.lock", "-e"])
def test_an_interrupted_set_up_is_completed_by_the_next_call(course, monkeypatch, capsys, at):
    def interrupted(venv, command, total=0):
        if any(str(word).endswith(at) for word in command):
            raise KeyboardInterrupt

    whole = course.carry_out
    monkeypatch.setattr(course, "carry_out", interrupted)
    assert course.main([]) == 130
    assert "the same command completes it" in capsys.readouterr().err
    (course.ROOT / ".venv" / "half.txt").write_text("left behind")
    monkeypatch.setattr(course, "carry_out", whole)
    assert course.main([]) == 0
    assert "Removing the .venv that is here: it is unfinished." in capsys.readouterr().err
    assert not (course.ROOT / ".venv" / "half.txt").exists()
    assert course.is_ready(course.ROOT / ".venv")


def test_an_installer_left_behind_by_a_killed_set_up_is_waited_for(tmp_path):
    """The set-up is killed; its installer goes on for a while and still holds the environment."""
    program = f"""
import os, sys, time
import setup
from pathlib import Path
with setup.only_one(Path({str(tmp_path)!r}) / ".venv"):
    setup.carry_out(Path({str(tmp_path)!r}), [sys.executable, "-c", "open('started', 'w'); import time; time.sleep(1)"])
"""
    killed = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "tools")}
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    started = time.monotonic()
    with load().only_one(tmp_path / ".venv"):
        waited = time.monotonic() - started
    assert waited > 0.2


def outdated(course):
    """An environment that works, made from files that have changed since."""
    course.main([])
    course.done.clear()
    (course.ROOT / ".venv" / "mine.txt").write_text("kept")
    change(course.ROOT / "requirements.lock", "click==", "click== ")
    return course.ROOT / ".venv"


@pytest.mark.parametrize("failure", ["SetupError", "KeyboardInterrupt", "RuntimeError"])
@pytest.mark.parametrize("step", ["make_venv", "carry_out", "finish"])
def test_an_environment_that_works_comes_back_when_no_new_one_can_be_made(course, monkeypatch, capsys, step, failure):
    venv = outdated(course)
    error = {"SetupError": course.SetupError("The disk is full."), "KeyboardInterrupt": KeyboardInterrupt()}

    def fail(venv, *_):
        (venv / "half.txt").parent.mkdir(exist_ok=True)
        (venv / "half.txt").write_text("half")
        raise error.get(failure) or RuntimeError("unforeseen")

    monkeypatch.setattr(course, step, fail)
    if failure == "RuntimeError":
        with pytest.raises(RuntimeError):
            course.main([])
    else:
        assert course.main([]) in (1, 130)
    assert (venv / "mine.txt").read_text() == "kept"
    assert course.in_venv(venv).exists()
    assert not (venv / "half.txt").exists()
    assert not (course.ROOT / ".venv.before").exists()
    assert "The .venv from before is back" in capsys.readouterr().err


def test_an_environment_that_works_is_not_replaced_by_one_that_does_not(course, monkeypatch, capsys):
    venv = outdated(course)
    monkeypatch.setattr(course, "runs", lambda venv, code: "mxnet" not in code)
    assert course.main([]) == 1
    assert (venv / "mine.txt").exists()
    assert "The new environment does not import MXNet." in capsys.readouterr().err


def test_an_environment_set_aside_by_a_killed_set_up_comes_back_too(course, monkeypatch):
    venv = outdated(course)
    venv.rename(course.ROOT / ".venv.before")  # and killed, while the new one was half there
    venv.mkdir()
    monkeypatch.setattr(course, "make_venv", lambda *_: (_ for _ in ()).throw(course.SetupError("No network.")))
    assert course.main([]) == 1
    assert (venv / "mine.txt").exists()


def test_a_new_environment_that_works_takes_its_place(course):
    venv = outdated(course)
    assert course.main([]) == 0
    assert "venv" in course.done
    assert not (venv / "mine.txt").exists()
    assert not (course.ROOT / ".venv.before").exists()


# ---- what can go wrong


def test_too_small_a_disk_is_refused_before_anything_is_fetched(course, monkeypatch, capsys):
    monkeypatch.setattr(course.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1.2e9))
    assert course.main([]) == 1
    assert f"needs 4 GB and {course.ROOT} has 1.2 GB free: free some space and" in capsys.readouterr().err
    assert course.done == []


def test_too_small_a_disk_leaves_the_environment_that_is_here(course, monkeypatch, capsys):
    venv = outdated(course)
    monkeypatch.setattr(course.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1.2e9))
    assert course.main([]) == 1
    assert "(`make clean` removes the environment that is here)" in capsys.readouterr().err
    assert (venv / "mine.txt").exists()


INSTALLERS_LAST_WORDS = {
    "pip without a network": (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<HTTPSConnection>: "
        "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/click/",
        "The package index does not answer, and a first set-up needs the network: ",
    ),
    "uv without a network": (
        "error: Failed to fetch: `https://index/simple/click/`\n  Caused by: dns error",
        "The package index does not answer, and a first set-up needs the network: ",
    ),
    "a full disk": (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "The disk is full: free 4 GB for the environment and ",
    ),
    "another file": (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n\n"
        "A package is not the one that requirements.lock names: `pip cache purge`, then ",
    ),
    "anything else": (
        "ERROR: could not build wheels",
        "ERROR: could not build wheels\n\nThe installer stopped for the reason above: mend it and ",
    ),
}


@pytest.mark.parametrize("case", INSTALLERS_LAST_WORDS)
def test_an_installers_failure_is_told_in_a_sentence(tmp_path, case):
    setup = load()
    output, said = INSTALLERS_LAST_WORDS[case]
    with pytest.raises(setup.SetupError) as failure:
        setup.carry_out(tmp_path, [sys.executable, "-c", f"print({output!r}); raise SystemExit(1)"])
    assert str(failure.value).startswith(said)
    assert str(failure.value).endswith("the same command again.")


def test_progress_is_shown(tmp_path, capsys):
    setup = load()
    code = "print('Collecting click', flush=True); import time; time.sleep(0.5)"
    setup.carry_out(tmp_path, [sys.executable, "-c", code], total=2)
    assert "1 of 2 packages fetched" in capsys.readouterr().err


def test_what_says_nothing_gets_a_clock_on_a_terminal(monkeypatch, capsys):
    setup = load()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    code = "import time; time.sleep(0.3); print('done', flush=True); raise SystemExit(3)"
    assert setup.with_a_clock([sys.executable, "-c", code], "making the environment") == (3, "done\n")
    shown = capsys.readouterr().err
    assert "making the environment · 0 s" in shown
    assert shown.endswith("\r\033[K")
