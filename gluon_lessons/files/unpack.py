"""Archives as data: files taken out of a zip, a wheel, a tarball or a Debian package, and nothing else done with it."""

import contextlib
import errno
import lzma
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from gluon_lessons.files.clients import program
from gluon_lessons.files.errors import BadArchive, DamagedArchive

Members = str | list[str]

CHUNK = 1 << 20
MOST_BYTES = 4 << 30  # that one call unpacks
# What unpacking raises when the bytes are not those of an archive.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError)
# What it raises when two names cannot both be files, or one cannot be a file here.
NO_FILE_NAMES = (FileExistsError, NotADirectoryError, IsADirectoryError)


def unpack(archive: Path | str, members: Members, into: Path | str) -> list[Path]:
    """Write the named members, and all below the named folders, under `into`; the archive decides no path outside it.

    A name that ends in "/" is a folder. The answer lists one path for each file.
    """
    archive, into = Path(archive), Path(into)
    members = [members] if isinstance(members, str) else list(members)
    try:
        with _opened(archive) as (sizes, open_member):
            names = list(sizes)
            for name in names:
                if _climbs(name):
                    raise BadArchive(f"{archive.name} was refused: its entry {name!r} would land outside its folder.")
            chosen = [name for name in names if any(_within(name, member) for member in members)]
            for member in members:
                if not any(_within(name, member) for name in chosen):
                    raise BadArchive(f"There is no {member} in {archive.name}.")
            if sum(sizes[name] for name in chosen) > MOST_BYTES:
                raise BadArchive(f"{archive.name} was refused: it would unpack to more than {MOST_BYTES >> 30} GiB.")
            for name in chosen:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                with open_member(name) as stream, (into / name).open("wb") as target:
                    shutil.copyfileobj(stream, target, CHUNK)
    except DAMAGE as error:
        raise DamagedArchive(f"{archive.name} cannot be unpacked ({error}): it is damaged, fetch it again.") from error
    except NO_FILE_NAMES as error:
        raise BadArchive(f"{archive.name} was refused: two of its entries want the same place ({error}).") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # these two are said of the archive, not by the disk
            raise
        raise DamagedArchive(f"{archive.name} cannot be unpacked ({error}): it is damaged, fetch it again.") from error
    except (NotImplementedError, RuntimeError) as error:
        raise BadArchive(
            f"{archive.name} is encrypted or packed in a way that Python cannot read ({error}): "
            "unpack it with another program and pack it again without a password."
        ) from error
    return [into / name for name in chosen]


def contents(archive: Path | str) -> list[str]:
    """The names of the files in an archive; none when it is not an archive."""
    try:
        with _opened(Path(archive)) as (sizes, _):
            return list(sizes)
    except (*DAMAGE, BadArchive, OSError):
        return []


def taken_from_the_beginning(archive: Path, members: list[str], into: Path) -> bool:
    """Write the members of a Debian package of which only the beginning is there into a tarball, if they lie in it."""
    left = set(members)
    command = [program("dpkg-deb"), "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader,
        tarfile.open(into, "w") as taken,
        contextlib.suppress(*DAMAGE),
    ):
        try:
            with tarfile.open(fileobj=reader.stdout, mode="r|") as files:
                for info in files:
                    name = info.name.removeprefix("./")
                    if name in left and info.isfile():
                        taken.addfile(info, files.extractfile(info))
                        left.remove(name)
                    if not left:
                        break
        finally:
            reader.kill()
    return not left


def _climbs(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name


def _within(name: str, member: str) -> bool:
    return name == member or (member.endswith("/") and name.startswith(member))


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[dict[str, int], Callable]]:
    """Yield the sizes of an archive's plain files by name, in its order, and a function that opens one of them."""
    with contextlib.ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            packed = stack.enter_context(zipfile.ZipFile(archive))
            files = (info for info in packed.infolist() if not info.filename.endswith("/"))
            yield {info.filename: info.file_size for info in files}, packed.open
            return
        if archive.suffix == ".deb":
            stream: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(dir=archive.parent))
            _write_debian_files(archive, stream)
        else:
            stream = stack.enter_context(archive.open("rb"))
        tar = stack.enter_context(tarfile.open(fileobj=stream))
        plain = {info.name.removeprefix("./"): info for info in tar if info.isfile()}
        yield {name: info.size for name, info in plain.items()}, lambda name: tar.extractfile(plain[name])


def _write_debian_files(archive: Path, stream: IO[bytes]) -> None:
    """Write the tarball of files in a Debian package."""
    command = [program("dpkg-deb"), "--fsys-tarfile", str(archive)]
    done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        complaint = (done.stderr.decode(errors="replace").strip().splitlines() or ["dpkg-deb cannot read it"])[0]
        raise DamagedArchive(f"{archive.name} cannot be unpacked ({complaint}): it is damaged, fetch it again.")
    stream.seek(0)
