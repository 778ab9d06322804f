"""Every way to fetch, under one name: `fetch.pip`, `fetch.npm` and `fetch.apt` by package, `fetch.url` by address."""

from gluon_lessons.files.apt import apt
from gluon_lessons.files.download import file, url
from gluon_lessons.files.errors import (
    BadArchive,
    DamagedArchive,
    DiskFull,
    FetchError,
    HalfDownload,
    MissingTool,
    NoNetwork,
    WrongHash,
)
from gluon_lessons.files.npm import npm
from gluon_lessons.files.pip import pip
from gluon_lessons.files.unpack import contents, unpack

__all__ = [
    "BadArchive",
    "DamagedArchive",
    "DiskFull",
    "FetchError",
    "HalfDownload",
    "MissingTool",
    "NoNetwork",
    "WrongHash",
    "apt",
    "contents",
    "file",
    "npm",
    "pip",
    "unpack",
    "url",
]
