"""The fleet room: endpoints as they run, variants, traffic, blue/green updates and rollbacks."""

import contextlib
import itertools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from local_sagemaker.errors import ApiError
from local_sagemaker.hosting.model_server import LOAD_WITHIN, ServerDown, ServingFailed
from local_sagemaker.jobs.diary import Diary

log = logging.getLogger("local_sagemaker")

INSTANCES = 8  # model servers at a time: a quota, as accounts have one, because each takes half a gigabyte
NUMBERS = itertools.count(1)  # of variants, for their logs
DRAIN_WITHIN = 60  # seconds that an old fleet has to finish what it began


class Variant:
    """One variant of an endpoint: copies of one model that take turns."""

    def __init__(self, cloud, endpoint, settings):
        self.cloud, self.endpoint, self.settings = cloud, endpoint, settings
        self.name = settings["VariantName"]
        self.container = cloud.table("model").get(settings["ModelName"])["PrimaryContainer"]
        self.weight = settings.get("InitialVariantWeight", 1.0)
        self.credit = 0.0  # see Fleet.choose
        self.servers = []
        self.stream = f"{self.name}-{next(NUMBERS)}"
        self.log_file = cloud.logs / endpoint / f"{self.stream}.log"
        self._turn, self._diary, self._writing = 0, None, threading.Lock()

    @property
    def dimensions(self):
        """What CloudWatch files the variant's metrics under."""
        return {"EndpointName": self.endpoint, "VariantName": self.name}

    def scale(self, count):
        """Start or stop copies until `count` run."""
        self.cloud.hosting.writing.add(self)
        self.log_file.parent.mkdir(exist_ok=True)
        while len(self.servers) > count:
            *self.servers, last = self.servers
            last.drain(DRAIN_WITHIN)
            last.stop()
        while len(self.servers) < count:
            server = self.cloud.serving.start(
                self.container["ModelDataUrl"],
                self.container["Image"],
                self.container.get("Environment"),
                name=f"{self.endpoint}-{self.name}",
                log_file=self.log_file,
                within=self.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", LOAD_WITHIN),
            )
            self.servers = [*self.servers, server]

    def invoke(self, body, headers):
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

    def stop(self):
        """End all copies."""
        servers, self.servers = self.servers, []
        for server in servers:
            server.stop()
        self.cloud.hosting.writing.discard(self)
        self.write(last=True)

    def write(self, last=False):
        """Copy what the models wrote to CloudWatch Logs."""
        with self._writing:
            if self.log_file.exists():
                group = f"/aws/sagemaker/Endpoints/{self.endpoint}"
                self._diary = self._diary or Diary(self.cloud, group, self.stream)
                self._diary.pull(self.log_file, last)


class Fleet:
    """All variants of one endpoint configuration, running."""

    def __init__(self, cloud, endpoint, config):
        self.config = config
        self.variants = {v["VariantName"]: Variant(cloud, endpoint, v) for v in config["ProductionVariants"]}
        self.shadows = [Variant(cloud, endpoint, v) for v in config.get("ShadowProductionVariants", [])]
        self._busy = 0
        self._idle = threading.Condition()

    def start(self):
        """Start every copy of every variant; if one fails, end all and raise `ServingFailed`."""
        variants = [*self.variants.values(), *self.shadows]
        with ThreadPoolExecutor(len(variants)) as pool:
            futures = {v: pool.submit(v.scale, v.settings.get("InitialInstanceCount", 1)) for v in variants}
        for variant, future in futures.items():
            if future.exception():
                self.stop()
                raise ServingFailed(
                    f"The primary container for production variant {variant.name} did not pass the ping health check. "
                    f"{future.exception()} See `local-sagemaker logs {variant.endpoint}`."
                )

    def choose(self, target):
        """Return the variant whose turn it is: of any 10 requests in a row, weights of 9 and 1 send 9 and 1."""
        if target is not None:
            if target not in self.variants:
                raise ApiError("ValidationError", f"Variant {target[:100]} not found; there are {list(self.variants)}.")
            return self.variants[target]
        with self._idle:
            total = sum(variant.weight for variant in self.variants.values())
            if not total:
                raise ApiError("ValidationError", "All variants have weight 0; name one with TargetVariant.")
            for variant in self.variants.values():
                variant.credit += variant.weight
            chosen = max(self.variants.values(), key=lambda variant: variant.credit)
            chosen.credit -= total
            return chosen

    @contextlib.contextmanager
    def at_work(self):
        """Keep the fleet from being ended while the block runs."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def drain(self, within=DRAIN_WITHIN):
        """Wait until no request is under way, then end the fleet."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, within)
        self.stop()

    def stop(self):
        """End the fleet."""
        for variant in [*self.variants.values(), *self.shadows]:
            variant.stop()

    def instances(self):
        """Return how many copies the configuration asks for."""
        variants = [*self.config["ProductionVariants"], *self.config.get("ShadowProductionVariants", [])]
        return sum(variant.get("InitialInstanceCount", 1) for variant in variants)


