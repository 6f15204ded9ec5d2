"""Where each MCP client keeps its servers, and how it writes one: formats as data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import tomli_w

Format = Literal["json", "jsonc", "toml"]
Transport = Literal["http", "sse"]
Object = Mapping[str, Any]

TOKEN: Final = "MCP_GATEWAY_TOKEN"  # noqa: S105  # the variable's name; no configuration ever holds its value
TOKEN_FILE: Final = ".config/sanctuary-host/gateway-token"  # noqa: S105  # a path, below the user's home
BRIDGE: Final = "mcp-remote@0.15"
"""Tried with ContextForge 1.0.7; it is handed the token, so that no later one is fetched unseen."""
INPUT: Final = {
    "type": "promptString",
    "id": "sanctuary-gateway-token",
    "description": f"Token for the MCP gateway ({TOKEN})",
    "password": True,
}
"""VS Code asks once for it and keeps it in the system's key store."""


@dataclass(frozen=True)
class Client:
    """One MCP client.

    Attributes:
        name: what the command line calls it.
        title: what its makers call it.
        format: of its file; `jsonc` is JSON with comments and trailing commas.
        key: the member of the file that holds the servers.
        linux: its user's file, below one of the folders of `place_of`.
        darwin: the same on macOS.
        project: its file in a project; empty where it knows none.
        stdio: an entry that starts a command with variables in its environment.
        remote: an entry that connects to a URL with the token of `TOKEN`.
        transports: what its remote entries can speak.
        token: how the user hands it the token.
        members: what else the file needs beside a remote entry: items that are appended to a list.
    """

    name: str
    title: str
    format: Format
    key: str
    linux: str
    darwin: str
    project: str
    stdio: Callable[[Sequence[str], Mapping[str, str]], Object]
    remote: Callable[[str, Transport], Object]
    transports: frozenset[Transport] = frozenset({"http", "sse"})
    token: str = f"export {TOKEN} in the shell that starts it"
    members: Mapping[str, Object] | None = None


def _plain(command: Sequence[str], variables: Mapping[str, str]) -> Object:
    arguments = {"args": list(command[1:])} if command[1:] else {}
    return {"command": command[0], **arguments, "env": dict(variables)}


def _typed(command: Sequence[str], variables: Mapping[str, str]) -> Object:
    return {"type": "stdio", **_plain(command, variables)}


def _listed(command: Sequence[str], variables: Mapping[str, str]) -> Object:
    return {"type": "local", "command": list(command), "environment": dict(variables), "enabled": True}


def _header(reference: str) -> Object:
    return {"headers": {"Authorization": f"Bearer {reference}"}}


def _bridge(url: str, transport: Transport) -> Object:
    """A command that translates: for clients that take no URL, or no token but a literal one.

    Such clients hand little of their environment on, so that the token comes from a file that only the user can read.
    It is no argument of any process: mcp-remote fills it in from its own environment.
    """
    plain = "--allow-http " if url.startswith("http:") else ""
    script = (
        f'export {TOKEN}="${{{TOKEN}:-$(cat "$HOME/{TOKEN_FILE}")}}"; '
        f"exec npx -y {BRIDGE} {shlex.quote(url)} {plain}--transport {transport}-only "
        f"--header 'Authorization:Bearer ${{{TOKEN}}}'"
    )
    return {"command": "sh", "args": ["-c", script]}


def _codex(url: str, _: Transport) -> Object:
    return {"url": url, "bearer_token_env_var": TOKEN}


def _gemini(url: str, transport: Transport) -> Object:
    # A url without a type was SSE to older versions and is HTTP to newer ones; both know httpUrl.
    way = {"httpUrl": url} if transport == "http" else {"url": url, "type": "sse"}
    return {**way, **_header(f"${TOKEN}")}


BRIDGED: Final = f"""\
write it into a file that only you can read; Node.js translates:
  mkdir -p ~/{Path(TOKEN_FILE).parent} && (umask 077; printf %s "${TOKEN}" > ~/{TOKEN_FILE})"""

