"""Recurrence rules (RFC 5545, RRULE): read, checked and described; `time_occurrences` expands them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import WEEKDAYS, add_days
from sanctuary_utils.time_input import make_clock, make_date
from sanctuary_utils.time_zones import Zone, find_zone

FREQUENCIES: Final = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
DAILY: Final = 3
"""Its place among them: what comes later happens several times a day."""
MOST_COUNT: Final = 10_000
MOST_INTERVAL: Final = 1_000
MOST_VALUES: Final = 62
DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NUMBERS: Final = {
    "BYMONTH": (1, 12, False), "BYMONTHDAY": (1, 31, True), "BYYEARDAY": (1, 366, True), "BYWEEKNO": (1, 53, True),
    "BYSETPOS": (1, 366, True), "BYHOUR": (0, 23, False), "BYMINUTE": (0, 59, False), "BYSECOND": (0, 59, False),
}  # fmt: skip  # least, most, whether negative ones count from the end
TIMES: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
UNITS: Final = ("year", "month", "week", "day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule whose parts fit together, and where it starts."""

    text: str
    frequency: int
    interval: int
    numbers: dict[str, tuple[int, ...]]
    days: tuple[tuple[int, int], ...] = ()
    """Weekdays as (nth within the month or year or 0, 0 for Monday to 6)."""
    week_start: int = 0
    count: int | None = None
    until: datetime | None = None
    until_utc: bool = False
    start: datetime | None = None
    all_day: bool = False
    zone: Zone | None = None
    excluded: frozenset[datetime] = frozenset()
    days_out: frozenset[date] = frozenset()
    """Dates without an occurrence, at whatever time."""


def is_rule(text: str) -> bool:
    """Whether a text is meant as a recurrence rule."""
    return re.match(r"\s*(?:RRULE\s*:|DTSTART[:;]|(?:[A-Z]{2,12}=[^;]*;)*\s*FREQ\s*=)", text, re.IGNORECASE) is not None


def read_rule(text: str) -> Rule:
    """The rule that `RRULE:FREQ=…` states, with `DTSTART` and `EXDATE` lines where there are some.

    Raises:
        ToolError: a part is unknown, out of range, doubled, or does not fit the others.
    """
    start: tuple[datetime, bool, Zone | None] | None = None
    body, excluded, days_out = "", set[datetime](), set[date]()
    for line in re.split(
        r"[\r\n]+|\s+(?=RRULE:|EXDATE|RDATE|DTSTART)", text.strip().upper() if "TZID" not in text else text.strip()
    ):
        name, _, value = (
            line.partition(":") if re.match(r"(?i)(DTSTART|RRULE|EXDATE|RDATE|EXRULE)\b", line) else ("RRULE", "", line)
        )
        key, _, options = name.partition(";")
        if key.upper() == "DTSTART":
            start = _start(options, value)
        elif key.upper() == "EXDATE":
            stamps = [_stamp(part) for part in value.split(",")]
            excluded |= {moment for moment, is_date, _is_utc in stamps if not is_date}
            days_out |= {moment.date() for moment, is_date, _is_utc in stamps if is_date}
        elif key.upper() == "RRULE" and not body:
            body = value.strip().upper().rstrip(";")
        else:
            raise ToolError("one RRULE with DTSTART and EXDATE can be read; leave RDATE, EXRULE and further rules out")
    rule = _checked(_parts(body), body)
    if start is not None:
        rule = replace(rule, start=start[0], all_day=start[1], zone=start[2])
    return replace(rule, excluded=frozenset(excluded), days_out=frozenset(days_out))


def _start(options: str, value: str) -> tuple[datetime, bool, Zone | None]:
    stamp, is_date, is_utc = _stamp(value)
    named = re.search(r"TZID=([^;:]+)", options, re.IGNORECASE)
    zone = find_zone(named[1]) if named else Zone("UTC", UTC) if is_utc else None
    return stamp, is_date, zone


def _stamp(text: str) -> tuple[datetime, bool, bool]:
    """A date (20260301) or date-time (20260301T093000, with Z in UTC): the time, whether a date alone, whether UTC."""
    found = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d)?(Z)?)?", text.strip().upper())
    if found is None:
        raise ToolError("dates in a rule are written 20260301 or 20260301T093000, with Z at the end for UTC")
    day = make_date(int(found[1]), int(found[2]), int(found[3]))
    clock, extra = make_clock(*(int(found[group] or 0) for group in (4, 5, 6)))
    return datetime.combine(add_days(day, extra), clock), found[4] is None, found[7] is not None


