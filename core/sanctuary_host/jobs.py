"""Plugin code by name: what a cluster offers as pieces that run anywhere, and how one piece ends."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sanctuary_host import errands
from sanctuary_host.calling import ProtocolError, WorkerNeededError
from sanctuary_host.containment import probe
from sanctuary_host.containment.steps import LIMIT, HeldError
from sanctuary_host.content import Verbatim, resource_contents
from sanctuary_host.errands import RunError
from sanctuary_host.plugins import Cluster, Plugin, unready
from sanctuary_host.prompts import Completer, Message, Prompt
from sanctuary_host.resources import Resource
from sanctuary_host.results import Reply, ResultError
from sanctuary_host.shapes import is_array, is_object
from sanctuary_host.tools import DEFAULT_TIMEOUT, ArgumentsError, Runs, Tool, ToolError

Kind = Literal["tool", "resource", "prompt", "complete", "ready", "run"]
Ending = Literal["ok", "error", "invalid", "failure", "timeout", "crash", "cancelled", "open", "busy", "unrecorded"]
"""How a call ends: `error` is the tool's own ToolError, `invalid` means arguments that do not fit its schema,
`failure` any other exception or a wrong result, `crash` the end of its worker process; `open` that it was refused since
its tool is paused, `busy` since too many wait, `unrecorded` since the audit trail cannot hold it."""

READY_SECONDS: Final = 1.0
MEMORY: Final = 512
"""MiB that a call may add to its worker process, unless its tool says otherwise."""
REASON_LIMIT: Final = 20_000
"""Characters of a ToolError that reach the caller."""
TRACE_LIMIT: Final = 8_000
REFUSED: Final = "The sandbox may have refused this; docs/containment.md says what a boundary grants.\n"
"""What a log's traceback says of a `PermissionError`: its author looks for wrong file modes first."""
"""Characters of a traceback that are logged, its end: an exception's text may hold whole arguments."""
HELD: Final = f"held the event loop for more than {LIMIT:g} s and was stopped"
SENT: Final[frozenset[Any]] = frozenset({"ok", "error", "invalid", "failure"})
"""The endings that a worker reports itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a piece of plugin code ended, and what it gave."""

    ending: Ending
    value: Any = None
    reason: str = ""
    trace: str = ""

    def wire(self) -> list[Any]:
        """The outcome as JSON, for the way from a worker."""
        return [self.ending, self.value, self.reason[:REASON_LIMIT], self.trace]

    @classmethod
    def read(cls, kind: Kind, sent: Any) -> Outcome:
        """What `wire` sent for a job of that kind, taken as data from a process that may have been taken over.

        Raises:
            TypeError: it is something else.
            ValueError: it is something else.
        """
        ending, value, reason, trace = sent
        if ending not in SENT or not isinstance(reason, str) or not isinstance(trace, str):
            raise ValueError("no outcome")
        fits = FITS[kind] if ending == "ok" else _fits_error if ending == "error" else _fits_nothing
        if not fits(value):
            raise ValueError("an outcome without a fitting value")
        return cls(ending, value, reason, trace[-TRACE_LIMIT:])


@dataclass(frozen=True, slots=True)
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
    room: str = ""
    """The distribution that the code is from."""
    concurrency: int | None = None
    """Calls that run at once; `None` for what the place where it runs allows."""


def jobs_of(cluster: Cluster) -> dict[tuple[Kind, str], Job]:
    """Everything in a cluster that can be called, by kind and name."""
    jobs = [_tool_job(tool) for tool in cluster.tools.values()]
    for resource in cluster.resources:
        jobs.append(_job("resource", resource.uri, _reader(resource), resource.function, resource))
        jobs += _completions("resource", resource.uri, resource)
    for prompt in cluster.prompts.values():
        jobs.append(_job("prompt", prompt.name, _writer(prompt), prompt.function, prompt))
        jobs += _completions("prompt", prompt.name, prompt)
    jobs += [_ready_job(plugin) for plugin in cluster.plugins if not plugin.trusted and "check_ready" in plugin.hooks]
    return {(job.kind, job.name): job for job in jobs}