CLIENTS: Final[Mapping[str, Client]] = {
    client.name: client
    for client in (
        Client(
            "claude-desktop",
            "Claude Desktop",
            "json",
            "mcpServers",
            "{config}/Claude/claude_desktop_config.json",
            "{library}/Claude/claude_desktop_config.json",
            "",
            _plain,
            _bridge,
            token=BRIDGED,
        ),
        Client(
            "claude-code",
            "Claude Code",
            "json",
            "mcpServers",
            "{claude}/.claude.json",
            "{claude}/.claude.json",
            ".mcp.json",
            _typed,
            lambda url, transport: {"type": transport, "url": url, **_header(f"${{{TOKEN}}}")},
        ),
        Client(
            "vscode",
            "VS Code",
            "jsonc",
            "servers",
            "{config}/Code/User/mcp.json",
            "{library}/Code/User/mcp.json",
            ".vscode/mcp.json",
            _typed,
            lambda url, transport: {"type": transport, "url": url, **_header(f"${{input:{INPUT['id']}}}")},
            token="it asks for it once",  # noqa: S106  # how it is handed over
            members={"inputs": INPUT},
        ),
        Client(
            "cursor",
            "Cursor",
            "json",
            "mcpServers",
            "{home}/.cursor/mcp.json",
            "{home}/.cursor/mcp.json",
            ".cursor/mcp.json",
            _plain,
            lambda url, _: {"url": url, **_header(f"${{env:{TOKEN}}}")},
        ),
        Client(
            "codex",
            "Codex",
            "toml",
            "mcp_servers",
            "{codex}/config.toml",
            "{codex}/config.toml",
            ".codex/config.toml",
            _plain,
            _codex,
            transports=frozenset({"http"}),
        ),
        Client(
            "gemini",
            "Gemini CLI",
            "jsonc",
            "mcpServers",
            "{home}/.gemini/settings.json",
            "{home}/.gemini/settings.json",
            ".gemini/settings.json",
            _plain,
            _gemini,
        ),
        Client(
            "windsurf",
            "Windsurf",
            "json",
            "mcpServers",
            "{home}/.codeium/windsurf/mcp_config.json",
            "{home}/.codeium/windsurf/mcp_config.json",
            "",
            _plain,
            lambda url, _: {"serverUrl": url, **_header(f"${{env:{TOKEN}}}")},
        ),
        Client(
            "zed",
            "Zed",
            "jsonc",
            "context_servers",
            "{config}/zed/settings.json",
            "{home}/.config/zed/settings.json",
            ".zed/settings.json",
            _plain,
            _bridge,
            token=BRIDGED,
        ),
        Client(
            "opencode",
            "opencode",
            "jsonc",
            "mcp",
            "{config}/opencode/opencode.json",
            "{home}/.config/opencode/opencode.json",
            "opencode.json",
            _listed,
            lambda url, _: {"type": "remote", "url": url, **_header(f"{{env:{TOKEN}}}"), "enabled": True},
        ),
        Client(
            "kiro",
            "Kiro",
            "json",
            "mcpServers",
            "{home}/.kiro/settings/mcp.json",
            "{home}/.kiro/settings/mcp.json",
            ".kiro/settings/mcp.json",
            _plain,
            lambda url, _: {"url": url, **_header(f"${{{TOKEN}}}")},
        ),
    )
}
"""Sources: each client's own documentation, read in November 2026; docs/clients.md says what was tried with which."""


def place_of(client: Client, environment: Mapping[str, str], platform: str) -> Path:
    """The user's file of a client, wherever the user has moved its folder."""
    home = environment.get("HOME") or str(Path.home())
    folders = {
        "home": home,
        "config": environment.get("XDG_CONFIG_HOME") or f"{home}/.config",
        "library": f"{home}/Library/Application Support",
        "claude": environment.get("CLAUDE_CONFIG_DIR") or home,
        "codex": environment.get("CODEX_HOME") or f"{home}/.codex",
    }
    return Path((client.darwin if platform == "darwin" else client.linux).format(**folders))


def direct(client: Client, command: Sequence[str], clusters: Mapping[str, Mapping[str, str]]) -> dict[str, Object]:
    """One entry for each cluster, which the client starts by itself over standard input and output.

    Args:
        client: what reads it.
        command: how the host is started.
        clusters: by name, the variables that name the folders which a cluster works on.
    """
    return {
        f"sanctuary-{cluster}": client.stdio(command, {"CLUSTER": cluster, **folders})
        for cluster, folders in clusters.items()
    }


def routed(client: Client, gateway: str, server: str = "", transport: Transport = "http") -> dict[str, Object]:
    """One entry for all of a gateway's tools, or for those of one of its virtual servers."""
    name = f"sanctuary-gateway-{server[:8]}" if server else "sanctuary-gateway"
    path = f"/servers/{server}" if server else ""
    return {name: client.remote(f"{gateway.rstrip('/')}{path}/{'mcp' if transport == 'http' else 'sse'}", transport)}


def document(client: Client, entries: Mapping[str, Object], *, remote: bool) -> dict[str, Any]:
    """A whole file with nothing but these entries."""
    lists = {key: [item] for key, item in (client.members or {}).items()} if remote else {}
    return {**lists, client.key: dict(entries)}


def render(client: Client, content: Mapping[str, Any]) -> str:
    """A whole file as text."""
    if client.format == "toml":
        return tomli_w.dumps(content)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
