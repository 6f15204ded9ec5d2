"""The virtual environments that the servers run in, made on the first run and kept in .cache/bench."""

import hashlib
import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = ROOT / ".cache" / "bench"

WANTED = {
    # The SDK's server and bare aiohttp run in the host's own environment: it has both, in the same versions.
    "host": ["-e", str(ROOT), "-e", str(HERE / "plugin"), "-e", str(ROOT / "tests" / "fixtures" / "faults")],
    "fastmcp": ["fastmcp-slim[server]==4.1.6"],
    "plot": ["matplotlib>=3.9,<4"],
}
OVERRIDES = "certifi>=2024\n"
"""fastmcp wants a certifi newer than some package indexes have; none of it is measured."""


class InstallError(Exception):
    """An environment could not be made; the message is the installer's last words."""


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made if it is not there.

    Raises:
        InstallError: it could not be made.
    """
    folder = CACHE / name
    interpreter = folder / "bin" / "python"
    stamp = folder / "installed"
    ours = [(ROOT / "pyproject.toml").read_text()] if name == "host" else []
    key = hashlib.sha256("\n".join([*WANTED[name], *ours]).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == key:
        return interpreter
    print(f"Installing {name} into .cache/bench/{name} …", flush=True)
    venv.create(folder, with_pip=False, clear=True)
    overrides = CACHE / "overrides.txt"
    overrides.write_text(OVERRIDES)
    _run(*_uv(), "pip", "install", "--quiet", "--python", interpreter, "--override", overrides, *WANTED[name])
    stamp.write_text(key)
    return interpreter


def _uv() -> list[Path | str]:
    """The command of uv: it alone can override what a package requires."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    interpreter = CACHE / "uv" / "bin" / "python"
    if not interpreter.is_file():
        venv.create(CACHE / "uv", with_pip=True)
        _run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.9,<1")
    return [interpreter, "-m", "uv"]


def _run(*command: Path | str) -> None:
    done = subprocess.run([*map(str, command)], text=True, capture_output=True, check=False)
    if done.returncode:
        raise InstallError((done.stderr or done.stdout).strip()[-500:])
