"""A record's file: its name gives the number, its front matter the facts, the rest is the body."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sanctuary_host import ToolError

from sanctuary_domain import frontmatter
from sanctuary_domain.folder import MAX_BYTES, MAX_FILES, Shelf
from sanctuary_domain.frontmatter import Document
from sanctuary_domain.kinds import FOLDERS, LABELS, NEXT, Kind, Status
from sanctuary_domain.results import Record, Saved
from sanctuary_domain.wording import (
    ASSIGNEE_LENGTH,
    NOTE_LENGTH,
    one_line,
    shown,
    slug,
    tags_of,
    title_of,
)

LAST_NUMBER: Final = 999_999
HISTORY_SHOWN: Final = 20
"""Changes of status that a record tells; its file has them all."""

_NAME: Final = re.compile(r"([0-9]{1,6})(?:[-_ ].*)?\.md", re.DOTALL)
# A change's note, with the date, the states and the people before it.
_HISTORY_LENGTH: Final = NOTE_LENGTH + 2 * ASSIGNEE_LENGTH + 60


@dataclass(frozen=True, slots=True)
class Sheet:
    """A record with the document that it was read from."""

    kind: Kind
    name: str
    record: Record
    document: Document

    @property
    def saved(self) -> Saved:
        """What a tool that changed it answers."""
        record = self.record
        return Saved(record.number, record.status, record.file, record.version)


def read(kind: Kind, name: str, data: bytes) -> Sheet:
    """Understand a record's file.

    Raises:
        ToolError: a sentence that names the file and the field.
    """
    file = f"{FOLDERS[kind]}/{shown(name)}"
    number = _number(name)
    try:
        document = frontmatter.parse(data.decode("utf-8-sig"))
        status = _status(kind, document.text("status"))
        history = document.texts("history")
        record = Record(
            number=number,
            title=title_of(document.text("title")),
            status=status,
            next_statuses=NEXT[kind][status],
            created=one_line(document.text("created"), "created", 40),
            tags=tags_of(document.texts("tags")),
            assignee=one_line(document.text("assignee"), "assignee", ASSIGNEE_LENGTH),
            supersedes=_numbers(document, "supersedes"),
            superseded_by=_successor(document),
            history=tuple(one_line(line, "history", _HISTORY_LENGTH) for line in history[-HISTORY_SHOWN:]),
            body=document.body.strip("\n"),
            version=hashlib.sha256(data).hexdigest()[:12],
            file=f"{FOLDERS[kind]}/{shown(name, 255)}",
        )
    except UnicodeDecodeError:
        raise ToolError(f"{file}: is not UTF-8 text") from None
    except ToolError as error:
        raise ToolError(f"{file}: {error}") from None
    return Sheet(kind, name, record, document)


def find(shelf: Shelf, kind: Kind, number: int) -> Sheet:
    """The record of that number.

    Raises:
        ToolError: there is none, or more than one, or it cannot be read.
    """
    if number > LAST_NUMBER:
        raise ToolError(f"record numbers end at {LAST_NUMBER}")
    names = _by_number(shelf.names()).get(number, [])
    if len(names) > 1:
        raise _ambiguous(kind, number, names)
    try:
        return read(kind, names[0], shelf.read(names[0]))
    except (IndexError, FileNotFoundError):
        raise ToolError(f"there is no {LABELS[kind]} {number}; list_records shows those that there are") from None


def scan(shelf: Shelf, kind: Kind) -> Iterator[Sheet | ToolError]:
    """Each record in the order of the numbers, or why it cannot be read."""
    for number, names in sorted(_by_number(shelf.names()).items()):
        if len(names) > 1:
            yield _ambiguous(kind, number, names)
            continue
        try:
            yield read(kind, names[0], shelf.read(names[0]))
        except FileNotFoundError:
            continue  # removed since the names were read
        except ToolError as error:
            yield error


def add(shelf: Shelf, kind: Kind, document: Document) -> Sheet:
    """Keep a new record under the next number: one more than any that there is, readable or not."""
    names = shelf.names()
    number = max(_by_number(names), default=0) + 1
    if len(names) >= MAX_FILES or number > LAST_NUMBER:
        raise ToolError(f"{shelf.name}/ is full; move some of its files elsewhere")
    title = slug(document.text("title"))
    name = f"{number:04d}-{title}.md" if title else f"{number:04d}.md"
    data = _written(document)
    shelf.add(name, data)
    return read(kind, name, data)


def replace(shelf: Shelf, *changes: tuple[Sheet, Document]) -> Sheet:
    """Keep new documents in their records' files, in this order, and give back the last.

    Raises:
        ToolError: one of them could not be read back, in which case none is written; or the disk does not take them.
    """
    written = [(sheet.name, _written(document)) for sheet, document in changes]
    changed = [read(sheet.kind, name, data) for (sheet, _), (name, data) in zip(changes, written, strict=True)]
    for name, data in written:
        shelf.replace(name, data)
    return changed[-1]


def step(document: Document, old: Status, new: Status, *, handed: str = "", note: str = "") -> Document:
    """The document in its new status, with a line of history that keeps what it was."""
    line = f"{datetime.now(UTC).date().isoformat()} {old} -> {new}"
    line += (f" ({handed})" if handed else "") + (f": {note}" if note else "")
    return document.with_value("status", new).with_item("history", line)


def _written(document: Document) -> bytes:
    data = document.render().encode()
    if len(data) > MAX_BYTES:
        raise ToolError(f"the record would be larger than {MAX_BYTES // 1024} KiB; shorten its text")
    return data


def _number(name: str) -> int:
    """The number that a file's name starts with, 0 (as a template has) where it is no record."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def _by_number(names: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name in names:
        if number := _number(name):
            found.setdefault(number, []).append(name)
    return found


def _ambiguous(kind: Kind, number: int, names: list[str]) -> ToolError:
    files = " and ".join(shown(name) for name in names[:3])
    return ToolError(f"{FOLDERS[kind]}/: number {number} belongs to {files}; rename all but one")


def _status(kind: Kind, text: str) -> Status:
    for status in NEXT[kind]:
        if status == text:
            return status
    raise ToolError(f"status is {shown(text)!r}; it must be one of {', '.join(NEXT[kind])}")


def _successor(document: Document) -> int | None:
    numbers = _numbers(document, "superseded_by")
    if len(numbers) > 1:
        raise ToolError("superseded_by must hold one number")
    return numbers[0] if numbers else None


def _numbers(document: Document, key: str) -> tuple[int, ...]:
    texts = document.texts(key)
    if not all(re.fullmatch(r"0*[1-9][0-9]{0,5}", text) for text in texts):
        raise ToolError(f"{key} must hold record numbers")
    return tuple(int(text) for text in texts)
