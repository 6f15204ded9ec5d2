"""English phrases for recurrences, turned into recurrence rules: "every second tuesday until 2026-12-31"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import add_days
from sanctuary_utils.time_days import on_or_after
from sanctuary_utils.time_distances import shift
from sanctuary_utils.time_frame import Frame, Point
from sanctuary_utils.time_periods import find_period
from sanctuary_utils.time_points import NAMED_DAYS, find_point
from sanctuary_utils.time_rules import DAILY, DAYS, Rule, read_rule
from sanctuary_utils.time_words import (
    AMOUNTS,
    CLOCK,
    DAY,
    MONTH,
    NTH,
    amounts,
    month_number,
    read_clock,
    weekday_number,
)

WORKDAYS: Final = "MO,TU,WE,TH,FR"
WORDS: Final = {
    "hourly": "every hour", "daily": "every day", "nightly": "every day", "weekly": "every week",
    "fortnightly": "every 2 week", "monthly": "every month", "quarterly": "every 3 month", "yearly": "every year",
    "annually": "every year", "workdays": "every workday", "weekends": "every weekend",
}  # fmt: skip  # a table, not a list
DOUBTFUL: Final = {
    "biweekly": ("every 2 week", "ambiguous: biweekly is read as every two weeks, not twice a week"),
    "bimonthly": ("every 2 month", "ambiguous: bimonthly is read as every two months, not twice a month"),
    "biannually": ("every 6 month", "ambiguous: biannually is read as twice a year, not every two years"),
}
FREQUENCIES: Final = {
    "second": ("SECONDLY", 1), "minute": ("MINUTELY", 1), "hour": ("HOURLY", 1), "day": ("DAILY", 1),
    "night": ("DAILY", 1), "week": ("WEEKLY", 1), "fortnight": ("WEEKLY", 2), "month": ("MONTHLY", 1),
    "quarter": ("MONTHLY", 3), "year": ("YEARLY", 1), "decade": ("YEARLY", 10),
}  # fmt: skip  # a table, not a list
_DAY_LIST: Final = rf"{DAY}s?(?:(?: and| or|) {DAY}s?){{0,6}}|{DAY} (?:to|through|-) {DAY}"
_NTH: Final = rf"(?:{NTH} last|{NTH}|last)"
_NTH_LIST: Final = rf"{_NTH}(?:(?: and|) {_NTH}){{0,5}}"
_STEP: Final = rf"(?:(?P<step>\d{{1,4}}|other|alternate|{NTH}) )?"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A recurrence as a rule, with remarks on how the words were read."""

    rule: Rule
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """The rule while its phrase is read."""

    parts: dict[str, str]
    notes: list[str]
    weekdays: list[int]


def find_repeat(text: str, frame: Frame) -> Repeat | None:
    """The recurrence that a normalised phrase names, or `None` where it names none that is known here.

    Raises:
        ToolError: a clause of it cannot be read, or no rule can state it.
    """
    if not re.search(rf"\bevery\b|\b(?:{'|'.join([*WORDS, *DOUBTFUL])})\b|\b{DAY}s\b|\b(?:once|twice) 1 ", text):
        return None
    head, *clauses = re.split(
        r" (until|through|end(?:s|ing)?(?: on| by)?(?! of)|start(?:s|ing)?(?: on| from| at)?(?! of)"
        r"|from(?! now)|for(?= \d)) ",
        text,
    )
    head = re.sub(r"\bevery (?:morning|afternoon|evening|night)(?= at )", "every day", head)
    head, head_times = _times(re.sub(r"\bevery (?=morning|afternoon|evening|night)", "every day in ", head))
    head, count = _count(head)
    draft = _core(head, frame)
    if draft is None:
        return None
    bounds = _clauses(clauses, frame)
    count = count or bounds.count
    _set_times(draft, head_times or bounds.times)
    start = bounds.start
    day = start.day if start is not None else frame.today
    if bounds.length is not None:
        bounds.until = add_days(shift(Point(day), bounds.length, 1, frame).day, -1)
    if count is not None and bounds.until is not None:
        raise ToolError("say how often or until when, not both")
    if count is not None:
        draft.parts["COUNT"] = str(count)
    elif bounds.until is not None:
        draft.parts["UNTIL"] = bounds.until.isoformat().replace("-", "")
    rule = read_rule(";".join(f"{key}={value}" for key, value in draft.parts.items()))
    rule = _started(rule, draft, start, frame)
    if frame.holidays and draft.parts.get("BYDAY") == WORKDAYS:
        if "BYSETPOS" in draft.parts:
            raise ToolError(
                "a rule cannot count business days around holidays; ask for one month at a time, or leave holidays out"
            )
        rule = replace(rule, days_out=frame.holidays)
        draft.notes.append("the given holidays are left out")
    rhythm = ""
    if rule.interval > 1 and start is None and rule.start is not None:
        begin = rule.start.date() if rule.frequency <= DAILY else rule.start
        rhythm = f"counted from {begin}; say 'starting DATE' for another"
    return Repeat(rule, (*draft.notes, *bounds.notes, rhythm))


