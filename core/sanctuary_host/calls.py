"""The one place where plugin code is run: look up, bound in time, run in its place, account for the end."""

from __future__ import annotations

import itertools
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from pydantic_core import to_json

from sanctuary_host.audited import NOBODY, Audit, Caller
from sanctuary_host.calling import ProtocolError, Voice, WorkerNeededError
from sanctuary_host.containment.breaker import Clock, PausedError
from sanctuary_host.containment.lanes import FullError
from sanctuary_host.containment.pool import Pool
from sanctuary_host.containment.steps import HeldError, Watch
from sanctuary_host.jobs import HELD, READY_SECONDS, Ending, Job, Outcome, ended, jobs_of
from sanctuary_host.observe import logs
from sanctuary_host.observe.metrics import Metrics
from sanctuary_host.places import Places
from sanctuary_host.plugins import Cluster, unready
from sanctuary_host.prompts import Prompt
from sanctuary_host.records import Passage, Record
from sanctuary_host.resources import Resource
from sanctuary_host.results import Reply

logger = logging.getLogger(__name__)

QUIET: Final = frozenset({"ok", "error", "invalid", "cancelled", "open", "busy"})
"""Endings that are no fault of the tool, or that its breaker's own record has told of already."""
TURNED_AWAY: Final = frozenset({"open", "busy"})
COMPLETION_LIMIT: Final = 100
"""Values in one completion; the protocol allows no more."""
LIGHT: Final = 64 * 1024
"""Bytes of arguments up to which an inline tool runs on the loop; with more it runs in a worker."""


class UnknownError(Exception):
    """What the caller asks for is not offered; the message is for the caller."""


class FailedError(Exception):
    """A resource, prompt or completion failed; the message is for the caller, the log has the rest."""