def work_of(cluster: Cluster) -> Callable[[Mapping[str, Any]], Any]:
    """What a worker does with the requests of `Calls`, and of the witness that asks what it is confined by."""
    jobs = jobs_of(cluster)

    def work(request: Mapping[str, Any]) -> Any:
        kind, name = request["kind"], request["name"]
        if kind == "probe":
            return probe.answer(probe.Question.read(request["arguments"])).wire()
        job = _errand(name) if kind == "run" else jobs[kind, name]
        if job.is_async:
            errands.runner.set(run_in_place)
            return asyncio.run(aperform(job, request["arguments"])).wire()
        return perform(job, request["arguments"]).wire()

    return work


def perform(job: Job, arguments: Mapping[str, Any]) -> Outcome:
    """Run a job here and now, whatever it raises.

    Raises:
        WorkerNeededError: it is to be run in a worker.
    """
    try:
        return Outcome("ok", job.run(arguments))
    except WorkerNeededError:
        raise
    except BaseException as error:  # noqa: BLE001  # a tool's SystemExit or KeyboardInterrupt ends its call alone
        return ended(error)


async def aperform(job: Job, arguments: Mapping[str, Any]) -> Outcome:
    """Run a job on this loop, in a task of its own, whatever it raises, a cancellation included."""
    try:
        value = job.run(arguments)
        return Outcome("ok", await value if isinstance(value, Awaitable) else value)
    except BaseException as error:  # noqa: BLE001  # as in perform
        return ended(error)


async def run_in_place(name: str, arguments: Sequence[Any]) -> Any:
    """Run an errand here and now: in a worker, or where there are none.

    Raises:
        RunError: as in `brought`.
        ToolError: as there.
        ProtocolError: as there.
    """
    return errands.copy(brought(perform(_errand(name), {"with": [errands.pack(each) for each in arguments]})))


def brought(outcome: Outcome) -> Any:
    """What an errand brought back.

    Raises:
        RunError: its function failed.
        ToolError: its function raised it.
        ProtocolError: as above.
    """
    if outcome.ending == "ok":
        return errands.unpack(outcome.value)
    if outcome.ending == "error" and outcome.value is not None:
        raise ProtocolError(*outcome.value)
    if outcome.ending == "error":
        raise ToolError(outcome.reason)
    error = RunError(outcome.reason, crashed=outcome.ending == "crash")
    if outcome.trace:
        error.add_note(outcome.trace)
    raise error


def ended(error: BaseException) -> Outcome:
    """How a piece of plugin code ended that raised something."""
    if isinstance(error, ArgumentsError):
        return Outcome("invalid", reason=str(error))
    if isinstance(error, ToolError):
        try:
            return Outcome("error", reason=_sendable(str(error)[:REASON_LIMIT]))
        except BaseException:  # noqa: BLE001  # a ToolError of a pack's own may have no text, or exit when asked for it
            return Outcome("failure", reason=f"it raised {_name(type(error))}", trace=_trace(error))
    if isinstance(error, HeldError):
        return Outcome("timeout", reason=HELD)
    if isinstance(error, RunError):
        return Outcome("crash" if error.crashed else "failure", reason=error.reason, trace=_trace(error))
    if isinstance(error, ProtocolError):
        return Outcome("error", value=[error.code, error.message, error.data], reason=error.message)
    # Only the kind of exception leaves the process: its text may hold what the caller, or a secret file, said.
    reason = f"it {error}" if isinstance(error, ResultError) else f"it raised {_name(type(error))}"
    return Outcome("failure", reason=reason, trace=_trace(error))


def _name(kind: type[BaseException]) -> str:
    """The name of a kind of exception, which may be any text."""
    return "".join(character for character in kind.__name__[:60] if character.isprintable())


def _trace(error: BaseException) -> str:
    try:
        hint = REFUSED if isinstance(error, PermissionError) else ""
        return _sendable(("".join(traceback.format_exception(error)) + hint)[-TRACE_LIMIT:])
    except BaseException as worse:  # noqa: BLE001  # an exception may override whatever a report asks it for
        return f"no traceback: making it raised {_name(type(worse))}"


