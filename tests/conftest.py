"""What several test files need: distributions made on the spot, and the command as users run it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def distribution(tmp_path: Path) -> Callable[..., Path]:
    """Install a throw-away distribution: `distribution("acme", "utils", {"tools": source})`; returns its folder.

    Where the second word is the whole name of a group of entry points, such as `sanctuary_registrars`, it is that group.
    """

    def install(name: str, cluster: str, plugins: Mapping[str, str]) -> Path:
        site = tmp_path / "site"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        group = cluster if cluster.startswith("sanctuary_") else f"sanctuary_host.{cluster}"
        lines = [f"{plugin} = {name}_{plugin}" for plugin in plugins]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        for plugin, source in plugins.items():
            (site / f"{name}_{plugin}.py").write_text(textwrap.dedent(source))
        return site

    return install


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run `sanctuary-host`: `await run("check", "--json", CLUSTER="utils")`."""

    async def command(*words: str, stdin: str = "", **environment: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sanctuary_host", *words),
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    return command
