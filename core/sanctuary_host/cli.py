"""The command `sanctuary-host`, which hands the environment on to whoever needs to know of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import logging
import os
import socket
import sys
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from sanctuary_host.audited import trail_of
from sanctuary_host.commands import audit, call, doctor, health, show
from sanctuary_host.commands.find import UsageError
from sanctuary_host.commands.table import colours
from sanctuary_host.config import Config, read_config, with_secrets
from sanctuary_host.containment import grants
from sanctuary_host.containment.confinement import Confinement
from sanctuary_host.containment.output import Output
from sanctuary_host.containment.sandbox import SandboxError
from sanctuary_host.containment.witness import Witness
from sanctuary_host.containment.zygote import ThreadsError, Zygote
from sanctuary_host.gateway.token import Reader, Token
from sanctuary_host.jobs import work_of
from sanctuary_host.observe import logs
from sanctuary_host.plugins import DISTRIBUTION, Cluster, UnknownClusterError, installed, load
from sanctuary_host.settings import SettingsError

if TYPE_CHECKING:
    from sanctuary_host.gateway.registration import Membership

logger = logging.getLogger(__name__)

USAGE_STATUS: Final = 2
BACKLOG: Final = 1024
"""Connections that may wait to be accepted."""

DESCRIPTION: Final = """\
Serve one cluster of tools to MCP clients.

  CLUSTER=utils sanctuary-host             over standard input and output
  CLUSTER=utils PORT=8100 sanctuary-host   over HTTP: /mcp (streamable), /sse, /health, /ready, /metrics
  CLUSTER=utils sanctuary-host call time_now zones=Europe/Berlin
"""
EPILOG: Final = """\
The cluster is chosen by the environment variable CLUSTER; installed here: {installed}.
All settings are environment variables; docs/settings.md lists them.
"""


def main(environment: Mapping[str, str], words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 well, 1 failed, 2 wrongly called."""
    _have_standard_files()
    options = _parser().parse_args(words)
    try:
        return _run(options, environment)
    except (SandboxError, SettingsError, ThreadsError, UnknownClusterError, UsageError) as error:
        print(f"sanctuary-host: {error}", file=sys.stderr)
        return USAGE_STATUS
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    command: str = options.command or "serve"
    if command in {"up", "config"}:
        return _run_of_fleet(command, options, environment)
    if command == "health":
        return _probe(options, environment)
    if command == "audit":
        return audit.verify_files(options.files, head=options.head, as_json=options.json)
    if not environment.get("CLUSTER"):
        if command == "doctor":
            return doctor.examine_all(installed(), environment, as_json=options.json)
        raise SettingsError(f"CLUSTER is not set; choose one of: {', '.join(installed()) or 'none is installed'}")
    config = read_config(environment)
    if command == "serve":
        return _serve(config, environment)
    logs.configure(level="CRITICAL", cluster=config.cluster)  # what went wrong is printed below
    with _stdout_kept_clean():
        cluster = load(config.cluster, environment, config.trust)
    if command in {"check", "doctor", "manifest"}:
        return _tell(options, cluster, config, environment)
    if command in {"register", "drift", "deregister"}:
        readable = grants.of_worker(cluster.boundary, environment).readable
        return _ask_gateway(options, with_secrets(config, environment, readable), cluster)
    for fault in cluster.faults:
        print(f"sanctuary-host: {fault}", file=sys.stderr)
    if command == "tools":
        return show.show_tools(cluster, options.tool, as_json=options.json)
    confinement = Confinement.prepare(cluster.boundary, environment, config.sandbox)
    open_trail = partial(trail_of, cluster, config, environment)
    level = config.log_level if options.log else "CRITICAL"
    logs.configure(level=level, cluster=config.cluster, pretty=True, coloured=colours(sys.stderr))
    return call.call_tool(cluster, confinement, open_trail, options.tool, options.arguments, as_json=options.json)


