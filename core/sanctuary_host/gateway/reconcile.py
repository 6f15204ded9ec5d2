"""The loop that keeps a gateway's copy of this server equal to the server, whatever happens to either."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from sanctuary_host.gateway.asking import Asked, Asking, Ending, Outcome, plain
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.registrar import Registration
from sanctuary_host.observe.logs import timestamp

logger = logging.getLogger(__name__)

State = Literal["waiting", "registering", "stopping"] | Ending
"""How the last request ended; or that there was none yet, that one is under way that will tell more, or the end."""

WELL: Final[frozenset[State]] = frozenset({"registered", "degraded", "paused"})
SPACED: Final[frozenset[State]] = frozenset({"unauthorized", "rejected"})
"""Where the gateway is asked seldom, but a change is worth one early attempt."""
LEVELS: Final[Mapping[State, int]] = MappingProxyType(
    {"pending": logging.INFO, "unreachable": logging.WARNING, "busy": logging.WARNING}
)
"""How severe a state is; those that wait for somebody's hand are errors."""

FIRST: Final = 1.0
LONGEST: Final = 60.0
"""Seconds of the first and of the longest window from which the next attempt's moment is drawn (full jitter)."""
SLOW: Final = 60.0
SLOWEST: Final = 600.0
"""Seconds between attempts, at first and at most, where only somebody's hand can help."""
MOMENT: Final = 0.2
"""Seconds within which several changes are one."""
AT_ONCE: Final = 3
"""Changes in a row that the gateway hears of at once; of those that follow, later each time."""
CALM: Final = 10.0
"""Seconds without a change after which they count anew; and the longest that a change has to wait for its turn."""
LOOK: Final = 2.0
"""Seconds between two looks at the token's file while the gateway refuses the token."""
SENTENCES: Final = 8
"""Different sentences about one spell of trouble that are logged; a gateway may find new words each time."""


