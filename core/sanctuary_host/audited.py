"""What the audit trail says of a call: who called what, with which arguments, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json

from sanctuary_host.boundary import Boundary
from sanctuary_host.config import Config
from sanctuary_host.folders import read_folders
from sanctuary_host.jobs import Job, Outcome
from sanctuary_host.observe.audit import Trail, UnrecordedError
from sanctuary_host.observe.chain import LINE_LIMIT
from sanctuary_host.plugins import Cluster
from sanctuary_host.recorded import Reduction, TooManyError
from sanctuary_host.settings import SettingsError
from sanctuary_host.ways import is_within

ARGUMENTS_LIMIT: Final = LINE_LIMIT // 2
"""Bytes of reduced arguments in one record. A call with more is refused: what is cut is what somebody would hide."""
NAME_LIMIT: Final = 64
PROCESSES: Final = 64
"""Processes of one cluster and user that find a trail of their own where none is set."""

Reduce = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        session: the id of the session, which is a credential; empty where there is none.
        client: name and version that the client gave itself.
    """

    session: str = ""
    client: tuple[str, str] = ("", "")


NOBODY: Final = Caller()


class Audit:
    """The records of a cluster's calls.

    Args:
        cluster: whose calls.
        trail: where they are recorded.
        session: what is recorded of callers without a session's id, such as `stdio`.
    """

    def __init__(self, cluster: Cluster, trail: Trail, session: str = "") -> None:
        self.trail = trail
        self._session = session
        self._read_only = {("tool", tool.name) for tool in cluster.tools.values() if tool.marks.read_only}
        self._rules: dict[tuple[str, str], Reduce] = {}
        for tool in cluster.tools.values():
            self._rules["tool", tool.name] = Reduction(tool.function)
        for resource in cluster.resources:
            self._rules["resource", resource.uri] = partial(_of_resource, Reduction(resource.function))
        for prompt in cluster.prompts.values():
            self._rules["prompt", prompt.name] = Reduction(prompt.function)

    def entry(self, job: Job, arguments: Mapping[str, Any], call_id: str, caller: Caller, correlation: str) -> Entry:
        """What will be recorded of a call that is about to be run."""
        said: dict[str, Any] = {"call": call_id, **self._who(caller), job.kind: job.name}
        try:
            said["arguments"] = self._rules.get((job.kind, job.name), _counted)(arguments)
            fits = len(to_json(said["arguments"], inf_nan_mode="strings")) <= ARGUMENTS_LIMIT
        except TooManyError:
            fits = False
        if not fits:
            said["arguments"] = _counted(arguments)
        if correlation:
            said["correlation"] = correlation
        changes = job.kind == "tool" and (job.kind, job.name) not in self._read_only
        return Entry(self.trail, said, changes=changes, fits=fits)

    def refuse(self, name: str, arguments: Mapping[str, Any], caller: Caller, correlation: str) -> None:
        """Record a call of a tool that is not on offer, as well as can be: nothing is run."""
        shown = name if re.fullmatch(rf"[\w.-]{{1,{NAME_LIMIT}}}", name, re.ASCII) else {"chars": len(name)}
        also = {"correlation": correlation} if correlation else {}
        fields = {**self._who(caller), "tool": shown, "arguments": _counted(arguments), **also, "outcome": "unknown"}
        try:
            self.trail.write("call", **fields)
        except UnrecordedError:
            return

    def _who(self, caller: Caller) -> dict[str, str]:
        who: dict[str, str] = {}
        if session := sha256(caller.session.encode()).hexdigest()[:16] if caller.session else self._session:
            who["session"] = session
        if caller.client[0]:
            who["client"] = _client(*caller.client)
        return who


