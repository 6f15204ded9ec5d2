"""English phrases for periods of whole days: weeks, months, quarters, years."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import add_days
from sanctuary_utils.time_days import add_months, month_end, week_of
from sanctuary_utils.time_frame import Frame
from sanctuary_utils.time_input import make_date
from sanctuary_utils.time_words import MONTH, YEAR, month_number

STEPS: Final = {"": 0, "this": 0, "current": 0, "next": 1, "coming": 1, "following": 1, "last": -1, "past": -1}
"""How many units a word goes on from the present one."""
SPANS_IN_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "decade": 120}


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both included."""

    first: date
    last: date
    how: str
    note: str = ""


def find_period(text: str, frame: Frame) -> Period | None:
    """The period that a normalised phrase names, or `None` where it names none that is known here.

    Raises:
        ToolError: it names one that does not exist, such as week 54.
    """
    for pattern, rule in RULES:
        found = pattern.fullmatch(text)
        if found is not None:
            return rule(found, frame)
    return None


def _months(first: date, count: int, how: str, note: str = "") -> Period:
    last, _ = add_months(first, count - 1)
    return Period(first, month_end(last), how, note)


def _unit(found: re.Match[str], frame: Frame) -> Period:
    step = STEPS[(found["which"] or "").strip()]
    if found["beyond"]:
        step = 2 if found["beyond"] == "after next" else -2
    unit, today = found["unit"], frame.today
    how = found[0] if step else f"this {unit}"
    if unit in SPANS_IN_MONTHS:
        size = SPANS_IN_MONTHS[unit]
        months = today.year * 12 + today.month - 1
        first, _ = add_months(today.replace(day=1), (months // size + step) * size - months)
        return _months(first, size, how)
    first, last = week_of(today, frame.first_weekday)
    if unit == "week":
        return Period(add_days(first, 7 * step), add_days(last, 7 * step), how)
    # A weekend is Saturday and Sunday; on one of them "this weekend" is the running one.
    saturday = add_days(week_of(today, 0)[0], 5 + 7 * step)
    note = (
        f"ambiguous: {add_days(saturday, -7)} if the coming one is meant" if step == 1 and today.weekday() < 5 else ""
    )
    return Period(saturday, add_days(saturday, 1), how, note)


def _month(found: re.Match[str], frame: Frame) -> Period:
    month, which = month_number(found["month"]), (found["which"] or "").strip()
    if found["year"]:
        first = make_date(int(found["year"]), month, 1)
        return _months(first, 1, f"{first:%B} {first.year}")
    today = frame.anchor
    year = today.year
    note = ""
    if which in {"last", "past"}:
        year -= month >= today.month
    elif which in {"next", "following"}:
        year += month <= today.month
        if month > today.month:
            note = f"ambiguous: {make_date(year + 1, month, 1):%B %Y} if the one of next year is meant"
    elif which != "this":
        year += month < today.month
    first = make_date(year, month, 1)
    return _months(first, 1, f"{first:%B} {first.year}", note)


def _year(found: re.Match[str], _frame: Frame) -> Period:
    return _months(make_date(int(found["year"]), 1, 1), 12, f"the year {found['year']}")


def _part_of_year(found: re.Match[str], frame: Frame) -> Period:
    """Quarters and halves."""
    size = 3 if found["unit"].startswith("q") else 6
    number = int(found["number"][0])
    if not 1 <= number <= 12 // size:
        raise ToolError(f"a year has {12 // size} {'quarters' if size == 3 else 'halves'}")
    year = int(found["year"]) if found["year"] else frame.today.year + STEPS[(found["which"] or "").strip()]
    first = make_date(year, (number - 1) * size + 1, 1)
    name = f"{'quarter' if size == 3 else 'half'} {number} of {year}"
    return _months(first, size, name, "" if found["year"] or found["which"] else f"no year said: {year}")


def _iso_month(found: re.Match[str], _frame: Frame) -> Period:
    first = make_date(int(found["year"]), int(found["month"]), 1)
    return _months(first, 1, f"{first:%B} {first.year}")


def _iso_week(found: re.Match[str], frame: Frame) -> Period:
    year = int(found["year"]) if found["year"] else frame.today.isocalendar().year
    number = int(found["week"])
    try:
        first = date.fromisocalendar(year, number, 1)
    except ValueError:
        raise ToolError(f"the ISO year {year} has no week {number}") from None
    return Period(first, add_days(first, 6), f"ISO week {year}-W{number:02}", "ISO weeks start on Monday")


def _week_around(found: re.Match[str], frame: Frame) -> Period | None:
    found_date = re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)", found["day"])
    named = re.fullmatch(rf"(?P<month>{MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: (?P<year>{YEAR}))?", found["day"])
    if found_date is not None:
        day = make_date(int(found_date[1]), int(found_date[2]), int(found_date[3]))
    elif named is not None:
        year = int(named["year"] or frame.today.year)
        day = make_date(year, month_number(named["month"]), int(named["day"]))
    else:
        return None
    first, last = week_of(day, frame.first_weekday)
    assumed = named is not None and not named["year"]
    return Period(first, last, f"the week of {day}", f"no year said: {day.year}" if assumed else "")


def _rest(found: re.Match[str], frame: Frame) -> Period | None:
    period = find_period(f"this {found['unit']}", frame)
    return period and Period(frame.today, period.last, f"the rest of this {found['unit']}", "today is included")


def _to_date(found: re.Match[str], frame: Frame) -> Period | None:
    unit = {"y": "year", "q": "quarter", "m": "month"}.get(found[0][0], "week")
    period = find_period(f"this {unit}", frame)
    return period and Period(period.first, frame.today, f"{unit} to date", "today is included")


def _run(found: re.Match[str], frame: Frame) -> Period:
    """The next or last so many days, weeks, months or years, counted from today without it."""
    number, unit = int(found["number"]), found["unit"].removesuffix("s")
    ahead = found["which"] in {"next", "coming", "following"}
    if unit in {"day", "week"}:
        size = number * (7 if unit == "week" else 1)
        start = add_days(frame.today, 1 if ahead else -size)
        last = add_days(start, size - 1)
    else:
        months = number * SPANS_IN_MONTHS[unit]
        far, _ = add_months(frame.today, months if ahead else -months)
        start, last = (frame.today + timedelta(days=1), far) if ahead else (far, frame.today - timedelta(days=1))
    if not number:
        raise ToolError("a period of no days has no dates")
    whole = f"; calendar {unit}s are named one by one" if unit != "day" else ""
    return Period(start, last, found[0], f"counted from today, which is not included{whole}")


_WHICH: Final = r"(?P<which>(?:this|current|next|coming|following|last|past) )?"
_OF_YEAR: Final = rf"(?:[ -]?(?:(?:of|in) )?(?P<year>{YEAR})|(?: of)? (?P<which>this|next|last|past|following) year)?"
Rule = Callable[[re.Match[str], Frame], Period | None]
RULES: Final[tuple[tuple[re.Pattern[str], Rule], ...]] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"{_WHICH}(?P<unit>week|weekend|month|quarter|year|decade)(?: (?P<beyond>after next|before last))?", _unit),
        (rf"{_WHICH}(?P<month>{MONTH})(?: (?:of )?(?P<year>{YEAR}))?", _month),
        (rf"(?P<which>)(?P<year>{YEAR}) (?P<month>{MONTH})", _month),
        (rf"(?:year )?(?P<year>{YEAR})", _year),
        (rf"(?P<unit>[qh])(?P<number>\d){_OF_YEAR}", _part_of_year),
        (rf"(?P<number>\d)(?:st|nd|rd|th) (?P<unit>quarter|half){_OF_YEAR}", _part_of_year),
        (rf"(?P<unit>quarter) (?P<number>\d){_OF_YEAR}", _part_of_year),
        (rf"(?P<which>)(?P<year>{YEAR})[ -]?(?P<unit>[qh])(?P<number>\d)", _part_of_year),
        (r"(?P<year>\d{4})-(?P<month>\d{1,2})", _iso_month),
        (r"(?P<year>\d{4})-?w(?P<week>\d{2})", _iso_week),
        (rf"(?:iso )?week (?P<week>\d{{1,2}})(?: (?:of |in )?(?P<year>{YEAR}))?", _iso_week),
        (r"week (?:of|containing|around) (?P<day>.+)", _week_around),
        (r"(?:rest|remainder) of (?:this )?(?P<unit>week|month|quarter|year)", _rest),
        (r"ytd|mtd|qtd|(?:year|quarter|month|week) to date", _to_date),
        (
            (
                r"(?P<which>next|coming|following|last|past) (?P<number>\d{1,5}) "
                r"(?P<unit>days?|weeks?|months?|quarters?|years?)"
            ),
            _run,
        ),
    )
)
"""Phrases and what they mean."""
