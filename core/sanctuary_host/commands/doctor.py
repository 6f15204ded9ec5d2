"""`sanctuary-host doctor`: what really confines a cluster here, and what to do about what does not."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sanctuary_host.commands.find import UsageError
from sanctuary_host.commands.table import paint
from sanctuary_host.config import Config
from sanctuary_host.containment.attest import SENTENCES, Attestation, Finding, Part, Side
from sanctuary_host.containment.confinement import Confinement
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.sandbox import SandboxError
from sanctuary_host.containment.witness import Witness
from sanctuary_host.containment.zygote import Zygote
from sanctuary_host.jobs import MEMORY, work_of
from sanctuary_host.plugins import Cluster

LABEL: Final = 11
"""Columns of the first column."""
WIDTH: Final = 100
"""Columns of running text at most; longer lines are hard to read."""
VERDICTS: Final = {
    "confined": ("green", "all of what is declared is enforced, for the host and for its workers"),
    "partly": ("yellow", "some of what is declared is not enforced"),
    "unconfined": ("red", "nothing confines it but the rights of the user that runs it"),
}


def examine(cluster: Cluster, config: Config, environment: Mapping[str, str], *, as_json: bool) -> int:
    """Confine this process as a server of the cluster, try what it still can do, and print a report.

    Returns:
        The exit status: 0 where it is confined and its plugins are sound, 1 where not.

    Raises:
        SettingsError: a setting does not fit.
        ThreadsError: a plugin started threads at import.
    """
    refused = ""
    try:
        confinement = Confinement.prepare(cluster.boundary, environment, config.sandbox)
    except SandboxError as error:  # a server would not start; what there is instead is worth knowing all the same
        refused = str(error)
        confinement = Confinement.prepare(cluster.boundary, environment, "best-effort")
    witness = Witness(confinement, environment, contained=config.container)
    zygote = Zygote.start(work_of(cluster), confinement.worker, cluster.kept)
    try:
        confinement.seal_host()
    except SandboxError as error:
        refused = str(error)
    witness.look(zygote.pid)
    attestation = asyncio.run(_ask(cluster, zygote, witness))
    faults = [*([f"a server would not start: {refused}"] if refused else []), *cluster.faults]
    if as_json:
        print(json.dumps(_report(cluster.name, attestation, faults), indent=2, ensure_ascii=False))
    else:
        _print(cluster, attestation, faults)
    return 0 if attestation.verdict == "confined" and not faults else 1


def examine_all(clusters: Sequence[str], environment: Mapping[str, str], *, as_json: bool) -> int:
    """Examine one cluster after the other, each in a process of its own.

    Returns:
        The exit status: 0 where all are well, 1 where not.

    Raises:
        UsageError: there is none.
    """
    if not clusters:
        raise UsageError("no cluster is installed; install one, such as sanctuary-utils")
    command = [sys.executable, "-m", "sanctuary_host", "doctor", *(["--json"] if as_json else [])]
    well = True
    reports: list[Any] = []
    for name in clusters:
        if not as_json and name != clusters[0]:
            print(flush=True)
        ran = subprocess.run(  # noqa: S603  # this very program
            command, env={**environment, "CLUSTER": name}, stdout=subprocess.PIPE if as_json else None, check=False
        )
        well = well and ran.returncode == 0
        if as_json:
            fault = [f"cluster {name} cannot be examined; standard error says why"]
            reports.append(json.loads(ran.stdout) if ran.stdout else {"cluster": name, "ok": False, "faults": fault})
    if as_json:
        print(json.dumps({"ok": well, "clusters": reports}, indent=2, ensure_ascii=False))
    return 0 if well else 1


async def _ask(cluster: Cluster, zygote: Zygote, witness: Witness) -> Attestation:
    async with Pool(zygote) as pool:
        return await witness.ask(pool, cluster.plugins[0].distribution if cluster.plugins else "", MEMORY)


def _report(name: str, attestation: Attestation, faults: Sequence[str]) -> dict[str, Any]:
    return {
        "cluster": name,
        "ok": attestation.verdict == "confined" and not faults,
        "faults": list(faults),
        "confinement": attestation.wire(),
        "notes": [{"what": finding.what, "remedy": finding.remedy} for finding in _notes(attestation)],
        "writable": {"host": _written(attestation.host), "workers": _written(attestation.workers)},
    }


def _notes(attestation: Attestation) -> list[Finding]:
    return [*(Finding(remark, "") for remark in attestation.remarks), *attestation.notes]


def _written(side: Side) -> list[str]:
    return side.facts.writable if side.facts is not None else []


def _print(cluster: Cluster, attestation: Attestation, faults: Sequence[str]) -> None:
    colour, meaning = VERDICTS[attestation.verdict]
    print(f"{paint(cluster.name, 'bold')}  {paint(attestation.verdict, colour)}: {meaning}\n")
    rows = [
        [
            part,
            _declared(attestation, part),
            *(_cell(attestation, part, s) for s in (attestation.host, attestation.workers)),
        ]
        for part in SENTENCES
    ]
    widths = [max(len(row[column]) for row in rows) + 2 for column in (1, 2)]
    print(paint(f"  {'':{LABEL}}{'declared':{widths[0]}}  {'host':{widths[1]}}  workers", "bold"))
    for label, declared, host, workers in rows:
        print(f"  {label:{LABEL}}{declared:{widths[0]}}{_painted(host, widths[1] + 2)}{_painted(workers)}".rstrip())
    print()
    for label, text in (("kernel", _kernel(attestation)), ("outside", _outside(attestation))):
        print(_wrapped(text, f"  {label:{LABEL}}", " " * (LABEL + 2)))
    for heading, mark, mark_colour, findings in (
        ("Faults", "✗", "red", [Finding(fault, "") for fault in faults]),
        ("Missing", "✗", "red", attestation.missing),
        ("Worth knowing", "·", "cyan", _notes(attestation)),
    ):
        if findings:
            print(f"\n{paint(heading, 'bold')}")
        for remedy, group in groupby(findings, lambda finding: finding.remedy):
            for finding in group:
                print(_wrapped(finding.what, f"  {mark} ", "    ").replace(mark, paint(mark, mark_colour), 1))
            if remedy:
                print(paint(_wrapped(remedy, "    → ", "      "), "dim"))


def _wrapped(text: str, first: str, others: str) -> str:
    width = max(40, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _painted(cell: str, width: int = 0) -> str:
    mark, padded = cell[0], cell.ljust(width)
    return f"{paint(mark, {'✓': 'green', '✗': 'red'}.get(mark, 'yellow'))}{padded[1:]}"


def _declared(attestation: Attestation, part: Part) -> str:
    boundary = attestation.boundary
    if part == "files":
        return ", ".join(f"{mount.setting}:{mount.mode}" for mount in boundary.mounts) or "none"
    if part == "writing":
        return ", ".join(mount.setting for mount in boundary.mounts if mount.mode == "rw") or "nowhere"
    if part == "network":
        return ", ".join(boundary.backends) or boundary.network
    return (", ".join(boundary.programs) or "none") if part == "programs" else "none"


def _cell(attestation: Attestation, part: Part, side: Side) -> str:
    can = attestation.can(side, part)
    if can is None or side.facts is None:
        return "? not measured"
    mark = "✗" if can else "✓"
    if part == "writing":
        names = list(dict.fromkeys(attestation.name(path) for path in (side.strays() if can else side.facts.writable)))
        return f"{mark} {', '.join(names[:2]) or 'nowhere'}{', …' if len(names) > 2 else ''}"  # two fit
    if part == "network":
        return f"{mark} {side.outbound}"
    if part == "processes" and side.grants.signals:
        return f"{mark} its workers"
    if part == "programs" and side.grants.execute and not can:
        return f"{mark} no others"
    return f"{mark} {'possible' if can else 'refused'}"


def _kernel(attestation: Attestation) -> str:
    abi = attestation.around.landlock
    facts = attestation.workers.facts
    landlock = f"Landlock ABI {abi}" if abi else "no Landlock"
    seccomp = "seccomp filter on" if facts is not None and facts.seccomp else "no seccomp filter"
    return f"{landlock}, {seccomp}; SANCTUARY_SANDBOX={attestation.level}"


def _outside(attestation: Attestation) -> str:
    around = attestation.around
    limits = around.limits
    declared = "" if attestation.contained else " (SANCTUARY_CONTAINER is not set)"
    words = [f"{around.container} container{declared}" if around.container else "no container"]
    words.append(f"{limits.memory} MiB of memory" if limits.memory is not None else "no memory limit")
    words.append(f"{limits.cpus:g} processors" if limits.cpus is not None else "no processor limit")
    words.append(f"{limits.processes} processes" if limits.processes is not None else "no process limit")
    words.append(f"root file system {'read-only' if around.read_only else 'writable'}")
    if around.capabilities is not None:
        words.append(f"{around.capabilities or 'no'} capabilities")
    if around.no_new_privileges is not None:
        words.append("no new privileges" if around.no_new_privileges else "new privileges possible")
    words.append(f"user {around.user}")
    if around.route is not None:
        words.append("a route out" if around.route else "no route out")
    return ", ".join(words)
