"""How long plugin code holds the event loop: each of its steps is timed, and one that does not end is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from abc import ABCMeta
from collections.abc import Callable, Coroutine, Generator
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeVar, cast

logger = logging.getLogger(__name__)

HELD: Final = 0.05
"""Seconds from which on a step is reported."""
LIMIT: Final = 1.0
"""Seconds after which it is interrupted."""
QUIET: Final = 60.0
"""Seconds between two reports about one tool."""
AGAIN: Final = 0.05
"""Seconds until a step that went on all the same is interrupted anew; half as long each time, so that in the end the
interruption comes while it still handles the one before."""
SOONEST: Final = 0.0001
"""Seconds between two interruptions at least."""
STUBBORN: Final = 200
"""Interruptions after which they become as rare as at first: each writes a byte that only the loop reads."""
SPARED: Final = (
    "asyncio",
    "aiohttp",
    "logging",
    "importlib",
    "mcp",
    "sanctuary_host.transport",
    "sanctuary_host.observe",
)
"""Modules whose code an interruption would leave half done, to the harm of everybody else;"""
SPARE: Final = 0.01
"""seconds until it is tried again,"""
SPARINGS: Final = 20
"""and how often, before it comes whatever it harms."""

_now = time.perf_counter
T = TypeVar("T")


class HeldError(BaseException):
    """Interrupts a step; no `except Exception` of a plugin takes it for its own."""


class Conduct:
    """How one tool treats the loop that it shares.

    Attributes:
        held: how many of its steps held the loop for too long.
        worst: seconds of the longest of them.
        abandoned: how many of its coroutines did not end when they were cancelled.
    """

    __slots__ = ("_reported", "_what", "abandoned", "held", "worst")

    def __init__(self, what: str) -> None:
        self.held = 0
        self.worst = 0.0
        self.abandoned = 0
        self._what = what
        self._reported = -QUIET

    def note(self, seconds: float) -> None:
        """Count a step that held the loop, and report it unless one was reported just now."""
        self.held += 1
        self.worst = max(self.worst, seconds)
        now = _now()
        if now - self._reported < QUIET:
            return
        self._reported = now
        logger.warning(
            "%s held the event loop for %.0f ms; move the work to a def tool or host.run",
            *(self._what, seconds * 1000),
            extra={"fields": {"event": "held_loop", "held_ms": round(seconds * 1000, 1)}},
        )

    def abandon(self) -> None:
        """Count a coroutine that goes on though it was cancelled, and report it."""
        self.abandoned += 1
        logger.warning(
            "%s did not stop when it was cancelled and goes on in the background; let CancelledError pass",
            self._what,
            extra={"fields": {"event": "abandoned"}},
        )


class Watch:
    """Interrupts steps that hold the loop for too long, with a timer's signal.

    Python runs signal handlers in the main thread, between two instructions or where C code asks for them, as `re`
    does. The timer is started by the first step and anew when it rings, so it costs a step two looks at the clock.
    Elsewhere than in the main thread nothing is interrupted.

    Tasks that a step starts are timed as it is, and count as the same tool's.

    Args:
        limit: seconds that a step may take.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._since = 0.0  # when the step began that runs now; 0 where none does
        self._armed = True  # whether the timer runs, or must not
        self._last = 0.0
        self._rings = 0
        self._sparings = 0
        self._before: Any = None
        self._conduct: Conduct | None = None  # whose step it is that runs, or ran last

    def __enter__(self) -> Self:
        """Begin."""
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            self._before = signal.signal(signal.SIGALRM, self._ring)
            self._armed = False
            with contextlib.suppress(RuntimeError):  # where no loop runs, no tasks are started
                asyncio.get_running_loop().set_task_factory(self._make_task)
        return self

    def __exit__(self, *_exception: object) -> None:
        """End, and leave the signal as it was."""
        if self._before is not None:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._before)
            self._before = None
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().set_task_factory(None)

    def run(self, conduct: Conduct, step: Callable[..., T], *arguments: Any) -> T:
        """Run one step.

        Args:
            conduct: hears of it if it takes too long.
            step: what to call.
            arguments: with what.

        Raises:
            HeldError: it was interrupted.
        """
        if self._since:  # a task that begins within the step that starts it
            return step(*arguments)
        self._conduct = conduct
        self._since = began = _now()
        if not self._armed:
            self.arm()
        try:
            return step(*arguments)
        finally:
            self._since = 0.0
            if (seconds := _now() - began) > HELD:
                conduct.note(seconds)

    def arm(self, seconds: float | None = None) -> None:
        """Have the timer ring."""
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, self._limit if seconds is None else seconds)

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        if self._since and self._conduct is not None and asyncio.iscoroutine(work):
            work = cast("Coroutine[Any, Any, Any]", Stepped(work, self._conduct, self))
        return asyncio.Task(work, loop=loop, **options)

    def _ring(self, _number: int, frame: FrameType | None) -> None:
        if self._before is None:
            return
        self._armed = False
        since = self._since
        if not since:
            return  # nothing runs: the next step starts the timer
        if (left := since + self._limit - _now()) > 0:
            self.arm(left)
            return
        if since != self._last:
            self._last, self._rings, self._sparings = since, 0, 0
        if frame is None or frame.f_code in OWN:  # the step ended just now
            self.arm(SPARE)
            return
        if self._sparings < SPARINGS and _is_spared(frame):
            self._sparings += 1
            self.arm(SPARE)
            return
        self._rings += 1
        self.arm(max(AGAIN / 2**self._rings, SOONEST) if self._rings < STUBBORN else AGAIN)
        raise HeldError


