"""Unicode: normal forms under a bound, what each code point is, and which ones deceive a reader."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.letters import LOOKALIKES, SCRIPTS, SIGNS
from sanctuary_utils.text_words import UnicodeForm

__all__ = [
    "Finding",
    "describe",
    "normal",
    "script_of",
    "strip_accents",
    "strip_controls",
    "strip_invisible",
    "suspicious",
]


MARKS: Final = 1_000
"""Combining marks in a row that are sorted; Python takes quadratic time over them, and no language has over 20."""
CATEGORIES: Final = {
    "Lu": "uppercase letter", "Ll": "lowercase letter", "Lt": "titlecase letter", "Lm": "modifier letter",
    "Lo": "other letter", "Mn": "nonspacing mark", "Mc": "spacing mark", "Me": "enclosing mark",
    "Nd": "decimal digit", "Nl": "letter number", "No": "other number", "Pc": "connector punctuation",
    "Pd": "dash punctuation", "Ps": "open punctuation", "Pe": "close punctuation", "Pi": "initial quote",
    "Pf": "final quote", "Po": "other punctuation", "Sm": "math symbol", "Sc": "currency symbol",
    "Sk": "modifier symbol", "So": "other symbol", "Zs": "space", "Zl": "line separator",
    "Zp": "paragraph separator", "Cc": "control", "Cf": "format", "Cs": "surrogate", "Co": "private use",
    "Cn": "unassigned",
}  # fmt: skip  # one glance
INVISIBLE: Final = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164"
    "\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
ZERO_WIDTH: Final = re.compile(f"[{INVISIBLE}]")
CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SUSPECT: Final = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{INVISIBLE}\u2028\u2029\u2800\ufffe\uffff"
    "\ufdd0-\ufdef\ue000-\uf8ff\U000f0000-\U0010ffff]"
)
WORD: Final = re.compile(r"[^\W\d_]{2,}+")
EAST_ASIAN: Final = frozenset({"Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Latin"})
JOINED: Final = frozenset({"Arabic", "Syriac", "Mongolian", "Nko", "Devanagari", "Bengali", "Gurmukhi", "Gujarati",
                           "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Khmer", "Tibetan",
                           "Myanmar"})  # fmt: skip  # one glance


@dataclass(frozen=True, slots=True)
class Finding:
    """A place in a text that may deceive: the code point's index from 0, its name and why it is listed."""

    index: int
    code: str
    name: str
    reason: str


def normal(form: UnicodeForm, text: str) -> str:
    """The text in a Unicode normal form.

    Raises:
        ToolError: it has 1,000 combining marks in a row or more.
    """
    if text.isascii():
        return text
    marks = "".join(re.escape(char) for char in set(text) if unicodedata.combining(char))
    if marks and re.search(f"(?<![{marks}])[{marks}]{{{MARKS}}}", text):
        raise ToolError(f"the text has {MARKS:,} combining marks in a row or more; strip them before normalising")
    return unicodedata.normalize(form, text)


def strip_accents(text: str) -> str:
    """The text without nonspacing marks: é becomes e; letters that have no base, such as ø, stay."""
    decomposed = normal("NFD", text)
    marks = {ord(char): None for char in set(decomposed) if unicodedata.category(char) == "Mn"}
    return normal("NFC", decomposed.translate(marks))


def strip_invisible(text: str) -> str:
    """The text without characters that show nothing; joiners and selectors stay where emoji or spelling need them."""
    return ZERO_WIDTH.sub(lambda found: found[0] if _is_needed(text, found.start()) else "", text)


def strip_controls(text: str) -> str:
    """The text without control characters other than tab and line breaks."""
    return CONTROLS.sub("", text)


def script_of(char: str) -> str:
    """The script of a letter or mark, read from its name; `Common` for what belongs to none."""
    name = unicodedata.name(char, "")
    if name in SIGNS:
        return SIGNS[name]
    if name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING")):
        return "Han"
    words = name.split()
    for word in words[1:2] if words[:1] in (["FULLWIDTH"], ["HALFWIDTH"], ["OLD"]) else words[:1]:
        if word in SCRIPTS and unicodedata.category(char)[0] in "LMN":
            return word.capitalize()
    return "Common"


