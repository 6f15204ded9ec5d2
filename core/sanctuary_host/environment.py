"""The environment as it was at start, taken out of the process, so that no worker and no neighbour finds it there."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Final, Self

from sanctuary_host.settings import SettingsError

KEPT: Final = frozenset({"COLUMNS", "NO_COLOR", "SSL_CERT_DIR", "SSL_CERT_FILE", "TERM", "TZDIR"})
"""What stays in `os.environ` of the host beside `KEPT_IN_WORKERS`: libraries read it there, and it is no secret."""
KEPT_IN_WORKERS: Final = frozenset({"HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ"})
"""What of the host's environment a worker sees: nothing that could be a secret."""
MADV_WIPEONFORK: Final = 18
"""linux/mman.h: a child of this process finds zeros in such memory. Since Linux 4.14."""
SHARED: Final = 4
"""References to a variable's value that only the environment holds, as seen from where it is wiped."""


class Environment(Mapping[str, str]):
    """Environment variables that no child of this process inherits. A variable that is empty counts as not set.

    Where the kernel cannot wipe memory at a fork, children find them in memory still.
    """

    def __init__(self, variables: Mapping[bytes, bytes]) -> None:
        size = 1 + sum(map(len, variables.values()))
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._memory.madvise(MADV_WIPEONFORK)
        self._memory.write_byte(1)
        self._places: dict[str, tuple[int, int]] = {}
        for name, value in variables.items():
            if value:
                start = self._memory.tell()
                self._memory.write(value)
                self._places[os.fsdecode(name)] = (start, start + len(value))

    @classmethod
    def take(cls) -> Self:
        """Move the process's environment here, and wipe what the process was started with.

        `/proc/PID/environ` shows zeros from now on, and `os.environ` only what is no secret.
        """
        # Bytes, as Python keeps them: each conversion to text would leave a copy of a secret in memory.
        variables = dict(os.environb)
        taken = cls(variables)
        kept = [os.fsencode(name) for name in KEPT | KEPT_IN_WORKERS]
        kept += [name for name in variables if name.startswith(b"PYTHON")]
        os.environb.clear()
        for name in kept:
            if name in variables:
                os.environb[name] = bytes(bytearray(variables[name]))  # a copy: the original is wiped
        _wipe_initial()
        while variables:
            _wipe(variables.popitem()[1])
        for name in kept:
            if name in os.environb:
                os.putenv(name, os.environb[name])  # the C library pointed to what was wiped
        return taken

    def __getitem__(self, name: str) -> str:
        """A variable's value.

        Raises:
            KeyError: it is not set, or empty.
            SettingsError: this is a child of the process that took the environment.
        """
        start, end = self._places[name]
        if self._memory[0] != 1:
            raise SettingsError(f"{name} can be read at start only; read settings in register_tools and keep them")
        return os.fsdecode(self._memory[start:end])

    def __iter__(self) -> Iterator[str]:
        """The names of the variables that are set."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many are set."""
        return len(self._places)


def _wipe_initial() -> None:
    """Wipe the block of memory that the kernel put the variables in, which `/proc/PID/environ` shows."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/stat", encoding="ascii") as file:  # noqa: PTH123  # /proc
        # proc(5): env_start and env_end are the fields 50 and 51; the second field, in parentheses, may hold spaces.
        fields = file.read().rpartition(")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)


def _wipe(value: bytes) -> None:
    """Overwrite a bytes object that nothing else refers to; CPython shares those of one byte among all."""
    if sys.implementation.name == "cpython" and len(value) > 1 and sys.getrefcount(value) <= SHARED:
        ctypes.memset(id(value) + bytes.__basicsize__ - 1, 0, len(value))
