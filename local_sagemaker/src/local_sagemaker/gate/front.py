"""The application that the daemon serves: it admits a request, asks whether its caller may, and has it answered."""

import json
import logging
import time
import uuid
from http import HTTPStatus

from local_sagemaker.control import shapes
from local_sagemaker.errors import ApiError
from local_sagemaker.gate import answers, authorization, chunks, permissions, refusals, routes
from local_sagemaker.gate.request import Call, Request
from local_sagemaker.gate.signature import STREAMED, Signed, verify
from local_sagemaker.hosting import runtime

log = logging.getLogger("local_sagemaker")


class Admission:
    """A request whose head has been examined: signed and routed, or refused."""

    def __init__(self, cloud, request: Request):
        self.cloud, self.request = cloud, request
        self.signed: Signed | None = None
        self.call: Call | None = None
        self.error: ApiError | None = None
        try:
            self._admit()
        except ApiError as error:
            self.error = error
        except Exception:
            log.exception("%s %s", request.method, request.path[:200])
            self.error = ApiError("InternalFailure", "The local SageMaker made a mistake; its log shows it.", 500)

    @property
    def limit(self) -> int:
        """The bytes that the body may have."""
        return self.call.limit if self.call else 0

    @property
    def protocol(self) -> str:
        """The form that errors take."""
        return self.call.protocol if self.call else refusals.protocol(self.request, self._service)

    def too_large(self) -> ApiError:
        """Return the refusal of a body that has more bytes than its operation takes."""
        size = "too many" if self.request.length is None else self.request.length
        return ApiError("RequestEntityTooLarge", f"The body has {size} bytes; {self.limit} are allowed.", 413)

    def _admit(self):
        request = self.request
        self._service = ""
        if not request.path.startswith("/"):
            raise ApiError("InvalidURI", "Couldn't parse the specified URI.")
        self.signed = verify(request, self.cloud.account, self.cloud.region)
        self._service = self.signed.service
        self.call = routes.route(request, self._service)
        if request.length is not None and request.length > self.limit:
            raise self.too_large()


class Front:
    """The application that the cloud serves; `gate/server.py` hands it requests that have been admitted or refused."""

    def __init__(self, cloud):
        self.cloud = cloud

    def admit(self, request: Request) -> Admission:
        """Examine the head of a request."""
        return Admission(self.cloud, request)

    def __call__(self, environ, start_response):
        began = time.monotonic()
        admission: Admission = environ["local_sagemaker.admission"]
        request = admission.request
        try:
            if admission.error:
                raise admission.error
            request.body = environ["wsgi.input"].read()
            status, headers, body = self._answer(admission)
        except ApiError as error:
            status, headers, body = refusals.render(error, admission.protocol)
        except RecursionError:
            error = ApiError("SerializationException", "The body is nested too deeply.")
            status, headers, body = refusals.render(error, admission.protocol)
        except Exception:
            log.exception("%s %s", request.method, request.path[:200])
            error = ApiError(
                "InternalFailure", "The local SageMaker made a mistake; `local-sagemaker logs` shows it.", 500
            )
            status, headers, body = refusals.render(error, admission.protocol)
        took = (time.monotonic() - began) * 1000
        operation = admission.call.operation if admission.call else ""
        log.info("%s %s %s %s %.0f ms", request.method, request.path[:200], operation, status, took)
        headers = {"x-amzn-RequestId": str(uuid.uuid4()), **headers}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        return [b"" if request.method == "HEAD" else body]

    def _answer(self, admission):
        request, signed = admission.request, admission.signed
        if signed.payload in STREAMED:
            request.body = chunks.decode(signed, request.body)
        else:
            signed.check_body(request.body)
        request.body = routes.unpacked(admission.call, request)
        call, caller, cloud = routes.complete(admission.call, request.body), signed.caller, self.cloud
        for need in permissions.needs(call, request, cloud.account, cloud.region):
            authorization.require(caller, need, cloud.account)
        routes.check_policies(call, request.body)
        if call.service == "sagemaker":
            return self._sagemaker(call, caller, request)
        return answers.answer(call, request, caller, cloud.region)

    def _sagemaker(self, call, caller, request):
        if call.operation in routes.INVOCATIONS.values():
            kind = next(kind for kind, name in routes.INVOCATIONS.items() if name == call.operation)
            return runtime.answer(self.cloud, caller, request, call.key, kind)
        found = self.cloud.call(call.operation, call.members)
        shape = shapes.service().operation_model(call.operation).output_shape
        text = json.dumps(shapes.render(found, shape)) if shape else ""
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, text.encode()
