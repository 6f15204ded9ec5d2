"""`sanctuary-host register`: registers the running server once, or shows what would be sent and what is in its way."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from sanctuary_host.commands.case import KNOWN, Case, finish, guarded
from sanctuary_host.commands.hints import of_the_network, of_the_token
from sanctuary_host.commands.live import Live, NotServedError
from sanctuary_host.commands.table import paint, printable
from sanctuary_host.config import Config
from sanctuary_host.gateway.choose import choose
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.lint import losses
from sanctuary_host.gateway.registrar import GatewayError, Plan, Registrar, Registration
from sanctuary_host.gateway.survey import Survey
from sanctuary_host.plugins import Cluster

PENDING_SECONDS: Final = 60.0
"""How long a gateway that registers in the background is waited for."""
PAUSE: Final = 1.0
NO_FORGE: Final = (
    "{} has no ContextForge's API, so the plain manifest would be sent, and only that shows whether anybody takes it "
    "there; look whether GATEWAY_URL is right, with its path"
)


@dataclass(frozen=True)
class Preview:
    """What a registration would be, and what is in its way.

    Attributes:
        plan: the request.
        faults: sentences about what keeps it from going through.
        notes: sentences about how things are.
        hints: sentences about what the gateway needs.
    """

    plan: Plan
    faults: Sequence[str]
    notes: Sequence[str]
    hints: Sequence[str]


def register(config: Config, cluster: Cluster, *, adopt: bool, as_json: bool) -> int:
    """Register the running server once and print what was done; exit status 1 where that failed.

    Args:
        config: the process's settings, with the secrets themselves.
        cluster: as it is installed here.
        adopt: take over an entry of our name that somebody else made.
        as_json: print JSON.

    Raises:
        SettingsError: a setting is missing.
    """
    return finish(partial(_register, Case.of(config, cluster), adopt=adopt, as_json=as_json), 1)


def preview(config: Config, cluster: Cluster, *, adopt: bool, as_json: bool) -> int:
    """Print the request that would be sent, and what would come of it; exit status 1 where something is in its way.

    Args:
        config: the process's settings, with the secrets themselves.
        cluster: as it is installed here.
        adopt: an entry of our name that somebody else made is not in the way.
        as_json: print JSON.

    Raises:
        SettingsError: a setting is missing.
    """
    return finish(partial(_preview, Case.of(config, cluster), adopt=adopt, as_json=as_json), 1)


async def _register(case: Case, *, adopt: bool, as_json: bool) -> int:
    async with Live(case.base, case.cluster.name, case.token) as live:
        await live.check()
        entry = case.entry(await live.tools())
    async with case.gateway() as (gateway, registrar):
        before = await case.survey(gateway, entry)
        done = await _settled(registrar, entry, adopt=adopt)
    stranger = before.found if before is not None and before.found is not None and not before.found.ours else None
    if as_json:
        report = {
            **asdict(done),
            "name": entry.name,
            "url": entry.endpoint,
            "gateway": gateway.url,
            "tools": len(entry.tools),
            "took_over": asdict(stranger) if stranger is not None else None,
        }
        print(json.dumps(report, indent=2, ensure_ascii=True))
        return 0
    if stranger is not None:
        print(
            f"Took over the entry {printable(stranger.name)!r} that somebody else made for {printable(stranger.url)}."
        )
    print(
        f"{paint('✓', 'green')} {done.done}: {entry.name} at {printable(gateway.url)} (HTTP {done.status}, id "
        f"{printable(done.id)}), {len(entry.tools)} tools at {entry.endpoint}"
    )
    if done.paused:
        print("  it is switched off at the gateway, and is left so; an operator can switch it on there")
    for hole in done.holes:
        print(f"  {printable(hole)}", file=sys.stderr)
    return 0


async def _settled(registrar: Registrar, entry: Entry, *, adopt: bool) -> Registration:
    """Register, and wait for a gateway that does so in the background."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PENDING_SECONDS
    while True:
        try:
            return await guarded(registrar, registrar.register(entry, None, adopt=adopt))
        except GatewayError as error:
            pause = max(error.after, PAUSE)
            if error.kind != "pending" or loop.time() + pause > end:
                raise
            await asyncio.sleep(pause)


