"""`sanctuary-host drift`: whether callers of the gateway are offered what the server offers, and what differs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from sanctuary_host.commands.case import KNOWN, Case, finish, guarded
from sanctuary_host.commands.live import Live, NotServedError
from sanctuary_host.commands.table import paint, printable, table
from sanctuary_host.config import Config
from sanctuary_host.gateway.drift import Difference, differences
from sanctuary_host.gateway.entry import Entry
from sanctuary_host.gateway.equal import same
from sanctuary_host.gateway.lint import faults_of
from sanctuary_host.gateway.registrar import GatewayError
from sanctuary_host.gateway.survey import Survey
from sanctuary_host.plugins import Cluster
from sanctuary_host.shapes import is_array, is_object

CELL: Final = 36
"""Characters of a value in the table."""
LINES: Final = 60
"""Lines of one diff."""
NOT_COMPARED: Final = 2


@dataclass(frozen=True)
class Report:
    """What was compared, and what was found.

    Attributes:
        source: `running` or `installed`: which tools were compared.
        why: why it was not the running server's; empty where it was, or where nobody asked for it.
        entry: the server as the gateway should know it.
        gateway: its URL.
        survey: what the gateway has; `None` where its make does not say.
        differences: between the tools and the gateway's copy; `None` where it has no entry of ours.
    """

    source: str
    why: str
    entry: Entry
    gateway: str
    survey: Survey | None
    differences: Sequence[Difference] | None

    @property
    def sentences(self) -> list[str]:
        """What keeps callers from the tools, beside the differences."""
        found = self.survey.found if self.survey is not None else None
        if found is not None and not found.ours:
            text = f"the gateway's entry {found.name!r} at {found.url} is not ours"
            return [f"{text}; `sanctuary-host register --check` says what to do"]
        if self.differences is None:
            return [f"the gateway has no entry {self.entry.name}; `sanctuary-host register` makes one"]
        trouble = [found.trouble] if found is not None and found.trouble else []
        return [*trouble, *(str(one) for one in (self.survey.touched if self.survey is not None else ()))]

    @property
    def equal(self) -> bool:
        """Whether callers of the gateway are offered what the server offers."""
        return not self.differences and not self.sentences


def show_drift(config: Config, cluster: Cluster, *, installed: bool, as_json: bool) -> int:
    """Compare and print; exit status 0 where callers are offered the same, 1 where not, 2 where that cannot be told.

    Args:
        config: the process's settings, with the secrets themselves.
        cluster: as it is installed here.
        installed: compare what is installed here even where a server runs.
        as_json: print JSON.

    Raises:
        SettingsError: a setting is missing.
    """
    return finish(partial(_drift, Case.of(config, cluster), installed=installed, as_json=as_json), NOT_COMPARED)


async def _drift(case: Case, *, installed: bool, as_json: bool) -> int:
    tools, why = (case.installed, "") if installed else await _live_tools(case)
    source = "installed" if installed or why else "running"
    entry = case.entry(tools)
    async with case.gateway() as (gateway, registrar):
        survey = await case.survey(gateway, entry)
        if survey is None and case.config.registrar in KNOWN:
            raise GatewayError(
                f"the gateway at {gateway.url} is no ContextForge, and a plain manifest leaves no copy of the tools to "
                "compare with; `sanctuary-host register --check` shows what it is told",
                "foreign",
            )
        ours = survey is None or (survey.found is not None and survey.found.ours and survey.found.named)
        copy = await guarded(registrar, registrar.copy(entry)) if ours else None
    found = differences(tools, copy) if copy is not None else None
    report = Report(source, why, entry, gateway.url, survey, found)
    if as_json:
        print(json.dumps(_wire(report, case), indent=2, ensure_ascii=True))
    else:
        _print(report, case)
    return 0 if report.equal else 1


async def _live_tools(case: Case) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The running server's tools, or those that are installed and why it is them."""
    async with Live(case.base, case.cluster.name, case.token) as live:
        try:
            await live.check()
        except NotServedError as error:
            return case.installed, str(error)
        return await live.tools(), ""


def _wire(report: Report, case: Case) -> dict[str, Any]:
    found = report.survey.found if report.survey is not None else None
    return {
        "equal": report.equal,
        "cluster": case.cluster.name,
        "compared": report.source,
        "url": report.entry.endpoint,
        "gateway": report.gateway,
        "entry": asdict(found) if found is not None else None,
        "differences": [asdict(one) for one in report.differences or ()],
        "touched": [asdict(one) for one in (report.survey.touched if report.survey is not None else ())],
        "sentences": report.sentences,
    }


