"""Time tools: the present, conversion between zones, and dates in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from sanctuary_host import ToolError, Tools, hookimpl, tool
from sanctuary_utils.time_answers import Parsed, answer
from sanctuary_utils.time_clock import (
    WEEKDAYS,
    is_summer_time,
    iso,
    next_change,
    offset_of,
    shift_zone,
    show_offset,
    unix_seconds,
)
from sanctuary_utils.time_frame import Frame, Order
from sanctuary_utils.time_input import make_date, read_moment
from sanctuary_utils.time_words import LONGEST_TEXT
from sanctuary_utils.time_zones import Zone, find_zone

MOST_ZONES: Final = 20
MOST_OCCURRENCES: Final = 100
MOST_HOLIDAYS: Final = 400


@dataclass(frozen=True)
class Clock:
    """What a clock in one zone shows."""

    zone: str
    iso: str
    weekday: str
    offset: str
    abbreviation: str
    dst: bool
    note: str

    def __str__(self) -> str:
        """One line."""
        dst = ", daylight saving" if self.dst else ""
        note = f" - {self.note}" if self.note else ""
        return f"{self.zone}: {self.weekday} {self.iso} ({self.abbreviation}{dst}){note}"


@dataclass(frozen=True)
class Now:
    """The present, as clocks in several zones show it."""

    unix: float
    clocks: list[Clock]

    def __str__(self) -> str:
        """One line a zone."""
        return "\n".join(str(clock) for clock in self.clocks)


@dataclass(frozen=True)
class Reading:
    """A converted time in one zone: the answer used, and the other one where clocks changed."""

    zone: str
    iso: str
    other: str
    weekday: str
    abbreviation: str
    dst: bool
    next_change: str


@dataclass(frozen=True)
class Conversion:
    """One point in time in several zones."""

    unix: float
    source: Reading
    targets: list[Reading]
    notes: list[str]

    def __str__(self) -> str:
        """One line a zone, then the remarks."""
        lines = [f"{at.zone}: {at.weekday} {at.iso} {at.abbreviation}" for at in (self.source, *self.targets)]
        return "\n".join([*dict.fromkeys(lines), *(f"note: {note}" for note in self.notes)])


@tool(read_only=True, runs="inline")
def time_now(
    zones: Annotated[
        list[str],
        Field(description="IANA names, cities, abbreviations or offsets", max_length=MOST_ZONES),
    ] = ["UTC"],  # noqa: B006  # the schema shows it to the model; nothing here changes it
) -> Now:
    """Tell the current date and time in one or several time zones at once.

    Ambiguous names (IST, Springfield) are explained in `note`.
    """
    moment = datetime.now(UTC).replace(microsecond=0)
    return Now(unix_seconds(moment), [_clock(moment, find_zone(name)) for name in _checked(zones)])


@tool(read_only=True, runs="inline")
def time_convert(
    time: Annotated[
        str | float, Field(description="2026-03-01 09:30, 09:30 (today), ISO with offset, or epoch s, ms, us")
    ],
    zone: Annotated[str, Field(description="Zone of a time without offset")] = "UTC",
    to: Annotated[list[str], Field(description="Zones wanted: IANA, cities, offsets", max_length=MOST_ZONES)] = ["UTC"],  # noqa: B006  # the schema shows it to the model; nothing here changes it
) -> Conversion:
    """Convert a date-time between time zones ("next friday" is for time_parse).

    Where clocks skip or repeat it, `other` is the second answer.
    """
    source = find_zone(zone)
    targets = [find_zone(name) for name in _checked(to)]
    written = read_moment(time, source, datetime.now(UTC))
    moment, other = written.local.moment, written.local.other
    source = written.zone
    notes = [*written.notes, *(at.note for at in (source, *targets) if at.note)]
    return Conversion(
        unix_seconds(moment),
        _reading(moment, other, source),
        [_reading(moment, other, target) for target in targets],
        list(dict.fromkeys(notes)),
    )


@tool(read_only=True, timeout=5)
def time_parse(
    text: Annotated[str, Field(max_length=LONGEST_TEXT)],
    zone: Annotated[str, Field(description="Zone of the answer")] = "UTC",
    now: Annotated[str, Field(description="Reference time")] = "",
    count: Annotated[int, Field(description="Occurrences", ge=1, le=MOST_OCCURRENCES)] = 10,
    date_order: Annotated[Order, Field(description="For 03/04/2026")] = "auto",
    week_start: Literal["monday", "sunday"] = "monday",
    holidays: Annotated[list[str], Field(description="No business days", max_length=MOST_HOLIDAYS)] = [],  # noqa: B006  # as in time_now
) -> Parsed:
    """Turn words into dates; `meaning` tells how, `notes` what is ambiguous.

    Dates ("next friday 5pm", "in 2 business days"), ranges ("Q3 2026"), distances ("days between A and B"),
    recurrences ("every 2 weeks on tuesday", RRULE, cron).
    """
    if len(text) > LONGEST_TEXT:
        raise ToolError(f"a phrase has at most {LONGEST_TEXT} characters; split it or say it shorter")
    if not 1 <= count <= MOST_OCCURRENCES:
        raise ToolError(f"count must be 1 to {MOST_OCCURRENCES}")
    place = find_zone(zone)
    present = datetime.now(UTC).replace(microsecond=0)
    moment = read_moment(now, place, present).local.moment if now else present
    frame = Frame(
        now=shift_zone(moment, place.rules),
        zone=place,
        order=date_order,
        first_weekday=6 if week_start == "sunday" else 0,
        holidays=_holidays(holidays),
    )
    return answer(text, frame, count)


@hookimpl
def register_tools() -> Tools:
    """The three tools of this module."""
    return [time_now, time_convert, time_parse]


def _checked(names: list[str]) -> list[str]:
    if not 1 <= len(names) <= MOST_ZONES:
        raise ToolError(f"give 1 to {MOST_ZONES} zones in one call")
    return names


def _clock(moment: datetime, zone: Zone) -> Clock:
    there = shift_zone(moment, zone.rules)
    return Clock(
        zone.name,
        iso(there),
        WEEKDAYS[there.weekday()],
        show_offset(offset_of(there)),
        there.tzname() or "",
        is_summer_time(there),
        zone.note,
    )


def _reading(moment: datetime, other: datetime | None, zone: Zone) -> Reading:
    there = shift_zone(moment, zone.rules)
    return Reading(
        zone.name,
        iso(there),
        iso(shift_zone(other, zone.rules)) if other is not None else "",
        WEEKDAYS[there.weekday()],
        there.tzname() or "",
        is_summer_time(there),
        next_change(there),
    )


def _holidays(texts: list[str]) -> frozenset[date]:
    if len(texts) > MOST_HOLIDAYS:
        raise ToolError(f"give at most {MOST_HOLIDAYS} holidays")
    days: set[date] = set()
    for text in texts:
        found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text.strip())
        if found is None:
            raise ToolError("holidays are dates such as 2026-12-25, year-month-day")
        days.add(make_date(int(found[1]), int(found[2]), int(found[3])))
    return frozenset(days)
