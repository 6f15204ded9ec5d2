"""One request to a registrar at a time, which may be a third party's and is not trusted to behave."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeVar, cast, get_args

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.registrar import Done, GatewayError, Kind, Registration

T = TypeVar("T")

Ending = Literal[
    "registered",
    "degraded",
    "paused",
    "unreachable",
    "busy",
    "pending",
    "unauthorized",
    "rejected",
    "conflict",
]
"""How a request ended: the gateway's copy is ours; it is but for holes; it is switched off; or else see `Kind`."""
OF_KIND: Final[Mapping[Kind, Ending]] = MappingProxyType(
    {
        "unreachable": "unreachable",
        "busy": "busy",
        "pending": "pending",
        "unauthorized": "unauthorized",
        "rejected": "rejected",
        "conflict": "conflict",
        "foreign": "rejected",
    }
)
SWITCHED_OFF: Final = "somebody has switched the entry off there, and it stays so until it is switched on there"

PATIENCE: Final = 600.0
"""Seconds after which a registrar hangs; a gateway may wait 90 s for this server, and a registrar for its turn."""
GRACE: Final = 1.0
"""Seconds in which a registrar that was cancelled may clean up."""
FAREWELL: Final = 1.5
"""Seconds for the last request."""
OBEYED: Final = 3600.0
"""Seconds of a `Retry-After` at most: a gateway that says nonsense must not keep the server off for good."""
HOLES: Final = 20
"""Holes that are told one by one."""
LETTERS: Final = 600
"""Characters of one sentence."""
AGAIN: Final = "; it is tried again"
"""What is said of a registrar that does not behave, unless this was the last request."""


class Asked(Protocol):
    """What of a `Registrar` a serving host asks."""

    @property
    def name(self) -> str:
        """See `Registrar`."""
        ...

    async def register(self, entry: Entry, known: Registration | None) -> Registration:
        """See `Registrar`."""
        ...

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """See `Registrar`."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    Attributes:
        ending: in a word.
        sentence: what is wrong, fit to be shown.
        status: the HTTP status; 0 where there was no answer.
        after: seconds before which nothing must be asked again, at least 0.
        known: what the registrar returned; `None` where it failed.
        holes: a sentence for each thing that is not as it should be, fit to be shown.
    """

    ending: Ending
    sentence: str = ""
    status: int = 0
    after: float = 0.0
    known: Registration | None = None
    holes: tuple[str, ...] = ()


class Asking:
    """The requests.

    Args:
        registrar: whom they are made to.
    """

    def __init__(self, registrar: Asked) -> None:
        self._registrar = registrar
        self._task: asyncio.Task[Any] | None = None

    @property
    def name(self) -> str:
        """What the registrar is called."""
        try:
            return plain(str(self._registrar.name))
        except Exception:  # noqa: BLE001  # as everything of a third party's
            return type(self._registrar).__name__

    @property
    def is_open(self) -> bool:
        """Whether a request was begun that has not come to its own end, so that nobody knows what it did."""
        return self._task is not None

    async def register(self, entry: Entry, known: Registration | None) -> Outcome:
        """Have the registrar register `entry`; never raises but where it is cancelled."""
        result = await self._ask(partial(self._registrar.register, entry, known), PATIENCE, GRACE)
        try:
            return result if isinstance(result, Outcome) else self._read(result)
        except Exception as error:  # noqa: BLE001  # what was returned fails when it is looked at
            return self._broken(f"failed with {type(error).__name__}")

    async def withdraw(self, entry: Entry, known: Registration | None) -> tuple[bool, str]:
        """Have the registrar switch the entry off, within 2 s; returns whether it did, and why that failed, if so."""
        if self._task is not None:
            await _end(self._task, FAREWELL / 10)
            self._task = None
        result = await self._ask(partial(self._registrar.withdraw, entry, known, delete=False), FAREWELL, FAREWELL / 10)
        return (False, result.sentence.removesuffix(AGAIN)) if isinstance(result, Outcome) else (result is True, "")

    def cancel(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self, request: Callable[[], Awaitable[T]], seconds: float, grace: float) -> T | Outcome:
        if self._task is not None and not self._task.done():
            return self._broken("has not ended its last request, though it was cancelled")
        task: asyncio.Task[T] = asyncio.ensure_future(_contained(request))
        self._task = task
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            await _end(task, grace)
            return self._broken(f"did not answer within {seconds:g} s")
        self._task = None
        if task.cancelled():
            return self._broken("cancelled itself")
        error = task.exception()
        if error is None:
            return task.result()
        try:
            return self._failure(error)
        except Exception as broken:  # noqa: BLE001  # what was raised fails when it is looked at
            return self._broken(f"failed with {type(broken).__name__}")

    def _read(self, result: object) -> Outcome:
        """What a registrar returned, if it makes sense."""
        if not isinstance(result, Registration) or not _is_sound(result):
            return self._broken(f"returned a {type(result).__name__} that is no registration")
        holes = tuple(plain(hole) for hole in result.holes[:HOLES])
        if len(result.holes) > HOLES:
            holes += (f"and {len(result.holes) - HOLES} things more",)
        ending: Ending = "paused" if result.paused else "degraded" if holes else "registered"
        sentence = SWITCHED_OFF if result.paused else plain("; ".join(holes))
        return Outcome(ending, sentence, result.status, known=result, holes=holes)

    def _failure(self, error: BaseException) -> Outcome:
        """What a registrar raised."""
        if not isinstance(error, GatewayError):
            return self._broken(f"failed with {type(error).__name__}")
        after = max(0.0, float(error.after))
        return Outcome(
            OF_KIND[error.kind],
            plain(str(error)),
            int(error.status),
            min(after, OBEYED) if math.isfinite(after) else 0.0,
        )

    def _broken(self, how: str) -> Outcome:
        return Outcome("unreachable", f"the registrar {self.name} {how}{AGAIN}")


def plain(text: str) -> str:
    """A third party's text on one line, and not without end."""
    line = " ".join(text[: 4 * LETTERS].split())
    line = "".join(one if one.isprintable() else "?" for one in line)
    return line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…"


async def _contained(request: Callable[[], Awaitable[T]]) -> T:
    """Await a request; what would end this process becomes an ordinary failure."""
    try:
        return await request()
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # as the first line says
        raise RuntimeError(type(error).__name__) from None


async def _end(task: asyncio.Task[Any], seconds: float) -> None:
    """Cancel a task; where it goes on after `seconds`, it is ended at the point where it waits."""
    task.add_done_callback(_look_at)
    task.cancel()
    await asyncio.wait([task], timeout=seconds)
    work = task.get_coro()
    if not task.done() and asyncio.iscoroutine(work):
        with suppress(RuntimeError):  # it will not even have that
            work.close()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Ask for what a task raised, or asyncio complains that nobody did."""
    if not task.cancelled():
        task.exception()


def _is_sound(result: Registration) -> bool:
    """Whether each field is what it should be."""
    holes = cast("object", result.holes)
    return (
        isinstance(result.id, str)  # pyright: ignore[reportUnnecessaryIsInstance]  # registrars may be untyped
        and isinstance(result.status, int)  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
        and result.done in get_args(Done)
        and isinstance(result.paused, bool)  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
        and isinstance(holes, tuple)
        and all(isinstance(hole, str) for hole in cast("tuple[object, ...]", holes))  # as above
    )
