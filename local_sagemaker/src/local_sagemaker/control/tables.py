"""Named records of each kind of resource, with the errors, the listing and the paging that AWS gives them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_sagemaker.errors import ApiError

Json = dict[str, Any]
Records = list[Json]


class Tables:
    """The tables of all kinds, each made when it is first asked for."""

    def __init__(self, arn: Callable[[str, str], str], deleted: Callable[[str], None]) -> None:
        self._arn, self._deleted = arn, deleted  # (kind, name) -> ARN; told of the ARN of every deleted record
        self._tables: dict[str, Table] = {}
        self._lock = threading.Lock()

    def get(self, kind: str, missing: str | None = None, taken: str | None = None) -> "Table":
        """Return the records of one kind, e.g. "training-job".

        `missing` and `taken` replace the two messages; {name} and {arn} in them are filled in.
        """
        with self._lock:
            if kind not in self._tables:
                self._tables[kind] = Table(kind, lambda name: self._arn(kind, name), missing, taken, self._deleted)
            return self._tables[kind]


class Table:
    """Every record of one kind, e.g. `endpoint-config`.

    A record is a dict that a Describe operation can return as it is: it carries EndpointConfigName, EndpointConfigArn,
    CreationTime, LastModifiedTime and whatever `add` and `update` were given. Members that AWS's answer does not
    know are dropped when the answer is written, so a record may keep private ones. Names are found in any case, as an
    ARN has them in lower case.
    """

    def __init__(
        self,
        kind: str,
        arn: Callable[[str], str],
        missing: str | None = None,
        taken: str | None = None,
        deleted: Callable[[str], None] = lambda arn: None,
    ) -> None:
        self.prefix = "".join(part.title() for part in kind.split("-"))
        self._arn = arn  # name -> ARN
        noun = kind.replace("-", " ")
        self._missing = missing or f'Could not find {noun} "{{arn}}".'
        self._taken = taken or f'Cannot create already existing {noun} "{{arn}}".'
        self._deleted = deleted
        self._records: dict[str, Json] = {}
        self._lock = threading.RLock()

    def add(self, name: str, *, error: str = "ValidationException", **fields: Any) -> Json:
        """Keep a new record; a name that is taken answers 400, with `error` as its class."""
        now = datetime.now(UTC)
        with self._lock:
            if name.lower() in self._records:
                raise ApiError(error, self._taken.format(name=name, arn=self._arn(name)))
            self._records[name.lower()] = {
                f"{self.prefix}Name": name,
                f"{self.prefix}Arn": self._arn(name),
                "CreationTime": now,
                "LastModifiedTime": now,
                **fields,
            }
            return dict(self._records[name.lower()])

    def get(self, name: str, *, error: str = "ValidationException") -> Json:
        """Return a copy of a record, by name or ARN; an unknown one answers 400, with `error` as its class."""
        with self._lock:
            record = self._records.get(name.rpartition("/")[2].lower())
            if record is None:
                raise ApiError(error, self._missing.format(name=name, arn=self._arn(name)))
            return dict(record)

    def update(self, name: str, **fields: Any) -> None:
        """Change fields of a record and its LastModifiedTime; a record deleted meanwhile stays deleted."""
        with self._lock:
            if name.lower() in self._records:
                self._records[name.lower()].update(fields, LastModifiedTime=datetime.now(UTC))

    def delete(self, name: str, *, error: str = "ValidationException") -> Json:
        """Remove a record and return it."""
        with self._lock:
            record = self.get(name, error=error)
            del self._records[record[f"{self.prefix}Name"].lower()]
        self._deleted(record[f"{self.prefix}Arn"])
        return record

    def all(self) -> Records:
        """Return copies of all records, oldest first."""
        with self._lock:
            return [dict(record) for record in self._records.values()]

    def list(self, request: Json, key: str) -> Json:
        """Answer a List operation: `{key: [records], "NextToken": ...}`, filtered, sorted and paged as it asks."""
        return page(request, key, self.all(), self.prefix)


def page(request: Json, key: str, records: Records, prefix: str) -> Json:
    """Filter, sort and page records as the members of a List request say."""
    name, status = f"{prefix}Name", f"{prefix}Status"
    wanted = [
        record
        for record in records
        if request.get("NameContains", "").lower() in record.get(name, "").lower()
        and record.get(status) == request.get("StatusEquals", record.get(status))
        and _within(record, request, "CreationTime")
        and _within(record, request, "LastModifiedTime")
    ]
    asked = request.get("SortBy", "CreationTime")
    known = asked if wanted and asked in wanted[0] else "CreationTime"
    member = {"Name": name, "Status": status}.get(asked, known)
    wanted.sort(key=lambda record: record[member], reverse=request.get("SortOrder", "Descending") == "Descending")
    start, size = _start(request), request.get("MaxResults", 10)
    answer: Json = {key: wanted[start : start + size]}
    if start + size < len(wanted):
        answer["NextToken"] = str(start + size)
    return answer


def _start(request: Json) -> int:
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ApiError("ValidationException", "The NextToken is not one that an earlier answer gave.")
    return int(token)


def _within(record: Json, request: Json, member: str) -> bool:
    moment = record[member].timestamp()
    return request.get(f"{member}After", moment) <= moment <= request.get(f"{member}Before", moment)
