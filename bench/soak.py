"""A hundred thousand mixed calls, faults among them: memory, processes and descriptors of the host must stay flat."""

import argparse
import json
import random
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import Client, WrongAnswerError
from environments import HERE
from procfs import descendants, rss_kib, tree_kib
from report import Bar
from servers import Running, running
from siblings import SERVER, Caller
from watch import SIBLINGS

CALLERS = 8
"""Connections, each with a session; half of them have the tool misbehave now and then."""
FAULTY = 0.05
"""The share of calls that misbehave, on those connections."""
SLOW = ("endless loop", "endless c call", "endless list", "fork bomb", "huge result", "progress for ever")
"""Faults that take long; one in a hundred is such a one."""
SAMPLE = 0.5
"""Seconds between two looks at the host."""


@dataclass
class Tally:
    """What the callers did so far."""

    left: int
    calls: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, *, fault: bool) -> bool:
        """Count one call; returns False once there are enough."""
        with self.lock:
            if self.left <= 0:
                return False
            self.left -= 1
            self.calls += 1
            self.faults += fault
            return True


def soak(calls: int) -> dict[str, Any]:
    """Make so many calls; returns what the host held meanwhile."""
    with running(SERVER) as server:
        server.wait_until_listening()
        tally = Tally(calls)
        quick = Caller(server.port).quick_ways()
        threads = [
            threading.Thread(target=_call, args=(server, tally, random.Random(number), quick if number % 2 else []))
            for number in range(CALLERS)
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        samples: list[dict[str, float]] = []
        while any(thread.is_alive() for thread in threads):
            samples.append(_look(server, tally))
            print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
            time.sleep(SAMPLE)
        took = time.perf_counter() - started
        time.sleep(2.0)  # what the last faults left behind is ended meanwhile
        after = _look(server, tally)
    warm = samples[len(samples) // 5 :]
    quarter = max(1, len(warm) // 4)
    return {
        "calls": tally.calls,
        "faults": tally.faults,
        "wrong": tally.wrong,
        "seconds": took,
        "first_rss_mib": statistics.median(one["rss_mib"] for one in warm[:quarter]),
        "last_rss_mib": statistics.median(one["rss_mib"] for one in warm[-quarter:]),
        "most_processes": max(one["processes"] for one in samples),
        "after": after,
    }


def bars(found: dict[str, Any]) -> list[Bar]:
    """What must hold."""
    return [
        Bar("calls answered wrongly", len(found["wrong"]), 0, ""),
        Bar("RSS, last quarter over first", found["last_rss_mib"] - found["first_rss_mib"], 4, " MiB"),
        Bar("processes afterwards", found["after"]["processes"], 6, ""),  # keeper, fork server, idle workers
        Bar("descriptors afterwards", found["after"]["descriptors"], 40, ""),
    ]


def _call(server: Running, tally: Tally, dice: random.Random, ways: list[str]) -> None:
    siblings = [Client(server.port, tool=name) for name in SIBLINGS]
    caller = Caller(server.port)
    while True:
        fault = bool(ways) and dice.random() < FAULTY
        if not tally.take(fault=fault):
            return
        try:
            if fault:
                caller.misbehave(dice.choice(SLOW if dice.random() < 0.01 else ways))
                tally.take(fault=False)
                caller.misbehave("not at all")  # a tool that only ever fails would be taken out of service
            else:
                dice.choice(siblings).call()
        except (OSError, WrongAnswerError) as error:
            tally.wrong.append(str(error)[:300])
            siblings = [Client(server.port, tool=name) for name in SIBLINGS]
            caller = Caller(server.port)


def _look(server: Running, tally: Tally) -> dict[str, float]:
    pid = server.process.pid
    return {
        "calls": tally.calls,
        "faults": tally.faults,
        "rss_mib": round(rss_kib(pid) / 1024, 1),
        "with_children_mib": round(tree_kib(pid) / 1024, 1),
        "processes": len(descendants(pid)),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def main() -> int:
    """Soak, print and write what was found; returns 1 where something grew or went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=100_000)
    found = soak(parser.parse_args().calls)
    (HERE / "out").mkdir(exist_ok=True)
    (HERE / "out" / "soak.json").write_text(json.dumps(found, indent=1))
    print(json.dumps({key: value for key, value in found.items() if key != "wrong"}, indent=1))
    print(*found["wrong"][:20], sep="\n")
    for bar in bars(found):
        print("  ".join(bar.cells()))
    return 0 if all(bar.kept for bar in bars(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
