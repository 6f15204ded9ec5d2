"""English phrases for a stretch of time, and for how long something is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import add_days
from sanctuary_utils.time_distances import ELAPSED, present, shift
from sanctuary_utils.time_frame import Frame, Point, Span, days_span
from sanctuary_utils.time_periods import find_period
from sanctuary_utils.time_points import find_point
from sanctuary_utils.time_words import CLOCK, MONTH, NTH, UNIT, YEAR, month_number, read_clock, unit_name

MOST_SPLITS: Final = 6
"""How many places of a phrase are tried as the middle between its two ends."""
_DAY_NUMBER: Final = rf"(?:{NTH}|\d{{1,2}})"
_TWO_DAYS: Final = rf"(?P<a>{_DAY_NUMBER}) ?(?:to|-|through|until) ?(?P<b>{_DAY_NUMBER})"
_DAYS_OF_MONTH: Final = (
    re.compile(rf"(?:from )?(?P<month>{MONTH}) {_TWO_DAYS}(?: (?P<year>{YEAR}))?"),
    re.compile(rf"(?:from )?{_TWO_DAYS} (?:of )?(?P<month>{MONTH})(?: (?P<year>{YEAR}))?"),
)
_CLOCKS: Final = re.compile(
    rf"(?:(?P<before>.+?) )?(?:from |between )?(?P<a>{CLOCK}|\d{{1,2}}(?: ?(?=-| to)))"
    rf" ?(?P<middle>(?:to|until|and)(?![a-z])|-) ?(?P<b>{CLOCK})(?: (?:on )?(?P<after>.+))?"
)
_RUN: Final = re.compile(rf"(?P<which>next|coming|following|last|past) (?P<number>\d{{1,6}}) (?P<unit>{UNIT})")
_NO_YEAR: Final = re.compile(rf"(?P<month>{MONTH})(?: {_DAY_NUMBER})?|{_DAY_NUMBER} (?P<month2>{MONTH})")
_QUANTITY: Final = rf"(?:{UNIT}|weekend|time|duration|interval|difference|gap|distance|age)"
_ASKED: Final = rf"(?:how long|how much time|(?:how many|number of|count of) {UNIT})"
_FILLED: Final = (
    r"(?: is it| is there| are there| has it been| have passed| elapsed| passed| ago| was| left| remain| to go)*"
)
_BETWEEN: Final = re.compile(rf"(?:{_ASKED}|{_QUANTITY})(?: in {UNIT})?{_FILLED} (?:between|from) (?P<ends>.+)")
_UNTIL: Final = re.compile(rf"(?:{_ASKED}{_FILLED} (?:until|to|before)|{_QUANTITY}{_FILLED} (?:until|to)) (?P<end>.+)")
_SINCE: Final = re.compile(
    rf"(?:{_ASKED}{_FILLED} (?:since|after)|how long ago was|{_QUANTITY}{_FILLED} since) (?P<start>.+)"
)
_DIFFERENCE: Final = re.compile(
    r"(?:diff|difference|compare|how long is it from|how long from)(?: of| from| between)? (?P<ends>.+)"
)


def find_span(text: str, frame: Frame) -> Span | None:
    """The stretch of time that a normalised phrase names, or `None` where it names none that is known here.

    Raises:
        ToolError: it ends before it starts, or names a date that does not exist.
    """
    if (period := find_period(text, frame)) is not None:
        return days_span(period.first, period.last, period.how, period.note)
    if (found := _RUN.fullmatch(text)) is not None:
        return _run(found, frame)
    for pattern in _DAYS_OF_MONTH:
        if (found := pattern.fullmatch(text)) is not None:
            return _days_of_month(found, frame)
    ends = re.sub(r"^(?:from|between) ", "", text)
    if (found := _CLOCKS.fullmatch(ends)) is not None and (span := _between_clocks(found, text, frame)) is not None:
        return span
    span = _two_ends(
        ends, frame, r" (?:to|until|through) | ?/ ?| ?\.\. ?| - " + ("| and " if "between " in text else "")
    )
    if span is not None and _before(span.end, span.start, frame):
        raise ToolError(f"this range ends ({span.end.written(frame)}) before it starts ({span.start.written(frame)})")
    return span


def find_difference(text: str, frame: Frame) -> Span | None:
    """The two points whose distance a normalised phrase asks for, in the order in which it is counted."""
    for pattern in (_BETWEEN, _DIFFERENCE):
        if (found := pattern.fullmatch(text)) is not None:
            return _two_ends(found["ends"], frame, r" (?:and|to|until|vs|versus) | ?/ ?| - ", inclusive=False)
    if (found := re.fullmatch(r"(?P<b>.+) (?:minus|vs|versus) (?P<a>.+)", text)) is not None:
        start, end = find_point(found["a"], frame), find_point(found["b"], frame)
        return Span(start, end) if start is not None and end is not None else None
    if (found := _UNTIL.fullmatch(text)) is not None:
        return _with_present(found["end"], frame, present_first=True)
    if (found := _SINCE.fullmatch(text)) is not None:
        return _with_present(found["start"], frame, present_first=False)
    return None


def _with_present(text: str, frame: Frame, *, present_first: bool) -> Span | None:
    there = _end(text, frame, last=False)
    if there is None:
        return None
    exact = there.clock is not None or there.moment is not None
    here = present(frame) if exact else Point(frame.today)
    return Span(here, there) if present_first else Span(there, here)


def _end(text: str, frame: Frame, *, last: bool) -> Point | None:
    """One end of a span: a point, or the first or last day of a period."""
    point = find_point(text, frame)
    if point is not None:
        return point
    period = find_period(text, frame)
    if period is None:
        return None
    return Point(period.last if last else period.first).noted(period.note)


def _splits(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for middle in list(re.finditer(separator, text))[:MOST_SPLITS]:
        yield text[: middle.start()].strip(), text[middle.end() :].strip()


def _two_ends(text: str, frame: Frame, separator: str, *, inclusive: bool = True) -> Span | None:
    for first, last in _splits(text, separator):
        start = _end(_with_year(first, last), frame, last=False)
        if start is None:
            continue
        end = _end(last, replace(frame, start=start.day), last=inclusive)
        if end is not None:
            notes = (f"start: {note}" for note in start.notes), (f"end: {note}" for note in end.notes)
            return Span(replace(start, notes=()), replace(end, notes=()), "", (*notes[0], *notes[1]))
    return None


def _with_year(first: str, last: str) -> str:
    """`march` of "march to may 2026": the year of the last end holds for the first one too."""
    found = _NO_YEAR.fullmatch(first)
    year = re.search(rf"(?:^| )({YEAR})$", last)
    month = re.search(MONTH, last)
    if found is None or year is None or month is None:
        return first
    earlier = month_number(found["month"] or found["month2"]) > month_number(month[0])
    return f"{first} {int(year[1]) - earlier}"


def _run(found: re.Match[str], frame: Frame) -> Span:
    unit, number = unit_name(found["unit"]), int(found["number"])
    sign = 1 if found["which"] in {"next", "coming", "following"} else -1
    exact = unit in ELAPSED
    here = present(frame) if exact else Point(frame.today)
    there = shift(here, [(number, unit)], sign, frame)
    if exact:
        return Span(here, there, found[0]) if sign > 0 else Span(there, here, found[0])
    near, how = Point(add_days(frame.today, sign)), found[0].replace("workday", "business day")
    note = ("counted from today, which is not included",)
    return Span(near, there, how, note) if sign > 0 else Span(there, near, how, note)


def _days_of_month(found: re.Match[str], frame: Frame) -> Span | None:
    year = f" {found['year']}" if found["year"] else ""
    start = find_point(f"{found['month']} {found['a']}{year}", frame)
    if start is None:
        return None
    end = find_point(f"{found['month']} {found['b']} {start.day.year:04}", frame)
    if end is None or end.day < start.day:
        raise ToolError("this range ends before it starts")
    return Span(start, end, start.how)


def _between_clocks(found: re.Match[str], text: str, frame: Frame) -> Span | None:
    words = found["before"] or found["after"]
    if found["middle"] == "and" and "between " not in text:
        return None
    day = find_point(words.removesuffix(" from"), frame) if words else Point(frame.today)
    if day is None or day.clock is not None or (found["before"] and found["after"]):
        return None
    first = found["a"].strip()
    if first.isdigit():
        first = _with_half(first, found["b"])
    (start, _, note), (end, extra, other) = read_clock(first), read_clock(found["b"])
    overnight = end <= start and not extra
    last = add_days(day.day, 1) if overnight or extra else day.day
    notes = (*day.notes, note, other, "it ends on the day after" if overnight else "")
    return Span(replace(day, notes=()).at(start), Point(last).at(end), day.how, tuple(filter(None, notes)))


def _with_half(hour: str, end: str) -> str:
    """`9` of "9-5pm": before noon or after, whichever lets the span end on the same day."""
    last = re.search(r"(\d{1,2})(?::\d\d)* ?([ap])m$", end)
    if last is None:
        return f"at {hour}"
    same = int(hour) % 12 < int(last[1]) % 12
    return f"{hour}{last[2] if same else 'a'}m"


def _before(one: Point, other: Point, frame: Frame) -> bool:
    if one.clock is None and one.moment is None and other.clock is None and other.moment is None:
        return one.day < other.day
    return one.instant(frame) < other.instant(frame)
