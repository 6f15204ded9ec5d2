"""The same under podman: the host as process 1, an ordinary user without capabilities, on a read-only root.

The image is empty; this machine's Python and libraries are mounted into it. tests/containers/install makes it; without
podman these tests are skipped, and fail where CI is set.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sanctuary_intruder", reason="the guest distributions are not installed: run make unit")

from sanctuary_intruder.attempts import Attempt  # only where it is installed
from sanctuary_intruder.processes import LINGERING  # as above
from sanctuary_intruder.scene import FIXED, environment, furnish_all, give, judge  # as above
from sanctuary_intruder.table import REFUSALS, SEARCHES, TABLE  # as above

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "tests" / "containers" / "install"
CACHE = ROOT / ".cache" / "containers"
GUESTS = next(Path(path) for path in sys.path if Path(path, "sanctuary_intruder").is_dir())
PORT = 8000
USER = 10001
START_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if os.getuid() != 0:
        pytest.skip("containers of the tests are root's")
    check = subprocess.run([sys.executable, INSTALL, "--check"], stderr=subprocess.PIPE, text=True, check=False)
    if check.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(check.stderr)


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        furnish_all(Path(folder))
        give(Path(folder), USER)
        yield Path(folder)


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str

    async def python(self, *words: str, stdin: str = "") -> Any:
        """Run Python in it, and read what it prints as JSON."""
        return json.loads(await podman("exec", "--interactive", self.name, sys.executable, *words, stdin=stdin))

    async def ask(self, *questions: dict[str, Any]) -> list[Any]:
        """Call tools, all at once; an answer is structured content, or the text of a failure."""
        answers: list[Any] = await self.python("-c", ASK, stdin=json.dumps(questions))
        return answers

    async def attempt(self, what: str, target: str = "") -> Any:
        """Have an attack tried."""
        [answer] = await self.ask({"tool": "attempt", "what": what, "target": target})
        return answer

    async def processes(self) -> dict[int, tuple[str, str]]:
        """The state and the name of each process in it, but for the one that looks."""
        found: dict[str, list[str]] = await self.python("-c", LOOK)
        return {int(pid): (state, name) for pid, (name, state) in found.items()}


ASK = f"""
import json, sys
from concurrent.futures import ThreadPoolExecutor
from sanctuary_intruder.scene import Caller
def ask(question):
    with Caller({PORT}) as caller:
        return caller.ask(question.pop("tool"), **question)
with ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(ask, json.load(sys.stdin)))))
"""
LOOK = """
import json, os
found = {}
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) != os.getpid():
        try:
            name, _, rest = open(f"/proc/{pid}/stat").read().partition("(")[2].rpartition(")")
            found[pid] = name, rest.split()[0]
        except OSError:
            pass
