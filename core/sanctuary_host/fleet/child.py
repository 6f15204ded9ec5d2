"""Child processes that end with this one, whatever becomes of it, and that are ended in order where there is time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

LAUNCH: Final = """
import ctypes, os, sys
parent, number, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(number), 0, 0, 0)
if os.getppid() != int(parent):
    sys.exit(1)
os.execv(command[0], command)
"""
"""Run in place of the child, which it then becomes: prctl(2) has the kernel send the signal when the parent dies (1 is
PR_SET_PDEATHSIG), and where it died before that was asked for, there is no child."""


async def start(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    output: int | IO[bytes] | None = None,
    descriptors: tuple[int, ...] = (),
    death: signal.Signals = signal.SIGKILL,
) -> asyncio.subprocess.Process:
    """Start a process in a session of its own, which Ctrl-C does not reach.

    Args:
        command: an absolute path and arguments.
        environment: all of the child's environment.
        folder: where it runs, by default here. What it makes there is its user's alone.
        output: where its standard output and error go, by default where ours go.
        descriptors: of this process, which it inherits.
        death: what the kernel sends it when this process dies.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()), str(int(death))),
        *map(str, command),
        env=environment,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output if output is None else asyncio.subprocess.STDOUT,
        pass_fds=descriptors,
        start_new_session=True,
        umask=-1 if folder is None else 0o077,
    )


async def stop(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Ask a process to end, and after `seconds` kill it and all that it started and that is still in its group."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
    await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process and all that is still in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that ended
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
