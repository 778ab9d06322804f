"""What jobs and models print goes to CloudWatch Logs, as on AWS."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

LONGEST = 200_000  # bytes in one event; CloudWatch Logs takes 256 KB


class LogStream:
    """One log stream, fed from the file that a process writes."""

    def __init__(self, cloud: "Cloud", group: str, stream: str) -> None:
        self.client, self.place = cloud.client("logs"), {"logGroupName": group, "logStreamName": stream}
        self.offset, self.rest = 0, b""
        with contextlib.suppress(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_group(logGroupName=group)
        with contextlib.suppress(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_stream(**self.place)

    def pull(self, path: Path, last: bool = False) -> list[str]:
        """Copy the lines that have been added to a file since the last call, and return them."""
        with path.open("rb") as file:
            file.seek(self.offset)
            data = self.rest + file.read()
            self.offset = file.tell()
        *found, self.rest = data.split(b"\n")
        if last and self.rest:
            found, self.rest = [*found, self.rest], b""
        lines = [line[:LONGEST].decode("utf-8", "replace").rstrip("\r") for line in found]
        self.write(lines)
        return lines

    def restart(self) -> None:
        """Begin with a new file."""
        self.offset, self.rest = 0, b""

    def write(self, lines: list[str]) -> None:
        """Add lines; CloudWatch has no empty events."""
        now = int(time.time() * 1000)
        messages = [line for line in lines if line.strip()]
        while messages:
            count = size = 0
            while count < min(len(messages), 5000) and (not count or size + len(messages[count]) < 4 * LONGEST):
                size += len(messages[count])
                count += 1
            events = [{"timestamp": now, "message": message} for message in messages[:count]]
            self.client.put_log_events(**self.place, logEvents=events)
            messages = messages[count:]
