"""What a server costs beside its calls: sessions, abandoned ones, the start, worker processes."""

import os
import signal
import socket
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from client import Client
from environments import InstallError
from floor import echo
from procfs import descendants, private_kib, processor_seconds, rss_kib, tree_kib
from servers import SERVERS, START_SECONDS, Running, Server, first_session, host, running

P = ParamSpec("P")
T = TypeVar("T")

WARMING_SESSIONS = 100
SERVERS_OF_WORKERS = 2
"""Child processes of our host that are no workers: the fork server and its keeper."""


class NotReadyError(Exception):
    """A cluster does not serve; the message says why."""


def idle_sessions(count: int) -> dict[str, float | None]:
    """KiB that a session costs which was opened and left, by server.

    Args:
        count: how many are opened; below 900, since our host keeps 1000 at most.
    """
    return {name: _unless_missing(_idle_session, SERVERS[name], count) for name in ("host", "sdk json", "fastmcp json")}


def _idle_session(server: Server, count: int) -> float:
    with running(server) as process:
        first_session(process).call()
        _open_and_leave(process, WARMING_SESSIONS)
        before = rss_kib(process.process.pid)
        _open_and_leave(process, count)
        return (rss_kib(process.process.pid) - before) / count


def abandoned_sessions(count: int) -> dict[str, float]:
    """RSS in MiB of our host before and after `count` sessions that their clients left; a newcomer must get in then."""
    with running(SERVERS["host"]) as server:
        first_session(server).call()
        before = rss_kib(server.process.pid)
        _open_and_leave(server, count)
        newcomer = Client(server.port)
        newcomer.call()
        return {"sessions": count, "before_mib": before / 1024, "after_mib": rss_kib(server.process.pid) / 1024}


def starts(times: int) -> dict[str, Any]:
    """The best of some starts of each server, from the start of its process to its first answer to `initialize`."""
    names = ("host", "sdk json", "fastmcp json", "bare")
    return {name: _unless_missing(_start, SERVERS[name], times) for name in names}


def _start(server: Server, times: int) -> dict[str, float]:
    found: list[dict[str, float]] = []
    for _ in range(times):
        with running(server) as process:
            first_session(process)
            wall = time.perf_counter() - process.started
            own, children = processor_seconds(process.process.pid)
            rss = rss_kib(process.process.pid) / 1024
            found.append({"wall_s": wall, "cpu_s": own + children, "rss_mib": rss})
    return min(found, key=lambda start: start["wall_s"])


def idle_cluster(times: int) -> dict[str, Any]:
    """The median of some starts of utils to ready, with its memory then; without utils, of our own cluster."""
    try:
        found = [_idle("utils") for _ in range(times)]
    except NotReadyError:
        found = [_idle("bench") for _ in range(times)]
    return sorted(found, key=lambda one: one["ready_s"])[len(found) // 2]


def _idle(cluster: str) -> dict[str, Any]:
    with running(host(cluster)) as server:
        server.wait_until_listening()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/ready", timeout=START_SECONDS).close()
        except urllib.error.HTTPError as error:
            raise NotReadyError(error.read().decode()) from None
        return {
            "cluster": cluster,
            "ready_s": time.perf_counter() - server.started,
            "rss_mib": rss_kib(server.process.pid) / 1024,
            "with_children_mib": tree_kib(server.process.pid) / 1024,
        }


def workers(times: int) -> dict[str, float]:
    """How long a call waits inline and for a worker process, and a bare message for another process, in µs.

    And for a worker that must be made first, in ms, and what memory one has to itself when it is idle, in MiB.
    """
    with echo() as floor, running(SERVERS["host"]) as server:
        inline, worker = first_session(server), Client(server.port, tool="echo_in_worker")
        waits: dict[Client, list[float]] = {inline: [], worker: []}
        bare: list[float] = []
        for _ in range(times):
            for client, found in waits.items():
                found.append(_wait(client))
            bare.append(floor.wait())
        private = [private_kib(pid) / 1024 for pid in descendants(server.process.pid)[SERVERS_OF_WORKERS:]]
        fresh = [_wait_after_kill(server.process.pid, inline, worker) for _ in range(max(5, times // 100))]
        usual, beside, floor_us = (statistics.median(found) * 1e6 for found in (*waits.values(), bare))
        return {
            "inline_us": usual,
            "worker_us": beside,
            "floor_us": floor_us,
            "after_kill_ms": statistics.median(fresh) * 1e3,
            "private_mib": statistics.median(private),
        }


def _wait(client: Client) -> float:
    started = time.perf_counter()
    client.call()
    return time.perf_counter() - started


def _wait_after_kill(host_pid: int, inline: Client, client: Client) -> float:
    youngest = descendants(host_pid)[-1]
    os.kill(youngest, signal.SIGKILL)
    while youngest in descendants(host_pid):
        time.sleep(0.001)
    for _ in range(3):  # so that the host has heard of the death; a call before that would be the dead worker's
        inline.call()
    return _wait(client)


def _open_and_leave(server: Running, count: int) -> None:
    for _ in range(count):
        client = Client(server.port)
        # A reset, as from a machine that vanished; it also leaves no port behind that could not be used again soon.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.abandon()


def _unless_missing(measure: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T | None:
    """What `measure` gives; `None` where the server could not be installed, which is reported elsewhere."""
    try:
        return measure(*arguments, **keywords)
    except (InstallError, RuntimeError):
        return None
