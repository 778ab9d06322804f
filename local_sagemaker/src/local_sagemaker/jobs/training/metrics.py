"""A training job's metrics, found in what it prints by the regular expressions of its request."""

import contextlib
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


class JobMetrics:
    """Finds a job's metrics in its lines: the last value of each, and the series in CloudWatch."""

    def __init__(self, cloud: "Cloud", job: str, definitions: list[dict[str, str]]) -> None:
        self.cloud, self.job = cloud, job
        self.patterns = [(entry["Name"], re.compile(entry["Regex"])) for entry in definitions]
        self.last: dict[str, dict[str, Any]] = {}

    def read(self, lines: list[str]) -> list[dict[str, Any]]:
        """Look for every metric in every line."""
        found: list[dict[str, Any]] = []
        for line in lines:
            for name, pattern in self.patterns:
                match = pattern.search(line)
                value = _number((match.group(1) or "") if match and pattern.groups else "")
                if value is not None:
                    found.append({"MetricName": name, "Value": value, "Timestamp": datetime.now(UTC)})
        for entry in found:
            self.last[entry["MetricName"]] = entry
        dimensions = [{"Name": "TrainingJobName", "Value": self.job}]
        for start in range(0, len(found), 500):
            batch = [entry | {"Dimensions": dimensions} for entry in found[start : start + 500]]
            self.cloud.client("cloudwatch").put_metric_data(Namespace="/aws/sagemaker/TrainingJobs", MetricData=batch)
        return found


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        value = float(text)
        return value if math.isfinite(value) else None
    return None
