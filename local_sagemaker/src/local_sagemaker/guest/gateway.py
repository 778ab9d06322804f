"""A small web server in front of an endpoint: it asks who calls, signs for them, and shows a page.

    gateway = Gateway(client, "my-endpoint", authorizer)  # gateway.url
    gateway.close()

`authorizer(event, context)` is a function as AWS Lambda runs it for an HTTP API: it looks at the headers of a request
and answers {"isAuthorized": True or False, "context": {"caller": ...}}. On AWS, API Gateway does what this module does.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

PAGE = Path(__file__).with_name("page.html")
PICTURES = ("image/jpeg", "image/png")
MOST_BYTES = 5 * 2**20  # of a photograph; SageMaker itself takes a little more
PATIENCE = 10  # seconds without a byte of a photograph before its caller is refused
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src blob: data:; frame-ancestors 'self'",
}
log = logging.getLogger(__name__)
Json = dict[str, Any]


class Gateway:
    """Serves on this machine, from a thread of this process, until it is closed or the process ends.

    `client` is boto3's for the SageMaker runtime: the gateway may do what its keys may do. `calls` lists who asked to
    have a photograph looked at, as far as known, and the status of the answer.
    """

    def __init__(
        self, client: Any, endpoint: str, authorizer: Callable[[Json, Any], Json], most_bytes: int = MOST_BYTES
    ) -> None:
        self.client, self.endpoint, self.authorizer, self.most_bytes = client, endpoint, authorizer, most_bytes
        self.calls: list[tuple[str | None, int]] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        application = Starlette(
            routes=[Route("/", self._page), Route("/detect", self._detect, methods=["POST"])],
            exception_handlers={HTTPException: _refusal},
        )
        config = uvicorn.Config(
            application,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # a notebook is no log
            access_log=False,
            server_header=False,
            timeout_keep_alive=PATIENCE,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        self._thread.join()

    def caller(self, event: Json) -> str:
        """Return the name of who sent a request, or refuse it, as an HTTP API does."""
        if not event["headers"].get("authorization"):
            raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        verdict = self.authorizer(event, None)
        if verdict.get("isAuthorized") is not True:
            raise HTTPException(403, "Forbidden")
        return verdict.get("context", {}).get("caller", "unnamed")

    def ask(self, picture: bytes, content_type: str) -> bytes:
        """Return the endpoint's answer; a caller hears what is wrong with a photograph, and nothing else."""
        try:
            reply = self.client.invoke_endpoint(EndpointName=self.endpoint, ContentType=content_type, Body=picture)
            return reply["Body"].read()
        except (ClientError, BotoCoreError) as error:
            answer = getattr(error, "response", {})
            if 400 <= answer.get("OriginalStatusCode", 0) < 500:
                words = answer.get("OriginalMessage", "").partition("\n")[0]  # AWS's toolkit adds a traceback
                raise HTTPException(400, words) from error
            log.info("%s: %s", self.endpoint, error)
            raise HTTPException(502, "The model does not answer.") from error

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(PAGE.read_bytes(), headers=HEADERS)

    async def _detect(self, request: Request) -> Response:
        caller = None
        try:
            caller = await run_in_threadpool(self.caller, _event(request))
            picture = await self._picture(request)
            answer = await run_in_threadpool(self.ask, picture, request.headers["content-type"])
            response = Response(answer, media_type="application/json", headers=HEADERS)
        except HTTPException as refused:
            response = _refusal(request, refused)
        except Exception:
            log.exception("%s %s", request.method, request.url.path)
            response = _refusal(request, HTTPException(500))
        self.calls.append((caller, response.status_code))
        return response

    async def _picture(self, request: Request) -> bytes:
        """Return the body, when it is the kind of thing, and no larger, than the endpoint should see."""
        if request.headers.get("content-type") not in PICTURES:
            raise HTTPException(415, f"Send one of {', '.join(PICTURES)}.")
        length = request.headers.get("content-length")  # uvicorn has checked that it is a number
        if length is None:
            raise HTTPException(411, "Say in Content-Length how many bytes follow.")
        if int(length) > self.most_bytes:
            raise HTTPException(413, f"A photograph may have {self.most_bytes} bytes, this one has {length}.")
        body, parts = bytearray(), aiter(request.stream())
        try:
            while len(body) < int(length):
                body += await asyncio.wait_for(anext(parts), PATIENCE)
        except TimeoutError:
            raise HTTPException(408, "The photograph did not arrive.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The photograph broke off.") from None
        return bytes(body)


def _event(request: Request) -> Json:
    """Return what an HTTP API tells its authorizer, in the parts that one needs."""
    headers = dict(request.headers)
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeKey": f"{request.method} {request.url.path}",
        "rawPath": request.url.path,
        "headers": headers,
        "identitySource": [headers.get("authorization")],
    }


def _refusal(request: Request, refused: Exception) -> Response:
    """Return the answer to a request that goes no further: a status and one sentence."""
    assert isinstance(refused, HTTPException)
    return JSONResponse({"message": refused.detail}, refused.status_code, {**HEADERS, **(refused.headers or {})})
