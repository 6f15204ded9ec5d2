"""What was found as tables for people, and the bars that it must stay under."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from servers import RIVALS, ROWS

Found = dict[str, Any]
CLIENTS = "16"
"""The number of clients for which the bars hold."""


@dataclass(frozen=True)
class Bar:
    """A promise of ours, and how it was kept."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def kept(self) -> bool:
        """Whether it was."""
        return self.value <= self.limit

    def cells(self) -> list[str]:
        """The bar as a line of a table."""
        return [
            "pass" if self.kept else "FAIL",
            self.name,
            f"{self.value:.3g}{self.unit}",
            f"≤ {self.limit:g}{self.unit}",
        ]


def median(found: Found, row: str, clients: str, key: str) -> float:
    """The median of all rounds; not a number where the row could not be measured."""
    rounds = found["samples"][row][clients]
    return statistics.median(one[key] for one in rounds) if rounds else math.nan


def ratio(found: Found, ours: str, rival: str, clients: str) -> float:
    """Our processor time for a call, workers included, over a rival's: the median of what each round says."""
    rounds = zip(found["samples"][ours][clients], found["samples"].get(rival, {}).get(clients, []), strict=False)
    each = [(one["cpu_us"] + one["children_cpu_us"]) / other["cpu_us"] for one, other in rounds]
    return statistics.median(each) if each else math.nan


def bars(found: Found) -> list[Bar]:
    """Every promise."""
    abandoned, workers, idle = found["abandoned_sessions"], found["workers"], found["idle_cluster"]
    return [
        Bar(
            "CPU a call over the SDK's JSON server",
            ratio(found, "ours, session", "SDK, session, JSON", CLIENTS),
            0.35,
            "",
        ),
        Bar("CPU a call over bare aiohttp", ratio(found, "ours, session", "bare aiohttp", CLIENTS), 3, ""),
        Bar("an idle session", found["idle_sessions_kib"]["host"] or math.nan, 8, " KiB"),
        Bar(
            f"{abandoned['sessions']} abandoned sessions leave",
            abandoned["after_mib"] - abandoned["before_mib"],
            10,
            " MiB",
        ),
        Bar(f"memory of idle {idle['cluster']}", idle["rss_mib"], 80, " MiB"),
        Bar(f"start of {idle['cluster']} to ready", idle["ready_s"], 1, " s"),
        Bar("a worker's call over an inline one", workers["worker_us"] - workers["inline_us"], 100, " µs"),
        Bar("a call whose worker must be started first", workers["after_kill_ms"], 20, " ms"),
        Bar("private memory of an idle worker", workers["private_mib"], 4, " MiB"),
        *(
            Bar(f"a fault delays {who} by", _worst_delay(found["siblings"], who), 50, " ms")
            for who in ("siblings", "health")
        ),
        Bar("calls of siblings that a fault spoilt", len(found["siblings"]["failed"]), 0, ""),
    ]


def _worst_delay(found: Found, who: str) -> float:
    """The longest wait during any fault, in ms, over the longest without one."""
    return max(row[who]["worst"] for row in found["during"].values()) - found["quiet"][who]["worst"]


def _delays(found: Found) -> str:
    """How long siblings and /health waited, fault by fault."""
    keys = [(who, key) for who in ("siblings", "health") for key in ("p50", "p99", "worst")]
    rows = {"no fault": found["quiet"], **found["during"]}
    lines = [
        [name, _figure(found["took_ms"].get(name)), *(_figure(row[who][key]) for who, key in keys)]
        for name, row in rows.items()
    ]
    return table(["delays during a fault, ms", "call", *(f"{who} {key}" for who, key in keys)], lines)


def text(found: Found) -> str:
    """All of it."""
    parts: list[str] = []
    for clients in found["samples"][ROWS[0].name]:
        head = [f"{clients} client{'s' * (clients != '1')}", "CPU µs/call", "in workers", "calls/s", "p50 ms", "p99 ms"]
        parts.append(table(head, [_row(found, row.name, clients) for row in ROWS]))
    head = ["", "SDK, JSON", "fastmcp, JSON", "bare aiohttp"]
    for clients in found["samples"][ROWS[0].name]:
        head[0] = f"{clients} clients: our CPU a call /"
        lines = [[ours, *(_figure(ratio(found, ours, rival, clients)) for rival in RIVALS[ours])] for ours in RIVALS]
        parts.append(table(head, lines))
    sessions = found["idle_sessions_kib"]
    starts = {name: start or {} for name, start in found["starts"].items()}
    keys = ("wall_s", "cpu_s", "rss_mib")
    lines = [
        [name, *(_figure(start.get(key)) for key in keys), _figure(sessions.get(name))]
        for name, start in starts.items()
    ]
    parts.append(table(["start to first session", "s", "CPU s", "MiB", "KiB a session"], lines))
    workers, idle = found["workers"], found["idle_cluster"]
    parts.append(
        f"A call inline {workers['inline_us']:.0f} µs, in a worker {workers['worker_us']:.0f} µs, "
        f"in a new one after a kill {workers['after_kill_ms']:.1f} ms; "
        f"a bare message to another process and back {workers['floor_us']:.0f} µs, "
        f"so a worker adds {(workers['worker_us'] - workers['inline_us']) / workers['floor_us']:.1f} of them.\n"
        f"Idle {idle['cluster']}: {idle['rss_mib']:.0f} MiB; with its child processes, a share of each shared page, "
        f"{idle['with_children_mib']:.0f} MiB."
    )
    parts.append(_delays(found["siblings"]))
    parts += found["siblings"]["failed"][:20]
    parts += [f"{server} could not be measured: {why}" for server, why in found["missing"].items()]
    parts.append(table(["", "bar", "found", "limit"], [bar.cells() for bar in bars(found)]))
    return "\n\n".join(parts)


def _row(found: Found, row: str, clients: str) -> list[str]:
    keys = ("cpu_us", "children_cpu_us", "calls_per_second", "p50_ms", "p99_ms")
    cpu, children, *others = (median(found, row, clients, key) for key in keys)
    return [row, _figure(cpu), _figure(children or math.nan), *map(_figure, others)]


def _figure(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first is set left, the others right."""
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    rows = (head, ["─" * width for width in widths], *lines)
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
