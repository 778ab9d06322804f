"""The nursery: every process that the cloud starts, in a group of its own, none of which outlives the cloud."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

# A guard that outlives the cloud by a moment. It is told of every process group through a pipe, and when the pipe ends,
# because the cloud stopped or was killed, it ends the groups that are left and removes the cloud's folder. It imports
# nothing of this package.
GUARD = """
import os, shutil, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class Process(subprocess.Popen):
    """A child in its own process group; `stop()` ends the whole group."""

    nursery = None

    def stop(self, grace=5):
        """Ask the group to end, insist after `grace` seconds, and return the exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # also what the leader left behind
        status = self.wait()
        self.nursery.forget(self)
        return status


class Nursery:
    """Starts processes and remembers them until they are stopped."""

    def __init__(self, folder):
        self._children = set()
        self._lock = threading.Lock()
        self._closed = False
        self._guard = subprocess.Popen(
            [sys.executable, "-ISE", "-c", GUARD, str(folder)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def spawn(self, args, *, env, cwd=None, log=None):
        """Start a process in a group of its own, its output appended to the file `log` or thrown away."""
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(Path(log).open("ab")) if log else subprocess.DEVNULL
            with self._lock:
                if self._closed:
                    raise RuntimeError("The local cloud is stopping and starts nothing more.")
                child = Process(
                    [str(arg) for arg in args],
                    env=env,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                child.nursery = self
                self._children.add(child)
                self._tell("+", child)
        return child

    def forget(self, child):
        """Let go of a process that has been stopped."""
        with self._lock:
            if child in self._children:
                self._children.discard(child)
                self._tell("-", child)

    def close(self):
        """Stop every process that is left, then the guard."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        stoppers = [threading.Thread(target=child.stop) for child in children]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        self._guard.stdin.close()
        self._guard.wait()

    def _tell(self, sign, child):
        self._guard.stdin.write(f"{sign}{child.pid}\n")
        self._guard.stdin.flush()
