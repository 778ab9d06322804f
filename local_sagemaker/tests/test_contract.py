"""Every member of every operation that is answered here, as botocore describes it: what breaks its form is refused."""

import pytest
from local_sagemaker.control import api, shapes
from local_sagemaker.errors import ApiError

ANSWERED = sorted(name for name, (kind, _) in api.table_of_operations().items() if kind != "refused")
DEEPEST = 6  # structures in structures; some contain themselves


def members(shape, path="", place=(), depth=0):
    """Yield (path as in a message, keys to get there, shape) of everything that a request may hold."""
    if depth > DEEPEST:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            lower = name[0].lower() + name[1:]
            here = f"{path}.{lower}" if path else lower
            yield here, (*place, name), member
            yield from members(member, here, (*place, name), depth + 1)
    elif shape.type_name == "list":
        yield f"{path}.1.member", (*place, 0), shape.member
        yield from members(shape.member, f"{path}.1.member", (*place, 0), depth + 1)
    elif shape.type_name == "map":
        yield f"{path}.x.member", (*place, "x"), shape.value
        yield from members(shape.value, f"{path}.x.member", (*place, "x"), depth + 1)


def wrong(shape):
    """Yield (value, words of the refusal) for each way in which a member can break its shape."""
    kind, bounds = shape.type_name, shape.metadata
    words = {"structure": "a structure", "list": "a list", "map": "a map", "string": "a string", "boolean": "a boolean"}
    if kind in words:
        yield 7, f"must be {words[kind]}"
    elif kind in ("integer", "long", "float", "double"):
        yield "7", "must be a number"
        yield True, "must be a number"
        if kind in ("integer", "long"):
            yield 1.5, "must be a number"
        for bound, step in (("min", -1), ("max", 1)):
            if bound in bounds:
                yield bounds[bound] + step, "must be between"
    elif kind == "timestamp":
        yield "x", "must be a timestamp"
        yield True, "must be a timestamp"
    elif kind == "blob":
        yield 7, "must be a blob"
    fillers = {"string": lambda n: "a" * n, "list": lambda n: [7] * n, "map": lambda n: {str(i): 7 for i in range(n)}}
    if kind in fillers:
        if bounds.get("min"):
            yield fillers[kind](bounds["min"] - 1), "length greater than or equal to"
        if "max" in bounds and bounds["max"] < 100_000:
            yield fillers[kind](bounds["max"] + 1), "length less than or equal to"
    if kind == "string" and shape.enum:
        yield "NoSuchWord", "enum value set"
    if kind == "string" and shapes._pattern(bounds.get("pattern")):
        for value in ("\n", " ", "!", "\0"):
            if not shapes._pattern(bounds["pattern"]).fullmatch(value):
                yield value, "regular expression pattern"
                break


def request(place, value):
    """Return a request that holds one value at one place, and nothing else."""
    for name in reversed(place):
        value = [value] if name == 0 else {name: value}
    return value


def refusal(name, members):
    """Return the message with which an operation refuses a request; one that it takes fails the test."""
    with pytest.raises(ApiError) as found:
        api.call(None, name, members)  # refused before the cloud is looked at
    assert (found.value.code, found.value.status) == ("ValidationException", 400)
    return found.value.message


@pytest.mark.parametrize("name", ANSWERED)
def test_what_breaks_the_form_of_a_member_is_refused_by_its_path(name):
    shape = shapes.service().operation_model(name).input_shape
    for path, place, member in members(shape):
        for value, words in wrong(member):
            message = refusal(name, request(place, value))
            parts = message.partition(": ")[2].split("; ")
            assert any(f"at '{path}'" in part and words in part for part in parts), (path, value, message[:300])


@pytest.mark.parametrize("name", ANSWERED)
def test_every_member_that_is_required_is_asked_for(name):
    shape = shapes.service().operation_model(name).input_shape
    inner = [(path, place, member) for path, place, member in members(shape) if member.type_name == "structure"]
    for path, place, structure in [("", (), shape), *inner]:
        if structure.required_members:
            message = refusal(name, request(place, {}))
        for required in structure.required_members:
            lower = required[0].lower() + required[1:]
            assert f"null at '{path}.{lower}'".replace("'.", "'") in message


def unread():
    """Yield the patterns of answered operations that Python cannot read, so that they are not checked."""
    for name in ANSWERED:
        for _, _, member in members(shapes.service().operation_model(name).input_shape):
            pattern = member.metadata.get("pattern")
            if member.type_name == "string" and pattern and not shapes._pattern(pattern):
                yield pattern


def test_seven_patterns_are_not_checked_and_no_more():
    found = set(unread())
    assert len(found) == 7, sorted(found)
    assert all(r"\p{" in pattern or r"\u" in pattern for pattern in found)
