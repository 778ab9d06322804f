"""The house: what may import what, that nothing imports in a circle, and that no module grows beyond its limit."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"gluon_lessons": ROOT, "teaching": ROOT, "local_sagemaker": ROOT / "local_sagemaker" / "src"}

LONGEST_MODULE = 350
LINES_OF_GLUON_LESSONS = 7500
LINES_TODAY = 9110  # the aim is not reached; bring this down with every module that shrinks

# Longer than that today, in lines; the list only shrinks.
LONGER: dict[str, int] = {}

# (imports, is imported): within a function, where two modules need each other; the list only shrinks.
LATE: set[tuple[str, str]] = set()


def modules(package):
    """Return the modules of a package, {dotted name: path}."""
    found = {}
    for path in sorted((PACKAGES[package] / package).rglob("*.py")):
        parts = path.relative_to(PACKAGES[package]).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path, name, everywhere):
    """Yield what a module imports, dotted; only at its top unless `everywhere`, and never what is for type checkers."""
    waiting = [ast.parse(path.read_text(encoding="utf-8"))]
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def edges(package, everywhere):
    """Return which modules of the package each one imports."""
    known = modules(package)
    graph = {}
    for name, path in known.items():
        graph[name] = set()
        for target in imported(path, name, everywhere):
            module = target if target in known else target.rpartition(".")[0]
            # `from package import module` imports that module; the package itself was there before.
            if module in known and module != name and not name.startswith(f"{module}."):
                graph[name].add(module)
    return graph


def circles(graph):
    """Return the sets of modules that import one another, directly or around corners (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            circle = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_circles_are_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_seen(package):
    graph = edges(package, everywhere=True)
    assert sum(map(len, graph.values())) > len(graph) / 2


def test_the_local_sagemaker_knows_nothing_of_the_course():
    for name, path in modules("local_sagemaker").items():
        for target in imported(path, name, everywhere=True):
            assert target.partition(".")[0] != "gluon_lessons", f"{name} imports {target}"


def test_what_a_lesson_imports_knows_nothing_of_those_who_teach():
    for name, path in modules("gluon_lessons").items():
        for target in imported(path, name, everywhere=True):
            assert target.partition(".")[0] not in ("teaching", "tools"), f"{name} imports {target}"


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_imports_in_a_circle(package):
    assert circles(edges(package, everywhere=False)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_imports_in_a_circle_within_functions_either(package):
    graph = edges(package, everywhere=True)
    for name, other in LATE:
        graph.get(name, set()).discard(other)
    assert circles(graph) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_too_long(package):
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(package).items()}
    assert {name: count for name, count in lines.items() if count > LONGER.get(name, LONGEST_MODULE)} == {}
    done = {name for name in LONGER if name.startswith(package) and lines.get(name, 0) <= LONGEST_MODULE}
    assert not done, f"take {done} out of LONGER"


def test_gluon_lessons_stays_a_small_package(capsys):
    total = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules("gluon_lessons").values())
    with capsys.disabled():
        print(f"gluon_lessons: {total} lines, of {LINES_OF_GLUON_LESSONS} that it may have")
    assert total <= max(LINES_TODAY, LINES_OF_GLUON_LESSONS)
