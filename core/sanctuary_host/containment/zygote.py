"""The fork server: a copy of the process, made before it has threads, from which workers are forked in milliseconds.

It holds the loaded plugins and nothing of the protocol, and never runs a tool; its children do. Above it stands a
keeper, the pristine copy, which does nothing but wait and start the fork server anew should it ever end: a tool that
runs as the same user can kill its parent, and must not take all later calls along.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Collection
from typing import Final, NoReturn

from sanctuary_host.containment import wire
from sanctuary_host.containment.forks import fork, only_standard_files
from sanctuary_host.containment.sandbox import Sandbox
from sanctuary_host.containment.worker import Work, adopt_orphans, die_with, live
from sanctuary_host.environment import KEPT_IN_WORKERS

PAUSE: Final = 0.2
"""Seconds before a fork server that ended is started anew, so that one that cannot live does not spin."""
BIRTH: Final = struct.Struct("=I")
"""A request for a worker: the MiB that its calls may add to it."""
FAREWELL: Final = 1.0
"""Seconds in which the fork server ends whatever its workers started."""


class ThreadsError(Exception):
    """A plugin started threads at import; the message names them."""


class Zygote:
    """The host's handle on its fork server.

    Attributes:
        pid: the keeper's process id.
        control: where workers are asked for, and deaths reported.
        printed: the end of a pipe where what they print is read.
    """

    def __init__(self, pid: int, control: socket.socket, printed: int) -> None:
        self.pid = pid
        self.control = control
        self.printed = printed

    @classmethod
    def start(cls, work: Work, sandbox: Sandbox | None = None, kept: Collection[int] = ()) -> Zygote:
        """Fork the server.

        Args:
            work: what its workers do; whatever it refers to is inherited, not sent.
            sandbox: what confines each worker; `None` for nothing but the user's rights.
            kept: descriptors that its workers inherit.

        Raises:
            ThreadsError: the process has threads already, which a fork would leave half alive.
        """
        if threading.active_count() > 1:
            names = ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
            raise ThreadsError(f"a plugin started threads at import ({names}); start them when they are first needed")
        host_end, server_end = socket.socketpair()
        printed, printing = os.pipe()
        host = os.getpid()

        def keep() -> None:
            host_end.close()
            _keep(server_end, printing, work, sandbox, kept, host)

        pid = fork(keep)
        server_end.close()
        os.close(printing)
        return cls(pid, host_end, printed)

    def spawn(self, connection: socket.socket, memory: int) -> None:
        """Have a worker forked that serves the other end of `connection`; its calls may add `memory` MiB to it."""
        socket.send_fds(self.control, [BIRTH.pack(memory)], [connection.fileno()])

    def stop(self) -> None:
        """End the server, its workers, and whatever they started."""
        self.control.close()
        with contextlib.suppress(ChildProcessError):
            deadline = time.monotonic() + FAREWELL
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    return
                time.sleep(0.002)


def _keep(
    control: socket.socket, printing: int, work: Work, sandbox: Sandbox | None, kept: Collection[int], host: int
) -> NoReturn:
    die_with(host)
    adopt_orphans()
    os.setsid()  # a terminal's Ctrl-C is for the host, which then ends its calls in order
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    only_standard_files(printing, {control.fileno(), *kept, *(sandbox.descriptors if sandbox is not None else ())})
    for name in [*os.environ]:
        if name not in KEPT_IN_WORKERS:
            del os.environ[name]
    gc.freeze()  # what exists now stays shared: no collection touches its pages
    keeper = os.getpid()
    while True:
        server = fork(lambda: _serve(control, work, sandbox, keeper))
        with contextlib.suppress(OSError):  # the host may be on its way out already
            control.sendall(wire.pack({"server": server}))
        while (ended := os.waitpid(-1, os.WUNTRACED))[0] != server or os.WIFSTOPPED(ended[1]):
            if ended[0] == server:
                os.kill(server, signal.SIGCONT)  # a tool stopped it, so that no worker would be started any more
        _end_strays(())
        if ended[1] == 0:
            os._exit(0)
        time.sleep(PAUSE)


def _serve(control: socket.socket, work: Work, sandbox: Sandbox | None, keeper: int) -> NoReturn:
    die_with(keeper)
    adopt_orphans()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)  # the standard library's own order
    os.set_blocking(writer, False)  # as above
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer)
    workers: set[int] = set()
    while True:
        ready, _, _ = select.select([control.fileno(), reader], [], [])
        if reader in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 4096)
            ended = [one for one in _reaped() if one[0] in workers]
            workers.difference_update(pid for pid, _ in ended)
            _end_strays(workers)
            try:
                for pid, status in ended:
                    control.sendall(wire.pack({"died": pid, "status": os.waitstatus_to_exitcode(status)}))
            except OSError:  # nobody hears of it any more
                _end_all(workers)
        if control.fileno() in ready:
            try:
                message, descriptors, _, _ = socket.recv_fds(control, BIRTH.size, 1)
            except ConnectionError:
                message, descriptors = b"", []
            if not message:
                _end_all(workers)
            for descriptor in descriptors:
                (memory,) = BIRTH.unpack(message)
                os.set_inheritable(descriptor, False)  # noqa: FBT003  # the standard library's own order
                workers.add(_fork_worker(control, (reader, writer), descriptor, work, memory, sandbox))
                os.close(descriptor)


def _fork_worker(
    control: socket.socket, pipe: tuple[int, int], descriptor: int, work: Work, memory: int, sandbox: Sandbox | None
) -> int:
    server = os.getpid()

    def be_worker() -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        for end in pipe:
            os.close(end)
        die_with(server)
        adopt_orphans()
        os.setsid()  # its own process group, which is killed as a whole
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the host wants it no more
            live(socket.socket(fileno=descriptor), work, memory, sandbox)

    return fork(be_worker)


def _reaped() -> list[tuple[int, int]]:
    """The children that ended since the last time, with their wait statuses."""
    ended: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(one)
    return ended


def _end_strays(known: Collection[int]) -> None:
    """Kill the children that are not `known`: what a worker started in a session of its own, inherited at its death."""
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123  # /proc
        for pid in map(int, file.read().split()):
            if pid not in known:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _end_all(workers: Collection[int]) -> NoReturn:
    """The host is gone: so is everything that was started for it."""
    for pid in workers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + FAREWELL / 2
    while time.monotonic() < deadline:
        _end_strays(())
        _reaped()
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            time.sleep(0.002)
            continue
        break
    os._exit(0)
