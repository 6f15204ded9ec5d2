"""A registrar of a third party is found by its entry point; one that cannot be used is explained, and no other is run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sanctuary_host import SettingsError
from sanctuary_host.gateway.hooks import load_registrar
from sanctuary_host.registrars import Entry, Gateway, Registrar
from sanctuary_host.testing import serving

GROUP = "sanctuary_registrars"
HEAD = """
from sanctuary_host import SettingsError, hookimpl
from sanctuary_host.registrars import GatewayError, Plan, Registrar, Registration

class Shelf:
    name = "shelf"

    def __init__(self, gateway):
        self.gateway = gateway

    def plan(self, entry):
        return Plan("PUT", f"{self.gateway.url}/shelf/{entry.name}", {})

    async def register(self, entry, known, *, adopt=False):
        return Registration(entry.name, 200, "created")

    async def withdraw(self, entry, known, *, delete):
        return True

    async def copy(self, entry):
        return None

"""
GOOD = HEAD + "@hookimpl\ndef make_registrar(gateway):\n    return Shelf(gateway)\n"
ENTRY = Entry("sanctuary_utils", "http://h:1", "sse", "utils", "1", "Tools.", (), "0123abcd")


def returning(what: str) -> str:
    return f"{HEAD}@hookimpl\ndef make_registrar(gateway):\n    return {what}\n"


BROKEN = {
    "the import fails": ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    "the import ends the process": ("raise SystemExit(3)", "SystemExit: 3"),
    "a syntax error": ("def (", "SyntaxError"),
    "no hook": ("x = 1", "it implements no hook; the hook is make_registrar"),
    "an unmarked hook": (
        "def make_registrar(gateway):\n    return 1",
        "make_registrar is not marked; put @hookimpl above it",
    ),
    "a misspelt hook": (
        HEAD + "@hookimpl\ndef make_registrer(gateway):\n    return 1",
        "there is no hook make_registrer; did you mean make_registrar?",
    ),
    "a hook of tool packs": (
        HEAD + "@hookimpl\ndef register_tools():\n    return []",
        "there is no hook register_tools; the hook is make_registrar",
    ),
    "an odd argument": (HEAD + "@hookimpl\ndef make_registrar(getaway):\n    return 1", "getaway"),
    "a hook that fails": (returning("1 / 0"), "ZeroDivisionError: division by zero"),
    "a hook that explains": (
        HEAD + "@hookimpl\ndef make_registrar(gateway):\n    raise SettingsError('SHELF is not set')",
        "cannot be used: SHELF is not set",
    ),
    "nothing returned": (returning("None"), "make_registrar returned NoneType, which has no plan and no register"),
    "something else returned": (returning("{}"), "make_registrar returned dict, which has no plan and no register"),
    "the class itself": (returning("object"), "which has no plan"),
    "a method missing": (
        HEAD.replace("async def copy", "async def copi")
        + "@hookimpl\ndef make_registrar(gateway):\n    return Shelf(gateway)",
        "make_registrar returned Shelf, which has no copy; return a Registrar",
    ),
    "a method that blocks": (
        HEAD.replace("async def withdraw", "def withdraw")
        + "@hookimpl\ndef make_registrar(gateway):\n    return Shelf(gateway)",
        "withdraw would hold up the host; make it an async def",
    ),
    "a coroutine": (
        HEAD + "@hookimpl\nasync def make_registrar(gateway):\n    return Shelf(gateway)",
        "make_registrar is an async def; make it a plain def",
    ),
    "two names": (
        GOOD.replace('name = "shelf"', 'name = "shelve"'),
        "its name is not 'shelf', which its entry point says",
    ),
}


class Nobody:
    """No credential."""

    value = ""

    async def reread(self) -> bool:
        return False


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway("http://gateway.example:4444", Nobody()) as here:
        yield here


@pytest.fixture
def install(
    distribution: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Callable[..., None]]:
    """Install distributions where this process finds them: `install("acme", shelf=source)`."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def into(name: str, **registrars: str) -> None:
        distribution(name, GROUP, registrars)

    yield into
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(name: str, gateway: Gateway) -> str:
    with pytest.raises(SettingsError) as caught:
        load_registrar(name, gateway)
    return str(caught.value)


