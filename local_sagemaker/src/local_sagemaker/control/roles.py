"""Roles that SageMaker may assume."""

import json
from typing import TYPE_CHECKING

from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


def require(cloud: "Cloud", arn: str) -> None:
    """Refuse, as AWS does, a role that does not exist or that SageMaker may not assume."""
    iam, name = cloud.client("iam"), arn.rpartition("/")[2]
    try:
        role = iam.get_role(RoleName=name)["Role"]
        trusted = json.dumps(role["AssumeRolePolicyDocument"])
    except iam.exceptions.NoSuchEntityException:
        role, trusted = {}, ""
    if role.get("Arn") != arn or "sagemaker.amazonaws.com" not in trusted:
        raise ApiError(
            "ValidationException",
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )
