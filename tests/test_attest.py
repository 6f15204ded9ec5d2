"""What confines a process is measured, not believed: on /health, in the log, and by `sanctuary-host doctor`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sanctuary_host import Boundary
from sanctuary_host.containment import probe
from sanctuary_host.containment.attest import SENTENCES, Attestation, Side
from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.probe import Facts, Question
from sanctuary_host.containment.sandbox import Kernel
from sanctuary_host.containment.surroundings import Limits, MountPoint, Surroundings, read_limits
from sanctuary_host.testing import Served, serving

sealable = pytest.mark.skipif(
    Kernel.running().landlock < 6,  # from there on Landlock keeps signals in, too
    reason="this kernel's Landlock is too old to enforce every boundary",
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines processes")

BOX = """
import os
from pathlib import Path
from sanctuary_host import Boundary, Mount, hookimpl, tool

@tool()
def nothing() -> str:
    "Do nothing."
    return "done"

@hookimpl
def register_tools():
    return [nothing]

@hookimpl
def declare_boundary():
    return Boundary(
        network="backends", backends=("BOX_URL",), mounts=(Mount("SANCTUARY_BOX", "rw"), Mount("SANCTUARY_SHELF"))
    )
"""
"""A cluster with folders and a server."""


async def health(served: Served) -> dict[str, Any]:
    """The server's /health, once a worker was asked."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{served.origin}/health") as response:
                answer: dict[str, Any] = await response.json()
            if answer["confinement"]["verdict"] != "pending":
                return answer
            await asyncio.sleep(0.01)


async def ready(served: Served) -> tuple[int, list[str]]:
    async with aiohttp.ClientSession() as session, session.get(f"{served.origin}/ready") as response:
        return response.status, (await response.json())["reasons"]


def box(tmp_path: Path) -> dict[str, str]:
    """The settings of a cluster with folders."""
    for name in ("granted-box", "granted-shelf"):
        (tmp_path / name).mkdir()
    return {
        "SANCTUARY_BOX": f"{tmp_path}/granted-box:rw",
        "SANCTUARY_SHELF": f"{tmp_path}/granted-shelf",
        "BOX_URL": "http://127.0.0.1:8123",
        "SANCTUARY_TOKEN": "hunter2-hunter2-hunter2",
    }


@sealable
async def test_a_cluster_without_needs_is_confined_and_health_says_by_what() -> None:
    async with serving("utils") as served:
        shown = (await health(served))["confinement"]
        assert (shown["verdict"], shown["missing"]) == ("confined", [])
        assert shown["kernel"] == {"landlock_abi": Kernel.running().landlock, "seccomp": True}
        for side in (shown["host"], shown["workers"]):
            assert (side["outbound"], side["writable"], side["can"], side["seccomp"]) == ("none", [], [], True)
        assert shown["declared"]["network"] == "none"
    (record,) = [record for record in served.log if record.get("event") == "confinement"]
    assert (record["level"], record["verdict"], record["missing"]) == ("info", "confined", [])


async def test_without_the_sandbox_everything_that_is_possible_is_named_with_its_remedy() -> None:
    async with serving("utils", SANCTUARY_SANDBOX="off") as served:
        shown = (await health(served))["confinement"]
        assert shown["verdict"] == "unconfined"
        assert shown["workers"]["can"] == list(SENTENCES)
        assert shown["workers"]["outbound"] == shown["host"]["outbound"] == "any"
        assert len(shown["missing"]) == len(SENTENCES)
        assert {finding["remedy"] for finding in shown["missing"]} == {"set SANCTUARY_SANDBOX=require, or leave it out"}
        assert await ready(served) == (200, [])  # the operator wants it so
    (record,) = [record for record in served.log if record.get("event") == "confinement"]
    assert (record["level"], record["verdict"]) == ("warning", "unconfined")
    assert record["message"] == "Not confined: SANCTUARY_SANDBOX is off; `sanctuary-host doctor` has the remedies"


@pytest.mark.parametrize("level", ["off", "best-effort"])
async def test_health_tells_strangers_neither_paths_nor_secrets_and_is_brief(
    level: str, tmp_path: Path, distribution: Callable[..., Path]
) -> None:
    settings = box(tmp_path) | {"PYTHONPATH": str(distribution("acme", "box", {"one": BOX}))}
    async with serving("box", SANCTUARY_SANDBOX=level, **settings) as served:
        shown = (await health(served))["confinement"]
    text = json.dumps(shown, separators=(",", ":"))
    assert len(text) < 3 * 1024
    assert "SANCTUARY_BOX" in shown["workers"]["writable"]
    assert shown["declared"]["folders"] == {"SANCTUARY_BOX": "rw", "SANCTUARY_SHELF": "ro"}
    for hidden in ("granted-box", "granted-shelf", str(tmp_path), "hunter2"):
        assert hidden not in text


@sealable
async def test_what_is_granted_is_found_to_work_and_nothing_else(
    tmp_path: Path, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    settings = box(tmp_path) | {"PYTHONPATH": str(distribution("acme", "box", {"one": BOX}))}
    ran = await run("doctor", "--json", CLUSTER="box", **settings)
    report = ran.json
    assert (ran.status, report["ok"], report["confinement"]["verdict"]) == (0, True, "confined")
    for side in (report["confinement"]["host"], report["confinement"]["workers"]):
        assert (side["outbound"], side["can"]) == ("ports 8123", [])
    # The whole command line is the operator's own: here paths help.
    assert report["writable"]["workers"] == [str((tmp_path / "granted-box").resolve())]
    assert any("port 8123 of any machine" in note["what"] for note in report["notes"])
    moved = await run("doctor", "--json", CLUSTER="box", **settings | {"SANCTUARY_SHELF": f"{tmp_path}/gone"})
    assert any("gone, which is not there" in note["what"] for note in moved.json["notes"])


@sealable
async def test_a_plugin_that_keeps_workers_from_being_sealed_is_found_out(distribution: Callable[..., Path]) -> None:
    source = BOX + (
        "from sanctuary_host.containment.sandbox import Sandbox\n"
        "os.register_at_fork(after_in_child=lambda: setattr(Sandbox, 'seal', lambda self: None))\n"
    )
    site = distribution("acme", "box", {"one": source})
    async with serving("box", PYTHONPATH=str(site), SANCTUARY_SANDBOX="require") as served:
        shown = (await health(served))["confinement"]
        assert shown["verdict"] == "partly"
        assert shown["host"]["can"] == []
        assert shown["workers"]["can"] == list(SENTENCES)
        status, reasons = await ready(served)
        assert status == 503
        assert "Workers can read files outside of what is declared" in reasons
    (record,) = [record for record in served.log if record.get("event") == "confinement"]
    assert record["level"] == "error"
    assert "Workers can read files" in record["message"]


LIES = {
    "nonsense": "'confined'",
    "too little": "{'files': False}",
    "a number for a truth": "{**answer(q).wire(), 'tcp': 0}",
    "a folder that nobody asked about": "{**answer(q).wire(), 'writable': ['/secret\\x1b[31m']}",
    "more than was asked": "{**answer(q).wire(), 'extra': 'x' * 1000}",
    "the end of the process": "os._exit(0)",
}


@linux
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_a_worker_that_gives_no_proper_answer_is_never_called_confined(
    lie: str, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = BOX + (
        "from sanctuary_host.containment import probe\n"
        "answer = probe.answer\n"
        "class Liar:\n"
        "    def __init__(self, q): self.q = q\n"
        f"    def wire(self, **_): q = self.q; return {lie}\n"
        "os.register_at_fork(after_in_child=lambda: setattr(probe, 'answer', Liar))\n"
    )
    site = distribution("acme", "box", {"one": source})
    ran = await run("doctor", "--json", CLUSTER="box", PYTHONPATH=str(site))
    assert ran.status == 1
    assert ran.json["confinement"]["verdict"] in {"partly", "unconfined"}
    assert ran.json["confinement"]["missing"][0]["what"] == "What workers can do could not be measured"
    assert "secret" not in ran.out


@sealable
async def test_doctor_prints_a_plain_report_that_says_what_to_do(run: Callable[..., Any]) -> None:
    well = await run("doctor", CLUSTER="utils")
    assert well.status == 0
    assert well.out.startswith("utils  confined: ")
    assert "\x1b" not in well.out
    assert "✗" not in well.out
    rows = {line.split()[0]: line.split() for line in well.out.splitlines() if line.startswith("  ")}
    assert rows["network"] == ["network", "none", "✓", "none", "✓", "none"]
    ill = await run("doctor", CLUSTER="utils", SANCTUARY_SANDBOX="off")
    assert ill.status == 1
    assert ill.out.startswith("utils  unconfined: ")
    assert "→ set SANCTUARY_SANDBOX=require, or leave it out" in ill.out


@sealable
async def test_doctor_examines_every_installed_cluster_one_by_one(
    tmp_path: Path, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "box", {"one": BOX, "two": "raise SystemExit"})
    settings = box(tmp_path) | {"PYTHONPATH": str(site)}
    ran = await run("doctor", "--json", **settings)
    reports = {report["cluster"]: report for report in ran.json["clusters"]}
    assert {"box", "utils"} <= set(reports)
    assert reports["utils"]["ok"]
    # Confined, but not sound: a plugin was left out.
    assert reports["box"]["confinement"]["verdict"] == "confined"
    assert "plugin two (from acme) was left out" in reports["box"]["faults"][0]
    assert (ran.status, ran.json["ok"], reports["box"]["ok"]) == (1, False, False)
    told = await run("doctor", **settings | {"SANCTUARY_BOX": "relative"})
    assert told.status == 1
    assert "utils  confined" in told.out
    assert "SANCTUARY_BOX must hold absolute paths" in told.err


async def test_doctor_called_wrongly_ends_with_status_2(run: Callable[..., Any]) -> None:
    assert (await run("doctor", "everything")).status == 2
    unknown = await run("doctor", CLUSTER="util")
    assert (unknown.status, "did you mean utils?" in unknown.err) == (2, True)


@linux
async def test_in_a_container_what_the_runtime_should_limit_is_compared_too(run: Callable[..., Any]) -> None:
    ran = await run("doctor", "--json", CLUSTER="utils", SANCTUARY_CONTAINER="1")
    shown = ran.json["confinement"]
    missing = " ".join(finding["what"] for finding in shown["missing"])
    around = shown["container"]
    assert ("256 MiB are declared" in missing) == ((around["limits"]["memory"] or 1 << 30) > 256)
    assert ("runs as root" in missing) == (around["user"] == 0)
    assert ("root file system can be written" in missing) == (not around["read_only"])
    assert ("nothing shows a container" in missing) == (around["kind"] is None)
    assert (ran.status == 0) == (shown["verdict"] == "confined") == (not missing)


NOTHING = Facts(
    **dict.fromkeys(
        ("files", "neighbours", "signals", "fork", "programs", "tcp", "udp", "raw", "other", "listen"),
        False,
    ),
    ports=[],
    writable=[],
    no_new_privileges=True,
    seccomp=True,
    capabilities=0,
    user=10001,
    threads=0,
)
SEALED = Side(Grants(), sealed=True, lacking=(), facts=NOTHING)
TIGHT = Attestation(
    boundary=Boundary(),
    level="best-effort",
    contained=True,
    around=Surroundings(
        container="podman",
        limits=Limits(memory=256, cpus=0.5, processes=64),
        read_only=True,
        mounts=(MountPoint("/", "overlay", writable=False), MountPoint("/run", "tmpfs", writable=True)),
        no_new_privileges=True,
        seccomp=True,
        capabilities=0,
        user=10001,
        route=False,
        landlock=7,
    ),
    host=SEALED,
    workers=SEALED,
    names={"/home/alice": "the home folder"},
)


def with_facts(**changes: Any) -> Side:
    return replace(SEALED, facts=NOTHING.model_copy(update=changes))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limits": Limits(None, 0.5, 64)}, "no memory limit; 256 MiB are declared"),
        ({"limits": Limits(512, 0.5, 64)}, "a memory limit of 512 MiB; 256 MiB are declared"),
        ({"limits": Limits(256, None, 64)}, "no processor limit"),
        ({"limits": Limits(256, 2, 64)}, "a limit of 2 processors; 0.5 are declared"),
        ({"read_only": False}, "root file system can be written"),
        ({"capabilities": 14}, "14 capabilities"),
        ({"no_new_privileges": False}, "gain privileges"),
        ({"user": 0}, "runs as root"),
        ({"container": None}, "nothing shows a container"),
    ],
    ids=str,
)
def test_one_looseness_of_a_container_makes_it_partly_confined_and_is_named(change: Any, said: str) -> None:
    assert (TIGHT.verdict, TIGHT.missing) == ("confined", ())
    loose = replace(TIGHT, around=replace(TIGHT.around, **change))
    assert loose.verdict == "partly"
    (finding,) = loose.missing
    assert said in finding.what
    assert finding.remedy
    assert not finding.contradicts
    # The same is no fault of a process that nobody put into a container.
    assert replace(loose, contained=False).verdict == "confined"


@pytest.mark.parametrize("fact", ["files", "neighbours", "signals", "fork", "programs", "tcp", "udp", "raw", "listen"])
def test_one_thing_that_a_process_can_do_and_should_not_is_a_contradiction(fact: str) -> None:
    for side in ("host", "workers"):
        able = with_facts(**{fact: True})
        loose = replace(TIGHT, host=able) if side == "host" else replace(TIGHT, workers=able)
        assert loose.verdict == "partly"
        (finding,) = loose.contradictions
        assert finding.what.startswith("The host can" if side == "host" else "Workers can")


def test_writing_is_a_fault_except_in_memory_of_the_containers_own() -> None:
    harmless = replace(TIGHT, workers=with_facts(writable=["/run"]))
    assert harmless.verdict == "confined"
    assert [note.what for note in harmless.notes] == ["Memory of the container's own can be written: /run"]
    for folders in (["/home/alice/keys"], ["/run", "/home/alice"]):
        loose = replace(TIGHT, workers=with_facts(writable=folders))
        assert loose.verdict == "partly"
        assert "the home folder" in loose.missing[0].what
        assert "alice" not in json.dumps(loose.wire())
    assert replace(harmless, contained=False).verdict == "partly"


def test_an_old_kernel_is_named_in_the_remedy_and_is_no_contradiction() -> None:
    lacking = ("connections are not limited",)
    old = replace(with_facts(tcp=True), lacking=lacking)
    loose = replace(TIGHT, host=old, workers=old, around=replace(TIGHT.around, landlock=3))
    (finding,) = loose.missing
    assert finding.what == "The host and its workers can reach the network beyond what is declared"
    assert (finding.remedy, finding.contradicts) == ("use a Linux kernel from 6.7 on", False)
    # What the kernel says that it lacks counts even where nothing that was tried got through.
    lucky = replace(TIGHT, workers=replace(SEALED, lacking=lacking))
    assert [finding.what for finding in lucky.missing] == list(lacking)


