"""References in a pipeline's definition: values that are known only when it runs."""

import json
import re
from typing import Any

from local_sagemaker.control.refusals import invalid
from local_sagemaker.jobs import store

Json = dict[str, Any]

PART = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\[['"]([^'"]*)['"]\]""")
COMPARISONS = {
    "Equals": lambda left, right: left == right,
    "GreaterThan": lambda left, right: left > right,
    "GreaterThanOrEqualTo": lambda left, right: left >= right,
    "LessThan": lambda left, right: left < right,
    "LessThanOrEqualTo": lambda left, right: left <= right,
}


def parts(path: str) -> list[str | int]:
    """Split `A.B[0]['c']` into ["A", "B", 0, "c"]."""
    found, position = [], 0
    while position < len(path):
        match = PART.match(path, position)
        if not match:
            raise invalid(f"The path {path} cannot be read from {path[position:]!r} on.")
        name, index, key = match.groups()
        found.append(int(index) if index else key if name is None else name)
        position = match.end()
    return found


def follow(value: Any, names: list[Any], path: str) -> Any:
    """Return what a path leads to in a described job or a JSON document; a path that leads nowhere is refused."""
    for name in names:
        if isinstance(value, list) and isinstance(name, str):
            # SageMaker's lists of named things may be asked by name: Outputs['train'].
            named = [item for item in value if name in [item[key] for key in item if key.endswith("Name")]]
            value = named[0] if named else None
        elif isinstance(value, list):
            value = value[name] if name < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            raise invalid(f"{path} leads nowhere: there is no {name}.")
    return value


def needed(value: Any) -> set[str]:
    """Return the names of the steps that a part of a definition refers to."""
    if isinstance(value, list):
        return set().union(*map(needed, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(needed, value.values()))
    if isinstance(value.get("Get"), str) and value["Get"].startswith("Steps."):
        found.add(str(parts(value["Get"])[1]))
    return found


class Resolver:
    """Fills in parameters, properties of finished steps, execution variables and functions."""

    def __init__(self, cloud, parameters, execution, steps):
        self.cloud = cloud
        self.parameters = parameters  # {name: value}
        self.execution = execution  # {name: value}
        self.steps = steps  # {name: (definition, description)} of the steps that have ended

    def fill(self, value: Any) -> Any:
        """Return a part of the definition with every reference replaced by its value."""
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Get"}:
            return self._get(value["Get"])
        if set(value) == {"Std:Join"}:
            join = value["Std:Join"]
            return join["On"].join(_text(self.fill(item)) for item in join["Values"])
        if set(value) == {"Std:JsonGet"}:
            return self._json(value["Std:JsonGet"])
        return {key: self.fill(item) for key, item in value.items()}

    def holds(self, condition: Json) -> bool:
        """Return whether a condition is true."""
        kind = condition["Type"]
        if kind == "Not":
            return not self.holds(condition["Condition"])
        if kind == "Or":
            return any(map(self.holds, condition["Conditions"]))
        if kind == "In":
            return self.fill(condition["QueryValue"]) in self.fill(condition["Values"])
        left, right = self.fill(condition["LeftValue"]), self.fill(condition["RightValue"])
        try:
            return COMPARISONS[kind](left, right)
        except TypeError:
            raise invalid(f"The condition {kind} cannot compare {left!r} with {right!r}.") from None

    def _get(self, path):
        root, *names = parts(path)
        if root == "Parameters":
            return self.parameters[names[0]]
        if root == "Execution":
            return follow(self.execution, names, path)
        return follow(self.steps[names[0]][1], names[1:], path)

    def _json(self, function):
        if "S3Uri" in function:
            uri = self.fill(function["S3Uri"])
        else:
            _, step, _, name = parts(function["PropertyFile"]["Get"])
            definition, description = self.steps[step]
            file = follow(definition.get("PropertyFiles", []), [name], str(name))
            output = follow(description["ProcessingOutputConfig"]["Outputs"], [file["OutputName"]], str(name))
            uri = store.join(output["S3Output"]["S3Uri"], file["FilePath"])
        try:
            document = json.loads(store.read(self.cloud, uri))
        except ValueError:
            raise invalid(f"{uri} is not JSON.") from None
        return follow(document, parts(function["Path"].removeprefix("$.")), function["Path"])


def _text(value):
    return json.dumps(value) if isinstance(value, bool) else str(value)
