"""What to say of hunks that do not fit: what the file has there, and where it is most like what they expect."""

from __future__ import annotations

from typing import Final

from sanctuary_filesystem.byte_lines import Lines
from sanctuary_filesystem.fitting import NAMED, Fitting, Misfit
from sanctuary_filesystem.hunks import Hunk

ANCHORS: Final = 8
"""Lines of a hunk, the longest ones, by which places are found that are like it."""
TRIED: Final = 12
"""Places of each."""
COMPARED: Final = 60
"""Lines of a hunk that are compared at each place."""
LOOKED_AT: Final = 1000
"""Bytes of each line, where white space is left out of account."""
SHOWN: Final = 4
"""Lines of the file that are shown."""
WIDTH: Final = 100
"""Characters of each."""


def told_misfit(misfit: Misfit, number: int, fitting: Fitting) -> str:
    """A sentence or two on a hunk that does not fit, and lines of the file.

    Args:
        misfit: which one.
        number: of the hunk in its file, from 1.
        fitting: the file.
    """
    begin = f"hunk {number} (line {misfit.hunk.number} of the patch)"
    if misfit.why == "done":
        return f"{begin} is already applied, at line {misfit.lines[0] + 1}"
    if misfit.why == "several":
        places = ", ".join(str(line + 1) for line in misfit.lines[:NAMED])
        more = " and more" if len(misfit.lines) > NAMED else ""
        return f"{begin} fits at lines {places}{more}; give it more lines of context, or its line number"
    if misfit.why == "overlap":
        return f"{begin} changes lines that an earlier hunk changes; make one of both"
    if not misfit.hunk.old:
        return (
            f"{begin} only adds lines, and says by neither context nor a line number of the file where; the file has "
            f"{fitting.raw.total:,} lines"
        )
    return f"{begin} does not fit; {_nearest(fitting, misfit)}"


def _nearest(fitting: Fitting, misfit: Misfit) -> str:
    """The place that is most like a hunk."""
    hunk = fitting.encodings(misfit.hunk)[0]
    lines, guess = fitting.even, misfit.lines[0]
    if not lines.total:
        return "the file is empty"
    old = [line.rstrip(b"\r\n") for line in hunk.old]
    best = max(_candidates(lines, old, guess), key=lambda at: (_score(lines, old, at), -abs(at - guess)))
    score = _score(lines, old, best)
    if not score:
        first = min(guess, max(lines.total - SHOWN, 0))
        return f"no place in the file is like it. At line {first + 1} there is\n{_numbered(lines, first)}"
    here = [line.rstrip(b"\n") for line in lines.between(best, best + len(old))]
    same = [line == its for line, its in zip(old, here, strict=False)]
    wrong = same.index(False) if False in same else len(same)
    if wrong >= len(old):  # all is as expected, so it is the place that is not
        return f"its lines are at line {best + 1}, but the patch has them at the {_side(hunk)} of the file"
    if best + wrong >= lines.total:
        return (
            f"nearest is line {best + 1}, where {sum(same)} of its {len(old)} lines are; but the file ends after line "
            f"{lines.total}"
        )
    white = ", in white space alone" if _words(here[wrong]) == _words(old[wrong]) else ""
    first = max(best + wrong - 1, 0)
    return (
        f"nearest is line {best + 1}, where {sum(same)} of its {len(old)} lines are; "
        f"line {best + wrong + 1} differs{white}. There is\n{_numbered(lines, first)}"
    )


def _side(hunk: Hunk) -> str:
    before, after = hunk.context
    return "end" if after < before or not hunk.old[-1].endswith(b"\n") else "start"


def _candidates(lines: Lines, old: list[bytes], guess: int) -> list[int]:
    """Lines at which the hunk may be meant to begin."""
    found = {guess: None}
    anchors = sorted({line.strip(): index for index, line in enumerate(old)}.items(), key=lambda item: -len(item[0]))
    for text, index in anchors[:ANCHORS]:
        offset = lines.data.find(text) if text else -1
        for _ in range(TRIED):
            if offset < 0:
                break
            found[max(lines.line(offset) - index, 0)] = None
            offset = lines.data.find(text, lines.end(offset))
    return list(found)


def _score(lines: Lines, old: list[bytes], at: int) -> int:
    """How like a place is: two for each equal line, one where white space differs; nothing for empty lines."""
    here = lines.between(at, at + min(len(old), COMPARED))
    pairs = zip(old, (line.rstrip(b"\n") for line in here), strict=False)
    return sum((mine == its) + (_words(mine) == _words(its)) for mine, its in pairs if mine.strip())


def _words(line: bytes) -> list[bytes]:
    return line[:LOOKED_AT].split()


def _numbered(lines: Lines, first: int) -> str:
    """Lines of the file, with their numbers."""
    shown: list[str] = []
    for line in range(first, min(first + SHOWN, lines.total)):
        offset = lines.offset(line)
        text = (
            lines.data[offset : min(lines.end(offset), offset + 4 * WIDTH)]
            .rstrip(b"\n")
            .decode(errors="backslashreplace")
        )
        plain = "".join(one if one.isprintable() or one == "\t" else "�" for one in text)
        shown.append(f"{line + 1:>6}|{plain if len(plain) <= WIDTH else plain[: WIDTH - 1] + '…'}")
    return "\n".join(shown)
