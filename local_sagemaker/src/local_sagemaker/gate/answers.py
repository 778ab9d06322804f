"""Calls that moto answers, S3's and those of the services beside SageMaker."""

from local_sagemaker.errors import ApiError
from local_sagemaker.gate import backends, deletions, managed_policies, simulation, wellformed
from local_sagemaker.gate.identity import Caller
from local_sagemaker.gate.request import Call, Request


def answer(call: Call, request: Request, caller: Caller | None, region: str) -> backends.Answer:
    """Have moto answer a call that its caller may make; without a caller it is the daemon's own."""
    wellformed.check(call, request.body)
    key = caller.key if caller and caller.key else backends.NOBODY
    if call.service == "s3":
        if call.operation == "DeleteObjects" and caller:
            return deletions.answer(call, request, caller, key, region)
        return backends.call_s3(
            key,
            region,
            call.operation,
            method=request.method,
            bucket=call.bucket,
            key=call.key,
            query=call.query,
            headers=request.headers,
            body=request.body,
        )
    if call.service == "iam":
        if call.operation in simulation.OPERATIONS:
            return simulation.answer(call.operation, call.members, backends.ACCOUNT)
        managed_policies.load(call.operation, backends.ACCOUNT)
    if call.operation == "FilterLogEvents" and "logStreamNamePrefix" in call.members:
        # moto does not read it and would answer with the lines of all streams
        raise ApiError("ValidationException", "logStreamNamePrefix is not simulated here; use logStreamNames.")
    path = "/BatchPutMetrics" if call.service == "sagemaker-metrics" else "/"
    return backends.call(
        call.service, key, region, call.operation, headers=request.headers, body=request.body, path=path
    )
