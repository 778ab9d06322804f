"""InvokeEndpoint, from a signed request to a model server and back."""

import re
from typing import TYPE_CHECKING

from local_sagemaker.errors import ApiError
from local_sagemaker.hosting.model_server import BODY_LIMIT, ServerDown

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.gate.signature import Caller, Request


NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
PASSED_ON = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
ELSEWHERE = {
    "async-invocations": ("InvokeEndpointAsync", "Use a batch transform job."),
    "invocations-response-stream": ("InvokeEndpointWithResponseStream", "Use InvokeEndpoint."),
}
REFUSED = {
    "x-amzn-sagemaker-target-model": "Multi-model endpoints are",
    "x-amzn-sagemaker-target-container-hostname": "Multi-container endpoints are",
    "x-amzn-sagemaker-inference-component": "Inference components are",
    "x-amzn-sagemaker-session-id": "Stateful sessions are",
    "x-amzn-sagemaker-enable-explanations": "Explanations are",
}


class ModelError(ApiError):
    """A model that answered with an error, or not at all: 424, with what the model said."""

    def __init__(self, cloud, endpoint, reply):
        side, message = "client" if 400 <= reply.status < 500 else "server", reply.text()
        super().__init__(
            "ModelError",
            f'Received {side} error ({reply.status}) from primary with message "{message}". '
            f"See `local-sagemaker logs {endpoint}` for more information.",
            424,
        )
        group = f"arn:aws:logs:{cloud.region}:{cloud.account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
        self.members = {"OriginalStatusCode": reply.status, "OriginalMessage": message, "LogStreamArn": group}


def answer(
    cloud: "Cloud", caller: "Caller", request: "Request", name: str, kind: str
) -> tuple[int, dict[str, str], bytes]:
    """Answer a POST to /endpoints/NAME/invocations."""
    if not NAME.fullmatch(name):
        raise ApiError("ValidationError", f"{name[:100]} is not the name of an endpoint.")
    caller.require("sagemaker:InvokeEndpoint", cloud.arn("endpoint", name))
    if kind in ELSEWHERE:
        operation, instead = ELSEWHERE[kind]
        raise ApiError("ValidationError", f"{operation} is not simulated here. {instead}")
    for header, what in REFUSED.items():
        if header in request.headers:
            raise ApiError("ValidationError", f"{what} not simulated here; leave out the header {header}.")
    if len(request.body) > BODY_LIMIT:
        message = f"The body has {len(request.body)} bytes; {BODY_LIMIT} are allowed."
        raise ApiError("RequestEntityTooLarge", message, 413)
    target = request.headers.get("x-amzn-sagemaker-target-variant")
    passed_on = [request.headers.get(header) for header in PASSED_ON]

    def record(config, variant, reply):
        if 200 <= reply.status < 300:
            cloud.capture.record(config, name, variant.name, request, reply)

    try:
        variant, reply = cloud.hosting.invoke(name, target, request.body, passed_on, record)
    except ServerDown as error:
        raise ApiError("ServiceUnavailable", str(error), 503) from None
    if not 200 <= reply.status < 300:
        raise ModelError(cloud, name, reply)
    headers = {"Content-Type": reply.content_type, "x-Amzn-Invoked-Production-Variant": variant.name}
    if reply.custom_attributes:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = reply.custom_attributes
    return 200, headers, reply.body