def _started(rule: Rule, draft: _Draft, start: Point | None, frame: Frame) -> Rule:
    """The rule with its start: every second Tuesday starts on a Tuesday, wherever today stands in its week."""
    day = start.day if start is not None else frame.today
    clock = start.clock if start is not None else None
    hours = rule.numbers.get("BYHOUR")
    if (
        start is None
        and hours
        and max(hours) * 60 + rule.numbers.get("BYMINUTE", (0,))[-1] <= frame.now.hour * 60 + frame.now.minute
    ):
        day = add_days(day, 1)
    if rule.interval > 1 and draft.weekdays:
        day = min(on_or_after(day, weekday) for weekday in draft.weekdays)
    if rule.frequency > DAILY:
        begin = (
            frame.now.replace(tzinfo=None, microsecond=0) if start is None else datetime.combine(day, clock or time())
        )
        return replace(rule, start=begin)
    if start is None and hours and day == frame.today:
        return replace(rule, start=frame.now.replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=1))
    return replace(rule, start=datetime.combine(day, clock or time()), all_day=clock is None and not hours)


@dataclass(slots=True)
class _Bounds:
    start: Point | None = None
    until: date | None = None
    length: list[tuple[float, str]] | None = None
    count: int | None = None
    times: list[str] | None = None
    notes: tuple[str, ...] = ()


def _clauses(words: list[str], frame: Frame) -> _Bounds:
    bounds = _Bounds()
    for key, value in zip(words[::2], words[1::2], strict=True):
        text, times = _times(value) if key.startswith(("start", "from", "for")) else (value, [])
        text, count = _count(text)
        bounds.count = bounds.count or count
        bounds.times = bounds.times or times
        if key == "for":
            if text and re.fullmatch(AMOUNTS, text) is None:
                raise ToolError("after 'for' stands how often or how long: for 5 times, for 3 weeks")
            bounds.length = amounts(text) if text else None
        elif key.startswith(("start", "from")):
            bounds.start = _bound(text, frame, last=False) if text else None
        elif text:
            inner = frame if bounds.start is None else replace(frame, start=bounds.start.day)
            until = _bound(text, inner, last=True)
            bounds.until = until.day
            bounds.notes = (*bounds.notes, *until.notes)
    return bounds


def _bound(text: str, frame: Frame, *, last: bool) -> Point:
    point = find_point(text, frame)
    if point is None and (period := find_period(text, frame)) is not None:
        point = Point(period.last if last else period.first)
    if point is None:
        raise ToolError(
            f"the {'end' if last else 'start'} of this recurrence cannot be read; write a date such as 2026-12-31"
        )
    return point


