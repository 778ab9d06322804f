"""Package files in the cache: taken out of an archive whose hash is right, kept with a record of their own hashes."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from gluon_lessons.files import cache, verify
from gluon_lessons.files.errors import DamagedArchive, WrongHash
from gluon_lessons.files.unpack import Members, unpack

Hashes = str | Mapping[str, str] | None
Download = Callable[[Path, bool], Path]  # (folder to put the archive in, whether to distrust caches) -> the archive

RECORD = "_record.json"


class Wanted:
    """Which members of a package are asked for, with which hashes, and in which form the answer goes back."""

    def __init__(self, members: Members, sha256: Hashes, archive_sha256: str | None = None):
        self.single = isinstance(members, str)
        self.members = [members] if isinstance(members, str) else list(members)
        self.hashes = {self.members[0]: sha256} if isinstance(sha256, str) else dict(sha256 or {})
        self.archive_sha256 = archive_sha256
        self.each_known = set(self.members) <= self.hashes.keys()
        for known in (*self.hashes.values(), *filter(None, [archive_sha256])):
            if not verify.is_full(known):
                raise ValueError(f"{known!r} is not a whole SHA-256.")
        if not (self.each_known or archive_sha256):
            unknown = ", ".join(name for name in self.members if name not in self.hashes)
            raise ValueError(f"{unknown} is not fetched without a hash, its own or its archive's.")

    def answer(self, folder: Path) -> Path | list[Path]:
        paths = [folder / name for name in self.members]
        return paths[0] if self.single else paths

    def right(self, folder: Path) -> bool:
        return all(verify.verified(folder / name, sha256=sha256) for name, sha256 in self.hashes.items())


def take(title: str, wanted: Wanted, download: Download, into: Path | str | None) -> Path | list[Path]:
    """Return members of one package: from its folder in the cache while that is whole, else out of a fresh download."""
    folder = Path(into or cache.folder("packages")) / title
    with cache.lock(folder), cache.explained(folder):
        if not _whole(folder, wanted):
            _fill(folder, wanted, download)
    return wanted.answer(folder)


def only_file(folder: Path) -> Path:
    """The one file in a folder that a client downloaded to."""
    (path,) = (path for path in folder.iterdir() if path.is_file())
    return path


def _whole(folder: Path, wanted: Wanted) -> bool:
    record = _read_record(folder)
    return (
        (wanted.each_known or record["archive"] == wanted.archive_sha256)
        and set(wanted.members) <= set(record["members"])
        and all(verify.verified(folder / name, sha256=sha256) for name, sha256 in record["files"].items())
        and wanted.right(folder)
    )


def _read_record(folder: Path) -> dict:
    try:
        return json.loads((folder / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return {"archive": None, "members": [], "files": {}}


def _fill(folder: Path, wanted: Wanted, download: Download) -> None:
    for again in (False, True):
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp") as temporary:
            incoming, unpacked = Path(temporary) / "incoming", Path(temporary) / "unpacked"
            incoming.mkdir()
            archive = download(incoming, again)
            if wanted.archive_sha256 and not verify.verified(archive, sha256=wanted.archive_sha256):
                rejected = _set_aside(archive, folder)
                continue
            try:
                names = [str(path.relative_to(unpacked)) for path in unpack(archive, wanted.members, unpacked)]
            except DamagedArchive:
                if again:
                    raise
                continue
            if not wanted.right(unpacked):
                rejected = _set_aside(archive, folder)
                continue
            _keep(folder, wanted, unpacked, names)
            return
    raise WrongHash(
        f"{folder.name} arrived with the wrong hash, twice; it is kept as {rejected}. "
        "The registry's copy changed, or something on the way did: try another network, or take the next source."
    )


def _set_aside(archive: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return archive.replace(folder / f"{archive.name}.rejected")


def _keep(folder: Path, wanted: Wanted, unpacked: Path, names: list[str]) -> None:
    """Move files to the folder; the record comes last, so a folder without a right record is an unfinished one."""
    old = _read_record(folder)
    if old["archive"] != wanted.archive_sha256:
        old = {"members": [], "files": {}}
    files = {name: verify.digest(unpacked / name) for name in names}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).replace(folder / name)
    kept = {name: sha256 for name, sha256 in old["files"].items() if verify.verified(folder / name, sha256=sha256)}
    members = [*old["members"], *wanted.members] if len(kept) == len(old["files"]) else wanted.members
    record = {"archive": wanted.archive_sha256, "members": sorted(set(members)), "files": kept | files}
    with cache.writing(folder / RECORD) as file:
        file.write(json.dumps(record, indent=1).encode())
