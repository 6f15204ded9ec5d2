"""What a registrar is: it knows how one make of gateway learns of a server. The loop that asks it is `reconcile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from sanctuary_host.gateway.entry import Entry

Kind = Literal["unreachable", "busy", "pending", "unauthorized", "rejected", "conflict", "foreign"]
"""Why a gateway did not do as asked, which decides when to ask again.

- `unreachable`: it does not answer, answers 5xx, or cannot reach us: again soon, and later each time.
- `busy`: 429; nothing is asked before its `Retry-After` is over.
- `pending`: it took the registration and works on it (202): look again.
- `unauthorized`: 401 or 403: the token is read anew, and it is asked seldom.
- `rejected`: it will not take the entry as it is: asked seldom.
- `conflict`: an entry that is not ours stands in the way: asked seldom, and never overwritten.
- `foreign`: it is another make of gateway than the registrar's.
"""
Done = Literal["created", "adopted", "updated", "unchanged"]

BUILT_IN: Final = ("auto", "contextforge", "manifest")
"""Names of the host's own registrars, which no other can have."""


class GatewayError(Exception):
    """The gateway did not do as asked; the message is a sentence with the remedy, without secrets or its whole reply.

    Attributes:
        kind: why, see `Kind`.
        status: the HTTP status, 0 where there was no answer.
        after: seconds before which nothing must be asked again, 0 where it did not say.
    """

    def __init__(self, message: str, kind: Kind, status: int = 0, after: float = 0.0) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.status = status
        self.after = after


@dataclass(frozen=True, slots=True)
class Registration:
    """How the gateway knows the server, as read back from it.

    Attributes:
        id: the gateway's own key of the entry.
        status: the HTTP status of the answer that settled it.
        done: what had to be done.
        holes: a sentence for each thing that is not as it should be though the gateway said yes, such as tools it
            skipped; none means that its copy is ours.
        paused: an operator has switched the entry off at the gateway; it is left so.
    """

    id: str
    status: int
    done: Done
    holes: tuple[str, ...] = ()
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The request with which a server would be registered, for people to read.

    Attributes:
        method: of HTTP.
        url: where it would go.
        body: what it would carry; secrets are masked.
    """

    method: str
    url: str
    body: Mapping[str, Any]


class Registrar(Protocol):
    """One make of gateway. Each coroutine makes one request at a time and raises GatewayError where it fails."""

    @property
    def name(self) -> str:
        """What `SANCTUARY_REGISTRAR` calls it."""
        ...

    def plan(self, entry: Entry) -> Plan:
        """The request that would register `entry`, without asking anybody."""
        ...

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        """Have the gateway's copy equal `entry`, with as few requests as that takes, and read it back.

        Called at start, after each change, and at every heartbeat; the same call again does no harm.

        Args:
            entry: the server as it is now.
            known: what the last call returned for the same server in this process; `None` at first and after the
                gateway lost it. It tells a heartbeat, which needs one look, from a start, which brings everything
                up to date even where it looks right.
            adopt: take over an entry of this name that somebody else made.

        Raises:
            GatewayError: it could not be done; nothing of others was touched.
        """
        ...

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """Take the server out of the gateway's offer: switched off, so that it comes back as it was, or deleted.

        Returns:
            Whether there was an entry of ours.

        Raises:
            GatewayError: it could not be done.
        """
        ...

    async def copy(self, entry: Entry) -> Sequence[Mapping[str, Any]] | None:
        """The tools as the gateway has them, by the names and in the form of `entry.tools`.

        Returns:
            The tools; `None` where the gateway has no entry of ours.

        Raises:
            GatewayError: they could not be read, or this make of gateway keeps none.
        """
        ...
