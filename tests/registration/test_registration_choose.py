"""`SANCTUARY_REGISTRAR=auto`: whichever of the makes the gateway is, asked anew until one has said yes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sanctuary_host.gateway.choose import Auto, choose
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.registrar import GatewayError, Kind, Plan, Registration
from sanctuary_host.gateway.token import Token
from sanctuary_host.settings import SettingsError

ENTRY = Entry("sanctuary_utils", "http://127.0.0.1:1", "streamable-http", "utils", "1", "A cluster.", (), "0123abcd")
WELL = Registration("id", 200, "created")


class Make:
    """A registrar that fails so, or succeeds."""

    def __init__(self, name: str, kind: Kind | None) -> None:
        self.name = name
        self.kind: Kind | None = kind
        self.asked = 0

    def plan(self, entry: Entry) -> Plan:
        return Plan("POST", f"http://{self.name}/", {"name": entry.name})

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        self.asked += 1
        if self.kind is not None:
            raise GatewayError(f"{self.name} says no", self.kind, 404)
        return WELL

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        return (await self.register(entry, known)) == WELL

    async def copy(self, entry: Entry) -> Sequence[Any] | None:
        await self.register(entry, None)
        return []


async def test_the_first_that_fits_is_taken_and_asked_alone_from_then_on() -> None:
    first, second = Make("first", "foreign"), Make("second", None)
    auto = Auto((first, second), "http://gateway")
    assert auto.name == "auto"
    assert auto.plan(ENTRY).url == "http://first/"
    assert await auto.register(ENTRY, None) == WELL
    first.kind, second.kind = None, "foreign"  # such as a proxy that answers while the gateway restarts
    with pytest.raises(GatewayError, match="second says no"):
        await auto.register(ENTRY, WELL)
    assert (auto.name, first.asked, second.asked) == ("second", 1, 2)
    assert auto.plan(ENTRY).url == "http://second/"


@pytest.mark.parametrize("kind", ["unreachable", "busy", "pending", "unauthorized", "rejected", "conflict"])
async def test_whatever_else_the_first_says_is_the_answer_and_settles_nothing(kind: Kind) -> None:
    first, second = Make("first", kind), Make("second", None)
    auto = Auto((first, second), "http://gateway")
    with pytest.raises(GatewayError, match="first says no"):
        await auto.register(ENTRY, None)
    first.kind = "foreign"
    assert await auto.withdraw(ENTRY, None, delete=False)
    assert auto.name == "second"


async def test_where_none_fits_one_sentence_names_what_was_looked_for() -> None:
    auto = Auto((Make("first", "foreign"), Make("second", "foreign")), "http://gateway")
    with pytest.raises(GatewayError, match=r"ContextForge's API .*/api/servers/register.*GATEWAY_URL") as raised:
        await auto.copy(ENTRY)
    assert (raised.value.kind, raised.value.status) == ("foreign", 404)


@pytest.mark.parametrize("name", ["auto", "contextforge", "manifest"])
def test_each_of_the_hosts_own_registrars_is_found_by_its_name(name: str) -> None:
    registrar = choose(name, Gateway("http://127.0.0.1:1", Token("secret")))
    assert registrar.name == name
    assert "secret" not in str(registrar.plan(ENTRY))


def test_a_name_that_nobody_has_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match="did you mean manifest"):
        choose("manifesto", Gateway("http://127.0.0.1:1", Token()))
