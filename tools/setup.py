"""The set-up: makes the course's environment, or says in one sentence why it cannot; a second call does no work.

    python3 tools/setup.py [--venv FOLDER] [--version 3.12] [--look]

Written for Python 3.6 and later and with the standard library alone, because it runs before anything is installed.
A stamp is written last, so whatever stops the work, the next call does it again from the start. An environment that was
whole is set aside meanwhile, and comes back when no new one can be made.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADLESS_LOCK = ROOT / "requirements-headless.lock"
STAMP = "ready.json"
SPACE = 4.0  # GB that the environment and the packages on their way there take
QUESTION = "import sys; print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"

# What pip and uv print.
DISK_IS_FULL = ("No space left on device", "os error 28")
HASH_DIFFERS = ("DO NOT MATCH THE HASHES", "Hash mismatch")
NETWORK_IS_DOWN = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "Network is unreachable",
    "dns error",
    "error sending request",
    "tcp connect error",
)


def load(path):
    """Load a module by its file: importing the package around it would ask for what is not installed yet."""
    specification = importlib.util.spec_from_file_location(path.stem, str(path))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


supported = load(ROOT / "gluon_lessons" / "supported.py")


class SetupError(Exception):
    """Why there is no environment; its message is meant for a person."""


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the environment of the course.")
    parser.add_argument("--venv", default=".venv", help="its folder (default: .venv)")
    parser.add_argument("--version", choices=supported.PYTHONS, help="take only this Python")
    parser.add_argument("--look", action="store_true", help="only print which Python it would take")
    options = parser.parse_args(arguments)
    venv = ROOT / options.venv
    asked = os.environ.get("PYTHON")
    try:
        if options.look:
            print(find_python(asked, options.version)[1])
        elif not is_ready(venv, asked, options.version):
            set_up(venv, asked, options.version)
    except SetupError as error:
        print("\n" + str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe set-up was interrupted; the same command completes it.", file=sys.stderr)
        return 130
    return 0


def is_ready(venv, asked=None, version=None):
    """True when the environment is whole and made from the files as they are now."""
    try:
        stamp = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return False
    wanted = find_python(asked, version)[0] if asked else version
    alive = in_venv(venv).exists()  # false too where its Python was uninstalled
    return alive and stamp["made_from"] == made_from(venv) and wanted in (None, stamp["python"])


def made_from(venv):
    """Name what an environment is made from: the pins, the package, and the folder, since it cannot be moved."""
    projects = (ROOT / "pyproject.toml", ROOT / "local_sagemaker" / "pyproject.toml")
    sections = [section for project in projects for section in project.read_text().split("\n[")]
    package = [section for section in sections if not section.startswith("tool.") or section.startswith("tool.hatch")]
    state = hashlib.sha256("".join([str(venv), LOCK.read_text(), HEADLESS_LOCK.read_text(), *package]).encode())
    return state.hexdigest()


def set_up(venv, asked, version):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.time()
    minor, python = find_python(asked, version)
    uv = shutil.which("uv")
    with only_one(venv):
        if is_ready(venv, asked, version):  # somebody else made it while this one waited
            return
        check_space(ROOT, venv)
        with old_one_aside(venv):
            say(f"Setting up {venv.name} with Python {minor} and {'uv' if uv else 'pip'}; this happens once.")
            make_venv(venv, python, uv)
            installer = [uv, "pip", "install"] if uv else [in_venv(venv), "-m", "pip", "install", "--no-compile"]
            from_lock = [*installer, "--no-deps", "--require-hashes", "-r"]
            ours = ["-e", ROOT, "-e", ROOT / "local_sagemaker"]
            carry_out(venv, [*from_lock, LOCK], count_pins())
            carry_out(venv, [*installer, "--no-deps", "--no-build-isolation", *ours])
            if not uv and minor == "3.11":  # `venv` brings it there, and nothing else does: one environment everywhere
                uninstall(venv, uv, "setuptools")
            if not runs(venv, "import cv2"):
                say("No libGL here, as on a server without a screen: taking OpenCV's headless build.")
                uninstall(venv, uv, "opencv-python")
                carry_out(venv, [*from_lock, HEADLESS_LOCK])
            finish(venv)
            (venv / STAMP).write_text(json.dumps({"python": minor, "made_from": made_from(venv)}))
    say(f"The environment is ready ({time.time() - started:.0f} s).")


@contextlib.contextmanager
def old_one_aside(venv):
    """Set the environment that is here aside, and bring it back where no new one that works takes its place."""
    aside = venv.with_name(venv.name + ".before")
    if (venv / STAMP).exists():
        say(
            f"The {venv.name} that is here was made from other files than today's, and is kept until the new one works."
        )
        shutil.rmtree(str(aside), ignore_errors=True)
        venv.rename(aside)
    elif venv.exists():
        say(f"Removing the {venv.name} that is here: it is unfinished.")
        shutil.rmtree(str(venv), ignore_errors=True)
    try:
        yield
        if aside.exists() and not runs(venv, "import mxnet"):
            raise SetupError("The new environment does not import MXNet.")
    except BaseException:
        if aside.exists():
            shutil.rmtree(str(venv), ignore_errors=True)
            aside.rename(venv)
            say(
                f"\nThe {venv.name} from before is back: `{venv.name}/bin/gluon-lessons lab` opens the lessons with it."
            )
        raise
    shutil.rmtree(str(aside), ignore_errors=True)


# ---- which Python


def find_python(asked=None, version=None):
    """Return (minor version, path) of the Python to use: the one asked for, or the first one here that fits."""
    unfit = supported.system_problem()
    if unfit:
        raise SetupError(unfit)
    wanted = (version,) if version else supported.PYTHONS
    others = []
    for name in [asked] if asked else candidates():
        found = ask(name)
        if found and found[0] in wanted:
            return found
        if found:
            others.append(found[0])
    if asked:
        seen = f"{asked} is Python {others[0]}" if others else f"{asked} does not run"
    else:
        seen = f"here is only Python {', '.join(sorted(set(others)))}" if others else "here is none"
    raise SetupError(
        f"Gluon Lessons runs on Python {' or '.join(wanted)}, and {seen}: install Python {wanted[-1]} "
        "and run the same command again, or name one with PYTHON=/path/to/python."
    )


def candidates():
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    return ["python3", "python3.11", "python3.12", *sorted(pyenv.glob("versions/3.1[12].*/bin/python"))]


def ask(name):
    """Return (minor version, path) as a Python tells them, or None where it does not run (a shim may be hollow)."""
    try:
        answer = subprocess.run(
            [str(name), "-S", "-c", QUESTION],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
        )
    except OSError:
        return None
    return tuple(answer.stdout.strip().split(" ", 1)) if answer.returncode == 0 else None


# ---- the steps


def make_venv(venv, python, uv):
    command = [uv, "venv", "-q", "--python", python] if uv else [python, "-m", "venv"]
    code, output = with_a_clock([*command, str(venv)], "making the environment")
    if "ensurepip" in output:
        raise SetupError(
            "This Python cannot make environments: install its venv package "
            "(Debian and Ubuntu: `apt install python3-venv`) and run the same command again."
        )
    if code:
        raise SetupError(explain(output))


def carry_out(venv, command, total=0):
    """Run the installer with a line of progress, and turn its failure into a sentence."""
    environment = dict(os.environ, VIRTUAL_ENV=str(venv), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    process = subprocess.Popen(
        [str(word) for word in command],
        close_fds=False,  # it holds the environment's lock too, see `only_one`
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    lines = []
    reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        follow(process, lines, venv, total)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    reader.join()
    if process.returncode:
        raise SetupError(explain("".join(lines)))


def follow(process, lines, venv, total):
    """Show how many packages have come and how many are unpacked, until the process ends."""
    line, started = Line(), time.time()
    while process.poll() is None:
        seen = [text.split() for text in list(lines) if text.strip()]
        fetched = sum(words[0] in ("Collecting", "Processing", "Downloaded") for words in seen)
        unpacked = sum(1 for _ in venv.glob("lib/python3*/site-packages/*.dist-info"))
        if total and unpacked > 5:  # a new environment has one or two
            line.count("unpacked", min(unpacked, total), total, started)
        elif total:
            now = [words[1] for words in seen if words[0] in ("Downloading", "Downloaded")][-1:]
            line.count("fetched", min(fetched, total), total, started, *now)
        time.sleep(0.1)
    line.end()


def uninstall(venv, uv, package):
    carry_out(
        venv, [uv, "pip", "uninstall", package] if uv else [in_venv(venv), "-m", "pip", "uninstall", "-y", package]
    )


def finish(venv):
    """Do now what the first lesson would wait for: bytecode, and Matplotlib's list of fonts."""
    say("Compiling once, so that lessons start fast; this takes about half a minute.")
    for words in (
        ["-m", "compileall", "-qq", "-j", "0", "-x", "/(tests|sympy)/", str(venv / "lib")],
        ["-c", "import matplotlib.font_manager"],
    ):
        with_a_clock([in_venv(venv), *words], "compiling")


