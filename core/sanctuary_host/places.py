"""Where plugin code runs: inline, on the loop, or in a worker; each in its turn and within its deadline."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from typing import Any

from sanctuary_host import calling, errands
from sanctuary_host.calling import Voice
from sanctuary_host.containment.lanes import FullError, Lane, Lanes
from sanctuary_host.containment.pool import CrashError, Pool, UnsendableError
from sanctuary_host.containment.steps import Watch
from sanctuary_host.containment.tasks import GRACE, OverrunError, Tasks
from sanctuary_host.containment.wire import FrameError
from sanctuary_host.jobs import Job, Outcome, aperform, brought, perform
from sanctuary_host.records import Passage, Record, overrun


class Places:
    """The places where `Calls`, and nothing else, has jobs run.

    Args:
        pool: the workers; `None` where nothing needs them.
        watch: interrupts what holds the loop.
        alone: whether one client only is served.
    """

    def __init__(self, pool: Pool | None, watch: Watch, *, alone: bool = False) -> None:
        self._pool = pool
        self._alone = alone
        self._watch = watch
        self._tasks = Tasks(watch)
        self._lanes = Lanes(sys.maxsize)

    async def end(self) -> None:
        """End the coroutines that still run."""
        await self._tasks.end()

    def inline(self, record: Record, passage: Passage, arguments: Mapping[str, Any]) -> Outcome:
        """Run a job here and now.

        Raises:
            HeldError: it held the loop.
            PausedError: the tool is paused.
            WorkerNeededError: the tool asks for a worker.
        """
        passage.begin()
        tokens = calling.inline.set(self._pool is not None), calling.alone.set(self._alone)
        try:
            return self._watch.run(record.conduct, perform, record.job, arguments)
        finally:
            calling.inline.reset(tokens[0])
            calling.alone.reset(tokens[1])

    async def on_loop(
        self, record: Record, passage: Passage, arguments: Mapping[str, Any], voice: Voice | None, protocol: Any
    ) -> Outcome:
        """Run a coroutine on this loop, in its turn, to its end or its deadline.

        Raises:
            FullError: too many calls wait.
            HeldError: it held the loop.
            PausedError: the tool is paused.
        """
        job, lane = record.job, record.lane
        loop = asyncio.get_running_loop()
        deadline = loop.time() + job.timeout
        if not self._lanes.enter_now(lane):
            try:
                async with asyncio.timeout_at(deadline):
                    await self._lanes.enter(lane)
            except TimeoutError:
                return record.too_late()
        try:
            passage.begin()
        except BaseException:
            self._lanes.leave(lane)
            raise
        began = loop.time()

        async def run(name: str, values: Sequence[Any]) -> Any:
            return await self._run_errand(record, deadline, voice, name, values)

        context = copy_context()
        context.run(calling.voice.set, voice)
        context.run(calling.protocol.set, protocol)
        context.run(errands.runner.set, run)
        try:
            return await self._tasks.run(
                aperform(job, arguments),
                record.conduct,
                max(0.0, deadline - began),
                context=context,
                done=lambda: self._lanes.leave(lane, loop.time() - began),
            )
        except OverrunError:
            return overrun(job)

    async def in_worker(
        self, record: Record, passage: Passage, arguments: Mapping[str, Any], voice: Voice | None
    ) -> Outcome:
        """Have a worker run a job, in its turn, to its end or its deadline.

        Raises:
            FullError: too many calls wait.
            PausedError: the tool is paused.
        """
        job = record.job
        request = {"kind": job.kind, "name": job.name, "arguments": arguments, "memory": job.memory}
        try:
            async with asyncio.timeout(job.timeout):
                return await self._ask(job, request, voice, record.lane, passage.begin)
        except TimeoutError:
            return overrun(job) if passage.begun else record.too_late()
        except FrameError as error:
            return Outcome("invalid", reason=f"the arguments cannot be handed over: {error}")

    async def _run_errand(
        self, record: Record, deadline: float, voice: Voice | None, name: str, values: Sequence[Any]
    ) -> Any:
        """Have a worker run a function for a coroutine of the job, as part of its call."""
        packed = {"with": [errands.pack(value) for value in values]}
        request = {"kind": "run", "name": name, "arguments": packed, "memory": record.job.memory}
        try:
            async with asyncio.timeout_at(deadline + GRACE):  # at the deadline itself, the coroutine is cancelled
                outcome = await self._ask(record.job, request, voice, record.errands)
        except TimeoutError:
            raise errands.RunError("its time was over before its worker answered") from None
        except FullError as error:
            raise errands.RunError(f"it has {error.waiting} calls waiting for workers") from None
        except FrameError as error:
            raise TypeError(f"host.run hands over JSON and bytes: {error}") from None
        return brought(outcome)

    async def _ask(
        self,
        job: Job,
        request: Mapping[str, Any],
        voice: Voice | None,
        lane: Lane,
        begin: Callable[[], None] | None = None,
    ) -> Outcome:
        """Have a worker run a request of a job."""
        if self._pool is None:
            raise RuntimeError(f"{job.name} needs a worker, but this process was started without a pool")
        try:
            return await self._pool.call(
                request,
                voice,
                lane=lane,
                room=job.room,
                begin=begin,
                read=lambda sent: Outcome.read(request["kind"], sent),
            )
        except UnsendableError as error:
            return Outcome("failure", reason=str(error))
        except (CrashError, TypeError) as error:
            return Outcome("crash", reason=str(error))
