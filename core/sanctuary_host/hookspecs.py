"""The hooks that a plugin may implement, each marked with `@hookimpl`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pluggy

from sanctuary_host.boundary import Boundary
from sanctuary_host.host import Host
from sanctuary_host.prompts import Prompts
from sanctuary_host.resources import Resources
from sanctuary_host.tools import Tools

PROJECT: Final = "sanctuary_host"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_tools(host: Host) -> Tools:  # type: ignore[empty-body]  # a specification has no body
    """Return the plugin's tools: functions and bound methods marked with `@tool`.

    Called once, at start, before anything is served. It reads settings and builds state; it reaches for no network.

    Args:
        host: what the plugin may ask of the process; leave the parameter out where it is not needed.
    """


@hookspec
async def check_ready(host: Host) -> Sequence[str]:  # type: ignore[empty-body]  # a specification has no body
    """Return a sentence for each reason why the plugin cannot serve now; none means that it can.

    Called whenever somebody asks `/ready`, with a deadline of a second.

    Args:
        host: as in `register_tools`.
    """


@hookspec
def declare_boundary() -> Boundary:  # type: ignore[empty-body]  # a specification has no body
    """Return what the cluster may touch. Exactly one plugin of a cluster declares it; none means the tightest.

    Called once, before `register_tools`.
    """


@hookspec
def register_resources(host: Host) -> Resources:  # type: ignore[empty-body]  # a specification has no body
    """Return the plugin's resources and resource templates: functions marked with `@resource`.

    Called once, at start, after `register_tools`.

    Args:
        host: as in `register_tools`.
    """


@hookspec
def register_prompts(host: Host) -> Prompts:  # type: ignore[empty-body]  # a specification has no body
    """Return the plugin's prompts: functions marked with `@prompt`.

    Called once, at start, after `register_tools`.

    Args:
        host: as in `register_tools`.
    """
