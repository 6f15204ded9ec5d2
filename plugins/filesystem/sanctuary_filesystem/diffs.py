"""Unified diffs as text: which files they change, how, and with which hunks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NoReturn

from sanctuary_filesystem.diff_names import read_name, split_names, unquote
from sanctuary_filesystem.hunks import DiffError, Hunk, read_hunk
from sanctuary_host.doors import shown

LINES: Final = 250_000
"""Of a patch."""
HUNKS: Final = 20_000
FILES: Final = 2_000
NAMES: Final = 16_384
"""Bytes of a line that names files."""
COMBINED: Final = re.compile(rb"@@@+ -\d+.* @@@+")
SIGNATURE: Final = re.compile(rb"-- ?\Z")
EMPTY: Final = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
"""What git calls the empty file, by SHA-1 and by SHA-256."""
BINARY: Final = (
    "is changed as a binary file, which apply_patch cannot do; take it out of the patch, and write it otherwise"
)
LINKS: Final = {0o120000: "a symbolic link", 0o160000: "a submodule"}

Action = Literal["edit", "create", "delete", "rename", "copy"]
OPPOSITE: Final[dict[Action, Action]] = {"create": "delete", "delete": "create"}


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a diff does with one file.

    Attributes:
        number: the line of the patch that it begins at, from 1.
        action: what is done.
        old: the name before, as the patch has it; `None` where there was none.
        new: the name after; `None` where there is none.
        hunks: its changes.
        executable: whether it can be run before and after; `None` where nothing is said.
        git: whether it has a header of git's, which says all that is done.
        undone: of a copy, whether it is to be undone.
    """

    number: int
    action: Action
    old: bytes | None
    new: bytes | None
    hunks: tuple[Hunk, ...]
    executable: tuple[bool | None, bool | None] = (None, None)
    git: bool = False
    undone: bool = False

    def reversed(self) -> FileDiff:
        """What undoes it."""
        return replace(
            self,
            action=OPPOSITE.get(self.action, self.action),
            old=self.new,
            new=self.old,
            hunks=tuple(hunk.reversed() for hunk in self.hunks),
            executable=self.executable[::-1],
            undone=not self.undone,
        )


@dataclass(slots=True)
class _Begun:
    """A file whose hunks are being read."""

    number: int
    old: bytes | None
    new: bytes | None
    git: bool
    converted: bool = False
    named: bool = False
    absent: tuple[bool, bool] = (False, False)
    said: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    hunks: list[Hunk] = field(default_factory=list[Hunk])

    @property
    def title(self) -> str:
        return shown((self.new or self.old or b"a file").decode(errors="replace"))


def read_diffs(patch: bytes) -> list[FileDiff]:
    """Read a patch: one or more diffs, with anything between them, such as the mails of `git format-patch`.

    Raises:
        DiffError: there is none, or one that cannot be applied.
    """
    if patch.count(b"\n") > LINES:
        raise DiffError(f"the patch has more than {LINES:,} lines; apply it in parts")
    reader = _Reader(
        patch.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True) if b"\r" not in patch else _lines(patch)
    )
    return reader.read()


