"""Why a text that was looked for is not in a file: what stands there that is most like it, and how it differs.

The work is bounded: a few words of the text are looked up in the file, and only what they point to is compared.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sanctuary_filesystem.bounds import Bytes, Lines
from sanctuary_filesystem.forms import Form
from sanctuary_filesystem.matching import Sought
from sanctuary_filesystem.visible import visible_line
from sanctuary_host import ToolError

WORD: Final = re.compile(r"\w{2,}|[^\w\s]+")
NUMBERED: Final = re.compile(r"^[ \t]*\d+(?:\t|[ \t]*[|:→│])"), re.compile(r"^[ \t]*\d+(?:\t|[ \t]*[|:→│]) ")
"""What stands before lines where they were shown with their numbers, without and with a blank."""
WORDS: Final = 16
"""Words that are looked up."""
USES: Final = 300
"""Places at which a word is looked up; one that is more frequent says little."""
SAMPLED: Final = 40
"""Lines of the text that are compared."""
CANDIDATES: Final = 4
"""Places that are compared."""
FOLDED: Final = 4 << 20
"""Bytes of a file of which upper and lower case are taken for the same."""
TRANSLATED: Final = 8 << 20
"""Bytes of a file in UTF-16 that is translated to be searched."""
LIKE: Final = 0.5
"""How like it a place must be, from 0 to 1, to be shown."""
LONG: Final = 160
"""Characters of a line that are shown and compared."""
SHOWN: Final = 24
"""Lines of the comparison that are shown."""
QUOTES: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u2032`", "'") | dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
)
DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


@dataclass(frozen=True, slots=True)
class _Near:
    """Lines of the file that are like the text."""

    first: int
    lines: list[str]
    likeness: float


def explain(content: Bytes, form: Form, old: str, new: str, what: str) -> str:
    """The sentence of an error: that the text is not there, and what is nearest.

    Args:
        content: of the file.
        form: how it is text.
        old: what is not there.
        new: what was to take its place.
        what: how the error names the text.
    """
    start = f"{what} is not in the file; nothing was changed. "
    if (reason := _mistake(content, form, old, new)) is not None:
        return start + reason
    if form.encoding.startswith("utf-16"):
        if len(content) > TRANSLATED:
            return f"{start}Read the part again with read_file, and copy it exactly."
        text = bytes(content).decode(form.encoding, "replace").removeprefix("\ufeff")
        content, form = text.encode("utf-8", "replace"), Form("utf-8", b"", form.newline)
    near = _nearest(content, form, old)
    if near is None:
        return f"{start}Nothing there is like it; look with read_file or grep, and copy the text exactly."
    sought = _cut(old)
    last = near.first + len(near.lines) - 1
    where = f"line {near.first}" if last == near.first else f"lines {near.first}-{last}"
    kinds = _kinds(sought, near.lines)
    differing = f" and differs in {_listed(kinds)}" if kinds else ""
    return f"{start}Nearest is {where}{differing} (- {what}, + the file):\n" + "\n".join(
        _compared(sought, near.lines, visible=any("blank" in kind or "indent" in kind for kind in kinds))
    )


def _mistake(content: Bytes, form: Form, old: str, new: str) -> str | None:
    """What callers often do wrong, if it is that."""

    def has(text: str) -> int | None:
        if not text:
            return None
        try:
            span = Sought.of(text, form, "").first(content, len(form.mark))
        except ToolError:
            return None
        return None if span is None else Lines(content, form).number_of(span.start)

    for pattern in NUMBERED:
        bare = "\n".join(pattern.sub("", line) for line in old.split("\n"))
        if bare != old and (line := has(bare)) is not None:
            return f"It is at line {line} without the line numbers that stand in it; leave them out."
    unescaped = old.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    if unescaped != old and (line := has(unescaped)) is not None:
        return f"It is at line {line} if its escapes, such as \\n, are written as the characters that they stand for."
    if form.encoding == "latin-1" and not old.isascii() and old.encode("utf-8", "replace") in content:
        return "It is there in UTF-8, but not all of the file is; copy the text as read_file shows it, byte by byte."
    if "\r" in old and (line := has(old.replace("\r\n", "\n").replace("\r", "\n"))) is not None:
        return f"It is at line {line} with other line ends ({form.newline}); write \\n, which fits all."
    if old.endswith("\n") and (line := has(old.rstrip("\n"))) is not None and _is_end(content, form, old.rstrip("\n")):
        return f"It is at line {line}, where the file ends without a line end; leave out the one at the end."
    if len(new.strip()) >= len(old.strip()) > 0 and new.strip() != old.strip() and (line := has(new)) is not None:
        return f"But new is there already, at line {line}: the edit seems to be done."
    return None


def _is_end(content: Bytes, form: Form, text: str) -> bool:
    return bytes(content[-4 * len(text) - 4 :]).decode(form.encoding, "replace").replace("\r\n", "\n").endswith(text)


def _nearest(content: Bytes, form: Form, old: str) -> _Near | None:
    """The lines that are most like the text."""
    lines = old.split("\n")[:-1] if old.endswith("\n") else old.split("\n")
    file = Lines(content, form)
    votes: Counter[int] = Counter()
    places: dict[int, int] = {}
    points = sorted(_points(content, form, lines))
    for place, index, weight in points:
        first = max(file.number_of(place) - index, 1)
        votes[first] += weight
        places.setdefault(first, place)
    scores = {first: votes[first] + votes[first - 1] // 2 + votes[first + 1] // 2 for first in votes}
    best: _Near | None = None
    for first in sorted(scores, key=lambda one: (-scores[one], one))[:CANDIDATES]:
        near = _at(file, content, form, lines[:SAMPLED], first, places[first])
        if near is not None and (best is None or near.likeness > best.likeness):
            best = near
    return best if best is not None and best.likeness >= LIKE else None


def _points(content: Bytes, form: Form, lines: Sequence[str]) -> list[tuple[int, int, int]]:
    """Where words of the text are in the file, in which of its lines, and how much each says."""
    fold = len(content) <= FOLDED
    searched = content.lower() if fold else content
    words: dict[str, int] = {}
    for index, line in sorted(enumerate(lines[:1000]), key=lambda each: -len(each[1].strip()))[:SAMPLED]:
        for word in WORD.findall(line.lower() if fold else line):
            words.setdefault(word[:40], index)
    points: list[tuple[int, int, int]] = []
    for word in sorted(words, key=lambda one: (-len(one), one))[:WORDS]:
        sought = word.encode(form.encoding, "replace")
        found: list[int] = []
        at = searched.find(sought)
        while at != -1 and len(found) < USES:
            found.append(at)
            at = searched.find(sought, at + len(sought))
        points += [(place, words[word], 1 + 100 * len(word) // len(found)) for place in found]
    return points


def _at(file: Lines, content: Bytes, form: Form, old: Sequence[str], first: int, place: int) -> _Near | None:
    """The lines of the file from about a line on that are like the text."""
    start, number = file.start_of(place), file.number_of(place)
    while number > max(first - 2, 1):
        start, number = file.start_of(start - len(file.end)), number - 1
    there: list[str] = []
    while len(there) < len(old) + 4 + (first - number) and start < len(content):
        end = file.end_of(start)
        # Of a long line only what is around the place is looked at.
        begin = max(start, place - LONG // 2) if end - start > 4 * LONG and start <= place < end else start
        text = bytes(content[begin : min(end, begin + 4 * LONG)]).decode(form.encoding, "replace")
        there.append(text.rstrip("\r\n")[:LONG])
        start = end
    ours = [_squashed(line[:LONG]) for line in old]
    theirs = [_squashed(line) for line in there]
    size = len(ours)
    best = max(
        ((_likeness(ours, theirs[at : at + size]), -at) for at in range(max(len(theirs) - size, 0) + 1)), default=None
    )
    if best is None:
        return None
    at, end = _aligned(ours, theirs, -best[1])
    return _Near(number + at, there[at:end], best[0])


def _likeness(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """How many of the lines are the same or nearly so, from 0 to 1."""
    if not theirs:
        return 0.0
    same = set(ours) & set(theirs)
    total = weight = 0.0
    for index, line in enumerate(ours):
        size = len(line) + 1
        weight += size
        if line in same:
            total += size
        elif index < len(theirs):
            matcher = difflib.SequenceMatcher(None, line, theirs[index], autojunk=False)
            if matcher.real_quick_ratio() > LIKE and matcher.quick_ratio() > LIKE:
                total += size * matcher.ratio()
    return total / weight


def _aligned(ours: Sequence[str], theirs: Sequence[str], at: int) -> tuple[int, int]:
    """Where lines like ours begin and end: a line more or less may be there."""
    low, high = max(at - 2, 0), at + len(ours) + 3
    matcher = difflib.SequenceMatcher(None, ours, theirs[low:high], autojunk=False)
    same = [block for block in matcher.get_matching_blocks() if block.size]
    if not same:
        return at, min(at + len(ours), len(theirs))
    first, last = same[0], same[-1]
    end = low + last.b + len(ours) - last.a
    return max(low + first.b - first.a, 0), min(end, len(theirs))


def _squashed(line: str) -> str:
    return " ".join(line.translate(QUOTES).translate(DASHES).casefold().split())


def _cut(old: str) -> list[str]:
    lines = old.split("\n")[:-1] if old.endswith("\n") else old.split("\n")
    return [line.rstrip("\r")[:LONG] for line in lines[:SAMPLED]]


def _kinds(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """In what the lines differ, in words."""
    if len(ours) != len(theirs):
        more = len(theirs) - len(ours)
        lines = "a line" if abs(more) == 1 else f"{abs(more)} lines"
        return [f"{lines} that the file has {'more' if more > 0 else 'less'}"]
    kinds: dict[str, None] = {}
    for mine, its in zip(ours, theirs, strict=True):
        if mine != its:
            kinds[_kind(mine, its)] = None
    return list(kinds)


def _kind(mine: str, its: str) -> str:
    if mine.rstrip() == its.rstrip():
        return "blanks at line ends"
    if mine.strip() == its.strip():
        tabs = "\t" in its[: len(its) - len(its.lstrip())], "\t" in mine[: len(mine) - len(mine.lstrip())]
        if tabs[0] != tabs[1]:
            return f"indentation (the file has {'tabs' if tabs[0] else 'spaces'})"
        return "indentation"
    if "".join(mine.split()) == "".join(its.split()):
        return "blanks within lines"
    if mine.casefold() == its.casefold():
        return "upper and lower case"
    if mine.translate(QUOTES).replace('"', "'") == its.translate(QUOTES).replace('"', "'"):
        return "quotation marks"
    if mine.translate(DASHES) == its.translate(DASHES):
        return "dashes"
    if unicodedata.normalize("NFC", mine) == unicodedata.normalize("NFC", its):
        return "how accents are encoded (Unicode normal forms)"
    if _seen(mine) == _seen(its):
        return "characters that cannot be seen"
    return "text"


def _seen(line: str) -> str:
    return "".join(one for one in line if not unicodedata.category(one).startswith(("C", "Z")))


def _listed(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _compared(ours: Sequence[str], theirs: Sequence[str], *, visible: bool) -> list[str]:
    """The two as a diff; where blanks are what differs, they are made visible."""
    shown: list[str] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            shown += [f"  {_legible(line)}" for line in ours[i1:i2]]
            continue
        shown += [f"- {_legible(line, visible=visible)}" for line in ours[i1:i2]]
        shown += [f"+ {_legible(line, visible=visible)}" for line in theirs[j1:j2]]
    return shown if len(shown) <= SHOWN else [*shown[:SHOWN], f"… {len(shown) - SHOWN} more lines"]


def _legible(line: str, *, visible: bool = False) -> str:
    if visible:
        line = line.replace("\t", "→").replace(" ", "·")
    return visible_line(line)
