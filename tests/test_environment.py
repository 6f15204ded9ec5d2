"""Secrets stay in the host: what it was started with is in no other process, and the operator's folders are read well."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from sanctuary_host import Boundary, Folder, Host, Mount, SettingsError
from sanctuary_host.boundary import Kind, Mode
from sanctuary_host.environment import Environment
from sanctuary_host.folders import read_folders
from sanctuary_host.testing import connected, serving

TOKEN = "a-token-that-only-the-host-and-its-callers-know"
OTHER = "what-another-program-left-in-the-environment"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads other processes' memory in /proc")


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            yield from descendants(child)


def memory_holds(pid: int, needle: bytes) -> bool:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if not rights.startswith("r") or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(word, 16) for word in place.split("-"))
            memory.seek(start)
            if needle in (memory.read(end - start) or b""):
                return True
    return False


@ON_LINUX
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of a process that forbids it")
@pytest.mark.parametrize("way", ["variable", "file"])
async def test_no_secret_of_the_host_is_in_the_memory_of_any_process_that_runs_tools(way: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    token = {"SANCTUARY_TOKEN": TOKEN} if way == "variable" else {"SANCTUARY_TOKEN_FILE": str(file)}
    async with serving("utils", **token, API_TOKEN=f"{TOKEN}-two", AWS_SECRET_ACCESS_KEY=OTHER) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        call["params"] = {"name": "text_query", "arguments": {}}  # it runs in a worker, which is forked for it
        async with aiohttp.ClientSession(headers=headers) as session, session.post(server.url, json=call) as response:
            assert response.status != 401  # the token is in force
        others = [*descendants(server.process.pid)]
        assert len(others) >= 2  # the keeper and the fork server
        for needle in (TOKEN.encode(), OTHER.encode()):
            assert [pid for pid in others if memory_holds(pid, needle)] == []
        assert memory_holds(server.process.pid, TOKEN.encode())  # or this test would look in the wrong way
        for pid in (server.process.pid, *others):
            assert OTHER.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_server_serves_and_asks_for_its_token_without_its_environment() -> None:
    async with serving("utils", SANCTUARY_TOKEN=TOKEN) as server, aiohttp.ClientSession() as session:
        async with session.post(server.url, json={}) as refused:
            assert refused.status == 401
        async with session.get(f"{server.origin}/ready") as ready:
            assert (await ready.json())["reasons"] == []


async def test_a_plugin_finds_its_settings_again_in_a_worker(tmp_path: Path) -> None:
    async with connected("domain", SANCTUARY_DATA=str(tmp_path)) as client:
        listed = await client.call_tool("list_records", {"kind": "task"})
        assert not listed.is_error


def test_an_empty_variable_counts_as_not_set_and_odd_bytes_survive() -> None:
    environment = Environment({b"EMPTY": b"", b"PLAIN": b"a value", b"ODD": b"\xff\x00"[:1]})
    assert dict(environment) == {"PLAIN": "a value", "ODD": os.fsdecode(b"\xff")}
    assert "EMPTY" not in environment
    assert environment.get("MISSING") is None


def test_a_child_that_asks_for_a_variable_is_told_when_to_ask() -> None:
    environment = Environment({b"KEY": b"value"})
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = environment["KEY"]
        except SettingsError as error:
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)
    if sys.platform == "linux":
        assert said == "KEY can be read at start only; read settings in register_tools and keep them"


FOLDERS = [
    ("/srv/work", "bind", "rw", [Folder("work", "/srv/work", writable=False)]),
    ("/srv/work:rw", "bind", "rw", [Folder("work", "/srv/work", writable=True)]),
    ("/srv/work:ro", "bind", "ro", [Folder("work", "/srv/work", writable=False)]),
    (
        "/srv/work:rw, notes=/home/me/notes/",
        "bind",
        "rw",
        [Folder("work", "/srv/work", writable=True), Folder("notes", "/home/me/notes", writable=False)],
    ),
    ("main=/srv/a=b:rw", "bind", "rw", [Folder("main", "/srv/a=b", writable=True)]),
    ("/var/lib/kept, really", "volume", "rw", [Folder("kept, really", "/var/lib/kept, really", writable=True)]),
    ("/var/lib/kept", "volume", "ro", [Folder("kept", "/var/lib/kept", writable=False)]),
    ("  ", "bind", "ro", []),
]
WRONG = [
    ("/", "bind", "ro", "the machine itself"),
    ("/proc/self", "bind", "ro", "the machine itself"),
    ("//", "volume", "rw", "the machine itself"),
    ("x=/dev:rw", "bind", "rw", "the machine itself"),
    ("work", "bind", "rw", "must hold absolute paths"),
    ("~/work", "bind", "rw", "must hold absolute paths"),
    ("name=work", "bind", "rw", "must hold absolute paths"),
    ("/srv/work:rw", "bind", "ro", "only reads there"),
    ("/a/work,/b/work", "bind", "ro", "two folders named work"),
    ("relative", "volume", "rw", "must be an absolute path"),
]


@pytest.mark.parametrize(("text", "kind", "mode", "folders"), FOLDERS)
def test_the_operators_folders_are_read_as_written(text: str, kind: Kind, mode: Mode, folders: list[Folder]) -> None:
    mount = Mount("ACME_FOLDERS", mode, kind)
    host = Host("acme", {"ACME_FOLDERS": text}, Boundary(mounts=(mount,)))
    assert [*host.folders("ACME_FOLDERS")] == folders


@pytest.mark.parametrize(("text", "kind", "mode", "reason"), WRONG)
def test_folders_that_do_not_fit_are_refused_with_a_sentence(text: str, kind: Kind, mode: Mode, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"^ACME_FOLDERS .*{reason}"):
        read_folders(Mount("ACME_FOLDERS", mode, kind), {"ACME_FOLDERS": text})


def test_a_folder_setting_must_be_declared() -> None:
    with pytest.raises(SettingsError, match="OTHER is not among the mounts"):
        Host("acme", {"OTHER": "/srv"}, Boundary()).folders("OTHER")
