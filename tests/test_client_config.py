"""Client configurations: each in its client's own format, put into files that hold other people's work."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary_host.fleet import jsontext
from sanctuary_host.fleet.clientfile import InstallError, plan, write
from sanctuary_host.fleet.clients import CLIENTS, TOKEN, Client, direct, document, place_of, render, routed

ROOT = Path(__file__).parents[1]
SECRET = "correct-horse-battery-staple"
SECRETS = dict.fromkeys((TOKEN, "API_TOKEN", "SANCTUARY_TOKEN", "BRAVE_API_KEY", "JWT_SECRET_KEY"), SECRET)
GATEWAY = "http://127.0.0.1:4444"
REFERENCES = {
    "claude-code": "Bearer ${MCP_GATEWAY_TOKEN}",
    "vscode": "Bearer ${input:sanctuary-gateway-token}",
    "cursor": "Bearer ${env:MCP_GATEWAY_TOKEN}",
    "gemini": "Bearer $MCP_GATEWAY_TOKEN",
    "windsurf": "Bearer ${env:MCP_GATEWAY_TOKEN}",
    "opencode": "Bearer {env:MCP_GATEWAY_TOKEN}",
    "kiro": "Bearer ${MCP_GATEWAY_TOKEN}",
}
BRIDGED = ("claude-desktop", "zed")


def read(client: Client, text: str) -> Any:
    return tomllib.loads(text) if client.format == "toml" else jsontext.read(text, comments=client.format == "jsonc")


def entries(client: Client, *, remote: bool = True) -> dict[str, Any]:
    own = routed(client, GATEWAY) if remote else direct(client, ["/opt/bin/sanctuary-host"], {"utils": {}, "git": {}})
    return document(client, own, remote=remote)


def install(client: Client, path: Path, content: Mapping[str, Any]) -> Path | None:
    change = plan(client, path, content)
    return write(change) if change.is_needed else None


@pytest.mark.parametrize("name", CLIENTS)
async def test_every_client_gets_one_command_for_each_cluster(name: str, run: Callable[..., Any]) -> None:
    client = CLIENTS[name]
    ran = await run("config", "--client", name, "--mode", "legacy", "--cluster", "utils", **SECRETS)
    assert ran.status == 0
    (entry,) = read(client, ran.out)[client.key].values()
    command = entry["command"] if isinstance(entry["command"], list) else [entry["command"], *entry.get("args", ())]
    assert Path(command[0]).is_absolute()
    assert os.access(command[0], os.X_OK)
    assert entry.get("env", entry.get("environment")) == {"CLUSTER": "utils"}
    portable = await run("config", "--client", name, "--mode", "legacy", "--cluster", "utils", "--portable", **SECRETS)
    assert "sanctuary-host" in portable.out
    assert "/" not in portable.out
    assert SECRET not in ran.out + ran.err + portable.out + portable.err


@pytest.mark.parametrize("name", CLIENTS)
async def test_every_client_gets_one_entry_for_the_gateway_without_a_secret(name: str, run: Callable[..., Any]) -> None:
    client = CLIENTS[name]
    ran = await run("config", "--client", name, **SECRETS)
    assert ran.status == 0
    assert SECRET not in ran.out + ran.err
    assert "GATEWAY_TOKEN" in ran.err
    content = read(client, ran.out)
    ((entry_name, entry),) = content[client.key].items()
    assert entry_name == "sanctuary-gateway"
    assert f"{GATEWAY}/mcp" in json.dumps(entry)
    if name in REFERENCES:
        assert entry["headers"] == {"Authorization": REFERENCES[name]}
    elif name in BRIDGED:
        assert (entry["command"], entry["args"][0]) == ("sh", "-c")
        assert "mcp-remote" in entry["args"][1]
    else:
        assert entry["bearer_token_env_var"] == TOKEN
    if name == "vscode":
        assert [one["id"] for one in content["inputs"]] == ["sanctuary-gateway-token"]


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_virtual_server_and_sse_are_to_be_had_where_the_client_can(name: str, run: Callable[..., Any]) -> None:
    words = ("config", "--client", name, "--server", "28c2b66bbe94418d", "--transport", "sse")
    ran = await run(*words, GATEWAY_URL="https://gateway.example/mcp-gateway/")
    if "sse" not in CLIENTS[name].transports:
        assert (ran.status, "does not speak sse" in ran.err) == (2, True)
        return
    assert "https://gateway.example/mcp-gateway/servers/28c2b66bbe94418d/sse" in ran.out
    assert '"sanctuary-gateway-28c2b66b"' in ran.out


def test_the_bridge_hands_the_token_over_by_its_environment_alone(tmp_path: Path) -> None:
    entry = routed(CLIENTS["claude-desktop"], "http://gateway.example/a'b")["sanctuary-gateway"]
    fake = tmp_path / "npx"
    fake.write_text(f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n")
    fake.chmod(0o755)
    token = tmp_path / ".config/sanctuary-host/gateway-token"
    token.parent.mkdir(parents=True)
    token.write_text(SECRET)
    for exported, expected in (({}, SECRET), ({TOKEN: "another"}, "another")):
        reading, writing = os.pipe()
        environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", **exported}
        child = os.posix_spawnp(
            "sh", ["sh", *entry["args"]], environment, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)]
        )
        os.close(writing)
        with os.fdopen(reading) as output:
            arguments, seen = json.load(output)
        assert os.waitpid(child, 0)[1] == 0
        assert SECRET not in json.dumps(arguments)
        assert "http://gateway.example/a'b/mcp" in arguments
        assert "Authorization:Bearer ${MCP_GATEWAY_TOKEN}" in arguments
        assert seen[TOKEN] == expected


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["--client", "cursr"], {}, "did you mean cursor?"),
        (["--client", "emacs"], {}, "it knows claude-desktop, claude-code"),
        (["--client", "cursor", "--mode", "legacy", "--cluster", "gitt"], {}, "cluster 'gitt' is not installed"),
        (["--client", "cursor", "--mode", "legacy", "--server", "x"], {}, "--server belongs to --mode gateway"),
        (["--client", "cursor", "--mode", "legacy", "--transport", "sse"], {}, "--transport belongs to --mode gateway"),
        (["--client", "cursor", "--cluster", "utils"], {}, "--cluster belongs to --mode legacy"),
        (["--client", "cursor", "--portable"], {}, "--portable belongs to --mode legacy"),
        (["--client", "cursor", "--server", "a/../b"], {}, "--server takes the id"),
        (["--client", "windsurf", "--project"], {}, "has no file for a project"),
        (["--client", "cursor"], {"GATEWAY_URL": "http://x:hunter2@gateway"}, "put the token into API_TOKEN"),
        (["--client", "cursor"], {"GATEWAY_URL": "gateway:4444"}, "GATEWAY_URL must be an http or https URL"),
    ],
)
async def test_what_does_not_fit_is_a_sentence_and_status_2(
    words: list[str], environment: dict[str, str], said: str, run: Callable[..., Any]
) -> None:
    ran = await run("config", *words, **environment)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert "hunter2" not in ran.err


async def test_without_cluster_all_installed_ones_are_covered(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = str(distribution("acme", "dice", {"roll": "broken ="}))  # and covered all the same
    words = ("config", "--client", "cursor", "--mode", "legacy")
    names = list(json.loads((await run(*words, PYTHONPATH=site)).out)["mcpServers"])
    assert {"sanctuary-dice", "sanctuary-utils"} <= set(names)
    named = json.loads((await run(*words, PYTHONPATH=site, CLUSTER="dice")).out)
    assert list(named["mcpServers"]) == ["sanctuary-dice"]
    ran = await run(*words, "--cluster", "filesystem")
    assert "set SANCTUARY_WORKSPACE=/path before this command" in ran.err
    ran = await run(*words, "--cluster", "filesystem", SANCTUARY_WORKSPACE="/srv/work:rw")
    assert json.loads(ran.out)["mcpServers"]["sanctuary-filesystem"]["env"]["SANCTUARY_WORKSPACE"] == "/srv/work:rw"
    assert "SANCTUARY_WORKSPACE" not in ran.err
    listed = json.loads((await run(*words, "--cluster", "utils,dice", "utils", PYTHONPATH=site, CLUSTER="x")).out)
    assert list(listed["mcpServers"]) == ["sanctuary-utils", "sanctuary-dice"]


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("before", [None, "", "\n"])
def test_a_file_that_is_missing_or_empty_is_written_whole(name: str, before: str | None, tmp_path: Path) -> None:
    client = CLIENTS[name]
    path = tmp_path / "some folder" / "config"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    backup = install(client, path, entries(client))
    assert path.read_text() == render(client, entries(client))
    assert (backup is None) is (before is None)
    assert not plan(client, path, entries(client)).is_needed
    assert install(client, path, entries(client, remote=False)) is not None
    assert set(read(client, path.read_text())[client.key]) == {"sanctuary-gateway", "sanctuary-utils", "sanctuary-git"}


JSON = """\
{
    "zebra": [1, 2,   3],
    "KEY": {
        "foreign": {"command": "x", "args": ["// no comment", ", ]"], "env": {"TOKEN": "theirs"}}
    },
    "alpha": "é \\u00e9"
}
"""
JSONC = """\
// Mine, and dear to me.
{
  "zebra": [1, 2,   3], // three
  "KEY": {
    /* before */
    "foreign": {"command": "x", "args": ["// no comment", ", ]"],},
    // after
  },
  "alpha": "é", /* last */
}
// the end
"""
TOML = """\
# Mine, and dear to me.
model = "x"

