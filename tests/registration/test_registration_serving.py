"""Servers that register with a gateway that comes and goes, forgets, refuses and hangs; each is a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fake_gateway import FakeGateway, Script
from mcp import Client
from ports import free_port

from sanctuary_host.containment.sandbox import Kernel
from sanctuary_host.testing import Served, serving

sealable = pytest.mark.skipif(
    Kernel.running().landlock < 6, reason="this kernel's Landlock is too old to enforce every boundary"
)

BOX = """
from typing import Annotated
from sanctuary_host import Host, hookimpl, tool

@tool(read_only=True)
def lid() -> str:
    "Tell what the lid is made of."
    return "oak"

@tool(read_only=True)
def key() -> str:
    "Tell where the key is."
    return "in the lock"

class Offer:
    def __init__(self, host: Host) -> None:
        self.host = host

    @tool(runs="inline")
    def offer(self, name: str, offered: bool) -> str:
        "Show or hide another tool."
        self.host.offer(name, offered=offered)
        return "done"

@hookimpl
def register_tools(host):
    return [lid, key, Offer(host).offer]
"""
"""A cluster whose tools come and go."""


@pytest.fixture
def box(distribution: Callable[..., Path]) -> dict[str, str]:
    """The settings of that cluster, whose pack may run code in the host's own process."""
    return {"PYTHONPATH": str(distribution("acme", "box", {"pack": BOX})), "SANCTUARY_TRUST": "acme"}


def quick(fake: FakeGateway, **more: str) -> dict[str, str]:
    """Settings of a server that registers there, without the waiting that spares gateways."""
    return {
        "GATEWAY_URL": fake.url,
        "API_TOKEN": fake.token,
        "SANCTUARY_SPLAY": "0",
        "SANCTUARY_HEARTBEAT": "1",
        **more,
    }


@contextlib.asynccontextmanager
async def at_port(port: int, cluster: str, **settings: str) -> AsyncGenerator[Served]:
    async with serving(cluster, PORT=str(port), **settings) as served:
        yield served


