"""Coroutines of tools on the host's loop, each in a task of its own, whose callers wait no longer than was agreed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar

from sanctuary_host.containment.steps import Conduct, Stepped, Watch

logger = logging.getLogger(__name__)

GRACE: Final = 0.05
"""Seconds in which a coroutine that was cancelled may clean up while its caller waits."""
LINGER: Final = 10.0
"""Seconds in which it may do so behind the caller's back; then it is ended wherever it is."""
FAREWELL: Final = 0.5
"""Seconds for all of them at shutdown."""
T = TypeVar("T")


class OverrunError(Exception):
    """The coroutine was not done at its deadline."""


class Tasks:
    """The coroutines that run, and those that were left behind.

    Args:
        watch: interrupts the steps that hold the loop.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._alive: dict[asyncio.Task[Any], Stepped] = {}

    async def run(
        self,
        work: Coroutine[Any, Any, T],
        conduct: Conduct,
        seconds: float,
        *,
        context: Context,
        done: Callable[[], None],
    ) -> T:
        """Run a coroutine to its end, or to its deadline.

        Args:
            work: the coroutine.
            conduct: hears of its steps that hold the loop, and of its going on after it was cancelled.
            seconds: how long it may take.
            context: the context that it runs in.
            done: called when it has really ended, which may be later than this does.

        Raises:
            HeldError: a step of it was interrupted.
            OverrunError: it was not done in time.
            asyncio.CancelledError: the caller was cancelled, or the coroutine cancelled itself.
        """
        loop = asyncio.get_running_loop()
        steps = Stepped(work, conduct, self._watch)
        over: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not over.done():
                over.set_result(None)

        async def drive() -> T:
            try:
                result: T = await steps
                return result
            finally:
                wake()  # a turn of the loop earlier than a callback of the task would

        def ended(_task: asyncio.Task[T]) -> None:
            del self._alive[task]
            work.close()  # it may never have begun
            wake()
            done()
            if not task.cancelled():
                task.exception()  # whoever waits for it hears of it; nobody else has to

        task = loop.create_task(drive(), context=context)
        self._alive[task] = steps
        task.add_done_callback(ended)
        timer = loop.call_later(seconds, wake)
        try:
            await over
        except BaseException:
            await self._stop(task, conduct)
            raise
        finally:
            timer.cancel()
        if not task.done():
            await self._stop(task, conduct)
            raise OverrunError
        return task.result()

    async def end(self) -> None:
        """End all of them, at shutdown."""
        for task, steps in self._alive.items():
            steps.doomed = True
            task.cancel()
        if self._alive:
            await asyncio.wait([*self._alive], timeout=FAREWELL)

    async def _stop(self, task: asyncio.Task[Any], conduct: Conduct) -> None:
        """Cancel a task and wait for it a little; if that is in vain, it is left behind."""
        task.cancel()
        try:
            await asyncio.wait((task,), timeout=GRACE)
        finally:
            if not task.done():
                conduct.abandon()
                asyncio.get_running_loop().call_later(LINGER, self._doom, task)

    def _doom(self, task: asyncio.Task[Any]) -> None:
        if task in self._alive:
            self._alive[task].doomed = True
            task.cancel()