class Calls:
    """Everything that callers may have run, and the record of how it went.

    Args:
        cluster: what is offered.
        pool: where `def` tools and third parties' code run; `None` where nothing needs it.
        metrics: where calls are counted.
        audit: where they are recorded, as the cluster's boundary declares.
        watch: interrupts what holds the loop; without it that is measured only.
        clock: seconds, for the pauses of tools that keep failing.
        alone: whether one client only is served.

    Raises:
        ValueError: the boundary declares an audit trail, and there is none.
    """

    def __init__(
        self,
        cluster: Cluster,
        pool: Pool | None = None,
        metrics: Metrics | None = None,
        *,
        audit: Audit | None = None,
        watch: Watch | None = None,
        clock: Clock = time.monotonic,
        alone: bool = False,
    ) -> None:
        if cluster.boundary.audit and audit is None:
            raise ValueError(f"cluster {cluster.name} declares an audit trail; without one no tool of it is run")
        self.cluster = cluster
        self.audit = audit
        self.metrics = metrics or Metrics(cluster.name, cluster.version, get_args(Ending))
        self._pool = pool
        self._jobs = jobs_of(cluster)
        self._places = Places(pool, watch or Watch(), alone=alone)
        workers = pool.lanes.size if pool is not None else 1
        self._records = {key: Record.of(job, workers, clock) for key, job in self._jobs.items()}
        self._ids = itertools.count(1)
        self._prefix = os.urandom(4).hex()
        self._write_call = logs.call_writer(cluster.name)
        for (kind, name), record in self._records.items():
            if kind == "tool":
                record.metrics = self.metrics.of_tool(name)
        self.metrics.follow(lambda: [record.reading() for (kind, _), record in self._records.items() if kind == "tool"])

    async def end(self) -> None:
        """End the coroutines that still run."""
        await self._places.end()

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        voice: Voice | None = None,
        protocol: Any = None,
        correlation: str = "",
        caller: Caller = NOBODY,
    ) -> Reply:
        """Call a tool; whatever goes wrong inside it becomes a reply that says so.

        Args:
            name: the tool.
            arguments: what the caller passes, unchecked.
            voice: how the tool reaches the caller while it runs.
            protocol: the protocol's request context, for tools on the loop that ask for it.
            correlation: an id of the caller's own, repeated in the log.
            caller: who calls, for the audit trail.

        Raises:
            UnknownError: no such tool is on offer.
            ProtocolError: the tool answers with a JSON-RPC error.
        """
        job = self._jobs.get(("tool", name))
        if job is None or name in self.cluster.hidden:
            if self.audit is not None:
                self.audit.refuse(name, arguments, caller, correlation)
            raise UnknownError(_unknown("tool", name))
        outcome, call_id = await self._run(job, arguments, voice, protocol, correlation, caller)
        if outcome.ending == "ok":
            return Reply(*outcome.value)
        if outcome.ending in {"error", "invalid"}:
            return Reply.error(outcome.reason)
        verb = {"crash": "could not finish: ", "failure": "failed: ", "unrecorded": "refuses: "}.get(outcome.ending, "")
        failure = {"error": f"{name} {verb}{outcome.reason} (call {call_id})", "tool": name, "status": "tool_failure"}
        if outcome.ending in TURNED_AWAY:
            failure["retry_after_s"] = outcome.value
        return Reply.error(json.dumps(failure))

    async def read_resource(
        self,
        uri: str,
        *,
        voice: Voice | None = None,
        protocol: Any = None,
        correlation: str = "",
        caller: Caller = NOBODY,
    ) -> list[dict[str, Any]]:
        """Read a resource.

        Returns:
            Its contents as the protocol writes them.

        Raises:
            UnknownError: no resource has that URI.
            FailedError: its function failed.
        """
        for resource in self.cluster.resources:
            parameters = resource.match(uri) if resource.is_template else ({} if resource.uri == uri else None)
            if parameters is not None:
                job = self._jobs["resource", resource.uri]
                outcome, call_id = await self._run(
                    job, {"uri": uri, "of": parameters}, voice, protocol, correlation, caller
                )
                return [_value(outcome, f"resource {resource.name}", call_id)]
        raise UnknownError("no resource has this URI")

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, str],
        *,
        voice: Voice | None = None,
        protocol: Any = None,
        correlation: str = "",
        caller: Caller = NOBODY,
    ) -> dict[str, Any]:
        """Have a prompt written.

        Returns:
            The `GetPromptResult` as the protocol writes it.

        Raises:
            UnknownError: no such prompt is on offer, or its arguments do not fit.
            FailedError: its function failed.
        """
        prompt = self.cluster.prompts.get(name)
        if prompt is None or name in self.cluster.hidden:
            raise UnknownError(_unknown("prompt", name))
        known = {argument["name"] for argument in prompt.arguments}
        missing = [str(a["name"]) for a in prompt.arguments if a["required"] and a["name"] not in arguments]
        if missing:
            raise UnknownError(f"prompt {name} lacks the argument {', '.join(missing)}")
        if not known.issuperset(arguments):
            raise UnknownError(f"prompt {name} takes {', '.join(sorted(known)) or 'no arguments'} and nothing else")
        job = self._jobs["prompt", name]
        outcome, call_id = await self._run(job, arguments, voice, protocol, correlation, caller)
        result: dict[str, Any] = _value(outcome, f"prompt {name}", call_id)
        return result

    async def complete(self, kind: Literal["prompt", "resource"], name: str, argument: str, typed: str) -> list[str]:
        """Complete an argument of a prompt or of a resource template (named by its URI template).

        Returns:
            At most 100 values; none where the argument has no completer.

        Raises:
            UnknownError: there is no such prompt or template.
            FailedError: the completer failed.
        """
        offers: Prompt | Resource | None = self.cluster.prompts.get(name)
        if kind == "resource":
            offers = next((resource for resource in self.cluster.resources if resource.uri == name), None)
        if offers is None:
            raise UnknownError(_unknown(kind, name))
        if argument not in offers.completers:
            return []
        job = self._jobs["complete", f"{kind}/{name}/{argument}"]
        outcome, call_id = await self._run(job, {"typed": typed}, None, None, "")
        return [str(value) for value in _value(outcome, "the completion", call_id)][:COMPLETION_LIMIT]

    def states(self) -> dict[str, Any]:
        """What is known of each tool: where it runs, its calls by ending, who waits, and what is wrong with it."""
        return {name: record.state() for (kind, name), record in self._records.items() if kind == "tool"}

    async def unready(self) -> list[str]:
        """Sentences for each reason why the cluster cannot serve as it should; none means that it can."""
        reasons = list(self.cluster.faults)
        if self._pool is not None and self._pool.fault:
            reasons.append(self._pool.fault)
        if self.audit is not None and (fault := self.audit.trail.check()):
            reasons.append(fault)
        for plugin in self.cluster.plugins:
            if "check_ready" not in plugin.hooks:
                continue
            if plugin.trusted:
                reasons += await unready(plugin, READY_SECONDS)
            else:
                outcome, _ = await self._run(self._jobs["ready", plugin.name], {}, None, None, "")
                reasons += (
                    outcome.value if outcome.ending == "ok" else [f"plugin {plugin.name} cannot say if it is ready"]
                )
        return reasons

    async def _run(
        self,
        job: Job,
        arguments: Mapping[str, Any],
        voice: Voice | None,
        protocol: Any,
        correlation: str,
        caller: Caller = NOBODY,
    ) -> tuple[Outcome, str]:
        call_id = f"{self._prefix}{next(self._ids):06x}"
        started = time.perf_counter()
        record = self._records[job.kind, job.name]
        if record.metrics is not None:
            record.metrics.begin()
        outcome = Outcome("cancelled")
        entry = None
        if self.audit is not None and job.kind != "ready":
            entry = self.audit.entry(job, arguments, call_id, caller, correlation)
        try:
            refused = entry.begin() if entry is not None else None
            outcome = refused or await self._admitted(job, record, arguments, voice, protocol)
        finally:
            seconds = time.perf_counter() - started
            if entry is not None:
                outcome = entry.end(outcome, seconds)
            self._account(job, record, outcome, call_id, seconds, correlation)
        if outcome.ending == "error" and outcome.value is not None:
            raise ProtocolError(*outcome.value)
        return outcome, call_id

    async def _admitted(
        self, job: Job, record: Record, arguments: Mapping[str, Any], voice: Voice | None, protocol: Any
    ) -> Outcome:
        """Run a job in its place, unless it is paused or too many wait for it."""
        outcome = Outcome("cancelled")
        passage: Passage | None = None
        try:
            passage = Passage(record.breaker)
            if job.runs == "inline" and (self._pool is None or _is_light(arguments)):
                try:
                    outcome = self._places.inline(record, passage, arguments)
                except WorkerNeededError:
                    outcome = await self._places.in_worker(record, passage, arguments, voice)
            elif job.runs == "loop":
                outcome = await self._places.on_loop(record, passage, arguments, voice, protocol)
            else:
                outcome = await self._places.in_worker(record, passage, arguments, voice)
        except PausedError as error:
            outcome = Outcome("open", value=error.seconds, reason=str(error))
        except FullError as error:
            reason = f"has {error.waiting} calls waiting; retry after {error.seconds:g} s"
            outcome = Outcome("busy", value=error.seconds, reason=reason)
        except HeldError:
            outcome = Outcome("timeout", reason=HELD)
        except Exception as error:  # noqa: BLE001  # a fault of this host, which is a failed call to whoever called
            outcome = ended(error)
        finally:
            if passage is not None:
                passage.end(outcome)
        return outcome

    def _account(
        self, job: Job, record: Record, outcome: Outcome, call_id: str, seconds: float, correlation: str
    ) -> None:
        ending = outcome.ending
        record.endings[ending] = record.endings.get(ending, 0) + 1
        if record.metrics is not None:
            record.metrics.end(ending, seconds)
        if self._write_call is not None and job.kind == "tool" and ending in QUIET:
            self._write_call(job.name, ending, call_id, seconds * 1000, correlation)
            return
        fields: dict[str, Any] = {"event": "call", "call": call_id, job.kind: job.name, "outcome": ending}
        fields["ms"] = round(seconds * 1000, 3)
        if correlation:
            fields["correlation"] = correlation
        if ending in QUIET:
            if logger.isEnabledFor(logging.INFO):
                logger.info("%s %s %s", job.kind.capitalize(), job.name, ending, extra={"fields": fields})
            return
        reason = f"it {outcome.reason}" if ending == "timeout" else outcome.reason
        record.last_failure = f"{ending}: {reason}"[:200]
        if outcome.trace:
            fields["traceback"] = outcome.trace
        logger.error("%s %s failed: %s", job.kind.capitalize(), job.name, reason, extra={"fields": fields})


def _is_light(arguments: Mapping[str, Any]) -> bool:
    """Whether checking arguments takes no time to speak of, even where all of them are wrong."""
    try:
        return len(to_json(arguments)) <= LIGHT
    except ValueError:  # half of a surrogate pair, which the check refuses at once
        return True


def _value(outcome: Outcome, what: str, call_id: str) -> Any:
    if outcome.ending == "ok":
        return outcome.value
    if outcome.ending in {"error", "invalid", "unrecorded"}:
        raise FailedError(outcome.reason)
    if outcome.ending in TURNED_AWAY:
        raise FailedError(f"{what} {outcome.reason}")
    raise FailedError(f"{what} failed; the host's log has the details under call {call_id}")


def _unknown(kind: str, name: str) -> str:
    shown = f" {name}" if len(name) <= 64 and name.isprintable() else ""
    return f"there is no {kind}{shown} here; list the {kind}s to see what there is"
