"""Where the course runs: the one rule that the set-up and the package's own build both ask.

Written for Python 3.6 and later, so that a Python that cannot run the course can say so.
"""

import platform
import sys

VERSIONS = ("3.11", "3.12")


def problem(version=sys.version_info, system=None, machine=None):
    """Return the sentence that says why the course cannot run here and what to do, or None."""
    system, machine = system or sys.platform, machine or platform.machine()
    if system in ("win32", "cygwin", "msys"):
        return "MXNet has no build for Windows: install WSL (`wsl --install`) and set the course up inside it."
    if system == "darwin" and machine == "arm64":
        return (
            "MXNet has no build for Apple silicon: use an x86_64 Python under Rosetta (`arch -x86_64 zsh`), "
            "or the course's Linux container."
        )
    minor = "{}.{}".format(*version[:2])
    if minor not in VERSIONS:
        return (
            f"Gluon Lessons runs on Python 3.11 or 3.12, and this is Python {minor}: install Python 3.12, "
            "then `make lab` finds it, or takes it by name with PYTHON=/path/to/python3.12."
        )
    return None
