"""One step of an execution."""

from datetime import UTC, datetime
from typing import Any

from local_sagemaker.jobs.pipelines.definition import waits_for


class Step:
    """One step of an execution."""

    def __init__(self, definition):
        self.definition, self.name, self.type = definition, definition["Name"], definition["Type"]
        self.waits = waits_for(definition)
        self.began = self.ended = self.job = self.reason = None
        self.status, self.metadata, self.description = "Executing", {}, {}

    def end(self, status: str, reason: str | None = None) -> None:
        self.status, self.reason, self.ended = status, reason, datetime.now(UTC)

    def summary(self) -> dict[str, Any]:
        return {
            "StepName": self.name,
            "StepDisplayName": self.definition.get("DisplayName"),
            "StepDescription": self.definition.get("Description"),
            "StepStatus": self.status,
            "StartTime": self.began,
            "EndTime": self.ended,
            "FailureReason": self.reason,
            "Metadata": self.metadata,
            "AttemptCount": 1,
            "CreationTime": self.began,
            "LastModifiedTime": self.ended or self.began,
        }