def describe(char: str) -> dict[str, str]:
    """A code point's number, name, category and script."""
    category = unicodedata.category(char)
    return {
        "char": char if char.isprintable() else "",
        "code": f"U+{ord(char):04X}",
        "name": _name(char),
        "category": f"{category} ({CATEGORIES[category]})",
        "script": script_of(char),
    }


def suspicious(text: str) -> Iterator[Finding]:
    """What may deceive a reader, first single characters, then words that mix look-alike letters."""
    for found in SUSPECT.finditer(text):
        index, char = found.start(), found[0]
        if not _is_needed(text, index) and (reason := _reason(char, index)):
            yield Finding(index, f"U+{ord(char):04X}", _name(char), reason)
    if text.isascii():
        return
    scripts_of_text = _scripts(text)
    for found in WORD.finditer(text):
        if not found[0].isascii():
            yield from _mixed(found[0], found.start(), scripts_of_text)


def _mixed(word: str, start: int, scripts_of_text: Counter[str]) -> Iterator[Finding]:
    scripts = _scripts(word)
    latin_like = word.translate(LOOKALIKES)
    if len(scripts) > 1 and not set(scripts) <= EAST_ASIAN:
        rarest = min(scripts, key=lambda script: (scripts[script], script == "Latin"))
        index = next(index for index, char in enumerate(word) if script_of(char) == rarest)
        mixed = " and ".join(sorted(scripts))
        yield Finding(start + index, f"U+{ord(word[index]):04X}", _name(word[index]), f"a word mixes {mixed} letters")
    elif len(scripts) == 1 and "Latin" not in scripts and latin_like.isascii() and scripts_of_text["Latin"]:
        reason = f"a {next(iter(scripts))} word that reads as Latin {latin_like[:30]!r}"
        yield Finding(start, f"U+{ord(word[0]):04X}", _name(word[0]), reason)


def _scripts(text: str) -> Counter[str]:
    # One look per distinct character: a long text has few.
    counts = Counter[str]()
    for char, count in Counter(text).items():
        script = script_of(char)
        if script != "Common":
            counts[script] += count
    return counts


def _name(char: str) -> str:
    if name := unicodedata.name(char, ""):
        return name
    return f"<{CATEGORIES[unicodedata.category(char)]}>"


def _reason(char: str, index: int) -> str:
    code = ord(char)
    ranges = (
        (0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069, "bidirectional control: can show text in another order"),
        (char in "\u061c\u200e\u200f", "invisible direction mark"),
        (0xE0000 <= code <= 0xE007F, "invisible tag character: can carry hidden text"),
        (0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF, "variation selector without a base: can hide data"),
        (code == 0xFEFF and index == 0, "byte order mark"),
        (char in "\u2028\u2029", "line or paragraph separator, which many programs do not see"),
        (char == "\u2800", "blank that is no space"),
        (code < 0xA0 and char != "\u00ad", "control character"),
        (unicodedata.category(char) == "Co", "private use: no agreed meaning"),
        (code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF, "noncharacter"),
    )
    return next((reason for applies, reason in ranges if applies), "invisible character")


def _is_needed(text: str, index: int) -> bool:
    """Whether a joiner, selector or tag stands where emoji or the spelling of a script want it."""
    char = text[index]
    before = text[index - 1] if index else ""
    after = text[index + 1] if index + 1 < len(text) else ""
    if char in "\ufe0e\ufe0f":
        return before != "" and (unicodedata.category(before)[0] == "S" or before in "0123456789#*‼⁉〰〽")
    if char == "\u200d":
        emoji = bool(before and after) and unicodedata.category(after) == "So"
        return (emoji and (unicodedata.category(before) in {"So", "Sk"} or before == "\ufe0f")) or _joins(before)
    if char == "\u200c":
        return _joins(before)
    if "\U000e0020" <= char <= "\U000e007f":
        start = index
        while start and index - start < 8 and "\U000e0020" <= text[start - 1] <= "\U000e007e":
            start -= 1
        return start > 0 and text[start - 1] == "\U0001f3f4"
    return False


def _joins(before: str) -> bool:
    return before != "" and script_of(before) in JOINED