async def test_the_named_registrar_is_made_with_the_gateway_and_no_other_is_imported(
    install: Callable[..., None], gateway: Gateway
) -> None:
    install("acme", shelf=GOOD, bomb="raise SystemExit(3)")
    install("other", crate="raise SystemExit(4)")
    registrar: Registrar = load_registrar("shelf", gateway)
    assert registrar.plan(ENTRY).url == "http://gateway.example:4444/shelf/sanctuary_utils"
    assert (await registrar.register(ENTRY, None)).id == "sanctuary_utils"
    assert "acme_shelf" in sys.modules
    assert not {"acme_bomb", "other_crate"} & set(sys.modules)


async def test_a_hook_may_leave_the_gateway_out(install: Callable[..., None], gateway: Gateway) -> None:
    install("acme", shelf=HEAD + "@hookimpl\ndef make_registrar():\n    return Shelf(None)\n")
    assert load_registrar("shelf", gateway).name == "shelf"


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_registrar_that_cannot_be_used_is_explained(
    install: Callable[..., None], gateway: Gateway, fault: str
) -> None:
    source, reason = BROKEN[fault]
    install("acme", shelf=source)
    said = refusal("shelf", gateway)
    assert said.startswith("registrar shelf (from acme) cannot be used: ")
    assert reason in said
    assert "\n" not in said


async def test_an_unknown_name_is_answered_with_what_there_is(install: Callable[..., None], gateway: Gateway) -> None:
    install("acme", shelf=GOOD, crate=GOOD)
    said = refusal("Shelv", gateway)
    assert "'Shelv', which is not installed (did you mean shelf?)" in said
    assert said.endswith("there are auto, contextforge, manifest, crate, shelf")
    assert "did you mean contextforge?" in refusal("context-forge", gateway)
    assert len(refusal("x" * 9_999, gateway)) < 300


async def test_two_distributions_that_offer_one_name_are_both_named(
    install: Callable[..., None], gateway: Gateway
) -> None:
    install("acme", shelf=GOOD)
    install("bolt", shelf=GOOD)
    assert refusal("shelf", gateway) == "registrar shelf is offered by acme and bolt; uninstall all but one"
    assert not {"acme_shelf", "bolt_shelf"} & set(sys.modules)


@pytest.mark.parametrize("name", ["auto", "contextforge", "manifest"])
async def test_the_hosts_own_names_cannot_be_taken(install: Callable[..., None], gateway: Gateway, name: str) -> None:
    install("acme", **{name: GOOD})
    assert refusal(name, gateway) == f"registrar {name} is the host's own; no distribution can replace it"
    assert f"acme_{name}" not in sys.modules
    assert refusal("shelf", gateway).endswith("there are auto, contextforge, manifest")


async def test_a_registrar_that_nobody_named_is_not_run(distribution: Callable[..., Path]) -> None:
    site = distribution("acme", GROUP, {"bomb": "raise SystemExit(3)", "auto": "raise SystemExit(3)"})
    async with serving("utils", PYTHONPATH=str(site)) as served:
        assert served.process.returncode is None


async def test_a_running_server_registers_through_the_registrar_that_is_named(
    distribution: Callable[..., Path],
) -> None:
    source = GOOD.replace(
        'return Registration(entry.name, 200, "created")',
        'put = await self.gateway.request("PUT", f"/shelf/{entry.name}", {"tools": len(entry.tools)}, accept={200})\n'
        '        return Registration(entry.name, put.status, "created")',
    )
    site = distribution("acme", GROUP, {"shelf": source})
    shelved: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def shelve(request: web.Request) -> web.Response:
        await shelved.put((request.path, request.headers["Authorization"]))
        return web.Response()

    application = web.Application()
    application.router.add_put("/shelf/{name}", shelve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = {
        "PYTHONPATH": str(site),
        "GATEWAY_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "API_TOKEN": "correct-horse-battery-staple",
        "SANCTUARY_REGISTRAR": "shelf",
        "SANCTUARY_SPLAY": "0",
    }
    try:
        async with serving("utils", **settings), asyncio.timeout(60):
            assert await shelved.get() == ("/shelf/sanctuary_utils", "Bearer correct-horse-battery-staple")
    finally:
        await runner.cleanup()


async def test_a_registrar_that_is_not_there_ends_the_server_with_a_sentence(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", GROUP, {"shelf": GOOD})
    settings = {"GATEWAY_URL": "http://gateway.example:4444", "SANCTUARY_REGISTRAR": "shelve", "PYTHONPATH": str(site)}
    ran = await run(CLUSTER="utils", PORT="0", **settings)
    assert ran.status == 2
    assert "SANCTUARY_REGISTRAR names 'shelve', which is not installed (did you mean shelf?)" in ran.err
    assert "Traceback" not in ran.err
