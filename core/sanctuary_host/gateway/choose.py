"""Which registrar speaks with the gateway: one of the host's own, a third party's, or whichever fits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sanctuary_host.gateway.contextforge import ContextForge
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.hooks import load_registrar
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.manifest import Manifest
from sanctuary_host.gateway.registrar import GatewayError, Plan, Registrar, Registration

T = TypeVar("T")


def choose(name: str, gateway: Gateway, splay: float = 0.0) -> Registrar:
    """The registrar that `SANCTUARY_REGISTRAR` names.

    Args:
        name: the setting.
        gateway: the way to the gateway.
        splay: seconds within which servers start that use the same gateway, 0 for a few or one.

    Raises:
        SettingsError: none of that name is installed, or it is broken.
    """
    match name:
        case "auto":
            return Auto((ContextForge(gateway, splay), Manifest(gateway)), gateway.url)
        case "contextforge":
            return ContextForge(gateway, splay)
        case "manifest":
            return Manifest(gateway)
        case _:
            return load_registrar(name, gateway)


class Auto:
    """The first of several registrars whose make of gateway it is; the question is open until one has succeeded.

    Args:
        registrars: in the order in which they are tried.
        url: the gateway's, for the sentence that none fits.
    """

    def __init__(self, registrars: Sequence[Registrar], url: str) -> None:
        self._registrars = tuple(registrars)
        self._url = url

    @property
    def name(self) -> str:
        """`auto`, or the name of the one that succeeded."""
        return self._registrars[0].name if len(self._registrars) == 1 else "auto"

    def plan(self, entry: Entry) -> Plan:
        """The request with which it would be tried first."""
        return self._registrars[0].plan(entry)

    async def register(self, entry: Entry, known: Registration | None, *, adopt: bool = False) -> Registration:
        """Register with the first that fits.

        Raises:
            GatewayError: none fits, or the one that does failed.
        """
        return await self._first(lambda one: one.register(entry, known, adopt=adopt))

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """Withdraw with the first that fits.

        Raises:
            GatewayError: none fits, or the one that does failed.
        """
        return await self._first(lambda one: one.withdraw(entry, known, delete=delete))

    async def copy(self, entry: Entry) -> Sequence[Mapping[str, Any]] | None:
        """Ask the first that fits.

        Raises:
            GatewayError: none fits, or the one that does failed.
        """
        return await self._first(lambda one: one.copy(entry))

    async def _first(self, ask: Callable[[Registrar], Awaitable[T]]) -> T:
        status = 0
        for registrar in self._registrars:
            try:
                result = await ask(registrar)
            except GatewayError as error:
                if error.kind != "foreign" or len(self._registrars) == 1:
                    raise
                status = error.status
            else:
                self._registrars = (registrar,)
                return result
        raise GatewayError(
            f"{self._url} is no gateway of a known make: it has neither ContextForge's API (/v1/gateways) nor "
            "/api/servers/register; correct GATEWAY_URL, or name its registrar in SANCTUARY_REGISTRAR",
            "foreign",
            status,
        )