def _probe(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    port = options.port or (int(text) if (text := environment.get("PORT", "")).isdecimal() else 0)
    if not port:
        raise UsageError("health needs to know where to ask: set PORT, or pass --port")
    address = environment.get("SANCTUARY_BIND", "")
    return health.probe(address, port, path="/ready" if options.ready else "/health", as_json=options.json)


def _ask_gateway(options: argparse.Namespace, config: Config, cluster: Cluster) -> int:
    # For start-up cost: only these commands need a client.
    from sanctuary_host.commands import deregister, drift, register  # noqa: PLC0415  # see above

    if options.command == "drift":
        return drift.show_drift(config, cluster, installed=options.installed, as_json=options.json)
    if options.command == "deregister":
        return deregister.deregister(config, cluster, delete=options.delete, as_json=options.json)
    act = register.preview if options.check else register.register
    return act(config, cluster, adopt=options.adopt, as_json=options.json)


def _run_of_fleet(command: str, options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if command == "up":
        from sanctuary_host.fleet import local  # noqa: PLC0415  # for start-up cost: only this command needs a client

        return local.up(environment)
    from sanctuary_host.fleet import configure  # noqa: PLC0415  # for start-up cost

    return configure.configure(options, environment)


def _tell(options: argparse.Namespace, cluster: Cluster, config: Config, environment: Mapping[str, str]) -> int:
    """Run a command that tells of a cluster and calls nothing of it."""
    if options.command == "check":
        return show.check(cluster, config.server_name, environment, as_json=options.json)
    if options.command == "doctor":
        return doctor.examine(cluster, config, environment, as_json=options.json)
    from sanctuary_host.commands import manifest  # noqa: PLC0415  # for start-up cost: it needs the protocol's names

    return manifest.print_manifest(config, options.format)


def _serve(config: Config, environment: Mapping[str, str]) -> int:
    gc.disable()  # what start-up makes lives as long as the process: collections would walk it for nothing
    # From here on, whatever anybody prints goes to standard error: over stdio, standard output is the protocol's.
    output = os.dup(1)
    os.dup2(2, 1)
    logs.configure(level=config.log_level, cluster=config.cluster, coloured=colours(sys.stderr))
    cluster = load(config.cluster, environment, config.trust)
    listener = _listen(config)
    confinement = Confinement.prepare(cluster.boundary, environment, config.sandbox)
    witness = Witness(confinement, environment, contained=config.container)
    zygote = Zygote.start(work_of(cluster), confinement.worker, cluster.kept)
    reader = None
    if config.gateway_url and listener is not None and (path := environment.get("API_TOKEN_FILE")):
        reader = Reader.start(path)
    # Read only now: the processes forked above know nothing of it.
    config = with_secrets(config, environment, witness.readable)
    os.environ.update({name: value for name, value in environment.items() if name.startswith("OTEL_")})
    # Imported only now, for start-up cost: the workers forked above carry nothing of the protocol's 40 MB.
    from sanctuary_host import app  # noqa: PLC0415  # see above

    trail = trail_of(cluster, config, environment)  # now: workers must not inherit it, nor can the sealed host open it
    membership = _membership(cluster, config, listener, reader)
    confinement.seal_host()
    witness.look(zygote.pid)
    gc.freeze()
    gc.enable()
    sys.stdout = sys.stderr = Output(2)  # nothing that this process prints waits for a reader
    if listener is None:
        source = os.dup(0)
        asyncio.run(app.serve_stdio(cluster, zygote, (source, output), environment, witness, trail))
    else:
        asyncio.run(app.serve_http(config, cluster, zygote, listener, environment, witness, trail, membership))
    if reader is not None:
        reader.stop()
    return 0


def _membership(
    cluster: Cluster, config: Config, listener: socket.socket | None, reader: Reader | None
) -> Membership | None:
    if not config.gateway_url:
        return None
    if listener is None:
        logger.info("GATEWAY_URL is set, but there is nothing to register: set PORT to serve over HTTP")
        return None
    from sanctuary_host.gateway.registration import Membership  # noqa: PLC0415  # for start-up cost: it knows aiohttp

    value = config.api_token.get_secret_value() if config.api_token is not None else ""
    return Membership(cluster, config, int(listener.getsockname()[1]), Token(value, reader))


def _listen(config: Config) -> socket.socket | None:
    if config.port is None:
        return None
    family = socket.AF_INET6 if ":" in config.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.address, config.port))
    except OSError as error:
        listener.close()
        remedy = (
            "SANCTUARY_BIND to an address of this machine"
            if error.errno == errno.EADDRNOTAVAIL
            else "PORT to another one"
        )
        raise SettingsError(
            f"port {config.port} on {config.address} cannot be used: {error.strerror}; set {remedy}"
        ) from None
    listener.listen(BACKLOG)
    listener.setblocking(False)  # noqa: FBT003  # the standard library's own order
    return listener


