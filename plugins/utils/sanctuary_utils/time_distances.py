"""How far one point in time is from another: days, months and business days by the calendar, hours as they pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import add_days, add_elapsed
from sanctuary_utils.time_days import add_months, add_workdays
from sanctuary_utils.time_frame import Frame, Point

ELAPSED: Final = {"second": 1, "minute": 60, "hour": 3600}
"""Units that pass on the time line, whatever clocks do: seconds in each."""
MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
DAYS: Final = {"day": 1, "week": 7, "fortnight": 14}


def shift(point: Point, distances: list[tuple[float, str]], sign: int, frame: Frame) -> Point:
    """The point some distances later (earlier where `sign` is -1): calendar units first, then elapsed time.

    Raises:
        ToolError: a fraction of a month or of a business day, or a result outside the years 1 to 9999.
    """
    day, notes = point.day, list(point.notes)
    seconds = 0.0
    for number, unit in distances:
        if unit in ELAPSED or (unit in DAYS and number % 1):
            seconds += number * (ELAPSED.get(unit) or DAYS[unit] * 86_400)
            continue
        if number % 1:
            raise ToolError(f"a fraction of a {unit.replace('workday', 'business day')} has no fixed length; use days")
        count = int(number) * sign
        if unit == "workday":
            day = add_workdays(day, count, frame.holidays)
        elif unit in DAYS:
            day = add_days(day, count * DAYS[unit])
        else:
            day, note = add_months(day, count * MONTHS[unit])
            notes.append(note)
    moved = Point(day, point.clock, point.moment if day == point.day else None, point.how).noted(*notes)
    if not seconds:
        return moved if day != point.day or point.clock or point.moment else replace(moved, day=day)
    if moved.clock is None and moved.moment is None:
        moved = moved.at(time()).noted("counted from the start of the day")
    moment = add_elapsed(moved.instant(frame), seconds * sign)
    return Point(moment.date(), moment.time(), moment, point.how, moved.settle(frame).notes)


def present(frame: Frame) -> Point:
    """The reference time itself."""
    return Point(frame.today, frame.now.time(), frame.now)


def from_now(distances: list[tuple[float, str]], sign: int, frame: Frame) -> Point:
    """The point some distances from the reference time: a date, unless a unit that passes is among them."""
    exact = any(unit in ELAPSED or number % 1 for number, unit in distances)
    base = present(frame) if exact else Point(frame.today)
    return shift(base, distances, sign, frame)