async def ask(served: Served, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(served.origin + path) as response:
        text = await response.text()
        return response.status, json.loads(text) if text.startswith("{") else text


async def registration(served: Served) -> dict[str, Any]:
    _, health = await ask(served, "/health")
    shown: dict[str, Any] = health["registration"]
    return shown


async def until(served: Served, **wanted: Any) -> dict[str, Any]:
    """Wait until `/health` shows this of the registration."""
    async with asyncio.timeout(60):
        while True:
            shown = await registration(served)
            if wanted.items() <= shown.items():
                return shown
            await asyncio.sleep(0.02)


def told(served: Served, event: str) -> list[dict[str, Any]]:
    return [record for record in served.log if record.get("event") == event]


async def toggle(served: Served, name: str, *, offered: bool) -> None:
    async with Client(served.url) as client:
        await client.call_tool("offer", {"name": name, "offered": offered})


# A life with accidents


async def test_a_server_that_listens_registers_and_says_so_everywhere(fake: FakeGateway) -> None:
    async with serving("utils", SANCTUARY_TOKEN="inbound-0123", **quick(fake)) as served:
        shown = await until(served, state="registered")
        entry = fake.entry("sanctuary_utils")
        assert entry["url"] == served.url.replace("127.0.0.1", "localhost")
        assert (shown["id"], shown["name"], shown["gateway"]) == (entry["id"], "sanctuary_utils", fake.url)
        assert shown["tools"] == len(fake.tools_of("sanctuary_utils")) > 0
        assert fake.secrets[entry["id"]] == {"Authorization": "Bearer inbound-0123"}
        status, ready = await ask(served, "/ready")
        assert (status, ready["registration"]["state"]) == (200, "registered")
        _, metrics = await ask(served, "/metrics")
        assert 'sanctuary_registered{cluster="utils"} 1.0' in metrics
        assert 'sanctuary_registration_attempts_total{cluster="utils",outcome="registered"}' in metrics
        public = json.dumps([shown, ready, metrics])
    (record,) = told(served, "registered")
    assert (record["message"], record["level"], record["done"]) == ("Registered with Gateway: 200", "info", "created")
    for secret in (fake.token, "inbound-0123"):
        assert secret not in public + json.dumps(served.log)
    assert fake.entry("sanctuary_utils")["enabled"], "the entry is left as it is"


async def test_without_a_gateway_nothing_is_shown_and_nothing_of_it_is_loaded() -> None:
    async with serving("utils") as served:
        for path in ("/health", "/ready"):
            assert "registration" not in (await ask(served, path))[1]
        assert "sanctuary_regist" not in (await ask(served, "/metrics"))[1]


async def test_a_server_that_is_there_before_its_gateway_registers_once_that_comes(fake: FakeGateway) -> None:
    await fake.stop()
    async with serving("utils", **quick(fake)) as served:
        shown = await until(served, state="unreachable")
        assert "look whether it runs, and at GATEWAY_URL" in shown["sentence"]
        status, ready = await ask(served, "/ready")
        assert (status, ready["registration"]["state"]) == (200, "unreachable"), "readiness is not the gateway's affair"
        assert 'sanctuary_registered{cluster="utils"} 0.0' in (await ask(served, "/metrics"))[1]
        await fake.start()
        await until(served, state="registered")
    (record,) = told(served, "registration")
    assert record["level"] == "warning"
    assert "Not registered with the gateway" in record["message"]


async def test_restarts_and_lost_databases_leave_one_entry_with_its_ids(fake: FakeGateway) -> None:
    port = free_port()
    async with at_port(port, "utils", **quick(fake)) as served:
        await until(served, state="registered")
        ids = fake.entry("sanctuary_utils")["id"], {tool["id"] for tool in fake.tools.values()}
        await fake.stop()
        await until(served, state="unreachable")
        await fake.start()
        await until(served, state="registered")
        assert ids == (fake.entry("sanctuary_utils")["id"], {tool["id"] for tool in fake.tools.values()})
        served.process.kill()
        await served.process.wait()
    async with at_port(port, "utils", **quick(fake)) as served:
        await until(served, state="registered")
        assert ids == (fake.entry("sanctuary_utils")["id"], {tool["id"] for tool in fake.tools.values()})
        assert told(served, "registered")[0]["done"] == "adopted"
        fake.wipe()
        await fake.until(lambda: len(fake.entries) == 1)
        await until(served, state="registered", id=fake.entry("sanctuary_utils")["id"])
        assert len(fake.tools_of("sanctuary_utils")) == (await registration(served))["tools"]
        assert told(served, "registered")[-1]["done"] == "created"
    assert fake.most_at_once == 1


async def test_tools_that_come_and_go_come_and_go_at_the_gateway(fake: FakeGateway, box: dict[str, str]) -> None:
    def offers(*names: str) -> Callable[[], bool]:
        return lambda: set(fake.tools_of("sanctuary_box")) == {*names}

    # The heartbeat is an hour: what the gateway hears, it hears at once.
    async with serving("box", **quick(fake, SANCTUARY_HEARTBEAT="3600"), **box) as served:
        await until(served, state="registered")
        kept = fake.tools_of("sanctuary_box")["lid"]["id"]
        await toggle(served, "key", offered=False)
        await fake.until(offers("lid", "offer"))
        await toggle(served, "key", offered=True)
        await fake.until(offers("lid", "offer", "key"))
        assert fake.tools_of("sanctuary_box")["lid"]["id"] == kept
        assert (await until(served, state="registered"))["tools"] == 3
    assert len(fake.entries) == 1


# Refusals and hangs


async def test_a_locked_out_server_asks_nothing_more_even_when_a_tool_changes(
    fake: FakeGateway, box: dict[str, str]
) -> None:
    fake.budget = 0
    async with serving("box", **quick(fake), **box) as served:
        shown = await until(served, state="busy")
        asked = len(fake.requests)
        assert (asked, shown["status"]) == (1, 429)
        assert shown["next_attempt_s"] > 50
        for offered in (False, True, False):
            await toggle(served, "key", offered=offered)
        assert (await registration(served))["state"] == "busy"
        assert len(fake.requests) == asked
    assert len(told(served, "registration")) == 1


async def test_a_gateway_that_hangs_up_is_asked_again_and_no_entry_is_made_twice(fake: FakeGateway) -> None:
    # It does what it was asked, but nobody hears of it.
    fake.answer_next(Script(hang_up=True), Script(method="POST", act=True, hang_up=True))
    async with serving("utils", **quick(fake)) as served:
        await until(served, state="registered")
    assert len(fake.entries) == 1


async def test_an_expired_token_is_replaced_in_its_file_without_a_restart(fake: FakeGateway, tmp_path: Path) -> None:
    # As Kubernetes mounts secrets: the file is a link through a folder that is swapped as a whole.
    secrets = tmp_path / "secrets"
    for name, text in (("first", "expired"), ("second", fake.token)):
        (secrets / name).mkdir(parents=True)
        (secrets / name / "token").write_text(f"{text}\n")
    (secrets / "..data").symlink_to("first")
    (secrets / "token").symlink_to("..data/token")
    settings = quick(fake) | {"API_TOKEN_FILE": str(secrets / "token"), "API_TOKEN": "the file goes before it"}
    async with serving("utils", **settings) as served:
        assert "does not accept the token" in (await until(served, state="unauthorized"))["sentence"]
        (secrets / "..next").symlink_to("second")
        (secrets / "..next").rename(secrets / "..data")
        await until(served, state="registered")
        if Kernel.running().landlock >= 6:
            assert (await ask(served, "/health"))[1]["confinement"]["verdict"] in {"confined", "pending"}
    assert [record["message"] for record in told(served, "token")] == ["Read a new token from API_TOKEN_FILE"]
    assert fake.token not in json.dumps(served.log)


@pytest.mark.parametrize("mode", ["leave", "deactivate"])
async def test_the_server_ends_promptly_while_the_gateway_hangs(fake: FakeGateway, mode: str) -> None:
    stalled = asyncio.Event()
    async with serving("utils", **quick(fake, SANCTUARY_DEREGISTER=mode)) as served:
        await until(served, state="registered")
        fake.answer_next(*[Script(stall=stalled) for _ in range(20)])
        count = len(fake.requests)
        served.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await served.process.wait() == 0
        assert len(fake.requests) >= count
        stalled.set()


async def test_the_server_ends_promptly_while_it_registers(fake: FakeGateway) -> None:
    stalled = asyncio.Event()
    fake.answer_next(Script(stall=stalled))
    async with serving("utils", **quick(fake)) as served:
        await until(served, state="registering")
        served.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await served.process.wait() == 0
        stalled.set()


async def test_an_entry_that_the_server_switched_off_is_switched_on_by_its_next_start(fake: FakeGateway) -> None:
    settings = quick(fake, SANCTUARY_DEREGISTER="deactivate")
    port = free_port()
    async with at_port(port, "utils", **settings) as served:
        await until(served, state="registered")
    entry = fake.entry("sanctuary_utils")
    assert not entry["enabled"]
    assert told(served, "withdrawn")
    async with at_port(port, "utils", **settings) as served:
        await until(served, state="registered")
        assert fake.entry("sanctuary_utils")["enabled"]
        assert fake.entry("sanctuary_utils")["id"] == entry["id"]
        # What an operator switches off stays so.
        fake.entry("sanctuary_utils")["enabled"] = False
        await until(served, state="paused")
    assert len(told(served, "paused")) == 1


async def test_a_host_name_that_does_not_exist_is_a_sentence_and_no_obstacle() -> None:
    settings = {"GATEWAY_URL": "http://gateway.invalid:4444", "API_TOKEN": "x", "SANCTUARY_SPLAY": "0"}
    async with serving("utils", **settings) as served, Client(served.url) as client:
        assert "gateway.invalid" in (await until(served, state="unreachable"))["sentence"]
        assert not (await client.call_tool("time_now", {})).is_error


# Ways to the gateway, out of the sandbox


@contextlib.asynccontextmanager
async def forwarded(fake: FakeGateway, host: str, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A port at which the gateway is found too."""
    there = int(fake.url.rpartition(":")[2])

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", there)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, ssl.SSLError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(copy(reader, onward[1]), copy(onward[0], writer))

    async with await asyncio.start_server(forward, host, 0, ssl=context) as server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost` and its key, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    return folder


@sealable
@pytest.mark.parametrize("way", ["address", "name", "machine's name", "https"])
async def test_a_sealed_server_reaches_its_gateway(way: str, fake: FakeGateway, certificate: Path) -> None:
    context: ssl.SSLContext | None = None
    name = {"address": "127.0.0.1", "machine's name": socket.gethostname()}.get(way, "localhost")
    more: dict[str, str] = {}
    if way == "https":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "crt", certificate / "key")
        more["SSL_CERT_FILE"] = str(certificate / "crt")
    try:
        host = socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0]
    except OSError:
        pytest.skip("this machine's name leads nowhere")
    async with forwarded(fake, str(host), context) as port:
        url = f"{'https' if context else 'http'}://{name}:{port}"
        settings = quick(fake) | {"GATEWAY_URL": url, "SANCTUARY_SANDBOX": "require", **more}
        async with serving("utils", **settings) as served:
            assert (await until(served, state="registered"))["gateway"] == url
            async with asyncio.timeout(30):
                while (shown := (await ask(served, "/health"))[1]["confinement"])["verdict"] == "pending":
                    await asyncio.sleep(0.02)
            assert (shown["verdict"], shown["missing"]) == ("confined", [])
    assert len(fake.entries) == 1


@pytest.mark.parametrize(
    ("host", "trusted", "reason"), [("localhost", False, "self-signed"), ("127.0.0.1", True, "mismatch")]
)
async def test_a_certificate_that_is_not_trusted_is_told_with_what_is_wrong_with_it(
    host: str, trusted: bool, reason: str, fake: FakeGateway, certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "crt", certificate / "key")
    settings = quick(fake) | ({"SSL_CERT_FILE": str(certificate / "crt")} if trusted else {})
    async with (
        forwarded(fake, "127.0.0.1", context) as port,
        serving("utils", **settings | {"GATEWAY_URL": f"https://{host}:{port}"}) as served,
    ):
        sentence = (await until(served, state="unreachable"))["sentence"]
    assert reason in sentence
    assert "SSL_CERT_FILE" in sentence
    assert fake.requests == []


# What is refused at the start


async def test_over_standard_input_nothing_is_registered(fake: FakeGateway, run: Callable[..., Any]) -> None:
    ran = await run(CLUSTER="utils", GATEWAY_URL=fake.url, API_TOKEN=fake.token, SANCTUARY_SPLAY="0")
    assert ran.status == 0
    assert fake.requests == []
    assert sum("GATEWAY_URL" in line for line in ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SANCTUARY_REGISTRAR": "contextforgery"}, "did you mean contextforge?"),
        ({"API_TOKEN": "two\nlines"}, "API_TOKEN holds a line break"),
        ({"API_TOKEN": "sch\u00f6n\u2026"}, "API_TOKEN holds a character that no HTTP header can carry"),
        ({"SANCTUARY_TOKEN": "bell\x07"}, "SANCTUARY_TOKEN holds a line break or another control character"),
        ({"API_TOKEN_FILE": "/dev/null"}, "API_TOKEN_FILE names a file that is empty"),
        ({"API_TOKEN_FILE": "/dev/zero"}, "API_TOKEN_FILE names a file of more than 65,536 characters"),
    ],
    ids=str,
)
async def test_what_cannot_work_is_refused_before_anything_is_served(
    settings: Mapping[str, str], said: str, run: Callable[..., Any]
) -> None:
    ran = await run(CLUSTER="utils", PORT="0", GATEWAY_URL="http://127.0.0.1:9", **settings)
    assert ran.status == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert "two" not in ran.err


async def test_a_thread_that_a_registrar_waits_for_does_not_hold_up_the_end(
    fake: FakeGateway, distribution: Callable[..., Path]
) -> None:
    # As looking a name up does, where the name server does not answer.
    slow = ACME.replace('raise SystemExit("hunter2")', "await asyncio.to_thread(time.sleep, 300)")
    site = distribution("acme", "nothing", {"pack": f"import asyncio, time\n{slow}"})
    info = site / "acme-1.0.dist-info" / "entry_points.txt"
    info.write_text(f"{info.read_text()}\n[sanctuary_registrars]\nacme = acme_pack\n")
    async with serving("utils", **quick(fake, SANCTUARY_REGISTRAR="acme", PYTHONPATH=str(site))) as served:
        await until(served, state="registering")
        served.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await served.process.wait() == 0


async def test_a_third_partys_registrar_that_fails_at_every_turn_hurts_nobody(
    fake: FakeGateway, distribution: Callable[..., Path]
) -> None:
    site = distribution("acme", "nothing", {"pack": ACME})
    info = site / "acme-1.0.dist-info" / "entry_points.txt"
    info.write_text(f"{info.read_text()}\n[sanctuary_registrars]\nacme = acme_pack\n")
    settings = quick(fake, SANCTUARY_REGISTRAR="acme", SANCTUARY_DEREGISTER="deactivate", PYTHONPATH=str(site))
    async with serving("utils", **settings) as served:
        shown = await until(served, state="unreachable")
        assert shown["sentence"] == "the registrar acme failed with RuntimeError; it is tried again"
        async with Client(served.url) as client:
            assert not (await client.call_tool("time_now", {})).is_error
    assert served.process.returncode == 0
    assert "hunter2" not in json.dumps(served.log)


ACME = """
from sanctuary_host import hookimpl
from sanctuary_host.registrars import Registration

class Acme:
    name = "acme"
    def plan(self, entry): raise KeyError("hunter2")
    async def register(self, entry, known, *, adopt=False): raise SystemExit("hunter2")
    async def withdraw(self, entry, known, *, delete): raise SystemExit("hunter2")
    async def copy(self, entry): raise SystemExit("hunter2")

@hookimpl
def make_registrar(gateway):
    return Acme()
"""
