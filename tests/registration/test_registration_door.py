"""The door to a gateway: whatever is behind it, one JSON answer or one sentence comes back, and no secret goes out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fake_gateway import FakeGateway, Script

from sanctuary_host.gateway.http import Gateway, wait_asked
from sanctuary_host.gateway.quoting import LENGTH, cleaned, quoted
from sanctuary_host.gateway.registrar import GatewayError

TOKEN = "sesame-opens-0123456789"
OK = frozenset({200})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Fixed:
    """A token that stays."""

    def __init__(self, value: str = TOKEN) -> None:
        self.value = value

    async def reread(self) -> bool:
        return False


async def refusal(url: str, token: str = TOKEN) -> GatewayError:
    """Why a request of that gateway failed."""
    async with Gateway(url, Fixed(token)) as gateway:
        with pytest.raises(GatewayError) as caught:
            await gateway.request("GET", "/v1/gateways", accept=OK)
    assert TOKEN not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port at which every connection is spoken to so."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await speak(reader, writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(*pieces: bytes) -> Speak:
    """Reads a request, says this, and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return speak


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (b"", "hung up before"),
        (b"HTTP/1.1 200 OK\r\n", "hung up"),
        (HEAD + b"Content-Length: 100\r\n\r\n[1,", "in the middle"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n", "in the middle"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "does not speak HTTP"),
        (HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "does not speak HTTP"),
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "ssh", "tls", "huge head"],
)
async def test_a_conversation_that_breaks_off_is_told_as_such(said: bytes, part: str) -> None:
    async with listening(saying(said)) as port:
        error = await refusal(f"http://127.0.0.1:{port}")
    assert (error.kind, error.status) == ("unreachable", 0)
    assert part in str(error)


async def test_a_refused_connection_names_the_address() -> None:
    async with listening(saying()) as port:
        pass
    error = await refusal(f"http://127.0.0.1:{port}")
    assert error.kind == "unreachable"
    assert f"127.0.0.1:{port}" in str(error)
    assert "(connection refused)" in str(error)


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    error = await refusal("http://sanctuary-gateway.invalid:4444")
    assert error.kind == "unreachable"
    assert "GATEWAY_URL" in str(error)


async def test_tls_where_there_is_none_is_told() -> None:
    async with FakeGateway() as fake:
        error = await refusal(fake.url.replace("http:", "https:"))
    assert error.kind == "unreachable"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
async def test_a_reply_without_end_is_not_taken_in(packed: bool) -> None:
    piece = b"[" + b" " * (1 << 20)
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [press.compress(piece) + press.flush(zlib.Z_SYNC_FLUSH) if packed else piece for _ in range(40)]
    head = HEAD + (b"Content-Encoding: gzip\r\n" if packed else b"") + b"Connection: close\r\n\r\n"
    async with listening(saying(head, *pieces)) as port:
        error = await refusal(f"http://127.0.0.1:{port}")
    assert error.kind == "rejected"
    assert "8 MiB" in str(error)


@pytest.mark.parametrize("part", [b"{}", b"[]", b"0", b'"a":{}'], ids=["objects", "lists", "numbers", "members"])
async def test_a_reply_of_very_many_values_is_not_read(part: bytes) -> None:
    value = b",".join([part] * 400_000)
    text = b"{%s}" % value if b":" in part else b"[%s]" % value
    async with listening(saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(text), text)) as port:
        error = await refusal(f"http://127.0.0.1:{port}")
    assert error.kind == "rejected"
    assert "300,000 values" in str(error)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
async def test_whatever_is_refused_is_not_asked_again_before_the_gateway_wants_it(status: int) -> None:
    async with FakeGateway() as fake:
        fake.answer_next(Script(status, {}, {"Retry-After": "900"}))
        assert (await refusal(fake.url)).after == 900


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirection_is_told_and_not_followed(status: int) -> None:
    async with FakeGateway() as other, FakeGateway() as fake:
        to = f"{other.url}/v1/gateways?token={TOKEN}"
        fake.answer_next(Script(status, None, {"Location": to.replace("http://", f"http://user:{TOKEN}@")}))
        error = await refusal(fake.url)
        assert error.kind == "rejected"
        assert f"redirects to {other.url}/v1/gateways (" in str(error)
        assert other.requests == []


