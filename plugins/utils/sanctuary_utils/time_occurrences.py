"""Occurrences of recurrence rules (RFC 5545 §3.3.10), found with bounded work whatever the rule.

Every day, hour or minute that is looked at counts; a rule that matches too rarely runs out of looks instead of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain, islice, product
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import iso, place, shift_zone
from sanctuary_utils.time_days import month_end, week_of
from sanctuary_utils.time_frame import Frame
from sanctuary_utils.time_input import days_in_month
from sanctuary_utils.time_rules import DAILY, TIMES, Rule
from sanctuary_utils.time_zones import Zone

MOST_LOOKS: Final = 50_000
"""Days, hours or minutes looked at for one call: some 0.2 s, or 136 years day by day."""
YEARLY, MONTHLY, WEEKLY, HOURLY, MINUTELY = 0, 1, 2, 4, 5
SECONDS: Final = {HOURLY: 3600, MINUTELY: 60, 6: 1}
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expansion:
    """The first occurrences of a rule, written out, and what is to be said of them."""

    occurrences: list[str]
    more: bool
    zone: Zone
    notes: tuple[str, ...]
    upcoming: str = ""
    """The first occurrence from the reference time on, of a rule that starts before it."""


@dataclass(slots=True)
class Looks:
    """How many more candidates may be looked at, and how far the search came."""

    left: int = MOST_LOOKS
    reached: date = field(default=date.min)

    def spend(self, day: date) -> bool:
        """Count one look; false where none is left."""
        self.left -= 1
        self.reached = day
        return self.left >= 0


def expand(rule: Rule, frame: Frame, count: int) -> Expansion:
    """The first `count` occurrences from the rule's start on, by default from now on.

    Raises:
        ToolError: there are none, or none was found with bounded work.
    """
    zone = rule.zone or frame.zone
    has_times = any(key in rule.numbers for key in TIMES)
    all_day = rule.frequency <= DAILY and not has_times and (rule.start is None or rule.all_day)
    now = shift_zone(frame.now, zone.rules).replace(tzinfo=None, microsecond=0)
    start = rule.start or (datetime.combine(now, time()) if all_day else now)
    looks = Looks()
    written = _written(rule, start, zone.rules, looks, all_day=all_day)
    found = list(islice(written, count + 1))
    if not found:
        raise ToolError(_none(rule, start, looks))
    notes = [note for _text, note in found if note][:3]
    if rule.start is None:
        notes.insert(0, f"counted from {start if rule.frequency > DAILY else start.date()}: the rule states no DTSTART")
    upcoming = ""
    if start.date() < now.date():
        present = now.date().isoformat() if all_day else iso(frame.now)
        upcoming = next((text for text, _note in chain(found, written) if _not_before(text, present)), "")
        notes.append("listed from the rule's start, which lies in the past")
    if looks.left < 0:
        notes.append(f"the search stopped at the year {looks.reached.year}: the rule matches very rarely")
    more = len(found) > count or looks.left < 0
    return Expansion([text for text, _note in found[:count]], more, zone, tuple(notes), upcoming)


def _not_before(text: str, present: str) -> bool:
    return datetime.fromisoformat(text) >= datetime.fromisoformat(present)


def _none(rule: Rule, start: datetime, looks: Looks) -> str:
    if rule.until is not None and looks.left >= 0:
        return f"this rule has no occurrence between {start.date()} and its UNTIL; end it later, or start it earlier"
    return (
        f"this rule never occurs between {start.year} and {max(looks.reached.year, start.year)}; "
        "check its parts for a date that does not exist, such as 30 February"
    )


def _written(rule: Rule, start: datetime, rules: tzinfo, looks: Looks, *, all_day: bool) -> Iterator[tuple[str, str]]:
    """Occurrences with a remark where clocks skip or repeat one."""
    if rule.frequency > DAILY and not rule.numbers and not rule.days:
        yield from _elapsed(rule, start, rules, looks)
        return
    until = rule.until
    if until is not None and rule.until_utc:
        until = shift_zone(until.replace(tzinfo=UTC), rules).replace(tzinfo=None)
    seen = ""
    for naive in _counted(rule, start, until, looks):
        if naive in rule.excluded or naive.date() in rule.days_out:
            continue
        if all_day:
            yield naive.date().isoformat(), ""
            continue
        local = place(naive, rules)
        text = iso(local.moment)
        if text != seen:
            yield text, "" if local.case == "once" else f"{naive} occurs {local.case} on that clock: taken as {text}"
        seen = text


def _elapsed(rule: Rule, start: datetime, rules: tzinfo, looks: Looks) -> Iterator[tuple[str, str]]:
    """Hours, minutes and seconds without further parts pass on the time line, whatever clocks do."""
    first = shift_zone(place(start, rules).moment, UTC).replace(tzinfo=None)
    until = rule.until
    if until is not None and not rule.until_utc:
        until = shift_zone(place(until, rules).moment, UTC).replace(tzinfo=None)
    for naive in _counted(rule, first, until, looks):
        local = shift_zone(naive.replace(tzinfo=UTC), rules)
        if local.replace(tzinfo=None) not in rule.excluded and local.date() not in rule.days_out:
            yield iso(local), ""


def _counted(rule: Rule, start: datetime, until: datetime | None, looks: Looks) -> Iterator[datetime]:
    """Occurrences on the wall clock, up to the rule's COUNT and UNTIL."""
    moments = _by_days(rule, start, looks) if rule.frequency <= DAILY else _by_clock(rule, start, looks)
    number = 0
    try:
        for moment in moments:
            if moment < start:
                continue
            number += 1
            if (until is not None and moment > until) or (rule.count is not None and number > rule.count):
                return
            yield moment
            if until is not None and looks.reached > until.date():
                return
    except (OverflowError, ValueError):
        # The calendar ends with the year 9999, and so does the search.
        return