def _lines(patch: bytes) -> list[bytes]:
    """Lines of bytes, in which CR alone ends none."""
    lines = [line + b"\n" for line in patch.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


class _Reader:
    """Reads a patch line by line."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self.at = 0
        self.begun: _Begun | None = None
        self.done: list[FileDiff] = []
        self.hunks = 0
        self.in_mail = False

    def line(self, ahead: int = 0) -> bytes:
        """A line without its end."""
        at = self.at + ahead
        return self.lines[at].rstrip(b"\r\n") if at < len(self.lines) else b""

    def read(self) -> list[FileDiff]:
        while self.at < len(self.lines):
            self._read_next(self.line())
        self._finish()
        if not self.done:
            raise DiffError(
                "the patch holds no diff; begin each file with lines --- a/NAME and +++ b/NAME, and each hunk with @@"
            )
        return self.done

    def _read_next(self, line: bytes) -> None:
        if line.startswith(b"diff --git "):
            self._read_git(line.removeprefix(b"diff --git "))
        elif line.startswith(b"--- ") and self.line(1).startswith(b"+++ "):
            self._finish()
            self.begun = _Begun(self.at + 1, None, None, git=False)
            self._read_names(self.begun)
        elif line.startswith((b"diff --cc ", b"diff --combined ")) or COMBINED.match(line):
            self._refuse("is a combined diff, of a merge; give a diff against one parent (git diff PARENT MERGE)")
        elif line.startswith(b"@@"):
            self._read_hunk()
        elif line.startswith(b"*** Begin Patch") or (line.startswith(b"*** ") and self.line(1).startswith(b"--- ")):
            self._refuse(
                "is not a unified diff; write for each file --- a/NAME, +++ b/NAME, then hunks: @@ -LINE,COUNT "
                "+LINE,COUNT @@ and lines that begin with space, '-' or '+'"
            )
        elif line.startswith(b"Binary files ") and line.endswith(b" differ"):
            self._refuse(f"says that a file {BINARY}")
        elif line.startswith((b"From ", b"Index: ", b"Property changes on", b"```", b"commit ")) or SIGNATURE.match(
            line
        ):
            self._finish()
            self.in_mail = line.startswith(b"From ")
            self.at += 1
        elif self.begun and line[:1] in {b"+", b"-"}:
            self._refuse("belongs to no hunk; is a line before it lacking the space of those that stay as they are?")
        else:
            self.at += 1

    def _read_git(self, text: bytes) -> None:
        self._finish()
        self._require_short(text)
        names = split_names(text)
        old, new = names or (None, None)
        begun = self.begun = _Begun(self.at + 1, old, new, git=True)
        self.at += 1
        while self.at < len(self.lines):
            line = self.line()
            if line.startswith(b"--- ") and self.line(1).startswith(b"+++ "):
                if self._are_of(begun):
                    self._read_names(begun)
                return
            if line.startswith((b"GIT binary patch", b"Binary files ")):
                raise DiffError(f"{begun.title} {BINARY}")
            words = re.match(
                rb"(old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to|index"
                rb"|similarity index|dissimilarity index) (.+)",
                line,
            )
            if not words:
                break
            begun.said[words[1]] = words[2]
            self.at += 1
        if names is None and not any(key.endswith(b" to") for key in begun.said):
            raise DiffError(f"line {begun.number} of the patch names no two files; add the lines --- and +++")

    def _are_of(self, begun: _Begun) -> bool:
        """Whether the next two lines name the files of a header, and not those of a diff that follows without one."""
        names = [read_name(self.line(ahead)[4:])[0] for ahead in (0, 1)]
        return all(
            its is None or name is None or its.rpartition(b"/")[2] == name.rpartition(b"/")[2]
            for its, name in zip((begun.old, begun.new), names, strict=True)
        )

    def _require_short(self, text: bytes) -> None:
        if len(text) > NAMES:
            self._refuse("is longer than names of files can be")

    def _read_names(self, begun: _Begun) -> None:
        self._require_short(self.line())
        self._require_short(self.line(1))
        begun.converted = all(self.lines[self.at + ahead].endswith(b"\r\n") for ahead in (0, 1))
        begun.old, was_absent = read_name(self.line()[4:])
        begun.new, is_absent = read_name(self.line(1)[4:])
        begun.absent = (was_absent, is_absent)
        begun.named = True
        self.at += 2
        if begun.old is None and begun.new is None:
            raise DiffError(f"line {self.at} of the patch names /dev/null twice, and so no file")

    def _read_hunk(self) -> None:
        if self.begun is None:
            if not self.in_mail:
                self._refuse("begins a hunk, but no file was named; put --- a/NAME and +++ b/NAME before it")
            self.at += 1
            return
        hunk, self.at = read_hunk(self.lines, self.at, converted=self.begun.converted)
        self.begun.hunks.append(hunk)
        self.hunks += 1
        if self.hunks > HUNKS:
            raise DiffError(f"the patch has more than {HUNKS:,} hunks; apply it in parts")

    def _refuse(self, why: str) -> NoReturn:
        raise DiffError(f"line {self.at + 1} of the patch {why}")

    def _finish(self) -> None:
        """Close the file that was read last."""
        self.in_mail = False
        if self.begun is not None:
            self.done.append(_finished(self.begun))
            self.begun = None
        if len(self.done) > FILES:
            raise DiffError(f"the patch changes more than {FILES:,} files; apply it in parts")


def _finished(begun: _Begun) -> FileDiff:
    said = begun.said
    modes = [
        said.get(b"old mode") or said.get(b"deleted file mode"),
        said.get(b"new mode") or said.get(b"new file mode"),
    ]
    index = re.match(rb"([0-9a-f]+)\.\.([0-9a-f]+)(?: (\d+))?\Z", said.get(b"index", b""))
    for mode in (*modes, index and index[3]):
        if mode and not re.fullmatch(rb"[0-7]{6}", mode):
            raise DiffError(f"{begun.title} has a mode of {len(mode)} digits, not 6; is the patch cut off?")
        if mode and (kind := LINKS.get(int(mode, 8) & 0o170000)):
            raise DiffError(f"{begun.title} is {kind}; apply_patch changes files alone, so take it out of the patch")
    action: Action = "edit"
    for verb in ("rename", "copy"):
        old, new = (said.get(f"{verb} {side}".encode()) for side in ("from", "to"))
        if old and new:
            action = "rename" if verb == "rename" else "copy"
            old, new = unquote(old), unquote(new)
            bare = (begun.old, begun.new) == (
                old,
                new,
            )  # made with --no-prefix, else the prefixes are left out here alone
            begun.old, begun.new = (old, new) if bare else (b"a/" + old, b"b/" + new)
    if action == "edit":
        action = _plain_action(begun)
    if not begun.hunks:
        _require_complete(begun, action, index)
    if action == "create":
        begun.old = None
    elif action == "delete":
        begun.new = None
    executable = [bool(int(mode, 8) & 0o100) if mode else None for mode in modes]
    return FileDiff(
        begun.number, action, begun.old, begun.new, tuple(begun.hunks), (executable[0], executable[1]), begun.git
    )


def _plain_action(begun: _Begun) -> Action:
    if begun.old is None or b"new file mode" in begun.said:
        return "create"
    if begun.new is None or b"deleted file mode" in begun.said:
        return "delete"
    if begun.absent[0] and all(not hunk.old for hunk in begun.hunks):
        return "create"
    if begun.absent[1] and all(not hunk.new for hunk in begun.hunks):
        return "delete"
    return "edit"


def _require_complete(begun: _Begun, action: Action, index: re.Match[bytes] | None) -> None:
    """A file without hunks is one that is empty, or keeps its contents."""
    changes = {b"rename to", b"copy to", b"new mode", b"new file mode", b"deleted file mode"} & begun.said.keys()
    side = {"create": 2, "delete": 1}.get(action)
    is_empty = (
        side is None or index is None or EMPTY[0].startswith(oid := index[side].decode()) or EMPTY[1].startswith(oid)
    )
    if begun.named or not changes or not is_empty:
        raise DiffError(f"the patch names {begun.title} in line {begun.number}, but has no hunk for it; is it cut off?")