def _have_standard_files() -> None:
    """Open what of the standard descriptors is closed, lest the next file or socket take its number."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
    # Python has no object for a descriptor that was closed when it started.
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


@contextlib.contextmanager
def _stdout_kept_clean() -> Generator[None]:
    """Send what plugins print while they are loaded to standard error."""
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)


class _Parser(argparse.ArgumentParser):
    """Looks for what is installed only where it is to be told."""

    def format_help(self) -> str:
        self.epilog = EPILOG.format(installed=", ".join(installed()) or "none")
        return super().format_help()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sanctuary-host", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"sanctuary-host {version(DISTRIBUTION)}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    commands.add_parser("serve", help="serve the cluster (what happens without a command)")
    tools = commands.add_parser("tools", help="list the cluster's tools, or show one with its parameters")
    tools.add_argument("tool", nargs="?", help="the tool to show")
    check = commands.add_parser("check", help="check plugins, names, descriptions and sizes; status 1 on any fault")
    called = commands.add_parser("call", help="call one tool and print its answer")
    called.add_argument("tool", help="the tool's name")
    called.add_argument("--log", action="store_true", help="print the log too, with the traceback of what failed")
    called.add_argument(
        "arguments",
        nargs="*",
        default=[],  # or Python 3.11 says that they are required
        metavar="key=value",
        help="its arguments; or all of them as one JSON object, - for stdin",
    )
    probe = commands.add_parser("health", help="ask a running server whether it is well (the probe of containers)")
    probe.add_argument("--port", type=int, help="where it listens; PORT by default")
    probe.add_argument("--ready", action="store_true", help="ask whether it can serve, not only whether it lives")
    trails = commands.add_parser("audit", help="verify audit trails; status 1 where one is not as it was written")
    verifying = trails.add_subparsers(dest="action", metavar="ACTION", required=True).add_parser(
        "verify", help="find what was edited, inserted, moved, removed or cut"
    )
    verifying.add_argument(
        "files", nargs="+", metavar="FILE", help="a trail, such as git.jsonl; its head lies beside it"
    )
    verifying.add_argument("--head", metavar="HASH", default="", help="a hash from the host's log that it must hold")
    examined = commands.add_parser(
        "doctor", help="measure what really confines the cluster (or each of them); status 1 where anything is missing"
    )
    registered = commands.add_parser("register", help="register the running server with the gateway at GATEWAY_URL")
    registered.add_argument(
        "--check", action="store_true", help="send nothing: show the request, and what is in its way"
    )
    registered.add_argument("--adopt", action="store_true", help="take over an entry of our name that others made")
    compared = commands.add_parser(
        "drift", help="compare the tools with the gateway's copy; status 1 where callers are offered something else"
    )
    compared.add_argument("--installed", action="store_true", help="compare what is installed, not what runs")
    removed = commands.add_parser("deregister", help="switch the server's entry at the gateway off")
    removed.add_argument("--delete", action="store_true", help="delete it; its tools' ids at the gateway are lost")
    configured = commands.add_parser("config", help="print or install what an MCP client needs to reach the clusters")
    configured.add_argument(
        "--client", required=True, help="such as claude-code, claude-desktop, codex, cursor, vscode"
    )
    configured.add_argument(
        "--mode",
        choices=("gateway", "legacy"),
        default="gateway",
        help="all by way of the gateway at GATEWAY_URL (the default), or each cluster as a command of the client's",
    )
    configured.add_argument(
        "--transport", choices=("http", "sse"), help="what to speak with the gateway; http by default"
    )
    configured.add_argument(
        "--server", metavar="ID", default="", help="only what this virtual server of the gateway has"
    )
    configured.add_argument(
        "--cluster", nargs="+", default=[], metavar="NAME", help="these clusters; by default CLUSTER, or all installed"
    )
    configured.add_argument("--portable", action="store_true", help="name the command without its path on this machine")
    configured.add_argument(
        "--install", action="store_true", help="put it into the client's file, keeping all else there"
    )
    configured.add_argument("--project", action="store_true", help="mean the file in this folder, not the user's own")
    listed = commands.add_parser("manifest", help="print what a registry needs to list the server")
    listed.add_argument(
        "--format", choices=("server.json", "server-card"), default="server.json", help="server.json by default"
    )
    commands.add_parser("up", help="run every installed cluster as a local process until Ctrl-C")
    for command in (tools, check, called, probe, verifying, examined, registered, compared, removed):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser
