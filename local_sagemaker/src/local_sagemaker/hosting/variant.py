"""One variant of an endpoint: copies of one model that take turns, counted and logged."""

import itertools
import threading
import time

from local_sagemaker.control.logs import LogStream
from local_sagemaker.hosting.model_server import LOAD_WITHIN, Reply, ServerDown

NUMBERS = itertools.count(1)  # of variants, for their logs
DRAIN_WITHIN = 60  # seconds that a copy has to finish what it began


class Variant:
    """One variant of an endpoint: copies of one model that take turns."""

    def __init__(self, cloud, endpoint, settings):
        self.cloud, self.endpoint, self.settings = cloud, endpoint, settings
        self.name = settings["VariantName"]
        model = cloud.table("model").get(settings["ModelName"])
        self.container, self.role = model["PrimaryContainer"], model["ExecutionRoleArn"]
        self.weight = settings.get("InitialVariantWeight", 1.0)
        self.credit = 0.0  # see Fleet.choose
        self.servers = []
        self.stream = f"{self.name}-{next(NUMBERS)}"
        self.log_file = cloud.logs / endpoint / f"{self.stream}.log"
        self._turn, self._stream, self._writing = 0, None, threading.Lock()

    @property
    def dimensions(self) -> dict[str, str]:
        """What CloudWatch files the variant's metrics under."""
        return {"EndpointName": self.endpoint, "VariantName": self.name}

    def scale(self, count: int) -> None:
        """Start or stop copies until `count` run."""
        self.cloud.hosting.writing.add(self)
        self.log_file.parent.mkdir(exist_ok=True)
        while len(self.servers) > count:
            *self.servers, last = self.servers
            last.drain(DRAIN_WITHIN)
            last.stop()
        while len(self.servers) < count:
            server = self.cloud.acting(self.role).serving.start(
                self.container["ModelDataUrl"],
                self.container["Image"],
                self.container.get("Environment"),
                name=f"{self.endpoint}-{self.name}",
                log_file=self.log_file,
                within=self.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", LOAD_WITHIN),
            )
            self.servers = [*self.servers, server]

    def invoke(self, body: bytes, headers: list[str | None]) -> Reply:
        """Send a request to the next copy and count it."""
        self._turn += 1
        began, status = time.monotonic(), 503
        try:
            while True:
                servers = self.servers
                server = servers[self._turn % len(servers)]
                try:
                    reply = server.invoke(body, *headers)
                except ServerDown:
                    if server in self.servers:
                        raise
                    continue  # it was one too many
                status = reply.status
                return reply
        finally:
            self.cloud.metrics.invocation(self.dimensions, status, time.monotonic() - began)

    def stop(self) -> None:
        """End all copies."""
        servers, self.servers = self.servers, []
        for server in servers:
            server.stop()
        self.cloud.hosting.writing.discard(self)
        self.write(last=True)

    def write(self, last: bool = False) -> None:
        """Copy what the models wrote to CloudWatch Logs."""
        with self._writing:
            if self.log_file.exists():
                group = f"/aws/sagemaker/Endpoints/{self.endpoint}"
                self._stream = self._stream or LogStream(self.cloud, group, self.stream)
                self._stream.pull(self.log_file, last)
