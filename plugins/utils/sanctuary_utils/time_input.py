"""From a written date-time to a point in time: ISO 8601 and its neighbours, clock times of today, epoch numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import (
    EPOCH,
    OUT_OF_RANGE,
    Local,
    add_days,
    describe_case,
    iso,
    offset_of,
    place,
    shift_zone,
    show_offset,
    to_utc,
)
from sanctuary_utils.time_zones import LARGEST_OFFSET, Zone, find_zone, look_up

LONGEST_TIME: Final = 100
"""Characters of a written date-time."""
EPOCH_UNITS: Final = ((1e11, 1, "seconds"), (1e14, 1_000, "milliseconds"), (1e17, 1_000_000, "microseconds"))
"""Numbers below the first are in the unit of the third: seconds reach the year 5138, milliseconds start in 1973."""
WRITTEN_DIGITS: Final = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])[0-5]\d[0-5]\d)?"
)
HOW: Final = (
    "write 2026-03-01 09:30, 09:30 (today), 2026-03-01T09:30:00+05:30, or epoch seconds; time_parse reads words"
)
DATE: Final = (
    r"(?:(?P<year>[+-]?\d{1,9})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})"
    r"|(?P<compact>\d{8})(?!\d)|(?P<isoyear>\d{4})-?W(?P<week>\d{2})(?:-?(?P<weekday>\d))?"
    r"|(?P<ordyear>\d{4})-(?P<ordinal>\d{3}))"
)
CLOCK: Final = (
    r"(?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?)?"
    r"(?: ?(?P<half>[apAP])\.?[mM]\.?)?|(?P<run>\d{4}(?:\d{2})?))"
)
SUFFIX: Final = r"(?: ?(?P<offset>[zZ]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?))?(?: ?\[(?P<bracket>[^\[\]]{1,60})\])?"
WRITTEN: Final = re.compile(f"(?:{DATE})(?:(?:[tT ]| at ){CLOCK}{SUFFIX})?(?P<rest> ?[^0-9].*)?")
TODAY: Final = re.compile(f"{CLOCK}{SUFFIX}(?P<rest> ?[^0-9:].*)?")
NUMBER: Final = re.compile(r"@?(?P<digits>[+-]?\d{1,30}(?:\.\d{1,30})?)")


@dataclass(frozen=True, slots=True)
class Written:
    """A date-time as it was understood."""

    local: Local
    zone: Zone
    notes: tuple[str, ...] = ()


def read_moment(value: str | float, zone: Zone, now: datetime) -> Written:
    """The point in time that `value` states, with `zone` where it names none and today where it names no date.

    Args:
        value: a date-time, a clock time, `now`, or epoch seconds, milliseconds or microseconds by size.
        zone: the zone of a local time.
        now: the point in time that `now` and today mean.

    Raises:
        ToolError: it is no such thing, or lies outside the years 1 to 9999.
    """
    if not isinstance(value, str):
        return _epoch(value, str(value), zone)
    if len(value) > LONGEST_TIME:
        raise ToolError(f"a date-time has at most {LONGEST_TIME} characters; {HOW}")
    text = " ".join(value.replace("\N{MINUS SIGN}", "-").split())
    if text.casefold() == "now":
        return Written(Local(shift_zone(now, zone.rules)), zone)
    found = NUMBER.fullmatch(text)
    if found is not None and not _is_written_number(text):
        return _number(text, found["digits"], zone)
    if (stamp := re.fullmatch(r"(\d{8})(\d{6})", text)) is not None:
        text = f"{stamp[1]}T{stamp[2]}"
    matched = WRITTEN.fullmatch(text) or TODAY.fullmatch(text)
    if matched is None:
        raise ToolError(f"this date-time cannot be read: {HOW}")
    return _written(matched.groupdict(), zone, now)


def _is_written_number(text: str) -> bool:
    """Whether digits alone are a date (20260301) or a date with a time (20260301093000), not an epoch number."""
    return WRITTEN_DIGITS.fullmatch(text) is not None


def _number(text: str, digits: str, zone: Zone) -> Written:
    if len(digits) <= 4 and digits.isdigit() and text[0] != "@":
        raise ToolError(
            f"so short a number may be a year, a time or epoch seconds: {HOW}; or put @ before epoch seconds"
        )
    return _epoch(float(digits) if "." in digits else int(digits), digits, zone)


def _epoch(value: float, digits: str, zone: Zone) -> Written:
    if not math.isfinite(value):
        raise ToolError(f"an epoch number must be finite; {HOW}")
    fitting = (line for line in EPOCH_UNITS if abs(value) < line[0])
    _below, scale, unit = next(fitting, (math.inf, 1_000_000_000, "nanoseconds"))
    try:
        moment = EPOCH + timedelta(microseconds=_microseconds(value, digits, scale))
    except OverflowError:
        raise ToolError(f"this epoch number, read as {unit}, is out of range: {OUT_OF_RANGE}") from None
    return Written(Local(shift_zone(moment, zone.rules)), zone, (f"read as {unit} since 1970-01-01T00:00:00Z",))


def _microseconds(value: float, digits: str, scale: int) -> int:
    """Microseconds of an epoch number, exactly: a float has too few digits for them."""
    whole, _, fraction = digits.partition(".")
    if not re.fullmatch(r"[+-]?\d+", whole) or not fraction.isdigit():
        return int(value) * 1_000_000 // scale if isinstance(value, int) else round(value * 1_000_000 / scale)
    size = int(whole.lstrip("+-") + fraction) * 1_000_000 // (scale * int("1" + "0" * len(fraction)))
    return -size if whole[0] == "-" else size


def _written(parts: dict[str, str | None], zone: Zone, now: datetime) -> Written:
    notes: list[str] = []
    has_date = any(parts.get(name) for name in ("year", "compact", "isoyear", "ordyear"))
    if not has_date and not (parts["minute"] or parts["half"]):
        raise ToolError(f"this date-time cannot be read: {HOW}")
    named = parts["bracket"] or (parts["rest"] or "").strip().removeprefix("in ")
    if named:
        zone = find_zone(named) if parts["bracket"] else _trailing_zone(named)
        notes.append(f"zone taken from the text: {zone.name}")
    day = read_date(parts) if has_date else shift_zone(now, zone.rules).date()
    clock, extra = _clock(parts, notes)
    naive = datetime.combine(add_days(day, extra), clock)
    if not has_date:
        notes.append(f"no date given: today in {zone.name} is {day}")
    elif not (parts["hour"] or parts["run"]):
        notes.append("no time given: the start of the day")
    if parts["offset"] is None:
        local = place(naive, zone.rules)
        return Written(local, zone, (*notes, *filter(None, [describe_case(naive, local, zone.name)])))
    return _with_offset(naive, parts["offset"], zone, notes)


def _trailing_zone(named: str) -> Zone:
    zone = look_up(named)
    if zone is None:
        raise ToolError(f"what follows the date or time is no time zone that is known here; {HOW}")
    return zone


def _with_offset(naive: datetime, offset: str, zone: Zone, notes: list[str]) -> Written:
    digits = re.sub(r"\D", "", offset).ljust(6, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    if size > LARGEST_OFFSET or int(digits[2:4]) > 59 or int(digits[4:]) > 59:
        raise ToolError("the offset is out of range: -18:00 to +18:00, minutes 00 to 59")
    moment = naive.replace(tzinfo=timezone(-size if offset[0] == "-" else size))
    here = shift_zone(moment, zone.rules)
    to_utc(moment)
    if here.replace(tzinfo=None) != naive:
        shown = show_offset(offset_of(moment))
        notes.append(f"the stated offset {shown} decides; a clock in {zone.name} then shows {iso(here)}")
    return Written(Local(here), zone, tuple(notes))


def read_date(parts: dict[str, str | None]) -> date:
    """The date in the parts that `DATE` matched.

    Raises:
        ToolError: there is no such date.
    """
    if (compact := parts["compact"]) is not None:
        year, month, day = compact[:4], compact[4:6], compact[6:]
    elif (ordinal_year := parts["ordyear"]) is not None:
        nth = int(parts["ordinal"] or 0)
        first = make_date(int(ordinal_year), 1, 1)
        if not 1 <= nth <= (366 if _is_leap(first.year) else 365):
            raise ToolError(f"the year {first.year} has no day {nth}")
        return first + timedelta(days=nth - 1)
    elif (week_year := parts["isoyear"]) is not None:
        week, weekday = int(parts["week"] or 0), int(parts["weekday"] or 1)
        try:
            return date.fromisocalendar(int(week_year), week, weekday)
        except ValueError:
            raise ToolError(f"there is no ISO week date {week_year}-W{week:02}-{weekday}") from None
    else:
        year, month, day = parts["year"] or "", parts["month"] or "", parts["day"] or ""
    return make_date(int(year), int(month), int(day))


def make_date(year: int, month: int, day: int) -> date:
    """A date from its parts.

    Raises:
        ToolError: there is no such date; the message says which part is wrong.
    """
    if not 1 <= year <= 9999:
        raise ToolError(f"the year {year} is outside the years 1 to 9999")
    if not 1 <= month <= 12:
        raise ToolError(f"there is no month {month}: months are 1 to 12, and dates are written year-month-day")
    last = days_in_month(year, month)
    if not 1 <= day <= last:
        raise ToolError(f"there is no {year:04}-{month:02}-{day:02}: that month has {last} days")
    return date(year, month, day)


def days_in_month(year: int, month: int) -> int:
    """How many days a month has."""
    return 29 if month == 2 and _is_leap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _clock(parts: dict[str, str | None], notes: list[str]) -> tuple[time, int]:
    """The time of day, and 1 where it is 24:00, the end of the day."""
    if (run := parts["run"]) is not None:
        return make_clock(int(run[:2]), int(run[2:4]), int(run[4:] or 0))
    fraction = parts["fraction"] or ""
    if len(fraction) > 6:
        notes.append("digits beyond microseconds are dropped")
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    numbers = [int(parts[name] or 0) for name in ("hour", "minute", "second")]
    clock, extra = make_clock(*numbers, half=(parts["half"] or "").lower())
    return clock.replace(microsecond=micro), extra


def make_clock(hour: int, minute: int, second: int = 0, *, half: str = "") -> tuple[time, int]:
    """The time of day, and 1 where it is 24:00, the end of the day.

    Args:
        hour: 0 to 24, or 1 to 12 with `half`.
        minute: 0 to 59.
        second: 0 to 59.
        half: `a` for a.m., `p` for p.m., or empty.

    Raises:
        ToolError: there is no such time.
    """
    if half:
        if not 1 <= hour <= 12:
            raise ToolError(f"there is no {hour} {half}m: hours with am or pm are 1 to 12")
        hour = hour % 12 + (12 if half == "p" else 0)
    if (hour, minute, second) == (24, 0, 0):
        return time(), 1
    if second == 60 and minute <= 59 and hour <= 23:
        raise ToolError("second 60 is a leap second, which computer clocks do not count; write second 59")
    if hour > 23 or minute > 59 or second > 59:
        raise ToolError(f"there is no time {hour:02}:{minute:02}:{second:02}")
    return time(hour, minute, second), 0
