"""The token that this server presents to the gateway, and the process that reads its file anew.

A sealed host opens no file of secrets any more, and the folder around one must not be opened to it for that. So a
process that was forked before the sealing keeps the right to read that one file, and tells the host what is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import stat
import struct
import sys
import time
from pathlib import Path
from typing import Final, Literal, NoReturn, Self

from sanctuary_host.containment import libc
from sanctuary_host.containment.confinement import PR_SET_DUMPABLE
from sanctuary_host.containment.forks import fork, only_standard_files
from sanctuary_host.containment.worker import die_with
from sanctuary_host.settings import SECRET_LIMIT, SettingsError, unfit_as_token

logger = logging.getLogger(__name__)

HEAD: Final = struct.Struct(">BBI")
"""Of an answer: the number of the question, whether it went well, and the bytes that follow."""
SECONDS: Final = 5.0
"""How long reading may take: a file can lie on a server that does not answer."""
FAREWELL: Final = 1.0
"""Seconds in which the process ends by itself, once nobody asks it any more."""
KEPT: Final = "the token read before stays in use"


class Token:
    """A bearer token that may change while it is used.

    Args:
        value: the token; empty where there is none.
        reader: who reads its file anew; `None` where it came from no file.

    Attributes:
        value: the token as it was read last.
    """

    def __init__(self, value: str = "", reader: Reader | None = None) -> None:
        self.value = value
        self._reader = reader
        self._turn = asyncio.Lock()
        self._said = ""

    def __repr__(self) -> str:
        """Nothing that must not be seen."""
        return "Token(…)"

    async def reread(self) -> bool:
        """Read the token anew from its file; where that fails, the log says why, and the old one stays.

        Returns:
            Whether it changed.
        """
        if self._reader is None:
            return False
        async with self._turn:
            try:
                value = await self._reader.read()
            except SettingsError as error:
                if str(error) != self._said:
                    self._said = str(error)
                    logger.warning("%s; %s", error, KEPT, extra={"fields": {"event": "token"}})
                return False
            self._said = ""
            changed = value != self.value
            self.value = value
        if changed:
            logger.info("Read a new token from API_TOKEN_FILE", extra={"fields": {"event": "token"}})
        return changed


class Reader:
    """The host's handle on the process that reads the file.

    Args:
        pid: its process id.
        connection: to it.
    """

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection = connection
        self._arrived = bytearray()
        self._number = 0

    @classmethod
    def start(cls, path: str) -> Self:
        """Fork the process, before the host has threads, secrets, or a sandbox on.

        Args:
            path: the one file that it will ever read.
        """
        own, other = socket.socketpair()
        host = os.getpid()
        place = os.fspath(Path(path).absolute())

        def read_on_demand() -> None:
            own.close()
            _live(other, place, host)

        pid = fork(read_on_demand)
        other.close()
        own.setblocking(False)  # noqa: FBT003  # the standard library's own order
        return cls(pid, own)

    async def read(self) -> str:
        """The token as its file has it now.

        Raises:
            SettingsError: the file cannot be read, or holds no token.
        """
        loop = asyncio.get_running_loop()
        self._number = (self._number + 1) % 256
        try:
            async with asyncio.timeout(SECONDS):
                await loop.sock_sendall(self._connection, bytes([self._number]))
                while (answer := self._answer()) is None:
                    if not (arrived := await loop.sock_recv(self._connection, SECRET_LIMIT)):
                        raise ConnectionResetError
                    self._arrived += arrived
        except TimeoutError:
            raise SettingsError(f"API_TOKEN_FILE could not be read within {SECONDS:g} s") from None
        except OSError:
            self._bury()
            raise SettingsError(
                "API_TOKEN_FILE is not read anew any more, as the process that did so was ended; start the server again"
            ) from None
        well, text = answer
        if not well:
            raise SettingsError(f"API_TOKEN_FILE {text.decode(errors='replace')}")
        return _token(text)

    def stop(self) -> None:
        """End the process."""
        self._connection.close()
        for patience in (FAREWELL, FAREWELL / 10):
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if self._bury():
                    return
                time.sleep(0.002)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)

    def _answer(self) -> tuple[bool, bytes] | None:
        """The answer to the last question, once it is complete; late ones to earlier questions are dropped."""
        while len(self._arrived) >= HEAD.size:
            number, well, length = HEAD.unpack_from(self._arrived)
            end = HEAD.size + length
            if len(self._arrived) < end:
                return None
            text = bytes(memoryview(self._arrived)[HEAD.size : end])
            del self._arrived[:end]
            if number == self._number:
                return bool(well), text
        return None

    def _bury(self) -> bool:
        """Free what the kernel keeps of the process, if it has ended."""
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        except ChildProcessError:  # somebody did already
            return True


def _token(data: bytes) -> str:
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise SettingsError("API_TOKEN_FILE holds no UTF-8 text") from None
    if not text:
        raise SettingsError("API_TOKEN_FILE is empty")
    if reason := unfit_as_token(text):
        raise SettingsError(f"API_TOKEN_FILE {reason}")
    return text


def _live(connection: socket.socket, path: str, host: int) -> NoReturn:
    """The process's life: for each byte that arrives, read the file and answer; it ends with the host."""
    die_with(host)
    if sys.platform == "linux":  # other processes of the same user can neither read its memory nor trace it
        libc.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.setsid()  # a terminal's Ctrl-C is for the host
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_WRONLY)
    only_standard_files(null, {connection.fileno()})
    with contextlib.suppress(OSError):  # the host is gone
        while asked := connection.recv(1):
            well, text = _contents(path)
            connection.sendall(HEAD.pack(asked[0], well, len(text)) + text)
    os._exit(0)


def _contents(path: str) -> tuple[Literal[0, 1], bytes]:
    """What is in the file, or why that cannot be told."""
    try:
        # Without waiting for whoever might write into it, should it be a pipe by now.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return 0, b"is no file any more"
            text = file.read(SECRET_LIMIT + 1)
    except OSError as error:
        return 0, f"cannot be read: {error.strerror}".encode()
    if len(text) > SECRET_LIMIT:
        return 0, f"holds more than {SECRET_LIMIT:,} bytes".encode()
    return 1, text
