"""English phrases for one point in time: dates, weekdays, distances, edges of periods, times of day."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import WEEKDAYS, add_days, shift_zone
from sanctuary_utils.time_days import (
    add_months,
    add_workdays,
    is_workday,
    month_end,
    on_or_after,
    on_or_before,
    week_of,
)
from sanctuary_utils.time_distances import from_now, present, shift
from sanctuary_utils.time_frame import Frame, Point
from sanctuary_utils.time_input import days_in_month, make_date, read_moment
from sanctuary_utils.time_periods import Period, find_period
from sanctuary_utils.time_words import (
    AMOUNTS,
    CLOCK,
    DAY,
    MONTH,
    NTH,
    PARTS_OF_DAY,
    WEEKDAY_NAMES,
    YEAR,
    amounts,
    month_number,
    read_clock,
    weekday_number,
)

NAMED_DAYS: Final = {
    "christmas": (12, 25), "christmas day": (12, 25), "christmas eve": (12, 24), "boxing day": (12, 26),
    "new year": (1, 1), "new year's day": (1, 1), "new years day": (1, 1), "new year's eve": (12, 31),
    "new years eve": (12, 31), "halloween": (10, 31), "valentine's day": (2, 14), "valentines day": (2, 14),
}  # fmt: skip  # a table, not a list
WRITTEN_OUT: Final = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})[t ]\d{2}:?\d\d\S*(?: ?[+-]\d\d:?\d\d|z)?$|@\d|\d{9,19}$")
"""A date and a time as machines write them."""
Rule = Callable[[re.Match[str], Frame], Point | None]


def find_point(text: str, frame: Frame) -> Point | None:
    """The point in time that a normalised phrase names, or `None` where it names none that is known here.

    Raises:
        ToolError: it names one that does not exist.
    """
    frame = frame.inner()
    if WRITTEN_OUT.match(text):
        local = read_moment(text, frame.zone, frame.now)
        moment = shift_zone(local.local.moment, frame.zone.rules)
        return Point(moment.date(), moment.time(), moment).noted(*local.notes)
    if (day := _day(text, frame)) is not None:
        return day
    for pattern in _TIMED:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        clock, extra, note = read_clock(found["clock"])
        rest = (found["rest"] or "").strip().removeprefix("on ").removesuffix(" at")
        day = _day(rest, frame) if rest else Point(frame.start or frame.today)
        if day is None or day.clock is not None or day.moment is not None:
            continue
        passed = not rest and frame.start is None and clock < frame.now.time() and not extra
        past = "that time has passed today; say tomorrow for the next" if passed else ""
        return replace(day, day=add_days(day.day, extra)).at(clock).noted(note, past)
    return None


_TIMED: Final = (
    re.compile(rf"(?P<rest>.*?)(?:^| )(?P<clock>{CLOCK})"),
    re.compile(rf"(?P<clock>{CLOCK}|\d{{1,2}}(?= on ))(?P<rest> .*)?"),
)


def _day(text: str, frame: Frame) -> Point | None:
    for pattern, rule in RULES:
        found = pattern.fullmatch(text)
        if found is not None and (point := rule(found, frame)) is not None:
            return point
    return None


def _word(found: re.Match[str], frame: Frame) -> Point | None:
    if found[0] in {"now", "right now", "current time", "present"}:
        return present(frame)
    steps = {"today": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2, "day before yesterday": -2}
    if found[0] in steps:
        return Point(add_days(frame.today, steps[found[0]]))
    hour = 20
    return Point(frame.today).at(time(hour)).noted(f"tonight is taken as {hour}:00; say the hour for another")


def _part_of_today(found: re.Match[str], frame: Frame) -> Point:
    clock, _extra, note = read_clock(found["part"])
    return Point(frame.today).at(clock).noted(note)


def _same_time(found: re.Match[str], frame: Frame) -> Point | None:
    day = _day(found["day"], frame.inner())
    return day.at(frame.now.time()) if day is not None and day.clock is None else None


def _weekday(found: re.Match[str], frame: Frame) -> Point:
    number, which = weekday_number(found["day"]), found["which"] or ""
    today, name = frame.today if which else frame.anchor, WEEKDAYS[weekday_number(found["day"])]
    if which in {"last", "past"}:
        return Point(on_or_before(add_days(today, -1), number), how=f"the last {name} before {today}")
    if "next" not in which and which != "following":
        day = on_or_after(today, number)
        note = f"today is a {name}: {add_days(today, 7)} would be the next one" if day == frame.today else ""
        of_this_week = add_days(week_of(today, frame.first_weekday)[0], (number - frame.first_weekday) % 7)
        if which == "this" and of_this_week < day:
            note = f"ambiguous: {of_this_week} if the past {name} of this week is meant"
        return Point(day, how=f"the first {name} from {today} on").noted(note)
    day = on_or_after(add_days(today, 1), number)
    of_next_week = add_days(week_of(today, frame.first_weekday)[0], 7 + (number - frame.first_weekday) % 7)
    note = f"ambiguous: {of_next_week} if the {name} of next week is meant" if of_next_week != day else ""
    return Point(day, how=f"the first {name} after {today}").noted(note)


def _weekday_of_week(found: re.Match[str], frame: Frame) -> Point | None:
    number, name = weekday_number(found["day"]), WEEKDAYS[weekday_number(found["day"])]
    week = find_period(f"{found['which'].strip() or 'this'} week", frame)
    assert week is not None  # every word of the pattern makes a week
    day = add_days(week.first, (number - frame.first_weekday) % 7)
    return Point(day, how=f"the {name} of the week from {week.first} to {week.last}")


def _weekday_after_next(found: re.Match[str], frame: Frame) -> Point:
    day = on_or_after(add_days(frame.today, 1), weekday_number(found["day"]))
    name = WEEKDAYS[day.weekday()]
    return Point(add_days(day, 7), how=f"the second {name} after {frame.today}")


def _weekday_and_date(found: re.Match[str], frame: Frame) -> Point | None:
    point = _day(found["rest"], frame.inner())
    if point is None:
        return None
    if point.day.weekday() != weekday_number(found["day"]):
        real = WEEKDAYS[point.day.weekday()]
        raise ToolError(f"{point.day} is a {real}, not a {found['day'].title()}; name the weekday or the date alone")
    return point


def _on(found: re.Match[str], frame: Frame) -> Point | None:
    return _day(found["rest"], frame.inner())


def _iso_date(found: re.Match[str], _frame: Frame) -> Point:
    return Point(make_date(*(int(found[group]) for group in (1, 2, 3))))


def _slashed(found: re.Match[str], frame: Frame) -> Point:
    first, second, year = int(found["a"]), int(found["b"]), int(found["year"])
    if len(found["year"]) != 4:
        raise ToolError("a year of two digits can be read in several ways; write the date as year-month-day")
    order = frame.order if frame.order != "auto" else "dmy" if found["mark"] == "." else "mdy"
    if frame.order == "auto" and (first > 12) != (second > 12):
        order = "dmy" if first > 12 else "mdy"
    day, month = (first, second) if order == "dmy" else (second, first)
    point = Point(make_date(year, month, day))
    if frame.order != "auto" or first > 12 or second > 12 or first == second or found["mark"] == ".":
        return point
    other = date(year, first, second) if order == "dmy" else date(year, second, first)
    return point.noted(f"ambiguous: read month first, as in the USA; day first it is {other} (date_order=dmy)")


def _named_date(found: re.Match[str], frame: Frame) -> Point | None:
    month, day = month_number(found["month"]), int(re.sub(r"\D", "", found["nth"]))
    if found["year"]:
        return Point(make_date(int(found["year"]), month, day))
    return _coming(month, day, frame)


def _coming(month: int, day: int, frame: Frame) -> Point:
    """A date without a year: the first from the anchor on."""
    start = frame.anchor
    if not 1 <= day <= days_in_month(2000, month):
        raise ToolError(f"that month has no day {day}")
    for year in range(start.year, min(start.year + 9, 9999) + 1):
        if day <= days_in_month(year, month) and date(year, month, day) >= start:
            return Point(date(year, month, day), how=f"no year said: the first from {start} on")
    raise ToolError("there is no such date from the reference on; say the year")


def _named_day(found: re.Match[str], frame: Frame) -> Point:
    month, day = NAMED_DAYS[found["name"]]
    if found["year"]:
        return Point(make_date(int(found["year"]), month, day))
    if found["which"] in {"last", "past"}:
        this = make_date(frame.today.year, month, day)
        return Point(this if this < frame.today else make_date(frame.today.year - 1, month, day))
    return _coming(month, day, frame)


def _day_of_month(found: re.Match[str], frame: Frame) -> Point:
    wanted, start = int(re.sub(r"\D", "", found["nth"])), frame.anchor
    if not 1 <= wanted <= 31:
        raise ToolError(f"no month has a day {wanted}")
    month = start.replace(day=1)
    while wanted > month_end(month).day or month.replace(day=wanted) < start:
        month, _ = add_months(month, 1)
    return Point(month.replace(day=wanted), how=f"no month said: the first from {start} on")


def _nth_of(found: re.Match[str], frame: Frame) -> Point | None:
    """The nth (or nth last) day, business day or weekday of a period."""
    period = find_period(found["period"], frame)
    if period is None:
        return None
    which = found["which"]
    nth = int(re.sub(r"\D", "", which) or 1)
    if found["what"] in {None, "day"} and "last" not in which and nth == 0:
        return None
    return Point(
        _pick(period, found["what"] or "day", nth, frame, backwards="last" in which), how=_title(found, period)
    )


def _title(found: re.Match[str], period: Period) -> str:
    what = found["what"] or "day"
    what = what.title() if what in WEEKDAY_NAMES else what.replace("workday", "business day")
    return (
        f"day {found['which']} of {period.how}"
        if found["which"].isdigit()
        else f"the {found['which']} {what} of {period.how}"
    )


def _weekday_in_period(found: re.Match[str], frame: Frame) -> Point | None:
    """`friday of week 50`: only where the period is so short that there is one."""
    period = find_period(found["period"], frame)
    if period is None or (period.last - period.first).days > 6:
        return None
    return Point(_pick(period, found["day"], 1, frame, backwards=False), how=f"in {period.how}")


def _weekday_and_nth(found: re.Match[str], frame: Frame) -> Point:
    """`friday the 13th`: the first such day from the anchor on."""
    nth, month = int(re.sub(r"\D", "", found["nth"])), frame.anchor.replace(day=1)
    for step in range(60 if 1 <= nth <= 31 else 0):
        first, _ = add_months(month, step)
        if nth <= month_end(first).day and frame.anchor <= first.replace(day=nth):
            day = first.replace(day=nth)
            if day.weekday() == weekday_number(found["day"]):
                return Point(day, how=f"the first such day from {frame.anchor} on")
    raise ToolError(f"no {found['day'].title()} the {found['nth']} within five years")


def _pick(period: Period, what: str, nth: int, frame: Frame, *, backwards: bool) -> date:
    edge, step = (period.last, -1) if backwards else (period.first, 1)
    if what == "day":
        day = add_days(edge, step * (nth - 1))
    elif what == "workday":
        start = edge if is_workday(edge, frame.holidays) else add_workdays(edge, step, frame.holidays)
        day = add_workdays(start, step * (nth - 1), frame.holidays)
    else:
        number = weekday_number(what)
        day = add_days(on_or_before(edge, number) if backwards else on_or_after(edge, number), step * 7 * (nth - 1))
    if nth < 1 or not period.first <= day <= period.last:
        raise ToolError(f"{period.how} ({period.first} to {period.last}) has not so many of them")
    return day


def _edge(found: re.Match[str], frame: Frame) -> Point | None:
    if found["period"] in {"day", "today", "business day", "workday"}:
        clock, what = (time(), "start") if found["edge"] == "start" else (time(23, 59, 59), "end")
        return Point(frame.today).at(clock).noted(f"the {what} of the day is taken as {clock}")
    period = find_period(found["period"], frame)
    if period is None:
        return None
    how = f"the {found['edge']} of {period.how}"
    if found["edge"] in {"middle", "mid"}:
        days = (period.last - period.first).days // 2
        return Point(add_days(period.first, days), how=f"{how}: {days} days after {period.first}")
    return Point(period.first if found["edge"] == "start" else period.last, how=how)


def _distance(found: re.Match[str], frame: Frame) -> Point:
    groups = found.groupdict()
    sign = -1 if groups.get("ago") else 1
    text = f"{found['amounts']} {'before' if sign < 0 else 'after'} the reference time"
    return replace(from_now(amounts(found["amounts"]), sign, frame), how=text.replace("workday", "business day"))


def _distance_from(found: re.Match[str], frame: Frame) -> Point | None:
    base = find_point(found["rest"], frame)
    if base is None:
        return None
    sign = -1 if found["where"] in {"before", "-", "minus", "prior to"} else 1
    text = f"{found['amounts']} {'before' if sign < 0 else 'after'} {base.shown(frame)}"
    return replace(shift(base, amounts(found["amounts"]), sign, frame), how=text.replace("workday", "business day"))


def _weekday_from(found: re.Match[str], frame: Frame) -> Point | None:
    base = find_point(found["rest"], frame)
    if base is None:
        return None
    nth = int(re.sub(r"\D", "", found["nth"] or "") or 1)
    forward = found["where"] != "before"
    edge = add_days(base.day, 0 if found["where"].startswith("on or") else 1 if forward else -1)
    if found["day"] == "workday":
        day = add_workdays(add_days(edge, -1 if forward else 1), nth if forward else -nth, frame.holidays)
    else:
        number = weekday_number(found["day"])
        near = on_or_after(edge, number) if forward else on_or_before(edge, number)
        day = add_days(near, 7 * (nth - 1) * (1 if forward else -1))
    name = found["day"].title().replace("Workday", "business day")
    count = f"number {nth}, " if nth > 1 else ""
    return Point(day, how=f"the {name} {count}{found['where']} {base.shown(frame)}", notes=base.notes)


def _next_workday(found: re.Match[str], frame: Frame) -> Point:
    step = -1 if found["which"] in {"last", "past"} else 1
    side = "before" if step < 0 else "after"
    return Point(add_workdays(frame.today, step, frame.holidays), how=f"the first business day {side} {frame.today}")


_WHICH: Final = r"(?:(?:on )?(?:(?P<which>this|coming|this coming|next|following|last|past) )?)"
_NTH_OR_LAST: Final = rf"(?P<which>{NTH}(?: to)? last|{NTH}|last|final)"
_PERIOD: Final = r"(?:of|in|on) (?P<period>.+)"
_FROM: Final = r"(?P<where>after|from|since|before|prior to|following|on)"
RULES: Final[tuple[tuple[re.Pattern[str], Rule], ...]] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"(?:right )?now|current time|present|today|tomorrow|yesterday|tonight", _word),
        (r"day (?:after tomorrow|before yesterday)", _word),
        (rf"this (?P<part>{'|'.join(PARTS_OF_DAY)})", _part_of_today),
        (r"(?:at )?(?:this|same) time (?P<day>.+)", _same_time),
        (rf"{_WHICH}(?P<day>{DAY})", _weekday),
        (rf"(?P<day>{DAY}) (?:of |in )?(?P<which>this |next |last |past |following )week", _weekday_of_week),
        (rf"(?P<which>this |next |last |past |following )week(?: on)? (?P<day>{DAY})", _weekday_of_week),
        (rf"(?P<day>{DAY}) after next", _weekday_after_next),
        (r"([1-9]\d{3}|0\d{3})[-/.](\d{1,2})[-/.](\d{1,2})", _iso_date),
        (r"(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d)", _slashed),
        (rf"(?P<month>{MONTH}) (?P<nth>{NTH}|\d{{1,2}})(?: (?:of )?(?P<year>{YEAR}))?", _named_date),
        (rf"(?P<nth>{NTH}|\d{{1,2}})[ -](?:of )?(?P<month>{MONTH})(?:[ -](?:of )?(?P<year>{YEAR}))?", _named_date),
        (rf"(?P<year>{YEAR}) (?P<month>{MONTH}) (?P<nth>{NTH}|\d{{1,2}})", _named_date),
        (rf"(?:(?P<which>next|last|past|this) )?(?P<name>{'|'.join(NAMED_DAYS)})(?: (?P<year>{YEAR}))?", _named_day),
        (rf"(?:on )?(?P<nth>{NTH})", _day_of_month),
        (rf"{_NTH_OR_LAST} (?P<what>{DAY}|workday|day) {_PERIOD}", _nth_of),
        (rf"{_NTH_OR_LAST}(?P<what>) {_PERIOD}", _nth_of),
        (rf"(?P<period>.+?)(?: on)? {_NTH_OR_LAST}(?: (?P<what>{DAY}|workday|day))?", _nth_of),
        (rf"(?P<what>day) (?P<which>\d{{1,3}}) {_PERIOD}", _nth_of),
        (r"(?P<edge>start|end|middle|mid) (?:of )?(?P<period>.+)", _edge),
        (r"(?P<period>(?:this |next |last )?(?:day|week|month|quarter|year))[ -](?P<edge>start|end)", _edge),
        (r"(?P<which>next|last|past|following) workday", _next_workday),
        (rf"in (?P<amounts>{AMOUNTS})(?: from now)?", _distance),
        (rf"(?P<amounts>{AMOUNTS}) (?:from now|hence|later|ahead|from today)", _distance),
        (rf"(?P<amounts>{AMOUNTS}) (?P<ago>ago|back|earlier)", _distance),
        (
            rf"(?P<amounts>{AMOUNTS}|day|week|month|year) {_FROM} (?P<rest>.+)",
            _distance_from,
        ),
        (rf"(?P<rest>.+?) ?(?P<where>[+-]|plus|minus) ?(?P<amounts>{AMOUNTS})", _distance_from),
        (
            (
                rf"(?:(?P<nth>{NTH}|next) )?(?P<day>{DAY}|workday) "
                r"(?P<where>on or after|after|before|following) (?P<rest>.+)"
            ),
            _weekday_from,
        ),
        (rf"(?P<day>{DAY}) (?P<nth>{NTH})", _weekday_and_nth),
        (rf"(?P<day>{DAY}) (?:of|in) (?P<period>.+)", _weekday_in_period),
        (rf"(?P<day>{DAY}) (?P<rest>.+)", _weekday_and_date),
        (r"on (?P<rest>.+)", _on),
    )
)
"""Phrases and what they mean, the more special first."""
