"""The one place where code of a plugin runs: look up, validate, bound in time, run in its place, account for the end."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from sanctuary_host import calling
from sanctuary_host.calling import Voice
from sanctuary_host.containment.pool import MEMORY, CrashError, Pool
from sanctuary_host.containment.wire import FrameError
from sanctuary_host.content import Verbatim, resource_contents
from sanctuary_host.observe.metrics import Metrics, ToolMetrics
from sanctuary_host.plugins import Cluster, unready
from sanctuary_host.prompts import Message, Prompt
from sanctuary_host.resources import Resource
from sanctuary_host.tools import DEFAULT_TIMEOUT, ArgumentsError, Reply, ResultError, Runs, Tool, ToolError

logger = logging.getLogger(__name__)

Kind = Literal["tool", "resource", "prompt", "complete", "ready"]
Ending = Literal["ok", "error", "invalid", "failure", "timeout", "crash", "cancelled"]
"""How a call ends: `error` is the tool's own ToolError, `invalid` means arguments that do not fit its schema,
`failure` any other exception or a wrong result, `crash` the end of its worker process."""

READY_SECONDS: Final = 1.0
COMPLETION_LIMIT: Final = 100
"""Values in one completion; the protocol allows no more."""


class UnknownError(Exception):
    """What the caller asks for is not offered; the message is for the caller."""


class FailedError(Exception):
    """A resource, prompt or completion failed; the message is for the caller, the log has the rest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a piece of plugin code ended, and what it gave."""

    ending: Ending
    value: Any = None
    reason: str = ""
    trace: str = ""

    def wire(self) -> list[Any]:
        """The outcome as JSON, for the way from a worker."""
        return [self.ending, self.value, self.reason, self.trace]


@dataclass(slots=True)
class Job:
    """A piece of plugin code that can be called by name."""

    kind: Kind
    name: str
    run: Callable[[Mapping[str, Any]], Any]
    """From arguments to JSON; a coroutine function where `is_async`."""
    is_async: bool
    runs: Runs
    timeout: float
    memory: int = MEMORY
    states: dict[str, int] = field(default_factory=dict)
    last_failure: str = ""
    metrics: ToolMetrics | None = None


class Calls:
    """Everything that callers may have run, and the record of how it went.

    Args:
        cluster: what is offered.
        pool: where `def` tools and third parties' code run; `None` where nothing needs it.
        metrics: where calls are counted.
    """

    def __init__(self, cluster: Cluster, pool: Pool | None = None, metrics: Metrics | None = None) -> None:
        self.cluster = cluster
        self.metrics = metrics or Metrics(cluster.name, cluster.version, get_args(Ending))
        self._pool = pool
        self._jobs = jobs_of(cluster)
        self._ids = itertools.count(1)
        self._prefix = os.urandom(4).hex()
        for (kind, name), job in self._jobs.items():
            if kind == "tool":
                job.metrics = self.metrics.of_tool(name)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        voice: Voice | None = None,
        protocol: Any = None,
        correlation: str = "",
    ) -> Reply:
        """Call a tool; whatever goes wrong inside it becomes a reply that says so.

        Args:
            name: the tool.
            arguments: what the caller passes, unchecked.
            voice: how the tool reaches the caller while it runs.
            protocol: the protocol's request context, for tools on the loop that ask for it.
            correlation: an id of the caller's own, repeated in the log.

        Raises:
            UnknownError: no such tool is on offer.
        """
        job = self._jobs.get(("tool", name))
        if job is None or name in self.cluster.hidden:
            raise UnknownError(_unknown("tool", name))
        outcome, call_id = await self._run(job, arguments, voice, protocol, correlation)
        if outcome.ending == "ok":
            return _reply(outcome.value)
        if outcome.ending in {"error", "invalid"}:
            return Reply.error(outcome.reason)
        text = {
            "timeout": f"{name} did not answer within {job.timeout:g} s and was stopped",
            "crash": f"{name} could not finish: {outcome.reason}",
            "failure": f"{name} failed: {outcome.reason}",
        }[outcome.ending]
        failure = {"error": f"{text} (call {call_id})", "tool": name, "status": "tool_failure"}
        return Reply.error(json.dumps(failure))

    async def read_resource(
        self, uri: str, *, voice: Voice | None = None, protocol: Any = None, correlation: str = ""
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
                outcome, call_id = await self._run(job, {"uri": uri, "of": parameters}, voice, protocol, correlation)
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
        outcome, call_id = await self._run(self._jobs["prompt", name], arguments, voice, protocol, correlation)
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
        """What is known of each tool: its calls by ending, and its last failure."""
        return {
            name: {
                "runs": job.runs,
                "calls": dict(job.states),
                **({"last_failure": job.last_failure} if job.last_failure else {}),
            }
            for (kind, name), job in self._jobs.items()
            if kind == "tool"
        }

    async def unready(self) -> list[str]:
        """Sentences for each reason why the cluster cannot serve as it should; none means that it can."""
        reasons = list(self.cluster.faults)
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
        self, job: Job, arguments: Mapping[str, Any], voice: Voice | None, protocol: Any, correlation: str
    ) -> tuple[Outcome, str]:
        call_id = f"{self._prefix}{next(self._ids):06x}"
        started = time.perf_counter()
        if job.metrics is not None:
            job.metrics.begin()
        outcome = Outcome("cancelled")
        try:
            if job.runs == "inline":
                outcome = perform(job, arguments)
            elif job.runs == "loop":
                outcome = await self._on_loop(job, arguments, voice, protocol)
            else:
                outcome = await self._in_worker(job, arguments, voice)
        finally:
            self._account(job, outcome, call_id, time.perf_counter() - started, correlation)
        return outcome, call_id

    async def _on_loop(self, job: Job, arguments: Mapping[str, Any], voice: Voice | None, protocol: Any) -> Outcome:
        calling.voice.set(voice)
        calling.protocol.set(protocol)
        try:
            async with asyncio.timeout(job.timeout):
                return await aperform(job, arguments)
        except TimeoutError:
            return Outcome("timeout")

    async def _in_worker(self, job: Job, arguments: Mapping[str, Any], voice: Voice | None) -> Outcome:
        if self._pool is None:
            raise RuntimeError(f"{job.name} needs a worker, but this process was started without a pool")
        request = {"kind": job.kind, "name": job.name, "arguments": arguments, "memory": job.memory}
        try:
            async with asyncio.timeout(job.timeout):
                answer = await self._pool.call(request, voice)
            return Outcome(*answer)
        except TimeoutError:
            return Outcome("timeout")
        except (CrashError, FrameError, TypeError) as error:
            return Outcome("crash", reason=str(error))

    def _account(self, job: Job, outcome: Outcome, call_id: str, seconds: float, correlation: str) -> None:
        ending = outcome.ending
        job.states[ending] = job.states.get(ending, 0) + 1
        if job.metrics is not None:
            job.metrics.end(ending, seconds)
        fields: dict[str, Any] = {"event": "call", "call": call_id, job.kind: job.name, "outcome": ending}
        fields["ms"] = round(seconds * 1000, 3)
        if correlation:
            fields["correlation"] = correlation
        if ending in {"ok", "error", "invalid", "cancelled"}:
            if logger.isEnabledFor(logging.INFO):
                logger.info("%s %s %s", job.kind.capitalize(), job.name, ending, extra={"fields": fields})
            return
        reason = outcome.reason or ("it overran its deadline" if ending == "timeout" else ending)
        job.last_failure = f"{ending}: {reason}"[:200]
        if outcome.trace:
            fields["traceback"] = outcome.trace
        logger.error("%s %s failed: %s", job.kind.capitalize(), job.name, reason, extra={"fields": fields})


def jobs_of(cluster: Cluster) -> dict[tuple[Kind, str], Job]:
    """Everything in a cluster that can be called, by kind and name."""
    jobs = [_tool_job(tool) for tool in cluster.tools.values()]
    jobs += [
        _job("resource", resource.uri, _reader(resource), resource.function, trusted=resource.trusted)
        for resource in cluster.resources
    ]
    jobs += [
        _job("prompt", prompt.name, _writer(prompt), prompt.function, trusted=prompt.trusted)
        for prompt in cluster.prompts.values()
    ]
    completed: list[tuple[str, str, Prompt | Resource]] = [
        ("prompt", prompt.name, prompt) for prompt in cluster.prompts.values()
    ]
    completed += [("resource", resource.uri, resource) for resource in cluster.resources]
    for kind, name, offer in completed:
        for argument, completer in offer.completers.items():
            suggest = completer.suggest
            run = _completion(suggest)
            jobs.append(_job("complete", f"{kind}/{name}/{argument}", run, suggest, trusted=offer.trusted))
    for plugin in cluster.plugins:
        if not plugin.trusted and "check_ready" in plugin.hooks:
            jobs.append(
                Job(
                    "ready",
                    plugin.name,
                    lambda _arguments, plugin=plugin: unready(plugin, READY_SECONDS),
                    True,
                    "worker",
                    2 * READY_SECONDS,
                )
            )
    return {(job.kind, job.name): job for job in jobs}


def work_of(cluster: Cluster) -> Callable[[Mapping[str, Any]], Any]:
    """What a worker does with the requests of `Calls`."""
    jobs = jobs_of(cluster)

    def work(request: Mapping[str, Any]) -> Any:
        job = jobs[request["kind"], request["name"]]
        if job.is_async:
            return asyncio.run(aperform(job, request["arguments"])).wire()
        return perform(job, request["arguments"]).wire()

    return work


def perform(job: Job, arguments: Mapping[str, Any]) -> Outcome:
    """Run a job here and now, whatever it raises."""
    try:
        return Outcome("ok", job.run(arguments))
    except BaseException as error:  # noqa: BLE001  # a tool's SystemExit or KeyboardInterrupt ends its call alone
        return _ended(error)


async def aperform(job: Job, arguments: Mapping[str, Any]) -> Outcome:
    """Run a job on this loop, whatever it raises; only a cancellation from outside passes through."""
    try:
        value = job.run(arguments)
        return Outcome("ok", await value if isinstance(value, Awaitable) else value)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _ended(error)
    except BaseException as error:  # noqa: BLE001  # as in perform
        return _ended(error)


def _ended(error: BaseException) -> Outcome:
    if isinstance(error, ArgumentsError):
        return Outcome("invalid", reason=str(error))
    if isinstance(error, ToolError):
        return Outcome("error", reason=str(error))
    # Only the kind of exception leaves the process: its text may hold what the caller, or a secret file, said.
    reason = f"it {error}" if isinstance(error, ResultError) else f"it raised {type(error).__name__}"
    return Outcome("failure", reason=reason, trace="".join(traceback.format_exception(error)))


def _tool_job(tool: Tool) -> Job:
    marks = tool.marks
    run: Callable[[Mapping[str, Any]], Any]
    if tool.is_async:

        async def run_async(arguments: Mapping[str, Any]) -> Any:
            return _packed(tool.result(await tool.function(**tool.keywords(arguments))))

        run = run_async
    else:

        def run_sync(arguments: Mapping[str, Any]) -> Any:
            return _packed(tool.result(tool.function(**tool.keywords(arguments))))

        run = run_sync
    return Job("tool", tool.name, run, tool.is_async, tool.runs, marks.timeout, marks.memory or MEMORY)


def _packed(reply: Reply) -> list[Any]:
    return [reply.content, reply.structured, reply.is_error, reply.verbatim]


def _reply(packed: list[Any]) -> Reply:
    return Reply(*packed)


def _job(
    kind: Kind, name: str, run: Callable[[Mapping[str, Any]], Any], function: Callable[..., Any], *, trusted: bool
) -> Job:
    is_async = asyncio.iscoroutinefunction(function)
    return Job(kind, name, run, is_async, "loop" if is_async and trusted else "worker", DEFAULT_TIMEOUT)


def _reader(resource: Resource) -> Callable[[Mapping[str, Any]], Any]:
    def contents(data: Any, uri: str) -> dict[str, Any]:
        if isinstance(data, Verbatim):
            return data.result
        if not isinstance(data, (str, bytes)):
            raise ResultError(f"returned {type(data).__name__}; a resource gives str or bytes")
        return resource_contents(uri, data, resource.mime_type)

    return _then(resource.function, lambda request: request["of"], lambda data, request: contents(data, request["uri"]))


def _writer(prompt: Prompt) -> Callable[[Mapping[str, Any]], Any]:
    def result(written: Any) -> dict[str, Any]:
        if isinstance(written, Verbatim):
            return written.result
        messages = [written] if isinstance(written, (str, Message)) else list(written)
        wired = [(Message(message) if isinstance(message, str) else message).wire() for message in messages]
        return {"description": prompt.description, "messages": wired}

    return _then(prompt.function, lambda request: request, lambda written, _request: result(written))


def _completion(suggest: Callable[[str], Any]) -> Callable[[Mapping[str, Any]], Any]:
    return _then(
        lambda typed: suggest(typed), lambda request: {"typed": request["typed"]}, lambda values, _request: list(values)
    )


def _then(
    function: Callable[..., Any],
    keywords: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    convert: Callable[[Any, Mapping[str, Any]], Any],
) -> Callable[[Mapping[str, Any]], Any]:
    """A job's `run` from a function, its keywords in the request, and the conversion of its result."""
    if not asyncio.iscoroutinefunction(function):
        return lambda request: convert(function(**keywords(request)), request)

    async def run(request: Mapping[str, Any]) -> Any:
        return convert(await function(**keywords(request)), request)

    return run


def _value(outcome: Outcome, what: str, call_id: str) -> Any:
    if outcome.ending == "ok":
        return outcome.value
    if outcome.ending in {"error", "invalid"}:
        raise FailedError(outcome.reason)
    raise FailedError(f"{what} failed; the host's log has the details under call {call_id}")


def _unknown(kind: str, name: str) -> str:
    shown = f" {name}" if len(name) <= 64 and name.isprintable() else ""
    return f"there is no {kind}{shown} here; list the {kind}s to see what there is"
