"""HTTP to a server that listens at a socket in the file system."""

import socket
from pathlib import Path
from typing import Any

import urllib3


class UnixConnection(urllib3.connection.HTTPConnection):
    """One connection; `path` is set by the pool."""

    path: Path

    def _new_conn(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(self.timeout)
        try:
            line.connect(str(self.path))
        except OSError as error:
            line.close()
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
        return line


class UnixPool(urllib3.HTTPConnectionPool):
    """Connections to one model server."""

    def __init__(self, path: Path) -> None:
        super().__init__("model", maxsize=32)
        self.ConnectionCls: Any = type("Connection", (UnixConnection,), {"path": path})
