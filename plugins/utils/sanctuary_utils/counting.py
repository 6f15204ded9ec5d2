"""How much is in a text: bytes, code points, graphemes, words, sentences, lines, and a guess at tokens."""

from __future__ import annotations

import math
import re
from typing import Final

from wcwidth import iter_graphemes

__all__ = ["count"]

CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# An end counts once for a run of stops, with the quotation marks and brackets after it.
END: Final = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|\Z)|[。！？]")  # noqa: RUF001  # full-width stops


def count(text: str) -> dict[str, int | str]:
    """Counts of a text.

    Words are runs between white space with a letter or digit in them; each Chinese or Japanese character counts as
    one. Sentences and tokens are estimates: tokens at a quarter for an ASCII character, one for a Chinese or Japanese
    one and a half for others.
    """
    ideographs = len(CJK.findall(text)) if not text.isascii() else 0
    spaced = CJK.sub(" ", text) if ideographs else text
    words = sum(any(map(str.isalnum, chunk)) for chunk in spaced.split())
    ascii_characters = len(text.encode("ascii", "ignore"))
    rest = len(text) - ascii_characters - ideographs
    unified = text.replace("\r\n", "\n")
    breaks = {"CRLF": len(text) - len(unified), "LF": unified.count("\n"), "CR": unified.count("\r")}
    breaks["LF"] -= breaks["CRLF"]
    lines = sum(breaks.values()) + (text != "" and text[-1] not in "\r\n")
    tail = text[_last_end(text) :]
    return {
        "bytes_utf8": len(text.encode()),
        "code_points": len(text),
        "graphemes": len(unified) if text.isascii() else sum(1 for _ in iter_graphemes(text)),
        "words": words + ideographs,
        "lines": lines,
        "line_breaks": " and ".join(name for name, number in breaks.items() if number) or "none",
        "sentences_estimate": len(END.findall(text)) + any(map(str.isalnum, tail)),
        "tokens_estimate": math.ceil(ascii_characters / 4 + ideographs + rest / 2),
    }


def _last_end(text: str) -> int:
    end = 0
    for found in END.finditer(text):
        end = found.end()
    return end
