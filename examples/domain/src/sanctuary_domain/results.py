"""What the tools answer: data for programs, and a line or two (`__str__`) for readers."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import WithJsonSchema

from sanctuary_domain.kinds import LABELS, Kind, Status

# The words stand in the schemas of what the tools take; repeated in what they answer they would cost a model a
# thousand tokens and tell it nothing.
KindWord = Annotated[Kind, WithJsonSchema({"type": "string"})]
StatusWord = Annotated[Status, WithJsonSchema({"type": "string"})]

BODY_SHOWN: Final = 1_500
"""Characters of a body that still go into the readable text as well."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A record after a change."""

    number: int
    status: StatusWord
    file: str
    version: str

    def __str__(self) -> str:
        """The record's number and status, and where it is."""
        return f"number {self.number} is {self.status} ({self.file}, version {self.version})"


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record."""

    number: int
    title: str
    status: StatusWord
    next_statuses: tuple[StatusWord, ...]
    created: str
    tags: tuple[str, ...]
    assignee: str
    supersedes: tuple[int, ...]
    superseded_by: int | None
    history: tuple[str, ...]
    body: str
    file: str
    version: str

    def __str__(self) -> str:
        """The record as a person reads it; a long body only by its length."""
        facts = [f"{self.file} ({self.status}): {self.title}"]
        if self.tags:
            facts.append(f"tags: {', '.join(self.tags)}")
        if self.assignee:
            facts.append(f"assignee: {self.assignee}")
        if self.supersedes:
            facts.append(f"supersedes: {', '.join(map(str, self.supersedes))}")
        if self.superseded_by is not None:
            facts.append(f"superseded by: {self.superseded_by}")
        facts += [f"version: {self.version}", *self.history]
        long = f"(a body of {len(self.body)} characters: see `body` in the structured content)"
        text = self.body if len(self.body) <= BODY_SHOWN else long
        return "\n".join(facts) + (f"\n\n{text}" if text else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in a list."""

    number: int
    title: str
    status: StatusWord
    tags: tuple[str, ...]
    assignee: str

    def __str__(self) -> str:
        """One line."""
        tags = f" [{', '.join(self.tags)}]" if self.tags else ""
        assignee = f" @{self.assignee}" if self.assignee else ""
        return f"{self.number} ({self.status}): {self.title}{tags}{assignee}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list; `after` for the next page is `next_after`, `None` at the end."""

    records: tuple[Entry, ...]
    total: int
    next_after: int | None
    problems: tuple[str, ...]

    def __str__(self) -> str:
        """A line for each record, and what could not be read."""
        more = [] if self.next_after is None else [f"more: after={self.next_after}"]
        lines = [f"{self.total} in all", *map(str, self.records), *more, *_told(self.problems)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that a search found."""

    kind: KindWord
    number: int
    title: str
    status: StatusWord
    snippet: str

    def __str__(self) -> str:
        """Two lines at most."""
        head = f"{LABELS[self.kind]} {self.number} ({self.status}): {self.title}"
        return f"{head}\n  {self.snippet}" if self.snippet else head


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of search results, best first; `offset` for the next page is `next_offset`, `None` at the end."""

    hits: tuple[Hit, ...]
    total: int
    next_offset: int | None
    problems: tuple[str, ...]

    def __str__(self) -> str:
        """The hits, and what could not be read."""
        more = [] if self.next_offset is None else [f"more: offset={self.next_offset}"]
        lines = [f"{self.total} found", *map(str, self.hits), *more, *_told(self.problems)]
        return "\n".join(lines)


def _told(problems: tuple[str, ...]) -> list[str]:
    return [f"not read: {problem}" for problem in problems]
