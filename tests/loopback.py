"""A host on this machine that stands in for those that serve files and packages, and fails in the ways that they do."""

import contextlib
import http.server
import threading


class Host:
    """Serves `files` by path. `cut` ends answers after so many bytes; `spoil` is how many answers arrive altered."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []  # what was asked for, and from which byte
        self.headers: list[dict[str, str]] = []
        self.cut: int | None = None
        self.cuts_left = 0
        self.spoil = 0

    def address(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def serving():
    host = Host()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.lstrip("/").partition("?")[0]
            wanted = self.headers.get("Range")
            host.asked.append((path, wanted))
            host.headers.append(dict(self.headers))
            content = host.files.get(path)
            if content is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            if start and start >= len(content):
                self.send_error(416)
                return
            body = content[start:]
            if host.spoil:
                host.spoil -= 1
                body = bytes([body[0] ^ 1]) + body[1:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", host.types.get(path, "application/octet-stream"))
            self.end_headers()
            if host.cuts_left:
                host.cuts_left -= 1
                body = body[: host.cut]
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield host
        server.shutdown()
