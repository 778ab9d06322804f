"""Files of Debian packages, unpacked without root."""

from pathlib import Path
from typing import overload

from gluon_lessons.files import clients, packages
from gluon_lessons.files.packages import Hashes, Wanted
from gluon_lessons.files.unpack import Members


@overload
def apt(package: str, members: str, sha256: Hashes = None, into: Path | str | None = None) -> Path: ...
@overload
def apt(package: str, members: list[str], sha256: Hashes = None, into: Path | str | None = None) -> list[Path]: ...
def apt(package: str, members: Members, sha256: Hashes = None, into: Path | str | None = None) -> Path | list[Path]:
    """Return the path of a file (or paths of several) inside a Debian package.

    `sha256` is the hash of the one member, or a mapping from member to hash: releases differ in their archives.
    """
    wanted = Wanted(members, sha256)

    def download(folder: Path, fresh: bool) -> Path:
        clients.run([clients.program("apt-get"), "download", package], f"apt: {package}", cwd=folder)
        return packages.only_file(folder)

    return packages.take(package, wanted, download, into)
