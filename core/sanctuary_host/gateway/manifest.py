"""The plain manifest: one POST that says who we are, for gateways that have no interface of their own to speak of.

Every event carries the whole manifest, so that the next heartbeat tells a gateway all that it may have forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Answer, Gateway
from sanctuary_host.gateway.registrar import GatewayError, Plan, Registration
from sanctuary_host.shapes import is_object

Event = Literal["register", "heartbeat", "update", "deregister"]

PATH: Final = "/api/servers/register"
DONE: Final = frozenset(range(200, 300))
PAGE: Final = "text/html"
"""What a web site answers every address with, the unknown ones too."""
ABSENT: Final = frozenset({404, 405})
GONE: Final = frozenset({404, 410})
TAKEN: Final = 409
UNREADABLE: Final = frozenset({415, 422})
READ: Final = DONE | ABSENT | GONE | UNREADABLE | {TAKEN}
"""The statuses that mean something of their own here."""
DEAF: Final = (
    "the gateway has the server already and takes no update of it (HTTP 409), so its list of tools may be an old one; "
    "remove the entry there, and it is made anew"
)
ID: Final = re.compile(r"[\w.:/@-]{1,128}", re.ASCII)
"""What a gateway may call an entry; anything else is a text that nobody should repeat."""


class Manifest:
    """Registers with whatever takes the manifest at `/api/servers/register`; any 2xx but a web page counts as yes.

    The gateway is told whether the server asks for a token, not which: there is no agreed field for it, and a make that
    keeps or lists whatever it is sent would give it away.

    Args:
        gateway: the way there.
    """

    name = "manifest"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._told: Mapping[str, Any] | None = None

    def plan(self, entry: Entry) -> Plan:
        """The request that would register `entry`; it holds no secret."""
        return Plan("POST", self._gateway.url.rstrip("/") + PATH, _body("register", entry))

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        """Send `register` at first, then `heartbeat`, or `update` where anything changed.

        Raises:
            GatewayError: it was not taken; `foreign` where nothing answers at that path.
        """
        if known is None:
            return await self._first(entry, adopt=adopt)
        event: Event = "heartbeat" if self._told == _facts(entry) else "update"
        answer = await self._send(event, entry)
        if answer.status in GONE:  # it forgot
            return await self._first(entry, adopt=adopt, spoken=True)
        if answer.status == TAKEN:
            if (shown := _shown(answer)) is not None and shown["endpoint"] != entry.endpoint:
                raise _taken(entry, "another server has taken the name")
            # It knows no events, and has us already.
            return Registration(known.id, TAKEN, "unchanged", () if event == "heartbeat" else (DEAF,))
        _check(answer, self._gateway.url, spoken=True)
        self._told = _facts(entry)
        done: Literal["unchanged", "updated"] = "unchanged" if event == "heartbeat" else "updated"
        return Registration(_id(answer, known.id), answer.status, done)

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """Send `deregister`; `delete` in it says whether the entry is to go for good.

        Raises:
            GatewayError: it was not taken.
        """
        del known
        self._told = None
        answer = await self._send("deregister", entry, delete=delete)
        if answer.status in GONE:
            return False
        if answer.status == TAKEN:
            raise _taken(entry, "the gateway does not take the entry out")
        _check(answer, self._gateway.url)
        return True

    async def copy(self, entry: Entry) -> Sequence[Mapping[str, Any]] | None:
        """This make keeps none.

        Raises:
            GatewayError: always.
        """
        raise GatewayError(
            f"the gateway was told the names of the tools of {entry.name} and keeps no copy of them to compare with; "
            "ask the server itself: sanctuary-host tools",
            "rejected",
        )

    async def _first(self, entry: Entry, *, adopt: bool, spoken: bool = False) -> Registration:
        """Register, or bring the entry of ours that is there already up to date.

        Args:
            entry: the server.
            adopt: take over an entry that is shown to be somebody else's.
            spoken: the gateway has answered an event at this path before.
        """
        self._told = None
        done: Literal["created", "adopted"] = "created"
        answer = await self._send("register", entry)
        if answer.status == TAKEN:
            if not adopt and _is_of_another(answer, entry):
                raise _taken(entry, "the gateway has another server under this name")
            done = "adopted"
            answer = await self._send("update", entry)
            if answer.status == TAKEN:  # it knows no events
                return Registration(entry.name, TAKEN, done, (DEAF,))
        _check(answer, self._gateway.url, spoken=spoken)
        self._told = _facts(entry)
        return Registration(_id(answer, entry.name), answer.status, done)

    async def _send(self, event: Event, entry: Entry, **more: Any) -> Answer:
        return await self._gateway.request("POST", PATH, {**_body(event, entry), **more}, accept=READ)


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "server_name": entry.name,
        "endpoint": entry.endpoint,
        "tools": [str(tool["name"]) for tool in entry.tools],
        "version": entry.version,
        "health_check": entry.health_check,
        "description": entry.description,
        "transport": entry.transport,
        "cluster": entry.cluster,
        "manifest": entry.fingerprint,
        "instance": entry.instance,
        "auth": "bearer" if entry.token else "none",
    }


def _body(event: Event, entry: Entry) -> dict[str, Any]:
    return {"event": event, **_facts(entry)}


def _check(answer: Answer, url: str, *, spoken: bool = False) -> None:
    """Have a status that is no yes said in a sentence.

    Args:
        answer: what came.
        url: whence.
        spoken: the gateway has answered an event at this path before.

    Raises:
        GatewayError: it is none.
    """
    if answer.status in DONE and PAGE in answer.headers.get("Content-Type", "").lower():
        raise GatewayError(
            f"{url} answers POST {PATH} with a web page (HTTP {answer.status}), so nobody has taken the manifest; look "
            "whether GATEWAY_URL leads to the gateway",
            "rejected",
            answer.status,
        )
    if answer.status in ABSENT | GONE and spoken:
        raise GatewayError(
            f"{url} does not know POST {PATH} any more (HTTP {answer.status}); it may be starting",
            "unreachable",
            answer.status,
        )
    if answer.status in ABSENT | GONE:
        raise GatewayError(
            f"{url} does not know POST {PATH} (HTTP {answer.status}); correct GATEWAY_URL, or say in "
            "SANCTUARY_REGISTRAR what make of gateway it is",
            "foreign",
            answer.status,
        )
    if answer.status in UNREADABLE:
        raise GatewayError(
            f"{url} does not take the manifest as JSON (HTTP {answer.status}); a gateway that wants it in another "
            "form, such as form data, needs a registrar of its own, which docs/plugins.md shows how to write",
            "rejected",
            answer.status,
        )


def _taken(entry: Entry, why: str) -> GatewayError:
    return GatewayError(
        f"{entry.name} is taken (HTTP {TAKEN}): {why}; give this server another name with SANCTUARY_REGISTER_AS, or "
        "remove the entry at the gateway",
        "conflict",
        TAKEN,
    )


def _shown(answer: Answer) -> Mapping[str, Any] | None:
    """The entry that a refusal shows to be in the way; most show none."""
    body: Mapping[str, Any] = answer.body if is_object(answer.body) else {}
    for shown in (body, *(body.get(key) for key in ("server", "existing", "entry"))):
        if is_object(shown) and "endpoint" in shown:
            return shown
    return None


def _is_of_another(answer: Answer, entry: Entry) -> bool:
    """Whether a refusal shows that the entry in the way is none of ours."""
    shown = _shown(answer)
    if shown is None:
        return False
    ours = shown.get("cluster") == entry.cluster and "manifest" in shown and "instance" in shown
    return not ours and shown["endpoint"] != entry.endpoint


def _id(answer: Answer, otherwise: str) -> str:
    found = str(answer.body.get("id")) if is_object(answer.body) and answer.body.get("id") is not None else ""
    return found if ID.fullmatch(found) else otherwise
