"""What /proc says of a server: processor time and memory, its own and its child processes' apart."""

import os
from collections.abc import Iterator
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> tuple[float, float]:
    """Processor time so far: of the process itself, and of all its descendants, the ended ones included."""
    own, _ = _times(pid)
    return own, sum(sum(_times(child)) for child in descendants(pid))


def rss_kib(pid: int) -> int:
    """Resident memory of the process itself, shared pages included."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:")


def tree_kib(pid: int) -> int:
    """Memory of the process and its descendants together, each shared page divided among those that share it."""
    return sum(_field(Path(f"/proc/{one}/smaps_rollup"), "Pss:") for one in (pid, *descendants(pid)))


def private_kib(pid: int) -> int:
    """Memory that nobody shares with the process, which its end would free."""
    path = Path(f"/proc/{pid}/smaps_rollup")
    return _field(path, "Private_Clean:") + _field(path, "Private_Dirty:")


def descendants(pid: int) -> list[int]:
    """The child processes that live, and theirs, nearest first."""
    found: list[int] = []
    generation = list(_children(pid))
    while generation:
        found += generation
        generation = [grandchild for child in generation for grandchild in _children(child)]
    return found


def _children(pid: int) -> Iterator[int]:
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (thread / "children").read_text().split())
    except OSError:  # it ended meanwhile
        return


def _times(pid: int) -> tuple[float, float]:
    """Of the process itself, and of its children that ended and were waited for; in seconds."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it ended meanwhile
        return 0.0, 0.0
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces; see proc(5), whose field 3 is ours 0
    user, system, children_user, children_system = map(int, fields[11:15])
    return (user + system) * TICK, (children_user + children_system) * TICK


def _field(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # it ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