print(json.dumps(found))
"""


async def start(*words: str) -> asyncio.subprocess.Process:
    """Run podman with the configuration of the tests."""
    private = {
        "CONTAINERS_CONF": str(CACHE / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf"),
    }
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        "podman", *words, env={**os.environ, **private}, cwd=CACHE, stdin=pipe, stdout=pipe, stderr=pipe
    )


async def podman(*words: str, stdin: str = "") -> str:
    process = await start(*words)
    out, err = await process.communicate(stdin.encode())
    assert process.returncode == 0, f"podman {words[0]} ended with {process.returncode}: {err.decode()[-2000:]}"
    return out.decode()


@asynccontextmanager
async def contained(cluster: str, root: Path, *options: str) -> AsyncGenerator[Container]:
    """Serve a cluster in a container of its own, hardened as deployments are, until the block ends."""
    name = f"sanctuary-test-{cluster}-{secrets.token_hex(4)}"
    variables = {
        **environment(Path("/scene"), FIXED),
        "GATEWAY_URL": f"http://sanctuary-gateway:{FIXED[1]}",
        "CLUSTER": cluster,
        "PORT": str(PORT),
        "SANCTUARY_CONTAINER": "1",
        "SANCTUARY_SANDBOX": "require",
        "PYTHONPATH": str(GUESTS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp",
    }
    folders = {Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), ROOT / "core", ROOT / "plugins", GUESTS}
    folders |= {
        path for path in map(Path, ("/bin", "/lib", "/lib64", "/sbin")) if path.is_dir() and not path.is_symlink()
    }
    folders |= {path for path in [Path("/etc/ld.so.cache")] if path.exists()}
    within = {folder for folder in folders if any(other in folder.parents for other in folders)}
    served = await start(
        *("run", "--pull=never", "--name", name),
        *(f"--user={USER}:{USER}", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"),
        *("--network=none", "--add-host=sanctuary-gateway:127.0.0.1", "--memory=512m", "--pids-limit=128", *options),
        *(f"--volume={folder}:{folder}:ro" for folder in folders - within),
        f"--volume={root}:/scene:rw",
        *(f"--env={variable}={value}" for variable, value in variables.items()),
        *("localhost/sanctuary-empty", sys.executable, "-m", "sanctuary_host"),
    )
    assert served.stderr is not None
    try:
        log = b""
        async with asyncio.timeout(START_SECONDS):
            while b'"event":"listening"' not in log.replace(b" ", b""):
                line = await served.stderr.readline()
                assert line, f"the host ended with: {log.decode()}"
                log += line
        yield Container(name)
    finally:
        await podman("rm", "--force", "--time=0", name)
        await served.communicate()


@pytest.mark.parametrize("cluster", ["tight", "writer", "backed", "runner"])
async def test_a_boundary_holds_in_a_container_too(cluster: str, root: Path) -> None:
    async with contained(cluster, root) as container:
        told = await container.python("-m", "sanctuary_intruder.scene", "/scene", str(PORT), "1")
    played = [
        (row, Attempt(one["allowed"], one["error"], one["detail"]))
        for row, one in zip((*TABLE, *SEARCHES), told, strict=True)
    ]
    assert judge(cluster, played, REFUSALS) == []
    assert not [row for row, attempt in played if row in SEARCHES and attempt.allowed]


async def test_a_memory_bomb_takes_its_worker_along_and_nothing_else(root: Path) -> None:
    async with contained("tight", root, "--memory=256m", "--memory-swap=256m") as container:
        sibling = {"tool": "attempt", "what": "name_itself", "target": ""}
        bomb = {"tool": "attempt", "what": "eat_memory", "target": "480"}
        eaten, *answers = await container.ask(bomb, *([sibling] * 8))
        assert "could not finish" in eaten
        assert all(answer["allowed"] for answer in answers)
        assert (await container.attempt("name_itself"))["allowed"]


async def test_a_fork_bomb_ends_at_the_limit_and_leaves_nothing_behind(root: Path) -> None:
    async with contained("runner", root, "--pids-limit=64") as container:
        before = len(await container.processes())
        bomb = await container.attempt("fork_without_end")
        assert bomb["allowed"]
        assert (await container.attempt("name_itself"))["allowed"]
        await settled(container, before + 1)


async def test_a_tool_that_kills_all_it_can_kills_nobody_else(root: Path) -> None:
    async with contained("runner", root) as container:
        before = await container.processes()
        lingering = asyncio.ensure_future(container.attempt("linger", "6"))
        while LINGERING not in [name for _, name in (await container.processes()).values()]:
            assert not lingering.done()
        assert (await container.attempt("kill_everybody_for_good"))["allowed"]
        assert (await lingering)["allowed"]
        assert before.keys() <= (await container.processes()).keys()


async def test_with_the_host_as_process_1_no_orphan_stays_behind(root: Path) -> None:
    async with contained("runner", root) as container:
        before = len(await container.processes())
        assert (await container.attempt("leave_orphan"))["allowed"]
        # What is started beside the host, as a health check is, and loses its parent, becomes the host's child.
        await podman("exec", container.name, "/bin/sh", "-c", "/usr/bin/sleep 0.1 & exit 0")
        await settled(container, before + 1)


async def settled(container: Container, count: int) -> None:
    """Wait until no more than `count` processes are left, and no zombie."""
    async with asyncio.timeout(20):
        while True:
            states = await container.processes()
            if len(states) <= count and "Z" not in [state for state, _ in states.values()]:
                return