@pytest.mark.parametrize("to", ["", "http://[::1", "//", "\x80\xff", "javascript:alert(1)"])
async def test_a_redirection_to_nowhere_is_told(to: str) -> None:
    async with FakeGateway() as fake:
        fake.answer_next(Script(302, None, {"Location": to}))
        assert (await refusal(fake.url)).status == 302


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway:4444",
        "ftp://gateway",
        "http://",
        "http://gateway:port",
        "http://[::1",
        f"http://user:{TOKEN}@gateway",
        f"http://gateway/?token={TOKEN}",
    ],
)
async def test_an_address_that_is_none_is_told_and_shows_no_secret(url: str) -> None:
    async with Gateway(url, Fixed()) as gateway:
        assert TOKEN not in f"{gateway.url} {gateway!r}"
    error = await refusal(url)
    assert error.kind == "rejected"
    assert "GATEWAY_URL" in str(error)


async def test_a_token_that_http_cannot_carry_is_told() -> None:
    async with FakeGateway() as fake:
        error = await refusal(fake.url, f"{TOKEN}\r\nX-Evil: 1")
        assert (error.kind, fake.requests) == ("unauthorized", [])


async def test_a_missing_token_is_told_as_missing() -> None:
    async with FakeGateway() as fake:
        assert "set API_TOKEN" in str(await refusal(fake.url, ""))


async def test_neither_proxies_of_the_environment_nor_cookies_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    seen: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(HEAD + b"Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\n[]")

    async with listening(speak) as port, Gateway(f"http://localhost:{port}", Fixed()) as gateway:
        for _ in range(2):
            assert (await gateway.request("GET", "/x", accept=OK)).body == []
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_a_gateway_that_wants_form_data_gets_it_with_the_token() -> None:
    heard = bytearray()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"name=utils&note=a%26b"))
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")

    async with listening(speak) as port, Gateway(f"http://127.0.0.1:{port}", Fixed()) as gateway:
        answer = await gateway.request("POST", "/servers", form={"name": "utils", "note": "a&b"}, accept=OK)
    assert answer.status == 200
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in heard
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in heard


async def test_a_door_that_was_closed_opens_again() -> None:
    async with FakeGateway() as fake, Gateway(fake.url, Fixed(fake.token)) as gateway:
        for _ in range(2):
            assert (await gateway.request("GET", "/v1/gateways", accept=OK)).status == 200
            await gateway.close()


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("60", 60, 60),
        ("900", 900, 900),
        ("0", 1, 1),
        ("1.5", 1.5, 1.5),
        ("1e9", 3_600, 3_600),
        ("inf", 3_600, 3_600),
        ("Fri, 01 Jan 2900 00:00:00 GMT", 3_600, 3_600),
        # what makes no sense counts as missing
        ("Fri, 01 Jan 1999 00:00:00 GMT", 42, 42),
        ("-5", 42, 42),
        ("nan", 42, 42),
        ("soon", 42, 42),
        ("", 42, 42),
        ("9" * 100_000, 3_600, 3_600),
        ("99999999999999999999999999 Jan 2000 00:00:00 GMT", 42, 42),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_wait_that_a_gateway_asks_for_is_read_with_reserve(said: str, least: float, most: float) -> None:
    assert least <= wait_asked({"Retry-After": said}, 42) <= most
    assert wait_asked({}, 42) == 42


def test_the_wait_may_be_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=1_800)
    assert 900 < wait_asked({"Retry-After": format_datetime(moment, usegmt=True)}, 42) <= 1_800


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, ""),
        ({}, ""),
        (7, ""),
        ({"detail": "no"}, ": no"),
        ({"message": "first", "detail": "second"}, ": first"),
        ({"detail": [{"msg": "one", "input": TOKEN}, {"msg": "two"}]}, ": one; two"),
        ({"detail": {"error": {"message": "deep"}}}, ": deep"),
        ({"detail": {"error": {"message": {"detail": {"error": "too deep"}}}}}, ""),
        ({"message": f"bad {TOKEN} here"}, ": bad … here"),
        ({"message": f"no user for {TOKEN[:12]}... or ...{TOKEN[-11:]}!"}, ": no user for …... or ...…!"),
        ({"message": f"{TOKEN[3:14]}{TOKEN[2:13]} and {TOKEN[:9]}"}, f": …… and {TOKEN[:9]}"),
        ({"message": "Authorization: Bearer abc.def"}, ": Authorization: …"),
        ({"message": "see http://user:pass@host/x"}, ": see http://…host/x"),
        ({"message": "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"}, ": got …"),
        ({"message": "two\n\x1b[31mlines\u202e"}, ": two [31mlines"),
    ],
)
def test_what_a_gateway_says_is_shown_without_secrets(body: object, said: str) -> None:
    assert quoted(body, [TOKEN]) == said


def test_what_a_gateway_says_is_cut() -> None:
    assert len(cleaned("x" * 1_000_000)) == LENGTH
    assert TOKEN[:10] not in cleaned("x" * (LENGTH - 10) + TOKEN, [TOKEN])
    assert cleaned(("a:" * 100_000) + "//" * 100_000)