def with_a_clock(command, what):
    """Run a command that says nothing by itself; return its exit status and output."""
    line, started = Line(), time.time()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                line.show(f"{what} · {time.time() - started:.0f} s")
                time.sleep(0.1)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        line.end()
        output.seek(0)
        return process.returncode, output.read().decode(errors="replace")


def in_venv(venv):
    return venv / "bin" / "python"


def runs(venv, code):
    return subprocess.call([str(in_venv(venv)), "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def count_pins():
    """Count the packages that the lock names for this system."""
    lines = LOCK.read_text().splitlines()
    return len({line.partition("==")[0] for line in lines if "==" in line[:60] and f"'{sys.platform}'" in line})


# ---- what can go wrong


def check_space(folder, venv):
    free = shutil.disk_usage(folder).free / 1e9
    if free < SPACE:
        raise SetupError(
            f"The environment needs {SPACE:.0f} GB and {folder} has {free:.1f} GB free: "
            f"free some space{' (`make clean` removes the environment that is here)' if venv.exists() else ''} "
            "and run the same command again."
        )


def explain(output):
    """Return the sentence for an installer's failure, below its last words where those say more."""
    if any(sign in output for sign in DISK_IS_FULL):
        return f"The disk is full: free {SPACE:.0f} GB for the environment and run the same command again."
    if any(sign in output for sign in NETWORK_IS_DOWN):
        return (
            "The package index does not answer, and a first set-up needs the network: "
            "connect and run the same command again."
        )
    last_words = "\n".join(output.splitlines()[-15:])
    if any(sign in output for sign in HASH_DIFFERS):
        cure = "A package is not the one that requirements.lock names: `pip cache purge`, then the same command again."
    else:
        cure = "The installer stopped for the reason above: mend it and run the same command again."
    return f"{last_words}\n\n{cure}"


@contextlib.contextmanager
def only_one(venv):
    """Hold the environment; an installer left behind by a killed set-up holds it too, until it ends."""
    import fcntl  # not on Windows, which must get this far to be told so

    with venv.with_name(venv.name + ".lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another set-up is at work here; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- what is shown


def say(text):
    print(text, file=sys.stderr, flush=True)


class Line:
    """One line of progress on a terminal; elsewhere a line for every quarter."""

    def __init__(self):
        self.on_terminal = sys.stderr.isatty()
        self.shown = None

    def count(self, what, done, total, started, now=""):
        text = f"{done:>4} of {total} packages {what} · {time.time() - started:.0f} s"
        self.show(f"{text}  {now}")
        if not self.on_terminal and done and (what, done * 4 // total) != self.shown:
            self.shown = (what, done * 4 // total)
            say(text)

    def show(self, text):
        if self.on_terminal:
            width = shutil.get_terminal_size().columns
            sys.stderr.write(f"\r\033[K{text}"[: width + 3])
            sys.stderr.flush()

    def end(self):
        if self.on_terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
