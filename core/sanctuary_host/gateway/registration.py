"""The registration of a server that serves: its entry, its registrar and the loop, put together and ended in order."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sanctuary_host.config import Config
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.reconcile import Reconciler
from sanctuary_host.gateway.registrar import BUILT_IN, Registrar, Registration
from sanctuary_host.gateway.token import Token
from sanctuary_host.plugins import Cluster

if TYPE_CHECKING:
    from sanctuary_host.gateway.http import Gateway

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def entry_of(cluster: Cluster, config: Config, base: str, instance: str) -> Entry:
    """A server as the gateway should know it now.

    Args:
        cluster: what it serves.
        config: its settings, with the secrets themselves.
        base: the URL under which the gateway reaches it.
        instance: tells it apart from others of its name.
    """
    return Entry(
        name=config.server_name,
        base=base,
        transport=config.register_transport,
        cluster=cluster.name,
        version=cluster.version,
        description=f"Cluster {cluster.name} of sanctuary-host",
        tools=tuple(tool.wire() for tool in cluster.listed_tools()),
        instance=instance,
        token=config.token.get_secret_value() if config.token is not None else "",
    )


class Membership:
    """A server's registration, from the moment at which it listens to its end.

    Args:
        cluster: what is served.
        config: the settings, with the secrets themselves.
        port: where the server listens.
        token: what is presented to the gateway.

    Raises:
        SettingsError: the registrar that is named is not installed, or broken.
    """

    def __init__(self, cluster: Cluster, config: Config, port: int, token: Token) -> None:
        self._registrar = _Later(config, token)
        self._withdraws = config.deregister == "deactivate"
        if config.registrar not in BUILT_IN:  # those are loaded once the server listens, a third party's before
            self._registrar.load()
        self.loop = Reconciler(
            self._registrar,
            partial(entry_of, cluster, config, config.url(port), secrets.token_hex(4)),
            heartbeat=config.heartbeat,
            splay=config.splay,
            gateway=config.gateway_url,
            reread=token.reread,
        )
        cluster.watch(self._changed)

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Be registered meanwhile; at the end the entry stays, or is switched off where the operator wants it so."""
        asyncio.get_running_loop().set_default_executor(_Threads())
        running = asyncio.create_task(self.loop.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            if self._withdraws:
                await self.loop.withdraw()
            await self._registrar.close()

    def _changed(self, kind: str, _name: str) -> None:
        if kind == "tools":
            self.loop.changed()


class _Threads(ThreadPoolExecutor):
    """Threads for looking names up, and whatever else a registrar needs one for, that nobody waits for at the end.

    A name server that does not answer would hold up the end of the process for as long as the C library asks it.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread of its own."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # it is whoever waits for the result that it concerns
                future.set_exception(error)

        Thread(target=run, name="registration", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as it is
        """Do nothing: the threads end with the process."""


class _Later:
    """A registrar whose code, with an HTTP client's, is loaded with its first request, while the server serves."""

    def __init__(self, config: Config, token: Token) -> None:
        self._config, self._token = config, token
        self._gateway: Gateway | None = None
        self._registrar: Registrar | None = None
        self._loading: asyncio.Future[Registrar] | None = None

    @property
    def name(self) -> str:
        """What the registrar is called."""
        return self._registrar.name if self._registrar is not None else self._config.registrar

    def load(self) -> Registrar:
        """Load it now.

        Raises:
            SettingsError: there is none of that name, or it is broken.
        """
        # The first has all of aiohttp loaded here, and not on the loop, with the first request.
        from aiohttp import ClientSession  # noqa: PLC0415  # for start-up cost

        from sanctuary_host.gateway.choose import choose  # noqa: PLC0415  # as above
        from sanctuary_host.gateway.http import Gateway  # noqa: PLC0415  # as above

        logger.debug("Loaded %s", ClientSession.__name__)
        self._gateway = Gateway(self._config.gateway_url, self._token)
        self._registrar = registrar = choose(self._config.registrar, self._gateway, self._config.splay)
        return registrar

    async def register(self, entry: Entry, known: Registration | None) -> Registration:
        """See `Registrar`."""
        registrar = self._registrar
        if registrar is None:
            self._loading = asyncio.get_running_loop().run_in_executor(None, self.load)
            registrar = await asyncio.shield(self._loading)
        return await registrar.register(entry, known)

    async def withdraw(self, entry: Entry, known: Registration | None, *, delete: bool) -> bool:
        """See `Registrar`."""
        return self._registrar is not None and await self._registrar.withdraw(entry, known, delete=delete)

    async def close(self) -> None:
        """Drop the connections."""
        if self._loading is not None:  # a thread that imports while the interpreter ends crashes it
            await asyncio.wait([self._loading])
        if self._gateway is not None:
            await self._gateway.close()
