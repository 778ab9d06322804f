"""Run the cells of one handed-in notebook, shut in, and keep what the checks say: the process that `marking` starts.

python marking_worker.py JOB      JOB is a file of JSON, in the folder that this process may write to
"""

import json
import linecache
import os
import signal
import sys
from pathlib import Path
from types import ModuleType


def main(job_file: Path) -> None:
    job = json.loads(job_file.read_text(encoding="utf-8"))
    folder = job_file.parent
    from teaching import sandbox

    sandbox.enter(folder, map(Path, job["readable"]), **job["limits"])
    os.chdir(folder)
    namespace = _notebook_module()
    for number, source in enumerate(job["cells"]):
        error = _run(source, f"cell-{number}", namespace, job["cell_seconds"])
        with (folder / "errors").open("a", encoding="utf-8") as lines:
            lines.write(" ".join(error.split()) + "\n")
    os._exit(0)  # whatever the notebook wants to do at the end


def _notebook_module() -> dict:
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__["display"] = lambda *_, **__: None
    return module.__dict__


def _run(source: str, name: str, namespace: dict, seconds: int) -> str:
    """Run a cell; return the error that ended it, or nothing."""

    def too_long(*_):
        raise TimeoutError(f"The cell took over {seconds} seconds.")

    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        exec(compile(source, name, "exec"), namespace)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
