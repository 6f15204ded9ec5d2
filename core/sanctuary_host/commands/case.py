"""What `register`, `drift` and `deregister` have in common: the entry in question, and the gateway."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from sanctuary_host.commands.live import NotServedError
from sanctuary_host.commands.table import printable
from sanctuary_host.config import Config
from sanctuary_host.gateway.choose import choose
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.registrar import GatewayError, Registrar
from sanctuary_host.gateway.registration import entry_of
from sanctuary_host.gateway.survey import Survey, survey
from sanctuary_host.gateway.token import Token
from sanctuary_host.plugins import Cluster
from sanctuary_host.settings import SettingsError

T = TypeVar("T")

KNOWN: Final = frozenset({"auto", "contextforge"})
"""Registrars whose gateways ask for a token and can be surveyed."""


@dataclass(frozen=True)
class Case:
    """One server and the gateway that is to know it, or not to.

    Attributes:
        config: the process's settings, with the secrets themselves.
        cluster: as it is installed here.
        base: the URL under which the gateway reaches the server.
    """

    config: Config
    cluster: Cluster
    base: str

    @classmethod
    def of(cls, config: Config, cluster: Cluster) -> Case:
        """Make sure that all is set that it takes.

        Raises:
            SettingsError: GATEWAY_URL or API_TOKEN is missing, or nothing says where the server listens.
        """
        if not config.gateway_url:
            raise SettingsError("GATEWAY_URL is not set; set it to the gateway's, such as http://127.0.0.1:4444")
        if config.api_token is None and config.registrar in KNOWN:
            raise SettingsError(
                "API_TOKEN is not set; set it, or API_TOKEN_FILE, to a token of the gateway that may register servers "
                "(docs/gateway.md says how to make one)"
            )
        port = config.port or cluster.boundary.port
        if not port and not config.advertise_url:
            raise SettingsError(
                f"nothing says where the server listens: set PORT, or SANCTUARY_ADVERTISE_URL, as cluster "
                f"{cluster.name} has no port of its own"
            )
        return cls(config, cluster, config.url(port or 0))

    @property
    def token(self) -> str:
        """What the server asks its callers for; empty where it asks for nothing."""
        return self.config.token.get_secret_value() if self.config.token is not None else ""

    @property
    def installed(self) -> tuple[Mapping[str, Any], ...]:
        """The tools that a server started here and now would list."""
        return tuple(tool.wire() for tool in self.cluster.listed_tools())

    def entry(self, tools: Sequence[Mapping[str, Any]]) -> Entry:
        """The server as the gateway should know it."""
        entry = entry_of(self.cluster, self.config, self.base, secrets.token_hex(4))
        return replace(entry, tools=tuple(tools))

    @asynccontextmanager
    async def gateway(self) -> AsyncGenerator[tuple[Gateway, Registrar]]:
        """The gateway, and the registrar that knows its make."""
        secret = self.config.api_token.get_secret_value() if self.config.api_token is not None else ""
        async with Gateway(self.config.gateway_url, Token(secret)) as gateway:
            yield gateway, choose(self.config.registrar, gateway)

    async def survey(self, gateway: Gateway, entry: Entry) -> Survey | None:
        """What the gateway has; `None` where its make does not say.

        Raises:
            GatewayError: it does not answer, or refuses the token.
        """
        if self.config.registrar not in KNOWN:
            return None
        try:
            return await survey(gateway, entry)
        except GatewayError as error:
            if error.kind == "foreign" and self.config.registrar == "auto":
                return None
            raise


async def guarded(registrar: Registrar, request: Awaitable[T]) -> T:
    """What a registrar answers.

    Raises:
        GatewayError: it failed; where it did so in a way that registrars do not, which a third party's may.
    """
    try:
        return await request
    except GatewayError:
        raise
    except Exception as error:  # noqa: BLE001  # others' code
        raise GatewayError(
            f"the registrar {registrar.name} failed with {type(error).__name__}; tell whoever made it", "rejected"
        ) from None


def finish(work: Callable[[], Awaitable[int]], status: int) -> int:
    """Run a command to its exit status; what kept it from its work becomes one sentence and `status`."""

    async def run() -> int:
        return await work()

    try:
        return asyncio.run(run())
    except (GatewayError, NotServedError) as error:
        print(f"sanctuary-host: {printable(str(error))}", file=sys.stderr)
        return status
