"""moto, which keeps storage, identities, logs, metrics and some of SageMaker's records, called in this process."""

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


@cache
def application() -> Any:
    """Return moto's own WSGI application, which checks nothing."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def call(cloud: "Cloud", name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a SageMaker operation in moto alone and return its answer; its refusals come as `ApiError`."""
    body = json.dumps(request).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": f"api.sagemaker.{cloud.region}.amazonaws.com",
        "HTTP_X_AMZ_TARGET": f"SageMaker.{name}",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={cloud.keys[0]}/20260101/{cloud.region}/sagemaker/"
        "aws4_request, SignedHeaders=host, Signature=0",
        "CONTENT_TYPE": "application/x-amz-json-1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    status = 500

    def start_response(line: str, headers: Any, exc_info: Any = None) -> None:
        nonlocal status
        status = int(line.split()[0])

    answer = json.loads(b"".join(application()(environ, start_response)) or b"{}")
    if status >= 400:
        code = answer.get("__type", "InternalFailure").rpartition("#")[2]
        raise ApiError(code, answer.get("message") or answer.get("Message") or code, status)
    return answer
