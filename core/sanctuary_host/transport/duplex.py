"""A connection on which all answers share one stream: requests are handled side by side, answers keep their order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from mcp_types import INTERNAL_ERROR

from sanctuary_host.transport.dispatch import Dispatch
from sanctuary_host.transport.kernel import Kernel, is_self_contained
from sanctuary_host.transport.limits import Limits
from sanctuary_host.transport.messages import Message, RefusedError, RequestId, encode_reply, failure, id_key
from sanctuary_host.transport.session import Session, cancel
from sanctuary_host.transport.streams import Stream


class Duplex:
    """Takes messages, and puts the answers on `stream`.

    Some clients give all their requests one id. Answers with equal ids then go out in the order of the questions,
    which is all that such a client can go by.

    Args:
        kernel: what handles the messages.
        session: the handshake-era session of the connection.
        stream: where everything goes out.
        limits: how many requests may be in flight.
        self_contained: also serve the requests of protocol version 2026-07-28.
    """

    def __init__(
        self, kernel: Kernel, session: Session, stream: Stream, limits: Limits, *, self_contained: bool = False
    ) -> None:
        self.session = session
        self.tasks: set[asyncio.Task[None]] = set()
        self._kernel = kernel
        self._stream = stream
        self._limits = limits
        self._self_contained = self_contained
        self._alone: set[Dispatch] = set()
        self._turns: dict[RequestId, asyncio.Task[None]] = {}
        session.stream = stream

    async def take(self, message: Message, correlation: str = "") -> None:
        """Take one message; a request is handled in a task of its own."""
        if "method" not in message or "id" not in message:
            if message.get("method") == "notifications/cancelled":
                cancel(self._alone, message.get("params"))
            await self.session.hear(message, correlation)
            return
        try:
            self._check_room()
        except RefusedError as error:
            await self._stream.send(failure(message["id"], error.code, str(error)))
            return
        if self._self_contained and is_self_contained(message):
            dispatch = Dispatch(message, self._stream, correlation=correlation)
            self._alone.add(dispatch)
            self._start(message, lambda: self._serve_alone(dispatch, message))
        else:
            dispatch = self.session.begin(message, self._stream, correlation)
            self._start(message, lambda: self.session.serve(dispatch, message))

    async def finish(self, seconds: float | None = None) -> None:
        """Wait until everything that is in flight is answered, for `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.tasks:
                    await asyncio.wait(self.tasks)

    async def drain(self) -> None:
        """End the stream once everything that is in flight is answered."""
        await self.finish()
        self._stream.end()

    async def close(self) -> None:
        """End the connection: what is in flight is stopped, and answered if the stream still goes anywhere."""
        self.session.stream = None
        for dispatch in list(self._alone):
            dispatch.cancel()
        await self.session.close()
        if self._stream.gone:
            for task in self.tasks:
                task.cancel()

    def _check_room(self) -> None:
        self._kernel.check_serving()
        if len(self.tasks) >= self._limits.pending:
            raise RefusedError("too many requests are in flight on this connection", code=INTERNAL_ERROR)

    def _start(self, message: Message, serve: Callable[[], Awaitable[Message]]) -> None:
        key = id_key(message["id"])
        task = asyncio.create_task(self._answer(serve, self._turns.get(key)))
        self._turns[key] = task
        self.tasks.add(task)
        task.add_done_callback(lambda done: self._forget(key, done))

    async def _answer(self, serve: Callable[[], Awaitable[Message]], before: asyncio.Task[None] | None) -> None:
        reply = encode_reply(await serve())
        if before is not None and not before.done():
            await asyncio.wait([before])
        await self._stream.deliver(reply)

    async def _serve_alone(self, dispatch: Dispatch, message: Message) -> Message:
        try:
            route = self._kernel.route(message)
            return await self._kernel.exchange(dispatch, message, route)
        except RefusedError as error:
            return error.reply()
        finally:
            self._alone.discard(dispatch)

    def _forget(self, key: RequestId, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._turns.get(key) is task:
            del self._turns[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an answer could not be given", "exception": error, "task": task}
            )
