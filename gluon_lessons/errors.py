"""What went wrong, said in one sentence that names the cure."""

import shutil
import sys
from pathlib import Path

CLONE = Path(__file__).parent.parent


class LessonError(Exception):
    """A mistake that a person can mend; its message is meant for them."""


def command(words: str) -> str:
    """Return `gluon-lessons ...` as a person can type it: by its path where the shell finds none or another."""
    program = Path(sys.prefix) / "bin" / "gluon-lessons"
    found = shutil.which("gluon-lessons")
    if found and Path(found) == program:
        return f"gluon-lessons {words}"
    return f"{program.relative_to(CLONE) if program.is_relative_to(CLONE) else program} {words}"
