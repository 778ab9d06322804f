"""Files by address: resumed where they broke off, and taken only when their hash is right.

Pooch would do the plain half of this. It does not resume (the largest file of the catalogue has 354 MB), holds no lock
between processes, keeps no rejected file to look at, and knows no publisher's hash of a member in an archive; pip, npm
and apt-get, from which most files come, are outside it anyway. So it would be one more dependency, and the code stay.
"""

import contextlib
import http.client
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gluon_lessons.files import cache, verify
from gluon_lessons.files.clients import progress
from gluon_lessons.files.errors import DamagedArchive, FetchError, HalfDownload, NoNetwork, WrongHash
from gluon_lessons.files.unpack import CHUNK, unpack

TRIES = 3
TIMEOUT = 30  # seconds without a byte
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "gluon-lessons"}


def url(
    address: str,
    sha1: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    into: Path | str | None = None,
    member: str | None = None,
    name: str | None = None,
) -> Path:
    """Return the path of a file fetched from an address. A broken download is kept and resumed by the next call.

    Where the address is that of an archive, `member` names the file in it that is wanted, and the hash is that file's.
    `name` is how the file is called here. Files with different hashes never meet, whatever they are called.
    """
    if not (sha256 or sha1):
        raise ValueError(f"{address} is not fetched without a hash: nobody could tell what arrived.")
    sent = PurePosixPath(urllib.parse.urlsplit(address).path).name
    folder = Path(into) if into else cache.folder("downloads") / (sha256 or sha1 or "")[:16]
    target = folder / (name or PurePosixPath(member or sent).name)
    with cache.lock(target), cache.explained(target):
        if verify.verified(target, sha256, sha1):
            return target
        part = target.with_name(f"{sent}.part")
        for _again in range(2):
            download(address, part, size)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp") as temporary:
                arrived = _member(part, member, Path(temporary)) if member else part
                if arrived and verify.verified(arrived, sha256, sha1):
                    arrived.replace(target)
                    part.unlink(missing_ok=True)
                    return target
            rejected = part.replace(target.with_name(f"{sent}.rejected"))
    raise WrongHash(
        f"{address} sent a file with the wrong hash, twice; it is kept as {rejected}. "
        "The host changed it, or something on the way did: try again on another network, or take the next source."
    )


def file(path: Path | str, sha1: str | None = None, sha256: str | None = None) -> Path:
    """Return the path of a file that a person supplies, once its hash is known to be right."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FetchError(f"There is no file {path}.")
    if not verify.verified(path, sha256, sha1):
        raise WrongHash(f"{path} has the wrong hash: it is damaged, or another edition. Download it again.")
    return path


def download(address: str, part: Path, size: int | None = None, open_address: Callable | None = None) -> None:
    """Bring `part` to its full length, resuming what is there; a connection that breaks is taken up again twice.

    `open_address` opens a request in place of `urllib.request.urlopen`, with another proxy or certificate.
    """
    for attempt in range(TRIES):
        try:
            if size is None or not part.exists() or part.stat().st_size != size:
                _receive(address, part, size, open_address or urllib.request.urlopen)
            return
        except HalfDownload:
            if attempt == TRIES - 1:
                raise


@contextlib.contextmanager
def reaching(address: str):
    """Turn what a connection raises into an error that names the cure; a broken one is left to the caller."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise FetchError(f"{address} answered {error.code} {error.reason}.") from error
    except urllib.error.URLError as error:
        raise NoNetwork(f"{address} cannot be reached ({error.reason}). Check the network and try again.") from error


def _receive(address: str, part: Path, size: int | None, open_address: Callable) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with (
            reaching(address),
            open_address(urllib.request.Request(address, headers=headers), timeout=TIMEOUT) as answer,
        ):
            have = have if answer.status == 206 else 0
            coming = answer.headers.get("Content-Length")
            total = have + int(coming) if coming else size
            with (
                part.open("ab" if have else "wb") as target,
                progress(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True) as bar,
            ):
                while chunk := answer.read(CHUNK):
                    target.write(chunk)
                    have += len(chunk)
                    bar.update(len(chunk))
                target.flush()
                os.fsync(target.fileno())
    except FetchError as error:
        if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 416:
            part.unlink()  # more is here than the host has: start again
            raise HalfDownload(f"{address} could not be resumed.") from error
        raise
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise _half(address, have, size) from error
    if total is not None and have < total:
        raise _half(address, have, total)


def _half(address: str, have: int, total: int | None) -> HalfDownload:
    of = f" of {total:,}" if total else ""
    return HalfDownload(
        f"{address} broke off after {have:,}{of} bytes; what came is kept, run the same again to go on."
    )


def _member(archive: Path, member: str, into: Path) -> Path | None:
    """The member, or nothing when the archive was damaged on the way."""
    try:
        return unpack(archive, member, into)[0]
    except DamagedArchive:
        return None
