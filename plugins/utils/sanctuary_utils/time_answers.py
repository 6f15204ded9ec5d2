"""From a text to the answer of `time_parse`: which kind of phrase it is, what it means, and facts about it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import iso, shift_zone, to_utc, unix_seconds
from sanctuary_utils.time_cron import is_cron, read_cron
from sanctuary_utils.time_days import calendar_difference, count_workdays
from sanctuary_utils.time_foreign import find_foreign
from sanctuary_utils.time_frame import Frame, Point, Span
from sanctuary_utils.time_occurrences import expand
from sanctuary_utils.time_points import find_point
from sanctuary_utils.time_repeats import find_repeat
from sanctuary_utils.time_rules import Rule, describe_rule, is_rule, read_rule
from sanctuary_utils.time_spans import find_difference, find_span
from sanctuary_utils.time_words import AMOUNTS, normalise
from sanctuary_utils.time_zones import look_up

Kind = Literal["date", "moment", "range", "difference", "recurrence"]
Facts = dict[str, int | str]
SHOWN: Final = 20
"""Occurrences in the readable text; all are in the structured result."""


@dataclass(frozen=True)
class Parsed:
    """What a phrase about time means."""

    kind: Kind
    meaning: str
    start: str
    end: str
    occurrences: list[str]
    facts: Facts
    notes: list[str]
    reference: str

    def __str__(self) -> str:
        """The meaning, the occurrences or facts, and the remarks."""
        lines = [self.meaning]
        if self.occurrences:
            rest = len(self.occurrences) - SHOWN
            lines += self.occurrences[:SHOWN] + ([f"and {rest} more in the structured result"] if rest > 0 else [])
        elif self.kind in {"range", "difference"}:
            lines.append("; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in self.facts.items()))
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), f"reference: {self.reference}"])


def answer(text: str, frame: Frame, count: int) -> Parsed:
    """The answer for a phrase, a recurrence rule or a cron expression.

    Raises:
        ToolError: the text cannot be read, or names what does not exist.
    """
    if is_rule(text):
        return _recurrence(read_rule(text), (), frame, count)
    if is_cron(text):
        return _cron(text, frame, count)
    plain = normalise(text)
    found = _read(plain, frame, count)
    if found is not None:
        return found
    if (found := _with_zone(text, frame, count)) is not None:
        return found
    if re.fullmatch(AMOUNTS, plain):
        raise ToolError("this is a duration, not a date: say 'in 3 hours', '3 hours ago' or '3 hours after DATE'")
    if (foreign := find_foreign(text, frame)) is not None:
        return _point(foreign, frame) if isinstance(foreign, Point) else _range(foreign, frame)
    raise ToolError(
        "this phrase cannot be read; such as these can: next friday 5pm, third thursday of next month, "
        "in 2 business days, 2026-03-01 + 6 weeks, from monday to friday, Q3 2026, days between A and B, "
        "every 2 weeks on tuesday, 0 9 * * 1-5"
    )


def _read(plain: str, frame: Frame, count: int) -> Parsed | None:
    if (repeat := find_repeat(plain, frame)) is not None:
        return _recurrence(repeat.rule, repeat.notes, frame, count)
    if (difference := find_difference(plain, frame)) is not None:
        return _difference(difference, frame)
    if (point := find_point(plain, frame)) is not None:
        return _point(point, frame)
    if (span := find_span(plain, frame)) is not None:
        return _range(span, frame)
    return None


def _with_zone(text: str, frame: Frame, count: int) -> Parsed | None:
    """A phrase that ends with a zone: `tomorrow 5pm in Tokyo`, `friday noon PST`."""
    words = text.strip().rstrip(".?!").split()
    for size in range(1, min(4, len(words))):
        name = re.sub(r"^(?:in|at) ", "", " ".join(words[-size:]), flags=re.IGNORECASE)
        rest = re.sub(r" (?:in|at)$", "", " ".join(words[:-size]), flags=re.IGNORECASE)
        if name.isdigit() or (zone := look_up(name)) is None:
            continue
        there = replace(frame, now=shift_zone(frame.now, zone.rules), zone=zone)
        found = _read(normalise(rest), there, count)
        if found is not None:
            return replace(found, notes=[*found.notes, f"zone taken from the text: {zone.name}"])
    return None


def _reference(frame: Frame) -> str:
    return f"{iso(frame.now)} {frame.zone.name}"


def _parsed(
    kind: Kind,
    meaning: str,
    frame: Frame,
    *,
    start: str,
    end: str = "",
    occurrences: list[str] | None = None,
    facts: Facts,
    notes: tuple[str, ...],
) -> Parsed:
    remarks = [*dict.fromkeys(filter(None, (*notes, frame.zone.note)))]
    return Parsed(kind, meaning, start, end, occurrences or [], facts, remarks, _reference(frame))


def _iso_week(day: date) -> str:
    week = day.isocalendar()
    return f"{week.year:04}-W{week.week:02}"


def _day_facts(day: date) -> Facts:
    return {
        "weekday": f"{day:%A}",
        "iso_week": _iso_week(day),
        "day_of_year": day.timetuple().tm_yday,
        "quarter": (day.month + 2) // 3,
    }


def _point(point: Point, frame: Frame) -> Parsed:
    point = point.settle(frame)
    shown = point.shown(frame)
    facts = _day_facts(point.moment.date() if point.moment is not None else point.day)
    facts["days_from_reference"] = (point.day - frame.today).days
    if point.moment is not None:
        facts["utc"] = f"{to_utc(point.moment).replace(tzinfo=None).isoformat()}Z"
        facts["unix"] = math.floor(unix_seconds(point.moment))
    meaning = f"{point.how}: {shown}" if point.how else shown
    kind: Kind = "date" if point.moment is None else "moment"
    return _parsed(kind, meaning, frame, start=point.written(frame), facts=facts, notes=point.notes)


def _settled(span: Span, frame: Frame) -> tuple[Point, Point, bool]:
    """Both ends, and whether they are exact moments; a date beside a moment means the start of that day."""
    exact = any(point.clock is not None or point.moment is not None for point in (span.start, span.end))
    if not exact:
        return span.start, span.end, False
    start, end = (
        replace(point, moment=point.instant(frame), notes=point.settle(frame).notes) for point in (span.start, span.end)
    )
    return start, end, True


def _distance(start: Point, end: Point, frame: Frame, *, exact: bool) -> Facts:
    first, last = start.day, end.day
    if start.moment is not None and end.moment is not None:
        first, last = start.moment.date(), end.moment.date()
    sign = -1 if last < first else 1
    low, high = (last, first) if sign < 0 else (first, last)
    years, months, days = calendar_difference(low, high)
    between = (high - low).days
    minus = "-" if sign < 0 else ""
    facts: Facts = {
        "days_between": between * sign,
        "days_counting_both": between + 1,
        "weeks_and_days": f"{minus}{between // 7} weeks {between % 7} days",
        "calendar": f"{minus}{years} years {months} months {days} days",
        "business_days_counting_both": count_workdays(low, high, frame.holidays),
        "business_days_after_first": count_workdays(low, high, frame.holidays)
        - count_workdays(low, low, frame.holidays),
        "iso_weeks": f"{_iso_week(first)} to {_iso_week(last)}",
    }
    if exact and start.moment is not None and end.moment is not None:
        seconds = round(unix_seconds(end.moment) - unix_seconds(start.moment))
        facts["elapsed_seconds"] = seconds
        facts["elapsed"] = _elapsed(seconds)
    return facts


def _elapsed(seconds: int) -> str:
    hours, rest = divmod(abs(seconds), 3600)
    days, hours = divmod(hours, 24)
    text = f"{days} days {hours} hours {rest // 60} minutes {rest % 60} seconds"
    return f"-{text}" if seconds < 0 else text


def _range(span: Span, frame: Frame) -> Parsed:
    start, end, exact = _settled(span, frame)
    both = "" if exact else ", both included"
    meaning = f"from {start.shown(frame)} to {end.shown(frame)}{both}"
    if span.how:
        meaning = f"{span.how}: {meaning}"
    return _parsed(
        "range",
        meaning,
        frame,
        start=start.written(frame),
        end=end.written(frame),
        facts=_distance(start, end, frame, exact=exact),
        notes=(*span.notes, *start.notes, *end.notes),
    )


def _difference(span: Span, frame: Frame) -> Parsed:
    start, end, exact = _settled(span, frame)
    facts = _distance(start, end, frame, exact=exact)
    size = facts["elapsed"] if exact else f"{facts['days_between']} days ({facts['calendar']})"
    return _parsed(
        "difference",
        f"from {start.shown(frame)} to {end.shown(frame)}: {size}",
        frame,
        start=start.written(frame),
        end=end.written(frame),
        facts=facts,
        notes=(*span.notes, *start.notes, *end.notes),
    )


def _recurrence(rule: Rule, notes: tuple[str, ...], frame: Frame, count: int) -> Parsed:
    found = expand(rule, frame, count)
    facts: Facts = {"rrule": rule.text, "listed": len(found.occurrences), "more": "yes" if found.more else "no"}
    if found.upcoming:
        facts["next_from_reference"] = found.upcoming
    return _parsed(
        "recurrence",
        f"{describe_rule(rule)}, in {found.zone.name}",
        frame,
        start=found.occurrences[0],
        end="" if found.more else found.occurrences[-1],
        occurrences=found.occurrences,
        facts=facts,
        notes=(*notes, *found.notes),
    )


def _cron(text: str, frame: Frame, count: int) -> Parsed:
    found = read_cron(text, frame, count)
    return _parsed(
        "recurrence",
        f"{found.meaning}, in {frame.zone.name}",
        frame,
        start=found.occurrences[0],
        end="" if found.more else found.occurrences[-1],
        occurrences=found.occurrences,
        facts={"cron": found.text, "listed": len(found.occurrences), "more": "yes" if found.more else "no"},
        notes=found.notes,
    )
