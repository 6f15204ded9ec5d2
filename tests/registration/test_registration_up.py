"""`sanctuary-host up` with its gateway: what it shows, what it keeps, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from real_gateway import PROGRAM, connect, need_program

from sanctuary_host.fleet.home import at_home
from sanctuary_host.fleet.install import InstallError, install, is_installed


@asynccontextmanager
async def fleet(home: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `sanctuary-host up` with all that its gateway keeps in `home`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host", "up"),
        env={
            **os.environ,
            "SANCTUARY_LOG_LEVEL": "ERROR",
            "SANCTUARY_DATA": str(home),
            "SANCTUARY_GATEWAY_HOME": str(home),
            "PORT": "",
            "PYTHONPATH": "",  # the clusters that other tests bring are many
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def read_until(process: asyncio.subprocess.Process, sign: str) -> str:
    """What the command prints up to the line that begins so."""
    assert process.stdout is not None
    text, line = "", b""
    async with asyncio.timeout(120):
        while not line.startswith(sign.encode()):
            line = await process.stdout.readline()
            assert line, text
            text += line.decode()
    return text


async def interrupt(process: asyncio.subprocess.Process) -> str:
    process.send_signal(signal.SIGINT)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return str(out.decode())


def processes_of(home: Path) -> list[str]:
    """The commands of all processes that have something of `home` in their command line or as their folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(home) in command or str(home) in str((process / "cwd").readlink()):
                found.append(command)
    return found


async def until_nothing_runs(home: Path) -> None:
    async with asyncio.timeout(20):
        while processes_of(home):
            await asyncio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_up_registers_the_fleet_proves_it_and_finds_it_again_the_next_day(tmp_path: Path) -> None:
    need_program()
    (tmp_path / "program").symlink_to(PROGRAM)
    state = tmp_path / "state"
    ids: list[set[str]] = []
    for _ in range(2):
        async with fleet(tmp_path) as process:
            shown = await read_until(process, "Ctrl-C")
            (utils,) = [line for line in shown.splitlines() if line.startswith("utils ")]
            assert re.search(r"  registered +ready$", utils)
            assert re.search(r"\nWhat time is it\?\nUTC: \w+ 20\d\d-\d\d-\d\dT", shown)
            through, server = map(
                float, re.findall(r"(\d+(?:\.\d+)?) ms", shown.split("Asked by an MCP client")[1])[:2]
            )
            assert server < through
            (url,) = re.findall(r"^Gateway +(http://127\.0\.0\.1:\d+)/mcp", shown, re.MULTILINE)
            (token,) = re.findall(r"^Token +in (.*)$", shown, re.MULTILINE)
            async with connect(f"{url}/mcp", Path(token).read_text()) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} > {"sanctuary-utils-time-now"}
            ids.append({(state / name).read_text() for name in ("secrets.json", "client.token")})
            rest = await interrupt(process)
            assert (process.returncode, rest.splitlines()[-1]) == (0, "All stopped.")
        assert processes_of(tmp_path) == []
    assert ids[0] == ids[1]
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {0o600}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends the children of a process that was killed")
async def test_nothing_outlives_an_up_that_is_killed(tmp_path: Path) -> None:
    need_program()
    (tmp_path / "program").symlink_to(PROGRAM)
    async with fleet(tmp_path) as process:
        await read_until(process, "CLUSTER")
        assert any("uvicorn" in command for command in processes_of(tmp_path))
        process.kill()
        await process.wait()
        await until_nothing_runs(tmp_path)


@asynccontextmanager
async def silent_index(asked: asyncio.Event) -> AsyncIterator[str]:
    """A package index that takes connections and says nothing."""

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple"


def index(url: str) -> dict[str, str]:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    return {**dict.fromkeys(names, url), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_RETRIES": "0"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_ctrl_c_while_the_gateway_is_installed_leaves_nothing_running_and_nothing_to_use(tmp_path: Path) -> None:
    asked = asyncio.Event()
    async with silent_index(asked) as url, fleet(tmp_path, **index(url), UV_HTTP_RETRIES="0") as process:
        shown = await read_until(process, "Installing the gateway")
        await asyncio.wait_for(asked.wait(), 60)
        rest = await interrupt(process)
        await until_nothing_runs(tmp_path)
    assert "CLUSTER" not in shown + rest
    assert "stopped" in rest.lower()
    assert not is_installed(tmp_path / "program")


async def test_where_no_package_index_is_reached_the_fleet_serves_without_a_gateway(tmp_path: Path) -> None:
    async with fleet(tmp_path, **index("http://127.0.0.1:9/simple"), UV_HTTP_RETRIES="0") as process:
        shown = await read_until(process, "Ctrl-C")
        (trouble,) = [line for line in shown.splitlines() if line.startswith("There is no gateway")]
        assert "the package index cannot be reached" in trouble
        (utils,) = [line for line in shown.splitlines() if line.startswith("utils ")]
        assert "  ready" in utils
        async with Client(utils.split()[1]) as client:
            assert (await client.call_tool("time_now", {})).is_error is False
        assert "All stopped." in await interrupt(process)
    assert process.returncode == 0
    assert not is_installed(tmp_path / "program")


async def test_a_second_fleet_does_not_share_the_gateways_folder(tmp_path: Path) -> None:
    with at_home(tmp_path / "state"):
        async with fleet(tmp_path) as process:
            shown = await read_until(process, "Ctrl-C")
            assert f"another `sanctuary-host up` uses {tmp_path / 'state'}" in shown
            await interrupt(process)


async def test_damaged_secrets_are_told_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secrets.json").write_text('{"signing": "short"}')
    async with fleet(tmp_path) as process:
        shown = await read_until(process, "Ctrl-C")
        await interrupt(process)
    assert "secrets.json is damaged; remove" in shown
    assert (tmp_path / "state" / "secrets.json").read_text() == '{"signing": "short"}'


async def test_the_users_own_gateway_is_used_and_none_is_run(fake: Any, tmp_path: Path) -> None:
    async with fleet(tmp_path, GATEWAY_URL=fake.url, API_TOKEN=fake.token, SANCTUARY_SPLAY="0") as process:
        shown = await read_until(process, "Ctrl-C")
        await interrupt(process)
    assert re.search(r"^utils .* registered +ready$", shown, re.MULTILINE)
    assert not (tmp_path / "state").exists()


async def test_an_installation_into_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match=r"file/program cannot be written: "):
        await install(tmp_path / "file" / "program", {})
