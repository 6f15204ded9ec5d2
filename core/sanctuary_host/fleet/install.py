"""The gateway's program: ContextForge from PyPI, in an environment of its own, since it needs another SDK than ours."""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sanctuary_host.fleet import child

PACKAGE: Final = "mcp-contextforge-gateway==1.0.7.post20260921"
"""This version and no other: what registration relies on was tried with it, later ones want Python 3.12 and further
settings, and earlier ones read a part of a server's tools only."""
PYTHONS: Final = ((3, 11), (3, 14))
"""From the first up to before the second: what the package itself asks for."""
LIMIT: Final = 900.0
"""Seconds that an installation may take; it is half a minute where the line is good."""
OFFLINE: Final = ("connection broken by", "Failed to establish a new connection", "error sending request", "dns error")
"""What pip and uv say where they reach nobody; pip's last word is then that there is no such package."""


class InstallError(Exception):
    """The gateway could not be installed; the message is the reason, to stand after a colon."""


def is_installed(folder: Path) -> bool:
    """Whether the gateway is in `folder`, in this version and whole."""
    try:
        return _stamp(folder).read_text(encoding="utf-8") == _wanted() and program(folder).exists()
    except OSError:
        return False


def program(folder: Path) -> Path:
    """The Python that runs it."""
    return folder / "bin" / "python"


async def install(folder: Path, environment: Mapping[str, str]) -> None:
    """Install the gateway into `folder`, with uv where that is to be had and with pip otherwise.

    What an interrupted installation left is never used: the next one begins anew. Where two are asked for at once, one
    waits for the other.

    Args:
        folder: a folder for this alone; what is in it is removed.
        environment: for uv and pip, whose settings (proxies, mirrors) are variables.

    Raises:
        InstallError: it did not work.
    """
    if not PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        have, low, high = (".".join(map(str, one)) for one in (sys.version_info[:2], PYTHONS[0], PYTHONS[1]))
        raise InstallError(f"it needs a Python from {low} up to before {high}, and this is {have}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.lock").open("wb") as lock:
            while not _is_ours(lock.fileno()):  # noqa: ASYNC110  # it is another process that lets go of it
                await asyncio.sleep(0.2)
            if not is_installed(folder):
                await _install(folder, environment)
    except OSError as error:
        raise InstallError(f"{folder} cannot be written: {error.strerror}") from None


async def _install(folder: Path, environment: Mapping[str, str]) -> None:
    log = folder.parent / f"{folder.name}.log"
    python = program(folder)
    kept = {name: value for name, value in environment.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    bare: list[str | Path] = [sys.executable, "-m", "venv", "--clear"]
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", PACKAGE]
    ways: list[tuple[list[str | Path], list[str | Path]]] = [([*bare, folder], pip)]
    if uv := _uv():
        filled = [*uv, "pip", "install", "--compile-bytecode", "--python", python, PACKAGE]
        ways.insert(0, ([*bare, "--without-pip", folder], filled))
    log.write_bytes(b"")
    try:
        async with asyncio.timeout(LIMIT):
            for make, fill in ways:
                if await _run(make, kept, log) and await _run(fill, kept, log):
                    _stamp(folder).write_text(_wanted(), encoding="utf-8")
                    return
    except TimeoutError:
        raise InstallError(f"it took more than {LIMIT:g} s; all that was said is in {log}") from None
    raise InstallError(f"{_reason(log)}; all that was said is in {log}")


async def _run(command: list[str | Path], environment: Mapping[str, str], log: Path) -> bool:
    with log.open("ab") as output:
        process = await child.start(command, environment, output=output)
        try:
            return await process.wait() == 0
        finally:
            await child.kill(process)


def _uv() -> list[str | Path]:
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found else []


def _reason(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines()]
    last = next((line for line in reversed(lines) if line), "the installer said nothing")
    if "No matching distribution" in last and any(sign in text for sign in OFFLINE):
        return "the package index cannot be reached"
    return last.removeprefix("ERROR: ").rstrip(".")[:300]


def _stamp(folder: Path) -> Path:
    return folder / ".installed"


def _wanted() -> str:
    """What is installed and for which Python: an environment breaks when its Python goes away."""
    return f"{PACKAGE} {sys.version_info[0]}.{sys.version_info[1]}\n"


def _is_ours(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
