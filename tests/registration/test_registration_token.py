"""The token for the gateway: read anew where the host can read no more, and hidden from everybody else."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sanctuary_host.containment.sandbox import Kernel
from sanctuary_host.gateway.token import Reader, Token
from sanctuary_host.settings import read_secret
from sanctuary_host.testing import serving


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture
def reader(file: Path) -> Iterator[Reader]:
    reader = Reader.start(str(file))
    yield reader
    reader.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(reader.pid, 0)


@pytest.fixture
def token(reader: Reader) -> Token:
    return Token("first", reader)


async def test_a_token_is_read_anew_when_its_file_has_another(file: Path, token: Token) -> None:
    assert not await token.reread()
    file.write_text("  second \n")
    assert await token.reread()
    assert token.value == "second"
    assert not await token.reread()
    replacement = file.with_name("new")
    replacement.write_text("third")
    replacement.rename(file)
    assert await token.reread()
    assert token.value == "third"
    assert "third" not in repr(token)


async def test_a_pipe_is_read_where_somebody_writes_into_it_and_waited_for_no_longer(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = await run("register", "--check", CLUSTER="utils", GATEWAY_URL="http://gateway:1", API_TOKEN_FILE=str(pipe))
    assert ran.status == 2
    assert "a pipe into which nobody wrote" in ran.err
    reading, writing = os.pipe()
    os.write(writing, b"through the pipe\n")
    os.close(writing)
    assert read_secret("API_TOKEN", {"API_TOKEN_FILE": f"/dev/fd/{reading}"}) == "through the pipe"
    os.close(reading)


async def test_a_token_that_comes_from_no_file_stays_as_it_is() -> None:
    assert not await Token("first").reread()


async def test_the_file_is_read_from_where_it_was_when_the_server_started(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    reader = Reader.start(file.name)
    monkeypatch.chdir("/")
    try:
        assert await reader.read() == "first"
    finally:
        reader.stop()


def vanish(file: Path) -> None:
    file.unlink()


def be_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def be_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def be_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "gone": (vanish, "cannot be read: No such file or directory"),
    "a folder": (be_folder, "cannot be read: Is a directory"),
    "a pipe that nobody writes into": (be_pipe, "is no file any more"),
    "a link to itself": (be_loop, "cannot be read: Too many levels of symbolic links"),
    "empty": (lambda file: file.write_text("  \n"), "is empty"),
    "too long": (lambda file: file.write_text("x" * 65_537), "holds more than 65,536 bytes"),
    "not UTF-8": (lambda file: file.write_bytes(b"\xff\xfe"), "holds no UTF-8 text"),
    "two lines": (lambda file: file.write_text("one\r\nX-Other: two"), "holds a line break"),
    "a control character": (lambda file: file.write_text("on\x00e"), "holds a line break or another control character"),
    "beyond latin-1": (lambda file: file.write_text("\u0442\u043e\u043a\u0435\u043d"), "no HTTP header can carry"),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT.keys())
async def test_while_the_file_holds_no_token_the_old_one_stays_and_the_log_says_why_once(
    spoil: Callable[[Path], Any], said: str, file: Path, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(file)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert not await token.reread()
    assert token.value == "first"
    (record,) = caplog.records
    assert record.getMessage().startswith("API_TOKEN_FILE ")
    assert said in record.getMessage()
    assert "the token read before stays in use" in record.getMessage()
    # And once it is well again, so is the token.
    file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
    file.write_text("healed")
    assert await token.reread()
    assert token.value == "healed"


async def test_many_who_ask_at_once_each_get_an_answer(file: Path, token: Token) -> None:
    file.write_text("x" * 60_000)
    assert sum(await asyncio.gather(*[token.reread() for _ in range(300)])) == 1
    assert len(token.value) == 60_000


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    file: Path, reader: Reader, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(reader.pid, signal.SIGSTOP)
    asked = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    os.kill(reader.pid, signal.SIGCONT)
    file.write_text("second")
    assert await token.reread()
    file.write_text("third")
    assert await token.reread()
    assert token.value == "third"


async def test_when_the_reading_process_was_killed_a_sentence_says_so_and_nothing_is_left_of_it(
    reader: Reader, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    os.kill(reader.pid, signal.SIGKILL)
    for _ in range(2):
        assert not await token.reread()
    assert token.value == "first"
    assert ["start the server again" in record.getMessage() for record in caplog.records] == [True]


# In a server


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked up in /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_the_reading_process_knows_nothing_and_ends_with_the_server(file: Path, number: signal.Signals) -> None:
    settings = {"GATEWAY_URL": "http://127.0.0.1:9", "API_TOKEN_FILE": str(file), "SANCTUARY_TOKEN": "inbound-0123"}
    async with serving("utils", **settings) as served:
        _keeper, reader = children_of(served.process.pid)
        own = Path(f"/proc/{reader}")
        if os.getuid() == 0:  # nobody else may look
            assert b"inbound-0123" not in (own / "environ").read_bytes()
            open_files = [str(one.readlink()) for one in (own / "fd").iterdir()]
            assert sorted(one.partition(":")[0] for one in open_files) == [*["/dev/null"] * 3, "socket"]
        served.process.send_signal(number)
        await served.process.wait()
        async with asyncio.timeout(10):
            while own.exists() and "Z" not in (own / "stat").read_text().rpartition(")")[2].split()[0]:
                await asyncio.sleep(0.01)


@linux
@pytest.mark.parametrize("missing", ["GATEWAY_URL", "API_TOKEN_FILE"])
async def test_without_a_gateway_or_a_file_there_is_no_such_process(file: Path, missing: str) -> None:
    settings = {"GATEWAY_URL": "http://127.0.0.1:9", "API_TOKEN_FILE": str(file)}
    del settings[missing]
    async with serving("utils", **settings) as served:
        assert len(children_of(served.process.pid)) == 1


CURIOUS = """
import os, sys
from pathlib import Path
from sanctuary_host import hookimpl, tool

