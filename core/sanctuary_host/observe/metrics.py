"""Prometheus metrics: calls by tool and outcome, their duration, how many run, and the process's own resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; from a call answered on the loop to the longest default deadline."""


class Reading(NamedTuple):
    """What is looked up of a tool when somebody asks."""

    tool: str
    waiting: int
    paused: bool
    held: int
    worst: float
    abandoned: int


class Metrics:
    """The counters of one cluster. The names of tools are known at start, so no caller can add series."""

    def __init__(self, cluster: str, version: str, outcomes: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Gauge("sanctuary_build", "The host that runs.", ["cluster", "version"], registry=self.registry)
        build.labels(cluster, version).set(1)
        self._outcomes = tuple(outcomes)
        self._calls = Counter(
            "sanctuary_tool_calls", "Calls by tool and outcome.", ["cluster", "tool", "outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "sanctuary_tool_seconds",
            "How long calls took, waiting included.",
            ["cluster", "tool"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._running = Gauge(
            "sanctuary_tool_calls_in_flight", "Calls that run now.", ["cluster", "tool"], registry=self.registry
        )
        self._cluster = cluster

    def of_tool(self, tool: str) -> ToolMetrics:
        """The counters of one tool, looked up once."""
        return ToolMetrics(
            {outcome: self._calls.labels(self._cluster, tool, outcome) for outcome in self._outcomes},
            self._seconds.labels(self._cluster, tool),
            self._running.labels(self._cluster, tool),
        )

    def follow(self, read: Callable[[], Iterable[Reading]]) -> None:
        """Show what `read` gives, each time that somebody asks."""
        self.registry.register(_Readings(self._cluster, read))

    def follow_registration(self, read: Callable[[], tuple[bool, Mapping[Any, int]]]) -> None:
        """Show whether the gateway knows the server, and the attempts by outcome, as `read` gives them."""
        self.registry.register(_Registration(self._cluster, read))

    def text(self) -> bytes:
        """All of it in Prometheus' text format, 0.0.4."""
        return generate_latest(self.registry)


class _Readings:
    """Series that cost nothing until somebody asks for them."""

    def __init__(self, cluster: str, read: Callable[[], Iterable[Reading]]) -> None:
        self._cluster, self._read = cluster, read

    def describe(self) -> Iterator[Metric]:
        """The series, without values."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """The series as they are now."""
        waiting, paused, held, worst, abandoned = families = self._families()
        for reading in self._read():
            labels = (self._cluster, reading.tool)
            waiting.add_metric(labels, reading.waiting)
            paused.add_metric(labels, reading.paused)
            held.add_metric(labels, reading.held)
            worst.add_metric(labels, reading.worst)
            abandoned.add_metric(labels, reading.abandoned)
        yield from families

    def _families(
        self,
    ) -> tuple[GaugeMetricFamily, GaugeMetricFamily, CounterMetricFamily, GaugeMetricFamily, CounterMetricFamily]:
        labels = ("cluster", "tool")
        return (
            GaugeMetricFamily("sanctuary_tool_calls_waiting", "Calls that wait for their turn.", labels=labels),
            GaugeMetricFamily("sanctuary_tool_breaker_open", "1 while the tool is paused.", labels=labels),
            CounterMetricFamily(
                "sanctuary_tool_held_loop", "Steps that held the event loop for more than 50 ms.", labels=labels
            ),
            GaugeMetricFamily("sanctuary_tool_held_loop_worst_seconds", "The longest such step.", labels=labels),
            CounterMetricFamily(
                "sanctuary_tool_abandoned", "Coroutines that went on after they were cancelled.", labels=labels
            ),
        )


class _Registration:
    """Series that cost nothing until somebody asks for them."""

    def __init__(self, cluster: str, read: Callable[[], tuple[bool, Mapping[Any, int]]]) -> None:
        self._cluster, self._read = cluster, read

    def describe(self) -> Iterator[Metric]:
        """The series, without values."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """The series as they are now."""
        registered, attempts = families = self._families()
        now, counts = self._read()
        registered.add_metric((self._cluster,), now)
        for outcome, count in counts.items():
            attempts.add_metric((self._cluster, outcome), count)
        yield from families

    def _families(self) -> tuple[GaugeMetricFamily, CounterMetricFamily]:
        return (
            GaugeMetricFamily(
                "sanctuary_registered", "1 while the gateway's copy of the server is its own.", labels=("cluster",)
            ),
            CounterMetricFamily(
                "sanctuary_registration_attempts", "Requests by how they ended.", labels=("cluster", "outcome")
            ),
        )


class ToolMetrics:
    """The counters of one tool."""

    __slots__ = ("_calls", "_running", "_seconds")

    def __init__(self, calls: dict[str, Counter], seconds: Histogram, running: Gauge) -> None:
        self._calls, self._seconds, self._running = calls, seconds, running

    def begin(self) -> None:
        """A call begins."""
        self._running.inc()

    def end(self, outcome: str, seconds: float) -> None:
        """It ended with `outcome` after `seconds`."""
        self._running.dec()
        self._calls[outcome].inc()
        self._seconds.observe(seconds)
