"""Archives that others made, unpacked where nothing of them can leave, and no more of them than a disk should hold."""

import shutil
import tarfile
from pathlib import Path

LIMIT = 10 * 1024**3  # bytes of everything in one archive
MEMBERS = 100_000


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive into a folder; one that cannot be, or that holds too much, raises `tarfile.TarError`."""
    folder.mkdir(parents=True, exist_ok=True)
    limit = min(LIMIT, shutil.disk_usage(folder).free // 2)
    size = 0
    with tarfile.open(archive) as tar:
        for number, member in enumerate(tar):
            size += member.size
            if size > limit or number >= MEMBERS:
                raise tarfile.TarError(
                    f"it holds more than {limit / 2**30:.1f} GiB or {MEMBERS:,} files; make it smaller"
                )
            tar.extract(member, folder, filter="data")
