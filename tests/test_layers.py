"""The rooms of the house: arrows run one way, packs see public names only, and each module stands by itself."""

from __future__ import annotations

import ast
import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core" / "sanctuary_host"
PACKS = sorted(path for path in (ROOT / "plugins").glob("*/sanctuary_*") if path.is_dir())
PUBLIC = {
    "sanctuary_host",
    "sanctuary_host.doors",
    "sanctuary_host.prompts",
    "sanctuary_host.registrars",
    "sanctuary_host.resources",
}

FLOORS = [
    {"boundary", "shapes", "calling", "content", "settings", "ways", "transport.shallow", "gateway.entry", "addresses"},
    {
        "schemas",
        "folders",
        "environment",
        "config",
        "errands",
        "containment.steps",
        "containment.breaker",
        "containment.echo",
        "containment.lanes",
        "containment.libc",
        "containment.modes",
        "containment.orphans",
    },
    {"gateway.card", "gateway.lint", "observe", "host", "recorded"},
    {"results", "arguments", "containment.output", "containment.wire", "containment.syscalls"},
    {"containment.probe", "containment.interpreter"},
    {"tools", "containment.grants", "containment.programs", "containment.python", "containment.surroundings"},
    {
        "containment.bpf",
        "containment.landlock",
        "containment.seccomp",
        "containment.sandbox",
        "containment.confinement",
        "containment.attest",
    },
    {"containment.connection", "containment.forks", "containment.worker", "containment.zygote", "doors"},
    {"prompts", "containment.pool", "containment.witness"},
    {"resources"},
    {"hookspecs"},
    {"plugins"},
    {"jobs", "containment.tasks"},
    {"audited", "records"},
    {"places"},
    {"calls"},
    {"transport"},
    {"gateway.registrar"},
    {"gateway"},
    {"registrars", "app"},
    {"commands", "testing"},
    {"fleet"},
    {"cli"},
    {"__main__"},
]
"""Each module imports only from floors below its own, or from its own room."""


def module_name(path: Path) -> str:
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(name: str) -> int:
    for floor, rooms in enumerate(FLOORS):
        if name in rooms or name.partition(".")[0] in rooms:
            return floor
    raise AssertionError(f"{name} has no floor; give it one")


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file imports, without `sanctuary_host.`; names inside modules are left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    ours = {name.partition(".")[2] for name in found if name.startswith("sanctuary_host.")}
    packs = {name for name in found if name.startswith("sanctuary_") and name.partition(".")[0] != "sanctuary_host"}
    assert not packs, f"{path.name} imports the packs {packs}"
    return {name for name in ours if (CORE / f"{name.replace('.', '/')}.py").exists()}


MODULES = sorted(path for path in CORE.rglob("*.py") if module_name(path))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_import_arrows_run_one_way(path: Path) -> None:
    name = module_name(path)
    for target in imports_of(path):
        same_room = target.startswith(f"{name.partition('.')[0]}.")
        assert same_room or floor_of(target) < floor_of(name), f"{name} imports {target}, which is not below it"


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_a_pack_imports_public_names_only_and_no_other_pack(pack: Path) -> None:
    for path in pack.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                if module.startswith("sanctuary_"):
                    assert module in PUBLIC or module.partition(".")[0] == pack.name, f"{path.name} imports {module}"


def test_only_the_command_reads_the_environment() -> None:
    readers = {
        module_name(path)
        for path in [*CORE.rglob("*.py"), *(file for pack in PACKS for file in pack.rglob("*.py"))]
        if path.is_relative_to(CORE) and "os.environ" in path.read_text(encoding="utf-8")
    }
    # The fork server empties it and workers watch that nobody changes it, testing hands it on to the process that it
    # starts, table asks for NO_COLOR.
    readers -= {"containment.worker", "containment.zygote", "testing", "commands.table"}
    assert readers == {"cli", "environment"}


async def test_each_module_imports_by_itself_without_a_warning() -> None:
    # Other people's packages are loaded once; each of our modules then alone, in a child of its own.
    code = """
import importlib, os, sys, warnings
import aiohttp.web, mcp.server.lowlevel, opentelemetry.sdk.trace, prometheus_client
warnings.simplefilter("error")
for name in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(name)
        os._exit(0)
    if os.wait()[1] != 0:
        print(name)
"""
    names = [f"sanctuary_host.{module_name(path)}" for path in MODULES if path.stem != "__main__"]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *names, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert (process.returncode, out.decode()) == (0, "")


async def test_workers_are_forked_before_the_protocols_implementation_is_loaded() -> None:
    code = (
        "import sys, sanctuary_host.cli; sys.exit(any(name in sys.modules for name in ('mcp', 'aiohttp', 'starlette')))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0


async def test_no_cluster_loads_the_code_of_another() -> None:
    code = "import sys; from sanctuary_host.plugins import load; load('utils'); print([m for m in sys.modules if m.startswith('sanctuary_') and not m.startswith(('sanctuary_host', 'sanctuary_utils'))])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


def test_no_module_is_more_than_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT))
        for path in [*MODULES, *(file for pack in PACKS for file in pack.rglob("*.py"))]
        if len(path.read_text(encoding="utf-8").splitlines()) > 400
    }
    assert long == set()
