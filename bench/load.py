"""The load, a process of its own: keeps many clients calling and says how long they waited. One JSON object a line."""

import json
import select
import socket
import sys
import time
from typing import Any

from client import Client, client_of
from procfs import processor_seconds

WARM_UP = 0.15
"""Seconds of calls before those that are counted."""


def window(plan: dict[str, Any]) -> dict[str, float]:
    """Keep `clients` clients calling for `seconds` seconds.

    Args:
        plan: `port` and `pid` of the server, `way` and `tool`, `clients`, `seconds`.

    Returns:
        Calls a second; median and 99th percentile of the wait in ms; processor time in µs a call that the server
        itself and its child processes took meanwhile.
    """
    clients = [client_of(plan["port"], plan["way"], plan["tool"]) for _ in range(plan["clients"])]
    sources = {source.fileno(): (source, client) for client in clients for source in client.sockets}
    with select.epoll() as poll:
        for number in sources:
            poll.register(number, select.EPOLLIN)
        for client in clients:
            client.sent = time.perf_counter()
            client.begin()
        _keep_calling(poll, sources, WARM_UP)
        own, children = processor_seconds(plan["pid"])
        started = time.perf_counter()
        waits = _keep_calling(poll, sources, plan["seconds"])
        took = time.perf_counter() - started
        own_after, children_after = processor_seconds(plan["pid"])
        _finish(poll, sources, len(clients))
    for client in clients:
        client.close()
    waits.sort()
    return {
        "calls_per_second": len(waits) / took,
        "p50_ms": waits[len(waits) // 2] * 1e3,
        "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
        "cpu_us": (own_after - own) * 1e6 / len(waits),
        "children_cpu_us": (children_after - children) * 1e6 / len(waits),
    }


def _keep_calling(poll: select.epoll, sources: dict[int, tuple[socket.socket, Client]], seconds: float) -> list[float]:
    """Answer each answer with the next call; returns how long each call took, in seconds."""
    waits: list[float] = []
    clock = time.perf_counter
    end = clock() + seconds
    while (now := clock()) < end:
        for number, _ in poll.poll(1.0):
            source, client = sources[number]
            if client.receive(source):
                now = clock()
                waits.append(now - client.sent)
                client.sent = now
                client.begin()
    return waits


def _finish(poll: select.epoll, sources: dict[int, tuple[socket.socket, Client]], pending: int) -> None:
    """Take the answers that are still to come."""
    while pending:
        for number, _ in poll.poll(1.0):
            source, client = sources[number]
            pending -= client.receive(source)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(window(json.loads(line))), flush=True)
