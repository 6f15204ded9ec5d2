"""An agent's whole visit to a project, through the official client: explore, search, edit, patch, check, undo."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from sanctuary_host.testing import connected

ROOT = Path(__file__).resolve().parent.parent


class Agent:
    """Calls tools as an agent does, and reads what it is shown."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, tool: str, **arguments: Any) -> str:
        result = await self._client.call_tool(tool, arguments)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        assert not result.is_error, text
        return text

    async def refused(self, tool: str, **arguments: Any) -> str:
        result = await self._client.call_tool(tool, arguments)
        assert result.is_error
        return result.content[0].text


@asynccontextmanager
async def _agent(workspace: str, base: Path) -> AsyncGenerator[Agent]:
    async with connected("filesystem", SANCTUARY_WORKSPACE=workspace, SANCTUARY_AUDIT=str(base / "audit")) as client:
        yield Agent(client)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A real project with its history, checked out for the purpose."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "core", checkout / "core", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs", checkout / "docs")
    (checkout / ".gitignore").write_text("build/\n*.log\n")
    (checkout / "build").mkdir()
    (checkout / "build/out.py").write_text("def open_beneath(): ...\n")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    return checkout


def _state(folder: Path) -> dict[str, tuple[str, int]]:
    files = (path for path in folder.rglob("*") if path.is_file() and not {".git", ".sanctuary"} & {*path.parts})
    return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode) for path in files}


def _git(project: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=project, check=True, capture_output=True, text=True).stdout


async def test_an_agent_explores_edits_patches_checks_and_undoes(project: Path, tmp_path: Path) -> None:
    before = _state(project)
    async with _agent(f"{project}:rw", tmp_path) as agent:
        # explore
        assert "core/" in await agent("list_dir")
        listed = await agent("list_dir", path="core", depth=3)
        assert "doors/" in listed
        found = await agent("find_files", pattern="*.py", path="core/sanctuary_host/doors")
        assert "core/sanctuary_host/doors/beneath.py" in found or "beneath.py" in found
        assert "build" not in await agent("find_files", pattern="out.py")
        outline = await agent("code", action="outline", path="core/sanctuary_host/doors/beneath.py")
        assert "open_beneath" in outline

        # search
        hits = await agent("grep", pattern=r"def open_beneath\b")
        assert "core/sanctuary_host/doors/beneath.py" in hits
        assert "build/out.py" not in hits
        used = await agent("code", action="references", path="core", name="open_beneath")
        assert "trees.py" in used

        # read and edit
        path = "core/sanctuary_host/doors/beneath.py"
        shown = await agent("read_file", path=path)
        (etag,) = re.findall(r"etag ([0-9a-f]{16})", shown.splitlines()[0])
        edits = [{"old": "TRIES: Final = 64", "new": "TRIES: Final = 32"}]
        await agent("edit_file", path=path, edits=edits, dry_run=True)
        assert _git(project, "status", "--porcelain") == "?? .sanctuary/\n" * 0
        done = await agent("edit_file", path=path, edits=edits, etag=etag)
        assert etag not in done
        assert "changed" in await agent.refused("edit_file", path=path, edits=edits, etag=etag)
        first = _git(project, "diff")
        assert "-TRIES: Final = 64\n+TRIES: Final = 32\n" in first

        # patch: an edit, a rename with an edit, a new file and a deletion at once
        moved = "core/sanctuary_host/doors/renaming.py"
        (project / "docs/adr/0099-new.md").write_text("# 99. New\n")
        (project / moved).rename(project / "core/sanctuary_host/doors/renames.py")
        text = (project / "core/sanctuary_host/doors/renames.py").read_text()
        (project / "core/sanctuary_host/doors/renames.py").write_text(
            text.replace("EXCHANGE: Final = 2", "EXCHANGE: Final = 1 << 1")
        )
        (project / "docs/plugins.md").unlink()
        _git(project, "add", "-A")
        patch = _git(project, "diff", "--cached", "-M")
        _git(project, "reset", "-q", "--hard")
        assert _state(project) == before
        await agent("apply_patch", patch=patch, dry_run=True)
        assert _state(project) == before
        await agent("apply_patch", patch=patch)
        _git(project, "add", "-A")
        assert _git(project, "diff", "--cached", "-M") == patch

        # check
        assert "no errors" in await agent("code", action="check", path="core/sanctuary_host/doors/renames.py")
        await agent("write_file", path="broken.py", content="def broken(:\n")
        assert "broken.py" in await agent("code", action="check", path="broken.py")
        subprocess.run([sys.executable, "-m", "compileall", "-q", project / "core"], check=True)
        for cache in project.rglob("__pycache__"):
            shutil.rmtree(cache)

        # undo
        await agent("delete_path", path="broken.py")
        await agent("apply_patch", patch=patch, reverse=True)
        assert _state(project) == before
        await agent("delete_path", path="docs")
        assert "there is no docs" in await agent.refused("list_dir", path="docs")
        await agent("delete_path", path="docs", action="restore")
        assert _state(project) == before
        _git(project, "reset", "-q")
        assert _git(project, "status", "--porcelain") == ""


