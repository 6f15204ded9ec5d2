"""What each diff of a patch does to its files, and what is told of it; all problems are told together."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_filesystem.diffs import FileDiff
from sanctuary_filesystem.fitting import NAMED, Fit, Fitting, Misfit
from sanctuary_filesystem.hunks import Hunk
from sanctuary_filesystem.misfits import told_misfit
from sanctuary_filesystem.patch_files import PatchFiles, Sheet, is_linked
from sanctuary_filesystem.patch_names import Named
from sanctuary_host import ToolError
from sanctuary_host.doors import shown

DETAILS: Final = 100
"""Hunks of a patch of which it is told where they are; of more, only if they are elsewhere than said."""
PROBLEMS: Final = 8
"""Problems that are told."""
FAILURES: Final = 20
"""Hunks of a file that do not fit, after which no other is tried."""
UTF_16: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """What was done to a file."""

    path: str
    action: str
    hunks: list[str]
    added: int
    removed: int

    def __str__(self) -> str:
        """One line."""
        places = f": {'; '.join(self.hunks)}" if self.hunks else ""
        return f"{self.action} {self.path} (+{self.added} -{self.removed}){places}"


class _ProblemError(ToolError):
    """A diff does not fit.

    Attributes:
        done: whether because it is applied already.
    """

    def __init__(self, why: str, *, done: bool = False) -> None:
        super().__init__(why)
        self.done = done


def apply_diffs(named: Sequence[Named], files: PatchFiles, name: Callable[[str], str], fuzz: int) -> list[PatchedFile]:
    """Plan what a patch changes.

    Args:
        named: the diffs of the patch, in order.
        files: those of the tree.
        name: how a path is told.
        fuzz: how many lines of context at each end of a hunk may differ.

    Raises:
        ToolError: it does not fit; nothing is to be changed.
    """
    for one in named:
        files.expect(one.paths)
    steps = _Steps(files, name, fuzz, detailed=sum(len(one.diff.hunks) for one in named) <= DETAILS)
    done: list[PatchedFile] = []
    problems: list[ToolError] = []
    broken: set[str] = set()
    for one in named:
        try:
            if broken.isdisjoint(one.paths):
                done.append(steps.apply(one))
                files.close(one.paths)
        except ToolError as problem:
            problems.append(problem)
            broken.update(one.paths)
    if problems:
        raise _refusal(problems, len(named))
    return done


def _refusal(problems: Sequence[ToolError], total: int) -> ToolError:
    if len(problems) == total and all(isinstance(one, _ProblemError) and one.done for one in problems):
        head = "the patch is applied already; nothing was changed"
    elif total == 1:
        head = "nothing was changed"
    else:
        head = f"nothing was changed, for {len(problems)} of {total} files do not fit"
    more = [f"… and {len(problems) - PROBLEMS} more"] if len(problems) > PROBLEMS else []
    return ToolError("\n".join([f"{head}:", *(str(one) for one in problems[:PROBLEMS]), *more]))


class _Steps:
    """Applies diffs one by one."""

    def __init__(self, files: PatchFiles, name: Callable[[str], str], fuzz: int, *, detailed: bool) -> None:
        self.files, self.name, self.fuzz, self.detailed = files, name, fuzz, detailed

    def apply(self, one: Named) -> PatchedFile:
        match one.diff.action:
            case "create":
                return self._create(one)
            case "delete":
                return self._delete(one)
            case "edit":
                return self._edit(one)
            case "rename" | "copy":
                return self._uncopy(one) if one.diff.action == "copy" and one.diff.undone else self._transfer(one)

    def _create(self, one: Named) -> PatchedFile:
        assert one.new is not None
        content = _whole(one.diff)
        sheet = self.files.open(one.new)
        if sheet.content is not None:
            done = sheet.content == content
            why = (
                "is there already, as the patch makes it" if done else "is there already; the patch would make it anew"
            )
            raise _ProblemError(f"{shown(one.new)} {why}", done=done)
        sheet.content, sheet.executable = content, one.diff.executable[1]
        return self._told(one, "created", [])

    def _delete(self, one: Named) -> PatchedFile:
        assert one.old is not None
        sheet = self.files.open(one.old)
        if sheet.content is None:
            raise _ProblemError(f"there is no {shown(one.old)}, which the patch deletes", done=True)
        _refuse_link(sheet)
        rest, notes = self._changed(one, sheet, sheet.content)
        if rest:
            raise _ProblemError(
                f"{shown(one.old)} has other contents than the patch deletes; use delete_path to delete it all the same"
            )
        sheet.content = None
        return self._told(one, "deleted", notes)

    def _edit(self, one: Named) -> PatchedFile:
        assert one.new is not None
        sheet = self.files.open(one.new)
        diff = one.diff
        if len(diff.hunks) == 1 and not diff.hunks[0].old and diff.hunks[0].old_start == 0 and sheet.content != b"":
            return self._create(one)
        content, notes = self._changed(one, sheet, self.files.content(sheet))
        sheet.content = content
        if diff.executable[1] is not None and diff.executable[0] != diff.executable[1]:
            sheet.executable = diff.executable[1]
            notes.append("executable now" if sheet.executable else "not executable now")
        return self._told(one, "edited", notes)

    def _transfer(self, one: Named) -> PatchedFile:
        """Rename or copy a file."""
        assert one.old is not None
        assert one.new is not None
        source, target = self.files.open(one.old), self.files.open(one.new)
        if source.content is None and target.content is not None and one.diff.action == "rename":
            raise _ProblemError(f"{shown(one.old)} is not there, but {shown(one.new)} is: it was renamed", done=True)
        before = self.files.content(source)
        if target.content is not None:
            raise _ProblemError(f"there is something at {shown(one.new)} already; move it out of the way")
        content, notes = self._changed(one, source, before)
        target.content, target.like, target.executable = content, source.held or source.like, one.diff.executable[1]
        if one.diff.action == "rename":
            _refuse_link(source)
            source.content = None
        return self._told(one, f"{'renamed' if source.content is None else 'copied'} from {shown(one.old)} to", notes)

    def _uncopy(self, one: Named) -> PatchedFile:
        """Undo a copy: what it was copied to is deleted, if it is still what it was then."""
        assert one.old is not None
        assert one.new is not None
        copy, source = self.files.open(one.old), self.files.open(one.new)
        content, notes = self._changed(one, copy, self.files.content(copy))
        _refuse_link(copy)
        if source.content != content:
            raise _ProblemError(f"{shown(one.old)} is no longer the copy of {shown(one.new)} that the patch made")
        copy.content = None
        return self._told(one, "deleted, as a copy of it was undone,", notes)

    def _changed(self, one: Named, sheet: Sheet, content: bytes) -> tuple[bytes, list[str]]:
        """A file with the hunks of a diff, and where they were."""
        encoding = next((name for mark, name in UTF_16 if content.startswith(mark)), "")
        text = _recoded(sheet.path, content, encoding, "utf-8") if encoding else content
        hunks = one.diff.hunks
        has_mark = text.startswith(codecs.BOM_UTF8) and not any(
            codecs.BOM_UTF8 in line for h in hunks for line in h.lines
        )
        mark = codecs.BOM_UTF8 if has_mark else b""  # readers are not shown it, so patches do not have it
        fitting = Fitting(text[len(mark) :], self.fuzz)
        notes: list[str] = []
        fails: list[Misfit] = []
        told: list[str] = []
        for number, hunk in enumerate(hunks, 1):
            fit = fitting.fit(hunk)
            if isinstance(fit, Fit):
                notes += self._place(number, hunk, fit)
                continue
            fails.append(fit)
            if len(fails) <= PROBLEMS:
                told.append(told_misfit(fit, number, fitting))
            if len(fails) >= FAILURES:
                break
        if fails:
            more = f"; {len(fails) - PROBLEMS} more hunks do not fit either" if len(fails) > PROBLEMS else ""
            done = len(fails) == len(hunks) and all(fail.why == "done" for fail in fails)
            raise _ProblemError(f"{shown(sheet.path)}: " + "; ".join(told) + more, done=done)
        notes += [
            f"hunk {number}: its counts were put right" for number, hunk in enumerate(hunks, 1) if hunk.miscounted
        ]
        text = mark + fitting.result()
        return (_recoded(sheet.path, text, "utf-8", encoding) if encoding else text), notes

    def _place(self, number: int, hunk: Hunk, fit: Fit) -> list[str]:
        """Where a hunk was put."""
        if not (self.detailed or fit.offset or fit.fuzz):
            return []
        offset = f", offset {fit.offset:+}" if fit.offset else ""
        fuzz = f", fuzz {fit.fuzz}" if fit.fuzz else ""
        places = ", ".join(str(line + 1) for line in fit.others[:NAMED])
        others = f", fits at line {places} too" if fit.others else ""
        return [
            f"hunk {number} at line {max(fit.line + bool(hunk.old), 0 if not hunk.old else 1)}{offset}{fuzz}{others}"
        ]

    def _told(self, one: Named, action: str, notes: list[str]) -> PatchedFile:
        path = one.old if one.new is None or (one.diff.action == "copy" and one.diff.undone) else one.new
        assert path is not None
        hunks = one.diff.hunks
        return PatchedFile(
            self.name(path),
            action,
            [*notes, *([one.note] if one.note else [])],
            sum(hunk.added for hunk in hunks),
            sum(hunk.removed for hunk in hunks),
        )


def _whole(diff: FileDiff) -> bytes:
    """The contents of a file that a diff makes."""
    if len(diff.hunks) > 1 or any(line.strip() for hunk in diff.hunks for line in hunk.old):
        raise _ProblemError(
            f"line {diff.number} of the patch makes a new file, but not all of its lines begin with '+'"
        )
    return b"".join(line for hunk in diff.hunks for line in hunk.new)


def _refuse_link(sheet: Sheet) -> None:
    if is_linked(sheet):
        raise _ProblemError(f"{shown(sheet.path)} is a symbolic link; name the file that it leads to")


def _recoded(path: str, content: bytes, encoding: str, other: str) -> bytes:
    try:
        text = content.decode(encoding)
        if (recoded := text.encode(other)).decode(other).encode(encoding) == content:
            return recoded
    except UnicodeError:
        pass
    raise _ProblemError(f"{shown(path)} begins as UTF-16, but is not; it cannot be patched as text")
