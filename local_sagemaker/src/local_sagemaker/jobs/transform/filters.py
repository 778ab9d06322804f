"""Filters and joins: which part of a record a model sees, and which part of its answer is kept."""

import csv
import io
import json
import re

from local_sagemaker.control.refusals import invalid

STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"]+)|\[(?P<inside>(?:'[^']*'|"[^"]*"|\*|-?\d*:-?\d*|-?\d+)(?:\s*,\s*(?:'[^']*'|"[^"]*"|-?\d*:-?\d*|-?\d+))*)\]"""
)
FORMATS = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "json",
    "application/x-json-lines": "json",
}


class Filter:
    """A JSONPath such as `$`, `$.a.b`, `$['a','b']`, `$[0]`, `$[1:]` or `$[0,2]`."""

    def __init__(self, text):
        self.text, self.steps, position = text, [], 1
        while text.startswith("$") and position < len(text):
            match = STEP.match(text, position)
            if not match:
                break
            inside = match["inside"]
            self.steps.append([match["name"]] if inside is None else re.split(r"\s*,\s*", inside))
            position = match.end()
        if not text.startswith("$") or position < len(text):
            raise invalid(
                f"The filter {text} is not simulated here; $, .name, ['name'], [0], [1:3] and lists of them are."
            )

    def __call__(self, value):
        for step in self.steps:
            value = self._take(value, step)
        return value

    def _take(self, value, step):
        if len(step) > 1 and isinstance(value, dict):
            return {_key(part): self._one(value, part) for part in step}
        if len(step) > 1:
            parts = [(self._one(value, part), ":" in part) for part in step]
            return [item for part, many in parts for item in (part if many else [part])]
        return self._one(value, step[0])

    def _one(self, value, part):
        try:
            if part == "*":
                return list(value.values()) if isinstance(value, dict) else list(value)
            if isinstance(value, dict):
                return value[_key(part)]
            if ":" in part:
                start, end = (int(number) if number else None for number in part.split(":"))
                return value[start:end]
            return value[int(part)]
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            raise ValueError(f"the filter {self.text} finds nothing in a record") from None


def _key(part):
    return part[1:-1] if part[0] in "'\"" else part


class Processing:
    """What DataProcessing asks for: filter the input, join it with the answer, filter the result."""

    def __init__(self, config, content_type, accept):
        self.input, self.output = Filter(config.get("InputFilter", "$")), Filter(config.get("OutputFilter", "$"))
        self.join = config.get("JoinSource", "None") == "Input"
        self.active = self.join or bool(self.input.steps or self.output.steps)
        if self.active:
            self.reads, self.writes = _format(content_type, "ContentType"), _format(accept, "Accept")

    def before(self, record: bytes) -> bytes:
        """Return what the model gets of a record."""
        return _write(self.input(_read(record, self.reads)), self.reads)

    def after(self, record: bytes, answer: bytes) -> bytes:
        """Return what is kept of the record and the model's answer to it."""
        result = _read(answer, self.writes)
        if self.join:
            source = _read(record, self.reads)
            if self.reads == self.writes == "csv":
                result = source + result
            elif isinstance(source, dict):
                result = source | {"SageMakerOutput": result}
            else:
                result = {"SageMakerInput": source, "SageMakerOutput": result}
        return _write(self.output(result), "csv" if self.writes == "csv" and isinstance(result, list) else "json")


def _format(media, member):
    kind = FORMATS.get((media or "").partition(";")[0].strip().lower())
    if not kind:
        raise invalid(f"Filters and joins need {member} to be one of {', '.join(FORMATS)}, not {media}.")
    return kind


def _read(data, kind):
    if kind == "json":
        return json.loads(data)
    rows = list(csv.reader(io.StringIO(data.decode())))
    if len(rows) != 1:
        raise ValueError(f"a record must be one line of CSV, and this one has {len(rows)}")
    return rows[0]


def _write(value, kind):
    if kind == "json":
        return json.dumps(value).encode()
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return out.getvalue().encode()
