"""A batch transform job, from its request to its last output: the answers to each object lie beside each other."""

import gzip
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from local_sagemaker.control.logs import LogStream
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.hosting.model_server import ModelServer, ServerDown, ServingFailed
from local_sagemaker.jobs import store
from local_sagemaker.jobs.transform.filters import Processing
from local_sagemaker.jobs.work import Work

Json = dict[str, Any]

LOGS = "/aws/sagemaker/TransformJobs"
LARGEST = 6  # megabytes in one request, what the model servers here take
AT_ONCE = 100  # megabytes in all requests at a time, SageMaker's own
NOT_HERE = {
    "DataCaptureConfig": "read the job's input and output in S3",
    "ExperimentConfig": "leave it out",
    "TransformOutput.KmsKeyId": "leave it out, nothing is encrypted here",
    "TransformResources.VolumeKmsKeyId": "leave it out, nothing is encrypted here",
    "TransformResources.TransformAmiVersion": "leave it out",
}


class Rejected(Exception):
    """A request that the model answered with an error."""


class Transform(Work):
    """A batch transform job from its request to its last output."""

    kind, prefix, ended = "transform-job", "TransformJob", "TransformEndTime"
    missing = 'Could not find the transform job "{name}".'
    taken = "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})."

    def __init__(self, cloud, request):
        super().__init__(cloud, request)
        self.source, self.output = request["TransformInput"], request["TransformOutput"]
        self.split = self.source.get("SplitType", "None")
        self.several = request.get("BatchStrategy", "MultiRecord") == "MultiRecord"
        self.lines = self.output.get("AssembleWith", "None") == "Line"
        self.limit = (request.get("MaxPayloadInMB") or LARGEST) * 1024 * 1024
        self.retries = request.get("ModelClientConfig", {}).get("InvocationsMaxRetries", 3)
        self.errors = []

    def check(self) -> None:
        refuse(self.request, NOT_HERE)
        model = self.cloud.call("DescribeModel", {"ModelName": self.request["ModelName"]})
        self.container, self.cloud = model["PrimaryContainer"], self.cloud.acting(model["ExecutionRoleArn"])
        if self.split not in ("None", "Line"):
            raise invalid(f"SplitType {self.split} is not simulated here; use None or Line.")
        if self.request.get("MaxPayloadInMB", 0) > LARGEST:
            raise invalid(f"MaxPayloadInMB is at most {LARGEST} here.")
        at_once = self.request.get("MaxConcurrentTransforms", 1) * (self.request.get("MaxPayloadInMB") or LARGEST)
        if at_once > AT_ONCE:
            raise invalid(f"MaxConcurrentTransforms * MaxPayloadInMB is at most {AT_ONCE}, not {at_once}.")
        if self.request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 0) > 60:
            raise invalid("ModelClientConfig.InvocationsTimeoutInSeconds is at most 60 here.")
        source = self.source["DataSource"]["S3DataSource"]
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise invalid(f"S3DataType {source['S3DataType']} is not simulated here; use S3Prefix or ManifestFile.")
        self.processing = Processing(
            self.request.get("DataProcessing", {}), self.source.get("ContentType"), self.output.get("Accept")
        )
        if self.processing.active and self.split != ("Line" if self.lines else "None"):
            raise invalid("With filters or a join, SplitType and AssembleWith must be the same.")
        self.cloud.storage.require_bucket(self.output["S3OutputPath"])
        self.items = store.select(self.cloud, source["S3Uri"], source["S3DataType"])

    def run(self) -> tuple[str, Json]:
        servers: list[ModelServer] = []
        try:
            return self._run(servers)
        except ServingFailed as error:
            return "Failed", {"FailureReason": f"AlgorithmError: The model could not be loaded: {error}"}
        finally:
            for server in servers:
                server.stop()

    def _run(self, servers):
        born, strategy = int(time.time()), "MULTI_RECORD" if self.several else "SINGLE_RECORD"
        concurrent = self.request.get("MaxConcurrentTransforms") or 1
        environment = self.container.get("Environment", {}) | self.request.get("Environment", {})
        environment |= {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.limit >> 20),
            "SAGEMAKER_BATCH_STRATEGY": strategy,
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(concurrent),
        }
        count = self.request["TransformResources"]["InstanceCount"]
        logs = [self.folder / f"{number}.log" for number in range(1, count + 1)]
        streams = [LogStream(self.cloud, LOGS, f"{self.name}/algo-{n}-{born}") for n in range(1, count + 1)]
        self.log = LogStream(self.cloud, LOGS, f"{self.name}/algo-1-{born}/data-log")
        self._note(f"MaxConcurrentTransforms={concurrent}, MaxPayloadInMB={self.limit >> 20}, BatchStrategy={strategy}")
        try:
            with ThreadPoolExecutor(count) as pool:
                started = [pool.submit(self._serve, environment, log) for log in logs]
                for future in started:
                    servers.append(future.result())
            self.update(TransformStartTime=datetime.now(UTC))
            with ThreadPoolExecutor(count * concurrent) as pool:
                turns = zip(self.items, itertools.cycle(servers))
                for future in [pool.submit(self._transform, server, item) for item, server in turns]:
                    future.result()
        finally:
            for stream, log in zip(streams, logs, strict=True):
                if log.exists():
                    stream.pull(log, last=True)
        if self.over():
            return "Stopped", {}
        if self.errors:
            reason = f"{len(self.errors)} of {len(self.items)} objects failed, the first with {self.errors[0]}"
            return "Failed", {"FailureReason": f"ClientError: {reason} See job logs for more information."}
        return "Completed", {}

    def _serve(self, environment, log):
        container = self.container
        return self.cloud.serving.start(
            container["ModelDataUrl"], container["Image"], environment, name=f"transform-{self.name}", log_file=log
        )

    def _transform(self, server, item):
        """Send one object through the model and store the answers; one that fails leaves no output."""
        if self.over():
            return
        body = self.cloud.client("s3").get_object(Bucket=item.bucket, Key=item.key)["Body"].read()
        try:
            if self.source.get("CompressionType") == "Gzip":
                body = gzip.decompress(body)
            answers = []
            for batch in self._batches(body):
                answers += self._answers(server, batch)
                if self.over():
                    return
        except (Rejected, ValueError, OSError, EOFError) as error:
            self.errors.append(f"{item.uri}: {error}")
            self._note(f"{item.bucket}/{item.key}: ClientError: {error}")
            return
        output = b"".join(answer.removesuffix(b"\n") + b"\n" for answer in answers) if self.lines else b"".join(answers)
        self.cloud.storage.upload(output, store.join(self.output["S3OutputPath"], f"{item.name}.out"))

    def _batches(self, body):
        """Yield lists of records, each list one request to the model."""
        if self.split == "None":
            yield [body]
            return
        batch, size = [], 0
        for line in body.splitlines():
            if batch and (not self.several or size + len(line) + 1 > self.limit):
                yield batch
                batch, size = [], 0
            if line.strip():
                batch.append(line)
                size += len(line) + 1
        if batch:
            yield batch

    def _answers(self, server, batch):
        """Return the model's answers to a batch, one a record where filters need that, else one for all."""
        records = [self.processing.before(record) for record in batch] if self.processing.active else batch
        payload = b"\n".join(records)
        if len(payload) > self.limit:
            raise Rejected(f"a record of {len(payload)} bytes exceeds MaxPayloadInMB.")
        answer = self._invoke(server, payload)
        if not self.processing.active:
            return [answer]
        answers = answer.splitlines() if self.split == "Line" else [answer]
        if len(answers) != len(batch):
            raise Rejected(f"{len(batch)} records got {len(answers)} answers; use BatchStrategy SingleRecord.")
        return [self.processing.after(record, part) for record, part in zip(batch, answers, strict=True)]

    def _invoke(self, server, payload):
        """Return the model's answer to one request, asked again when the server failed, not when the request did."""
        for attempt in range(self.retries + 1):
            try:
                reply = server.invoke(payload, self.source.get("ContentType"), self.output.get("Accept"))
            except ServerDown as error:
                problem = str(error)
                time.sleep(1 + attempt)
                continue
            if reply.status == 200:
                return reply.body
            problem = f"{reply.status} {reply.text()[:300]}"
            if 400 <= reply.status < 500:
                break
        raise Rejected(problem)

    def _note(self, text):
        with self.lock:
            self.log.write([f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}:[sagemaker logs]: {text}"])
