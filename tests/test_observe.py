"""What operators see: logs a machine can read, metrics by tool, and nothing of what callers passed."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mcp import Client
from prometheus_client.parser import text_string_to_metric_families

from sanctuary_host.observe import lines, logs
from sanctuary_host.testing import connected, serving


async def test_a_call_leaves_one_record_with_its_id_outcome_and_time_and_none_of_its_arguments() -> None:
    async with serving("utils") as served, Client(served.url) as client:
        await client.call_tool("calculate", {"expression": "123454321 + 1"})
        await client.call_tool("calculate", {"expression": "no_such_function(5)"})
    records = [record for record in served.log if record.get("event") == "call"]
    assert [record["outcome"] for record in records] == ["ok", "error"]
    for record in records:
        assert record["tool"] == "calculate"
        assert record["cluster"] == "utils"
        assert record["ms"] > 0
    assert records[0]["call"] != records[1]["call"]
    assert "123454321" not in json.dumps(served.log)
    assert "no_such_function" not in json.dumps(served.log)


async def test_the_gateways_correlation_id_is_in_the_record() -> None:
    async with serving("utils") as served, aiohttp.ClientSession() as session:
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "calculate",
            "X-Correlation-ID": "from-the-gateway-1",
        }
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "calculate", "arguments": {"expression": "1+1"}, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with session.post(served.url, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
    (record,) = [record for record in served.log if record.get("event") == "call"]
    assert record["correlation"] == "from-the-gateway-1"


async def test_spans_go_to_the_collector_that_the_environment_names() -> None:
    received: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response(content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        collector = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with connected("utils", OTEL_EXPORTER_OTLP_ENDPOINT=collector) as client:
            await client.call_tool("calculate", {"expression": "1+1"})
    finally:
        await runner.cleanup()
    sent = b"".join(received)
    assert b"tools/call calculate" in sent
    assert b"sanctuary_utils" in sent


async def test_metrics_count_calls_by_tool_and_outcome_and_show_the_process() -> None:
    async with serving("utils") as served, aiohttp.ClientSession() as session:
        async with Client(served.url) as client:
            for expression in ("1+1", "2+2", "1/0"):
                await client.call_tool("calculate", {"expression": expression})
        async with session.get(f"{served.origin}/metrics") as response:
            assert response.status == 200
            assert response.content_type == "text/plain"
            text = await response.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted: dict[Any, float] = {
        (sample.labels["tool"], sample.labels["outcome"]): sample.value
        for sample in families["sanctuary_tool_calls"].samples
        if sample.name.endswith("_total")
    }
    assert counted["calculate", "ok"] == 2
    assert counted["calculate", "error"] == 1
    assert {
        "sanctuary_tool_seconds",
        "sanctuary_tool_calls_in_flight",
        "process_resident_memory_bytes",
    } <= families.keys()


@pytest.mark.parametrize("pretty", [False, True])
def test_a_message_with_line_breaks_cannot_forge_a_second_record(pretty: bool) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.configure(level="INFO", cluster="test", stream=stream, pretty=pretty)
        logging.getLogger("x").info("Tool %s failed", 'a\n{"level":"info","message":"all is well"}')
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("coloured", [True, False])
def test_a_line_for_people_says_nothing_twice_and_has_colours_where_they_are_wanted(coloured: bool) -> None:
    stream = io.StringIO()
    logging.getLogger().handlers, before = [], logging.getLogger().handlers
    try:
        logs.configure(level="INFO", cluster="test", stream=stream, pretty=True, coloured=coloured)
        fields = {"event": "listening", "url": "http://127.0.0.1:80/mcp", "tools": 8}
        logging.getLogger("test").info("Serving at http://127.0.0.1:80/mcp", extra={"fields": fields})
    finally:
        logging.getLogger().handlers = before
    assert ("\x1b" in stream.getvalue()) is coloured
    assert stream.getvalue().count("http://127.0.0.1:80/mcp") == 1
    assert "tools=8" in stream.getvalue()


async def test_a_client_that_never_reads_standard_error_is_served_all_the_same() -> None:
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sanctuary_host"),
        env={"PATH": os.environ["PATH"], "CLUSTER": "utils"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=writer,
    )
    os.close(writer)
    assert process.stdin is not None
    assert process.stdout is not None
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "time_now", "arguments": {}, "_meta": meta}
    try:
        async with asyncio.timeout(60):
            for number in range(1_000):  # some 200 KB of records, into a pipe of 64
                call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
                process.stdin.write(f"{json.dumps(call)}\n".encode())
                assert json.loads(await process.stdout.readline())["id"] == number
            process.stdin.close()
            assert await process.wait() == 0
    finally:
        os.close(reader)


def test_lines_are_kept_while_nobody_reads_dropped_beyond_and_the_loss_is_told() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as source:
        kept = lines.Lines(writer)
        for number in range(20_000):
            kept.write(f'{{"number": {number}, "padding": "{"x" * 80}"}}\n')
        assert kept.dropped > 0
        received = b""
        while not received.endswith(b'since nobody read them"}\n'):
            received += source.read(1 << 16)
            kept.drain()
        os.close(writer)
    records = [json.loads(line) for line in received.splitlines()]
    assert [record["number"] for record in records[:-1]] == list(range(len(records) - 1))
    assert records[-1]["message"] == f"{20_000 - len(records) + 1} log records were dropped, since nobody read them"


def test_a_reader_that_is_gone_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    lines.Lines(writer).write("hello\n")
    os.close(writer)