def _sendable(text: str) -> str:
    """The text as Unicode has it; half of a surrogate pair, which JSON cannot state, is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fits_nothing(value: Any) -> bool:
    return value is None


def _fits_error(value: Any) -> bool:
    """Whether it is None, or a protocol error's code, message and data."""
    if value is None:
        return True
    return (
        is_array(value) and len(value) == 3 and type(value[0]) is int and isinstance(value[1], str)
    )  # code, message, data


def _fits_tool(value: Any) -> bool:
    """Whether it is the four fields of a Reply."""
    if not is_array(value) or len(value) != 4:  # as the first line says
        return False
    content, structured, is_error, verbatim = value
    return (
        is_array(content)
        and all(is_object(block) and isinstance(block.get("type"), str) for block in content)
        and (structured is None or is_object(structured))
        and isinstance(is_error, bool)
        and (verbatim is None or is_object(verbatim))
    )


def _fits_words(value: Any) -> bool:
    return is_array(value) and all(isinstance(word, str) for word in value)


def _fits_errand(value: Any) -> bool:
    """Whether `errands.unpack` takes it."""
    try:
        errands.unpack(value)
    except (TypeError, ValueError):
        return False
    return True


FITS: Final[Mapping[Kind, Callable[[Any], bool]]] = {
    "tool": _fits_tool,
    "resource": is_object,
    "prompt": is_object,
    "complete": _fits_words,
    "ready": _fits_words,
    "run": _fits_errand,
}
"""Whether a value is what a job of that kind gives."""


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
    memory = marks.memory or MEMORY
    return Job(
        "tool",
        tool.name,
        run,
        tool.is_async,
        tool.runs,
        marks.timeout,
        memory,
        tool.distribution,
        marks.concurrency,
    )


def _packed(reply: Reply) -> list[Any]:
    return [reply.content, reply.structured, reply.is_error, reply.verbatim]


def _errand(name: str) -> Job:
    def run(request: Mapping[str, Any]) -> Any:
        return errands.pack(errands.function_of(name)(*(errands.unpack(each) for each in request["with"])))

    return Job("run", name, run, is_async=False, runs="worker", timeout=DEFAULT_TIMEOUT)


def _completions(kind: str, name: str, offer: Prompt | Resource) -> list[Job]:
    return [
        _job("complete", f"{kind}/{name}/{argument}", _completion(completer), completer.suggest, offer)
        for argument, completer in offer.completers.items()
    ]


def _ready_job(plugin: Plugin) -> Job:
    def run(_arguments: Mapping[str, Any]) -> Awaitable[list[str]]:
        return unready(plugin, READY_SECONDS)

    return Job(
        "ready", plugin.name, run, is_async=True, runs="worker", timeout=2 * READY_SECONDS, room=plugin.distribution
    )


def _job(
    kind: Kind, name: str, run: Callable[[Mapping[str, Any]], Any], function: Callable[..., Any], of: Prompt | Resource
) -> Job:
    is_async = inspect.iscoroutinefunction(function)
    runs: Runs = "loop" if is_async and of.trusted else "worker"
    return Job(kind, name, run, is_async, runs, DEFAULT_TIMEOUT, room=of.distribution)


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


def _completion(completer: Completer) -> Callable[[Mapping[str, Any]], Any]:
    suggest = completer.suggest
    if not inspect.iscoroutinefunction(suggest):
        return lambda request: [str(value) for value in suggest(request["typed"])]

    async def run(request: Mapping[str, Any]) -> list[str]:
        return [str(value) for value in await suggest(request["typed"])]

    return run


def _then(
    function: Callable[..., Any],
    keywords: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    convert: Callable[[Any, Mapping[str, Any]], Any],
) -> Callable[[Mapping[str, Any]], Any]:
    """A job's `run` from a function, its keywords in the request, and the conversion of its result."""
    if not inspect.iscoroutinefunction(function):
        return lambda request: convert(function(**keywords(request)), request)

    async def run(request: Mapping[str, Any]) -> Any:
        return convert(await function(**keywords(request)), request)

    return run
