"""Break the code in small ways, one at a time, and see whether the tests notice: `make mutants SEED=1 COUNT=300`.

What is broken and which tests should notice stands in mutants.yaml, how it is broken in mutate.py. Mutants are drawn by
a hash of the seed and of the line that they change, so that the same ones come back until their lines are edited.
Each runs in a copy of the tree, in a process forked from one that has imported MXNet already. The tests that reach the
broken line come first, the quickest of them first, and the first failure ends the run.

cosmic-ray and mutmut were looked at first: the former breaks the files in place and starts Python anew for every mutant
(MXNet alone takes seconds), the latter draws no sample by a seed.
"""

import argparse
import hashlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from mutate import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / "tools" / "mutants.yaml"
KILLED, TIMED_OUT, SURVIVED, EQUIVALENT = "killed", "timed out", "survived", "equivalent"


@dataclass
class Group:
    """Modules that are tested together: their sources and test files, as paths from the root."""

    name: str
    sources: list[str]
    tests: list[str]
    seconds: dict[str, float] = field(default_factory=dict)  # each test takes
    reached: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # tests by "path:line"

    def order(self, mutant: Mutant) -> list[str]:
        """Return the tests, those that reach the mutant's line first, and the quick ones before the slow."""
        near = self.reached.get(f"{mutant.path}:{mutant.line}", set())
        return sorted(self.seconds, key=lambda test: (test not in near, self.seconds[test]))


