"""The network switched off: once `install` was called, the sockets of this process reach this machine alone.

The suite puts this folder on `PYTHONPATH`, where every Python finds sitecustomize.py, so kernels, model servers and
workers are cut off as tests are. The network is open where GLUON_LESSONS_OFFLINE is not 1.
"""

import os
import socket
import sys

REACHING_OUT = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LOOKING_UP = {"socket.getaddrinfo", "socket.gethostbyname"}
HERE = {"localhost", "0.0.0.0", "::", "::1", "", None, socket.gethostname()}


class NetworkIsOff(OSError):
    """Something tried to reach another machine."""


def refuse(event, arguments):
    """Watch what the interpreter is about to do; nothing in the process can go around this."""
    if event in REACHING_OUT:
        address = arguments[1]
        # A path is a local socket, and a pair of numbers the kernel's own.
        host = address[0] if isinstance(address, tuple) and isinstance(address[0], str) else None
    elif event in LOOKING_UP:
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
    else:
        return
    if os.environ.get("GLUON_LESSONS_OFFLINE") == "1" and not is_here(host):
        raise NetworkIsOff(f"The network is off for the tests: {host} is not this machine.")


def is_here(host):
    return host in HERE or host.startswith(("127.", "::ffff:127.")) or host.endswith(".localhost")


def install():
    """Watch this process from now on; an audit hook stays until it ends."""
    if not getattr(sys, "_network_off", False):
        sys.addaudithook(refuse)
        sys._network_off = True