class Live:
    """A running endpoint: the fleet that answers and, during an update, the share that goes to the next one."""

    def __init__(self, planned):
        self.fleet = None  # until every model is loaded
        self.planned = planned  # copies of models, which count against the quota
        self.green, self.green_percent, self._count = None, 0, 0
        self.lock = threading.RLock()
        self.gone = threading.Event()  # set when it is deleted
        self.work = threading.Lock()  # held while anything is started or replaced
        self.retired = []  # threads that end old fleets

    @contextlib.contextmanager
    def turn(self):
        """Give the block the fleet that answers the next request, and keep it running meanwhile."""
        with self.lock:
            self._count += 1
            # Of any 100 requests in a row exactly the green share goes to the next fleet, evenly spread.
            step = self._count * self.green_percent // 100 != (self._count - 1) * self.green_percent // 100
            fleet = self.green if self.green and step else self.fleet
            held = fleet.at_work()
            held.__enter__()
        try:
            yield fleet
        finally:
            held.__exit__(None, None, None)

    def shift(self, green, percent):
        """Send a share of the traffic to another fleet."""
        with self.lock:
            self.green, self.green_percent = green, percent

    def swap(self, fleet):
        """Let another fleet answer from now on and return the old one."""
        with self.lock:
            old, self.fleet, self.green, self.green_percent = self.fleet, fleet, None, 0
            return old


