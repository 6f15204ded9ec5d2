"""What a gateway says, fit to be shown: one short line, in which nothing is that must not be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from sanctuary_host.shapes import is_array, is_object

LENGTH: Final = 200
"""Characters of a quotation."""
LOOKED_AT: Final = 4_096
"""Characters of a text that are looked at; more cannot end up within the quotation."""
KEYS: Final = ("message", "detail", "error", "msg", "reason")
"""Where gateways put their sentences; ContextForge uses the first two, and `msg` for each field of a 422."""
SHORTEST_SECRET: Final = 4
PIECE: Final = 10
"""Characters of a secret that are not shown either: some gateways repeat the first few of a token."""
SECRETS: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)*"),  # JSON web tokens
    re.compile(r"(?<=://)[^\s/@]{1,1000}@"),  # user and password in a URL
    re.compile(r"(?i)\b(bearer|basic)\s+(?!auth)\S+"),
    re.compile(r"(?i)\b\w*(token|secret|password|api[_-]?key)\w*[\"']?\s*[=:]\s*[\"']?[^\s\"',;]+"),
)


def quoted(body: Any, secrets: Iterable[str] = ()) -> str:
    """What a reply's body says, as `: …` to put behind a sentence; empty where it says nothing in words.

    Args:
        body: as parsed from JSON.
        secrets: what must not be shown, wherever it stands.
    """
    said = cleaned(_words(body), secrets)
    return f": {said}" if said else ""


def cleaned(text: str, secrets: Iterable[str] = (), length: int = LENGTH) -> str:
    """A stranger's text on one line, printable, without secrets or pieces of them, and cut."""
    secrets = tuple(secrets)
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…")
    text = text[:LOOKED_AT]
    for secret in secrets:
        text = _without_pieces(text, secret)
    for pattern in SECRETS:
        text = pattern.sub("…", text)
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _without_pieces(text: str, secret: str) -> str:
    pieces = {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)}
    shown: list[str] = []
    hidden = 0
    for at, one in enumerate(text):
        if text[at : at + PIECE] in pieces:
            shown += "…" if hidden <= at else ""
            hidden = at + PIECE
        if at >= hidden:
            shown.append(one)
    return "".join(shown)


def _words(body: Any, depth: int = 0) -> str:
    """The sentences in a body; what else stands there, such as the value that it did not like, is left out."""
    if isinstance(body, str):
        return body
    if depth > 3:
        return ""
    if is_array(body):
        return "; ".join(filter(None, (_words(one, depth + 1) for one in body[:4])))
    if is_object(body):
        return next((said for key in KEYS if (said := _words(body.get(key), depth + 1))), "")
    return ""
