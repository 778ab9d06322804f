"""Every process that the daemon starts: in a group of its own, marked, and none of them outlives the daemon."""

import contextlib
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

log = logging.getLogger("local_sagemaker")

MARK = "LOCAL_SAGEMAKER_PROCESS"  # the variable by which children of children are known, whatever group they went to

# A guard that outlives the daemon by a moment. It is told of every process group through a pipe. When the pipe ends,
# because the daemon stopped or was killed, it ends the groups that are left and whatever carries the run's mark, and
# removes the run's folder. It imports nothing of this package.
GUARD = """
import os, shutil, signal, sys
sys.path.append(sys.argv[2])
import psutil
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
for process in psutil.process_iter():
    try:
        if process.environ().get(sys.argv[3], "").startswith(sys.argv[1] + ":"):
            process.kill()
    except psutil.Error:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


NUMBERS = itertools.count(1)


class Process(subprocess.Popen):
    """A child in its own process group; `stop()` ends the whole group."""

    owner, mark = None, ""

    def stop(self, grace=5):
        """Ask the group to end, insist after `grace` seconds, and return the exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # also what the leader left behind
        status = self.wait()
        end_marked(self.mark)  # and what went to a group or session of its own
        self.owner.forget(self)
        return status


def end_marked(mark: str) -> None:
    """Kill every process that carries a mark, until none is left."""
    while True:
        found = [process for process in psutil.process_iter() if _carries(process, mark)]
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def _carries(process, mark):
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


class Processes:
    """Starts processes and remembers them until they are stopped."""

    def __init__(self, folder):
        self._folder = folder
        self._children = set()
        self._lock = threading.RLock()
        self._closed = False
        self._guard = self._start_guard()

    def spawn(self, args, *, env, cwd=None, log=None):
        """Start a process in a group of its own, its output appended to the file `log` or thrown away."""
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(Path(log).open("ab")) if log else subprocess.DEVNULL
            with self._lock:
                if self._closed:
                    raise RuntimeError("The local SageMaker is stopping and starts nothing more.")
                mark = f"{self._folder}:{next(NUMBERS)}"
                child = Process(
                    [str(arg) for arg in args],
                    env={**env, MARK: mark},
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                child.owner, child.mark = self, mark
                self._children.add(child)
                self._tell("+", child)
        return child

    def forget(self, child):
        """Let go of a process that has been stopped."""
        with self._lock:
            if child in self._children:
                self._children.discard(child)
                self._tell("-", child)

    def watch(self):
        """Replace the guard if it has ended."""
        with self._lock:
            if not self._closed and self._guard.poll() is not None:
                log.warning("The guard of the processes ended with status %s; another stands in.", self._guard.poll())
                self._guard = self._start_guard()
                for child in self._children:
                    self._tell("+", child)

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
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        self._guard.wait()

    def _start_guard(self):
        site = str(Path(psutil.__file__).parent.parent)
        return subprocess.Popen(
            [sys.executable, "-ISE", "-c", GUARD, str(self._folder), site, MARK],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _tell(self, sign, child):
        try:
            self._guard.stdin.write(f"{sign}{child.pid}\n")
            self._guard.stdin.flush()
        except OSError:  # it was killed; the next one is told of all
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait()
            self.watch()