def _is_spared(frame: FrameType | None) -> bool:
    """Whether code that must not be interrupted is at work, itself or by what it called."""
    while frame is not None and frame.f_code not in OWN:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(SPARED):
            return True
        frame = frame.f_back
    return False


class Stepped:
    """An awaitable that runs a coroutine and times each of its steps; nothing inside or outside notices.

    Args:
        work: the coroutine.
        conduct: hears of the steps that take too long.
        watch: interrupts those that do not end.
    """

    __slots__ = ("_conduct", "_send", "_watch", "_work", "doomed")

    def __init__(self, work: Coroutine[Any, Any, Any], conduct: Conduct, watch: Watch) -> None:
        self._work = work
        self._send = work.send
        self._conduct = conduct
        self._watch = watch
        self.doomed = False
        """Whether the coroutine is ended for good at the next exception that is thrown into it."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it."""
        return self  # type: ignore[return-value]  # it has what `await` asks of a generator

    def __iter__(self) -> Self:
        """Itself."""
        return self

    def __next__(self) -> Any:
        """Run one step."""
        return self._watch.run(self._conduct, self._send, None)

    def send(self, value: Any) -> Any:
        """Run one step with a value that was waited for."""
        return self._watch.run(self._conduct, self._send, value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> Any:
        """Run one step that begins with an exception."""
        error = kind if isinstance(kind, BaseException) else (value or kind())
        if trace is not None:
            error = error.with_traceback(trace)
        if self.doomed:
            return self._watch.run(self._conduct, _end, self._work, error)
        return self._watch.run(self._conduct, self._work.throw, error)

    def close(self) -> None:
        """End it, wherever it is."""
        self._work.close()


cast("ABCMeta", Coroutine).register(Stepped)  # so that a task takes it


def _end(work: Coroutine[Any, Any, Any], error: BaseException) -> Any:
    """Close a coroutine, whatever it does about it, and raise `error`."""
    try:
        work.close()
    except BaseException:  # it would not end; nobody will ever run it again
        logger.debug("a coroutine would not be closed", exc_info=True)
    raise error


OWN: Final = frozenset({Watch.run.__code__, Watch.arm.__code__})
"""Code that is no part of a step, though it runs at its edges."""
