"""What can go wrong with a picture."""

from gluon_lessons.errors import LessonError


class PhotoError(LessonError):
    """A picture that cannot be fetched or cannot be read."""