async def _preview(case: Case, *, adopt: bool, as_json: bool) -> int:
    notes: list[str] = []
    async with Live(case.base, case.cluster.name, case.token) as live:
        try:
            await live.check()
            entry = case.entry(await live.tools())
            notes.append(f"the server runs at {case.base} and lists {len(entry.tools)} tools")
        except NotServedError as error:
            entry = case.entry(case.installed)
            notes.append(f"these are the tools as installed: {error}")
    cluster = case.cluster
    resources, prompts = ([one.wire() for one in ones] for ones in (cluster.resources, cluster.prompts.values()))
    faults = [*cluster.faults, *losses(entry.name, entry.tools, resources, prompts)]
    reaches, asks = False, case.config.registrar in KNOWN
    async with case.gateway() as (gateway, registrar):
        plan = registrar.plan(entry)
        try:
            survey = await case.survey(gateway, entry)
        except GatewayError as error:
            faults.append(str(error))
        else:
            in_the_way, seen = _stand(survey, entry, adopt=adopt)
            if survey is None and asks:
                plan = choose("manifest", gateway).plan(entry)
                seen = [NO_FORGE.format(gateway.url)]
            faults += in_the_way
            notes += seen
            asks = survey is not None
            reaches = survey is not None and survey.found is not None and survey.found.ours and survey.found.reachable
        secret = case.config.api_token.get_secret_value() if case.config.api_token is not None else ""
        # Other makes have other permissions and networks.
        lacking, hints = of_the_token(secret) if asks else ([], [])
        hints += await of_the_network(entry, gateway.url) if asks and not reaches else []
    shown = Preview(plan, [*faults, *lacking], notes, hints)
    if as_json:
        print(json.dumps({"ok": not shown.faults, **asdict(shown)}, indent=2, ensure_ascii=True))
    else:
        _print(shown)
    return 1 if shown.faults else 0


def _stand(survey: Survey | None, entry: Entry, *, adopt: bool) -> tuple[list[str], list[str]]:
    """What at the gateway is in the way, and what is there."""
    if survey is None:
        return [], ["this make of gateway does not show what it has"]
    found = survey.found
    if found is None:
        return [], [f"the gateway has no entry {entry.name}; one would be made"]
    if found.ours:
        kept = f"the gateway has our entry {found.name} (id {found.id}) for {found.url}; it would be brought up to date"
        trouble = [found.trouble] if found.trouble else []
        return [], [kept, *trouble, *(str(one) for one in survey.touched)]
    if not found.named:
        text = f"the gateway has our URL under the name {found.name!r}; remove that entry there"
        return [f"{text}, or set SANCTUARY_REGISTER_AS={found.name} and take it over with --adopt"], []
    text = f"the gateway's entry {found.name!r} for {found.url} was made by somebody else"
    if adopt:
        return [], [f"{text}; it would be taken over"]
    return [f"{text}; `--adopt` takes it over, SANCTUARY_REGISTER_AS chooses another name"], []


def _print(shown: Preview) -> None:
    plan = shown.plan
    print(f"{paint(plan.method, 'bold')} {printable(plan.url)}")
    body: dict[str, Any] = dict(plan.body)
    print(json.dumps(body, indent=2, ensure_ascii=False, default=str))
    print()
    for note in shown.notes:
        print(f"{paint('·', 'cyan')} {printable(note)}")
    for hint in shown.hints:
        print(f"{paint('→', 'yellow')} {printable(hint)}")
    for fault in shown.faults:
        print(f"{paint('✗', 'red')} {printable(fault)}", file=sys.stderr)
    if not shown.faults:
        print(f"{paint('✓', 'green')} nothing is in the way; nothing was sent")
