"""Tags on anything that an operation has made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from local_sagemaker.control.api import ApiError, operation

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]


class Tags:
    """The tags of every resource, by its ARN; a resource without any has an entry too."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def keep(self, answer: Json, tags: Iterable[dict[str, str]]) -> None:
        """Keep the tags of what the answer to a Create request names."""
        for member, arn in answer.items():
            if member.endswith("Arn"):
                self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def drop(self, arn: str) -> None:
        """Forget a deleted resource."""
        self._tags.pop(arn, None)

    def of(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource, to be read or changed; an unknown one is refused."""
        if arn not in self._tags:
            raise ApiError("ValidationException", f"Could not find resource {arn}.")
        return self._tags[arn]


@operation
def add_tags(cloud: "Cloud", request: Json) -> Json:
    """Add or replace tags."""
    tags = cloud.tags.of(request["ResourceArn"])
    tags.update((tag["Key"], tag["Value"]) for tag in request["Tags"])
    return {"Tags": _listed(tags)}


@operation
def list_tags(cloud: "Cloud", request: Json) -> Json:
    """List the tags of one resource."""
    return {"Tags": _listed(cloud.tags.of(request["ResourceArn"]))}


@operation
def delete_tags(cloud: "Cloud", request: Json) -> Json:
    """Remove tags."""
    for key in request["TagKeys"]:
        cloud.tags.of(request["ResourceArn"]).pop(key, None)
    return {}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
