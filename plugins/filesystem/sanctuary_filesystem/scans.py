"""What a search finds, and where: the whole of a folder counted in parallel, then what a page shows of it looked at."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count as counting
from itertools import groupby
from operator import itemgetter
from threading import Thread
from typing import Final, Self

from sanctuary_filesystem.cursors import Position
from sanctuary_filesystem.excerpts import parts_of
from sanctuary_filesystem.globs import Glob
from sanctuary_filesystem.refusals import is_of_file, no_such_type, refusal, unknown_type
from sanctuary_filesystem.ripgrep import CHUNK, Output, running
from sanctuary_host.doors import PathError, Tree

LARGEST: Final = 32
"""MiB of a file that is searched: a line takes twice its length in memory, and a file may be one line."""
COMPILED: Final = "10M"
"""Bytes that a compiled pattern may take."""
AT_ONCE: Final = 64
"""Files that are open at once, of the 256 that a worker may have."""
COUNTING: Final = 0.02
"""Seconds, and a twentieth of those that a search in vain took, in which the files that it looked at are counted."""
PROMPT: Final = 8
"""Parts of what it says that are read as soon as they come."""
PAUSE: Final = 0.002
"""Seconds between further ones; what it says meanwhile fits into the pipe, or waits."""
SECONDS: Final = 22.0
"""Time for a search, so that what was found until then is still told within the tool's deadline."""
OVERLAP: Final = 4096
"""Bytes that two parts of a long line share, so that a match at their border is in one of them."""
NUMBERS: Final = ("--line-number", "--no-heading", "--max-columns=1", "--threads=1")
"""Options by which lines are numbered, file after file, and left out where they have more than a byte."""
PARTIAL: Final = 2
"""How the program ends where it could not do all, or nothing at all."""
RECORD: Final = re.compile(rb"/proc/self/fd/(\d+)\0(\d+):(?:(\d+):)?[^\n]*\n")
NAME: Final = re.compile(r"(?!\*+$)[^\[\\{}:]+|[^\[\\{}:/]*\{[^\[\\{}:/]+\}[^\[\\{}:/]*")
"""A glob of names that means the same to ripgrep."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sought, and in which files.

    Attributes:
        options: of ripgrep, that say how the pattern is meant.
        pattern: a regular expression, or a text.
        types: names of ripgrep's file types.
        wanted: one of which a file's name or path must match, if there are any.
        names: globs that let through all names that those do; none where they say nothing of names.
        unwanted: globs, none of which a file or a folder on its way may match.
        ignored: whether to look at those that a `.gitignore` names too.
        binary: whether to look at binary files too.
    """

    options: tuple[str, ...]
    pattern: str
    types: tuple[str, ...] = ()
    wanted: tuple[Glob, ...] = ()
    names: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    ignored: bool = False
    binary: bool = False

    def surveying(self, *words: str, top: bool) -> list[str]:
        """Arguments that look at all files of a folder; in that of a tree `top` is set."""
        arguments = [*words, "--null", "--hidden", "--no-ignore-dot", "--no-ignore-messages"]
        arguments.append(f"--max-filesize={LARGEST}M")
        # A glob that lets something through would let through what is ignored, too: those are ours to match.
        arguments += [f"--glob=!{glob}" for glob in (*self.unwanted, ".git")]
        if top:
            arguments.append("--glob=!/.sanctuary")
        # With types of the caller's own, a file would do that is of either kind.
        names = () if self.types else self.names
        arguments += [f"--type-add=wanted:{name}" for name in names]
        arguments += [f"--type={name}" for name in (*self.types, *(["wanted"] * bool(names)))]
        arguments.append("--no-ignore" if self.ignored else "--no-require-git")
        return [*arguments, *["--binary"] * self.binary, *self._sought(), "./"]

    def inspecting(self, descriptors: Sequence[int], *words: str) -> list[str]:
        """Arguments that look at open files, one after the other."""
        paths = [f"/proc/self/fd/{descriptor}" for descriptor in descriptors]
        return ["--with-filename", "--null", "--text", "--no-mmap", *self._sought(*words), *paths]

    def _sought(self, *words: str) -> list[str]:
        limits = (f"--regex-size-limit={COMPILED}", f"--dfa-size-limit={COMPILED}")
        return ["--color=never", *limits, *self.options, *words, f"--regexp={self.pattern}", "--"]

    def passes(self, path: str) -> bool:
        """Whether a file that was looked at is wanted."""
        name = path.rpartition("/")[2]
        return not self.wanted or any(one.pattern.fullmatch(name if one.by_name else path) for one in self.wanted)


