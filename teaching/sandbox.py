"""What somebody else's code may do in this process: compute within limits, read the course, write to one folder.

It is shut in by the Linux kernel: Landlock for files, a seccomp filter for processes, signals and the network, resource
limits for time and memory. Nothing of it can be undone by the code that runs afterwards.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gluon_lessons.errors import LessonError

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on every processor
READ_FILE, WRITE_FILE, TRUNCATE, REFER = 1 << 2, 1 << 1, 1 << 14, 1 << 13
MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))

# The numbers of system calls, and of the architecture, by processor: refused ones, clone, clone3 and socket.
CALLS: dict[str, dict[str, Any]] = {
    "x86_64": {
        "architecture": 0xC000003E, "clone": 56, "clone3": 435,
        "refused": (
            41, 57, 58, 59, 322, 62, 200, 234, 129, 297, 424, 101, 310, 311, 425,  # socket, fork, exec, kill, ptrace
            90, 91, 268, 452, 92, 93, 94, 260, 188, 189, 190, 155, 161, 165, 166, 272, 308, 321, 250, 248, 249,
        ),
    },
    "aarch64": {
        "architecture": 0xC00000B7, "clone": 220, "clone3": 435,
        "refused": (
            198, 221, 281, 129, 130, 131, 138, 240, 424, 117, 270, 271, 425,
            52, 53, 452, 54, 55, 5, 6, 7, 41, 51, 40, 39, 97, 268, 280, 219, 217, 218,
        ),
    },
}  # fmt: skip
CLONE_THREAD = 0x10000


def available() -> bool:
    """Say whether this machine's kernel can shut a process in."""
    return sys.platform == "linux" and platform.machine() in CALLS and _landlock_version() > 0


def enter(folder: Path, readable: Iterable[Path], *, seconds: int, memory: int, file_size: int) -> None:
    """Shut this process in: it may write to `folder` alone, and read there, in `readable` and in the system's folders.

    Call it before other threads begin: those that run already stay as they are.
    """
    if not available():
        raise LessonError("This machine cannot shut in what it runs: that takes Linux 5.13 or newer, with Landlock.")
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
    ):
        resource.setrlimit(limit, (value, value))
    _checked(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0))  # it ends with who started it
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _drop_capabilities()
    _restrict_files(folder, readable)
    _restrict_calls()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _drop_capabilities() -> None:
    """Give up what root may do beyond others; for anybody else nothing changes."""
    header = struct.pack("=Ii", 0x20080522, 0)
    _checked(libc.capset(header, bytes(24)))


def _landlock_version() -> int:
    return libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))


def _restrict_files(folder: Path, readable: Iterable[Path]) -> None:
    version = _landlock_version()
    writing = WRITE_FILE | MAKE_AND_REMOVE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    handled = struct.pack("=Q", READ_FILE | writing)
    ruleset = _checked(libc.syscall(LANDLOCK_CREATE, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint32(0)))
    system = [Path(place) for place in ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev")]
    allowed = [(place, READ_FILE) for place in (*system, *readable)]
    for place, rights in (*allowed, (folder, READ_FILE | writing), (Path("/dev/null"), READ_FILE | WRITE_FILE)):
        if not place.exists():
            continue
        if not place.is_dir():
            rights &= READ_FILE | WRITE_FILE | TRUNCATE
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, handle)
        _checked(libc.syscall(LANDLOCK_ADD, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)))
        os.close(handle)
    _checked(libc.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0)))
    os.close(ruleset)


def _restrict_calls() -> None:
    """Refuse new processes, signals, the network, and what changes files beside Landlock; threads may begin."""
    calls = CALLS[platform.machine()]
    refuse, no_such_call, allow, kill = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x7FFF0000, 0x80000000
    program = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 1, 0, calls["architecture"]),
        (0x06, 0, 0, kill),
        (0x20, 0, 0, 0),  # load the call's number
    ]
    if platform.machine() == "x86_64":
        program += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, refuse)]  # the same calls under other numbers
    program += [(0x15, 0, 1, calls["clone3"]), (0x06, 0, 0, no_such_call)]  # so that clone is tried, whose flags show
    program += [
        (0x15, 0, 4, calls["clone"]),
        (0x20, 0, 0, 16),  # load its flags
        (0x45, 0, 1, CLONE_THREAD),
        (0x06, 0, 0, allow),
        (0x06, 0, 0, refuse),
    ]
    for number in calls["refused"]:
        program += [(0x15, 0, 1, number), (0x06, 0, 0, refuse)]
    program.append((0x06, 0, 0, allow))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("@HP", len(program), ctypes.addressof(kept))
    _checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0))
