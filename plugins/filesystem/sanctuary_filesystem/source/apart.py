"""Parse in a process apart, since parsers are programs in C: what they crash, hang or fill up is then not ours."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

MIB: Final = 1 << 20
MEMORY: Final = 52
"""MiB that the process may add to what it begins with."""
HEAD: Final = struct.Struct("<IQ")
"""Before each message: how long its JSON is, and its bytes."""
PIPE: Final = 1 << 16
Work = Callable[[Mapping[str, Any], bytes], Any]
"""What is done with a request and a file's contents; the result must be JSON."""


Why = Literal["time", "memory", "failure"]


class GivenUpError(Exception):
    """There is no result.

    Attributes:
        why: it took too long; it needed too much memory (or crashed, which nobody can tell apart); or the work raised.
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


class Apart:
    """The process, started when it is first needed, and anew after it had to be given up.

    Args:
        work: what is done there.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._child: tuple[int, int, int] | None = None

    def run(self, request: Mapping[str, Any], content: bytes, seconds: float) -> Any:
        """Have one request done.

        Raises:
            GivenUpError: it was not done in time, or broke the process.
        """
        _, asking, answering = self._child = self._child or _start(self._work)
        end = time.monotonic() + seconds
        head = json.dumps(request).encode()
        try:
            _send(asking, HEAD.pack(len(head), len(content)) + head, end)
            _send(asking, content, end)
            length, _ = HEAD.unpack(_receive(answering, HEAD.size, end))
            answer = json.loads(_receive(answering, length, end))
        except (TimeoutError, EOFError, BrokenPipeError) as error:
            self.close()
            raise GivenUpError("time" if isinstance(error, TimeoutError) else "memory") from None
        if "why" in answer:
            raise GivenUpError(answer["why"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        if self._child is None:
            return
        pid, asking, answering = self._child
        self._child = None
        os.close(asking)
        os.close(answering)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextmanager
def apart(work: Work) -> Generator[Apart]:
    """A process for some requests, which ends with the block."""
    process = Apart(work)
    try:
        yield process
    finally:
        process.close()


def _start(work: Work) -> tuple[int, int, int]:
    to_read, asking = os.pipe()
    answering, to_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(asking)
            os.close(answering)
            _serve(work, to_read, to_write)
        finally:
            os._exit(1)
    os.close(to_read)
    os.close(to_write)
    for descriptor in (asking, answering):
        os.set_blocking(descriptor, False)
    return pid, asking, answering


def _serve(work: Work, requests: int, answers: int) -> None:
    """The life of the process: one request at a time, until there are no more."""
    gc.freeze()
    _bound()
    os.environ["RUST_BACKTRACE"] = "0"  # a backtrace with each error of ast-grep takes more memory than there is
    sys.setrecursionlimit(1000)
    while True:
        try:
            lengths = HEAD.unpack(_receive(requests, HEAD.size))
        except EOFError:
            return
        head, content = (_receive(requests, length) for length in lengths)
        try:
            answer = json.dumps({"result": work(json.loads(head), content)}).encode()
        except (MemoryError, RecursionError):
            answer = b'{"why": "memory"}'
        except Exception:  # noqa: BLE001  # one file's failure is not the others'; the log has it
            traceback.print_exc()
            answer = b'{"why": "failure"}'
        del head, content
        _send(answers, HEAD.pack(len(answer), 0) + answer)


def _bound() -> None:
    """Limit the memory; where a worker's own limit is tighter, that one holds."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # /proc
            size = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = size + MEMORY * MIB
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _send(descriptor: int, content: bytes, end: float | None = None) -> None:
    view = memoryview(content)
    while view:
        _wait(descriptor, select.POLLOUT, end)
        view = view[os.write(descriptor, view[:PIPE]) :]


def _receive(descriptor: int, length: int, end: float | None = None) -> bytes:
    received = bytearray()
    while len(received) < length:
        _wait(descriptor, select.POLLIN, end)
        part = os.read(descriptor, min(length - len(received), PIPE))
        if not part:
            raise EOFError
        received += part
    return bytes(received)


def _wait(descriptor: int, event: int, end: float | None) -> None:
    """Wait until a descriptor is ready.

    Raises:
        TimeoutError: it was not in time.
    """
    if end is None:
        return
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
        raise TimeoutError