@dataclass(frozen=True, slots=True, order=True)
class Start:
    """Where a page begins: behind a line of a file, or behind the whole file."""

    path: bytes = b""
    line: int = 0

    @classmethod
    def at(cls, position: Position) -> Self:
        """The place of a cursor."""
        match list(position):
            case [str(path), int(line)]:
                return cls(os.fsencode(path), line)
            case _:
                return cls()

    @property
    def position(self) -> Position:
        """The place for a cursor."""
        return os.fsdecode(self.path), self.line

    def passed(self, path: bytes) -> bool:
        """Whether a file was on an earlier page, all of it."""
        return path < self.path or (path == self.path and not self.line and bool(path))


@dataclass(slots=True)
class Survey:
    """What there is in a folder.

    Attributes:
        files: in which there is a match.
        lines: that match, where they are counted; where a match may span lines, matches.
        folder: whether it is of a folder, and not of one file.
        complete: whether all was looked at.
        unread: whether some files could not be read.
        entries: the first files from the start of the page on, in order, each with its lines.
    """

    files: int = 0
    lines: int = 0
    folder: bool = True
    complete: bool = True
    unread: bool = False
    entries: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])


class Scan:
    """One search, within its time.

    Args:
        tree: the tree.
        base: the folder in it that is searched, or the file.
        request: what is sought.
        counted: whether it is to be known how many lines match.

    Attributes:
        late: whether its time was over before all was looked at.
    """

    def __init__(self, tree: Tree, base: str, request: Request, *, counted: bool) -> None:
        self._tree, self._base, self._request = tree, base, request
        self._mode = "--count" if counted else "--files-with-matches"  # it leaves a file at the first match
        self.late = False
        self._end = time.monotonic() + SECONDS

    @property
    def _left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def path_of(self, name: bytes) -> str:
        """The path in the tree of a file that was found; an empty name is that of the file that is searched."""
        if not name:
            return self._base
        return os.fsdecode(name) if self._base == "." else f"{self._base}/{os.fsdecode(name)}"

    def survey(self, start: Start, room: int) -> Survey:
        """Look at all files, and keep the first `room` ones of a page.

        Args:
            start: of the page.
            room: files that are kept.
        """
        found = Survey()
        filtered = bool(self._request.wanted)
        with self._surveying(self._mode) as output:
            last: bytes | None = None
            for name, count in self._entries(output):
                if filtered and not self._request.passes(os.fsdecode(name)):
                    continue
                found.files += 1
                found.lines += count
                if start.passed(name) or (last is not None and name > last):
                    continue
                found.entries.append((name, count))
                if len(found.entries) >= 4 * room:
                    last = _trim(found.entries, room)
            self._check(output)
            found.complete = not output.late
            found.unread = output.status == PARTIAL
        _trim(found.entries, room)
        return found

    def searched(self) -> tuple[int, bool]:
        """How many files there were to be looked at, and whether there was time to count them all."""
        # Not with the search itself: that would make a search that finds much longer.
        took = time.monotonic() - self._end + SECONDS
        with self._surveying("--files", COUNTING + took / 20) as output:
            names = _names(output)
            wanted = filter(self._request.passes, map(os.fsdecode, names)) if self._request.wanted else names
            return sum(1 for _ in wanted), not output.late

    @contextmanager
    def _surveying(self, mode: str, seconds: float = SECONDS) -> Generator[Output]:
        with self._tree.folder(self._base) as folder:
            top = os.path.samestat(os.fstat(folder), self._tree.status("."))
            with running(folder, self._request.surveying(mode, top=top), seconds=min(seconds, self._left)) as output:
                yield output

    def counts(self, names: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
        """How many lines match in each of some files, as the door opens them; those without are left out."""
        for opened in self._opened(names):
            with self._inspecting(opened, self._mode) as output:
                counted = {int(path.rpartition(b"/")[2]): count for path, count in self._entries(output)}
            yield from ((name, counted[descriptor]) for descriptor, name in opened.items() if descriptor in counted)

    def lines(self, names: Sequence[bytes]) -> Generator[tuple[bytes, int, Iterator[int]]]:
        """File after file: the name, a descriptor, and the numbers of the lines that match."""
        for opened in self._opened(names):
            # Of a line no more than a byte is told: it is read from the file that the door opened.
            with self._inspecting(opened, *NUMBERS) as output:
                for descriptor, records in groupby(_records(output), key=itemgetter(0)):
                    yield opened[descriptor], descriptor, (line for _, line, _ in records)

    def columns(self, descriptor: int, numbers: Sequence[int]) -> dict[int, int]:
        """The columns of the first matches in some lines of an open file; that of a match that is long may be missing.

        ripgrep notes all matches of a line, and one in a line of 30 MB could be each of its bytes: it is given the
        lines in parts.
        """
        found = dict[int, int]()
        places = list[tuple[int, int]]()
        reading, writing = os.pipe()
        feeder = Thread(target=_feed, args=(descriptor, numbers, writing, places))
        arguments = self._request.inspecting([reading], *NUMBERS, "--column", "--encoding=none", "--no-multiline")
        try:
            with (
                self._tree.folder(".") as top,
                running(top, arguments, descriptors=[reading], seconds=self._left) as output,
            ):
                feeder.start()
                for _, part, column in _records(output):
                    number, offset = places[part - 1]
                    found.setdefault(number, offset + column)
                self.late = self.late or output.late
        finally:
            os.close(reading)  # the feeder stops where nobody reads any more
            if feeder.ident is None:
                os.close(writing)
            else:
                feeder.join()
        return found

    def _opened(self, names: Sequence[bytes]) -> Iterator[dict[int, bytes]]:
        """Files as the door opens them, some at a time, by descriptor; those that it does not open are left out."""
        for first in range(0, len(names), AT_ONCE):
            with ExitStack() as stack:
                opened = dict[int, bytes]()
                for name in names[first : first + AT_ONCE]:
                    try:
                        descriptor = stack.enter_context(self._tree.file(self.path_of(name)))
                    except PathError:
                        if not name:  # the caller named it
                            raise
                        continue
                    if os.fstat(descriptor).st_size <= LARGEST << 20:
                        opened[descriptor] = name
                if opened:
                    yield opened

    @contextmanager
    def _inspecting(self, opened: Mapping[int, bytes], *words: str) -> Generator[Output]:
        """Look at open files: the program is led to no others, whatever becomes of the folders that they are in."""
        arguments = self._request.inspecting(list(opened), *words)
        with (
            self._tree.folder(".") as top,
            running(top, arguments, descriptors=[*opened], seconds=self._left) as output,
        ):
            yield output
            self._check(output)

    def _check(self, output: Output) -> None:
        """Tell what is wrong with what is sought, as the program says it."""
        self.late = self.late or output.late
        if output.late or output.status in {0, 1} or (output.status == PARTIAL and is_of_file(output.errors)):
            return
        if (name := unknown_type(output.errors)) is not None:
            with self._tree.folder(".") as top, running(top, ["--type-list"]) as types:
                known = [line.partition(b":")[0].decode() for line in types]
            raise no_such_type(name, known)
        raise refusal(output.errors)

    def _entries(self, output: Output) -> Iterator[tuple[bytes, int]]:
        return _counts(output) if self._mode == "--count" else ((name, 1) for name in _names(output))


def names_of(globs: Sequence[str]) -> list[str]:
    """Globs of names that let through whatever some globs of paths do; none where any name may fit."""
    names = [glob.strip().rstrip("/").rpartition("/")[2] for glob in globs]
    return names if all(NAME.fullmatch(name) for name in names) else []


def _trim(entries: list[tuple[bytes, int]], room: int) -> bytes | None:
    """Keep the first of some entries, and tell the last one kept if there were more."""
    entries.sort()
    if len(entries) <= room:
        return None
    del entries[room:]
    return entries[-1][0]


def _read(output: Output) -> Iterator[bytes]:
    """What it says. It says it file by file, and to wake up for each would take as long as the search itself."""
    for turn in counting():
        if not (block := output.read1(CHUNK)):
            return
        yield block
        if turn > PROMPT:
            time.sleep(PAUSE)


def _counts(output: Output) -> Iterator[tuple[bytes, int]]:
    """Files with their counts as they are found."""
    name: bytes | None = None
    rest = b""
    for block in _read(output):
        pieces = (rest + block).split(b"\0")
        rest = pieces.pop()
        for piece in pieces:
            if name is not None:
                count, _, following = piece.partition(b"\n")
                yield name.removeprefix(b"./"), int(count)
                name = following
            else:
                name = piece
    if name is not None:
        count, whole, _ = rest.partition(b"\n")
        if whole:
            yield name.removeprefix(b"./"), int(count)


def _names(output: Output) -> Iterator[bytes]:
    """Files as they are found."""
    rest = b""
    for block in _read(output):
        pieces = (rest + block).split(b"\0")
        rest = pieces.pop()
        for piece in pieces:
            yield piece.removeprefix(b"./")


def _feed(descriptor: int, numbers: Sequence[int], writing: int, places: list[tuple[int, int]]) -> None:
    """Write lines in parts, each of which overlaps the one before, and note where each of them begins."""
    before = b""
    with suppress(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as pipe:
        for number, offset, part, last in parts_of(descriptor, numbers):
            places.append((number, offset - len(before)))
            pipe.write(before + part + b"\n")
            before = b"" if last else (before + part)[-OVERLAP:]


def _records(output: Output) -> Iterator[tuple[int, int, int]]:
    """Descriptor, line and, where it is told, column of each line that matches."""
    rest = b""
    for block in _read(output):
        rest += block
        end = rest.rfind(b"\n") + 1
        for found in RECORD.finditer(rest, 0, end):
            yield int(found[1]), int(found[2]), int(found[3] or 0)
        rest = rest[end:]
