"""What a fault of one tool costs the others: how long siblings and /health take to answer while it happens."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

from client import Client
from environments import HERE
from servers import LOAD_CORES, Running, Server, running

SERVER = Server("host", ("-m", "sanctuary_host"), {"CLUSTER": "faults", "SANCTUARY_TRUST": "sanctuary-faults"})
FAULTS = {
    "endless Python loop": "endless loop",
    "endless C call": "endless c call",
    "endless expression": "endless expression",
    "big integers": "big integers",
    "segfault": "segfault",
    "os._exit": "exit at once",
    "sys.exit": "system exit",
    "recursion": "recursion",
    "stack overflow in C": "stack overflow in c",
    "memory bomb": "endless list",
    "many small objects": "many small objects",
    "fork bomb": "fork bomb",
    "fork bomb, new sessions": "fork bomb in new sessions",
    "daemon left behind": "leaves a daemon and dies",
    "descriptor leak": "many descriptors",
    "1,000 busy threads": "thousand busy threads",
    "50 MB to standard output": "writes fifty megabytes to standard output",
    "result of 20 MB": "huge result",
    "result of 3.9 MB": "nearly huge result",
    "deep result": "deep result",
    "unserialisable result": "unserialisable result",
    "progress without end": "progress for ever",
    "large logs without end": "deep logs for ever",
    "frames over the limit": "too long a frame",
    "closed connection": "closes everything",
}
"""Classes of faults, and the way of the fault pack that stands for each."""
SETTLING = 0.1
"""Seconds after a fault that still count as its time: what it left behind is ended then."""

Waits: TypeAlias = dict[str, list[float]]


def delays(times: int) -> dict[str, Any]:
    """How long siblings and /health took to answer during each class of fault, and without any, in ms.

    Args:
        times: how often each fault is made; as much time without one is measured before each.
    """
    with running(SERVER) as server, _watching(server) as watcher:
        caller = Caller(server.port)
        caller.misbehave("not at all")
        _since(watcher)
        quiet: list[Waits] = []
        found: dict[str, list[Waits]] = {}
        overruns: dict[str, float] = {}
        failed: list[str] = []
        for _ in range(times):
            for name, how in FAULTS.items():
                caller.misbehave("not at all")  # a tool that only ever fails would be taken out of service
                time.sleep(0.5)
                before = _since(watcher)
                took = caller.misbehave(how)
                overruns[name] = max(overruns.get(name, 0.0), took)
                time.sleep(SETTLING)
                during = _since(watcher)
                quiet.append(before["waits"])
                found.setdefault(name, []).append(during["waits"])
                failed += [f"{name}: {fault}" for fault in (*before["faults"], *during["faults"])]
    return {
        "quiet": _summary(quiet),
        "during": {name: _summary(each) for name, each in found.items()},
        "took_ms": {name: 1e3 * took for name, took in overruns.items()},
        "failed": failed,
    }


class Caller(Client):
    """A client that has the server's tool misbehave."""

    def quick_ways(self) -> list[str]:
        """The ways to misbehave that take little time and room."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "quick_ways"}}
        _, body = self._exchange(message)
        ways: list[str] = json.loads(body)["result"]["structuredContent"]["result"]
        return ways

    def misbehave(self, how: str) -> float:
        """Have it do so, and return how long that took in seconds; how it answers is the tests' business."""
        params = {"name": "misbehave", "arguments": {"how": how}, "_meta": {"progressToken": 1}}
        started = time.perf_counter()
        self._exchange({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        return time.perf_counter() - started


@contextlib.contextmanager
def _watching(server: Running) -> Iterator[subprocess.Popen[str]]:
    server.wait_until_listening()
    watcher = subprocess.Popen(
        [sys.executable, str(HERE / "watch.py"), str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(watcher.pid, LOAD_CORES)
    try:
        yield watcher
    finally:
        watcher.kill()
        watcher.communicate()


def _since(watcher: subprocess.Popen[str]) -> dict[str, Any]:
    """What the watcher saw since it was last asked."""
    assert watcher.stdin is not None
    assert watcher.stdout is not None
    watcher.stdin.write("\n")
    watcher.stdin.flush()
    seen: dict[str, Any] = json.loads(watcher.stdout.readline())
    return seen


def _summary(periods: list[Waits]) -> dict[str, dict[str, float]]:
    """Median, 99th percentile and worst wait, of the siblings together and of /health."""
    rows: dict[str, list[float]] = {"siblings": [], "health": []}
    for waits in periods:
        for name, each in waits.items():
            rows["health" if name == "health" else "siblings"] += each
    return {
        name: {
            "p50": statistics.median(each),
            "p99": sorted(each)[len(each) * 99 // 100],
            "worst": max(each),
            "calls": len(each),
        }
        for name, each in rows.items()
        if each
    }
