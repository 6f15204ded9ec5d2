"""Whatever bytes, messages or arguments come: what fits is taken as it is, and all else is refused in the one way known."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import aiohttp
import jsonschema
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from sanctuary_host import tool
from sanctuary_host.containment import wire
from sanctuary_host.containment.connection import CrashError, Worker
from sanctuary_host.jobs import SENT, Outcome
from sanctuary_host.testing import Served, serving
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_host.transport.messages import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
CUTS = st.lists(st.integers(1, 40), max_size=30)
NOBODY = 2**30
"""The id of a process that cannot be: what ends it ends nothing."""


def unpacked(stream: bytes, cuts: list[int]) -> tuple[list[Any], bool]:
    """The messages of a stream that arrives in pieces, and whether it was refused after them."""
    unpacker, received, position = wire.Unpacker(), list[Any](), 0
    try:
        for cut in [*cuts, len(stream)]:
            for message in unpacker.feed(stream[position : position + cut]):
                received.append(message)
            position += cut
    except wire.FrameError:
        return received, True
    return received, False


def received(frame: bytes) -> tuple[list[Any], bool]:
    """The same of one frame, from a blocking socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frame)
        theirs.shutdown(socket.SHUT_WR)
        try:
            message = wire.receive(ours)
        except wire.FrameError:
            return [], True
        return ([] if message is None else [message]), False


def framed(body: bytes) -> bytes:
    return wire.HEADER.pack(len(body)) + body


FRAMES = st.one_of(
    st.lists(JSON, min_size=1, max_size=3).map(wire.pack),
    st.binary(max_size=30).map(framed),
    st.binary(max_size=30),
    st.integers(0, 2**32 - 1).map(wire.HEADER.pack),
)


@given(st.lists(FRAMES, max_size=6).map(b"".join), CUTS)
@settings(deadline=None)
def test_any_stream_is_read_alike_however_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    assert unpacked(stream, cuts) == unpacked(stream, [])


@given(st.lists(JSON, min_size=1).map(wire.pack) | st.binary(max_size=30).map(framed), st.integers(0, 10))
@settings(deadline=None)
def test_both_ends_read_a_frame_alike_even_where_its_end_is_missing(frame: bytes, missing: int) -> None:
    stream = frame[: len(frame) - missing]
    assert received(stream) == unpacked(stream, [])


@given(st.integers(0, 3), st.lists(st.integers(1, 300_000), max_size=8))
@settings(max_examples=6, deadline=None)
def test_too_many_parts_are_counted_however_the_frame_is_cut(extra: int, cuts: list[int]) -> None:
    good = b"[" + b"[]," * (wire.PARTS - 2) + b"[]]"
    bad = b"[" + b"[]," * (wire.PARTS - 1 + extra) + b"[]]"
    frames = [wire.HEADER.pack(len(body)) + body for body in (good, bad)]
    messages, refused = unpacked(frames[0] + frames[0] + frames[1], cuts)
    assert [len(message) for message in messages] == [wire.PARTS - 1] * 2
    assert refused


@given(JSON)
@settings(deadline=None)
def test_what_is_packed_is_within_its_limit_or_refused(message: Any) -> None:
    frame = wire.pack(message)
    assert unpacked(frame, []) == ([message], False)
    length = len(frame) - wire.HEADER.size
    assert wire.pack(message, length) == frame
    with pytest.raises(wire.FrameError, match=f"over the limit of {length - 1}"):
        wire.pack(message, length - 1)


class Ear:
    """Hears only what a notification can state."""

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        encode({"progress": done, "total": total, "message": message})
        assert not isinstance(done, bool)
        assert message is None or len(message) <= 1000

    def log(self, level: str, data: Any) -> None:
        assert level.isalpha()
        encode({"level": level, "data": data})


SAID = st.one_of(
    JSON,
    st.fixed_dictionaries({"number": st.integers(0, 3) | JSON, "progress": st.lists(JSON, max_size=4) | JSON}),
    st.fixed_dictionaries({"number": st.integers(0, 3), "log": st.tuples(st.just("info") | JSON, JSON) | JSON}),
    st.fixed_dictionaries({"number": st.integers(0, 3) | JSON, "outcome": JSON}),
)


