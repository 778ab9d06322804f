"""Where the course runs: the one rule that the set-up, the package's own build and `gluon-lessons doctor` ask.

Written for Python 3.6 and later, and read without the rest of the package, so that a Python that cannot run the course
can say so.
"""

import platform
import sys

PYTHONS = ("3.11", "3.12")


def problem(version=sys.version_info, system=None, machine=None):
    """Return the sentence that says why the course cannot run here and what to do, or None."""
    return system_problem(system, machine) or python_problem(version)


def system_problem(system=None, machine=None):
    """Return the sentence for an operating system or a processor that MXNet has no build for, or None."""
    system, machine = system or sys.platform, machine or platform.machine()
    if system in ("win32", "cygwin", "msys"):
        return "MXNet has no build for Windows: install WSL (`wsl --install`) and set the course up inside it."
    if system == "darwin" and machine == "arm64":
        return (
            "MXNet has no build for Apple silicon: use an x86_64 Python under Rosetta (`arch -x86_64 zsh`), "
            "or the course's Linux container."
        )
    if (system, machine) not in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64")]:
        return f"MXNet has no build for {system} on {machine}: use Linux on x86_64 or aarch64."
    return None


def python_problem(version=sys.version_info):
    """Return the sentence for a Python that the course does not run on, or None."""
    minor = "{}.{}".format(*version[:2])
    if minor in PYTHONS:
        return None
    return (
        "Gluon Lessons runs on Python {}, and this is Python {}: install Python {}, then `make lab` finds it, "
        "or takes it by name with PYTHON=/path/to/python{}."
    ).format(" or ".join(PYTHONS), minor, PYTHONS[-1], PYTHONS[-1])
