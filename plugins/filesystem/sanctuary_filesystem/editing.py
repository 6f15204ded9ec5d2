"""Write whole files, and edit parts of them: two tools that change what they are told to, and not a byte beside."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from sanctuary_filesystem.bounds import encoded
from sanctuary_filesystem.forms import Form, form_of
from sanctuary_filesystem.replacing import Edit, replaced
from sanctuary_filesystem.roots import open_roots, told
from sanctuary_filesystem.unified import diff_of
from sanctuary_host import Host, Recorded, ToolError, Tools, hookimpl, need_worker, tool
from sanctuary_host.doors import (
    HASHED,
    Changes,
    Held,
    PathError,
    Place,
    Tree,
    Trees,
    changing,
    etag_of,
    etag_of_content,
)

BLOCK: Final = 1 << 20
WIDE: Final = 16 << 20
"""Bytes of a file in UTF-16 that is edited: of it there are more copies at a time than of others."""
MANY: Final = 20 << 20
"""Bytes of a file that takes several edits at once: one more copy."""
NEW: Final = Form("utf-8", b"", "none")
"""How a file is written that was no text before, or not there."""

Path = Annotated[str, Field(description="File"), Recorded()]
Etag = Annotated[str, Field(description="As read_file gave it")]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    path: str
    bytes: int
    etag: str
    created: bool
    note: str

    def __str__(self) -> str:
        """In a line, and the note."""
        if not self.etag and self.path.endswith("/"):
            return f"{self.path}: {self.note}"
        done = "created" if self.created else "replaced"
        return _lines(f"{done} {self.path}: {self.bytes:,} bytes, etag {self.etag}", self.note)


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit did, or would do."""

    path: str
    replaced: int
    etag: str
    diff: str
    note: str

    def __str__(self) -> str:
        """In a line, and the note; the diff where it is all that came of it."""
        times = "1 replacement" if self.replaced == 1 else f"{self.replaced:,} replacements"
        etag = f", etag {self.etag}" if self.etag else ""
        return _lines(f"{self.path}: {times}{etag}", self.note, "" if etag else self.diff)


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


class Editing:
    """The tools, around the folders."""

    def __init__(self, trees: Trees) -> None:
        self.trees = trees

    @tool(open_world=False, timeout=30, memory=128, runs="inline")
    def write_file(
        self,
        path: Annotated[str, Field(description="File; NAME/ makes an empty folder"), Recorded()],
        content: str,
        etag: Annotated[str, Field(description="Replace the file that read_file gave it for")] = "",
        *,
        overwrite: Annotated[bool, Field(description="Replace without etag")] = False,
        keep: Annotated[bool, Field(description="Keep the old encoding, BOM, CRLF")] = True,
    ) -> Written:
        """Write a whole file and missing parent folders. To change parts use edit_file."""
        need_worker(unless_alone=True)
        place = self.trees.place(path)
        if path.endswith("/"):
            return self._make_folder(place, content)
        with changing(place.tree) as changes:
            held = None
            if etag or (overwrite and changes.exists(place.path)):
                held = _read(changes, place.path, etag)
            elif changes.exists(place.path):
                raise ToolError(
                    f"there is something at {told(self.trees, place)} already; to replace it give its etag (read_file "
                    "shows it) or set overwrite, to change parts of it use edit_file"
                )
            form = form_of(held.content) if held is not None and keep else None
            written, notes = _bytes(content, form or NEW)
            changes.write(place.path, written, held)
        if held is not None:
            notes += _links(held)
        etag = _etag(place.tree, place.path, written, notes)
        return Written(told(self.trees, place), len(written), etag, held is None, "; ".join(notes))

    def _make_folder(self, place: Place, content: str) -> Written:
        name = told(self.trees, place)
        if content:
            raise ToolError(
                f"{name} ends in /, and so names a folder, which holds no content; leave out the / at the end"
            )
        with changing(place.tree) as changes:
            if is_there := changes.exists(place.path):
                with place.tree.folder(place.path):  # else a file is in the way
                    pass
            changes.folder(place.path)
        return Written(name, 0, "", not is_there, "the folder was there already" if is_there else "an empty folder")

    @tool(open_world=False, timeout=30, memory=128, runs="inline")
    def edit_file(
        self,
        path: Path,
        edits: list[Edit],
        etag: Etag = "",
        *,
        dry_run: bool = False,
    ) -> Edited:
        r"""Replace exact text; all other bytes stay. In order, all or none. \n fits any line end."""
        need_worker(unless_alone=True)
        place = self.trees.place(path)
        with changing(place.tree) as changes:
            held = _read(changes, place.path, etag)
            form = form_of(held.content)
            if form is None:
                raise ToolError(f"{told(self.trees, place)} is no text, and edit_file edits text only")
            _check_size(len(held.content), form, len(edits), told(self.trees, place))
            result = replaced(held.content, form, edits)
            diff = diff_of(held.content, result.content, result.changes, form)
            is_same = result.content == held.content
            if not dry_run and not is_same:
                changes.write(place.path, result.content, held)
        notes = ["the file is as it was: new is what old was"] if is_same else _links(held)
        if dry_run:
            etag = ""
            notes.insert(0, "dry run, nothing was changed")
        else:
            etag = held.etag if is_same else _etag(place.tree, place.path, result.content, notes)
        return Edited(told(self.trees, place), result.replacements, etag, diff, "; ".join(notes))


