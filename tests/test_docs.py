"""What the documents say is true: their code runs, their lists are complete, their links lead somewhere."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

import sanctuary_host
from sanctuary_host import registrars, tool
from sanctuary_host.config import Config
from sanctuary_host.fleet.clients import CLIENTS
from sanctuary_host.gateway.hooks import HOOK, load_registrar
from sanctuary_host.plugins import HOOKS
from sanctuary_host.settings import is_secret, variable_of
from sanctuary_host.testing import serving
from sanctuary_host.tools import describe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


def blocks(page: str, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: what stands after the language, and the text."""
    return [(name, text) for kind, name, text in FENCE.findall((DOCS / page).read_text()) if kind == language]


FILES = dict(blocks("plugins.md", "python"))
CONSOLES = [text for _, text in blocks("plugins.md", "console")]


def install(site: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    """Put the metadata of a distribution into a site folder."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    sections = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in items.items()) for group, items in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(sections))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What plugins.md shows, installed: by its pyproject.toml where it has one, each other pack as a cluster of its name."""
    site = tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (site / name).write_text(text)
    installed: set[str] = set()
    for _, text in blocks("plugins.md", "toml"):
        project = tomllib.loads(text)["project"]
        install(site, project["name"], project["entry-points"])
        installed.update(module for group in project["entry-points"].values() for module in group.values())
    packs = [Path(name).stem for name, text in FILES.items() if "@hookimpl" in text]
    packs = [pack for pack in packs if pack not in installed]
    install(site, "acme", {f"sanctuary_host.{pack}": {pack: pack} for pack in packs})
    return site


def environment(site: Path) -> dict[str, str]:
    return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(site), "HOME": str(site)}


def shell(command: str, site: Path, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment(site),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize(
    "console", CONSOLES, ids=lambda text: text.split("\n", 1)[0][2:].replace("sanctuary-host ", "")
)
def test_the_commands_for_plugin_authors_print_what_the_page_shows(console: str, site: Path, tmp_path: Path) -> None:
    parts = re.split(r"^\$ (.*)\n", console, flags=re.MULTILINE)[1:]
    for command, shown in zip(parts[::2], parts[1::2], strict=True):
        printed = shell(command, site, tmp_path)
        same = doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)
        assert same, f"{command}\nprinted:\n{printed}\nthe page shows:\n{shown}"


