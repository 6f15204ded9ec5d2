"""Inside a worker process: one request at a time, as long as the process stays as it was."""

from __future__ import annotations

import contextlib
import locale
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from sanctuary_host import calling
from sanctuary_host.containment import libc, wire
from sanctuary_host.containment.interpreter import interpreter
from sanctuary_host.containment.sandbox import Sandbox

Work = Callable[[Mapping[str, Any]], Any]
"""What a worker does with a request; its result must be JSON."""

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
MIB: Final = 1024 * 1024
DESCRIPTORS: Final = 256
"""Files that a worker may have open at once."""
LEAK: Final = 64
"""Descriptors that calls may leave open before their worker is replaced."""
LOOKED_AT: Final = (signal.SIGALRM, signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGUSR1)
"""Signals whose handlers a call must leave as they were."""


def live(connection: socket.socket, work: Work, memory: int, sandbox: Sandbox | None = None) -> None:
    """A worker's life: one request at a time, until the host closes the connection or a call left something behind.

    Args:
        connection: to the host.
        work: what it does with a request.
        memory: MiB that its calls may add to it.
        sandbox: what it puts on before the first request.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123  # /proc
        file.write("1000")  # when memory runs out, the kernel takes a worker and not the host
    allowed = memory * MIB
    size = _Size()
    base = size.now()
    _limit(base + allowed if base else 0)
    before = _state()
    if sandbox is not None:
        sandbox.seal()
    lock = threading.Lock()
    process = os.getpid()
    connection.sendall(wire.pack({"ready": process}))
    while (asked := wire.receive(connection)) is not None:
        number, request = asked
        calling.voice.set(_Voice(connection, number, lock))
        answer = work(request)
        if os.getpid() != process:  # a child that a call forked came back out of it: the answer is its parent's to give
            os._exit(0)
        try:
            frame = wire.pack({"number": number, "outcome": answer})
        except (wire.FrameError, ValueError) as error:
            frame = wire.pack({"number": number, "unsendable": str(error)})
        with lock:
            connection.sendall(frame)
        # What a call changed of its process would be the next caller's surprise, and half of its memory already used.
        # The caller has its answer meanwhile, and the host sends nothing more before it has heard that all is well.
        if _state() != before or (base > 0 and size.now() > base + allowed // 2):
            return
        with lock:
            connection.sendall(wire.pack({"number": number, "fit": True}))


def die_with(parent: int, number: Literal[9] = 9) -> None:
    """Have the kernel kill this process when its parent ends."""
    _prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def adopt_orphans() -> None:
    """Be the parent of what this process's children leave behind, so that nothing gets away."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        libc.call("prctl", option, value, 0, 0, 0)


class _Voice:
    """Progress and log messages go to the host as frames ahead of the outcome."""

    def __init__(self, connection: socket.socket, number: int, lock: threading.Lock) -> None:
        self._connection = connection
        self._number = number
        self._lock = lock

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        self._say({"progress": [done, total, message], "number": self._number})

    def log(self, level: calling.LogLevel, data: Any) -> None:
        self._say({"log": [level, data], "number": self._number})

    def _say(self, message: Mapping[str, Any]) -> None:
        frame = wire.pack(message, wire.TALK)
        with self._lock:  # a tool may speak from several threads
            self._connection.sendall(frame)


def _state() -> tuple[object, ...]:
    """What of the process a call can change for those that come after it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return (
        mask,
        _cwd(),
        *(_identity(descriptor) for descriptor in range(3)),
        _next_descriptor() // LEAK,
        threading.active_count(),
        _has_children(),
        sys.getrecursionlimit(),
        locale.setlocale(locale.LC_ALL),
        *(signal.getsignal(number) for number in LOOKED_AT),
        signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        *os.environ.items(),
        *interpreter(),
    )


def _cwd() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a string is all that is compared
    except OSError:  # the folder is gone
        return None


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _next_descriptor() -> int:
    """The lowest descriptor that is free, which tells how many are open."""
    try:
        descriptor = os.dup(0)
    except OSError:
        return -1
    os.close(descriptor)
    return descriptor


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _limit(space: int) -> None:
    """Set the process's limits, so that it cannot raise them again; an address space of 0 bytes means as before."""
    wanted = {
        resource.RLIMIT_NOFILE: DESCRIPTORS,
        resource.RLIMIT_CORE: 0,
        getattr(resource, "RLIMIT_MEMLOCK", None): 0,
        getattr(resource, "RLIMIT_MSGQUEUE", None): 0,
        resource.RLIMIT_AS: space or None,
    }
    for kind, value in wanted.items():
        if kind is not None and value is not None:
            _, hard = resource.getrlimit(kind)
            limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (limit, limit))


class _Size:
    """How large the process is, read from a descriptor that is opened before it may open nothing more."""

    def __init__(self) -> None:
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1

    def now(self) -> int:
        """Bytes of address space that it has mapped; 0 where the platform does not tell."""
        try:
            return int(os.pread(self._statm, 100, 0).split()[0]) * resource.getpagesize()
        except OSError:
            return 0
