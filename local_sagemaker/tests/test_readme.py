"""README.md says what the code does: its table is today's, its example runs."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_tables_are_todays():
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "tools" / "readme_tables.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.with_tables(README) == README, "run `python local_sagemaker/tools/readme_tables.py`"
    assert "| training | real | CreateTrainingJob" in README
    assert tool.with_tables(README.replace("| training | real", "| training | refused")) == README
    assert tool.with_tables(README.replace("| departs: 20 seconds", "| follows")) == README


def test_the_first_endpoint_answers(cloud):
    done = subprocess.run([sys.executable, ROOT / "examples" / "first_endpoint.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Three times 14 is 42\n"), done.stderr


def test_the_test_in_the_readme_passes(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "test_mine.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