class Entry:
    """One call's records: its beginning, where the tool may change something, and its end.

    Args:
        trail: where they go.
        said: what both say.
        changes: whether the call may change something, and so is recorded before it does.
        fits: whether its arguments can be recorded.
    """

    __slots__ = ("_changes", "_fits", "_said", "_trail")

    def __init__(self, trail: Trail, said: Mapping[str, Any], *, changes: bool, fits: bool) -> None:
        self._trail = trail
        self._said = said
        self._changes = changes
        self._fits = fits

    def begin(self) -> Outcome | None:
        """Record that the call begins; gives its outcome where it must not."""
        if not self._fits:
            return Outcome(
                "unrecorded", reason="these arguments are too many for a record of the audit trail; pass fewer"
            )
        if not self._changes:  # that is recorded at its end, if the trail is well, or well again
            fault = self._trail.fault and self._trail.check()
            return Outcome("unrecorded", reason=fault) if fault else None
        try:
            self._trail.write("begin", **self._said)
        except UnrecordedError as error:
            return Outcome("unrecorded", reason=str(error))
        return None

    def end(self, outcome: Outcome, seconds: float) -> Outcome:
        """Record how the call ended; gives the outcome, which is another one where that cannot be recorded."""
        size = _size(outcome)
        try:
            self._trail.write("call", **self._said, outcome=outcome.ending, bytes=size, ms=round(seconds * 1000, 3))
        except UnrecordedError as error:
            if outcome.ending == "unrecorded":
                return outcome
            ran = "it was run, but its result is withheld: " if self._changes else ""
            return Outcome("unrecorded", reason=f"{ran}{error}")
        return outcome


def trail_of(cluster: Cluster, config: Config, environment: Mapping[str, str]) -> Trail | None:
    """The audit trail of a cluster, open; `None` where its boundary declares none.

    Raises:
        SettingsError: the cluster's own tools could write it.
    """
    if not cluster.boundary.audit:
        return None
    place = place_of(cluster.boundary, config, environment)
    opening = {"cluster": cluster.name, "version": cluster.version}
    trail = Trail(place, opening)
    if place is None or config.audit:
        return trail
    # Each client that speaks over standard input and output starts a process of its own, and each has its own trail.
    for number in range(2, PROCESSES + 1):
        if not trail.taken:
            break
        trail.close()
        trail = Trail(place.with_stem(f"{place.stem}-{number}"), opening)
    return trail


def place_of(boundary: Boundary, config: Config, environment: Mapping[str, str]) -> Path | None:
    """Where a cluster's audit trail is kept; `None` in a container that has no place for it.

    Raises:
        SettingsError: SANCTUARY_AUDIT is no absolute path, or leads where the cluster's own tools may write.
    """
    mounts = [folder for mount in boundary.mounts for folder in read_folders(mount, environment)]
    writable = [Path(folder.path) for folder in mounts if folder.writable]
    name = f"{config.cluster}.jsonl"
    if config.audit:
        path = Path(config.audit)
        if not path.is_absolute() or config.audit.endswith("/"):
            raise SettingsError("SANCTUARY_AUDIT must be the absolute path of a file, such as /srv/audit/git.jsonl")
        if is_within(path, writable):
            raise SettingsError(
                "SANCTUARY_AUDIT leads into a folder that the cluster's own tools may write; choose another one"
            )
        return path
    candidates: list[Path] = []
    if (data := environment.get("SANCTUARY_DATA", "")).startswith("/"):
        candidates.append(Path(data) / "audit" / name)
    if not config.container:
        state = environment.get("XDG_STATE_HOME", "")
        home = environment.get("HOME", "")
        if state.startswith("/"):
            candidates.append(Path(state) / "sanctuary-host" / "audit" / name)
        elif home.startswith("/"):
            candidates.append(Path(home) / ".local" / "state" / "sanctuary-host" / "audit" / name)
    return next((path for path in candidates if not is_within(path, writable)), None)


def _of_resource(reduce: Reduce, request: Mapping[str, Any]) -> dict[str, Any]:
    return reduce(request.get("of", {}))


def _counted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"keys": len(arguments)}


@lru_cache(maxsize=256)
def _client(name: str, version: str) -> str:
    """What a client calls itself, in signs that show, and not without end."""
    whole = f"{name[:NAME_LIMIT]}/{version[:NAME_LIMIT]}" if version else name[:NAME_LIMIT]
    return "".join(one if one.isprintable() else "?" for one in whole)


def _size(outcome: Outcome) -> int:
    """Bytes of a result as JSON; of a refusal, its sentence."""
    try:
        return len(to_json(outcome.value, inf_nan_mode="strings")) if outcome.value is not None else len(outcome.reason)
    except (PydanticSerializationError, ValueError):  # what no client could be sent either
        return 0
