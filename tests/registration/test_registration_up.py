"""`sanctuary-host up` with its gateway: what it shows, what it keeps, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import stat
import struct
import sys
import termios
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
async def fleet(
    home: Path, output: int = asyncio.subprocess.PIPE, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
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
        stdout=output,
        stderr=asyncio.subprocess.PIPE if output != asyncio.subprocess.PIPE else asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class Terminal:
    """A terminal of 80 columns; who runs there has it as its output."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._open = [self._master, self.slave]
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = ""

    async def read_until(self, sign: str) -> str:
        """All that was shown so far, colours removed, up to where it says so."""
        async with asyncio.timeout(120):
            while sign not in self.shown:
                self.shown += (await asyncio.to_thread(os.read, self._master, 4096)).decode(errors="replace")
        return re.sub(r"\x1b\[\d*[mK]", "", self.shown).replace("\r\n", "\n")

    def hang_up(self) -> None:
        """Close it, as a window is closed."""
        while self._open:
            os.close(self._open.pop())


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
                float, re.findall(r"(\d+(?:\.\d+)?) ms", shown.split("Asked through the gateway")[1])[:2]
            )
            assert server < through
            (url,) = re.findall(r"^Gateway +(http://127\.0\.0\.1:\d+)/mcp", shown, re.MULTILINE)
            (token,) = re.findall(r"^Token +in (.*)$", shown, re.MULTILINE)
            async with connect(f"{url}/mcp", Path(token).read_text()) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} > {"sanctuary-utils-time-now"}
            ids.append({(state / name).read_text() for name in ("secrets.json", "client.token")})
            rest = await interrupt(process)
            assert (process.returncode, rest.splitlines()[-1]) == (0, "All stopped.")
            # Where all users share a folder for such files, only one of them could run a gateway.
            assert list(state.glob("*migration.lock"))
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

    taken: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple"
        for writer in taken:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in taken), return_exceptions=True)


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


async def test_a_damaged_database_is_told_with_the_remedy(tmp_path: Path) -> None:
    need_program()
    (tmp_path / "program").symlink_to(PROGRAM)
    (tmp_path / "state").mkdir()
    database = tmp_path / "state" / "gateway.db"
    database.write_text("no database")
    async with fleet(tmp_path) as process:
        shown = await read_until(process, "Ctrl-C")
        await interrupt(process)
    assert f"There is no gateway: it did not start: its database is damaged; remove {database} and" in shown
    assert database.read_text() == "no database"


async def test_the_users_own_gateway_is_used_and_none_is_run(fake: Any, tmp_path: Path) -> None:
    async with fleet(tmp_path, GATEWAY_URL=fake.url, API_TOKEN=fake.token, SANCTUARY_SPLAY="0") as process:
        shown = await read_until(process, "Ctrl-C")
        await interrupt(process)
    assert re.search(r"^utils .* registered +ready$", shown, re.MULTILINE)
    assert not (tmp_path / "state").exists()


def shell(commands: str, home: Path) -> Any:
    return asyncio.create_subprocess_exec(
        *("sh", "-c", commands),
        cwd="/",
        env={"PATH": os.defpath, "HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_what_up_prints_connects_a_client_and_a_gateway_that_is_killed_is_told(tmp_path: Path) -> None:
    need_program()
    home = tmp_path / "mit Umlauten äöü"
    home.mkdir()
    (home / "program").symlink_to(PROGRAM)
    async with fleet(home) as process:
        shown = await read_until(process, "Ctrl-C")
        export, command = re.findall(r"^(?:Clients|       )  (.*)$", shown, re.MULTILINE)
        printed = await shell(f'{export}\n{command}\necho "$MCP_GATEWAY_TOKEN"', tmp_path)
        document, _, token = (await printed.communicate())[0].decode().rpartition("}\n")
        entry = json.loads(document + "}")["mcpServers"]["sanctuary-gateway"]
        assert entry["headers"] == {"Authorization": "Bearer ${MCP_GATEWAY_TOKEN}"}
        async with connect(entry["url"], token.strip()) as client:
            assert (await client.call_tool("sanctuary-utils-time-now", {})).is_error is False

        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == home / "state":
                    os.kill(int(entry.name), signal.SIGKILL)
        said = await read_until(process, "the gateway")
        assert "the gateway was killed by SIGKILL; its log is" in said
        assert "The clusters serve on" in said
        (utils,) = [line for line in shown.splitlines() if line.startswith("utils ")]
        async with Client(utils.split()[1]) as client:
            assert (await client.call_tool("time_now", {})).is_error is False
        assert "All stopped." in await interrupt(process)
    assert process.returncode == 0
    assert processes_of(home) == []


async def test_nothing_that_up_shows_is_wider_than_the_terminal(fake: Any, tmp_path: Path) -> None:
    terminal = Terminal()
    try:
        async with fleet(
            tmp_path, terminal.slave, GATEWAY_URL=fake.url, API_TOKEN=fake.token, SANCTUARY_SPLAY="0"
        ) as process:
            lines = (await terminal.read_until("Ctrl-C")).splitlines()
            process.send_signal(signal.SIGINT)
            await terminal.read_until("All stopped.")
            await asyncio.wait_for(process.wait(), 60)
    finally:
        terminal.hang_up()
    assert max(map(len, lines)) <= 80
    table = " ".join(" ".join(lines).split())
    assert "CLUSTER URL TOOLS BOUNDARY GATEWAY STATE" in table
    assert "registered ready" in table


async def test_a_terminal_that_is_closed_stops_the_fleet_in_good_order(tmp_path: Path) -> None:
    terminal = Terminal()
    try:
        async with fleet(tmp_path, terminal.slave, GATEWAY="off") as process:
            await terminal.read_until("Ctrl-C")
            terminal.hang_up()
            _, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        terminal.hang_up()
    assert process.returncode == 0
    assert "Traceback" not in err.decode()


async def test_a_hang_up_stops_the_fleet_in_good_order(tmp_path: Path) -> None:
    async with fleet(tmp_path, GATEWAY="off") as process:
        await read_until(process, "Ctrl-C")
        process.send_signal(signal.SIGHUP)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out.decode()) == (0, "All stopped.\n")


async def test_an_output_that_nobody_reads_any_more_ends_the_fleet_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secrets.json").write_text("{}")
    reading, writing = os.pipe()
    try:
        async with fleet(tmp_path, writing) as process:
            os.close(reading)
            _, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        os.close(writing)
    assert process.returncode == 1
    assert "Traceback" not in err.decode()


async def test_a_gateway_that_does_not_answer_is_told_and_not_waited_for(tmp_path: Path) -> None:
    async with fleet(
        tmp_path, GATEWAY_URL="http://127.0.0.1:9", API_TOKEN="of-this-test", SANCTUARY_SPLAY="0"
    ) as process:
        shown = await read_until(process, "Ctrl-C")
        await interrupt(process)
    assert re.search(r"^utils .* unreachable +ready$", shown, re.MULTILINE)
    assert "utils at the gateway: the gateway at http://127.0.0.1:9 does not answer" in shown


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GATEWAY_URL": "localhost:4444"}, "GATEWAY_URL must be an http or https URL"),
        ({"GATEWAY": "nonsense"}, "GATEWAY must be 'on' or 'off'"),
    ],
)
async def test_a_wrong_setting_is_told_before_anything_runs(variables: dict[str, str], sentence: str, run: Any) -> None:
    ran = await run("up", **variables)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"sanctuary-host: {sentence}")


async def test_an_installation_into_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match=r"file/program cannot be written: "):
        await install(tmp_path / "file" / "program", {})
