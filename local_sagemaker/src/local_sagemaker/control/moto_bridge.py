"""moto's records of SageMaker, those that claim nothing to have run, called in this process."""

import json
from typing import TYPE_CHECKING, Any

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import backends

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


def call(cloud: "Cloud", name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a SageMaker operation in moto alone and return its answer; its refusals come as `ApiError`."""
    headers = {"x-amz-target": f"SageMaker.{name}", "content-type": "application/x-amz-json-1.1"}
    body = json.dumps(request).encode()
    status, _, text = backends.call("sagemaker", backends.NOBODY, cloud.region, name, headers=headers, body=body)
    answer = json.loads(text or b"{}")
    if status >= 400:
        code = answer.get("__type", "InternalFailure").rpartition("#")[2]
        raise ApiError(code, answer.get("message") or answer.get("Message") or code, status)
    return answer
