"""pyproject.toml, requirements.lock and environment.yml say the same: nothing is missing, loose or unhashed."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gluon_lessons
import local_sagemaker

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCAL_SAGEMAKER = tomllib.loads((ROOT / "local_sagemaker" / "pyproject.toml").read_text())["project"]
OURS = {"gluon-lessons", "local-sagemaker"}  # installed from the folders of these names

MACHINES = {
    f"{system} {machine} {version}": {
        "sys_platform": system,
        "platform_system": system.capitalize(),
        "platform_machine": machine,
        "python_version": version,
        "python_full_version": f"{version}.7",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "extra": "",
    }
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"))
    for version in ("3.11", "3.12")
}


def pins(path):
    """Yield each locked requirement with its hashes."""
    for block in re.split(r"\n(?=\S)", (ROOT / path).read_text().strip()):
        lines = [line.strip(" \\") for line in block.splitlines()]
        yield Requirement(lines[0]), [line for line in lines[1:] if line.startswith("--hash=sha256:")]


def locked(machine):
    """Return what the lock installs there: {name: version}."""
    found = {}
    for pin, _ in pins("requirements.lock"):
        if pin.marker is None or pin.marker.evaluate(MACHINES[machine]):
            name = canonicalize_name(pin.name)
            assert name not in found, f"{name} is pinned twice for {machine}"
            found[name] = str(pin.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("path", ["requirements.lock", "requirements-headless.lock"])
def test_every_pin_is_exact_and_hashed_and_names_no_index(path):
    for pin, hashes in pins(path):
        assert re.fullmatch(r"==[^=,*]+", str(pin.specifier)), pin
        assert hashes, pin
    assert not re.search(r"://|--(extra-)?index|--find-links", (ROOT / path).read_text())


@pytest.mark.parametrize("machine", MACHINES)
def test_the_lock_has_all_that_the_project_asks_for(machine):
    versions = locked(machine)
    asked = [
        line
        for project in (PROJECT, LOCAL_SAGEMAKER)
        for lines in (project["dependencies"], *project["optional-dependencies"].values())
        for line in lines
    ]
    for requirement in map(Requirement, asked):
        if requirement.marker is None or requirement.marker.evaluate(MACHINES[machine]):
            version = versions.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} is not in the lock for {machine}"
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} has {version}"


def test_the_lock_has_what_its_packages_need():
    """It is installed without looking at dependencies, so it has to be whole."""
    versions = locked("linux x86_64 3.11") | locked("linux x86_64 3.12")
    waiting = [
        (Requirement(f"{project['name']}[{','.join(project['optional-dependencies'])}]"), "the project")
        for project in (PROJECT, LOCAL_SAGEMAKER)
    ]
    seen = set()
    while waiting:
        requirement, wanted_by = waiting.pop()
        name, extras = canonicalize_name(requirement.name), requirement.extras or {""}
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        assert name in versions or name in OURS, f"{name}, which {wanted_by} needs, is not in the lock"
        if name in SWAPPED:
            continue
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append((needed, name))
    assert len(seen) > 200


# For the headless build where there is no libGL, and for the CUDA build where there is a GPU.
SWAPPED = {"opencv-python", "mxnet"}


def test_the_environment_is_what_the_lock_says():
    installed = {
        canonicalize_name(found.metadata["Name"]): found.version for found in importlib.metadata.distributions()
    }
    for name, version in versions_of_this_python().items():
        if name not in SWAPPED:
            assert installed.get(name) == version, name


def versions_of_this_python():
    found = {}
    for pin, _ in pins("requirements.lock"):
        if pin.marker is None or pin.marker.evaluate():
            found[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    return found


def test_the_headless_opencv_is_the_same_version():
    [(pin, _)] = pins("requirements-headless.lock")
    assert pin.name == "opencv-python-headless"
    for machine in MACHINES:
        assert f"=={locked(machine)['opencv-python']}" == str(pin.specifier)


def test_conda_brings_python_and_pip_and_the_lock_the_rest():
    text = (ROOT / "environment.yml").read_text()
    environment = yaml.safe_load(text)
    *from_channel, by_pip = environment["dependencies"]
    python = next(line for line in from_channel if line.startswith("python="))
    assert f"Programming Language :: Python :: {python.removeprefix('python=')}" in PROJECT["classifiers"]
    assert sorted(line.partition("=")[0] for line in from_channel) == ["pip", "python"]
    assert by_pip == {"pip": ["-r requirements.lock"]}
    assert "pip install --no-deps --no-build-isolation -e ." in text, "the second command, for the course itself"
    assert f"conda run -n {environment['name']} " in text


@pytest.mark.parametrize(
    ("package", "project"),
    [(gluon_lessons, PROJECT), (local_sagemaker, LOCAL_SAGEMAKER)],
    ids=lambda value: str(value)[:24],
)
def test_the_version_is_the_one_that_the_project_states(package, project):
    assert package.__version__ == project["version"]
    with pytest.raises(AttributeError):
        _ = package.versions
    for path in Path(package.__file__).parent.rglob("*.py"):
        assert project["version"] not in path.read_text(), f"{path} states the version too"


def test_both_pythons_are_served():
    assert PROJECT["requires-python"] == ">=3.11,<3.13"
    for machine in MACHINES:
        assert locked(machine)["mxnet"] == "1.9.1"
        assert locked(machine)["numpy"] == "1.26.4"
