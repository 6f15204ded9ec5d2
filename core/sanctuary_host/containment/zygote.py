"""The fork server: a copy of the process, made before it has threads, from which workers are forked in milliseconds.

It holds the loaded plugins and nothing of the protocol. It never runs a tool; its children do.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NoReturn

from sanctuary_host import calling
from sanctuary_host.containment import wire

Work = Callable[[Mapping[str, Any]], Any]
"""What a worker does with a request; its result must be JSON."""

PR_SET_PDEATHSIG: Final = 1
KEPT_VARIABLES: Final = frozenset({"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ"})
"""What of the host's environment a worker sees: nothing that could be a secret."""


class Zygote:
    """The host's handle on its fork server."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.control = control

    @classmethod
    def start(cls, work: Work) -> Zygote:
        """Fork the server.

        Args:
            work: what its workers do; whatever it refers to is inherited, not sent.

        Raises:
            RuntimeError: the process has threads already, which a fork would leave half alive.
        """
        if threading.active_count() > 1:
            names = ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
            raise RuntimeError(f"a plugin started threads at import ({names}); start them when they are first needed")
        host_end, server_end = socket.socketpair()
        gc.collect()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                host_end.close()
                _serve(server_end, work, parent)
            except BaseException:  # noqa: BLE001  # nothing may return into the host's code from here
                traceback.print_exc()
            finally:
                os._exit(1)
        server_end.close()
        return cls(pid, host_end)

    def spawn(self, connection: socket.socket) -> None:
        """Have a worker forked that serves the other end of `connection`."""
        socket.send_fds(self.control, [b"w"], [connection.fileno()])

    def stop(self) -> None:
        """End the server; its workers die with it."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(control: socket.socket, work: Work, parent: int) -> NoReturn:
    _die_with(parent)
    os.setsid()  # a terminal's Ctrl-C is for the host, which then ends its calls in order
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    _only_standard_files(control.fileno())
    for name in [*os.environ]:
        if name not in KEPT_VARIABLES:
            del os.environ[name]
    gc.freeze()  # what exists now stays shared: no collection touches its pages
    reader, writer = os.pipe()
    os.set_blocking(reader, False)  # the standard library's own order
    os.set_blocking(writer, False)  # as above
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer)
    while True:
        ready, _, _ = select.select([control.fileno(), reader], [], [])
        if reader in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 4096)
            _report_deaths(control)
        if control.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                os._exit(0)
            for descriptor in descriptors:
                _fork_worker(control, (reader, writer), descriptor, work)


def _fork_worker(control: socket.socket, pipe: tuple[int, int], descriptor: int, work: Work) -> None:
    zygote = os.getpid()
    if os.fork() == 0:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for end in pipe:
                os.close(end)
            _die_with(zygote)
            os.setsid()  # its own process group, which is killed as a whole
            _work(socket.socket(fileno=descriptor), work)
            os._exit(0)
        except BaseException:  # noqa: BLE001  # a worker ends here, whatever happened
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(descriptor)


def _report_deaths(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        control.sendall(wire.pack({"died": pid, "status": os.waitstatus_to_exitcode(status)}))


def _work(connection: socket.socket, work: Work) -> None:
    """A worker's life: one request at a time, until the host closes the connection."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123  # /proc
        file.write("1000")  # when memory runs out, the kernel takes a worker and not the host
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    base = _address_space()
    connection.sendall(wire.pack({"ready": os.getpid()}))
    while (request := wire.receive(connection)) is not None:
        if base:
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (base + request["memory"] * 1024 * 1024, hard))
        calling.voice.set(_Voice(connection))
        answer = work(request)
        try:
            frame = wire.pack({"outcome": answer})
        except (wire.FrameError, ValueError) as error:
            frame = wire.pack({"unsendable": str(error)})
        connection.sendall(frame)


class _Voice:
    """Progress and log messages go to the host as frames ahead of the outcome."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        self._connection.sendall(wire.pack({"progress": [done, total, message]}))

    def log(self, level: calling.LogLevel, data: Any) -> None:
        self._connection.sendall(wire.pack({"log": [level, data]}))


def _die_with(parent: int, number: Literal[9] = 9) -> None:
    """Have the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def _only_standard_files(kept: int) -> None:
    """Close every inherited descriptor but the standard ones and `kept`; give standard input nothing to read."""
    for descriptor in range(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65_536)):
        if descriptor != kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # Whoever replaced these objects in the host did so for the host; here they are the descriptors again.
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def _address_space() -> int:
    """Bytes of address space that this process has mapped; 0 where the platform does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # /proc
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
