"""`sanctuary-host deregister`: takes the server out of the gateway's offer, switched off or deleted."""

from __future__ import annotations

import json
import sys
from functools import partial

from sanctuary_host.commands.case import Case, finish, guarded
from sanctuary_host.commands.live import Live, NotServedError
from sanctuary_host.commands.table import paint, printable
from sanctuary_host.config import Config
from sanctuary_host.plugins import Cluster


def deregister(config: Config, cluster: Cluster, *, delete: bool, as_json: bool) -> int:
    """Switch our entry off, or delete it; exit status 1 where there is none of ours or the gateway did not do it.

    Args:
        config: the process's settings, with the secrets themselves.
        cluster: as it is installed here.
        delete: have it deleted for good.
        as_json: print JSON.

    Raises:
        SettingsError: a setting is missing.
    """
    return finish(partial(_deregister, Case.of(config, cluster), delete=delete, as_json=as_json), 1)


async def _deregister(case: Case, *, delete: bool, as_json: bool) -> int:
    entry = case.entry(case.installed)
    async with case.gateway() as (gateway, registrar):
        survey = await case.survey(gateway, entry)
        found = survey.found if survey is not None else None
        if found is not None and not found.ours:
            print(
                f"sanctuary-host: the gateway's entry {printable(found.name)!r} for {printable(found.url)} is not "
                "ours, and was not touched; remove it at the gateway if it has to go",
                file=sys.stderr,
            )
            return 1
        if delete and found is not None and not as_json:
            print(
                f"Deleting {entry.name} (id {printable(found.id)}) at {printable(gateway.url)}: its tools lose their "
                "ids, and virtual servers that hold them lose those members, even if it is registered again."
            )
        removed = await guarded(registrar, registrar.withdraw(entry, None, delete=delete))
    running = await _runs(case)
    if as_json:
        done = ("deleted" if delete else "switched off") if removed else "none"
        report = {"name": entry.name, "gateway": gateway.url, "done": done, "runs": running}
        print(json.dumps(report, indent=2, ensure_ascii=True))
        return 0 if removed else 1
    if not removed:
        print(f"sanctuary-host: the gateway has no entry {entry.name} of ours; nothing was done", file=sys.stderr)
        return 1
    act = "Deleted" if delete else "Switched off"
    print(f"{paint('✓', 'green')} {act}: {entry.name} at {printable(gateway.url)}")
    if running:
        print(
            f"The server at {case.base} still runs. Where it does so with GATEWAY_URL, it "
            + (
                f"registers again within a heartbeat ({case.config.heartbeat:g} s): stop it, or start it without "
                "GATEWAY_URL."
                if delete
                else "leaves the entry off, and switches it on again when it is next started: then start it without "
                "GATEWAY_URL, or use --delete once it has stopped."
            ),
            file=sys.stderr,
        )
    return 0


async def _runs(case: Case) -> bool:
    async with Live(case.base, case.cluster.name, case.token) as live:
        try:
            await live.check()
        except NotServedError:
            return False
    return True