CGROUPS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "second kind": (
        "0::/a/b\n",
        "30 23 0:26 / {top} rw shared:4 - cgroup2 cgroup2 rw\n",
        {
            "a/memory.max": "268435456\n",
            "a/b/memory.max": "max\n",
            "a/b/cpu.max": "50000 100000\n",
            "a/pids.max": "64\n",
        },
    ),
    "second kind, from inside": (
        "0::/../../other/b\n",
        "30 23 0:26 / {top} rw - cgroup2 cgroup2 rw\n",
        {"memory.max": "268435456\n", "cpu.max": "50000 100000\n", "pids.max": "64\n"},
    ),
    "first kind": (
        "5:memory:/pod\n4:cpu,cpuacct:/pod\n3:pids:/pod\n0::/\n",
        (
            "31 23 0:27 /pod {top}/m rw - cgroup cgroup rw,memory\n"
            "32 23 0:28 /pod {top}/c rw - cgroup cgroup rw,cpu,cpuacct\n"
            "33 23 0:29 /pod {top}/p rw - cgroup cgroup rw,pids\n"
        ),
        {
            "m/memory.limit_in_bytes": "268435456\n",
            "c/cpu.cfs_quota_us": "50000\n",
            "c/cpu.cfs_period_us": "100000\n",
            "p/pids.max": "64\n",
        },
    ),
}


@pytest.mark.parametrize("kind", CGROUPS)
def test_the_limits_of_both_kinds_of_cgroups_are_read(kind: str, tmp_path: Path) -> None:
    groups, mounts, files = CGROUPS[kind]
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert read_limits(groups, mounts.format(top=tmp_path)) == Limits(256, 0.5, 64)


@pytest.mark.parametrize(
    ("memory", "quota"), [("9223372036854771712\n", "-1\n"), ("max\n", "max 100000\n"), ("", ""), ("x\0y\n", "1 0\n")]
)
def test_limits_that_are_none_are_not_taken_for_some(memory: str, quota: str, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(memory)
    (tmp_path / "cpu.max").write_text(quota)
    mounts = f"garbage\n - \n30 23 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n"
    assert read_limits("0::/\nnonsense\n", mounts) == Limits(None, None, None)


def test_trying_everything_leaves_nothing_behind(tmp_path: Path) -> None:
    asked = Question(("/etc/passwd",), True, (str(tmp_path),), (1,), sys.executable, 0, serves=False)
    before = probe.answer(asked)  # what libraries open for good is open now
    descriptor = open(tmp_path / "one", "w")  # noqa: SIM115, PTH123  # its number is all that matters
    with descriptor:
        lowest = descriptor.fileno()
    assert probe.answer(asked) == before
    with open(tmp_path / "one") as again:  # noqa: PTH123  # as above
        assert again.fileno() == lowest
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert Facts.read(asked, json.loads(json.dumps(before.wire()))) == before


def test_what_serving_takes_is_told_apart_from_what_workers_may() -> None:
    own = replace(
        SEALED,
        grants=Grants(ports=frozenset({4444}), udp=True, signals=True),
        facts=NOTHING.model_copy(update={"ports": [4444], "udp": True, "signals": True}),
    )
    told = replace(TIGHT, host=own, contained=True)
    assert (told.verdict, own.outbound, told.workers.outbound) == ("confined", "ports 4444, UDP", "none")
    assert "The host, not its workers, may reach port 4444, name servers" in told.notes[0].what
