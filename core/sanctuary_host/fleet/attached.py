"""The gateway that the local fleet registers with: one of its own, one that the user named, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sanctuary_host import addresses
from sanctuary_host.fleet.gateway import PORT, SETTINGS, Gateway, GatewayDownError, listen, running
from sanctuary_host.fleet.home import Home, HomeError, at_home
from sanctuary_host.fleet.install import PACKAGE, InstallError, install, is_installed, program
from sanctuary_host.settings import SettingsError, read_settings

Progress = Callable[[str], AbstractAsyncContextManager[None]]
"""Says what takes a while, as long as it does."""
VERSION: Final = PACKAGE.partition("==")[2].partition(".post")[0]


class FleetSettings(BaseModel):
    """What `sanctuary-host up` and `make up` ask for beside the settings of the clusters, which they hand on."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    gateway: Annotated[
        Literal["on", "off"],
        Field(
            validation_alias="GATEWAY",
            description="Whether to run a gateway (IBM ContextForge) beside the clusters, installed at the first time. "
            "Where GATEWAY_URL names one, that is used and none is run.",
        ),
    ] = "on"
    gateway_home: Annotated[
        Path | None,
        Field(
            validation_alias="SANCTUARY_GATEWAY_HOME",
            description="The folder for the gateway's program, database, secrets and tokens; by default the program is "
            "in `~/.cache/sanctuary-host/gateway` (XDG_CACHE_HOME) and the rest in "
            "`~/.local/state/sanctuary-host/gateway` (XDG_STATE_HOME). `make up` uses `.cache/gateway`.",
        ),
    ] = None

    def folders(self, environment: Mapping[str, str]) -> tuple[Path, Path]:
        """Where the gateway's program is, and where it keeps what it keeps."""
        if self.gateway_home is not None:
            home = self.gateway_home.absolute()
            return home / "program", home / "state"
        cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        state = Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return cache / "sanctuary-host" / "gateway", state / "sanctuary-host" / "gateway"


@dataclass
class Attached:
    """The gateway as far as it has come.

    Attributes:
        url: where it is or will be; empty where there is none.
        home: its folder, where it is the fleet's own.
        gateway: its process, where it runs.
        trouble: why there is none though one was asked for.
    """

    url: str = ""
    home: Home | None = None
    gateway: Gateway | None = None
    trouble: str = ""
    _program: Path = Path()
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def variables(self) -> dict[str, str]:
        """What the clusters are to be told of it."""
        if self.home is None or not self.url:
            return {}
        # No splay: they are a handful. Their first request waits until the gateway answers.
        token = {"API_TOKEN": "", "API_TOKEN_FILE": str(self.home.server_token)}
        return {"GATEWAY_URL": self.url, "SANCTUARY_SPLAY": "0", **token}

    async def start(self, environment: Mapping[str, str], progress: Progress) -> None:
        """Install it if need be, and start it; it does not answer yet. Where that fails, `trouble` says why."""
        if self.home is None:
            return
        try:
            if not is_installed(self._program):
                async with progress(f"Installing the gateway (ContextForge {VERSION}, 250 MB, only this once)"):
                    await install(self._program, environment)
            listener = self._stack.enter_context(listen(PORT))
            self.gateway = await self._stack.enter_async_context(
                running(self.home, program(self._program), listener, SETTINGS)
            )
        except InstallError as error:
            self.trouble = f"it could not be installed: {error}"
        except OSError as error:
            self.trouble = f"it could not be started: {error.strerror}"
        else:
            self.url = self.gateway.url
            keeping = asyncio.create_task(self.home.keep_tokens())
            self._stack.callback(keeping.cancel)

    async def answer(self, progress: Progress) -> None:
        """Wait until it answers; where it does not, `trouble` says why."""
        if self.gateway is not None and self.home is not None:
            try:
                async with progress("Starting the gateway"):
                    await self.gateway.answer()
                # At its very first start it refuses good tokens for a moment; a new one is tried within seconds.
                self.home.renew_tokens(at_once=True)
            except GatewayDownError as error:
                self.trouble = f"it did not start: {error}"
            except OSError as error:
                self.trouble = f"{self.home.folder} cannot be written: {error.strerror}"


@asynccontextmanager
async def attached(environment: Mapping[str, str]) -> AsyncGenerator[Attached]:
    """Have the gateway that the settings ask for until the block ends; it is yet to be started.

    Raises:
        SettingsError: a setting does not fit.
    """
    settings = read_settings(FleetSettings, environment, "SANCTUARY")
    if url := environment.get("GATEWAY_URL"):
        if faults := addresses.faults_of({"GATEWAY_URL": url}, contained=False):
            raise SettingsError("; ".join(faults))
        yield Attached(url)
        return
    if settings.gateway == "off":
        yield Attached()
        return
    place, state = settings.folders(environment)
    async with AsyncExitStack() as stack:
        try:
            home = stack.enter_context(at_home(state))
        except HomeError as error:
            yield Attached(trouble=str(error))
            return
        yield Attached(home=home, _program=place, _stack=stack)
