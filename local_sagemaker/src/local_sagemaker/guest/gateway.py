"""The reception: a small web server in front of an endpoint, which asks who calls, signs for them, and shows a page.

    gateway = Gateway(client, "my-endpoint", authorizer)  # gateway.url
    gateway.close()

`authorizer(event, context)` is a function as AWS Lambda runs it for an HTTP API: it looks at the headers of a request
and answers {"isAuthorized": True or False, "context": {"caller": ...}}. On AWS, API Gateway does what this room does.
"""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

PAGE = Path(__file__).with_name("page.html")
PICTURES = ("image/jpeg", "image/png")
MOST_BYTES = 5 * 2**20  # of a photograph; SageMaker itself takes a little more
PATIENCE = 10  # seconds without a byte before a caller is dropped
METHODS = {"/": ("GET", "HEAD"), "/detect": ("POST",)}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src blob: data:; frame-ancestors 'self'",
}
log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that goes no further: the status and the sentence that its caller gets."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status, self.headers = status, headers


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        log.info("A caller went away.", exc_info=True)  # and needs no traceback in a notebook


class Gateway:
    """Serves on this machine, from a thread of this process, until it is closed or the process ends.

    `client` is boto3's for the SageMaker runtime: the gateway may do what its keys may do. `calls` lists who asked to
    have a photograph looked at, as far as known, and the status of the answer.
    """

    def __init__(self, client, endpoint, authorizer, most_bytes=MOST_BYTES):
        self.client, self.endpoint, self.authorizer, self.most_bytes = client, endpoint, authorizer, most_bytes
        self.calls = []
        self._server = _Server(("127.0.0.1", 0), type("Desk", (_Desk,), {"gateway": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def caller(self, event):
        """Return the name of who sent a request, or refuse it, as an HTTP API does."""
        if not event["headers"].get("authorization"):
            raise Refused(401, "Unauthorized", **{"WWW-Authenticate": "Bearer"})
        verdict = self.authorizer(event, None)
        if verdict.get("isAuthorized") is not True:
            raise Refused(403, "Forbidden")
        return verdict.get("context", {}).get("caller", "unnamed")

    def ask(self, picture, content_type):
        """Return the endpoint's answer; a caller hears what is wrong with a photograph, not what is behind the door."""
        try:
            reply = self.client.invoke_endpoint(EndpointName=self.endpoint, ContentType=content_type, Body=picture)
            return reply["Body"].read()
        except (ClientError, BotoCoreError) as error:
            answer = getattr(error, "response", {})
            if 400 <= answer.get("OriginalStatusCode", 0) < 500:
                words = answer.get("OriginalMessage", "").partition("\n")[0]  # AWS's toolkit adds a traceback
                raise Refused(400, words) from error
            log.info("%s: %s", self.endpoint, error)
            raise Refused(502, "The model does not answer.") from error


class _Desk(BaseHTTPRequestHandler):
    """One connection, which is one request."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gateway", ""
    timeout = PATIENCE
    gateway: Gateway

    def respond(self):
        caller, path = None, self.path.partition("?")[0]
        self.unread = self.length() or 0
        try:
            self.check_address(path)
            if path == "/":
                self.answer(200, PAGE.read_bytes(), {"Content-Type": "text/html; charset=utf-8"})
                return
            caller = self.gateway.caller(self.event(path))
            picture = self.picture()
            status, body, headers = 200, self.gateway.ask(picture, self.headers["Content-Type"]), {}
        except Refused as refused:
            status, body, headers = refused.status, _message(refused), refused.headers
        except TimeoutError:
            status, body, headers = 408, _message("The photograph did not arrive."), {}
        except Exception:
            log.exception("%s %s", self.command, path)
            status, body, headers = 500, _message("Internal Server Error"), {}
        if path == "/detect":
            self.gateway.calls.append((caller, status))
        self.answer(status, body, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond

    def length(self):
        """Return how many bytes the caller says will follow, or None."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() and len(text) < 16 else None

    def check_address(self, path):
        if path not in METHODS:
            raise Refused(404, "Not Found")
        if self.command not in METHODS[path]:
            allowed = ", ".join(METHODS[path])
            raise Refused(405, f"{path} takes {allowed} only.", Allow=allowed)

    def event(self, path):
        """Return what an HTTP API tells its authorizer, in the parts that one needs."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        return {
            "version": "2.0",
            "type": "REQUEST",
            "routeKey": f"{self.command} {path}",
            "rawPath": path,
            "headers": headers,
            "identitySource": [headers.get("authorization")],
        }

    def picture(self):
        """Return the body, when it is the kind of thing, and no larger, than the endpoint should see."""
        if self.headers.get("Content-Type") not in PICTURES:
            raise Refused(415, f"Send one of {', '.join(PICTURES)}.")
        if self.length() is None:
            raise Refused(411, "Say in Content-Length how many bytes follow.")
        if self.unread > self.gateway.most_bytes:
            raise Refused(413, f"A photograph may have {self.gateway.most_bytes} bytes, this one has {self.unread}.")
        expected, self.unread = self.unread, 0
        body = self.rfile.read(expected)
        if len(body) < expected:
            raise Refused(400, "The photograph broke off.")
        return body

    def answer(self, status, body, headers):
        # A connection closed upon bytes that nobody read is reset, and the answer lost; so read on, within reason.
        left = min(self.unread, 4 * self.gateway.most_bytes)
        while left > 0 and (part := self.rfile.read(min(left, 2**16))):
            left -= len(part)
        self.send_response(status)
        standard = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        for name, value in {**standard, **HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code, message=None, explain=None):
        """What the standard library refuses by itself, such as a broken first line, as JSON too."""
        self.close_connection, self.unread = True, 0
        self.answer(code, _message(message or self.responses[code][0]), {})

    def log_message(self, *_):
        pass  # a notebook is no log


def _message(words):
    return json.dumps({"message": str(words)}).encode()
