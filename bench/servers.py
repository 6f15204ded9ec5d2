"""The servers that are compared: how each is started, and when it serves."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from client import Client, Way
from environments import HERE, python_of

START_SECONDS = 120.0
"""How long a server may take to serve: each takes two at most by itself, but all start at once."""

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, LOAD_CORES = (CORES[:2], CORES[2:]) if len(CORES) >= 4 else (CORES, CORES)
"""Apart where there are enough of them, so that the load does not take the server's time."""


@dataclass(frozen=True)
class Server:
    """A program that serves the tool on a port of loopback.

    Attributes:
        environment: which virtual environment it runs in; see `environments`.
        words: its command line after the interpreter; the port comes after them.
        variables: for its process; `PORT` is added where there are any.
    """

    environment: str
    words: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict[str, str])


def host(cluster: str = "bench", **variables: str) -> Server:
    """Our own, as an operator runs it: it logs each call, which none of the others does."""
    trust = {"CLUSTER": cluster, "SANCTUARY_TRUST": "sanctuary-bench"}
    return Server("host", ("-m", "sanctuary_host"), {**trust, **variables})


def peer(environment: str, script: str, *words: str) -> Server:
    """One of the scripts in peers/."""
    return Server(environment, (str(HERE / "peers" / script), *words))


SERVERS = {
    "host": host(),
    "host stateless": host(SANCTUARY_STATELESS="1"),
    "sdk json": peer("host", "sdk.py", "json"),
    "sdk events": peer("host", "sdk.py", "events"),
    "sdk stateless": peer("host", "sdk.py", "stateless"),
    "sdk sse": peer("host", "sdk.py", "sse"),
    "fastmcp json": peer("fastmcp", "fastmcp_server.py", "json"),
    "fastmcp events": peer("fastmcp", "fastmcp_server.py", "events"),
    "bare": peer("host", "bare.py"),
}


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a server, and how it is called."""

    name: str
    server: str
    way: Way
    tool: str = "echo"


ROWS = [
    Row("ours, session", "host", "session"),
    Row("ours, modern", "host", "modern"),
    Row("ours, stateless", "host stateless", "alone"),
    Row("ours, HTTP+SSE", "host", "events"),
    Row("ours, session, worker", "host", "session", "echo_in_worker"),
    Row("SDK, session, JSON", "sdk json", "session"),
    Row("SDK, modern, JSON", "sdk json", "modern"),
    Row("SDK, stateless, JSON", "sdk stateless", "alone"),
    Row("SDK, session", "sdk events", "session"),
    Row("SDK, modern", "sdk events", "modern"),
    Row("SDK, HTTP+SSE", "sdk sse", "events"),
    Row("fastmcp, session, JSON", "fastmcp json", "session"),
    Row("fastmcp, modern, JSON", "fastmcp json", "modern"),
    Row("fastmcp, session", "fastmcp events", "session"),
    Row("fastmcp, modern", "fastmcp events", "modern"),
    Row("bare aiohttp", "bare", "alone"),
]

RIVALS = {
    "ours, session": ("SDK, session, JSON", "fastmcp, session, JSON", "bare aiohttp"),
    "ours, modern": ("SDK, modern, JSON", "fastmcp, modern, JSON", "bare aiohttp"),
    "ours, stateless": ("SDK, stateless, JSON", "", "bare aiohttp"),
    "ours, HTTP+SSE": ("SDK, HTTP+SSE", "", "bare aiohttp"),
    "ours, session, worker": ("SDK, session, JSON", "fastmcp, session, JSON", "bare aiohttp"),
}
"""What each of our rows is held against: the SDK's and fastmcp's faster form of the same, and the floor."""


@dataclass(frozen=True)
class Running:
    """A server that was started; `started` is on the clock of `time.perf_counter`."""

    process: subprocess.Popen[bytes]
    port: int
    started: float

    def wait_until_listening(self) -> None:
        """Return as soon as it takes connections.

        Raises:
            RuntimeError: it does not, or has ended.
        """
        while time.perf_counter() < self.started + START_SECONDS and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.002)
        raise RuntimeError(f"a server did not come up: {' '.join(map(str, self.process.args))}")  # type: ignore[arg-type]  # a list


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """Run a server meanwhile. What it logs goes to /dev/null.

    Raises:
        InstallError: its environment could not be made.
    """
    interpreter: Path = python_of(server.environment)
    port = _free_port()
    words = [str(interpreter), *server.words]
    variables = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    if server.variables:
        variables |= {**server.variables, "PORT": str(port)}
    else:
        words.append(str(port))
    started = time.perf_counter()
    process = subprocess.Popen(
        words, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        os.sched_setaffinity(process.pid, SERVER_CORES)
        yield Running(process, port, started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_session(server: Running) -> Client:
    """A client with a session of its own, as soon as there can be one."""
    server.wait_until_listening()
    return Client(server.port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