[mcp_servers.foreign]   # theirs
command = "x"
args = ["[mcp_servers.sanctuary-gateway]"]

# about the profile
[profiles.mine]
text = '''
[not.a.table]
'''
"""


def existing(client: Client) -> str:
    text = TOML if client.format == "toml" else JSONC if client.format == "jsonc" else JSON
    return text.replace("KEY", client.key)


@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("name", CLIENTS)
def test_all_else_in_the_file_stays_to_the_letter(name: str, remote: bool, breaks: str, tmp_path: Path) -> None:
    client = CLIENTS[name]
    path = tmp_path / "config"
    before = existing(client).replace("\n", breaks).encode()
    path.write_bytes(before)
    path.chmod(0o640)
    backup = install(client, path, entries(client, remote=remote))
    assert backup is not None
    assert backup.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(backup.stat().st_mode) == 0o640
    after = path.read_bytes().decode()
    there, content = read(client, before.decode()), read(client, after)
    wanted = entries(client, remote=remote)
    assert content == {**there, **wanted, client.key: {**there[client.key], **wanted[client.key]}}
    # Every line is there still, and in its place, but for commas that came behind some.
    kept = iter(line.rstrip() for line in after.split(breaks))
    for line in before.decode().split(breaks):
        assert any(found in {line.rstrip(), line.rstrip() + ","} for found in kept), line
    assert after.count("\r") == (after.count("\n") if breaks == "\r\n" else 0)
    assert not plan(client, path, wanted).is_needed
    assert sorted(tmp_path.iterdir()) == sorted([path, backup])


@pytest.mark.parametrize("name", CLIENTS)
def test_an_older_entry_of_ours_is_replaced_and_what_the_user_added_to_it_stays(name: str, tmp_path: Path) -> None:
    client = CLIENTS[name]
    path = tmp_path / "config"
    old = routed(client, "http://old.example", transport="http")["sanctuary-gateway"]
    variables = "environment" if name == "opencode" else "env"
    content = document(client, {"sanctuary-gateway": {**old, "timeout": 7}}, remote=True)
    direct_entry = direct(client, ["old"], {"utils": {}})["sanctuary-utils"]
    content[client.key]["sanctuary-utils"] = {**direct_entry, variables: {"CLUSTER": "x", "SANCTUARY_DATA": "/data"}}
    path.write_text(render(client, content))
    install(client, path, entries(client))
    install(client, path, entries(client, remote=False))
    servers = read(client, path.read_text())[client.key]
    assert servers["sanctuary-gateway"] == {**routed(client, GATEWAY)["sanctuary-gateway"], "timeout": 7}
    assert servers["sanctuary-utils"][variables] == {"CLUSTER": "utils", "SANCTUARY_DATA": "/data"}
    assert "old" not in path.read_text()


def test_a_change_of_transport_leaves_nothing_of_the_other_behind(tmp_path: Path) -> None:
    client = CLIENTS["gemini"]
    path = tmp_path / "settings.json"
    install(client, path, entries(client))
    install(client, path, document(client, routed(client, GATEWAY, transport="sse"), remote=True))
    entry = json.loads(path.read_text())["mcpServers"]["sanctuary-gateway"]
    assert {key: entry.get(key) for key in ("url", "httpUrl", "type")} == {
        "url": f"{GATEWAY}/sse",
        "httpUrl": None,
        "type": "sse",
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("cursor", "{", "line 1, column 2"),
        ("cursor", "[]", "no object at its top"),
        ("cursor", "null", "no object at its top"),
        ("cursor", '{"mcpServers": []}', "'mcpServers' is no object"),
        ("cursor", '{"a": 1} // b', "takes no comments"),
        ("cursor", '{"a": 1,}', "takes no comments or trailing commas"),
        ("cursor", "{'a': 1}", "line 1"),
        ("cursor", "[" * 100_000, "nested too deep"),
        ("vscode", '{"inputs": {}}', "'inputs' is no list"),
        ("vscode", '{"servers": 1}', "'servers' is no object"),
        ("zed", '{"a": /* never closed }', "line 1"),
        ("codex", "a = ", "Invalid value"),
        ("codex", "mcp_servers = 1", "is no object"),
        ("codex", "mcp_servers = {x = {command = 'y'}}", "by hand"),
        ("codex", "[mcp_servers.sanctuary-gateway]\nurl = 'x' # why\n", "has comments, which would be lost"),
    ],
)
def test_a_file_that_is_broken_or_not_understood_is_left_alone(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InstallError, match=re.escape(said)) as raised:
        install(CLIENTS[name], path, entries(CLIENTS[name]))
    assert str(path) in str(raised.value)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_that_are_no_text_a_folder_and_links_in_a_circle_are_sentences(tmp_path: Path) -> None:
    binary, folder, circle = (tmp_path / name for name in ("binary", "folder", "circle"))
    binary.write_bytes(b'{"a": "\xff"}')
    folder.mkdir()
    circle.symlink_to(circle)
    for path, said in ((binary, "not UTF-8"), (folder, "is no file"), (circle, "cannot be read")):
        with pytest.raises(InstallError, match=said):
            plan(CLIENTS["cursor"], path, entries(CLIENTS["cursor"]))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["//", "/*", "*/", ",}", '"', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
FILLERS = st.sampled_from(["", " ", "\n\t", "\n    ", " /* , } ] */ ", " // , } ] \n", "/**/"])


@settings(max_examples=200, deadline=None)
@given(VALUES, st.dictionaries(st.text(max_size=4), VALUES, max_size=3), st.lists(FILLERS, min_size=1), st.booleans())
def test_any_text_with_comments_is_edited_to_what_was_meant_and_nothing_else(
    other: Any, servers: dict[str, Any], fillers: list[str], trailing: bool
) -> None:
    index = 0

    def filler() -> str:
        nonlocal index
        index += 1
        return fillers[index % len(fillers)]

    def spelt(value: Any) -> str:
        """JSON with white space and comments wherever they may stand."""
        if isinstance(value, dict):
            parts = [f"{filler()}{json.dumps(key)}{filler()}:{filler()}{spelt(part)}" for key, part in value.items()]
        elif isinstance(value, list):
            parts = [filler() + spelt(part) for part in value]
        else:
            return json.dumps(value)
        ends = "{}" if isinstance(value, dict) else "[]"
        comma = filler() + "," if trailing and parts else ""
        return ends[0] + f"{filler()},".join(parts) + comma + filler() + ends[1]

    content = {"other": other, "servers": servers, "list": [other]}
    text = filler() + spelt(content) + filler()
    assert jsontext.read(text, comments=True) == content
    after = jsontext.append(jsontext.put(text, ("servers", "new"), {"a": [1]}), "list", 7)
    assert jsontext.read(after, comments=True) == {
        **content,
        "servers": {**servers, "new": {"a": [1]}},
        "list": [other, 7],
    }
    comments = re.compile(r"/\*.*?\*/|// , } ]")
    assert len(comments.findall(after)) == len(comments.findall(text))


def test_a_mark_at_the_beginning_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    install(CLIENTS["vscode"], path, entries(CLIENTS["vscode"]))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf{")
    assert json.loads(path.read_text(encoding="utf-8-sig"))["a"] == 1


def test_a_read_only_file_is_left_alone_even_by_root(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    path.chmod(0o444)
    with pytest.raises(InstallError, match="read-only"):
        install(CLIENTS["cursor"], path, entries(CLIENTS["cursor"]))
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_its_target_is_changed(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "mcp.json"
    target.parent.mkdir()
    for before in (None, "{}"):
        if before is not None:
            target.write_text(before)
        link = tmp_path / f"link-{before is None}"
        link.symlink_to(target)
        install(CLIENTS["cursor"], link, entries(CLIENTS["cursor"]))
        assert link.is_symlink()
        assert json.loads(target.read_text()) == entries(CLIENTS["cursor"])


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text("{}")
    change = plan(CLIENTS["cursor"], path, entries(CLIENTS["cursor"]))
    path.write_text('{"new": 1}')
    with pytest.raises(InstallError, match="has changed meanwhile"):
        write(change)
    assert path.read_text() == '{"new": 1}'
    assert not list(tmp_path.glob(".*"))


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    install(CLIENTS["cursor"], path, entries(CLIENTS["cursor"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_install_shows_the_diff_keeps_a_backup_and_does_nothing_twice(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{\n  "mcpServers": {}\n}\n')
    words = ("config", "--client", "cursor", "--install")
    ran = await run(*words, **SECRETS | {"HOME": str(tmp_path)})
    assert ran.status == 0
    assert '-  "mcpServers": {}' in ran.out
    assert '+    "sanctuary-gateway": {' in ran.out
    assert f"Written to {path}" in ran.out
    assert SECRET not in ran.out + ran.err + path.read_text()
    (backup,) = path.parent.glob("mcp.json.*.bak")
    assert str(backup) in ran.out
    again = await run(*words, HOME=str(tmp_path))
    assert (again.status, again.out) == (0, f"{path} holds it already; nothing was changed.\n")
    assert len(list(path.parent.iterdir())) == 2
    path.write_text("{")
    broken = await run(*words, HOME=str(tmp_path))
    assert (broken.status, broken.out, "Traceback" in broken.err) == (1, "", False)
    assert f"{path} was left as it is" in broken.err


def test_every_client_has_its_place_on_linux_and_macos() -> None:
    home = {"HOME": "/home/ada"}
    moved = home | {"XDG_CONFIG_HOME": "/cfg", "CODEX_HOME": "/cdx", "CLAUDE_CONFIG_DIR": "/cld"}
    found = {name: str(place_of(client, home, "linux")) for name, client in CLIENTS.items()}
    assert len(set(found.values())) == len(CLIENTS)
    assert found["vscode"] == "/home/ada/.config/Code/User/mcp.json"
    assert str(place_of(CLIENTS["vscode"], moved, "linux")) == "/cfg/Code/User/mcp.json"
    assert str(place_of(CLIENTS["codex"], moved, "darwin")) == "/cdx/config.toml"
    assert str(place_of(CLIENTS["claude-code"], moved, "linux")) == "/cld/.claude.json"
    desktop = place_of(CLIENTS["claude-desktop"], home, "darwin")
    assert str(desktop) == "/home/ada/Library/Application Support/Claude/claude_desktop_config.json"


async def test_a_project_gets_a_file_of_its_own(run: Callable[..., Any], tmp_path: Path) -> None:
    for client in CLIENTS.values():
        if client.project:
            ran = await run("config", "--client", client.name, "--project", HOME=str(tmp_path))
            assert f"{Path.cwd() / client.project};" in ran.err


@pytest.mark.parametrize("name", ["legacy_direct.json", "gateway_routed.json"])
def test_the_fleets_files_name_no_machine_and_no_secret(name: str) -> None:
    text = (ROOT / "deploy/clients" / name).read_text()
    servers = json.loads(text)["mcpServers"]
    if name == "legacy_direct.json":
        assert all(entry["command"] == "sanctuary-host" for entry in servers.values())
        assert "sanctuary-utils" in servers
    else:
        (entry,) = servers.values()
        assert entry["url"] == f"{GATEWAY}/mcp"
        assert entry["headers"] == {"Authorization": "Bearer ${MCP_GATEWAY_TOKEN}"}
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