def _count(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(?P<rest>.*?)(?:^| )(?:for )?(?P<count>\d{1,9}) (?:times?|occurrences?|repetitions?)", text)
    return (found["rest"].strip(), int(found["count"])) if found is not None else (text, None)


def _times(text: str) -> tuple[str, list[str]]:
    """A phrase without its times of day, and these."""
    found = re.fullmatch(
        rf"(?P<rest>.*?)(?:^| )(?P<clocks>{CLOCK}(?:(?: and|) {CLOCK}|(?: and|) \d{{1,2}}(?: ?[ap]m)?){{0,8}})", text
    )
    if found is None:
        found = re.fullmatch(rf"(?P<clocks>{CLOCK}) (?P<rest>.+)", text)
    if found is None:
        return text, []
    clocks = re.findall(rf"{CLOCK}|\b\d{{1,2}}\b", found["clocks"])
    return found["rest"].strip(), [
        clock if clock[-1] not in "0123456789" or ":" in clock else f"at {clock.removeprefix('at ')}"
        for clock in clocks
    ]


def _set_times(draft: _Draft, texts: list[str] | None) -> None:
    if not texts:
        return
    read = [read_clock(text) for text in texts]
    minutes = {clock.minute for clock, _extra, _note in read}
    if len(minutes) > 1 or any(clock.second for clock, _extra, _note in read):
        raise ToolError("one rule has times of day with the same minute only; ask for each time by itself")
    draft.parts["BYHOUR"] = ",".join(str(hour) for hour in sorted({clock.hour for clock, _extra, _note in read}))
    draft.parts["BYMINUTE"] = str(minutes.pop())
    draft.notes += [note for _clock, _extra, note in read if note]


def _core(text: str, frame: Frame) -> _Draft | None:
    notes: list[str] = []
    first, _, rest = text.partition(" ")
    if first in WORDS:
        text = f"{WORDS[first]} {rest}".strip()
    elif first in DOUBTFUL:
        text, note = f"{DOUBTFUL[first][0]} {rest}".strip(), DOUBTFUL[first][1]
        notes.append(note)
    text = re.sub(r"^once 1 ", "every ", text)
    text = (
        re.sub(r"^(?:on )?(?=(?:\w+days)\b)(?!every)", "every ", text) if re.match(rf"(?:on )?{DAY}s\b", text) else text
    )
    for pattern, rule in CORES:
        found = pattern.fullmatch(text)
        if found is not None and (draft := rule(found, frame)) is not None:
            draft.notes[:0] = notes
            return draft
    return None


def _step(word: str | None) -> int:
    if not word:
        return 1
    return 2 if word in {"other", "alternate"} else int(re.sub(r"\D", "", word))


def _listed(text: str) -> list[int]:
    """The weekdays of a list or of a range such as "monday to friday"."""
    numbers = [weekday_number(word) for word in re.findall(DAY, text)]
    if re.search(r" (?:to|through|-) ", text):
        size = (numbers[1] - numbers[0]) % 7
        return [(numbers[0] + step) % 7 for step in range(size + 1)]
    return numbers


def _weekly(step: int, weekdays: list[int], *notes: str) -> _Draft:
    parts = {"FREQ": "WEEKLY"} | ({"INTERVAL": str(step)} if step > 1 else {})
    parts["BYDAY"] = ",".join(DAYS[number] for number in sorted(set(weekdays)))
    return _Draft(parts, list(notes), weekdays)


def _unit(found: re.Match[str], _frame: Frame) -> _Draft | None:
    """`every 3 days`, `every 2 weeks on tuesday`, `every month on the 15th`."""
    unit, step, on = found["unit"], _step(found["step"]), found["on"]
    if unit == "workday":
        if step > 1:
            raise ToolError(
                "no rule can state every so many business days; list them one by one with 'in N business days'"
            )
        return _weekly(1, [0, 1, 2, 3, 4]) if on is None else None
    if unit == "weekend":
        return _weekly(step, [5, 6]) if on is None else None
    name, size = FREQUENCIES[unit]
    parts = {"FREQ": name} | ({"INTERVAL": str(step * size)} if step * size > 1 else {})
    if on is None:
        return _Draft(parts, [], [])
    if name == "WEEKLY" and re.fullmatch(_DAY_LIST, on):
        return _weekly(step * size, _listed(on))
    if name == "MONTHLY":
        return _on_month(parts, on)
    if name == "YEARLY" and (dated := _dated(on)) is not None:
        return _Draft(parts | dated, [], [])
    return None


def _on_month(parts: dict[str, str], on: str) -> _Draft | None:
    """`on the 15th`, `on the last day`, `on the third thursday`, `on the first business day`."""
    nths = re.fullmatch(rf"(?:day )?(?P<nths>{_NTH_LIST}|\d{{1,2}})(?: day)?", on)
    if nths is not None and "last" not in on:
        days = [int(number) for number in re.findall(r"\d+", on)]
        short = [day for day in days if day > 28]
        note = [f"months without a day {short[0]} are left out"] if short else []
        return _Draft(parts | {"BYMONTHDAY": ",".join(map(str, days))}, note, [])
    if re.fullmatch(r"last(?: day)?", on):
        return _Draft(parts | {"BYMONTHDAY": "-1"}, [], [])
    named = re.fullmatch(rf"(?P<nths>{_NTH_LIST}) (?P<day>{DAY}|workday)s?", on)
    if named is None:
        return None
    numbers = [_signed(word) for word in re.findall(_NTH, named["nths"])]
    if named["day"] == "workday":
        return _Draft(parts | {"BYDAY": WORKDAYS, "BYSETPOS": ",".join(map(str, numbers))}, [], [])
    day = DAYS[weekday_number(named["day"])]
    return _Draft(parts | {"BYDAY": ",".join(f"{number}{day}" for number in numbers)}, [], [])


def _signed(word: str) -> int:
    number = int(re.sub(r"\D", "", word) or 1)
    return -number if "last" in word else number


def _dated(text: str) -> dict[str, str] | None:
    """A day of the year without a year."""
    named = re.fullmatch(
        rf"(?P<m>{MONTH}) (?P<d>{NTH}|\d{{1,2}})|(?P<d2>{NTH}|\d{{1,2}}) (?:of )?(?P<m2>{MONTH})", text
    )
    if named is not None:
        month, day = month_number(named["m"] or named["m2"]), int(re.sub(r"\D", "", named["d"] or named["d2"]))
    elif text in NAMED_DAYS:
        month, day = NAMED_DAYS[text]
    elif re.fullmatch(MONTH, text):
        month, day = month_number(text), 1
    else:
        return None
    return {"BYMONTH": str(month), "BYMONTHDAY": str(day)}


def _weekdays(found: re.Match[str], _frame: Frame) -> _Draft:
    """`every tuesday`, `every second tuesday`, `every monday and thursday`."""
    step, days = found["step"], _listed(found["days"])
    if step is None or step in {"other", "alternate"}:
        return _weekly(_step(step), days)
    number = _step(step)
    if number == 1:
        parts = {"FREQ": "MONTHLY", "BYDAY": ",".join(f"1{DAYS[day]}" for day in days)}
        return _Draft(parts, ["read as the first one of every month"], [])
    note = f"ambiguous: read as every {number} weeks; for once a month say 'the {step} {found['days']} of every month'"
    return _weekly(number, days, note)


def _last_weekday(found: re.Match[str], _frame: Frame) -> _Draft | None:
    return _on_month({"FREQ": "MONTHLY"}, found["on"])


def _yearly(found: re.Match[str], _frame: Frame) -> _Draft | None:
    dated = _dated(found["on"])
    if dated is None:
        return None
    note = ["no day said: the first of the month"] if re.fullmatch(MONTH, found["on"]) else []
    return _Draft({"FREQ": "YEARLY"} | dated, note, [])


def _weekday_and_date(found: re.Match[str], _frame: Frame) -> _Draft:
    """`every friday the 13th`."""
    day, nth = DAYS[weekday_number(found["day"])], re.sub(r"\D", "", found["nth"])
    return _Draft({"FREQ": "MONTHLY", "BYDAY": day, "BYMONTHDAY": nth}, [], [])


def _of_month(found: re.Match[str], _frame: Frame) -> _Draft | None:
    step = _step(found["step"])
    months = 3 if found["unit"] == "quarter" else 1
    if months == 3:
        raise ToolError("say the months: a rule counts weekdays within months, not within quarters")
    return _on_month({"FREQ": "MONTHLY"} | ({"INTERVAL": str(step)} if step > 1 else {}), found["on"])


def _of_named_month(found: re.Match[str], _frame: Frame) -> _Draft | None:
    draft = _on_month({"FREQ": "YEARLY", "BYMONTH": str(month_number(found["month"]))}, found["on"])
    if draft is not None and "BYSETPOS" in draft.parts:
        draft.parts["FREQ"] = "YEARLY"
    return draft


CORES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Frame], _Draft | None]], ...]] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"every {_STEP}(?P<unit>{'|'.join([*FREQUENCIES, 'workday', 'weekend'])})s?(?: on (?P<on>.+))?", _unit),
        (rf"every {_STEP}(?P<days>{_DAY_LIST})", _weekdays),
        (rf"every (?P<on>last (?:{DAY}|workday))", _last_weekday),
        (rf"(?:on |every )?(?P<on>.+?) (?:of|in) (?:every |1 ){_STEP}(?P<unit>month|quarter)s?", _of_month),
        (rf"every (?P<on>{_NTH_LIST} (?:{DAY}|workday|day)) (?:of|in) (?P<step>)(?P<unit>month)", _of_month),
        (rf"every (?P<on>{_NTH_LIST} (?:{DAY}|workday|day)) (?:of|in) (?P<month>{MONTH})", _of_named_month),
        (rf"(?P<on>{_NTH_LIST} (?:{DAY}|workday|day)) (?:of|in) every (?P<month>{MONTH})", _of_named_month),
        (rf"every (?P<on>{NTH}(?: and {NTH}){{0,5}})(?P<step>)(?P<unit>)", _of_month),
        (rf"every (?P<day>{DAY}) (?P<nth>{NTH})", _weekday_and_date),
        (r"every (?P<on>.+)", _yearly),
        (r"(?:on )?(?P<on>.+) every (?P<unit>year)", _yearly),
    )
)
"""Phrases and what they mean, the more special first."""
