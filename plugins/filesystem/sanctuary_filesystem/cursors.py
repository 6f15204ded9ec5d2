"""Cursors: where a query's next page begins, as a short word that fits that query alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Final, cast

from sanctuary_host import ToolError

LENGTH: Final = 6
"""Bytes of the digest: what it guards against is a mistake, and no forger. Nothing is opened by a cursor."""
Position = Sequence[str | int]


def cursor_of(query: Sequence[object], position: Position) -> str:
    """The cursor for a position in the answer to a query."""
    payload = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(query, payload) + payload).decode().rstrip("=")


def position_of(query: Sequence[object], cursor: str, form: tuple[type, ...]) -> list[str | int]:
    """The position that `cursor_of` was given for such a query; empty where there is no cursor.

    Args:
        query: all other arguments.
        cursor: as the caller gave it.
        form: the types of a position's parts.

    Raises:
        ToolError: the cursor is none, or belongs to another query.
    """
    if not cursor:
        return []
    try:
        content = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True)
    except ValueError:
        content = b""
    digest, payload = content[:LENGTH], content[LENGTH:]
    position = _read(payload) if digest == _digest(query, payload) else None
    if position is None or tuple(map(type, position)) != form:
        raise ToolError(
            "this cursor belongs to another query, or is none; repeat all other arguments with it, "
            "or leave it out to begin anew"
        )
    return position


def _read(payload: bytes) -> list[str | int] | None:
    """What `cursor_of` wrote; `None` where somebody else did."""
    try:
        position = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if type(position) is not list:
        return None
    parts = cast("list[object]", position)
    return cast("list[str | int]", parts) if all(map(_is_part, parts)) else None


def _is_part(part: object) -> bool:
    """Whether it is a number, or what a name can be."""
    try:
        return type(part) is int or (type(part) is str and bool(os.fsencode(part) + b"."))
    except UnicodeEncodeError:
        return False


def _digest(query: Sequence[object], payload: bytes) -> bytes:
    said = json.dumps(query, separators=(",", ":")).encode()
    return hashlib.blake2b(said + b"\0" + payload, digest_size=LENGTH).digest()
