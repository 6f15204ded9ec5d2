"""Cron expressions: recognised, checked, described, and their next occurrences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import iso
from sanctuary_utils.time_frame import Frame

NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
LONGEST: Final = 200
_NAME: Final = r"(?:SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|LW|L|W)"
_FIELD: Final = re.compile(rf"(?=.*[\d*?]|{_NAME})(?:[\d*?/,#-]|{_NAME})+", re.IGNORECASE)
_FIELDS: Final = "minute hour day-of-month month day-of-week"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The next occurrences of a cron expression, and the expression in words."""

    text: str
    meaning: str
    occurrences: list[str]
    more: bool
    notes: tuple[str, ...]


def is_cron(text: str) -> bool:
    """Whether a text is meant as a cron expression."""
    words = text.split()
    if not words or len(text) > LONGEST:
        return False
    if words[0].lower() in {"cron", "cron:"} or (words[0][0] == "@" and words[0][1:2].isalpha()):
        return True
    marked = any(mark in text for mark in "*?") or all(word[0].isdigit() for word in words)
    return 4 <= len(words) <= 7 and marked and all(_FIELD.fullmatch(word) for word in words)


def read_cron(text: str, frame: Frame, count: int) -> Schedule:
    """The next `count` times of a cron expression after the reference time.

    Raises:
        ToolError: it is no cron expression, or it never occurs.
    """
    # cronsim costs 15 ms to import, which only cron expressions should pay.
    from cronsim import CronSim, CronSimError  # noqa: PLC0415  # start-up cost

    words = [word for word in text.split() if word.lower() not in {"cron", "cron:"}]
    expression = " ".join(words)
    if words and words[0].startswith("@"):
        expression = NICKNAMES.get(words[0].lower(), "")
        if not expression or len(words) > 1:
            raise ToolError(f"the cron nicknames with a schedule are {', '.join(NICKNAMES)}")
    if len(expression.split()) not in {5, 6}:
        raise ToolError(f"a cron expression has 5 fields ({_FIELDS}), or 6 with seconds first")
    if "?" in expression or re.search(r"\d+W", expression.upper()):
        raise ToolError("the Quartz marks ? and W are no part of cron: write * for ?, and name weekdays as 1-5")
    rules = frame.now.tzinfo
    start = frame.now if not isinstance(rules, timezone) else frame.now.astimezone(UTC if rules == UTC else rules)
    try:
        found = CronSim(expression, start)
        meaning = found.explain()
    except CronSimError as error:
        raise ToolError(f"this cron expression never occurs or is wrong: {error}; its fields are {_FIELDS}") from None
    occurrences = _next(found, count + 1)
    if not occurrences:
        raise ToolError("this cron expression never occurs: no date within 50 years fits its fields")
    notes = [_days_note(expression)]
    if len(expression.split()) == 6:
        notes.append("six fields: the first one is read as seconds")
    return Schedule(
        expression,
        meaning,
        [iso(moment) for moment in occurrences[:count]],
        len(occurrences) > count,
        tuple(filter(None, notes)),
    )


def _next(found: Iterator[datetime], count: int) -> list[datetime]:
    occurrences: list[datetime] = []
    try:
        for moment in found:
            occurrences.append(moment)
            if len(occurrences) == count:
                break
    except (OverflowError, ValueError):
        # The search ran into the year 10000.
        pass
    return occurrences


def _days_note(expression: str) -> str:
    """Cron's oddest rule, where it matters."""
    *_clock, day, _month, weekday = expression.split()
    if day.startswith("*") or weekday.startswith("*"):
        return ""
    return "day of month and day of week are both set: cron runs when either of them fits"