class Hosting:
    """All running endpoints."""

    def __init__(self, cloud):
        self.cloud = cloud
        self._live = {}
        self._lock = threading.RLock()
        self._shadows = ThreadPoolExecutor(4)
        self.writing = set()  # variants whose logs are copied
        threading.Thread(target=self._write, daemon=True).start()

    @property
    def table(self):
        """The records that Describe and List show."""
        return self.cloud.table("endpoint")

    def invoke(self, name, target, body, headers, record):
        """Send a request to an endpoint; return the variant that took it and its reply.

        `record(config, variant, reply)` is told of every answer, those of shadows included.
        """
        live = self._live.get(name)
        if live is None or live.fleet is None:
            raise ApiError("ValidationError", f"Endpoint {name} of account {self.cloud.account} not found.")
        with live.turn() as fleet:
            variant = fleet.choose(target)
            for shadow in fleet.shadows:
                self._shadow(fleet, shadow, variant, body, headers, record)
            reply = variant.invoke(body, headers)
            record(fleet.config, variant, reply)
            return variant, reply

    def create(self, name, config):
        """Start an endpoint in the background."""
        fleet = Fleet(self.cloud, name, config)
        with self._lock:
            live = Live(fleet.instances())
            self._check_quota(live, live.planned)
            self._live[name] = live
        self._background(self._create, name, live, fleet)

    def update(self, name, config, deployment):
        """Replace an endpoint's fleet in the background, without a gap."""
        live, fleet = self._live[name], Fleet(self.cloud, name, config)
        self._check_quota(live, fleet.instances())
        pending = {"EndpointConfigName": config["EndpointConfigName"]}
        self.table.update(name, EndpointStatus="Updating", PendingDeploymentSummary=pending, FailureReason=None)
        self._background(self._update, name, live, fleet, deployment)

    def scale(self, name, wishes):
        """Change weights and numbers of copies in the background."""
        live = self._live[name]
        counts = {variant.name: len(variant.servers) for variant in live.fleet.variants.values()}
        for wish in wishes:
            if wish["VariantName"] not in counts:
                raise ApiError("ValidationException", f"The endpoint has no variant {wish['VariantName']}.")
            counts[wish["VariantName"]] = wish.get("DesiredInstanceCount", counts[wish["VariantName"]])
        self._check_quota(live, sum(counts.values()))
        self.table.update(name, EndpointStatus="Updating")
        self._background(self._scale, name, live, wishes)

    def delete(self, name):
        """End an endpoint in the background; its name is free when everything has ended."""
        with self._lock:
            live = self._live.pop(name)
            live.gone.set()
            self.table.update(name, EndpointStatus="Deleting")

        def run():
            with live.work:
                if live.fleet:
                    live.fleet.drain(within=5)
            for thread in live.retired:
                thread.join()
            self.table.delete(name)

        threading.Thread(target=run, daemon=True).start()

    def show(self, name):
        """Return the members of a Describe answer that come from the running fleet."""
        live = self._live.get(name)
        if live is None or live.fleet is None:
            return {}
        shown = {"ProductionVariants": [self._summary(v) for v in live.fleet.variants.values()]}
        if live.fleet.shadows:
            shown["ShadowProductionVariants"] = [self._summary(v) for v in live.fleet.shadows]
        return shown

    def _write(self):
        while not self.cloud.stopping.wait(1):
            for variant in list(self.writing):
                variant.write()

    def _summary(self, variant):
        image = variant.container["Image"]
        return {
            "VariantName": variant.name,
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
            "CurrentWeight": variant.weight,
            "DesiredWeight": variant.weight,
            "CurrentInstanceCount": len(variant.servers),
            "DesiredInstanceCount": len(variant.servers),
        }

    def _shadow(self, fleet, shadow, variant, body, headers, record):
        """Send a copy of a request to a shadow variant, whose answer nobody waits for."""

        def send():
            with contextlib.suppress(ServerDown), fleet.at_work():
                record(fleet.config, shadow, shadow.invoke(body, headers))

        shadow.credit += shadow.weight / (variant.weight or 1)  # the shadow's share of the variant's requests
        if shadow.credit >= 1:
            shadow.credit -= 1
            self._shadows.submit(send)

    def _check_quota(self, live, wanted):
        running = sum(other.planned for other in self._live.values() if other is not live)
        if running + wanted > INSTANCES:
            raise ApiError(
                "ResourceLimitExceeded",
                f"The account-level service limit for endpoint usage is {INSTANCES} Instances, with current "
                f"utilization of {running} Instances and a request delta of {wanted} Instances. Delete an endpoint.",
            )

    def _background(self, function, name, live, *args):
        live.work.acquire()

        def run():
            try:
                function(name, live, *args)
            except Exception:
                if not self.cloud.stopping.is_set():
                    log.exception("endpoint %s", name)
                    self._settle(name, live, EndpointStatus="Failed", FailureReason="The local cloud made a mistake.")
            finally:
                live.work.release()

        threading.Thread(target=run, daemon=True).start()

    def _settle(self, name, live, **fields):
        """Write what became of an endpoint, unless it was deleted meanwhile."""
        with self._lock:
            if not live.gone.is_set():
                self.table.update(name, **fields)

    def _create(self, name, live, fleet):
        try:
            fleet.start()
        except ServingFailed as error:
            live.planned = 0
            self._settle(name, live, EndpointStatus="Failed", FailureReason=str(error))
            return
        live.fleet = fleet
        self._settle(name, live, EndpointStatus="InService")

    def _update(self, name, live, fleet, deployment):
        try:
            fleet.start()
            self._route(name, live, fleet, deployment)
        except ServingFailed as error:
            live.shift(None, 0)
            fleet.drain()
            members = {"FailureReason": str(error), "PendingDeploymentSummary": None}
            self._settle(name, live, EndpointStatus="InService", **members)
            return
        old, live.planned = live.swap(fleet), fleet.instances()
        self._settle(
            name,
            live,
            EndpointStatus="InService",
            EndpointConfigName=fleet.config["EndpointConfigName"],
            DataCaptureConfig=fleet.config.get("DataCaptureConfig"),
            LastDeploymentConfig=deployment or None,
            FailureReason=None,
            PendingDeploymentSummary=None,
        )
        wait = deployment.get("BlueGreenUpdatePolicy", {}).get("TerminationWaitInSeconds", 0)

        def retire():
            live.gone.wait(wait)
            old.drain()

        live.retired.append(threading.Thread(target=retire, daemon=True))
        live.retired[-1].start()

    def _route(self, name, live, fleet, deployment):
        """Shift traffic to the new fleet in the steps that the deployment asks for; raise if an alarm goes off."""
        routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
        wait, alarms = routing.get("WaitIntervalInSeconds", 0), _alarm_names(deployment)
        for percent in _steps(routing, fleet):
            log.info("endpoint %s: %s%% of the traffic to the new fleet", name, percent)
            live.shift(fleet, percent)
            until = time.monotonic() + wait
            while time.monotonic() < until:
                if live.gone.wait(0.5):
                    raise ServingFailed("The endpoint was deleted.")
                for alarm in alarms:
                    if self.cloud.metrics.in_alarm(alarm):
                        raise ServingFailed(
                            f"One or more configured alarm(s) have gone into ALARM status: [{alarm}]. "
                            "The traffic went back to the old fleet."
                        )

    def _scale(self, name, live, wishes):
        variants, failure = live.fleet.variants, None
        try:
            for wish in wishes:
                variant = variants[wish["VariantName"]]
                variant.weight = wish.get("DesiredWeight", variant.weight)
                variant.credit = 0.0
                variant.scale(wish.get("DesiredInstanceCount", len(variant.servers)))
        except ServingFailed as error:
            failure = str(error)
        live.planned = sum(len(variant.servers) for variant in variants.values())
        self._settle(name, live, EndpointStatus="InService", FailureReason=failure)


def _alarm_names(deployment):
    return [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]


def _steps(routing, fleet):
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
