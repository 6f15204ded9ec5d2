"""Plugins are found by entry points alone, and one that is broken leaves the others serving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOD = '''
from sanctuary_host import hookimpl, tool

@tool(read_only=True)
def greet(name: str = "you") -> str:
    """Greet somebody."""
    return f"hello {name}"

@hookimpl
def register_tools():
    return [greet]
'''

TOOL = "from sanctuary_host import *\nfrom sanctuary_host import hookimpl\n"

BROKEN = {
    "an import that fails": ("import nothing_of_that_name", "ModuleNotFoundError"),
    "an exit at import": ("raise SystemExit(3)", "SystemExit: 3"),
    "an interrupt at import": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a syntax error": ("def (", "SyntaxError"),
    "no hook at all": ("x = 1", "implements no hook"),
    "a forgotten hookimpl": ("def register_tools():\n    return []", "register_tools is not marked; put @hookimpl"),
    "a misspelt hook": (TOOL + "@hookimpl\ndef register_tool():\n    return []", "did you mean register_tools?"),
    "a hook with an odd argument": (TOOL + "@hookimpl\ndef register_tools(hots):\n    return []", "hots"),
    "a hook that raises": (TOOL + "@hookimpl\ndef register_tools():\n    return 1 / 0", "ZeroDivisionError"),
    "a hook that returns something else": (TOOL + "@hookimpl\ndef register_tools():\n    return 5", "returned int"),
    "an unmarked function": (
        TOOL + "def f() -> int:\n    'F.'\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "f is not marked as a tool",
    ),
    "no docstring": (
        TOOL + "@tool()\ndef f() -> int:\n    return 1\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "f has no docstring",
    ),
    "a mark without parentheses": (
        TOOL + "@tool\ndef f() -> int:\n    'F.'\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "@tool needs parentheses: write @tool()",
    ),
    "a tool that was called instead of listed": (
        TOOL + "@tool()\ndef f() -> int:\n    'F.'\n    return 1\n\n@hookimpl\ndef register_tools():\n    return [f()]",
        "a tool is a function, not int; list the function itself",
    ),
    "marks that contradict each other": (
        TOOL
        + "@tool(read_only=True, destructive=True)\ndef f() -> int:\n    'F.'\n\n"
        + "@hookimpl\ndef register_tools():\n    return [f]",
        "marked both read_only and destructive",
    ),
    "a boundary of an unknown word": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return Boundary(network='lan')",
        "a Boundary's network must be 'none' or 'gateway' or 'backends' or 'internet'",
    ),
    "a boundary with a comma forgotten": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return Boundary(mounts=(Mount('ACME_FOLDER')))",
        "a Boundary's mounts must be a tuple of Mount; a tuple of one is written (one,)",
    ),
    "a boundary whose secrets are one word": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return Boundary(secrets='ACME_KEY')",
        "a Boundary's secrets must be a tuple of str",
    ),
    "a boundary with a port that is none": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return Boundary(port=70000)",
        "a Boundary's port must be from 1 to 65535",
    ),
    "a mount of an unknown mode": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return Boundary(mounts=(Mount('ACME_FOLDER', mode='rx'),))",
        "a Mount's mode must be 'ro' or 'rw'",
    ),
    "a boundary that is something else": (
        TOOL + "@hookimpl\ndef declare_boundary():\n    return 'none'",
        "declare_boundary returned str; return a Boundary",
    ),
    "many arguments": (
        TOOL + "@tool()\ndef f(*a: int) -> int:\n    'F.'\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "named one by one",
    ),
    "a description that gateways drop": (
        TOOL + "@tool()\ndef f() -> int:\n    'Runs a && b.'\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "contains '&&'",
    ),
    "a name that gateways refuse": (
        TOOL + "@tool(name='a b')\ndef f() -> int:\n    'F.'\n\n@hookimpl\ndef register_tools():\n    return [f]",
        "'a b' is not a usable name",
    ),
    "a tool that is there already": (GOOD, "greet is already offered by plugin good"),
    "a missing setting": (
        TOOL
        + "from pydantic import BaseModel\nclass S(BaseModel):\n    folder: str\n\n"
        + "@hookimpl\ndef register_tools(host):\n    host.settings(S)\n    return []",
        "ACME_FOLDER is not set",
    ),
    "a secret that no boundary declares": (
        TOOL + "@hookimpl\ndef register_tools(host):\n    host.secret('API_TOKEN')\n    return []",
        "API_TOKEN is not among the secrets",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_plugin_is_left_out_and_named_while_the_rest_serve(
    case: str, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source, reason = BROKEN[case]
    site = distribution("acme", "acme", {"good": GOOD, "zbroken": source})
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=str(site))
    assert ran.status == 1
    assert list(ran.json["tools"]) == ["greet"]
    (fault,) = ran.json["faults"]
    assert fault.startswith("plugin zbroken (from acme) was left out: ")
    assert reason in fault
    assert "\n" not in fault


async def test_a_third_party_joins_by_installation_alone(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "utils", {"good": GOOD})
    listed = await run("tools", "--json", CLUSTER="utils", PYTHONPATH=str(site))
    assert "greet" in [tool["name"] for tool in listed.json]
    called = await run("call", "greet", "name=Ada", CLUSTER="utils", PYTHONPATH=str(site))
    assert (called.status, called.out) == (0, "hello Ada\n")


async def test_only_the_chosen_clusters_plugins_are_imported(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "acme", {"loud": GOOD})
    distribution_two = site / "other-1.0.dist-info"
    distribution_two.mkdir()
    (distribution_two / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (distribution_two / "entry_points.txt").write_text("[sanctuary_host.other]\nx = other_x\n")
    (site / "other_x.py").write_text("raise SystemExit('imported')\n")
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=str(site))
    assert (ran.status, ran.json["faults"]) == (0, [])


@pytest.mark.parametrize("cluster", ["filesystem", "git"])
async def test_a_stranger_joins_a_closed_cluster_only_when_the_operator_trusts_it(
    cluster: str, distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", cluster, {"good": GOOD})
    refused = await run("check", "--json", CLUSTER=cluster, PYTHONPATH=str(site))
    assert "only trusted distributions may join" in " ".join(refused.json["faults"])
    assert "greet" not in refused.json["tools"]
    trusted = await run("check", "--json", CLUSTER=cluster, PYTHONPATH=str(site), SANCTUARY_TRUST="acme")
    assert "greet" in trusted.json["tools"]


async def test_two_boundaries_are_a_fault_that_names_both(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = (
        GOOD
        + "\nfrom sanctuary_host import Boundary\n@hookimpl\ndef declare_boundary():\n    return Boundary('internet')\n"
    )
    site = distribution("acme", "acme", {"one": source, "two": source.replace("greet", "meet")})
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=str(site))
    assert "one (from acme) and two (from acme) both declare a boundary" in ran.json["faults"][0]
    assert ran.json["boundary"] == "no files; no network"


async def test_a_guest_cannot_widen_the_boundary_of_the_hosts_own_cluster(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = (
        GOOD
        + "\nfrom sanctuary_host import Boundary\n@hookimpl\ndef declare_boundary():\n    return Boundary('internet')\n"
    )
    site = distribution("acme", "utils", {"guest": source})
    ran = await run("check", "--json", CLUSTER="utils", PYTHONPATH=str(site))
    assert "declares a boundary, but utils is the host's own" in " ".join(ran.json["faults"])
    assert ran.json["boundary"] == "no files; no network"


async def test_shutdown_callbacks_are_called_at_the_end_even_after_one_that_fails(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = (
        GOOD.replace("register_tools():", "register_tools(host):\n    closing(host)")
        + "\nimport sys\n\n"
        + "async def later():\n    print('later', file=sys.stderr)\n\n"
        + "def closing(host):\n"
        + "    host.on_shutdown(lambda: 1 / 0)\n"
        + "    host.on_shutdown(lambda: print('plain', file=sys.stderr))\n"
        + "    host.on_shutdown(later)\n"
    )
    site = distribution("acme", "acme", {"one": source})
    ran = await run(CLUSTER="acme", PYTHONPATH=str(site))
    assert ran.status == 0
    assert "a plugin's shutdown callback failed" in ran.err
    assert {"plain", "later"} <= {*ran.err.splitlines()}


async def test_names_that_a_gateway_makes_one_are_a_fault(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    site = distribution("acme", "acme", {"one": GOOD, "two": GOOD.replace("@tool(", "@tool(name='Greet', ")})
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=str(site))
    assert ran.status == 1
    assert "greet and Greet are one name to a gateway" in ran.json["faults"][0]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "CLUSTER is not set; choose one of: "),
        ({"CLUSTER": "utlis"}, "cluster 'utlis' is not installed (did you mean utils?); installed: "),
        ({"CLUSTER": "UTILS"}, "cluster 'UTILS' is not installed (did you mean utils?); installed: "),
        ({"CLUSTER": "../etc"}, "cluster '../etc' is not installed; installed: "),
        ({"CLUSTER": "utils", "PORT": "http"}, "PORT must be a whole number"),
        ({"CLUSTER": "utils", "PORT": "70000"}, "PORT must be less than or equal to 65535"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_BIND": "0.0.0.0"}, "set SANCTUARY_TOKEN"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_CONTAINER": "1"}, "set SANCTUARY_TOKEN"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_BIND": "localhost"}, "SANCTUARY_BIND must be an IP address"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_TOKEN_FILE": "/nowhere"}, "SANCTUARY_TOKEN_FILE names a file"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_TOKEN_FILE": "/dev/null"}, "names a file that is empty"),
        ({"CLUSTER": "utils", "PORT": "0", "SANCTUARY_STATELESS": "maybe"}, "SANCTUARY_STATELESS must be 1 or 0"),
        (
            {"CLUSTER": "utils", "PORT": "0", "SANCTUARY_BIND": "192.0.2.1", "SANCTUARY_TOKEN": "x"},
            "SANCTUARY_BIND to an",
        ),
        ({"CLUSTER": "utils", "SANCTUARY_ADVERTISE_URL": "utils:8000"}, "must be an http or https URL"),
    ],
)
async def test_a_wrong_setting_ends_with_status_2_and_one_sentence(
    environment: dict[str, str], sentence: str, run: Callable[..., Any]
) -> None:
    ran = await asyncio.wait_for(run(**environment), 30)
    assert ran.status == 2
    assert sentence in ran.err
    assert ran.err.startswith("sanctuary-host: ")
    assert len(ran.err.strip().splitlines()) == 1
    assert ran.out == ""
