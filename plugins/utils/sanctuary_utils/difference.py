"""The difference of two texts as a unified diff, found in bounded time: exact where near, coarse where far apart."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Difference", "difference"]

STEPS: Final = 2_000_000
"""Comparisons that the exact search may spend in all."""
EDITS: Final = 600
"""Edits up to which one stretch is searched exactly."""
CONTEXT: Final = 3
OUTPUT: Final = 100_000
"""Characters of a diff."""
Block = tuple[int, int, int]
"""Equal lines: start in the old text, start in the new one, number."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A unified diff, the numbers of lines that it removes and adds, and whether its text was cut."""

    text: str
    removed: int
    added: int
    hunks: int
    exact: bool
    cut: bool


def difference(old: str, new: str) -> Difference:
    """The unified diff that makes the old text the new one."""
    a, b = _lines(old), _lines(new)
    search = _Search(a, b)
    search.run()
    blocks = [*search.merged(), (len(a), len(b), 0)]
    changes: list[tuple[int, int, int, int]] = []
    at_a = at_b = 0
    for start_a, start_b, length in blocks:
        if at_a < start_a or at_b < start_b:
            changes.append((at_a, start_a, at_b, start_b))
        at_a, at_b = start_a + length, start_b + length
    out: list[str] = []
    size = hunks = 0
    cut = False
    for group in _groups(changes):
        hunks += 1
        for line in _hunk(a, b, group):
            size += len(line)
            cut = size > OUTPUT
            if not cut:
                out.append(line)
    return Difference(
        "".join(["--- text\n", "+++ other\n", *out]) if changes else "",
        sum(end - start for start, end, _, _ in changes),
        sum(end - start for _, _, start, end in changes),
        hunks,
        search.exact,
        cut,
    )


class _Search:
    """Looks for equal lines, stretch by stretch."""

    def __init__(self, a: Sequence[str], b: Sequence[str]) -> None:
        numbers: dict[str, int] = {}
        # Numbers compare faster than lines, however long these are.
        self.a = [numbers.setdefault(line, len(numbers)) for line in a]
        self.b = [numbers.setdefault(line, len(numbers)) for line in b]
        self.blocks: list[Block] = []
        self.left = STEPS
        self.exact = True

    def run(self) -> None:
        stretches = [(0, len(self.a), 0, len(self.b))]
        while stretches:
            stretches += self._stretch(*stretches.pop())

    def merged(self) -> list[Block]:
        """The blocks in order, neighbours joined."""
        joined: list[Block] = []
        for a, b, length in sorted(self.blocks):
            if joined and joined[-1][0] + joined[-1][2] == a and joined[-1][1] + joined[-1][2] == b:
                joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + length)
            else:
                joined.append((a, b, length))
        return joined

    def _stretch(self, a: int, a_end: int, b: int, b_end: int) -> list[tuple[int, int, int, int]]:
        """Note the equal lines of a stretch, and return the smaller stretches that remain to be searched."""
        first = a
        while a < a_end and b < b_end and self.a[a] == self.b[b]:
            a, b = a + 1, b + 1
        if a > first:
            self.blocks.append((first, b - (a - first), a - first))
        last = a_end
        while a < a_end and b < b_end and self.a[a_end - 1] == self.b[b_end - 1]:
            a_end, b_end = a_end - 1, b_end - 1
        if last > a_end:
            self.blocks.append((a_end, b_end, last - a_end))
        if a == a_end or b == b_end:
            return []
        found = self._shortest(a, a_end, b, b_end)
        if found is not None:
            self.blocks += found
            return []
        self.exact = False
        if self.left <= 0:
            return []
        self.left -= a_end - a + b_end - b
        anchors = self._anchors(a, a_end, b, b_end)
        if not anchors:
            return []
        self.blocks += [(at_a, at_b, 1) for at_a, at_b in anchors]
        starts = [(a, b), *((at_a + 1, at_b + 1) for at_a, at_b in anchors)]
        ends = [*anchors, (a_end, b_end)]
        return [
            (start_a, end_a, start_b, end_b)
            for (start_a, start_b), (end_a, end_b) in zip(starts, ends, strict=True)
            if start_a < end_a and start_b < end_b
        ]

    def _shortest(self, a: int, a_end: int, b: int, b_end: int) -> list[Block] | None:
        """The equal lines of a shortest edit script (Myers 1986), or none where the search grows too long."""
        n, m = a_end - a, b_end - b
        most = min(n + m, EDITS)
        zero = most + 1
        furthest = [0] * (2 * most + 3)
        trace: list[list[int]] = []
        for edits in range(most + 1):
            if self.left <= 0:
                return None
            trace.append(furthest[zero - edits - 1 : zero + edits + 2])
            self.left -= 2 * edits + 1
            for k in range(-edits, edits + 1, 2):
                x = _step(furthest[zero + k - 1], furthest[zero + k + 1], k, edits)
                start = x
                while x < n and x - k < m and self.a[a + x] == self.b[b + x - k]:
                    x += 1
                self.left -= x - start
                furthest[zero + k] = x
                if x >= n and x - k >= m:
                    return _walk(trace, a, b, n, m)
        return None

    def _anchors(self, a: int, a_end: int, b: int, b_end: int) -> list[tuple[int, int]]:
        """Lines that stand once in each stretch, as many as keep their order (the idea of the patience diff)."""
        counts_a, counts_b = Counter(self.a[a:a_end]), Counter(self.b[b:b_end])
        places = {self.b[at]: at for at in range(b, b_end) if counts_b[self.b[at]] == 1}
        pairs = [
            (at, places[self.a[at]]) for at in range(a, a_end) if counts_a[self.a[at]] == 1 and self.a[at] in places
        ]
        ends: list[int] = []
        chosen: list[int] = []
        back: list[int] = []
        for index, (_, place) in enumerate(pairs):
            slot = bisect_left(ends, place)
            back.append(chosen[slot - 1] if slot else -1)
            ends[slot : slot + 1] = [place]
            chosen[slot : slot + 1] = [index]
        line: list[tuple[int, int]] = []
        at = chosen[-1] if chosen else -1
        while at >= 0:
            line.append(pairs[at])
            at = back[at]
        return line[::-1]