async def test_each_operation_and_each_denial_is_recorded_with_its_paths_and_no_contents(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("write_file", {"path": "a/secret.txt", "content": "hunter2"}, "ok"),
        ("read_file", {"path": "a/secret.txt"}, "ok"),
        ("edit_file", {"path": "a/secret.txt", "edits": [{"old": "hunter2", "new": "hunter3"}]}, "ok"),
        ("grep", {"pattern": "hunter", "path": "a"}, "ok"),
        ("find_files", {"pattern": "*.txt"}, "ok"),
        ("list_dir", {"path": "a"}, "ok"),
        ("file_info", {"path": "a/secret.txt"}, "ok"),
        ("move_path", {"source": "a/secret.txt", "target": "b.txt"}, "ok"),
        ("delete_path", {"path": "b.txt"}, "ok"),
        ("read_file", {"path": "../outside"}, "error"),
        ("read_file", {"path": "/etc/shadow"}, "error"),
        ("write_file", {"path": "/etc/shadow", "content": "hunter2"}, "error"),
        ("delete_path", {"path": "."}, "error"),
    ]
    async with connected(
        "filesystem", SANCTUARY_WORKSPACE=f"{work}:rw", SANCTUARY_AUDIT=str(tmp_path / "audit")
    ) as client:
        for name, arguments, _ in calls:
            await client.call_tool(name, arguments)
    text = (tmp_path / "audit").read_text()
    ends = [record for record in map(json.loads, text.splitlines()) if record.get("event") == "call"]
    assert [(one["tool"], one["outcome"]) for one in ends] == [(name, outcome) for name, _, outcome in calls]
    assert ends[1]["arguments"]["path"] == "a/secret.txt"
    assert ends[7]["arguments"]["source"] == "a/secret.txt"
    assert ends[10]["arguments"]["path"] == "/etc/shadow"
    assert "hunter" not in text


async def test_without_a_writable_folder_there_are_no_tools_that_write(tmp_path: Path) -> None:
    tmp_path.joinpath("work").mkdir()
    settings = {"SANCTUARY_AUDIT": str(tmp_path / "audit")}
    async with connected("filesystem", SANCTUARY_WORKSPACE=f"{tmp_path}/work", **settings) as client:
        reading = (await client.list_tools()).tools
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in reading)
        assert {tool.name for tool in reading} == {"list_dir", "find_files", "grep", "read_file", "read_media", "file_info", "code"}  # fmt: skip
        assert list((tmp_path / "work").iterdir()) == []
    async with connected("filesystem", SANCTUARY_WORKSPACE=f"{tmp_path}/work:rw", **settings) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} > {"write_file", "edit_file", "apply_patch", "move_path", "delete_path"}
        size = len(
            json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools], separators=(",", ":"))
        )
        assert size < 12_000


async def test_without_any_folder_each_tool_says_which_setting_grants_one(tmp_path: Path) -> None:
    async with connected("filesystem", SANCTUARY_AUDIT=str(tmp_path / "audit")) as client:
        for tool in (await client.list_tools()).tools:
            arguments: dict[str, Any] = {"pattern": "x"} if tool.name == "grep" else {}
            arguments |= {"path": "x"} if "path" in tool.input_schema["properties"] else {}
            arguments |= {"action": "outline"} if tool.name == "code" else {}
            result = await client.call_tool(tool.name, arguments)
            assert result.is_error, tool.name
            assert "SANCTUARY_WORKSPACE" in result.content[0].text, tool.name
