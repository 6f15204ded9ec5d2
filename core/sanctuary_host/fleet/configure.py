"""`sanctuary-host config`: what an MCP client needs to reach the fleet, printed or put into its own file."""

from __future__ import annotations

import asyncio
import difflib
import re
import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sanctuary_host import addresses
from sanctuary_host.commands.find import UsageError
from sanctuary_host.commands.table import paint
from sanctuary_host.fleet.clientfile import InstallError, plan, write
from sanctuary_host.fleet.clients import (
    CLIENTS,
    TOKEN,
    Client,
    Object,
    Transport,
    direct,
    document,
    place_of,
    render,
    routed,
)
from sanctuary_host.fleet.member import report
from sanctuary_host.plugins import UnknownClusterError, installed
from sanctuary_host.settings import SettingsError

GATEWAY: Final = "http://127.0.0.1:4444"
COMMAND: Final = "sanctuary-host"
FOLDER: Final = "/path/to/folder"
SERVER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PAINTS: Final = {"+": "green", "-": "red"}


def configure(options: Namespace, environment: Mapping[str, str]) -> int:
    """Print a client's configuration, or install it; returns the exit status: 1 where the file cannot be changed.

    Raises:
        SettingsError: GATEWAY_URL is unusable.
        UnknownClusterError: a named cluster is not installed.
        UsageError: the options do not fit together, or the client cannot do what they ask for.
    """
    client = _client(options.client)
    remote: bool = options.mode == "gateway"
    entries = _routed(client, options, environment) if remote else _direct(client, options, environment)
    content = document(client, entries, remote=remote)
    if options.project and not client.project:
        raise UsageError(f"{client.title} has no file for a project; leave out --project")
    path = Path.cwd() / client.project if options.project else place_of(client, environment, sys.platform)
    if options.install:
        status = _install(client, path, content)
    else:
        status = 0
        print(render(client, content), end="", flush=True)
        print(f"{client.title} reads it from {path}; --install puts it there.", file=sys.stderr)
    if remote and status == 0:
        where = "`make up` prints where it is, docs/clients.md tells of other gateways"
        print(f"The token ({TOKEN}): {where}. For {client.title}: {client.token}.", file=sys.stderr)
    return status


def _client(name: str) -> Client:
    if name in CLIENTS:
        return CLIENTS[name]
    close = difflib.get_close_matches(name, CLIENTS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(CLIENTS)}"
    raise UsageError(f"--client {name[:40]} is not known; {hint}")


def _routed(client: Client, options: Namespace, environment: Mapping[str, str]) -> dict[str, Object]:
    if options.cluster:
        raise UsageError("--cluster belongs to --mode legacy; a gateway has all of them, or name its --server")
    if options.portable:
        raise UsageError("--portable belongs to --mode legacy; the gateway's form names nothing of this machine")
    transport: Transport = options.transport or "http"
    if transport not in client.transports:
        raise UsageError(f"{client.title} does not speak {transport}; leave out --transport")
    if options.server and not SERVER.fullmatch(options.server):
        raise UsageError("--server takes the id of a virtual server, as GET /v1/servers of the gateway shows it")
    if faults := addresses.faults_of({"GATEWAY_URL": environment.get("GATEWAY_URL", "")}, contained=False):
        raise SettingsError("; ".join(faults))
    return routed(client, environment.get("GATEWAY_URL") or GATEWAY, options.server, transport)


def _direct(client: Client, options: Namespace, environment: Mapping[str, str]) -> dict[str, Object]:
    for word in ("server", "transport"):
        if getattr(options, word):
            raise UsageError(f"--{word} belongs to --mode gateway; a command that the client starts has none")
    known = installed()
    wanted = [name for word in options.cluster for name in word.split(",") if name]
    clusters = wanted or ([environment["CLUSTER"]] if environment.get("CLUSTER") else known)
    if not clusters:
        raise UsageError("no cluster is installed; install a distribution that has one")
    for name in clusters:
        if name not in known:
            raise UnknownClusterError(f"cluster {name[:64]!r} is not installed; installed: {', '.join(known)}")
    folders = asyncio.run(_folders(list(dict.fromkeys(clusters)), environment))
    if options.portable:
        named = {name: placeholders(settings) for name, settings in folders.items()}
        return direct(client, [COMMAND], named)
    for name, settings in folders.items():
        if "bind" in settings.values() and not any(environment.get(setting) for setting in settings):
            where = " or ".join(settings)
            print(f"{name} will have no folder to work on; set {where}=/path before this command.", file=sys.stderr)
    own = {
        name: {setting: environment[setting] for setting in settings if environment.get(setting)}
        for name, settings in folders.items()
    }
    return direct(client, own_command(), own)


def placeholders(settings: Mapping[str, str]) -> dict[str, str]:
    """What stands for a user's folders where they are not known; what a cluster keeps for itself has a default.

    Args:
        settings: the variables that name folders, with the kind of each mount.
    """
    return {setting: FOLDER for setting, kind in settings.items() if kind == "bind"}


async def _folders(clusters: Sequence[str], environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The variables that name folders, by cluster; each is asked in a process of its own."""
    said = await asyncio.gather(*(report(name, environment) for name in clusters))
    return {name: dict(one.get("folders", {})) for name, one in zip(clusters, said, strict=True)}


def own_command() -> Sequence[str]:
    """How this very installation is started from anywhere."""
    beside = Path(sys.executable).with_name(COMMAND)
    found = str(beside) if beside.exists() else shutil.which(COMMAND)
    return [str(Path(found).absolute())] if found else [sys.executable, "-m", "sanctuary_host"]


def _install(client: Client, path: Path, content: Mapping[str, object]) -> int:
    try:
        change = plan(client, path, content)
        if not change.is_needed:
            print(f"{change.path} holds it already; nothing was changed.")
            return 0
        for line in change.diff().splitlines():
            print(paint(line, PAINTS[line[0]]) if line[:1] in PAINTS else line)
        backup = write(change)
    except InstallError as error:
        print(f"sanctuary-host: {error}", file=sys.stderr)
        return 1
    print(f"\nWritten to {change.path}" + (f"; as it was: {backup}" if backup else "") + f". Restart {client.title}.")
    return 0