def test_the_tests_for_plugin_authors_pass(site: Path) -> None:
    names = [name for name in FILES if name.startswith("test_")]
    assert names
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(site), *names]
    done = subprocess.run(command, env=environment(site), cwd=site, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_registrar_for_plugin_authors_is_found(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    async with registrars.Gateway("http://board.example", NoCredential()) as gateway:
        assert load_registrar("pinboard", gateway).name == "pinboard"


class NoCredential:
    """Where a gateway asks for no token."""

    value = ""

    async def reread(self) -> bool:
        return False


def test_every_pack_for_plugin_authors_is_run_by_a_command_or_a_test() -> None:
    run = "\n".join(CONSOLES) + "".join(text for name, text in FILES.items() if name.startswith("test_"))
    for name, text in FILES.items():
        assert name.endswith(".py"), "a block of Python on that page needs a file name after ```python"
        if "@hookimpl" in text and name != "dice_pack.py":
            stem = name.removesuffix(".py")
            ways = (f"CLUSTER={stem} ", f'connected("{stem}"', f"from {stem} import")
            assert any(way in run for way in ways), f"nothing runs {name}"


HEAD = "from sanctuary_host import *\n"
REGISTER = "\n\n@hookimpl\ndef register_tools():\n    return [f]\n"
FAULTS = {
    "the import fails, whatever it raises": "import nowhere",
    "no hook at all": "x = 1",
    "a hook without `@hookimpl`": "def register_tools():\n    return []",
    "a misspelt hook": "@hookimpl\ndef register_tool():\n    return []",
    "a hook that returns something else": "@hookimpl\ndef register_tools():\n    return {}",
    "a function without `@tool`": "def f() -> int:\n    'F.'" + REGISTER,
    "`@tool` without parentheses": "@tool\ndef f() -> int:\n    'F.'" + REGISTER,
    "a tool that was called instead of listed": (
        "@tool()\ndef f() -> int:\n    'F.'\n    return 1" + REGISTER.replace("[f]", "[f()]")
    ),
    "no docstring": "@tool()\ndef f() -> int:\n    return 1" + REGISTER,
    "`*args`, `**kwargs`": "@tool()\ndef f(*words: str) -> int:\n    'F.'" + REGISTER,
    "a parameter without its type": "@tool()\ndef f(word) -> int:\n    'F.'" + REGISTER,
    "a type that JSON Schema cannot state": "class T: pass\n@tool()\ndef f(t: T) -> int:\n    'F.'" + REGISTER,
    "types imported under `TYPE_CHECKING`": "@tool()\ndef f(path: \"Path\") -> int:\n    'F.'" + REGISTER,
    "a place that does not fit the function": "@tool(runs='inline')\nasync def f() -> int:\n    'F.'" + REGISTER,
    "a deadline that is none": "@tool(timeout=0)\ndef f() -> int:\n    'F.'" + REGISTER,
    "a bound that is none": "@tool(concurrency=0)\ndef f() -> int:\n    'F.'" + REGISTER,
    "marks that contradict each other": "@tool(read_only=True, destructive=True)\ndef f() -> int:\n    'F.'" + REGISTER,
    "a name that gateways refuse": "@tool(name='f g')\ndef f() -> int:\n    'F.'" + REGISTER,
    "a description that gateways drop the tool for": "@tool()\ndef f() -> int:\n    'A && b.'" + REGISTER,
    "a name that is taken": "@tool(name='first')\ndef f() -> int:\n    'F.'" + REGISTER,
    "a missing setting": (
        "from pydantic import BaseModel\nclass Settings(BaseModel):\n    folder: str\n\n"
        "@hookimpl\ndef register_tools(host):\n    host.settings(Settings)\n    return []"
    ),
    "a boundary that nothing could enforce": "@hookimpl\ndef declare_boundary():\n    return Boundary(network='lan')",
    "a secret that the boundary does not declare": "@hookimpl\ndef register_tools(host):\n    host.secret('API_TOKEN')",
}
GOOD = "@tool(name='first')\ndef f() -> int:\n    'F.'" + REGISTER


async def test_the_table_of_faults_shows_what_is_said(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    section = (DOCS / "plugins.md").read_text().split("## What is checked at start")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", section, re.MULTILINE))
    assert list(rows) == list(FAULTS)
    sources = {"a": GOOD} | {f"p{index:02}": source for index, source in enumerate(FAULTS.values())}
    site = distribution("acme", "acme", {name: HEAD + source for name, source in sources.items()})
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=str(site))
    assert ran.status == 1
    said = {
        re.findall(r"^plugin (\w+) ", fault)[0]: fault.partition("was left out: ")[2] for fault in ran.json["faults"]
    }
    for index, (fault, shown) in enumerate(rows.items()):
        pattern = re.escape(shown).replace("…", ".*")
        assert re.fullmatch(pattern, said[f"p{index:02}"], re.DOTALL), f"{fault}: {said[f'p{index:02}']}"


@pytest.mark.parametrize("check", [True, False])
def test_the_generated_pages_are_those_of_the_code(check: bool, tmp_path: Path) -> None:
    script = DOCS / "generate.py"
    if not check:  # written anew elsewhere, the same pages come of it, and a changed one is told with status 1
        elsewhere = tmp_path / "docs"
        elsewhere.mkdir()
        (elsewhere / "generate.py").write_text(script.read_text())
        without = re.sub(
            r"(?<=-->\n)```.*?^```\n", "", (DOCS / "clients.md").read_text(), flags=re.DOTALL | re.MULTILINE
        )
        (elsewhere / "clients.md").write_text(without)
        script = elsewhere / "generate.py"
        subprocess.run(
            [sys.executable, script],
            env={**os.environ, "GATEWAY_URL": "http://of.this.machine", "CLUSTER": "none"},
            check=True,
            capture_output=True,
        )
        clients = [f"deploy/clients/{name}.json" for name in ("gateway_routed", "legacy_direct")]
        for page in ("docs/settings.md", "docs/tools.md", "docs/clients.md", *clients):
            assert (tmp_path / page).read_text() == (ROOT / page).read_text(), "run `make docs`"
        (elsewhere / "tools.md").write_text("stale\n")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, "-stale" in done.stdout) == ((0, False) if check else (1, True)), done.stdout


def generator() -> Any:
    spec = spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Found(BaseModel):
    """A model as a result."""

    words: list[str]
    kind: Literal["a", "b"] | None = None


@tool(read_only=True, runs="inline", timeout=2)
def look(
    word: Annotated[str, Field(description="What to | look for", max_length=8)],
    times: Annotated[int, Field(ge=1, le=5)] = 2,
) -> list[Found]:
    """Look for a word."""
    return [Found(words=[word] * times)]


def test_a_tools_section_shows_parameters_results_and_hints() -> None:
    text = "\n\n".join(generator().tool_parts(describe(look)))
    assert "*reads, idempotent, closed world; runs inline, at most 2 s; " in text
    assert "| `word` | string, at most 8 characters | **required** | What to \\| look for |" in text
    assert "| `times` | integer, 1 to 5 | `2` |  |" in text
    assert "| `result` | list of Found |" in text
    assert "| `kind` | `a`, `b` or null |" in text


class PackSettings(BaseModel):
    """What an operator decides about a pack."""

    key: Annotated[SecretStr | None, Field(description="A key.")] = None
    hosts: Annotated[list[str], Field(description="Who may.")] = []


def test_a_secret_setting_has_a_line_for_its_file() -> None:
    text = generator().settings_table(PackSettings, "acme")
    assert "| `ACME_KEY` | secret | unset | A key. |" in text
    assert "| `ACME_KEY_FILE` | path of a file | unset |" in text
    assert "| `ACME_HOSTS` | words | unset | Who may. |" in text


def public_names() -> Iterator[str]:
    yield from HOOKS
    yield HOOK
    yield from sanctuary_host.__all__
    yield from registrars.__all__
    for field, info in Config.model_fields.items():
        yield variable_of(field, info, "SANCTUARY")
        if is_secret(info):
            yield f"{variable_of(field, info, 'SANCTUARY')}_FILE"


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_every_hook_public_name_and_variable_is_documented(name: str) -> None:
    page = "settings.md" if name.isupper() else "plugins.md"
    assert re.search(rf"\b{name}\b", (DOCS / page).read_text()), f"docs/{page} does not mention {name}"


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (DOCS / "dependencies.md").read_text().splitlines()
    extras = project["optional-dependencies"]
    for extra in extras:
        assert any(f"[{extra}]" in line for line in lines), f"no line on the extra [{extra}]"
    wanted = [*project["dependencies"], *(one for some in extras.values() for one in some)]
    for requirement in wanted:
        name, bounds = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?(.*)", requirement).groups()  # type: ignore[union-attr]
        if name != project["name"]:
            found = [line for line in lines if line.startswith(f"| `{name}` | `{bounds}` |")]
            assert found, f"no line on {requirement}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_and_nothing_is_promised_for_later(page: Path) -> None:
    text = page.read_text()
    prose = FENCE.sub("", text)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not link.startswith(("http://", "https://", "mailto:")):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{link} leads nowhere"
            assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"
    assert not re.search(r"\b(TODO|TBD|FIXME)\b|coming soon|work in progress", text, re.IGNORECASE)


def test_every_decision_record_has_the_four_parts_and_is_listed() -> None:
    listed = (DOCS / "adr" / "README.md").read_text()
    records = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        parts = re.findall(r"^## (.*)$", record.read_text(), re.MULTILINE)
        assert parts == ["Status", "Context", "Decision", "Consequences"], record.name
        assert f"]({record.name})" in listed


def test_the_tests_that_documents_name_exist() -> None:
    known = {
        name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    for page in (DOCS / "threat-model.md", *(DOCS / "adr").glob("*.md")):
        named = set(re.findall(r"`(test_\w+)`", page.read_text()))
        assert named <= known, f"{page.name}: {sorted(named - known)}"


def imports(path: Path) -> Iterator[str]:
    """The names in our package that a module imports, such as `transport.kernel.Kernel`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sanctuary_host":
            for alias in node.names:
                yield f"{node.module}.{alias.name}".removeprefix("sanctuary_host.")


def test_no_import_leads_upward_from_the_floor_that_the_architecture_shows() -> None:
    ((_, drawn),) = [block for block in blocks("architecture.md", "text") if block[0] == "floors"]
    floors = [line.split(":")[1].split() for line in drawn.splitlines()]
    floor = {room: number for number, rooms in enumerate(reversed(floors)) for room in rooms}
    package = Path(sanctuary_host.__file__).parent
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    # Of a room, a part may stand on a lower floor: that is drawn with its full name.
    assert rooms - {"__init__"} == {name for name in floor if "." not in name}

    def room(name: str) -> str:
        return next(
            (part for part in floor if "." in part and f"{name}.".startswith(f"{part}.")),
            name.split(".", maxsplit=1)[0],
        )

    for path in package.rglob("*.py"):
        here = room(".".join(path.relative_to(package).with_suffix("").parts))
        for name in imports(path):
            there = room(name)
            if here in floor and there in floor:
                assert floor[there] <= floor[here], f"{path.relative_to(package)} imports {name}, which is above it"


def test_the_architecture_names_files_that_exist() -> None:
    text = (DOCS / "architecture.md").read_text()
    for name in re.findall(r"`([a-z_/]+\.py)`", text):
        assert (ROOT / "core/sanctuary_host" / name).exists(), name


def test_every_client_configuration_is_rendered_from_the_code() -> None:
    page = (DOCS / "clients.md").read_text()
    rendered = re.findall(r"^<!-- config (\S+) (\S+) -->\n```(?:json|toml)$", page, re.MULTILINE)
    assert len(rendered) == len(blocks("clients.md", "json")) + len(blocks("clients.md", "toml"))
    assert {client for client, mode in rendered if mode == "gateway"} == set(CLIENTS)
    for client in CLIENTS.values():
        assert f"### {client.title}\n" in page


@pytest.mark.parametrize("text", [text for _, text in blocks("clients.md", "python")], ids=["stdio", "http", "token"])
async def test_the_python_clients_connect(text: str, tmp_path: Path) -> None:
    assert "sanctuary-host" in text or "http://127.0.0.1:8100/mcp" in text
    token = {"SANCTUARY_TOKEN": "correct-horse"} if "SANCTUARY_TOKEN" in text else {}
    async with serving("utils", **token) as served:
        (tmp_path / "client.py").write_text(text.replace("http://127.0.0.1:8100/mcp", served.url))
        done = subprocess.run(
            [sys.executable, "client.py"],
            env=environment(tmp_path) | token,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
