"""Roles that SageMaker may assume."""

from typing import TYPE_CHECKING

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import authorization

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


def require(cloud: "Cloud", arn: str) -> None:
    """Refuse, as AWS does, a role that does not exist or that SageMaker may not assume."""
    if not authorization.trusts_sagemaker(arn, cloud.account, cloud.region):
        raise ApiError(
            "ValidationException",
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role.",
        )
