"""Measure the filesystem cluster beside the reference server (node) and the programs rg and git, in one run.

Both servers speak over standard input and output, and take turns call by call, so that what else the machine does
falls on both alike. --quick is a first look.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import procfs
import report
from environments import CACHE

REFERENCE: Final = "@modelcontextprotocol/server-filesystem@2026.8.31"
PROGRAM: Final = Path(sys.executable).with_name("sanctuary-host")
RG: Final = Path(sys.executable).with_name("rg")
WORDS: Final = ["return", "value", "self", "index", "import", "buffer", "token", "result", "node", "context", "yield"]
NEEDLE: Final = "xylograph_needle"
PATTERNS: Final = {
    "a rare word": NEEDLE,
    "a common word": "return value",
    "an expression": r"to\w+ re[a-z]+t \d{3}7",
}
FILES: Final = 16_000
MIB: Final = 200


class Server:
    """A server over standard input and output, with a client that does no more than it must."""

    def __init__(self, command: Sequence[str | Path], **environment: str) -> None:
        self.process = subprocess.Popen(
            [*map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
            bufsize=0,
        )
        self._rest = b""
        self._number = 0
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        self.ask("initialize", client)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The result of a tool; an error of the tool's ends the measurement."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments}).get("result") or {}
        if result.get("isError", not result):
            raise SystemExit(f"{tool} failed: {json.dumps(result)[:300]}")
        return dict(result)

    def ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters})
        while True:
            line = self._line()
            if line.strip():
                message: dict[str, Any] = json.loads(line)
                if message.get("id") == self._number and "method" not in message:
                    return message

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            more = self.process.stdout.read(1 << 20)
            if not more:
                raise SystemExit("a server ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def main() -> int:
    """Measure, print, and return 1 where a bar was not kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 20 if parser.parse_args().quick else 200
    node = shutil.which("node")
    if node is None:
        print("node is not installed, so there is no reference to compare with")
        return 1
    reference = _reference()
    with tempfile.TemporaryDirectory(prefix="bench-") as base:
        top = Path(base, "work")
        _small(top)
        many, large = _many(top / "many"), _large(top / "large")
        ours = Server([PROGRAM], CLUSTER="filesystem", SANCTUARY_WORKSPACE=f"{top}:rw", XDG_STATE_HOME=f"{base}/state")
        theirs = Server([node, reference, top])
        time.sleep(0.5)
        idle = procfs.rss_kib(ours.process.pid) / 1024, procfs.tree_kib(ours.process.pid) / 1024
        bars = _calls(ours, theirs, top, rounds)
        bars += _searches(ours, theirs, many, large, 3 if rounds < 100 else 9)
        bars += _patches(ours, top, 3 if rounds < 100 else 15)
        bars.append(report.Bar("memory of the idle cluster", idle[0], 120, " MiB"))
        ours.stop()
        theirs.process.terminate()
        theirs.process.wait()
    print(
        f"{MIB} MiB in {large.name}, {FILES:,} files in {many.name}; idle with its child processes {idle[1]:.0f} MiB\n"
    )
    print(report.table(["", "bar", "found", "limit"], [bar.cells() for bar in bars]))
    return 0 if all(bar.kept for bar in bars) else 1


def _calls(ours: Server, theirs: Server, top: Path, rounds: int) -> list[report.Bar]:
    small, folder, ten = top / "small", top / "folder", str(top / "small/ten.txt")
    text = "x" * 1_000
    old, new = ["alpha beta gamma"], ["delta beta gamma"]

    def edit(server: Server, tool: str, **arguments: Any) -> Callable[[], object]:
        turns = [0]

        def one() -> object:
            before, after = (old, new) if turns[0] % 2 == 0 else (new, old)
            turns[0] += 1
            if tool == "edit":
                return server.call("edit_file", edits=[{"old": before[0], "new": after[0]}], **arguments)
            return server.call("edit_file", edits=[{"oldText": before[0], "newText": after[0]}], **arguments)

        return one

    pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "read 10 KB",
            lambda: ours.call("read_file", path=ten),
            lambda: theirs.call("read_text_file", path=ten),
        ),
        (
            "list 75 entries",
            lambda: ours.call("list_dir", path=str(folder)),
            lambda: theirs.call("list_directory", path=str(folder)),
        ),
        (
            "write 1 KB",
            lambda: ours.call("write_file", path=str(small / "a"), content=text, overwrite=True),
            lambda: theirs.call("write_file", path=str(small / "b"), content=text),
        ),
        (
            "edit 10 KB",
            edit(ours, "edit", path=str(small / "edit-a.txt")),
            edit(theirs, "", path=str(small / "edit-b.txt")),
        ),
    ]
    found = []
    for name, mine, its in pairs:
        a, b = _turns(mine, its, rounds)
        print(f"{name:16} {a * 1000:8.2f} ms   reference {b * 1000:8.2f} ms", flush=True)
        found.append(report.Bar(f"{name}, over the reference", a / b, 1, ""))
    return found


