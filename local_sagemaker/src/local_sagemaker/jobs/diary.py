"""The diary room: what jobs print goes to CloudWatch Logs, and what they measure to CloudWatch, as on AWS."""

import contextlib
import math
import re
import time
from datetime import UTC, datetime

LONGEST = 200_000  # bytes in one event; CloudWatch Logs takes 256 KB


class Diary:
    """One log stream, fed from the file that a process writes."""

    def __init__(self, cloud, group, stream):
        self.client, self.place = cloud.client("logs"), {"logGroupName": group, "logStreamName": stream}
        self.offset, self.rest = 0, b""
        with contextlib.suppress(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_group(logGroupName=group)
        with contextlib.suppress(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_stream(**self.place)

    def pull(self, path, last=False):
        """Copy the lines that have been added to a file since the last call, and return them."""
        with path.open("rb") as file:
            file.seek(self.offset)
            data = self.rest + file.read()
            self.offset = file.tell()
        *lines, self.rest = data.split(b"\n")
        if last and self.rest:
            lines, self.rest = [*lines, self.rest], b""
        lines = [line[:LONGEST].decode("utf-8", "replace").rstrip("\r") for line in lines]
        self.write(lines)
        return lines

    def restart(self):
        """Begin with a new file."""
        self.offset, self.rest = 0, b""

    def write(self, lines):
        """Add lines; CloudWatch has no empty events."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line.strip()]
        while events:
            count = size = 0
            while count < min(len(events), 5000) and (not count or size + len(events[count]["message"]) < 4 * LONGEST):
                size += len(events[count]["message"])
                count += 1
            self.client.put_log_events(**self.place, logEvents=events[:count])
            events = events[count:]


class Metrics:
    """Finds a job's metrics in its lines: the last value of each, and the series in CloudWatch."""

    def __init__(self, cloud, job, definitions):
        self.cloud, self.job = cloud, job
        self.patterns = [(entry["Name"], re.compile(entry["Regex"])) for entry in definitions]
        self.last = {}

    def read(self, lines):
        """Look for every metric in every line."""
        found = []
        for line in lines:
            for name, pattern in self.patterns:
                match = pattern.search(line)
                value = _number(match.group(1) if match and pattern.groups else None)
                if value is not None:
                    found.append({"MetricName": name, "Value": value, "Timestamp": datetime.now(UTC)})
        for entry in found:
            self.last[entry["MetricName"]] = entry
        dimensions = [{"Name": "TrainingJobName", "Value": self.job}]
        for start in range(0, len(found), 500):
            batch = [entry | {"Dimensions": dimensions} for entry in found[start : start + 500]]
            self.cloud.client("cloudwatch").put_metric_data(Namespace="/aws/sagemaker/TrainingJobs", MetricData=batch)
        return found


def _number(text):
    with contextlib.suppress(TypeError, ValueError):
        value = float(text)
        return value if math.isfinite(value) else None
    return None
