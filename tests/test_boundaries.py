"""What each kind of boundary refuses and grants: tried by third-party code from inside of a worker of a served host.

The attacks and the table of who may do what are the guest distribution's, tests/fixtures/intruder.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sanctuary_host.testing import Served, serving

pytest.importorskip("sanctuary_intruder", reason="the guest distributions are not installed: run make unit")

from sanctuary_intruder.scene import (  # only where it is installed
    Caller,
    Scene,
    canary,
    environment,
    furnish_all,
    give,
    judge,
)
from sanctuary_intruder.table import (  # as above
    ABSENT,
    CLUSTERS,
    FILES,
    NETWORK,
    PROCESSES,
    RARE,
    REFUSALS,
    SEARCHES,
    WRITES,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's sandbox is Linux' own")

ORDINARY = 10001
"""A user whom nobody else is."""
# In namespaces of its own a folder that only root may enter, such as /root, is replaced by one with what is needed.
REACHABLE = """\
set -e
if [ -n "$CLOSED" ]; then
  mount -t tmpfs none /mnt
  for folder in $NEEDED; do mkdir -p "/mnt$folder"; mount --bind "$folder" "/mnt$folder"; done
  for closed in $CLOSED; do mount -t tmpfs -o mode=755 none "$closed"; done
  for folder in $NEEDED; do mkdir -p "$folder"; mount --bind "/mnt$folder" "$folder"; done
fi
"""
AS_ORDINARY = f"setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups --bounding-set=-all --inh-caps=-all"


@pytest.fixture(params=["the user of the tests", "an ordinary user"])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Folders and listeners that belong to the user as whom the host runs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "scene")
        root.mkdir()
        furnish_all(root)
        if request.param == "an ordinary user":
            if os.getuid() != 0:
                pytest.skip("the tests run as an ordinary user already")
            Path(folder).chmod(0o755)
            give(root, ORDINARY)
            monkeypatch.setattr(sys, "executable", ordinary_python(Path(folder)))
        with Scene(root) as scene:
            yield scene


def ordinary_python(folder: Path) -> str:
    """A program that is this Python, run as an ordinary user."""
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("there is no unshare or no setpriv to become an ordinary user with")
    needed = [Path(sys.base_prefix), Path(sys.prefix).parent]
    closed = {one for path in needed for one in path.parents if not one.stat().st_mode & 0o001}
    variables = {"NEEDED": shlex.join(map(str, needed)), "CLOSED": shlex.join(map(str, closed))}
    script = folder / "inside"
    script.write_text(f'{REACHABLE}exec {AS_ORDINARY} "{sys.executable}" "$@"\n')
    python = folder / "python"
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    python.write_text(f'#!/bin/sh\nexec env {words} unshare --mount --propagation private sh {script} "$@"\n')
    python.chmod(0o755)
    tried = subprocess.run([python, "-c", "import os; print(os.getuid())"], capture_output=True, text=True, check=False)
    if tried.stdout.strip() != str(ORDINARY):
        pytest.skip(f"no Python can be run as an ordinary user here: {tried.stderr.strip()[-200:]}")
    return str(python)


def settings(scene: Scene, **more: str) -> dict[str, str]:
    return {**environment(scene.root, scene.ports), "SANCTUARY_SANDBOX": "require", **more}


@pytest.mark.parametrize("cluster", CLUSTERS)
async def test_a_worker_can_do_what_its_boundary_grants_and_nothing_else(cluster: str, scene: Scene) -> None:
    async with serving(cluster, **settings(scene)) as served:
        descriptors = await asyncio.to_thread(asked, served, "list_descriptors")
        played = await asyncio.to_thread(scene.play, served.port, served.process.pid)
        piled_up = await asyncio.to_thread(descriptors_that_pile_up, served)
        if cluster == "secretive":
            assert (await asyncio.to_thread(asked, served, "", tool="reveal")) == canary("secret")
    assert judge(cluster, played, REFUSALS) == []
    # Nothing that the host was started with is known to a worker, but the secret that its boundary declares.
    found = {attempt.detail for row, attempt in played if row in SEARCHES and attempt.allowed}
    assert found == ({"secret"} if cluster == "secretive" else set())
    # It has /dev/null, standard error twice, its own size in /proc and its connection, and can press none upon the host.
    assert re.fullmatch(r"0:c\n1:p\n2:p\n(\d+:-\n)?\d+:s=AF_UNIX of (''|b'') to (''|b'')", descriptors)
    assert piled_up <= 1


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's rights refuse some of the attacks too")
@pytest.mark.parametrize("scene", ["the user of the tests"], indirect=True)
async def test_the_same_attacks_succeed_where_the_operator_turns_the_sandbox_off(scene: Scene) -> None:
    rows = [row for row in (*FILES, *WRITES, *NETWORK, *PROCESSES) if row.what not in RARE]
    async with serving("tight", **settings(scene, SANCTUARY_SANDBOX="off")) as served:
        # Searches first, or they find in a worker what an attack has read there.
        every = await asyncio.to_thread(scene.play, served.port, served.process.pid, [*SEARCHES, *rows])
    searched, played = every[: len(SEARCHES)], every[len(SEARCHES) :]
    failed = [f"{row}: {attempt}" for row, attempt in played if not attempt.allowed and attempt.error not in ABSENT]
    assert failed == []
    # What the host keeps from its workers by itself, the kernel need not.
    assert [f"{row}: {attempt}" for row, attempt in searched if attempt.error != "NothingFoundError"] == []


def descriptors_that_pile_up(served: Served) -> int:
    """Have a worker send three descriptors to the host, 20 times; returns how many more the host has open then."""
    asked(served, "hand_over")
    before = len([*Path(f"/proc/{served.process.pid}/fd").iterdir()])
    for _ in range(20):
        asked(served, "hand_over")
    return len([*Path(f"/proc/{served.process.pid}/fd").iterdir()]) - before


def asked(served: Served, what: str, tool: str = "attempt") -> str:
    with Caller(served.port) as caller:
        answer = caller.attempt(what) if what else caller.ask(tool)
    return str(answer["detail"] if isinstance(answer, dict) else answer.detail)
