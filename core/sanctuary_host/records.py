"""What is known of the calls of one job: how they ended, whether it is paused, who waits, how it treats the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sanctuary_host.containment.breaker import Breaker, Clock
from sanctuary_host.containment.lanes import Lane
from sanctuary_host.containment.steps import Conduct
from sanctuary_host.jobs import Ending, Job, Outcome
from sanctuary_host.observe.metrics import Reading, ToolMetrics

FAULTY: Final[frozenset[Ending]] = frozenset({"timeout", "crash"})
"""The endings that count against a tool."""


AT_ONCE: Final = 256
"""Calls of one coroutine tool that run at once, unless it says otherwise: more than HTTP clients open connections at
once (100 in httpx and aiohttp alike), and few enough for the process's descriptors."""


def overrun(job: Job) -> Outcome:
    """How a call ends that was not done at its deadline."""
    return Outcome("timeout", reason=f"did not answer within {job.timeout:g} s and was stopped")


@dataclass(slots=True)
class Record:
    """How the calls of one job went, and what bounds those to come.

    Attributes:
        lane: where its calls wait.
        errands: where what it has workers run waits.
        conduct: how it treats the loop.
    """

    job: Job
    breaker: Breaker
    lane: Lane
    errands: Lane
    conduct: Conduct
    endings: dict[Ending, int] = field(default_factory=dict[Ending, int])
    last_failure: str = ""
    metrics: ToolMetrics | None = None

    @classmethod
    def of(cls, job: Job, workers: int, clock: Clock) -> Record:
        """The record of a job in a process with so many workers, before its first call."""
        what = f"{job.kind.capitalize()} {job.name}"
        at_once = job.concurrency or (AT_ONCE if job.runs == "loop" else workers)
        return cls(job, Breaker(what, clock), Lane(at_once), Lane(workers), Conduct(what))

    def too_late(self) -> Outcome:
        """How a call ends that spent all its time waiting: the tool did nothing wrong, it never began."""
        seconds = self.lane.patience
        reason = f"was not begun within {self.job.timeout:g} s, so many calls came before; retry after {seconds:g} s"
        return Outcome("busy", value=seconds, reason=reason)

    def state(self) -> dict[str, Any]:
        """For `/health`."""
        state: dict[str, Any] = {"runs": self.job.runs, "calls": dict(self.endings), "waiting": self._waiting}
        if self.last_failure:
            state["last_failure"] = self.last_failure
        if (breaker := self.breaker.state) != "closed":
            state["breaker"] = breaker
            state["failures_in_a_row"] = self.breaker.failures
            state["retry_after_s"] = round(self.breaker.seconds, 1)
        if self.conduct.held:
            state["held_loop"] = {"count": self.conduct.held, "worst_ms": round(self.conduct.worst * 1000, 1)}
        if self.conduct.abandoned:
            state["abandoned"] = self.conduct.abandoned
        return state

    def reading(self) -> Reading:
        """For `/metrics`."""
        conduct = self.conduct
        paused = self.breaker.state != "closed"
        return Reading(self.job.name, self._waiting, paused, conduct.held, conduct.worst, conduct.abandoned)

    @property
    def _waiting(self) -> int:
        return self.lane.waiting + self.errands.waiting


class Passage:
    """One call on its way through a breaker.

    Attributes:
        begun: whether its turn has come.
    """

    __slots__ = ("_breaker", "_probe", "begun")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._probe = False
        self.begun = False
        if not breaker.calm:
            breaker.check()

    def begin(self) -> None:
        """Its turn has come; a second turn of one call is the same.

        Raises:
            PausedError: the tool was paused while it waited.
        """
        if not self.begun and not self._breaker.calm:
            self._probe = self._breaker.begin()
        self.begun = True

    def end(self, outcome: Outcome) -> None:
        """Tell the breaker how it ended."""
        if self.begun and outcome.ending in FAULTY:
            self._breaker.fail(
                f"it {outcome.reason}" if outcome.ending == "timeout" else outcome.reason, probe=self._probe
            )
        elif outcome.ending == "ok":
            if not self._breaker.calm:
                self._breaker.succeed(probe=self._probe)
        elif self._probe:
            self._breaker.release()
