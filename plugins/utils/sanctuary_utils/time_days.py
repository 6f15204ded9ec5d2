"""Arithmetic on dates: months and years that end early, weeks, business days."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import OUT_OF_RANGE, add_days
from sanctuary_utils.time_input import days_in_month

MOST_WORKDAYS: Final = 100_000
"""Business days that may be counted off: about 380 years."""
FRIDAY: Final = 4


def add_months(day: date, months: int) -> tuple[date, str]:
    """The same day of the month some months later, and a remark where that month is too short for it.

    Raises:
        ToolError: the result lies outside the years 1 to 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ToolError(OUT_OF_RANGE)
    last = days_in_month(year, month + 1)
    result = date(year, month + 1, min(day.day, last))
    note = "" if day.day <= last else f"{result:%B} {year} has no day {day.day}: its last day is taken"
    return result, note


def month_end(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=days_in_month(day.year, day.month))


def week_of(day: date, first_weekday: int) -> tuple[date, date]:
    """The first and the last day of a date's week."""
    first = add_days(day, -((day.weekday() - first_weekday) % 7))
    return first, add_days(first, 6)


def on_or_after(day: date, weekday: int) -> date:
    """The first such weekday from `day` on."""
    return add_days(day, (weekday - day.weekday()) % 7)


def on_or_before(day: date, weekday: int) -> date:
    """The last such weekday up to `day`."""
    return add_days(day, -((day.weekday() - weekday) % 7))


def is_workday(day: date, holidays: AbstractSet[date]) -> bool:
    """Whether a date is a Monday to Friday and no holiday."""
    return day.weekday() <= FRIDAY and day not in holidays


def add_workdays(day: date, count: int, holidays: AbstractSet[date]) -> date:
    """The date that lies `count` business days after `day` (before it where negative).

    Raises:
        ToolError: more business days than can be counted off, or the result lies outside the years 1 to 9999.
    """
    if abs(count) > MOST_WORKDAYS:
        raise ToolError(f"at most {MOST_WORKDAYS} business days can be counted off")
    step = 1 if count >= 0 else -1
    left = abs(count)
    while left:
        day = add_days(day, step)
        left -= is_workday(day, holidays)
    return day


def count_workdays(first: date, last: date, holidays: AbstractSet[date]) -> int:
    """Business days from `first` to `last`, both included; 0 where the last comes before the first."""
    days = (last - first).days + 1
    if days <= 0:
        return 0
    weeks, rest = divmod(days, 7)
    ordinary = weeks * 5 + sum((first.weekday() + step) % 7 <= FRIDAY for step in range(rest))
    return ordinary - sum(first <= day <= last and day.weekday() <= FRIDAY for day in holidays)


def calendar_difference(first: date, last: date) -> tuple[int, int, int]:
    """Whole years, months and days from one date to a later one, as a calendar counts them."""
    months = (last.year - first.year) * 12 + last.month - first.month
    if last.day < first.day:
        months -= 1
    reached, _ = add_months(first, months)
    years, months = divmod(months, 12)
    return years, months, (last - reached) // timedelta(days=1)
