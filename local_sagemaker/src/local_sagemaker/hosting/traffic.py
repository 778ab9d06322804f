"""Which fleet of an endpoint answers the next request, and the steps in which an update moves the traffic."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_sagemaker.hosting.fleet import Fleet

Json = dict[str, Any]


class Endpoint:
    """A running endpoint: the fleet that answers and, during an update, the share that goes to the next one."""

    def __init__(self, planned: int) -> None:
        self.fleet: Fleet | None = None  # until every model is loaded
        self.planned = planned  # copies of models, which count against the quota
        self.green: Fleet | None = None
        self.green_percent = self._count = 0
        self.lock = threading.RLock()
        self.gone = threading.Event()  # set when it is deleted
        self.work = threading.Lock()  # held while anything is started or replaced
        self.retired: list[threading.Thread] = []  # threads that end old fleets

    @contextlib.contextmanager
    def turn(self) -> "Iterator[Fleet]":
        """Give the block the fleet that answers the next request, and keep it running meanwhile."""
        with self.lock:
            self._count += 1
            # Of any 100 requests in a row exactly the green share goes to the next fleet, evenly spread.
            step = self._count * self.green_percent // 100 != (self._count - 1) * self.green_percent // 100
            fleet = self.green if self.green and step else self.fleet
            assert fleet is not None  # `Hosting` asks only endpoints that have one
            held = fleet.at_work()
            held.__enter__()
        try:
            yield fleet
        finally:
            held.__exit__(None, None, None)

    def shift(self, green: "Fleet | None", percent: int) -> None:
        """Send a share of the traffic to another fleet."""
        with self.lock:
            self.green, self.green_percent = green, percent

    def swap(self, fleet: "Fleet") -> "Fleet":
        """Let another fleet answer from now on and return the old one."""
        with self.lock:
            old, self.fleet, self.green, self.green_percent = self.fleet, fleet, None, 0
            assert old is not None
            return old


def alarm_names(deployment: Json) -> list[str]:
    return [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]


def steps(routing: Json, fleet: "Fleet") -> list[int]:
    """Return the percentages of traffic that go to a new fleet, one after the other."""
    kind = routing.get("Type", "ALL_AT_ONCE")
    if kind == "CANARY":
        return [_percent(routing["CanarySize"], fleet), 100]
    if kind == "LINEAR":
        step = _percent(routing["LinearStepSize"], fleet)
        return [*range(step, 100, step), 100]
    return [100]


def _percent(size, fleet):
    if size["Type"] == "CAPACITY_PERCENT":
        return size["Value"]
    return min(100, max(1, size["Value"] * 100 // fleet.instances()))
