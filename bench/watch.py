"""The watchers, a process of its own: call siblings and /health without end, and say how long each answer took.

A line on standard input names a period; the answer is one JSON object with the waits in ms since the line before it.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable

from client import TIMEOUT, Client, WrongAnswerError

SIBLINGS = ("in_worker", "inline", "on_loop")
PAUSE = 0.002
"""Seconds between an answer and the next call."""


def main() -> None:
    """Watch the server at the port on the command line until standard input ends."""
    port = int(sys.argv[1])
    waits: dict[str, list[float]] = {}
    faults: list[str] = []
    calls: dict[str, Callable[[], None]] = {name: Client(port, tool=name).call for name in SIBLINGS}
    calls["health"] = _Health(port).ask
    for name, call in calls.items():
        waits[name] = []
        threading.Thread(target=_watch, args=(name, call, waits, faults), daemon=True).start()
    for _ in sys.stdin:
        found = {name: [1e3 * wait for wait in waits[name]] for name in calls}
        for name, each in found.items():
            del waits[name][: len(each)]
        print(json.dumps({"waits": found, "faults": faults}), flush=True)
        faults.clear()


def _watch(name: str, call: Callable[[], None], waits: dict[str, list[float]], faults: list[str]) -> None:
    while True:
        started = time.perf_counter()
        try:
            call()
        except (OSError, WrongAnswerError) as error:
            faults.append(f"{name}: {error}"[:300])
        waits[name].append(time.perf_counter() - started)
        time.sleep(PAUSE)


class _Health:
    """One connection on which /health is asked."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._request = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()

    def ask(self) -> None:
        """Ask once.

        Raises:
            WrongAnswerError: it is not answered with 200.
        """
        self._socket.sendall(self._request)
        data = b""
        while not data.endswith(b"}"):
            piece = self._socket.recv(65536)
            if not piece:
                raise WrongAnswerError("the server closed the connection")
            data += piece
        if not data.startswith(b"HTTP/1.1 200"):
            raise WrongAnswerError(f"/health answered {data[:200]!r}")


if __name__ == "__main__":
    main()
