"""The limits of time that a training job has."""

import math
import time
from typing import Any


class Clock:
    """The limits of a StoppingCondition."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self.runtime = limits.get("MaxRuntimeInSeconds", 86400)
        self.wait = limits.get("MaxWaitTimeInSeconds", math.inf)
        self.created = time.monotonic()
        self.began: float | None = None

    def begin(self) -> None:
        """Count the time that the script runs from now on, unless it is counted already."""
        self.began = self.began or time.monotonic()

    def outcome(self) -> str | None:
        """Return which limit has been reached, if one has."""
        now = time.monotonic()
        if self.began is not None and now - self.began > self.runtime:
            return "MaxRuntimeExceeded"
        return "MaxWaitTimeExceeded" if now - self.created > self.wait else None