def _print(report: Report, case: Case) -> None:
    what = f"the {report.source} tools of cluster {case.cluster.name}"
    where = f" (at {case.base})" if report.source == "running" else ""
    print(f"Compared {what}{where} with {report.entry.name} at {printable(report.gateway)}.")
    if report.why:
        print(paint(f"The running server was not compared: {printable(report.why)}", "dim"))
    found = report.differences or ()
    if found:
        rows = [[printable(cell) for cell in _row(one)] for one in found]
        print("\n" + table(["TOOL", "WHAT", "OURS", "THE GATEWAY'S"], rows))
    for one in found:
        for line in _diff(one):
            print(line)
    told = [*report.sentences, *_remedies(report)]
    if told:
        print()
    for sentence in told:
        print(f"{paint('✗', 'red')} {printable(sentence)}")
    if report.equal:
        print(f"{paint('✓', 'green')} Equal: {len(report.entry.tools)} tools.")


def _remedies(report: Report) -> Iterator[str]:
    found = report.differences or ()
    ours = {str(tool["name"]): tool for tool in report.entry.tools}
    edited = {one.tool for one in report.survey.touched if one.described} if report.survey is not None else set[str]()
    mendable = False
    for one in found:
        faults = faults_of(one.tool, str(ours[one.tool].get("description") or "")) if one.what == "missing" else []
        if one.lasting:
            yield f"{one.tool}: {one.lasting}"
        elif faults:
            yield from faults
        elif one.what != "description" or one.tool not in edited:
            mendable = True
    if mendable and report.source == "running":
        yield (
            "`sanctuary-host register` brings the gateway's copy up to date; a server that runs with GATEWAY_URL does "
            "so by itself within a heartbeat"
        )
    elif mendable:
        yield "start the server with GATEWAY_URL, and it brings the gateway's copy up to date"


def _row(one: Difference) -> list[str]:
    if one.what in {"missing", "extra"}:
        return [one.tool, one.what, *(("offered", "-") if one.what == "missing" else ("-", "offered"))]
    if one.what == "description":
        return [one.tool, one.what, *_around(one.ours, one.theirs)]
    path, ours, theirs = _first(one.ours, one.theirs, one.what)
    return [one.tool, path, _short(ours), _short(theirs)]


def _first(ours: Any, theirs: Any, path: str) -> tuple[str, Any, Any]:
    """The first place in two unequal JSON values where they differ."""
    if is_object(ours) and is_object(theirs):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            if (key in ours) != (key in theirs):
                return f"{path}.{key}", ours.get(key, Ellipsis), theirs.get(key, Ellipsis)
            if not same(ours[key], theirs[key]):
                return _first(ours[key], theirs[key], f"{path}.{key}")
    if is_array(ours) and is_array(theirs) and len(ours) == len(theirs):
        for index, (own, other) in enumerate(zip(ours, theirs, strict=True)):
            if not same(own, other):
                return _first(own, other, f"{path}[{index}]")
    return path, ours, theirs


def _short(value: Any) -> str:
    if value is Ellipsis:
        return "-"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def _around(ours: str, theirs: str) -> tuple[str, str]:
    """Two unequal texts, from shortly before where they part."""
    pairs = zip(ours, theirs, strict=False)
    same = next((at for at, (own, other) in enumerate(pairs) if own != other), min(len(ours), len(theirs)))
    start = max(0, same - CELL // 3) if max(len(ours), len(theirs)) > CELL else 0

    def cell(text: str) -> str:
        piece = ("…" if start else "") + text[start:]
        return json.dumps(piece if len(piece) <= CELL else f"{piece[: CELL - 1]}…", ensure_ascii=False)

    return cell(ours), cell(theirs)


def _diff(one: Difference) -> Iterator[str]:
    """A unified diff of what differs within a tool; nothing where a whole tool does."""
    if one.what in {"missing", "extra"}:
        return
    old, new = _lines(one.ours), _lines(one.theirs)
    diff = list(difflib.unified_diff(old, new, f"{one.tool}: {one.what}, ours", "the gateway's", lineterm="", n=2))
    yield ""
    for line in diff[:LINES]:
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        yield paint(printable(line), colour)
    if len(diff) > LINES:
        yield paint(f"… and {len(diff) - LINES} more lines; --json has all", "dim")


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return text.splitlines()