def _read(changes: Changes, path: str, etag: str) -> Held:
    """A file that is to be changed.

    Raises:
        ToolError: it is not the version that was read.
    """
    held = changes.read(path)
    if etag and etag != held.etag:
        raise ToolError("the file was changed since that etag was made; read it again. Nothing was changed")
    return held


def _check_size(size: int, form: Form, edits: int, name: str) -> None:
    """Refuse what would take more than 64 MB beside the process.

    Raises:
        ToolError: it would.
    """
    if form.encoding.startswith("utf-16") and size > WIDE:
        raise ToolError(
            f"{name} is in {form.encoding} and has {size:,} bytes; of such files at most {WIDE:,} are edited"
        )
    if edits > 1 and size > MANY:
        raise ToolError(f"{name} has {size:,} bytes; a file of more than {MANY:,} takes one edit in a call")


def _bytes(content: str, form: Form) -> tuple[bytes, list[str]]:
    """A text as it is written in a file of that form, and a note on each thing that is not as given."""
    notes: list[str] = []
    if form.mark or form.encoding != "utf-8":
        content = content.removeprefix("\ufeff")
        if form.mark or not content.isascii():
            notes.append(f"written in {form.encoding}{' with BOM' if form.mark else ''}, as the file was")
    if form.newline == "CRLF" and "\n" in content and "\r" not in content:
        content = content.replace("\n", "\r\n")
        notes.append("line ends written as CRLF, as in the file before")
    try:
        return form.mark + encoded(content, form, "content"), notes
    except ToolError as error:
        raise ToolError(f"{error}; keep=false writes it in UTF-8") from None


def _links(held: Held) -> list[str]:
    links = held.status.st_nlink
    return [f"it had {links} hard links; its other names keep the old contents"] if links > 1 else []


def _etag(tree: Tree, path: str, content: bytes, notes: list[str]) -> str:
    """The etag of what was written; none where somebody else has written meanwhile."""
    if len(content) <= HASHED:
        return etag_of_content(content)
    view = memoryview(content)
    with suppress(PathError, OSError), tree.file(path) as descriptor:
        etag = etag_of(descriptor)
        size = os.fstat(descriptor).st_size
        same = size == len(content) and all(
            memoryview(os.pread(descriptor, BLOCK, at)) == view[at : at + BLOCK] for at in range(0, size, BLOCK)
        )
        if same and etag_of(descriptor) == etag:
            return etag
    notes.append("it was changed by somebody else since; read it again")
    return ""


@hookimpl
def register_tools(host: Host) -> Tools:
    """The tools of this plugin, if there is anything that they may write."""
    trees = open_roots(host)
    if not any(tree.writable for tree in trees):
        return []
    editing = Editing(trees)
    return [editing.write_file, editing.edit_file]
