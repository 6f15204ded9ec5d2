"""The files of source text at a place: found in order, read through the door, and worked on in the process apart."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sanctuary_filesystem.cursors import Position
from sanctuary_filesystem.globs import read_glob
from sanctuary_filesystem.source.apart import Apart, GivenUpError
from sanctuary_filesystem.source.languages import Language, by_name, language_of, may_tell
from sanctuary_filesystem.walking import Kind, Walk, clean
from sanctuary_host import ToolError, progress
from sanctuary_host.doors import PathError, Place, shown

LARGEST: Final = 2 << 20
"""Bytes of a file that is parsed."""
SECONDS: Final = 20.0
"""After which a call stops and says where to go on; its deadline is half as long again."""
EACH: Final = 5.0
"""Seconds for one file among others,"""
ALONE: Final = 15.0
"""and for one that was named."""
STEP: Final = 0.5
"""Seconds between two messages on how far it is."""
DATA: Final = frozenset({"json", "yaml", "toml"})
"""Languages whose files define nothing that anybody looks for by name, and so are only looked at where asked for."""
GIVEN_UP: Final = {
    "time": "took too long to parse",
    "memory": "needed too much memory to parse",
    "failure": "made the parser fail",
}
UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Source:
    """One file.

    Attributes:
        path: in its tree.
        folder, name: from where the walk began, as in `walking.Entry`; empty for a file that was named.
        language: of it.
        content: its bytes.
    """

    path: str
    folder: str
    name: str
    language: Language
    content: bytes


@dataclass(slots=True)
class Tally:
    """What happened to files, for an answer's first line.

    Attributes:
        files: how many were looked at.
        passed: how many were not, by the reason why.
    """

    files: int = 0
    passed: dict[str, int] = field(default_factory=dict[str, int])

    def skip(self, why: str) -> None:
        """Count one that was passed over."""
        self.passed[why] = self.passed.get(why, 0) + 1

    def facts(self) -> list[str]:
        """What of it is worth telling."""
        return [f"{count:,} {'file' if count == 1 else 'files'} {why}" for why, count in self.passed.items()]


class Survey:
    """The files at a place, or the one file that it is.

    Args:
        place: a file or folder.
        language: the only one that counts; `None` for all.
        glob: what files' names or paths must match; empty for all.
        process: where they are parsed.
        seconds: how long all of it may take.
        data: whether JSON, YAML and TOML count where no language is named.
        grammar: whether a language must have a grammar.

    Attributes:
        is_file: whether the place is one file.
        tally: what happened so far.
        position: after which file to go on, once time was up.

    Raises:
        PathError: there is no such place.
    """

    def __init__(
        self,
        place: Place,
        language: Language | None,
        glob: str,
        process: Apart,
        *,
        seconds: float = SECONDS,
        data: bool = False,
        grammar: bool = True,
    ) -> None:
        self._place, self._language, self._process = place, language, process
        self._glob = read_glob(glob or "*")
        self._data, self._grammar = data or language is not None, grammar
        self._end = time.monotonic() + seconds
        self._told = time.monotonic()
        self.tally = Tally()
        self.position: Position | None = None
        mode = place.tree.status(place.path).st_mode
        self.is_file = stat.S_ISREG(mode)
        if not self.is_file and not stat.S_ISDIR(mode):
            with place.tree.file(place.path):  # says what it is instead
                pass

    def sources(self, words: Sequence[str] = (), position: Position = ()) -> Iterator[Source]:
        """The files, in order.

        Args:
            words: what must stand in a file; others are only counted.
            position: the file to begin with: its folder, its name, and how many of its items were told already; where
                that is 0, it begins with the one after it.

        Raises:
            ToolError: the place is one file, and no source text.
        """
        if self.is_file:
            yield self._alone()
            return
        wanted = [word.encode() for word in words if word.isascii()]
        last = ("", "", 0) if not position else (str(position[0]), str(position[1]), int(position[2]))
        top = clean(self._place.path)
        for folder, name in self._names(top, *last):
            if time.monotonic() > self._end:
                self.position = last
                return
            self._tell(folder + name)
            if (source := self._read(top, folder, name)) is not None:
                self.tally.files += 1
                content = source.content
                if content[:2] in UTF16 or all(word in content for word in wanted):
                    yield source
            last = (folder, name, 0)

    def work(self, source: Source, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Have a file worked on; `None` where it was passed over.

        Raises:
            ToolError: the place is that one file, and it cannot be done.
        """
        seconds = ALONE if self.is_file else EACH
        asked = {**request, "language": source.language.name, "path": source.path}
        try:
            result: dict[str, Any] = self._process.run(asked, source.content, seconds)
        except GivenUpError as error:
            why = GIVEN_UP[error.why]
            self._pass(source.path, why)
            return None
        match result.get("refused"):
            case None:
                return result
            case "pattern" if self.is_file or self._language is not None:
                raise ToolError(f"the pattern is no {source.language.title}: {result['why']}")
            case "encoding":
                raise ToolError(
                    f"the replacement holds characters that {result['why']} lacks, the encoding of {shown(source.path)}"
                )
            case "pattern":
                why = "in whose languages the pattern is none"
            case "binary":
                why = "binary"
            case _:
                why = f"not parsed: {result['why']}"
        self._pass(source.path, why)
        return None

    def _pass(self, path: str, why: str) -> None:
        if self.is_file:
            raise ToolError(f"{shown(path)}: {why}; grep and read_file work with any file")
        self.tally.skip(why)

    def _alone(self) -> Source:
        tree, path = self._place.tree, self._place.path
        with tree.file(path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > LARGEST:
                raise ToolError(f"{shown(path)} has {size:,} bytes; at most {LARGEST:,} are parsed. Use grep on it")
            content = _content(descriptor)
        language = self._language or language_of(path, content)
        if language is None:
            raise ToolError(f"nothing tells the language of {shown(path)}; name it (action='languages' lists them)")
        if self._grammar and not language.grammar:
            raise ToolError(f"of {language.title} there is no grammar here; action='check' and 'metrics' can be used")
        self.tally.files = 1
        return Source(path, "", "", language, content)

    def _names(self, top: str, folder: str, name: str, told: int) -> Iterator[tuple[str, str]]:
        """Folders and names of files that may count, after one, or from it on where some of its items were told."""
        if told:
            yield folder, name
        seconds = self._end - time.monotonic()
        kinds: tuple[Kind, ...] = ("file",)
        walk = Walk(self._place.tree, top, self._glob, kinds, hidden=False, ignored=False, seconds=seconds)
        for entry in walk.entries(measure=False, after=(folder, name)):
            found = by_name(entry.name)
            if self._counts(found, entry.name) if found is not None else may_tell(entry.name):
                yield entry.folder, entry.name
        if walk.stopped is not None:
            self.position = (walk.stopped, "", 0)
        if walk.unread:
            self.tally.passed["in folders that could not be read"] = walk.unread

    def _counts(self, found: Language, name: str) -> bool:
        if self._language is not None and found is not self._language:
            return self._language.name == "cpp" and name.endswith(".h")
        return (self._data or found.name not in DATA) and (found.grammar or not self._grammar)

    def _read(self, top: str, folder: str, name: str) -> Source | None:
        path = f"{top}/{folder}{name}" if top else folder + name
        try:
            with self._place.tree.file(path) as descriptor:
                if os.fstat(descriptor).st_size > LARGEST:
                    self.tally.skip(f"above {LARGEST >> 20} MiB")
                    return None
                content = _content(descriptor)
        except (PathError, OSError):
            self.tally.skip("that could not be read")
            return None
        language = language_of(path, content)
        if language is None or not self._counts(language, "" if language.name == "cpp" else name):
            return None
        return Source(path, folder, name, language, content)

    def _tell(self, path: str) -> None:
        if time.monotonic() - self._told > STEP:
            self._told = time.monotonic()
            progress(self.tally.files, None, path)


def _content(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST + 1)[:LARGEST]
