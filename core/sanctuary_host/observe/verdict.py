"""What became of an audit trail since it was written: read line by line and held against its head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from sanctuary_host.observe.chain import HEAD_SIZE, HEAD_SUFFIX, LINE_LIMIT, START, Head, Link, read_link

SHOWN: Final = 100
"""Findings that are told one by one; whoever has more needs no list."""
OPEN_CALLS: Final = 100_000
"""Calls without an end that are remembered."""


@dataclass(slots=True)
class Verdict:
    """What was found in one trail.

    Attributes:
        file: its path.
        records: sound records in it.
        first: the time of its first record.
        last: the time of its last one.
        head: the hash of its last record.
        findings: a sentence for each thing that is not as it was written; none means that the trail is whole.
        more: findings beyond those that are told.
        unfinished: calls that began and have no end, since the host was ended meanwhile.
        anchored: the line with the hash that was asked for; 0 where none was, or there is none.
    """

    file: str
    records: int = 0
    first: str = ""
    last: str = ""
    head: str = START
    findings: list[str] = field(default_factory=list[str])
    more: int = 0
    unfinished: int = 0
    anchored: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is amiss."""
        return not self.findings

    def find(self, sentence: str) -> None:
        """Take a finding down."""
        if len(self.findings) < SHOWN:
            self.findings.append(sentence)
        else:
            self.more += 1


def verify(path: Path, anchor: str = "") -> Verdict:
    """Read a trail in constant memory, while it is written too.

    Args:
        path: its file; the head is looked for beside it.
        anchor: the hash of a record that must be in it.

    Raises:
        OSError: the file cannot be read.
    """
    verdict = Verdict(str(path))
    head_path = Path(f"{path}{HEAD_SUFFIX}")
    with path.open("rb") as file:
        # Read before the records, the head speaks of none that is not there yet; read again after them, of the last.
        head = _head(head_path)
        chain = _Chain(verdict, head if isinstance(head, Head) else None, anchor)
        number = 0
        for number, line in _lines(file):  # the last number is used below
            chain.take(number, line)
        chain.end(number)
        later = _head(head_path)
    if isinstance(head, str) or isinstance(later, str):
        verdict.find(head if isinstance(head, str) else str(later))
    else:
        _compare(verdict, chain, head, later)
    if anchor and not verdict.anchored:
        verdict.find(f"no record has the hash {anchor[:64]}: the trail was cut before it, or written anew")
    return verdict


class _Chain:
    """The records so far."""

    def __init__(self, verdict: Verdict, head: Head | None, anchor: str) -> None:
        self.n = -1
        self.hash = START
        self.met = head is None or head.n < 0
        """Whether the record that the head speaks of was there."""
        self._verdict = verdict
        self._head = head
        self._anchor = anchor
        self._sure = True
        self._foreign = 0
        self._begun: set[str] = set()

    def take(self, number: int, line: bytes) -> None:
        """Take the next line."""
        find = self._verdict.find
        link = read_link(line)
        if link is None and line.endswith(b"\n"):
            self._foreign = self._foreign or number
            self._sure = False
            return
        self._tell_foreign(number - 1)
        if link is None:
            find(f"line {number} was cut, or not written to its end")
            self._sure = False
            return
        if not link.sound:
            find(f"line {number} was edited: its hash does not fit what it says (record {link.n})")
            # What it says may be wrong; the record after it tells whether it stands where it stood.
            self.n, self.hash, self._sure = self.n + 1, link.hash, False
            return
        self._place(number, link)
        self._sure = True
        self.n, self.hash = link.n, link.hash
        self._count(number, link)

    def end(self, lines: int) -> None:
        """The end of the file, after so many lines."""
        self._tell_foreign(lines)
        self._verdict.unfinished += len(self._begun)
        self._verdict.head = self.hash

    def _tell_foreign(self, last: int) -> None:
        """Tell of the lines up to `last` that are no records."""
        first, self._foreign = self._foreign, 0
        if first:
            lines = f"line {first} is no record" if first == last else f"lines {first} to {last} are no records"
            self._verdict.find(f"{lines} of a trail")

    def _place(self, number: int, link: Link) -> None:
        """Say whether a record stands where it belongs."""
        find = self._verdict.find
        gap = link.fields["event"] == "gap"
        if gap:
            time, reason = link.fields.get("time"), link.fields.get("reason")
            find(f"line {number}: when it was opened at {time}, the host found that {reason}")
        if link.previous == self.hash and link.n == self.n + 1:
            return
        if link.previous == self.hash and gap and link.n > self.n:
            return  # which it says itself
        if link.n > self.n + 1:
            find(f"{_span(self.n + 1, link.n - 1)} missing before line {number}")
        elif link.n <= self.n:
            find(f"line {number} holds record {link.n} after record {self.n}: it was repeated, moved or inserted")
        elif self._sure:
            find(f"line {number} does not follow from the line before it: one of them was replaced or inserted")
        else:
            find(f"line {number} does not follow from what stands before it")

    def _count(self, number: int, link: Link) -> None:
        verdict, fields = self._verdict, link.fields
        time, call = str(fields.get("time", "")), str(fields.get("call", ""))
        verdict.records += 1
        verdict.first = verdict.first or time
        verdict.last = time
        if link.hash == self._anchor:
            verdict.anchored = number
        if self._head is not None and link.n == self._head.n and link.hash == self._head.hash:
            self.met = True
        event = fields["event"]
        if event == "opened":  # whoever wrote before is gone
            verdict.unfinished += len(self._begun)
            self._begun.clear()
        elif event == "begin" and len(self._begun) < OPEN_CALLS:
            self._begun.add(call)
        elif event == "call":
            self._begun.discard(call)


def _compare(verdict: Verdict, chain: _Chain, head: Head, later: Head) -> None:
    """Hold the end of the chain against the head as it was before and after the reading."""
    if not chain.met:
        if chain.n < head.n:
            verdict.find(f"{_span(chain.n + 1, head.n)} missing at the end: the head knows of them")
        else:
            verdict.find(f"record {head.n} is not the one that the head speaks of")
    if chain.n > later.n and (chain.n, chain.hash) != (later.n + 1, later.pending):
        verdict.find(f"{_span(later.n + 1, chain.n, 'were', 'was')} added at the end: the head knows nothing of it")
    elif chain.n == later.n and chain.hash != later.hash and chain.met:
        verdict.find(f"record {later.n} is not the one that the head speaks of")


def _span(first: int, last: int, many: str = "are", one: str = "is") -> str:
    return f"record {first} {one}" if first == last else f"records {first} to {last} {many}"


def _head(path: Path) -> Head | str:
    """The head, or what is wrong with it."""
    fault = "the head cannot be read"
    for _ in range(8):  # a reader may meet it while it is rewritten
        try:
            with path.open("rb") as file:
                data = file.read(HEAD_SIZE + 1)
        except FileNotFoundError:
            return f"the head ({path.name}) is missing: without it nobody can tell whether the end was cut"
        except OSError as error:
            return f"{fault}: {error.strerror}"
        if (head := Head.read(data)) is not None:
            return head
    return f"the head ({path.name}) was edited: it does not fit what it says"


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, those that are too long without their rest."""
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        whole = line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 1)
            if line.endswith(b"\n"):
                whole += b"\n"
        yield number, whole


def report(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON."""
    return {
        "file": verdict.file,
        "whole": verdict.whole,
        "records": verdict.records,
        "first": verdict.first,
        "last": verdict.last,
        "head": verdict.head,
        "unfinished": verdict.unfinished,
        "findings": verdict.findings,
        "more_findings": verdict.more,
    }
