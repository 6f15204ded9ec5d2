"""The protocol over pipes: what comes out is one JSON object a line, whatever goes in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os

import pytest

from sanctuary_host.transport import stdio
from sanctuary_host.transport.limits import Limits


class Pipe:
    """The client's end of a served pair of pipes."""

    def __init__(self, write_fd, reader, serving, stop):
        self.write_fd, self.reader, self.serving, self.stop = write_fd, reader, serving, stop

    def send(self, *sent):
        data = b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in sent)
        os.write(self.write_fd, data)

    async def line(self):
        return json.loads(await self.reader.readline())

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.write_fd)


@pytest.fixture
async def pipe(world):
    here = await world()
    loop = asyncio.get_running_loop()
    ends = []

    async def start(limits=None):
        source, write_fd = os.pipe()
        read_fd, sink = os.pipe()
        reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
        )
        stop = asyncio.Event()
        serving = asyncio.create_task(
            stdio.serve(here.kernel.calls, source, sink, stop=stop, limits=limits or Limits(shutdown=2))
        )
        client = Pipe(write_fd, reader, serving, stop)
        ends.append((client, transport, source, sink))
        client.stage, client.cluster = here.stage, here.cluster
        return client

    yield start
    for client, transport, source, sink in ends:
        client.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(10):
                await client.serving
        transport.close()
        for descriptor in (source, sink):
            with contextlib.suppress(OSError):
                os.close(descriptor)