class Reconciler:
    """Asks a registrar again and again, as often as is wise, and keeps what came of it.

    At most one request is under way. It never raises, and never holds the server up.

    Args:
        registrar: who speaks with the gateway.
        describe: the server as it is now.
        heartbeat: seconds between two looks at the gateway's copy, a fifth more or less.
        splay: seconds within which, at random, the first request is made, and the first after an outage: so that many
            servers do not come at once.
        gateway: its URL, of which scheme, host and port are shown.
        reread: reads the token anew, and says whether it changed.
        uniform: a random number between two.

    Attributes:
        attempts: how many ended in which way.
    """

    def __init__(
        self,
        registrar: Asked,
        describe: Callable[[], Entry],
        *,
        heartbeat: float,
        splay: float,
        gateway: str = "",
        reread: Callable[[], Awaitable[bool]] | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.attempts: Counter[Ending] = Counter()
        self._asking = Asking(registrar)
        self._describe = describe
        self._heartbeat = heartbeat
        self._splay = splay
        self._gateway = _origin(gateway)
        self._reread = reread
        self._uniform = uniform
        self._state: State = "waiting"
        self._told: Outcome | None = None
        self._since = time.time()
        self._due: float | None = None
        self._entry: Entry | None = None
        self._known: Registration | None = None
        self._generation = 0
        self._woken = asyncio.Event()
        self._failures = 0
        self._restless = 0
        self._spared = True
        self._said: set[str] = set()
        self._holes: tuple[str, ...] = ()

    def changed(self) -> None:
        """Say that a tool came, went or changed: the gateway hears of it at once, if it may be asked now."""
        self._generation += 1
        self._woken.set()

    def state(self) -> dict[str, Any]:
        """What `/health` shows."""
        entry, told = self._entry, self._told
        due = None if self._due is None else max(0.0, self._due - asyncio.get_running_loop().time())
        return {
            "state": self._state,
            "gateway": self._gateway,
            "registrar": self._asking.name,
            "name": entry.name if entry is not None else "",
            "id": plain(self._known.id) if self._known is not None else "",
            "tools": len(entry.tools) if entry is not None else 0,
            "since": timestamp(self._since),
            "status": told.status if told is not None else 0,
            "attempts": self.attempts.total(),
            "next_attempt_s": None if due is None else round(due, 1),
            "sentence": told.sentence if told is not None else "",
            "holes": list(told.holes) if told is not None else [],
        }

    @property
    def is_registered(self) -> bool:
        """Whether callers find this server's tools at the gateway, as far as is known."""
        return self._told is not None and self._told.ending in {"registered", "degraded"}

    async def run(self) -> None:
        """Register, and stay registered, until this is cancelled."""
        try:
            await self._rest(self._uniform(0, self._splay))
            while True:
                await self._rest(await self._attempt())
        finally:
            self._state, self._due = "stopping", None
            self._asking.cancel()

    async def withdraw(self) -> None:
        """Have the entry switched off, where it is ours, within 2 s; called once `run` was cancelled."""
        entry = self._entry
        barred = self._told is not None and self._told.ending in {"busy", "conflict"}
        if entry is None or barred or (self._known is None and not self._asking.is_open):
            return  # there is nothing of ours, or the gateway must not be asked
        fields = {"event": "withdrawing", "gateway": self._gateway, "name": entry.name}
        done, reason = await self._asking.withdraw(entry, self._known)
        if reason:
            logger.warning("The gateway still offers this server's tools: %s", reason, extra={"fields": fields})
        elif not done:
            logger.info(
                "There was nothing to switch off at the gateway: no entry, or one that another process has taken since",
                extra={"fields": fields},
            )
        else:
            fields["event"] = "withdrawn"
            logger.info("Switched off at the gateway until the next start", extra={"fields": fields})

    async def _attempt(self) -> float:
        """Ask once; returns the seconds until the next time."""
        if self._told is None or self._woken.is_set():
            self._state = "registering"
        self._due = None
        self._woken.clear()
        generation = self._generation
        entry = self._entry = self._describe()
        outcome = await self._asking.register(entry, self._known)
        self.attempts[outcome.ending] += 1
        if outcome.known is not None:
            self._known = outcome.known
            if generation != self._generation:
                # The answer is about the tools of a while ago: what is true now is asked for, and then told.
                return self._moment()
        self._tell(entry, outcome)
        return self._wait(outcome)

    def _tell(self, entry: Entry, outcome: Outcome) -> None:
        """Keep an outcome, and log it where it says something new."""
        before: State = self._told.ending if self._told is not None else "waiting"
        self._told, self._state = outcome, outcome.ending
        if before != outcome.ending:
            self._since = time.time()
            self._spared = True
        fields: dict[str, Any] = {"gateway": self._gateway, "registrar": self._asking.name}
        known = outcome.known
        if known is None:
            if len(self._said) < SENTENCES and outcome.sentence not in self._said:
                self._said.add(outcome.sentence)
                fields |= {"event": "registration", "state": outcome.ending, "status": outcome.status}
                level = LEVELS.get(outcome.ending, logging.ERROR)
                logger.log(level, "Not registered with the gateway: %s", outcome.sentence, extra={"fields": fields})
            return
        self._said.clear()
        fields |= {"name": entry.name, "id": plain(known.id), "tools": len(entry.tools), "done": known.done}
        if before not in WELL or known.done != "unchanged":
            told = {"event": "registered", **fields}
            logger.info("Registered with Gateway: %s", known.status, extra={"fields": told})
        if known.paused and before != "paused":
            told = {"event": "paused", **fields}
            logger.warning("Paused at the gateway: %s", outcome.sentence, extra={"fields": told})
        if outcome.holes != self._holes:
            for hole in outcome.holes:
                logger.warning("The gateway's copy differs: %s", hole, extra={"fields": {"event": "hole", **fields}})
        self._holes = outcome.holes

    def _wait(self, outcome: Outcome) -> float:
        """Seconds until the next attempt."""
        if outcome.ending in WELL:
            self._failures = 0
            return self._uniform(0.8, 1.2) * self._heartbeat
        growth = 1 << min(self._failures, 16)
        self._failures += 1
        window, slow = min(FIRST * growth, LONGEST), min(SLOW * growth, SLOWEST)
        match outcome.ending:
            case "unreachable":  # every server that asks this gateway sees it come back at the same moment
                return max(outcome.after, self._uniform(0, window) + self._uniform(0, self._splay))
            case "pending":
                return max(outcome.after, self._uniform(FIRST, window))
            case "busy":
                return max(outcome.after or slow, self._uniform(0, window)) + self._uniform(0, self._splay)
            case _:
                return max(outcome.after, min(SLOWEST, slow * self._uniform(1, 1.2)))

    async def _rest(self, seconds: float) -> None:
        """Wait until the next attempt is due, or something happened that is worth an earlier one."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._due = due = begun + seconds
        ending = self._told.ending if self._told is not None else None
        barred = self._told is not None and self._told.after > 0
        listens = ending in WELL or (ending in SPACED and self._spared and not barred)
        while (left := due - loop.time()) > 0:
            piece = min(left, LOOK) if ending == "unauthorized" and not barred else left
            if not listens:
                await asyncio.sleep(piece)
            elif await self._is_woken(piece):
                self._spared = ending not in SPACED
                if loop.time() - begun > CALM:
                    self._restless = 0
                await asyncio.sleep(self._moment())
                return
            if ending == "unauthorized" and not barred and self._reread is not None and await self._reread():
                return
        self._spared = True

    def _moment(self) -> float:
        """Seconds for more changes to come: a tool that comes and goes all the time must not wear the gateway out."""
        self._restless += 1
        return min(CALM, MOMENT * (1 << max(0, min(self._restless, 16) - AT_ONCE)))

    async def _is_woken(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._woken.wait()
        return False


def _origin(url: str) -> str:
    """Scheme, host and port of a URL, which may hold a password too."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
