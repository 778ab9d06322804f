"""Files of Debian packages, unpacked without root; of a large one no more is fetched than what they lie in."""

from pathlib import Path
from typing import overload

from gluon_lessons.files import clients, packages
from gluon_lessons.files.packages import Hashes, Wanted
from gluon_lessons.files.unpack import Members, taken_from_the_beginning

GROWN = 1.2  # a package that is arriving is looked into again when it is so many times as large
LEAST = 1 << 20  # bytes


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
        command, arriving = [clients.program("apt-get"), "download", package], folder / "arriving"
        arriving.mkdir()
        beginning = _Beginning(arriving, wanted.members, folder / f"{package}.tar")
        clients.run(command, f"apt: {package}", cwd=arriving, enough=lambda: not fresh and beginning.holds_all())
        return beginning.taken if beginning.complete else packages.only_file(arriving)

    return packages.take(package, wanted, download, into)


class _Beginning:
    """A package that is arriving in a folder, and a tarball of its members once they are there."""

    def __init__(self, folder: Path, members: list[str], taken: Path):
        self._folder, self._members, self._next = folder, members, LEAST
        self.taken, self.complete = taken, False

    def holds_all(self) -> bool:
        size, archive = max(((path.stat().st_size, path) for path in self._folder.rglob("*.deb")), default=(0, None))
        if archive and size >= self._next:
            self._next = int(GROWN * size)
            self.complete = taken_from_the_beginning(archive, self._members, self.taken)
        return self.complete
