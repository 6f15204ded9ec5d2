"""Calls a second, their waits and their processor time: every row in every round, so that noise meets all alike."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any

from environments import HERE, InstallError
from servers import LOAD_CORES, ROWS, SERVERS, Row, Running, running

Samples = dict[str, dict[str, list[dict[str, float]]]]
"""Row → clients → one measurement a round."""


def measure(clients: list[int], rounds: int, seconds: float) -> tuple[Samples, dict[str, str]]:
    """Measure every row in every round.

    Args:
        clients: how many call at once; each number is a measurement of its own.
        rounds: how often all of it is measured.
        seconds: how long one measurement takes.

    Returns:
        The measurements; and for each server that could not be measured, why.
    """
    samples: Samples = {row.name: {str(count): [] for count in clients} for row in ROWS}
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        servers: dict[str, Running] = {}
        for name, server in SERVERS.items():
            try:
                servers[name] = stack.enter_context(running(server))
            except InstallError as error:
                missing[name] = str(error)
        for name, started in list(servers.items()):
            try:
                started.wait_until_listening()
            except RuntimeError as error:
                del servers[name]
                missing[name] = str(error)
        load = stack.enter_context(_load())
        for number in range(rounds):
            for count in clients:
                for row in ROWS:
                    if row.server in servers:
                        _say(f"round {number + 1}/{rounds}: {row.name}, {count} clients")
                        samples[row.name][str(count)].append(_window(load, row, servers[row.server], count, seconds))
        _say("")
    return samples, missing


def _window(load: subprocess.Popen[str], row: Row, server: Running, clients: int, seconds: float) -> dict[str, float]:
    plan = {**asdict(row), "port": server.port, "pid": server.process.pid, "clients": clients, "seconds": seconds}
    line = _ask(load.stdin, load.stdout, plan)
    if not line:
        raise RuntimeError(f"the load failed on: {row.name}")
    result: dict[str, float] = json.loads(line)
    return result


def _ask(to: IO[str] | None, answers: IO[str] | None, plan: dict[str, Any]) -> str:
    assert to is not None
    assert answers is not None
    to.write(json.dumps(plan) + "\n")
    to.flush()
    return answers.readline()


def _say(words: str) -> None:
    """Show how far it is, where somebody watches."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{words}", end="", flush=True)


@contextlib.contextmanager
def _load() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "load.py")], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        os.sched_setaffinity(process.pid, LOAD_CORES)
        yield process
    finally:
        process.kill()
        process.wait()
