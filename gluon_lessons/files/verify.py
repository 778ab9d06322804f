"""Hashes: whether a file is the one that was published."""

import gzip
import hashlib
import re
import zlib
from pathlib import Path

LENGTHS = {"sha256": 64, "sha1": 40}
CHUNK = 1 << 20
MOST_CONTENT = 1 << 30  # bytes of a gzip file's content; the largest that the course knows has 47 MB
SHORTEST = 8  # digits of a hash that is given in part


def digest(path: Path | str, algorithm: str = "sha256") -> str:
    """The hash of a file, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def verified(path: Path | str, sha256: str | None = None, sha1: str | None = None) -> bool:
    """Whether the file is there and its bytes have the hashes; they are read each time: cheaper than loading them.

    A hash may be given by its first digits (eight or more), as some publishers do in their file names. A gzip file may
    be known by the hash of its content, since distributions compress anew what they package.
    """
    expected = {"sha256": _checked(sha256, "sha256"), "sha1": _checked(sha1, "sha1")}
    if not Path(path).is_file():
        return False
    return all(_has(Path(path), algorithm, wanted) for algorithm, wanted in expected.items() if wanted)


def is_full(sha256: str | None) -> bool:
    """Whether this is a whole SHA-256, not its first digits."""
    return sha256 is not None and len(sha256) == LENGTHS["sha256"]


def _checked(wanted: str | None, algorithm: str) -> str | None:
    """Refuse what can match by accident or not at all: the catalogue is wrong then, not the file."""
    if wanted and not re.fullmatch(f"[0-9a-f]{{{SHORTEST},{LENGTHS[algorithm]}}}", wanted):
        raise ValueError(
            f"{wanted!r} is no {algorithm}: it has {LENGTHS[algorithm]} hexadecimal digits, and of a hash that is "
            f"published in part at least {SHORTEST}."
        )
    return wanted


def _has(path: Path, algorithm: str, wanted: str) -> bool:
    return digest(path, algorithm).startswith(wanted) or (_content_digest(path, algorithm) or "").startswith(wanted)


def _content_digest(path: Path, algorithm: str) -> str | None:
    """The hash of what a gzip file holds; none where the file is of another kind, damaged, or swells beyond measure."""
    content_hash = hashlib.new(algorithm)
    try:
        with gzip.open(path) as content:
            for _ in range(MOST_CONTENT // CHUNK):
                chunk = content.read(CHUNK)
                content_hash.update(chunk)
                if not chunk:
                    return content_hash.hexdigest()
    except (OSError, EOFError, zlib.error):
        pass
    return None
