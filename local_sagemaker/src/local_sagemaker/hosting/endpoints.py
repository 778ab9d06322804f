"""All endpoints: created, called, updated, scaled and deleted, each in the background."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from local_sagemaker.errors import ApiError
from local_sagemaker.hosting.fleet import Fleet
from local_sagemaker.hosting.model_server import Reply, ServerDown, ServingFailed
from local_sagemaker.hosting.traffic import Endpoint, alarm_names, steps
from local_sagemaker.hosting.variant import Variant

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.control.tables import Table

Json = dict[str, Any]

log = logging.getLogger("local_sagemaker")

INSTANCES = 8  # model servers at a time: a quota, as accounts have one, because each takes half a gigabyte


class Hosting:
    """All running endpoints."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud
        self._live: dict[str, Endpoint] = {}
        self._lock = threading.RLock()
        self._shadows = ThreadPoolExecutor(4)
        self.writing: set[Variant] = set()  # variants whose logs are copied
        threading.Thread(target=self._write, daemon=True).start()

    @property
    def table(self) -> "Table":
        """The records that Describe and List show."""
        return self.cloud.table("endpoint")

    def invoke(
        self,
        name: str,
        target: str | None,
        body: bytes,
        headers: list[str | None],
        record: Callable[[Json, Variant, Reply], None],
    ) -> tuple[Variant, Reply]:
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

    def create(self, name: str, config: Json) -> None:
        """Start an endpoint in the background."""
        fleet = Fleet(self.cloud, name, config)
        with self._lock:
            live = Endpoint(fleet.instances())
            self._check_quota(live, live.planned)
            self._live[name] = live
        self._background(self._create, name, live, fleet)

    def update(self, name: str, config: Json, deployment: Json) -> None:
        """Replace an endpoint's fleet in the background, without a gap."""
        live, fleet = self._live[name], Fleet(self.cloud, name, config)
        self._check_quota(live, fleet.instances())
        pending = {"EndpointConfigName": config["EndpointConfigName"]}
        self.table.update(name, EndpointStatus="Updating", PendingDeploymentSummary=pending, FailureReason=None)
        self._background(self._update, name, live, fleet, deployment)

    def scale(self, name: str, wishes: list[Json]) -> None:
        """Change weights and numbers of copies in the background."""
        live = self._live[name]
        assert live.fleet is not None  # the endpoint is in service
        counts = {variant.name: len(variant.servers) for variant in live.fleet.variants.values()}
        for wish in wishes:
            if wish["VariantName"] not in counts:
                raise ApiError("ValidationException", f"The endpoint has no variant {wish['VariantName']}.")
            counts[wish["VariantName"]] = wish.get("DesiredInstanceCount", counts[wish["VariantName"]])
            if counts[wish["VariantName"]] < 1:
                raise ApiError("ValidationException", f"Variant {wish['VariantName']} needs at least one instance.")
        self._check_quota(live, sum(counts.values()) + live.fleet.shadow_instances())
        self.table.update(name, EndpointStatus="Updating")
        self._background(self._scale, name, live, wishes)

    def delete(self, name: str) -> None:
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

    def show(self, name: str) -> Json:
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
                    self._settle(name, live, EndpointStatus="Failed", FailureReason="Local SageMaker failed.")
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
        except Exception as error:  # whatever it is, the traffic goes back and nothing of the new fleet stays
            reason = str(error)
            if not isinstance(error, ServingFailed):
                log.exception("update of endpoint %s", name)
                reason = "The local SageMaker made a mistake; `local-sagemaker logs` shows it."
            live.shift(None, 0)
            fleet.drain()
            members = {"FailureReason": reason, "PendingDeploymentSummary": None}
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
        wait, alarms = routing.get("WaitIntervalInSeconds", 0), alarm_names(deployment)
        for percent in steps(routing, fleet):
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
        live.planned = sum(len(variant.servers) for variant in variants.values()) + live.fleet.shadow_instances()
        self._settle(name, live, EndpointStatus="InService", FailureReason=failure)
