"""Packages that a model's requirements.txt asks for and this environment lacks, installed for its server alone."""

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


def install(cloud: "Cloud", wanted: Path, folder: Path, log: Path) -> list[str]:
    """Install what a requirements.txt asks for into `folder`/packages; return the lines that could not be, if any."""
    if not wanted.exists():
        return []
    missing = [line for line in wanted.read_text().splitlines() if not is_installed(line)]
    if not missing:
        return []
    rest, pins = wanted.with_name("requirements.missing.txt"), folder / "constraints.txt"
    rest.write_text("\n".join(missing))
    here = {dist.name: dist.version for dist in importlib.metadata.distributions()}
    pins.write_text("".join(f"{name}=={version}\n" for name, version in here.items()))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--target", folder / "packages"]
    child = cloud.spawn([*pip, "-c", pins, "-r", rest], env=dict(os.environ), log=log)
    child.wait()
    return missing if child.stop() != 0 else []


def is_installed(line: str) -> bool:
    """Return whether a line of a requirements file asks for nothing that is not here."""
    line = line.partition("#")[0].strip()
    if not line:
        return True
    try:
        wanted = Requirement(line)
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
        return False
