"""Refusals of requests that AWS would refuse too, or that ask for what is not simulated here."""

from typing import Any

from local_sagemaker.errors import ApiError


def refuse(request: dict[str, Any], members: dict[str, str]) -> None:
    """Refuse a request that sets a member which is not simulated: {"OutputDataConfig.KmsKeyId": "leave it out"}."""
    for path, cure in members.items():
        value: Any = request
        for name in path.split("."):
            value = value.get(name) if value else None
        if value:
            raise ApiError("ValidationException", f"{path} is not simulated here; {cure}.")


def invalid(message: str) -> ApiError:
    """Return the refusal of a request that AWS would refuse too."""
    return ApiError("ValidationException", message)