def look(path: str) -> str:
    found = [repr(dict(os.environ)), repr(sys.argv)]
    for one in (path, "/proc/self/environ", "/proc/self/cmdline", *(f"/proc/{pid}/environ" for pid in range(1, 400))):
        try:
            found.append(Path(one).read_text(errors="replace"))
        except OSError as error:
            found.append(type(error).__name__)
    return " ".join(found)

@tool(runs="inline", read_only=True)
def look_here(path: str) -> str:
    "Look in the host's own process."
    return look(path)

@tool(read_only=True)
def look_there(path: str) -> str:
    "Look in a worker."
    return look(path)

@hookimpl
def register_tools():
    return [look_here, look_there]
"""


@pytest.mark.skipif(Kernel.running().landlock < 6, reason="this kernel's Landlock is too old to enforce every boundary")
@pytest.mark.parametrize("tool", ["look_here", "look_there"])
async def test_no_tool_finds_the_token_in_a_file_the_environment_or_the_command_line(
    tool: str, file: Path, distribution: Callable[..., Path]
) -> None:
    file.write_text("from-the-file-0123")
    settings = {"GATEWAY_URL": "http://127.0.0.1:9", "API_TOKEN_FILE": str(file), "API_TOKEN": "from-the-variable-0123"}
    settings |= {"PYTHONPATH": str(distribution("acme", "curious", {"pack": CURIOUS})), "SANCTUARY_TRUST": "acme"}
    async with serving("curious", **settings) as served, Client(served.url) as client:
        reply = await client.call_tool(tool, {"path": str(file)})
        assert not reply.is_error
        found = str(reply.content[0])
        assert "PermissionError" in found
        assert "-0123" not in found


SHELF = """
from sanctuary_host import Boundary, Host, Mount, Tools, hookimpl, tool
from pydantic import BaseModel

