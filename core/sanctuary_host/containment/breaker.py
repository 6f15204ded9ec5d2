"""A tool that keeps crashing or overrunning is paused for a while, then tried with one call."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Literal

logger = logging.getLogger(__name__)

TOLERATED: Final = 5
"""Crashes and missed deadlines in a row with which the pause begins."""
SHORTEST: Final = 1.0
"""Seconds of the first pause; each probe that fails doubles it."""
LONGEST: Final = 30.0
"""Seconds of a pause at most."""
REASON_LIMIT: Final = 200
"""Characters of the last failure that a refusal repeats."""

State = Literal["closed", "open", "half-open"]
Clock = Callable[[], float]


class PausedError(Exception):
    """The call is refused; the message continues a sentence that began with the tool's name.

    Attributes:
        seconds: after how long it may be worth trying again.
    """

    def __init__(self, failures: int, last: str, seconds: float) -> None:
        self.seconds = max(0.1, round(seconds, 1))
        super().__init__(f"is paused after {failures} failures in a row (last: {last}); retry in {self.seconds:g} s")


class Breaker:
    """The breaker of one tool.

    Args:
        what: the tool, as the log names it.
        clock: seconds of any origin.

    Attributes:
        failures: crashes and missed deadlines since the last success.
        calm: whether there were none, so that nothing has to be asked here.
    """

    __slots__ = ("_clock", "_last", "_pause", "_probing", "_until", "_what", "calm", "failures")

    def __init__(self, what: str, clock: Clock = time.monotonic) -> None:
        self.failures = 0
        self.calm = True
        self._what = what
        self._clock = clock
        self._last = ""
        self._pause = 0.0  # none as long as it is closed
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """`closed` lets every call through, `open` none, `half-open` one at a time."""
        if not self._pause:
            return "closed"
        return "half-open" if self._probing or self._clock() >= self._until else "open"

    @property
    def seconds(self) -> float:
        """After how long a call may be let through; 0 where it would be now."""
        if not self._pause:
            return 0.0
        return SHORTEST if self._probing else max(0.0, self._until - self._clock())

    def check(self) -> None:
        """Refuse a call that is about to wait for its turn, where there is no use in waiting.

        Raises:
            PausedError: the tool is paused.
        """
        if (seconds := self.seconds) > 0:
            raise PausedError(self.failures, self._last, seconds)

    def begin(self) -> bool:
        """Let a call begin.

        Returns:
            Whether it is the probe: its end must be told in any case.

        Raises:
            PausedError: the tool is paused.
        """
        self.check()
        self._probing = bool(self._pause)
        return self._probing

    def succeed(self, *, probe: bool) -> None:
        """A call ended well."""
        if self._pause and not probe:
            return  # it began before the pause, and tells nothing of what came since
        if self._pause:
            logger.info("%s works again and is paused no more", self._what, extra={"fields": self._fields("closed")})
        self.failures = 0
        self.calm = True
        self._pause = 0.0
        self._probing = False

    def fail(self, reason: str, *, probe: bool) -> None:
        """A call crashed or overran its deadline."""
        self.failures += 1
        self.calm = False
        self._last = reason[:REASON_LIMIT]
        if self._pause and not probe:
            return
        if probe or self.failures >= TOLERATED:
            self._pause = min(self._pause * 2 or SHORTEST, LONGEST)
            self._until = self._clock() + self._pause
            self._probing = False
            logger.warning(
                "%s is paused for %g s after %d failures in a row (last: %s)",
                *(self._what, self._pause, self.failures, self._last),
                extra={"fields": self._fields("open") | {"pause_s": self._pause}},
            )

    def release(self) -> None:
        """The probe ended in a way that says nothing about the tool: the next call is the probe."""
        self._probing = False

    def _fields(self, state: State) -> dict[str, object]:
        return {"event": "breaker", "breaker": state, "failures": self.failures}
