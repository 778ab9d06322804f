"""The HTTP server: waitress, which here shows the head of a request to the gate before it takes the body."""

import io

import waitress
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

from local_sagemaker.gate.request import Request

THREADS = 32
CONNECTIONS = 500
HEAD_LIMIT = 64 * 1024  # bytes of a request's head
MEMORY_LIMIT = 128 * 1024  # bytes of one body that stay in memory; the rest goes to a file
SKIP_LIMIT = 32 * 1024**2  # bytes of a refused body that are read and thrown away, so that its sender hears the answer


class Skipped:
    """A body that nobody wants: read from the line, and forgotten."""

    error = None

    def __init__(self, length):
        self._left = length

    @property
    def completed(self):
        """Whether all of it has come."""
        return self._left == 0

    def received(self, data):
        """Take bytes and return how many were its own."""
        taken = min(len(data), self._left)
        self._left -= taken
        return taken

    def getfile(self):
        """Return what is left of it: nothing."""
        return io.BytesIO()

    def getbuf(self):
        """Return what is closed at the end."""
        return io.BytesIO()


class Parser(HTTPRequestParser):
    """A request whose head is judged as soon as it is complete."""

    front = None  # set by `create`
    admission = None

    def parse_header(self, header_plus):
        """Parse the head, and go on with the body only if the gate admits it."""
        super().parse_header(header_plus)
        headers = {name.replace("_", "-").lower(): value for name, value in self.headers.items()}
        path, _, query = self.request_uri.partition("?")
        length = None if self.chunked else self.content_length
        self.admission = self.front.admit(Request(self.command.upper(), path, query, headers, length=length))
        if self.admission.error:
            self._refuse()

    def received(self, data):
        """Take bytes; a body without an announced length is cut off where its limit is."""
        taken = super().received(data)
        if self.admission and not self.admission.error and self.body_bytes_received > self.admission.limit:
            self.admission.error = self.admission.too_large()
            self.error, self.completed = None, True
            self.headers["CONNECTION"] = "close"
        return taken

    def _refuse(self):
        if self.chunked or self.expect_continue or self.content_length > SKIP_LIMIT:
            self.headers["CONNECTION"] = "close"  # what comes after is not read
            self.chunked, self.content_length, self.body_rcv = False, 0, None
        elif self.content_length:
            self.body_rcv = Skipped(self.content_length)
        self.expect_continue = False


class Task(WSGITask):
    """A request on its way to the application."""

    def get_environment(self):
        """Return the WSGI environment, with the gate's verdict."""
        return super().get_environment() | {"local_sagemaker.admission": self.request.admission}


class Channel(HTTPChannel):
    """A connection that does not wait for a body of no bytes, as waitress does when a client expects 100-continue."""

    task_class = Task

    def send_continue(self):
        """Ask for the body."""
        complete = self.request.completed
        super().send_continue()
        self.request.completed = complete


def create(front, listener):
    """Return a server for the application at a socket."""
    server = waitress.create_server(
        front,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        max_request_header_size=HEAD_LIMIT,
        max_request_body_size=2**62,  # each operation has its own limit
        inbuf_overflow=MEMORY_LIMIT,
        asyncore_use_poll=True,
        ident=None,
    )
    parser = type("GateParser", (Parser,), {"front": front})
    server.channel_class = type("GateChannel", (Channel,), {"parser_class": parser})
    return server
