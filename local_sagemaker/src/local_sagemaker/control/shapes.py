"""Check a request and trim an answer against botocore's own description of SageMaker."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name


@cache
def service(name: str = "sagemaker") -> Any:
    """Return botocore's model of one service."""
    return botocore.session.get_session().get_service_model(name)


@cache
def operation_names() -> dict[str, str]:
    """Return {"create_endpoint": "CreateEndpoint", ...} for every SageMaker operation."""
    return {xform_name(name): name for name in service().operation_names}


def problems(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield what AWS would say about every member of a request that breaks its shape."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a structure"
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from problems(value[name], member, _join(path, name))
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a list"
            return
        yield from _size(value, shape, path)
        for number, item in enumerate(value, 1):
            yield from problems(item, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a map"
            return
        yield from _size(value, shape, path)
        for key, item in value.items():
            yield from problems(item, shape.value, f"{path}.{key}.member")
    elif shape.type_name == "string":
        if not isinstance(value, str):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a string"
            return
        yield from _size(value, shape, path)
        pattern = _pattern(shape.metadata.get("pattern"))
        if pattern and not pattern.fullmatch(value):
            yield (
                f"Value '{value[:100]}' at '{path}' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {pattern.pattern}"
            )
        if shape.enum and value not in shape.enum:
            allowed = ", ".join(shape.enum)
            yield (
                f"Value '{value[:100]}' at '{path}' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{allowed}]"
            )
    elif shape.type_name == "boolean":
        if not isinstance(value, bool):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a boolean"
    elif shape.type_name == "timestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float, datetime)):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a timestamp"
    elif shape.type_name == "blob":
        if not isinstance(value, (str, bytes)):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a blob"
    elif shape.type_name in ("integer", "long", "float", "double"):
        kinds = (int,) if shape.type_name in ("integer", "long") else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a number ({shape.type_name})"
        elif not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
            yield (
                f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be between "
                f"{shape.metadata.get('min', 'any')} and {shape.metadata.get('max', 'any')}"
            )


def render(value: Any, shape: Any) -> Any:
    """Return an answer as JSON carries it: members the shape knows, no nulls, no empty structures, times as seconds."""
    if shape.type_name == "structure":
        members = {
            name: render(value[name], member) for name, member in shape.members.items() if value.get(name) is not None
        }
        return {k: v for k, v in members.items() if v != {} or shape.members[k].type_name == "map"}
    if shape.type_name == "list":
        return [render(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {key: render(item, shape.value) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.timestamp()
    if shape.type_name == "string":
        return str(value)
    return value


def _join(path, name):
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _size(value, shape, path):
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", len(value))
    if not low <= len(value) <= high:
        wanted = f"greater than or equal to {low}" if len(value) < low else f"less than or equal to {high}"
        yield f"Value at '{path}' failed to satisfy constraint: Member must have length {wanted}"


@cache
def _pattern(text):
    """Compile a Java pattern; the few that Python's re cannot read are not checked."""
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error:
        return None