def _searches(ours: Server, theirs: Server, many: Path, large: Path, rounds: int) -> list[report.Bar]:
    found = []
    a, b = _turns(
        lambda: ours.call("find_files", pattern="test_*.py", path=str(many)),
        lambda: theirs.call("search_files", path=str(many), pattern="**/test_*.py"),
        rounds,
    )
    print(f"{'find files':16} {a * 1000:8.1f} ms   reference {b * 1000:8.1f} ms", flush=True)
    found.append(report.Bar(f"find among {FILES:,} files, over the reference", a / b, 1 / 15, ""))
    for name, pattern in PATTERNS.items():
        for mode, flag in (("content", "-n"), ("files", "-l"), ("count", "-c")):
            asked = {"pattern": pattern, "path": str(large), "mode": mode}
            command = [RG, "--no-config", flag, "-e", pattern, "./"]
            a, b = _turns(partial(ours.call, "grep", **asked), partial(_run, command, large), rounds)
            print(f"grep {name}, {mode:8} {a * 1000:8.1f} ms   rg {flag} {b * 1000:8.1f} ms", flush=True)
            found.append(report.Bar(f"grep of {name}, {mode}, over rg {flag}", a / b, 1.3, ""))
    return found


def _run(command: Sequence[Path | str], folder: Path) -> bytes:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout


def _patches(ours: Server, top: Path, rounds: int) -> list[report.Bar]:
    """A patch of ten files, there and back; git takes part for comparison and sets no bar."""
    folder = top / "patched"
    folder.mkdir()
    before = {f"f{number}.py": "".join(f"line {line}\n" for line in range(500)) for number in range(10)}
    for name, text in before.items():
        (folder / name).write_text(text)
    work = top / "after"
    shutil.copytree(folder, work)
    for name, text in before.items():
        (work / name).write_text(text.replace("line 250\n", "line two hundred and fifty\n"))
    made = _run(["git", "diff", "--no-index", "patched", "after"], top).decode().replace("b/after", "b/patched")
    (top / "change.patch").write_text(made)
    turn = [False, False]

    def mine() -> object:
        turn[0] = not turn[0]
        return ours.call("apply_patch", patch=made, reverse=not turn[0])

    def its() -> object:
        turn[1] = not turn[1]
        command = ["git", "apply", *([] if turn[1] else ["--reverse"]), str(top / "change.patch")]
        return subprocess.run(command, cwd=top.parent / "git", check=True)

    (top.parent / "git").mkdir()
    shutil.copytree(folder, top.parent / "git" / "patched")
    a, b = _turns(mine, its, rounds)
    print(f"{'patch 10 files':16} {a * 1000:8.1f} ms   git apply {b * 1000:8.1f} ms", flush=True)
    return []


def _turns(mine: Callable[[], object], its: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The medians of two that take turns, in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 2):
        for which, act in enumerate((mine, its)):
            began = time.perf_counter()
            act()
            if turn >= 2:  # the first ones start workers and fill caches
                times[which].append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def _small(top: Path) -> None:
    (top / "small").mkdir(parents=True)
    (top / "folder").mkdir()
    text = "".join(f"line {number} with some text to fill it\n" for number in range(400))[:10_240]
    (top / "small/ten.txt").write_text(text)
    for name in ("edit-a.txt", "edit-b.txt"):
        (top / "small" / name).write_text(f"{text}alpha beta gamma\n")
    for number in range(75):
        (top / "folder" / f"file{number:02}.txt").write_text("x")


def _many(folder: Path) -> Path:
    for number in range(FILES):
        place = folder / f"d{number % 40}" / f"e{number // 40 % 20}"
        if number < 800:
            place.mkdir(parents=True, exist_ok=True)
        (place / (f"test_{number}.py" if number % 40 == 3 else f"m{number}.py")).touch()
    return folder


def _large(folder: Path) -> Path:
    chance = random.Random(7)
    folder.mkdir(parents=True)
    lines = [" ".join(chance.choices(WORDS, k=8)) + f" {chance.randrange(10_000)}\n" for _ in range(20_000)]
    size = 0
    number = 0
    while size < MIB << 20:
        text = "".join(chance.choices(lines, k=chance.randrange(20, 1_600)))
        if number % 900 == 5:
            text += f"    {NEEDLE} = 1\n"
        place = folder / f"p{number % 60}" / f"q{number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"m{number}.py").write_text(text)
        size += len(text)
        number += 1
    return folder


def _reference() -> Path:
    """The reference server's program, installed on the first run."""
    home = CACHE / "reference"
    program = home / "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
    if not program.is_file():
        print(f"Installing {REFERENCE} into .cache/bench/reference …", flush=True)
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", home, REFERENCE], check=True)
    return program


if __name__ == "__main__":
    sys.exit(main())