@tool(read_only=True)
def nothing() -> str:
    "Do nothing."
    return "done"

@hookimpl
def register_tools(host: Host) -> Tools:
    {read}
    return [nothing]

@hookimpl
def declare_boundary() -> Boundary:
    return Boundary(mounts=(Mount("SHELF"), Mount("DESK", "rw")), secrets={secrets})
"""


@pytest.mark.parametrize("variable", ["API_TOKEN", "SANCTUARY_TOKEN"])
@pytest.mark.parametrize("way", ["plainly", "by a link in it", "through a link in it", "by dots", "in its libraries"])
async def test_a_token_that_tools_could_read_is_refused_at_the_start(
    variable: str, way: str, tmp_path: Path, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "shelf", {"pack": SHELF.format(read="pass", secrets="()")})
    for name in ("shelf", "desk", "safe"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text("hunter2")
    (tmp_path / "out").symlink_to(tmp_path / "shelf" / "token")
    (tmp_path / "desk" / "way").symlink_to(tmp_path / "safe")
    path = {
        "plainly": tmp_path / "shelf" / "token",
        "by a link in it": tmp_path / "out",
        "through a link in it": tmp_path / "desk" / "way" / "token",
        "by dots": tmp_path / "safe" / ".." / "desk" / "token",
        "in its libraries": site / "token",
    }[way]
    (site / "token").write_text("hunter2")
    settings = {"SHELF": str(tmp_path / "shelf"), "DESK": f"{tmp_path}/desk:rw", "PYTHONPATH": str(site)}
    gateway = {"GATEWAY_URL": "http://127.0.0.1:9", "PORT": "0"}
    ran = await run(CLUSTER="shelf", **settings, **gateway, **{f"{variable}_FILE": str(path)})
    assert ran.status == 2
    assert f"{variable}_FILE names a file that the cluster's own tools may read; move it" in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.parametrize("command", ["register", "drift", "deregister"])
async def test_no_command_takes_a_token_that_tools_could_read(
    command: str, tmp_path: Path, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "shelf", {"pack": SHELF.format(read="pass", secrets="()")})
    (tmp_path / "token").write_text("hunter2")
    settings = {"SHELF": str(tmp_path), "DESK": f"{tmp_path}/desk:rw", "PYTHONPATH": str(site)}
    gateway = {"GATEWAY_URL": "http://127.0.0.1:9", "API_TOKEN_FILE": str(tmp_path / "token"), "PORT": "1"}
    (tmp_path / "desk").mkdir()
    ran = await run(command, CLUSTER="shelf", **settings, **gateway)
    assert ran.status == 2
    assert "API_TOKEN_FILE names a file that the cluster's own tools may read; move it" in ran.err


@pytest.mark.parametrize("variable", ["API_TOKEN", "SANCTUARY_TOKEN"])
async def test_no_plugin_is_given_the_hosts_own_tokens(
    variable: str, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    model = f'type("Model", (BaseModel,), {{"__annotations__": {{"{variable.lower()}": str}}}})'
    by_setting = SHELF.replace("{read}", f"print(host.settings({model}))").replace("{secrets}", "()")
    prefix, _, cluster = variable.partition("_")  # the setting `token` of the cluster `api` is API_TOKEN
    asking = by_setting.replace(variable.lower(), cluster.lower())
    site = distribution(
        "acme", prefix.lower(), {"one": SHELF.format(read="pass", secrets=f'("{variable}",)'), "two": asking}
    )
    ran = await run("check", CLUSTER=prefix.lower(), PYTHONPATH=str(site), **{variable: "hunter2"})
    assert ran.status == 1
    said = ran.out + ran.err
    assert f"its boundary declares {variable}, which is the host's own secret" in said
    assert f"{variable} is the host's own secret; no plugin can read it" in said
    assert "hunter2" not in said
