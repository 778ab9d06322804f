"""The errors room: what went wrong, said in one sentence that names the cure."""


class LessonError(Exception):
    """A mistake that a person can mend; its message is meant for them."""
