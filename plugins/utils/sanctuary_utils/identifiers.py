"""Make identifiers and passwords, and read what an identifier says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from sanctuary_host import ToolError, Tools, hookimpl, tool
from sanctuary_utils.passwords import CharacterClass, make_nanoids, make_passwords
from sanctuary_utils.uuids import inspect_identifier, make_ulids, make_uuid1s, make_uuid4s, make_uuid7s, name_uuid

__all__ = ["Identifiers", "generate_id", "register_tools"]

Kind = Literal["uuid1", "uuid3", "uuid4", "uuid5", "uuid7", "ulid", "nanoid", "password", "inspect"]
MAKERS: Final[dict[str, Callable[[int], list[str]]]] = {
    "uuid1": make_uuid1s, "uuid4": make_uuid4s, "uuid7": make_uuid7s, "ulid": make_ulids,
}  # fmt: skip  # one glance


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What was made, the bits of entropy in each of it (none for what follows from time or name), or what was read."""

    ids: list[str]
    entropy_bits: float | None = None
    facts: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        """The facts, or the identifiers in lines."""
        return "\n".join(f"{name}: {value}" for name, value in self.facts.items()) or "\n".join(self.ids)


@tool(read_only=True, idempotent=False, runs="inline", timeout=5)
def generate_id(
    kind: Kind = "uuid4",
    *,
    count: Annotated[int, Field(ge=1, le=1000)] = 1,
    value: Annotated[str, Field(max_length=10_000, description="Name (uuid3/5), or what to inspect")] = "",
    namespace: Annotated[str, Field(description="uuid3/5: dns, url, oid, x500 or a UUID")] = "",
    size: Annotated[int, Field(ge=0, le=128, description="0: nanoid 21, password 20")] = 0,
    alphabet: Annotated[str, Field(description="nanoid, password: draw from these")] = "",
    classes: Annotated[tuple[CharacterClass, ...], Field(description="password: has each; all")] = (),
    look_alikes: Annotated[bool, Field(description="false: password without 0O1lI")] = True,
) -> Identifiers:
    """Make random identifiers or passwords (uuid7, ulid: sortable), or inspect a UUID or ULID."""
    if (alphabet and kind not in {"nanoid", "password"}) or (classes and kind != "password"):
        raise ToolError("alphabet goes with nanoid and password, classes with password; leave them out otherwise")
    if alphabet and classes:
        raise ToolError("alphabet and classes exclude each other; give one of them")
    if (value or namespace) and kind not in {"uuid3", "uuid5", "inspect"}:
        raise ToolError("value and namespace go with uuid3, uuid5 and inspect; leave them out otherwise")
    if kind in MAKERS:
        return Identifiers(MAKERS[kind](count), 122 if kind == "uuid4" else None)
    if kind == "nanoid":
        return Identifiers(*make_nanoids(count, size or 21, alphabet))
    if kind == "password":
        return Identifiers(*make_passwords(count, size or 20, alphabet, classes, look_alikes=look_alikes))
    if count != 1:
        raise ToolError(f"{kind} has one answer; leave count out")
    if kind == "inspect":
        facts = inspect_identifier(value)
        return Identifiers([facts["canonical"]], facts=facts)
    return Identifiers([name_uuid(int(kind[-1]), namespace, value)])


@hookimpl
def register_tools() -> Tools:
    """The tool of this plugin."""
    return [generate_id]
