"""Run tests again and again for mutants.py, each time in a fork of this process, which has imported the slow libraries.

It reads tasks as lines of JSON and answers each with one. It runs in a copy of the tree, which comes first on
PYTHONPATH, so that processes that tests start see the changed file too.
"""

import contextlib
import importlib
import importlib.metadata
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

MEMORY = 8 << 30  # more than any test takes: a mutant that gathers without end is stopped here
_OPTIMIZED = 0x1  # the flag of a function's code; that of a module or class runs at import, for all tests


class Watch:
    """A pytest plugin: order the tests, limit each, and record what they take, reach and fail."""

    def __init__(self, task: dict):
        self.order = {test: number for number, test in enumerate(task.get("order", ()))}
        self.usual = task.get("usual", {})  # seconds that each test takes
        self.sources = {str(Path(path).resolve()): path for path in task.get("trace", ())}
        self.seconds, self.lines = defaultdict(float), defaultdict(set)
        self.failed, self.timed_out, self.test = None, False, None

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.order.get(item.nodeid, -1))
        for item in items:
            if item.nodeid in self.usual:  # SIGALRM ends an endless loop, and pytest goes on to report it
                item.add_marker(pytest.mark.timeout(20 + 8 * self.usual[item.nodeid]), append=False)

    def pytest_runtest_logstart(self, nodeid):
        self.test = nodeid

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self._fail(report)

    def pytest_collectreport(self, report):
        if report.failed:
            self._fail(report)

    def _fail(self, report):
        self.failed = self.failed or report.nodeid
        self.timed_out = self.timed_out or "Timeout (>" in str(report.longrepr)

    def trace(self, frame, event, argument):
        """For sys.settrace: follow only what runs in the sources."""
        path = self.sources.get(frame.f_code.co_filename)
        if path is None:
            return None
        test = self.test if frame.f_code.co_flags & _OPTIMIZED else None

        def line(frame, event, argument):
            if test:
                self.lines[f"{path}:{frame.f_lineno}"].add(test)
            return line

        return line(frame, event, argument)


def run_tests(task: dict, answer: Path) -> None:
    """Run the tests of a task in this process and write what came out."""
    watch = Watch(task)
    if watch.sources:
        threading.settrace(watch.trace)
        sys.settrace(watch.trace)
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    code = pytest.main([*options, *task["tests"]], plugins=[watch])
    sys.settrace(None)
    lines = {line: sorted(tests) for line, tests in watch.lines.items()}
    found = {"exit": int(code), "failed": watch.failed, "timed_out": watch.timed_out}
    answer.write_text(json.dumps(found | {"seconds": watch.seconds, "lines": lines}))


def fork(task: dict) -> dict:
    """Run a task in a fork with a time limit, and return its answer."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        answer, log = Path(folder) / "answer", Path(folder) / "log"
        child = os.fork()
        if child == 0:
            _become(log)
            with contextlib.suppress(BaseException):
                run_tests(task, answer)
            os._exit(0)
        in_time = _wait(child, begin + task["limit"])
        _end_all(child)
        wall = time.monotonic() - begin
        found = {"exit": -1, "failed": None, "timed_out": not in_time, "seconds": {}, "lines": {}}
        if answer.exists():
            found = json.loads(answer.read_text())
        return found | {"wall": wall, "end": log.read_text(errors="replace")[-2000:]}


def _become(log):
    """In the fork: a session of its own, its words in a file, bounded memory."""
    os.setsid()
    words = os.open(log, os.O_WRONLY | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (words, 1), (words, 2)):
        os.dup2(old, new)
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def _wait(child, until):
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            _end_all(child)
            os.waitpid(child, 0)
            return False
        time.sleep(0.02)
    return True


def _end_all(child):
    """Kill the fork and every process that it or its children started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def changed(task: dict):
    """While it lasts, one file of the copy reads as the task says."""
    return _Change(**task["change"]) if task.get("change") else contextlib.nullcontext()


class _Change(contextlib.AbstractContextManager):
    count = 0

    def __init__(self, path: str, content: str):
        self.path, self.content = Path(path), content
        self.whole, self.times = self.path.read_bytes(), self.path.stat()

    def __enter__(self):
        self.path.write_text(self.content)
        _Change.count += 1  # a time of its own, so that no bytecode of another mutant is taken for this one's
        os.utime(self.path, (self.times.st_atime, self.times.st_mtime - 10 * _Change.count))

    def __exit__(self, *_):
        self.path.write_bytes(self.whole)
        os.utime(self.path, ns=(self.times.st_atime_ns, self.times.st_mtime_ns))


def main() -> None:
    plan = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    for name in plan["import first"]:
        importlib.import_module(name)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        plugin.load()
    keep = {"gluon_lessons", "gluon_lessons.compat"}
    for name in list(sys.modules):
        if name.split(".")[0] in plan["forget"] and name not in keep:
            del sys.modules[name]
    for line in sys.stdin:
        task = json.loads(line)
        with changed(task):
            answer = fork(task)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
