"""How well a record fits the words of a search, and the passage that shows it."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

SNIPPET_LENGTH: Final = 160
_PIECE: Final = 256
_ACCENTS: Final = re.compile(r"[\u0300-\u036f]+")


def fold(text: str) -> str:
    """The text without case, accents and compatibility forms, for comparison."""
    if text.isascii():
        return text.lower()
    # Piece by piece, since normalizing takes the square of the length of a run of combining marks: one planted file
    # would stall every search.
    lower = text.casefold()
    pieces = (lower[start : start + _PIECE] for start in range(0, len(lower), _PIECE))
    return _ACCENTS.sub("", "".join(unicodedata.normalize("NFKD", piece) for piece in pieces))


def score(words: Sequence[str], title: str, tags: str, body: str) -> tuple[int, int]:
    """How many of the words occur, and how well; all texts are folded.

    The title counts 8, tags and people 4, the text up to 5, and whole words more.
    """
    found, points = 0, 0
    for word in words:
        in_title, in_tags, in_body = word in title, word in tags, body.count(word)
        if not (in_title or in_tags or in_body):
            continue
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        found += 1
        points += 8 * in_title + 4 * in_tags + min(in_body, 5)
        points += 4 * bool(whole.search(title)) + 2 * bool(in_body and whole.search(body))
    return found, points


def snippet(words: Sequence[str], body: str) -> str:
    """The passage around the first of the words that the text has, or its beginning."""
    at = 0
    for word in words:
        if match := re.search(re.escape(word), body, re.IGNORECASE):
            at = match.start()
            break
    start = max(0, at - SNIPPET_LENGTH // 3)
    passage = " ".join(body[start : start + SNIPPET_LENGTH].split())
    return ("…" if start else "") + passage + ("…" if start + SNIPPET_LENGTH < len(body) else "")
