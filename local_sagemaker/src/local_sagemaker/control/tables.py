"""The filing room: named records of one kind, with the errors, the listing and the paging that AWS gives them."""

import threading
from datetime import UTC, datetime

from local_sagemaker.errors import ApiError


class Table:
    """Every record of one kind, e.g. `endpoint-config`.

    A record is a dict that a Describe operation can return as it is: it carries EndpointConfigName, EndpointConfigArn,
    CreationTime, LastModifiedTime and whatever `add` and `update` were given. Members that AWS's answer does not
    know are dropped when the answer is written, so a record may keep private ones. Names are found in any case, as an
    ARN has them in lower case.
    """

    def __init__(self, kind, arn, missing=None, taken=None):
        self.prefix = "".join(part.title() for part in kind.split("-"))
        self._arn = arn  # name -> ARN
        noun = kind.replace("-", " ")
        self._missing = missing or f'Could not find {noun} "{{arn}}".'
        self._taken = taken or f'Cannot create already existing {noun} "{{arn}}".'
        self._records = {}
        self._lock = threading.RLock()

    def add(self, name, *, error="ValidationException", **fields):
        """File a new record; a name that is taken answers 400, with `error` as its class."""
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

    def get(self, name, *, error="ValidationException"):
        """Return a copy of a record, by name or ARN; an unknown one answers 400, with `error` as its class."""
        with self._lock:
            record = self._records.get(name.rpartition("/")[2].lower())
            if record is None:
                raise ApiError(error, self._missing.format(name=name, arn=self._arn(name)))
            return dict(record)

    def update(self, name, **fields):
        """Change fields of a record and its LastModifiedTime; a record deleted meanwhile stays deleted."""
        with self._lock:
            if name.lower() in self._records:
                self._records[name.lower()].update(fields, LastModifiedTime=datetime.now(UTC))

    def delete(self, name, *, error="ValidationException"):
        """Remove a record and return it."""
        with self._lock:
            record = self.get(name, error=error)
            return self._records.pop(record[f"{self.prefix}Name"].lower())

    def all(self):
        """Return copies of all records, oldest first."""
        with self._lock:
            return [dict(record) for record in self._records.values()]

    def list(self, request, key):
        """Answer a List operation: `{key: [records], "NextToken": ...}`, filtered, sorted and paged as it asks."""
        return page(request, key, self.all(), self.prefix)


def page(request, key, records, prefix):
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
    answer = {key: wanted[start : start + size]}
    if start + size < len(wanted):
        answer["NextToken"] = str(start + size)
    return answer


def _start(request):
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise ApiError("ValidationException", "The NextToken is not one that an earlier answer gave.")
    return int(token)


def _within(record, request, member):
    moment = record[member].timestamp()
    return request.get(f"{member}After", moment) <= moment <= request.get(f"{member}Before", moment)
