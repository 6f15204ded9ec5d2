"""What clocks show: a point in time in a zone, local times that occur twice or never, and when the offset changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sanctuary_host import ToolError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OUT_OF_RANGE: Final = "the result lies outside the years 1 to 9999; choose a date further from the edge"
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SUMMER_IS_STANDARD: Final = frozenset({"Europe/Dublin", "Eire"})
"""Zones whose law calls summer time the standard; people call it summer time all the same."""
LOOK_AHEAD: Final = timedelta(days=740)
"""How far ahead a change of offset is searched: two years and a bit."""
STRIDE: Final = timedelta(days=20)
"""Steps of that search; no zone of today changes twice within so few days."""


@dataclass(frozen=True, slots=True)
class Local:
    """A local time placed on the time line.

    Attributes:
        moment: the point in time taken: the first of two, or after a gap as far as the clock was meant to stand.
        other: the other answer, where the local time occurs twice or never.
        case: `once`, `twice` (clocks were set back over it) or `never` (clocks were set forward over it).
    """

    moment: datetime
    other: datetime | None = None
    case: Literal["once", "twice", "never"] = "once"


def place(naive: datetime, rules: tzinfo) -> Local:
    """Place a local time in a zone.

    Raises:
        ToolError: the result lies outside the years 1 to 9999.
    """
    first = naive.replace(tzinfo=rules, fold=0)
    second = naive.replace(tzinfo=rules, fold=1)
    before, after = offset_of(first), offset_of(second)
    if before == after:
        to_utc(first)
        return Local(first)
    if before > after:
        return Local(first, second, "twice")
    # In a gap, fold=0 counts with the offset before it: the clock time that is later by the gap's length.
    return Local(shift_zone(first, rules), shift_zone(second, rules), "never")


def describe_case(naive: datetime, local: Local, zone: str) -> str:
    """A sentence on a local time that occurs twice or never; empty where it occurs once."""
    if local.other is None:
        return ""
    earlier, later = sorted((local.moment, local.other), key=to_utc)
    answers = f"earlier {iso(earlier)}, later {iso(later)}"
    shown = f"{naive:%H:%M:%S}".removesuffix(":00")
    if local.case == "twice":
        return f"{shown} occurs twice in {zone} on {naive.date()} (clocks go back): {answers}; the earlier is used"
    return f"{shown} never occurs in {zone} on {naive.date()} (clocks go forward): {answers}; the later is used"


def to_utc(moment: datetime) -> datetime:
    """The same point in time in UTC.

    Raises:
        ToolError: it lies outside the years 1 to 9999 there.
    """
    return shift_zone(moment, UTC)


def shift_zone(moment: datetime, rules: tzinfo) -> datetime:
    """The same point in time as a clock in another zone shows it.

    Raises:
        ToolError: it lies outside the years 1 to 9999 there.
    """
    try:
        return (moment.replace(tzinfo=None) - offset_of(moment)).replace(tzinfo=UTC).astimezone(rules)
    except (OverflowError, ValueError):
        raise ToolError(OUT_OF_RANGE) from None


def add_elapsed(moment: datetime, seconds: float) -> datetime:
    """The point in time some seconds later, as time passes (not as a calendar counts), in the same zone.

    Raises:
        ToolError: the result lies outside the years 1 to 9999.
    """
    try:
        return shift_zone(to_utc(moment) + timedelta(seconds=seconds), moment.tzinfo or UTC)
    except OverflowError:
        raise ToolError(OUT_OF_RANGE) from None


def add_days(day: date, count: int) -> date:
    """The date `count` days later.

    Raises:
        ToolError: the result lies outside the years 1 to 9999.
    """
    try:
        return day + timedelta(days=count)
    except OverflowError:
        raise ToolError(OUT_OF_RANGE) from None


def offset_of(moment: datetime) -> timedelta:
    """How far the clock is ahead of UTC."""
    try:
        return moment.utcoffset() or timedelta(0)
    except OverflowError:
        raise ToolError(OUT_OF_RANGE) from None


def unix_seconds(moment: datetime) -> float:
    """Seconds since 1970-01-01T00:00:00Z; whole ones as an integer."""
    span = to_utc(moment) - EPOCH
    whole = span.days * 86_400 + span.seconds
    return whole + span.microseconds / 1_000_000 if span.microseconds else whole


def show_offset(offset: timedelta) -> str:
    """An offset as `+05:30`; with seconds where it has some, as before time zones were invented."""
    size = abs(offset)
    hours, rest = divmod(int(size.total_seconds()), 3600)
    shown = f"{'-' if offset < timedelta(0) else '+'}{hours:02}:{rest // 60:02}"
    return f"{shown}:{rest % 60:02}" if rest % 60 else shown


def iso(moment: datetime) -> str:
    """A point in time in ISO 8601 with its offset."""
    return f"{moment.replace(tzinfo=None).isoformat()}{show_offset(offset_of(moment))}"


def is_summer_time(moment: datetime) -> bool:
    """Whether daylight saving time is in force."""
    rules = moment.tzinfo
    if isinstance(rules, ZoneInfo) and rules.key in SUMMER_IS_STANDARD:
        return moment.year > 1971 and bool(offset_of(moment))
    return (moment.dst() or timedelta(0)) > timedelta(0)


def next_change(moment: datetime) -> str:
    """When the zone's offset changes next, and to what; empty where it does not within two years."""
    rules = moment.tzinfo
    if not isinstance(rules, ZoneInfo):
        return ""
    start = to_utc(moment)
    before = offset_of(moment)
    low = start
    try:
        while offset_of((low + STRIDE).astimezone(rules)) == before:
            low += STRIDE
            if low - start > LOOK_AHEAD:
                return ""
        high = low + STRIDE
    except OverflowError:
        return ""
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        middle = max(middle, low.replace(microsecond=0) + timedelta(seconds=1))
        if offset_of(middle.astimezone(rules)) == before:
            low = middle
        else:
            high = middle
    changed = high.replace(microsecond=0).astimezone(rules)
    return f"{high.replace(microsecond=0, tzinfo=None).isoformat()}Z to {show_offset(offset_of(changed))}"
