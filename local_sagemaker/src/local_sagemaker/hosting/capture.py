"""Data capture: requests and answers of an endpoint, kept in S3 as SageMaker's data capture keeps them."""

import base64
import json
import logging
import random
import threading
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.gate.signature import Request
    from local_sagemaker.hosting.model_server import Reply

Json = dict[str, Any]

log = logging.getLogger("local_sagemaker")

EVERY = 1  # seconds between two deliveries to S3


class Capture:
    """Collects records and delivers them every second, one file an endpoint and variant."""

    def __init__(self, cloud):
        self.cloud = cloud
        self._found = defaultdict(list)
        self._lock = threading.Lock()
        threading.Thread(target=self._deliver, daemon=True).start()

    def record(self, config: Json, endpoint: str, variant: str, request: "Request", reply: "Reply") -> None:
        """Keep one request and its answer if the endpoint's configuration says so."""
        settings = config.get("DataCaptureConfig", {})
        percent = settings.get("InitialSamplingPercentage", 0)
        if not settings.get("EnableCapture") or random.uniform(0, 100) >= percent:
            return
        modes = {option["CaptureMode"] for option in settings["CaptureOptions"]}
        header = settings.get("CaptureContentTypeHeader", {})
        data = {}
        if modes & {"Input", "InputAndOutput"}:
            data["endpointInput"] = _side("INPUT", request.headers.get("content-type", ""), request.body, header)
        if modes & {"Output", "InputAndOutput"}:
            data["endpointOutput"] = _side("OUTPUT", reply.content_type, reply.body, header)
        event = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        inference = request.headers.get("x-amzn-sagemaker-inference-id")
        if inference:
            event["inferenceId"] = inference
        line = json.dumps({"captureData": data, "eventMetadata": event, "eventVersion": "0"})
        with self._lock:
            self._found[settings["DestinationS3Uri"].rstrip("/"), endpoint, variant].append(line)

    def _deliver(self):
        while not self.cloud.stopping.wait(EVERY):
            with self._lock:
                found, self._found = self._found, defaultdict(list)
            for (destination, endpoint, variant), lines in found.items():
                now = datetime.now(UTC)
                name = f"{now:%Y/%m/%d/%H/%M-%S}-{now.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
                try:
                    self.cloud.storage.upload(
                        "".join(f"{line}\n" for line in lines).encode(), f"{destination}/{endpoint}/{variant}/{name}"
                    )
                except ApiError as error:
                    log.warning("data capture of %s: %s", endpoint, error)


def _side(mode, content_type, body, header):
    kind = content_type.partition(";")[0].strip().lower()
    if kind in header.get("CsvContentTypes", []):
        data, encoding = body.decode("utf-8", "replace"), "CSV"
    elif kind in header.get("JsonContentTypes", []):
        data, encoding = body.decode("utf-8", "replace"), "JSON"
    else:
        data, encoding = base64.b64encode(body).decode(), "BASE64"
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}