def _step(before: int, after: int, k: int, edits: int) -> int:
    """How far diagonal k starts: a line is added (from the diagonal after) or taken away (from the one before)."""
    return after if _adds(before, after, k, edits) else before + 1


def _adds(before: int, after: int, k: int, edits: int) -> bool:
    return k == -edits or (k != edits and before < after)


def _walk(trace: list[list[int]], a: int, b: int, n: int, m: int) -> list[Block]:
    """The blocks along the path that the search found, from its end."""
    blocks: list[Block] = []
    x, y = n, m
    for edits in range(len(trace) - 1, -1, -1):
        k = x - y
        before, after = trace[edits][k + edits], trace[edits][k + edits + 2]
        adds = _adds(before, after, k, edits)
        start = after if adds else before + 1
        if x > start:
            blocks.append((a + start, b + start - k, x - start))
        x, y = (after, after - k - 1) if adds else (before, before - k + 1)
    return blocks


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one, as for every other program that reads diffs."""
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def _groups(changes: list[tuple[int, int, int, int]]) -> Iterator[list[tuple[int, int, int, int]]]:
    """Changes so near that their context touches belong to one hunk."""
    group: list[tuple[int, int, int, int]] = []
    for change in changes:
        if group and change[0] - group[-1][1] > 2 * CONTEXT:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _hunk(a: list[str], b: list[str], group: list[tuple[int, int, int, int]]) -> Iterator[str]:
    first, last = group[0], group[-1]
    lead = min(CONTEXT, first[0])
    trail = min(CONTEXT, len(a) - last[1])
    old = _range(first[0] - lead, last[1] + trail)
    new = _range(first[2] - lead, last[3] + trail)
    yield f"@@ -{old} +{new} @@\n"
    at = first[0] - lead
    for start, end, new_start, new_end in group:
        yield from map(_line, " " * (start - at), a[at:start])
        yield from map(_line, "-" * (end - start), a[start:end])
        yield from map(_line, "+" * (new_end - new_start), b[new_start:new_end])
        at = end
    yield from map(_line, " " * trail, a[at : at + trail])


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}" if length != 1 else f"{start + 1}"


def _line(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
