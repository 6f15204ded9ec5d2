"""A ContextForge of the local fleet's own: a child process on loopback, with a folder for all that it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from sanctuary_host.fleet import child
from sanctuary_host.fleet.home import SERVERS, USER, Home, open_private
from sanctuary_host.fleet.ports import bound

PORT: Final = 4444
"""ContextForge's own; where it is taken, a free one is."""
START_SECONDS: Final = 90.0
"""How long it may take until it answers: 6 to 10 s on a quiet machine, up to 40 s where a new database meets a busy
disk."""
STOP_SECONDS: Final = 8.0
DAMAGED: Final = (b"file is not a database", b"database disk image is malformed")
"""What SQLite says of a file that it cannot read."""

SERVE: Final = """
import socket, sys, uvicorn
config = uvicorn.Config(
    "mcpgateway.main:app", log_level="warning", access_log=False, timeout_graceful_shutdown=3, server_header=False
)
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""
"""Its own command would bind the port itself, seconds after it was found free, and refuse the servers until then."""

SETTINGS: Final[Mapping[str, str]] = {
    # It calls its servers on loopback, which it otherwise refuses to.
    "SSRF_ALLOW_LOCALHOST": "true",
    # So that a server can say why it was refused, to people who own both.
    "EXPOSE_ERROR_DETAILS": "true",
    # All callers are 127.0.0.1 to it: a busy client would use up everybody's hundred calls a minute, and then lock out
    # the servers with it for a quarter of an hour.
    "RATE_LIMITING_ENABLED": "false",
    # Replies over /sse wait for a look into the database: by default 1 s, then 5 s.
    "POLL_INTERVAL": "0.05",
    "MAX_INTERVAL": "0.2",
    # What nobody here asks for.
    "LLMCHAT_ENABLED": "false",
    "MCPGATEWAY_CATALOG_ENABLED": "false",
    "MCPGATEWAY_A2A_ENABLED": "false",
}


class GatewayDownError(Exception):
    """The gateway does not run; the message is the reason, to stand after a colon."""


@dataclass(frozen=True)
class Gateway:
    """A gateway's process.

    Attributes:
        url: where it listens.
        home: where its database, secrets, tokens and log are.
        process: it ends with this one.
    """

    url: str
    home: Home
    process: asyncio.subprocess.Process

    async def answer(self, seconds: float = START_SECONDS) -> None:
        """Wait until it answers those who have a token, which is later than its `/health`.

        Raises:
            GatewayDownError: it ended, or did not answer in time.
        """
        asked, ended = asyncio.create_task(self._ask()), asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait({asked, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            answered = asked.done() and self.process.returncode is None
        finally:
            asked.cancel()
            ended.cancel()
            await asyncio.gather(asked, ended, return_exceptions=True)
        if self.process.returncode is not None:
            if any(sign in self.home.log.read_bytes() for sign in DAMAGED):
                raise GatewayDownError(f"its database is damaged; remove {self.home.database} and it begins anew")
            raise GatewayDownError(f"it ended with status {self.process.returncode}; its log is {self.home.log}")
        if not answered:
            raise GatewayDownError(f"no answer within {seconds:g} s; its log is {self.home.log}")

    async def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.home.secrets.token(SERVERS, START_SECONDS)}"}
        async with ClientSession(self.url, headers=headers, timeout=ClientTimeout(total=START_SECONDS)) as session:
            while True:
                with contextlib.suppress(ClientError, TimeoutError):
                    async with session.get("/v1/gateways?limit=1") as response:
                        if response.ok:
                            return
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(
    home: Home, python: Path, listener: socket.socket, settings: Mapping[str, str] = SETTINGS
) -> AsyncGenerator[Gateway]:
    """Run a gateway until the block ends. It may not answer yet.

    Args:
        home: what it keeps.
        python: of the environment that it is installed in.
        listener: what it serves; it is closed here.
        settings: its own variables, in place of `SETTINGS`.
    """
    url = url_of(listener)
    with listener, open_private(home.log) as log:
        process = await child.start(
            [python, "-c", SERVE, str(listener.fileno())],
            _environment(home, listener.getsockname()[1]) | {**settings},
            folder=home.folder,  # it reads the file .env of the folder that it runs in
            output=log,
            descriptors=(listener.fileno(),),
        )
    try:
        yield Gateway(url, home, process)
    finally:
        await child.stop(process, STOP_SECONDS)


def listen(port: int) -> socket.socket:
    """A socket on loopback that a gateway is to serve: who connects before it does so waits, and is not refused.

    Args:
        port: the one wanted, 0 for any; where it is taken, it is any.
    """
    listener = bound(port)
    listener.listen(1024)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where those connect who want the gateway that is to serve a socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _environment(home: Home, port: int) -> dict[str, str]:
    """All of its environment: nothing of ours, whose PORT and tokens mean something else."""
    return {
        "HOME": str(home.folder),
        "LANG": "C.UTF-8",
        "PATH": os.defpath,
        # It has a lock file of a fixed name there, which of another user's gateway it could not open.
        "TMPDIR": str(home.folder),
        "DATABASE_URL": f"sqlite:///{home.database}",
        "JWT_SECRET_KEY": home.secrets.signing,
        "AUTH_ENCRYPTION_SECRET": home.secrets.encryption,
        "PLATFORM_ADMIN_EMAIL": USER,
        "PLATFORM_ADMIN_PASSWORD": home.secrets.password,
        "HOST": "127.0.0.1",
        # It calls itself at PORT, for everything that comes in over /sse.
        "PORT": str(port),
        "MCG_PORT": str(port),
    }
