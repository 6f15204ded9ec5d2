"""The cheapest MCP client that still checks what it gets: raw sockets, a request made by filling in a template."""

import itertools
import json
import re
import socket
from typing import Any, Literal

Way = Literal["session", "alone", "modern", "events"]
"""How to speak: 2025-11-25 with a session or without, 2026-07-28, or 2024-11-05 (HTTP with server-sent events)."""

LEGACY, MODERN, OLDEST = "2025-11-25", "2026-07-28", "2024-11-05"
CLIENT = {"name": "bench", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
TIMEOUT = 30.0
"""Seconds without an answer after which a server counts as broken."""

_numbers = itertools.count(1_000_000_000)  # unique in the process, since some servers mix up calls that share an id


class WrongAnswerError(Exception):
    """A server did not answer a call with what the call asked for."""


class Client:
    """One client with one call in flight at a time, over streamable HTTP.

    Args:
        port: where the server listens on loopback.
        way: how to speak to it.
        tool: which tool it calls; it echoes its argument `text`.
    """

    def __init__(self, port: int, way: Way = "session", tool: str = "echo") -> None:
        self.socket = _connect(port)
        self.sent = 0.0
        self._buffer = b""
        self._number = 0
        self._headers = f"Host: 127.0.0.1:{port}\r\nAccept: application/json, text/event-stream\r\n"
        self._path = "/mcp"
        if way in {"session", "alone"}:
            self._headers += f"MCP-Protocol-Version: {LEGACY}\r\n"
        if way == "session":
            self.initialize(LEGACY)
        if way == "modern":
            self._headers += f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
        if way != "events":
            self._template = self._call_template(tool, way)

    @property
    def sockets(self) -> list[socket.socket]:
        """Where answers arrive."""
        return [self.socket]

    def initialize(self, version: str) -> None:
        """Open a session, if the server has any."""
        head, body = self._exchange(_initialize(version))
        _json(body)["result"]["protocolVersion"]  # a KeyError where it was refused
        if found := re.search(rb"(?i)\r\nmcp-session-id: *([^\r]+)", head):
            self._headers += f"Mcp-Session-Id: {found[1].decode()}\r\n"
        self._exchange(INITIALIZED)

    def call(self) -> None:
        """Call the tool once and wait for its answer.

        Raises:
            WrongAnswerError: it is not the one to this call.
        """
        self.begin()
        while not self.receive(self.socket):
            pass

    def begin(self) -> None:
        """Send the next call."""
        self._number = next(_numbers)
        self.socket.sendall(self._template % (self._number, self._number))

    def receive(self, source: socket.socket) -> bool:
        """Read what has arrived; returns whether the answer is there.

        Raises:
            WrongAnswerError: it is not the one to this call.
        """
        response = self._read(source)
        if response is None:
            return False
        head, body = response
        if not head.startswith(b"HTTP/1.1 200"):
            raise WrongAnswerError(f"a call was answered with {head[:200]!r} {body[:500]!r}")
        self._check(body)
        return True

    def abandon(self) -> None:
        """Leave without a word, as most clients do."""
        self.socket.close()

    def close(self) -> None:
        """End the session and leave."""
        if "Mcp-Session-Id" in self._headers:
            self.socket.sendall(f"DELETE {self._path} HTTP/1.1\r\n{self._headers}\r\n".encode())
            while self._read(self.socket) is None:
                pass
        self.socket.close()

    def _call_template(self, tool: str, way: Way) -> bytes:
        params: dict[str, Any] = {"name": tool, "arguments": {"text": "TEXT"}}
        if way == "modern":
            params["_meta"] = META
        message = json.dumps({"jsonrpc": "2.0", "id": "ID", "method": "tools/call", "params": params})
        # The text is 15 characters, and differs from call to call, so that a mixed-up answer is seen.
        template = message.replace('"ID"', "%010d").replace("TEXT", "echo-%010d")
        return self._request(template, len(template % (0, 0)))

    def _request(self, body: str, length: int) -> bytes:
        head = f"POST {self._path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\n"
        return f"{head}Content-Length: {length}\r\n\r\n{body}".encode()

    def _exchange(self, message: dict[str, Any]) -> tuple[bytes, bytes]:
        body = json.dumps(message)
        self.socket.sendall(self._request(body, len(body)))
        while (response := self._read(self.socket)) is None:
            pass
        if not response[0].startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise WrongAnswerError(f"{message['method']} was answered with {response[0][:200]!r} {response[1][:500]!r}")
        return response

    def _read(self, source: socket.socket) -> tuple[bytes, bytes] | None:
        """Head and body of the response, once it is complete."""
        data = source.recv(1 << 20)
        if not data:
            raise WrongAnswerError("the server closed the connection")
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        if length := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
            whole = len(body) >= int(length[1])
        else:
            whole = body.endswith(b"0\r\n\r\n")
        if not whole:
            return None
        self._buffer = b""
        return head, body

    def _check(self, body: bytes) -> None:
        try:
            answer = _json(body)
            result = answer["result"]
            right = answer["id"] == self._number and not result.get("isError")
            right = right and result["content"][0]["text"] == f"echo-{self._number:010d}"
        except (ValueError, LookupError, TypeError):
            right = False
        if not right:
            raise WrongAnswerError(f"call {self._number} was answered with {body[:500]!r}")


class EventsClient(Client):
    """The same over the older transport: answers come on a stream, and each call is acknowledged besides."""

    def __init__(self, port: int, tool: str = "echo") -> None:
        super().__init__(port, "events", tool)
        self._stream = _connect(port)
        self._stream.sendall(f"GET /sse HTTP/1.1\r\n{self._headers}\r\n".encode())
        self._events = b""
        self._acknowledged = self._answered = False
        while not (endpoint := re.search(rb"event: endpoint\r?\ndata: ([^\r\n]+)\r?\n", self._events)):
            self._events += self._stream.recv(65536)
        self._path = endpoint[1].decode()
        self._events = b""
        self._exchange(_initialize(OLDEST))
        while self._next_event() is None:
            pass
        self._exchange(INITIALIZED)
        self._template = self._call_template(tool, "events")

    @property
    def sockets(self) -> list[socket.socket]:
        return [self.socket, self._stream]

    def begin(self) -> None:
        self._acknowledged = self._answered = False
        super().begin()

    def receive(self, source: socket.socket) -> bool:
        if source is self.socket:
            response = self._read(source)
            if response is not None and not response[0].startswith(b"HTTP/1.1 202"):
                raise WrongAnswerError(f"a call was answered with {response[0][:200]!r}")
            self._acknowledged |= response is not None
        elif (event := self._next_event()) is not None:
            self._check(event)
            self._answered = True
        return self._acknowledged and self._answered

    def close(self) -> None:
        self._stream.close()
        self.socket.close()

    def _next_event(self) -> bytes | None:
        data = self._stream.recv(65536)
        if not data:
            raise WrongAnswerError("the server closed the stream")
        self._events += data
        if not (event := re.search(rb"data: (\{[^\r\n]*\})\r?\n", self._events)):
            return None
        self._events = b""
        return event[1]


def client_of(port: int, way: Way, tool: str) -> Client:
    """A client that is ready to call."""
    return EventsClient(port, tool) if way == "events" else Client(port, way, tool)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _initialize(version: str) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT}
    return {"jsonrpc": "2.0", "id": next(_numbers), "method": "initialize", "params": params}


def _json(body: bytes) -> dict[str, Any]:
    """The one JSON object in a body, which may be an event stream."""
    message: dict[str, Any] = json.loads(body[body.find(b"{") : body.rfind(b"}") + 1])
    return message