def _parts(body: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in body.split(";"):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value:
            raise ToolError("a rule is written FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10: name=value, separated by semicolons")
        if key in parts:
            raise ToolError(f"the rule names {key[:20]} twice")
        parts[key] = value
    return parts


def _checked(parts: dict[str, str], text: str) -> Rule:
    known = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST", *NUMBERS}
    if unknown := [key for key in parts if key not in known]:
        shown = re.sub(r"[^A-Z-]", "", unknown[0])[:20]
        raise ToolError(f"the rule has the unknown part {shown!r}; known: {', '.join(sorted(known))}")
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise ToolError(f"the rule needs FREQ, one of {', '.join(FREQUENCIES)}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ToolError("a rule has COUNT or UNTIL, not both")
    until, until_utc = None, False
    if "UNTIL" in parts:
        until, is_date, until_utc = _stamp(parts["UNTIL"])
        until = datetime.combine(until, time(23, 59, 59)) if is_date else until
    rule = Rule(
        text=text,
        frequency=FREQUENCIES.index(frequency),
        interval=_integer(parts, "INTERVAL", MOST_INTERVAL) or 1,
        numbers={key: _numbers(key, parts[key]) for key in NUMBERS if key in parts},
        days=_days(parts["BYDAY"]) if "BYDAY" in parts else (),
        week_start=_week_start(parts.get("WKST", "MO")),
        count=_integer(parts, "COUNT", MOST_COUNT),
        until=until,
        until_utc=until_utc,
    )
    _check_together(rule)
    return rule


def _check_together(rule: Rule) -> None:
    """Refuse the combinations that RFC 5545 forbids."""
    name, has = FREQUENCIES[rule.frequency], rule.numbers
    if "BYWEEKNO" in has and name != "YEARLY":
        raise ToolError("BYWEEKNO goes with FREQ=YEARLY only")
    if "BYYEARDAY" in has and name in {"MONTHLY", "WEEKLY", "DAILY"}:
        raise ToolError(f"BYYEARDAY does not go with FREQ={name}")
    if "BYMONTHDAY" in has and name == "WEEKLY":
        raise ToolError("BYMONTHDAY does not go with FREQ=WEEKLY")
    if any(nth for nth, _day in rule.days) and (name not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in has):
        raise ToolError("a number before a weekday (2TU) goes with FREQ=MONTHLY or YEARLY only, without BYWEEKNO")
    if "BYSETPOS" in has and (rule.frequency > DAILY or (len(has) == 1 and not rule.days)):
        raise ToolError("BYSETPOS goes with FREQ=DAILY or rarer and with another BY part")


def _integer(parts: dict[str, str], key: str, most: int) -> int | None:
    value = parts.get(key)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= most:
        raise ToolError(f"{key} must be a whole number from 1 to {most}")
    return int(value)


def _numbers(key: str, value: str) -> tuple[int, ...]:
    least, most, signed = NUMBERS[key]
    words = value.split(",")
    if len(words) > MOST_VALUES:
        raise ToolError(f"{key} has at most {MOST_VALUES} values")
    numbers = [int(word) if re.fullmatch(r"[+-]?[0-9]{1,3}", word.strip()) else most + 1 for word in words]
    if not all(least <= (abs(number) if signed else number) <= most for number in numbers):
        raise ToolError(
            f"{key} takes whole numbers from {least} to {most}{', or negative from the end' if signed else ''}"
        )
    return tuple(sorted(set(numbers)))


def _days(value: str) -> tuple[tuple[int, int], ...]:
    days: list[tuple[int, int]] = []
    for word in value.split(",")[: MOST_VALUES + 1]:
        found = re.fullmatch(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", word.strip())
        if found is None or (found[1] and not 1 <= abs(int(found[1])) <= 53) or len(days) == MOST_VALUES:
            raise ToolError(
                "BYDAY takes MO, TU, WE, TH, FR, SA, SU, each with a number such as 2TU or -1FR where wanted"
            )
        days.append((int(found[1] or 0), DAYS.index(found[2])))
    return tuple(days)


def _week_start(value: str) -> int:
    if value not in DAYS:
        raise ToolError("WKST is one of MO, TU, WE, TH, FR, SA, SU")
    return DAYS.index(value)


def describe_rule(rule: Rule) -> str:
    """The rule in words."""
    unit = UNITS[rule.frequency]
    words = [f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"]
    if rule.days == tuple((0, day) for day in range(5)):
        words.append("on Monday to Friday")
    elif rule.days:
        words.append("on " + ", ".join(_nth(nth) + WEEKDAYS[day] for nth, day in rule.days))
    if "BYMONTHDAY" in rule.numbers:
        words.append("on the " + ", ".join(_day_number(day) for day in rule.numbers["BYMONTHDAY"]) + " of the month")
    if "BYYEARDAY" in rule.numbers:
        words.append("on day " + ", ".join(_from_end(day) for day in rule.numbers["BYYEARDAY"]) + " of the year")
    if "BYWEEKNO" in rule.numbers:
        words.append("in week " + ", ".join(_from_end(week) for week in rule.numbers["BYWEEKNO"]))
    if "BYMONTH" in rule.numbers:
        words.append("in " + ", ".join(f"{date(2000, month, 1):%B}" for month in rule.numbers["BYMONTH"]))
    words += _times_in_words(rule)
    if "BYSETPOS" in rule.numbers:
        places = " and ".join(_nth(place).strip() for place in rule.numbers["BYSETPOS"])
        words.append(f"- {places} of these in each {unit}")
    if rule.until is not None:
        words.append(f"until {rule.until.date() if rule.until.time() == time(23, 59, 59) else rule.until}")
    if rule.count is not None:
        words.append(f"{rule.count} times")
    return " ".join(words)


def _times_in_words(rule: Rule) -> list[str]:
    hours, minutes, seconds = (rule.numbers.get(key, ()) for key in TIMES)
    if rule.frequency <= DAILY and hours and len(minutes) <= 1 and seconds in {(), (0,)}:
        minute = minutes[0] if minutes else 0 if rule.start is None else rule.start.minute
        return ["at " + ", ".join(f"{hour:02}:{minute:02}" for hour in hours)]
    named = zip(("hour", "minute", "second"), (hours, minutes, seconds), strict=True)
    return [f"at {name} " + ", ".join(map(str, numbers)) for name, numbers in named if numbers]


def _nth(number: int) -> str:
    if number == 0:
        return ""
    if number == -1:
        return "the last "
    size = abs(number)
    ending = "th" if 10 <= size % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(size % 10, "th")
    return f"the {size}{ending} " + ("last " if number < 0 else "")


def _day_number(number: int) -> str:
    return _nth(number).strip().removeprefix("the ") + (" day" if number < 0 else "")


def _from_end(number: int) -> str:
    return _nth(number).strip().removeprefix("the ") if number < 0 else str(number)
