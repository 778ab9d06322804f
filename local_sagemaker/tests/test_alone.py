"""The package stands alone: it imports nothing of the course, and its workers nothing of the daemon."""

import ast
import subprocess
import sys
from pathlib import Path

import local_sagemaker

PACKAGE = Path(local_sagemaker.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)


def imports(path):
    """Return the names of all modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_nothing_imports_the_course():
    assert len(MODULES) > 30
    for path in PACKAGE.rglob("*.py"):
        assert not [name for name in imports(path) if name.partition(".")[0] == "gluon_lessons"], path


def test_workers_import_nothing_of_the_daemon():
    paths = list((PACKAGE / "guest").rglob("*.py"))
    assert len(paths) > 4
    for path in paths:
        others = [name for name in imports(path) if name.startswith("local_sagemaker.")]
        assert all(name.startswith("local_sagemaker.guest") for name in others), (path, others)


def test_everything_can_be_imported_without_the_course_and_without_extras():
    code = """
import importlib, sys
for name in ("gluon_lessons", "mxnet", "xgboost", "sagemaker", "sagemaker_mxnet_serving_container"):
    sys.modules[name] = None  # any import of it fails
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-S", "-c", f"import site; site.main()\n{code}", *MODULES], text=True)
    assert done.returncode == 0