async def opened(pipe, mcp, **options):
    client = await pipe(**options)
    client.send(mcp.initialize(), {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (await client.line())["result"]["protocolVersion"] == mcp.LEGACY
    return client


async def test_the_handshake_era_is_served(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(mcp.call("add", 1, a=1, b=2))
    assert (await client.line())["result"]["structuredContent"]["total"] == 3


async def test_the_self_contained_era_is_served(pipe, mcp):
    client = await pipe()
    client.send(mcp.modern("server/discover", None, None, 1))
    assert "2026-07-28" in (await client.line())["result"]["supportedVersions"]
    client.send(mcp.modern("tools/call", {"name": "echo", "arguments": {"message": "hi"}}, None, 2))
    assert (await client.line())["result"]["content"][0]["text"] == "hi"
    future = {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    client.send(mcp.modern("tools/list", None, future, 3))
    assert (await client.line())["error"]["code"] == -32022


async def test_a_client_may_go_back_to_the_older_era(pipe, mcp):
    client = await pipe()
    client.send(mcp.modern("server/discover", None, {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}, 1))
    assert (await client.line())["error"]["code"] == -32022
    client.send(mcp.initialize())
    assert (await client.line())["result"]["protocolVersion"] == mcp.LEGACY


async def test_a_call_before_initialize_is_refused(pipe, mcp):
    client = await pipe()
    client.send(mcp.call("echo", 1, message="x"))
    assert "error" in await client.line()


async def test_the_end_of_the_input_ends_the_service_once_calls_are_answered(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(mcp.call("hold", 1), mcp.modern("subscriptions/listen", {"notifications": {}}, None, "sub"))
    await client.stage.started.get()
    assert (await client.line())["method"] == "notifications/subscriptions/acknowledged"
    client.close()
    assert (await client.line())["id"] == "sub"
    client.stage.gate("gate").set()
    assert (await client.line())["result"]["content"][0]["text"] == "held gate"
    await client.serving


async def test_a_question_that_nobody_can_answer_any_more_fails(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(mcp.call("ask", 1))
    assert (await client.line())["method"] == "elicitation/create"
    client.close()
    assert (await client.line())["result"]["isError"] is True
    await client.serving


async def test_being_told_to_stop_ends_the_service_once_calls_are_answered(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(mcp.call("hold", 1))
    await client.stage.started.get()
    client.stop.set()
    client.stage.gate("gate").set()
    assert (await client.line())["result"]["content"][0]["text"] == "held gate"
    await client.serving


async def test_a_call_that_does_not_end_is_stopped_in_the_end(pipe, mcp):
    client = await opened(pipe, mcp, limits=Limits(shutdown=0.05))
    client.send(mcp.call("hold", 1))
    await client.stage.started.get()
    client.stop.set()
    assert (await client.line())["error"]["code"] == -32800
    await client.serving


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"no json\n", -32700),
        (b"\xff\xfe\n", -32700),
        (b"[]\n", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}\n', -32600),
        (b"{}\n", -32600),
        (b"x" * 2000 + b"\n", -32600),
        (b"{" + b" " * 2000 + b"}\n", -32600),
    ],
)
async def test_a_line_that_is_no_message_is_answered_with_an_error_and_the_next_is_served(pipe, mcp, line, code):
    client = await opened(pipe, mcp, limits=Limits(message=1000))
    client.send(line, b"\n \r\n", mcp.call("echo", 1, message="next"))
    refusal = await client.line()
    assert (refusal["id"], refusal["error"]["code"]) == (None, code)
    assert (await client.line())["id"] == 1


async def test_a_last_line_without_an_end_is_served(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(json.dumps(mcp.call("echo", 1, message="last")).encode())
    client.close()
    assert (await client.line())["result"]["content"][0]["text"] == "last"
    await client.serving


async def test_a_message_that_arrives_in_pieces_is_served(pipe, mcp):
    client = await opened(pipe, mcp)
    for byte in json.dumps(mcp.call("echo", 1, message="pieces")).encode() + b"\n":
        client.send(bytes([byte]))
    assert (await client.line())["result"]["content"][0]["text"] == "pieces"


async def test_answers_with_one_id_come_in_the_order_of_the_questions(pipe, mcp):
    client = await opened(pipe, mcp)
    names = [f"call {number}" for number in range(12)]
    client.send(*(mcp.call("hold", 1, name=name) for name in names))
    for _ in names:
        await client.stage.started.get()
    for name in reversed(names):
        client.stage.gate(name).set()
    assert [(await client.line())["result"]["content"][0]["text"] for _ in names] == [f"held {name}" for name in names]


@pytest.mark.parametrize("era", ["handshake", "self-contained"])
async def test_a_cancelled_call_is_answered_and_gone(pipe, mcp, era):
    client = await opened(pipe, mcp)
    modern = mcp.modern("tools/call", {"name": "hold"}, None, 1)
    client.send(mcp.call("hold", 1) if era == "handshake" else modern)
    await client.stage.started.get()
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert (await client.line())["error"]["code"] == -32800
    assert await client.stage.ended.get() == "gate"


async def test_notifications_come_before_the_reply_and_changes_by_themselves(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(mcp.call("talk", 1, times=1, _meta={"progressToken": 1}))
    assert [(await client.line()).get("method") for _ in range(3)] == [
        "notifications/progress",
        "notifications/message",
        None,
    ]
    client.cluster.offer("echo", False)
    assert (await client.line())["method"] == "notifications/tools/list_changed"


async def test_a_client_that_does_not_read_at_first_loses_no_answer(pipe, mcp):
    client = await opened(pipe, mcp)
    client.send(*(mcp.call("big", number, size=1024 * 1024) for number in range(12)))
    client.close()
    assert {(await client.line())["id"] for _ in range(12)} == set(range(12))
    await client.serving


async def test_a_client_that_closed_its_ears_ends_the_service(world, mcp):
    here = await world()
    read_fd, sink = os.pipe()
    source, write_fd = os.pipe()
    os.close(read_fd)
    serving = asyncio.create_task(stdio.serve(here.kernel.calls, source, sink))
    os.write(write_fd, json.dumps(mcp.initialize()).encode() + b"\n")
    async with asyncio.timeout(10):
        await serving
    for descriptor in (sink, write_fd, source):
        os.close(descriptor)


async def test_files_serve_as_well_as_pipes(world, mcp, tmp_path):
    here = await world()
    asked = tmp_path / "asked"
    asked.write_bytes(
        b"".join(json.dumps(one).encode() + b"\n" for one in (mcp.initialize(), mcp.call("echo", 1, message="x")))
    )
    answered = tmp_path / "answered"
    source, sink = os.open(asked, os.O_RDONLY), os.open(answered, os.O_WRONLY | os.O_CREAT)
    await stdio.serve(here.kernel.calls, source, sink)
    os.close(source)
    os.close(sink)
    assert [json.loads(line)["id"] for line in answered.read_bytes().splitlines()] == [0, 1]
