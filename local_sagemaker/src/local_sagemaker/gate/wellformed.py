"""What AWS refuses before it acts: members of another type than the operation's, and XML of another form.

moto reads what is well-formed. With this before it, an exception of moto's is a fault and not an answer.
"""

from typing import Any
from xml.etree import ElementTree

from local_sagemaker.control import shapes
from local_sagemaker.errors import ApiError
from local_sagemaker.gate.request import Call

# The names that services sign with are not always those of their descriptions.
DESCRIPTIONS = {"monitoring": "cloudwatch", "sagemaker-metrics": "sagemaker-metrics"}
INVALID = {"logs": "InvalidParameterException", "monitoring": "InvalidParameterValue"}
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
OPTIONAL = ("CreateBucket",)  # takes a document or none
WORDS = {"integer": "an integer", "long": "an integer", "boolean": "true or false"}


def check(call: Call, body: bytes) -> None:
    """Refuse a call whose members or whose document do not have the form that its operation describes."""
    model = shapes.service(DESCRIPTIONS.get(call.service, call.service)).operation_model(call.operation)
    shape = model.input_shape
    if shape is None:
        return
    if call.service == "s3":
        _check_document(call.operation, shape, body)
    elif call.protocol == "query":
        _check_form(call.members, shape)
    elif call.members:
        found = list(shapes.problems(call.members, shape))
        if found:
            count = f"{len(found)} validation error{'s' * (len(found) > 1)} detected"
            code = INVALID.get(call.service, "ValidationException")
            raise ApiError(code, f"{count}: {'; '.join(found)}")


def _check_form(members, shape):
    """Refuse numbers and truth values of a form that are none; lists and structures of it are moto's to read."""
    for name, member in shape.members.items():
        text, kind = members.get(name), member.type_name
        if text is None or kind not in WORDS:
            continue
        if text not in ("true", "false") if kind == "boolean" else not text.removeprefix("-").isdecimal():
            raise ApiError("ValidationError", f"Value '{text[:100]}' at '{name}' must be {WORDS[kind]}.")


def _check_document(operation, shape, body):
    payload = shape.members.get(shape.serialization.get("payload", ""))
    if payload is None or payload.type_name != "structure" or (not body and operation in OPTIONAL):
        return
    try:
        root = ElementTree.fromstring(body) if b"<!" not in body else None
    except (ElementTree.ParseError, ValueError):
        root = None
    if root is None or _name(root) != payload.serialization.get("name", payload.name) or not _fits(root, payload):
        raise ApiError("MalformedXML", MALFORMED)


def _fits(element: ElementTree.Element, shape: Any) -> bool:
    """Return whether an element of XML has the form that a shape describes."""
    text = (element.text or "").strip()
    if shape.type_name == "structure":
        return all(
            _member_fits([child for child in element if _name(child) == member.serialization.get("name", name)], member)
            for name, member in shape.members.items()
        ) and all(
            any(_name(child) == shape.members[name].serialization.get("name", name) for child in element)
            for name in shape.required_members
        )
    if shape.type_name in ("integer", "long"):
        return text.removeprefix("-").isdecimal()
    if shape.type_name == "boolean":
        return text in ("true", "false")
    return not len(element) and (shape.type_name != "string" or not shape.enum or text in shape.enum)


def _member_fits(found, shape):
    if shape.type_name != "list":
        return len(found) < 2 and all(_fits(element, shape) for element in found)
    entries = found if shape.serialization.get("flattened") else [entry for element in found for entry in element]
    return all(_fits(entry, shape.member) for entry in entries)


def _name(element):
    return element.tag.rpartition("}")[2]
