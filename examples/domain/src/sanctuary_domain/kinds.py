"""The two kinds of record, and how the status of each may change."""

from collections.abc import Mapping
from typing import Final, Literal

from sanctuary_host import ToolError

Kind = Literal["adr", "task"]
AdrDecision = Literal["accepted", "rejected", "deprecated", "superseded"]
AdrStatus = Literal["proposed", AdrDecision]
TaskStatus = Literal["todo", "doing", "blocked", "done"]
Status = Literal[AdrStatus, TaskStatus]

NEXT: Final[Mapping[Kind, Mapping[Status, tuple[Status, ...]]]] = {
    "adr": {
        "proposed": ("accepted", "rejected"),
        "accepted": ("superseded", "deprecated"),
        "rejected": (),
        "deprecated": (),
        "superseded": (),
    },
    "task": {
        "todo": ("doing",),
        "doing": ("blocked", "done", "todo"),
        "blocked": ("doing", "todo"),
        "done": ("todo",),
    },
}
FOLDERS: Final[Mapping[Kind, str]] = {"adr": "adr", "task": "tasks"}
LABELS: Final[Mapping[Kind, str]] = {"adr": "ADR", "task": "task"}
KINDS: Final[tuple[Kind, ...]] = ("adr", "task")


def check_step(kind: Kind, number: int, old: Status, new: Status) -> None:
    """Refuse a change of status that the record's kind does not allow, naming those that it does."""
    allowed = NEXT[kind][old]
    if new in allowed:
        return
    already = "already " if new == old else ""
    if allowed:
        onward = f"from there it can become {' or '.join(allowed)}"
    else:
        onward = "that is final; record a new decision instead"
    raise ToolError(f"{LABELS[kind]} {number} is {already}{old}; {onward}")
