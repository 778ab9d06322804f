"""What all jobs have in common, from a name that is not taken to an end that is told."""

import logging
import shutil
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from local_sagemaker.control.api import ApiError
from local_sagemaker.control.refusals import invalid

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.control.tables import Table

Json = dict[str, Any]

FINISHED = ("Completed", "Failed", "Stopped")
REASON = 1024  # characters of a FailureReason, SageMaker's own


class Work:
    """A job of one kind. A kind has a `table`, may `check` its request, and does its work in `run`."""

    kind: str  # as in its ARN: training-job
    prefix: str  # as in the names of its members: TrainingJob
    missing: str | None = None  # what to say of an unknown name
    taken: str | None = None  # what to say of one that exists
    unknown = "ValidationException"  # the class of the error for an unknown name
    ended: str | None = None  # the member that tells when it ended
    halting: ClassVar[Json] = {}  # what changes at once, beside the status, when it is told to stop

    def __init__(self, cloud: "Cloud", request: Json) -> None:
        self.cloud, self.request = cloud.acting(request.get("RoleArn")), request
        self.name = request[f"{self.prefix}Name"]
        self.arn = ""  # known when it has been created
        self.stop, self.lock = threading.Event(), threading.Lock()

    @classmethod
    def table(cls, cloud: "Cloud") -> "Table":
        return cloud.table(cls.kind, missing=cls.missing, taken=cls.taken)

    @classmethod
    def create(cls, cloud: "Cloud", request: Json, **fields: Any) -> Json:
        """Answer a Create operation: refuse what cannot run, and start what can."""
        work = cls(cloud, request)
        work.check()
        record = cls.table(cloud).add(
            work.name,
            error="ResourceInUse",
            **{name: value for name, value in request.items() if name != f"{cls.prefix}Name"},
            **{f"{cls.prefix}Status": "InProgress"},
            **work.about(),
            _work=work,
        )
        work.arn = record[f"{cls.prefix}Arn"]
        threading.Thread(target=work._conduct, name=work.name, daemon=True).start()
        return {f"{cls.prefix}Arn": work.arn}

    @classmethod
    def describe(cls, cloud: "Cloud", request: Json) -> Json:
        """Answer a Describe operation."""
        return cls.table(cloud).get(request[f"{cls.prefix}Name"], error=cls.unknown)

    @classmethod
    def halt(cls, cloud: "Cloud", request: Json) -> Json:
        """Answer a Stop operation."""
        cls.describe(cloud, request)["_work"].ask_to_stop()
        return {}

    @classmethod
    def delete(cls, cloud: "Cloud", request: Json) -> Json:
        """Answer a Delete operation."""
        record = cls.describe(cloud, request)
        if record[f"{cls.prefix}Status"] not in FINISHED:
            raise invalid(
                f"{record[f'{cls.prefix}Name']} is running; stop it, wait until it has ended, then delete it."
            )
        cls.table(cloud).delete(record[f"{cls.prefix}Name"])
        return {}

    def check(self) -> None:
        """Refuse what AWS refuses and what is not simulated here."""

    def about(self) -> Json:
        """Return what a Describe answer says beside the request, from the start."""
        return {}

    def run(self) -> tuple[str, Json]:
        """Do the work; return the status it ended with and the members that tell of it."""
        raise NotImplementedError

    def over(self) -> bool:
        """Return whether the job is to stop."""
        return self.stop.is_set() or self.cloud.stopping.is_set()

    def update(self, **fields: Any) -> None:
        self.table(self.cloud).update(self.name, **fields)

    def ask_to_stop(self) -> None:
        with self.lock:
            status = self.table(self.cloud).get(self.name)[f"{self.prefix}Status"]
            if status in FINISHED:
                raise invalid(f"The request was rejected because {self.name} is in status {status}.")
            self.update(**{f"{self.prefix}Status": "Stopping"}, **self.halting)
            self.stop.set()

    def _conduct(self):
        self.folder = self.cloud.folder(self.kind, self.name)
        try:
            status, fields = self.run()
        except (ApiError, ClientError, OSError) as error:
            status, fields = "Failed", {"FailureReason": f"ClientError: {error}"}
        except Exception as error:
            logging.exception("%s %s", self.kind, self.name)
            status, fields = "Failed", {"FailureReason": f"InternalServerError: {error!r}"}
        if fields.get("FailureReason"):
            fields["FailureReason"] = fields["FailureReason"][:REASON]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.settle(status, **fields)

    def settle(self, status: str, **fields: Any) -> None:
        """Write how the job ended."""
        if self.ended:
            fields = {self.ended: datetime.now(UTC)} | fields
        with self.lock:
            self.update(**{f"{self.prefix}Status": status}, **fields)