@given(st.lists(SAID, max_size=6), st.binary(max_size=12))
@settings(deadline=None)
def test_whatever_a_worker_says_its_call_ends_with_its_own_answer_or_a_crash(said: list[Any], rest: bytes) -> None:
    async def converse() -> None:
        problems: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        ours, theirs = socket.socketpair()
        _, worker = await loop.create_connection(lambda: Worker("room", lambda: None), sock=ours)
        with theirs:
            theirs.sendall(wire.pack({"ready": NOBODY}))
            await worker.born
            asked = asyncio.create_task(worker.ask({"do": "it"}, Ear()))
            await asyncio.sleep(0)
            number, _ = wire.receive(theirs)
            with contextlib.suppress(OSError):  # the host may have hung up already
                theirs.sendall(b"".join(map(wire.pack, said)) + rest)
                theirs.sendall(wire.pack({"number": number, "outcome": "mine"}))
                theirs.shutdown(socket.SHUT_WR)
            try:
                answer = await asyncio.wait_for(asked, 10)
            except CrashError:
                pass
            else:
                assert answer == {"number": number, "outcome": "mine"}
            worker.end()
            await asyncio.sleep(0)
        assert problems == []

    asyncio.run(converse())


@given(st.sampled_from(["tool", "resource", "prompt", "complete", "ready"]), st.lists(JSON, max_size=5) | JSON)
@settings(deadline=None)
def test_an_outcome_is_taken_only_in_a_form_that_can_be_passed_on(kind: Any, sent: Any) -> None:
    try:
        outcome = Outcome.read(kind, sent)
    except (TypeError, ValueError):
        return
    assert outcome.ending in SENT
    assert isinstance(outcome.reason, str)


@given(st.sampled_from(sorted(SENT)), JSON, JSON, JSON)
@settings(deadline=None)
def test_an_outcome_with_a_known_ending_is_checked_too(ending: str, value: Any, reason: Any, trace: Any) -> None:
    try:
        outcome = Outcome.read("tool", [ending, value, reason, trace])
    except (TypeError, ValueError):
        return
    assert isinstance(outcome.reason, str)
    assert isinstance(outcome.trace, str)
    if ending == "ok":
        assert all(isinstance(block["type"], str) for block in outcome.value[0])


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5


@tool(read_only=True)
def take(
    count: int,
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    word: Annotated[str, Field(min_length=1, max_length=5)] = "one",
    kind: Literal["a", "b"] = "a",
    points: list[Point] = [],  # noqa: B006  # nobody changes it
    pairs: dict[str, int] = {},  # noqa: B006  # as above
    maybe: bool | None = None,
    either: int | str = 0,
) -> int:
    """Take arguments of many types."""
    return count


TAKE = describe(take)
CHECK = jsonschema.Draft202012Validator(TAKE.wire()["inputSchema"])
VALUES = st.one_of(
    JSON,
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 0.25, -0.0, 2.0, "a", "b", "", "12345", "123456", True, None, 10**30, 1e300]),
    st.lists(st.fixed_dictionaries({"x": st.integers(0, 3) | JSON}, optional={"y": JSON, "z": JSON}), max_size=3),
    st.dictionaries(TEXT, st.integers(0, 3) | JSON, max_size=3),
)
NAMES = st.sampled_from([*TAKE.wire()["inputSchema"]["properties"], "cuont", "x" * 100, ""])


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.booleans())
@settings(deadline=None)
def test_arguments_are_taken_just_when_they_fit_the_schema(arguments: dict[str, Any], counted: bool) -> None:
    if counted:
        arguments["count"] = 1
    if not CHECK.is_valid(arguments):
        with pytest.raises(ArgumentsError) as refused:
            TAKE.keywords(arguments)
        assert len(str(refused.value)) < 4000
        return
    keywords = TAKE.keywords(arguments)
    assert keywords.keys() == CHECK.schema["properties"].keys()
    assert isinstance(keywords["count"], int)
    assert all(isinstance(point, Point) for point in keywords["points"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served() -> AsyncGenerator[Served]:
    async with serving("utils") as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client() -> AsyncGenerator[aiohttp.ClientSession]:
    accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=accept) as client:
        yield client


HALVES = JSON | st.recursive(st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@pytest.mark.asyncio(loop_scope="module")
@given(
    st.sampled_from(["tools/call", "tools/list", "initialize", "ping", "resources/read", "completion/complete"]) | TEXT,
    st.fixed_dictionaries({}, optional={"name": st.just("time_now") | HALVES, "arguments": HALVES, "_meta": HALVES})
    | HALVES,
    st.integers(0, 9) | HALVES,
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_message_is_answered_as_the_protocol_says(
    served: Served, client: aiohttp.ClientSession, method: str, params: Any, request_id: Any
) -> None:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    async with client.post(served.url, data=json.dumps(message).encode()) as response:
        body = await response.read()
    assert response.status in {200, 202, 400, 404}, body
    if response.content_type == "application/json":
        answer = json.loads(body)
        assert answer["jsonrpc"] == "2.0"
        assert ("result" in answer) != ("error" in answer)
        assert b"Traceback" not in body
        assert answer.get("error", {}).get("code") != -32603, body  # an error of our own
    async with client.get(f"{served.origin}/health") as response:
        assert response.status == 200