def _by_days(rule: Rule, start: datetime, looks: Looks) -> Iterator[datetime]:
    """Occurrences of rules that go by days or longer periods, in order."""
    days = _DayTest(rule, start.date())
    clocks = _clocks(rule, start)
    positions = rule.numbers.get("BYSETPOS", ())
    end = rule.until.date() + ONE_DAY if rule.until is not None else date.max
    for first, last in _periods(rule, start.date()):
        if first > end:
            return
        fitting: list[date] = []
        day = first
        while day <= last:
            if not looks.spend(day):
                yield from _picked(fitting, clocks, ()) if not positions else ()
                return
            if not days.month_fits(day):
                day = month_end(day)
            elif days.fits(day):
                fitting.append(day)
            day += ONE_DAY
        yield from _picked(fitting, clocks, positions)


def _picked(days: Sequence[date], clocks: Sequence[time], positions: Sequence[int]) -> Iterator[datetime]:
    if not positions:
        for day in days:
            for clock in clocks:
                yield datetime.combine(day, clock)
        return
    size = len(days) * len(clocks)
    places = {position - 1 if position > 0 else size + position for position in positions}
    for index in sorted(index for index in places if 0 <= index < size):
        yield datetime.combine(days[index // len(clocks)], clocks[index % len(clocks)])


def _periods(rule: Rule, start: date) -> Iterator[tuple[date, date]]:
    """The rule's years, months, weeks or days, each as its first and last day."""
    step = rule.interval
    if rule.frequency == YEARLY:
        for year in range(start.year, 10_000, step):
            yield date(year, 1, 1), date(year, 12, 31)
    elif rule.frequency == MONTHLY:
        for index in range(start.year * 12 + start.month - 1, 120_000, step):
            first = date(index // 12, index % 12 + 1, 1)
            yield first, month_end(first)
    else:
        size = 7 if rule.frequency == WEEKLY else 1
        first = week_of(start, rule.week_start)[0] if size == 7 else start
        while True:
            yield first, first + timedelta(days=size - 1)
            first += timedelta(days=size * step)


def _clocks(rule: Rule, start: datetime) -> list[time]:
    """The times of day at which each fitting day has an occurrence."""
    own = (start.hour, start.minute, start.second)
    if rule.start is None and (given := [index for index, key in enumerate(TIMES) if key in rule.numbers]):
        # Without DTSTART "at 9" means 09:00:00, not the minute and second of the present.
        own = tuple(0 if index > given[0] else value for index, value in enumerate(own))  # type: ignore[assignment]  # three
    sets = [rule.numbers.get(key, (value,)) for key, value in zip(TIMES, own, strict=True)]
    return [time(hour, minute, second) for hour, minute, second in product(*sets)]


def _by_clock(rule: Rule, start: datetime, looks: Looks) -> Iterator[datetime]:
    """Occurrences of rules that go by hours, minutes or seconds: what cannot fit is jumped over."""
    days = _DayTest(rule, None)
    unit = SECONDS[rule.frequency]
    step = timedelta(seconds=unit * rule.interval)
    base = start.replace(minute=start.minute if unit < 3600 else 0, second=start.second if unit < 60 else 0)
    hours, minutes, seconds = (rule.numbers.get(key) for key in TIMES)
    default = (0, 0) if rule.start is None and (hours or minutes) else (start.minute, start.second)
    moment = base
    while looks.spend(moment.date()):
        goal = _blocked(moment, days, hours, minutes if unit < 3600 else None, seconds if unit < 60 else None)
        if goal is not None:
            moment += step * max(1, -((moment - goal) // step))
            continue
        for minute in (minutes or (default[0],)) if unit == 3600 else (moment.minute,):
            for second in (seconds or (default[1],)) if unit >= 60 else (moment.second,):
                yield moment.replace(minute=minute, second=second)
        moment += step


def _blocked(
    moment: datetime,
    days: _DayTest,
    hours: Sequence[int] | None,
    minutes: Sequence[int] | None,
    seconds: Sequence[int] | None,
) -> datetime | None:
    """The first time after `moment` that may fit again, where `moment` does not fit."""
    midnight = datetime.combine(moment, time())
    if not days.month_fits(moment.date()):
        return datetime.combine(month_end(moment.date()), time()) + ONE_DAY
    if not days.fits(moment.date()):
        return midnight + ONE_DAY
    if hours is not None and moment.hour not in hours:
        return moment.replace(minute=0, second=0) + timedelta(hours=1)
    if minutes is not None and moment.minute not in minutes:
        return moment.replace(second=0) + timedelta(minutes=1)
    if seconds is not None and moment.second not in seconds:
        return moment + timedelta(seconds=1)
    return None


class _DayTest:
    """Whether a date fits the parts of a rule that speak of days."""

    def __init__(self, rule: Rule, start: date | None) -> None:
        numbers = rule.numbers
        self.months = numbers.get("BYMONTH", ())
        self.month_days = numbers.get("BYMONTHDAY", ())
        self.year_days = numbers.get("BYYEARDAY", ())
        self.weeks = numbers.get("BYWEEKNO", ())
        self.weekdays = {day for nth, day in rule.days if nth == 0}
        self.nth_weekdays = {(nth, day) for nth, day in rule.days if nth}
        self.of_month = rule.frequency == MONTHLY or bool(self.months)
        self.week_start = rule.week_start
        if start is None or self.month_days or self.year_days or self.weeks or rule.days:
            return
        # What the rule leaves open is as in its start.
        if rule.frequency == WEEKLY:
            self.weekdays = {start.weekday()}
        elif rule.frequency in {YEARLY, MONTHLY}:
            self.month_days = (start.day,)
            if rule.frequency == YEARLY and not self.months:
                self.months = (start.month,)

    def month_fits(self, day: date) -> bool:
        """Whether the month may hold a fitting day."""
        return not self.months or day.month in self.months

    def fits(self, day: date) -> bool:
        """Whether the day itself fits, in a month that does."""
        if self.month_days:
            from_end = day.day - days_in_month(day.year, day.month) - 1
            if day.day not in self.month_days and from_end not in self.month_days:
                return False
        if (self.weekdays or self.nth_weekdays) and not self._weekday_fits(day):
            return False
        if self.year_days:
            length = 366 if days_in_month(day.year, 2) == 29 else 365
            number = day.timetuple().tm_yday
            if number not in self.year_days and number - length - 1 not in self.year_days:
                return False
        return not self.weeks or self._week_fits(day)

    def _weekday_fits(self, day: date) -> bool:
        weekday = day.weekday()
        if weekday in self.weekdays:
            return True
        if not self.nth_weekdays:
            return False
        if self.of_month:
            index, length = day.day - 1, days_in_month(day.year, day.month)
        else:
            index, length = day.timetuple().tm_yday - 1, 366 if days_in_month(day.year, 2) == 29 else 365
        nth, from_end = index // 7 + 1, -((length - 1 - index) // 7 + 1)
        return (nth, weekday) in self.nth_weekdays or (from_end, weekday) in self.nth_weekdays

    def _week_fits(self, day: date) -> bool:
        """Whether the week's number in its own year fits; the first week of a year has four of its days."""
        middle = week_of(day, self.week_start)[0] + timedelta(days=3)
        number = (middle.timetuple().tm_yday - 1) // 7 + 1
        last_middle = week_of(date(middle.year, 12, 28), self.week_start)[0] + timedelta(days=3)
        total = (last_middle.timetuple().tm_yday - 1) // 7 + 1
        return number in self.weeks or number - total - 1 in self.weeks
