"""Errors: those of the program, and those that AWS's clients understand."""


class LocalSageMakerError(Exception):
    """A mistake that a person can mend; its message is one sentence that names the cure."""


class ApiError(Exception):
    """A refusal in AWS's own form: an error class, one clear sentence, and an HTTP status."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
