"""The refusals room: the errors that AWS clients understand."""


class ApiError(Exception):
    """A refusal in AWS's own form: an error class, one clear sentence, and an HTTP status."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
