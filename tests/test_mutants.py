"""Mutants: what is broken and what is left alone, the same draw for the same seed, and a tree that stays whole."""

import os
import shutil
import signal
import subprocess
import sys

import mutants as tool
import pytest
from lessons import ROOT
from mutate import mutants


def changes(source):
    return {
        (mutant.operator, mutant.before, mutant.after)
        for mutant in mutants("small.py", source.encode())
        if mutant.changes(source.encode())
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {("comparison", "<", "<="), ("comparison", "<", ">=")}),
        ("a is not b", {("comparison", "is not", "is")}),
        ("a + b", {("arithmetic", "+", "-")}),
        ("a and not b", {("boolean", "and", "or"), ("boolean", "not b", "(b)")}),
        ("x = 7", {("constant", "7", "8"), ("off by one", "7", "(6)")}),
        ("x = True", {("constant", "True", "False")}),
        ("x = 'a'", {("constant", "'a'", "'mutant a'")}),
        ("a[b:]", {("off by one", "b", "(b) + 1")}),
        ("x = min(a, b)", {("call", "min", "max")}),
        ("x = f(a, b)", {("call", "a, b", "b, a")}),
        ("x = range(n)", {("off by one", "n", "(n) - 1")}),
        ("f()", {("statement", "f()", "pass")}),
        ("a.b = c", {("statement", "a.b = c", "pass")}),
        ("x += y", {("arithmetic", "+=", "-="), ("statement", "x += y", "pass")}),
        ("def f():\n    return x", {("return", "return x", "return None")}),
        ("if a:\n    b", {("condition", "a", "(not (a))")}),
        ("[a for a in b if a]", {("condition", "a", "(not (a))")}),
    ],
)
def test_each_way_to_break_code(source, expected):
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A module."""\n\n\ndef f(a: "int" = None) -> "str":\n    """A function."""',
        "import os",
        "x = f'{a:3} pictures'",
        "def f():\n    return None",
        "__all__ = ['a', 'b']",
        "x = f(help='a')",
    ],
)
def test_wording_and_types_are_left_alone(source):
    assert changes(source) == set()


def test_the_text_of_an_error_stays_and_the_error_goes():
    assert changes("raise ValueError('no such file')") == {("statement", "raise ValueError('no such file')", "pass")}


def test_a_mutant_outlives_what_is_written_above_it_and_equal_lines_are_told_apart():
    before, after = (mutants("small.py", text) for text in (b"x = 1\nx = 1\n", b"# More.\ny()\nx = 1\nx = 1\n"))
    assert len({mutant.name for mutant in before}) == len(before) == 4
    assert {mutant.name for mutant in before} <= {mutant.name for mutant in after}


def test_the_seed_decides_what_is_drawn(monkeypatch, tmp_path):
    (tmp_path / "small.py").write_text("\n".join(f"x{number} = {number}" for number in range(100)))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    group = tool.Group("small", ["small.py"], [])
    first, again, other = (tool.draw([group], seed, 20) for seed in (1, 1, 2))
    assert first == again != other
    assert len({mutant.name for _, mutant in first}) == 20


def test_every_file_that_the_plan_names_is_there():
    plan = tool.yaml.safe_load(tool.PLAN.read_text())
    assert tool.groups_of(plan, [])
    for entry in plan["equivalent"]:
        texts = {mutant.text for mutant in mutants(entry["path"], (ROOT / entry["path"]).read_bytes())}
        assert entry["text"] in texts, f"mutants.yaml excuses a line that {entry['path']} no longer has: {entry}"
        assert entry["why"]


@pytest.fixture
def project(tmp_path):
    """A tree with one module, its test, and the tool."""
    (tmp_path / "tools").mkdir()
    for name in ("mutants.py", "mutants_server.py", "mutate.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    (tmp_path / "tools" / "mutants.yaml").write_text(
        "import first: []\nforget: []\n"
        "groups: {small: {sources: [small.py], tests: [test_small.py]}}\n"
        "equivalent: [{path: small.py, text: 'return a + b', before: 'return a + b', after: return None, why: x}]\n"
    )
    (tmp_path / "small.py").write_text("def add(a, b):\n    return a + b\n\n\ndef unseen(a):\n    return a\n")
    (tmp_path / "test_small.py").write_text("import small\n\n\ndef test_add():\n    assert small.add(2, 2) == 4\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def start(project, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "tools/mutants.py", "--jobs", "1"]
    return subprocess.Popen(command, cwd=project, env=environment, text=True, stdout=subprocess.PIPE, **options)


def test_what_the_tests_notice_is_killed_and_what_they_do_not_is_shown(project):
    run = start(project)
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 0
    assert "small.py:2 by test_small.py::test_add" in said
    assert "small.py:6 survived (return)" in said and "-    return a\n+    return None" in said
    assert said.splitlines()[-2].split() == ["all", "3", "1", "0", "1", "1", "50.0%", "caught"]


def test_the_tree_stays_whole_even_when_the_tool_is_killed(project):
    (project / "test_small.py").write_text("import small, time\n\n\ndef test_add():\n    time.sleep(0.5)\n")
    whole = (project / "small.py").read_text()
    run = start(project, start_new_session=True)
    assert "survived" in run.stdout.readline(), "and the next one is under way"
    assert (project / "small.py").read_text() == whole
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert (project / "small.py").read_text() == whole


def test_code_that_fails_without_a_mutant_is_said_and_nothing_is_judged(project):
    (project / "test_small.py").write_text("import small\n\n\ndef test_add():\n    assert small.add(2, 2) == 5\n")
    run = start(project, stderr=subprocess.STDOUT)
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 1
    assert said.startswith("test_small.py fails without any mutant: test_small.py::test_add")
    assert "assert 4 == 5" in said
