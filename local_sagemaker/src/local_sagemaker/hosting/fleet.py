"""All variants of one endpoint configuration, running: who gets the next request, and when nobody is left."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from local_sagemaker.errors import ApiError
from local_sagemaker.hosting.model_server import ServingFailed
from local_sagemaker.hosting.variant import DRAIN_WITHIN, Variant


class Fleet:
    """All variants of one endpoint configuration, running."""

    def __init__(self, cloud, endpoint, config):
        self.config = config
        self.variants = {v["VariantName"]: Variant(cloud, endpoint, v) for v in config["ProductionVariants"]}
        self.shadows = [Variant(cloud, endpoint, v) for v in config.get("ShadowProductionVariants", [])]
        self._busy = 0
        self._idle = threading.Condition()

    def start(self) -> None:
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

    def choose(self, target: str | None) -> Variant:
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
    def at_work(self) -> Iterator[None]:
        """Keep the fleet from being ended while the block runs."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def drain(self, within: float = DRAIN_WITHIN) -> None:
        """Wait until no request is under way, then end the fleet."""
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, within)
        self.stop()

    def stop(self) -> None:
        """End the fleet."""
        for variant in [*self.variants.values(), *self.shadows]:
            variant.stop()

    def shadow_instances(self) -> int:
        """Return how many copies its shadows run."""
        return sum(len(shadow.servers) for shadow in self.shadows)

    def instances(self) -> int:
        """Return how many copies the configuration asks for."""
        variants = [*self.config["ProductionVariants"], *self.config.get("ShadowProductionVariants", [])]
        return sum(variant.get("InitialInstanceCount", 1) for variant in variants)
