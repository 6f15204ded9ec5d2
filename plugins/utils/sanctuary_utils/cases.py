"""Letter case, identifiers' cases and slugs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

from sanctuary_host import ToolError
from sanctuary_utils.letters import APOSTROPHES, ASCII_SPELLING, SENTENCE_ENDS
from sanctuary_utils.unicode_ import normal

__all__ = ["camel", "constant", "kebab", "pascal", "sentence", "slug", "snake", "title"]


def title(text: str) -> tuple[str, list[str]]:
    """Each word with a capital and small letters after it; an apostrophe does not start a word."""
    out: list[str] = []
    letters = _word_characters(text)
    inside = False
    for char in text:
        letter = char in letters
        out.append(char.lower() if inside else char.title() if letter else char)
        inside = letter or (inside and char in APOSTROPHES)
    return "".join(out), []


def sentence(text: str) -> tuple[str, list[str]]:
    """Small letters, with a capital at the start of each sentence and line."""
    out: list[str] = []
    starts, ended = True, False
    for char in text.lower():
        if char.isspace():
            starts = starts or ended or char == "\n"
        elif char in SENTENCE_ENDS:
            ended = True
            out.append(char)
            continue
        elif char.isalnum():
            out.append(char.title() if starts else char)
            starts = ended = False
            continue
        out.append(char)
    return "".join(out), ["names and abbreviations lost their capitals"]


def camel(text: str) -> tuple[str, list[str]]:
    """likeThis, each line on its own."""
    return _each_line(text, lambda words: "".join([words[0].lower(), *map(_capital, words[1:])]) if words else "")


def pascal(text: str) -> tuple[str, list[str]]:
    """LikeThis, each line on its own."""
    return _each_line(text, lambda words: "".join(map(_capital, words)))


def snake(text: str) -> tuple[str, list[str]]:
    """like_this, each line on its own."""
    return _each_line(text, lambda words: "_".join(words).lower())


def kebab(text: str) -> tuple[str, list[str]]:
    """like-this, each line on its own."""
    return _each_line(text, lambda words: "-".join(words).lower())


def constant(text: str) -> tuple[str, list[str]]:
    """LIKE_THIS, each line on its own."""
    return _each_line(text, lambda words: "_".join(words).upper())


def slug(text: str) -> tuple[str, list[str]]:
    """Small ASCII letters and digits joined by hyphens, for use in an address.

    Raises:
        ToolError: nothing of the text can be spelt so.
    """
    bare = normal("NFC", text.translate({ord(char): None for char in APOSTROPHES}))
    counts = Counter(bare)
    spellings = {
        char: "".join(map(_spelt, [char] if char in ASCII_SPELLING else normal("NFKD", char))) for char in counts
    }
    letters = _word_characters(bare)
    lost = sum(counts[char] for char, spelling in spellings.items() if char in letters and not spelling.strip())
    result = re.sub(
        r"[^a-z0-9]++", "-", bare.translate({ord(char): spelling for char, spelling in spellings.items()}).lower()
    ).strip("-")
    if not result:
        raise ToolError("nothing of the text can be spelt in ASCII letters; slug knows Latin, Cyrillic and Greek ones")
    return result, [f"{lost} letter(s) with no ASCII spelling were left out"] if lost else []


def _spelt(part: str) -> str:
    if unicodedata.combining(part):
        return ""
    spelt = ASCII_SPELLING.get(part, ASCII_SPELLING.get(part.lower(), part))
    return spelt if spelt.isascii() else " "


def _each_line(text: str, join: Callable[[list[str]], str]) -> tuple[str, list[str]]:
    letters = _word_characters(text)
    return "\n".join(join(list(_words(line, letters))) if line else "" for line in text.split("\n")), []


def _words(line: str, letters: frozenset[str]) -> Iterator[str]:
    """The words of a line.

    It is parted at what is no letter or digit, at a capital after a small letter, and before the last of several
    capitals that a small letter follows (`HTTPServer`: HTTP, Server).
    """
    word: list[str] = []
    for index, char in enumerate(line):
        if char not in letters:
            if word and char not in APOSTROPHES:
                yield "".join(word)
                word = []
            continue
        if word and char.isupper():
            before = word[-1]
            after = line[index + 1] if index + 1 < len(line) else ""
            if not before.isupper() or after.islower():
                yield "".join(word)
                word = []
        word.append(char)
    if word:
        yield "".join(word)


def _word_characters(text: str) -> frozenset[str]:
    """Which of a text's characters belong to words; asked once for each, since a long text has few different ones."""
    return frozenset(char for char in set(text) if char.isalnum() or unicodedata.category(char)[0] == "M")


def _capital(word: str) -> str:
    return word[:1].title() + word[1:].lower()
