"""A pipeline's definition: its kinds of steps, and what of it is refused before it runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local_sagemaker.control.refusals import invalid
from local_sagemaker.jobs.pipelines.references import COMPARISONS, needed

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of step that creates something: the operations' noun, and how its description says that it has ended."""

    noun: str
    metadata: str
    name: str = ""
    status: str = ""
    longest: int = 63

    @property
    def member(self) -> str:
        return self.name or f"{self.noun}Name"


KINDS = {
    "Processing": Kind("ProcessingJob", "ProcessingJob", status="ProcessingJobStatus"),
    "Training": Kind("TrainingJob", "TrainingJob", status="TrainingJobStatus"),
    "Transform": Kind("TransformJob", "TransformJob", status="TransformJobStatus"),
    "Tuning": Kind("HyperParameterTuningJob", "TuningJob", status="HyperParameterTuningJobStatus", longest=32),
    "Model": Kind("Model", "Model"),
    "RegisterModel": Kind("ModelPackage", "RegisterModel"),
}


def check(text: str) -> None:
    """Refuse a definition that is not one, or that has steps that cannot run here."""
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise invalid(f"The pipeline definition is not JSON: {error}.") from None
    steps = list(_all_steps(definition.get("Steps") or []))
    if not steps:
        raise invalid("The pipeline definition has no Steps.")
    names = [step["Name"] for step in steps]
    for step in steps:
        name, kind = step["Name"], step["Type"]
        if names.count(name) > 1:
            raise invalid(f"Two steps are called {name}; every step needs a name of its own.")
        if kind not in (*KINDS, "Condition", "Fail"):
            raise invalid(
                f"The step {name} is of type {kind}, which is not simulated here; the types that run are "
                f"{', '.join([*KINDS, 'Condition', 'Fail'])}."
            )
        if step.get("CacheConfig", {}).get("Enabled"):
            raise invalid(f"CacheConfig of the step {name} is not simulated here; leave it out.")
        if step.get("RetryPolicies"):
            raise invalid(f"RetryPolicies of the step {name} are not simulated here; leave them out.")
        unknown = waits_for(step) - set(names)
        if unknown:
            raise invalid(f"The step {name} refers to {', '.join(sorted(unknown))}, which the pipeline does not have.")
        for condition in _all_conditions(step["Arguments"].get("Conditions", []) if kind == "Condition" else []):
            if condition["Type"] not in (*COMPARISONS, "In", "Not", "Or"):
                raise invalid(f"The step {name} has a condition of the unknown type {condition['Type']}.")
    _check_order({step["Name"]: waits_for(step) for step in steps})


def waits_for(step: Json) -> set[str]:
    """Return the names of the steps that must end before this one begins."""
    arguments = step["Arguments"]
    if step["Type"] == "Condition":
        arguments = arguments["Conditions"]
    return needed(arguments) | set(step.get("DependsOn", []))


def _all_steps(steps: list[Json]) -> Iterator[Json]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _all_steps([*step["Arguments"].get("IfSteps", []), *step["Arguments"].get("ElseSteps", [])])


def _all_conditions(conditions: list[Json]) -> Iterator[Json]:
    for condition in conditions:
        yield condition
        inner = [condition["Condition"]] if "Condition" in condition else condition.get("Conditions", [])
        yield from _all_conditions(inner)


def _check_order(waits: dict[str, set[str]]) -> None:
    """Refuse steps that wait for each other."""
    while waits:
        ready = [name for name, others in waits.items() if not others & set(waits)]
        if not ready:
            raise invalid(f"The steps {', '.join(sorted(waits))} wait for each other.")
        for name in ready:
            del waits[name]