class Server:
    """A process with a copy of the tree, in which tests are run with one file of the copy changed."""

    def __init__(self, folder: Path, plan: dict):
        self.tree = folder / "tree"
        _copy_tree(self.tree)
        (folder / "tmp").mkdir()
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (self.tree, self.tree / "tests" / "offline", ROOT / "tools"))),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(folder / "tmp"),
        }
        command = [sys.executable, str(ROOT / "tools" / "mutants_server.py"), json.dumps(plan)]
        self.process = subprocess.Popen(
            command, cwd=self.tree, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(self, **task) -> dict:
        """Run tests as `task` says, and return what came out of it."""
        print(json.dumps(task), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("The process that runs the tests ended; its last words stand above.")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _copy_tree(to: Path):
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def groups_of(plan: dict, names: list[str]) -> list[Group]:
    """Return the groups asked for, or all, with their patterns resolved; refuse what matches no file."""
    unknown = set(names) - set(plan["groups"])
    if unknown:
        raise SystemExit(f"mutants.yaml has no group {min(unknown)}; it has {', '.join(plan['groups'])}.")
    result = []
    for name in names or plan["groups"]:
        paths = {}
        for kind in ("sources", "tests"):
            paths[kind] = []
            for pattern in plan["groups"][name][kind]:
                matches = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
                if not matches:
                    raise SystemExit(f"The {kind} of the group {name} name {pattern}, which is no file.")
                paths[kind] += [path for path in matches if path not in paths[kind]]
        result.append(Group(name, **paths))
    return result


def draw(groups: list[Group], seed: int, count: int) -> list[tuple[Group, Mutant]]:
    """Return `count` of all mutants of the groups, chosen by the seed."""
    sources = {path: (ROOT / path).read_bytes() for group in groups for path in group.sources}
    every = [(group, mutant) for group in groups for path in group.sources for mutant in mutants(path, sources[path])]
    every.sort(key=lambda pair: hashlib.sha256(f"{seed}|{pair[1].name}".encode()).digest())
    real = (pair for pair in every if pair[1].changes(sources[pair[1].path]))
    return list(itertools.islice(real, count))


def is_equivalent(mutant: Mutant, known: list[dict]) -> bool:
    """Tell whether mutants.yaml says that no test can see the change."""
    this = {"path": mutant.path, "text": mutant.text, "before": mutant.before, "after": mutant.after}
    return any(this == {key: entry[key] for key in this} for entry in known)


def in_parallel(servers: list[Server], tasks: list, work) -> None:
    """Call work(server, task) for each task, one at a time on each server."""
    waiting, errors = queue.SimpleQueue(), []
    for task in tasks:
        waiting.put(task)

    def worker(server):
        try:
            while not errors:
                work(server, waiting.get_nowait())
        except queue.Empty:
            return
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=worker, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def learn(servers: list[Server], groups: list[Group]) -> None:
    """Run the whole code's tests: they must pass, and tell what they take and which lines they reach."""
    files = defaultdict(list)
    for group in groups:
        for test in group.tests:
            files[test].append(group)

    def work(server, test):
        sources = sorted({path for group in files[test] for path in group.sources})
        answer = server.run(tests=[test], trace=sources, limit=1800)
        if answer["exit"] != 0:
            raise SystemExit(f"{test} fails without any mutant: {answer['failed']}\n{answer['end']}")
        for group in files[test]:
            group.seconds |= answer["seconds"]
            for line, tests in answer["lines"].items():
                group.reached[line] |= set(tests)

    in_parallel(servers, list(files), work)

    def in_order(server, group):
        order = sorted(group.seconds, key=group.seconds.get)
        answer = server.run(tests=group.tests, order=order, limit=1800)
        if answer["exit"] != 0:
            raise SystemExit(f"{answer['failed']} fails without any mutant, the quickest first.\n{answer['end']}")

    in_parallel(servers, groups, in_order)


def run(groups: list[Group], drawn: list[tuple[Group, Mutant]], jobs: int, plan: dict) -> list[dict]:
    """Run the drawn mutants and return what became of each."""
    results = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        servers = [Server(Path(folder) / str(number), plan) for number in range(jobs)]
        try:
            used = {group.name for group, _ in drawn}
            learn(servers, [group for group in groups if group.name in used])
            todo = []
            for group, mutant in drawn:
                if is_equivalent(mutant, plan["equivalent"]):
                    results.append({"group": group.name, "mutant": mutant, "fate": EQUIVALENT})
                else:
                    todo.append((group, mutant))

            def work(server, pair):
                group, mutant = pair
                source = (ROOT / mutant.path).read_bytes()
                limit = 60 + 5 * sum(group.seconds.values())
                change = {"path": mutant.path, "content": mutant.applied(source).decode()}
                order = group.order(mutant)
                answer = server.run(tests=group.tests, order=order, usual=group.seconds, change=change, limit=limit)
                fate = TIMED_OUT if answer["timed_out"] else KILLED if answer["exit"] else SURVIVED
                results.append({"group": group.name, "mutant": mutant, "fate": fate} | answer)
                by = f" by {answer['failed']}" if answer["failed"] else ""
                place = f"{mutant.path}:{mutant.line}"
                print(f"{len(results):4} of {len(drawn)}  {fate:9} {answer['wall']:6.1f} s  {place}{by}", flush=True)

            in_parallel(servers, todo, work)
        finally:
            for server in servers:
                server.close()
    return results


def report(results: list[dict], seed: int) -> str:
    """Return the survivors as diffs and a table by group."""
    lines = []
    for result in sorted(results, key=lambda result: (result["mutant"].path, result["mutant"].start)):
        mutant = result["mutant"]
        if result["fate"] == SURVIVED:
            lines += [f"\n{mutant.path}:{mutant.line} survived ({mutant.operator})"]
            lines += [mutant.diff((ROOT / mutant.path).read_bytes())]
    lines += [
        "",
        f"{'seed ' + str(seed):12}{'drawn':>7}{'killed':>8}{'timed out':>11}{'survived':>10}{'equivalent':>12}",
    ]
    fates = defaultdict(Counter)
    for result in results:
        fates[result["group"]][result["fate"]] += 1
        fates["all"][result["fate"]] += 1
    for name in [*sorted(set(fates) - {"all"}), "all"]:
        count = fates[name]
        caught, judged = count[KILLED] + count[TIMED_OUT], count.total() - count[EQUIVALENT]
        share = f"{caught / judged:8.1%} caught" if judged else ""
        numbers = f"{count[KILLED]:8}{count[TIMED_OUT]:11}{count[SURVIVED]:10}{count[EQUIVALENT]:12}"
        lines += [f"{name:12}{count.total():7}{numbers}{share}"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", help="of mutants.yaml; all unless named")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", help="only mutants of lines that hold this text")
    parser.add_argument("--list", action="store_true", help="show the drawn mutants, and run nothing")
    options = parser.parse_args()
    plan = yaml.safe_load(PLAN.read_text())
    groups = groups_of(plan, options.groups)
    drawn = draw(groups, options.seed, options.count)
    if options.only:
        drawn = [(group, mutant) for group, mutant in drawn if options.only in mutant.text]
    if options.list or not drawn:
        for _, mutant in drawn:
            print(f"{mutant.path}:{mutant.line} {mutant.operator}\n{mutant.diff((ROOT / mutant.path).read_bytes())}")
        return
    begin = time.monotonic()
    results = run(groups, drawn, min(options.jobs, len(drawn)), plan)
    print(report(results, options.seed))
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
