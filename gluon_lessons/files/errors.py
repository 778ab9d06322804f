"""What can go wrong with fetching."""

from gluon_lessons.errors import LessonError


class DiskFull(LessonError):
    """There is no room left where the cache lives."""


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
    """The archive lacks the file, or holds one that must not or cannot be written."""


class DamagedArchive(BadArchive):
    """The archive's bytes are not those of an archive."""
