"""Dates in other languages than English, read by `dateparser`, and believed only where nothing was overlooked."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sanctuary_utils.time_days import month_end
from sanctuary_utils.time_frame import Frame, Point, Span, days_span
from sanctuary_utils.time_input import make_clock, make_date

LANGUAGES: Final = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "uk", "tr", "ja", "zh")
"""Each further one makes a miss slower; with these it takes about 0.7 s, with all of dateparser's 3 s and more."""
NAMES: Final = {
    "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish",
    "sv": "Swedish", "ru": "Russian", "uk": "Ukrainian", "tr": "Turkish", "ja": "Japanese", "zh": "Chinese",
}  # fmt: skip  # a table, not a list
LONGEST: Final = 60
"""Characters that are handed on; a date in words is shorter, and time grows with length times languages."""
ENGLISH: Final = frozenset(
    {
        "the", "every", "each", "next", "previous", "between", "until", "from", "ago", "after", "before", "day", "days",
        "weeks", "month", "months", "year", "years", "today", "tomorrow", "yesterday", "what", "when", "this", "and",
    }
)  # fmt: skip  # a list of words
"""Words of no other language read here: a phrase with one of them is English that nobody understood."""
_AT: Final = re.compile(
    r"(?P<rest>.+?),? (?:um|à|a las|a la|alle|às|om|kl\.?|o|в|saat) (?P<hour>\d{1,2})(?: ?[:h.] ?(?P<minute>\d{2}))?"
    r"(?: ?(?:uhr|h|heures?|horas?|uur))?",
    re.IGNORECASE,
)


def find_foreign(text: str, frame: Frame) -> Point | Span | None:
    """The date, moment or month that a phrase in another language names, or `None`."""
    if len(text) > LONGEST or not re.search(r"[^\W\d_]", text):
        return None
    words = " ".join(text.split())
    if ENGLISH & set(words.casefold().split()):
        return None
    clock: time | None = None
    if (found := _AT.fullmatch(words)) is not None:
        words = found["rest"]
        clock, extra = make_clock(int(found["hour"]), int(found["minute"] or 0))
        if extra:
            return None
    read = _read(words, frame)
    if read is None:
        return None
    moment, period, language = read
    note = f"read as {NAMES.get(language[:2], language)} by dateparser"
    numbers = [int(number) for number in re.findall(r"\d{1,9}", words)]
    if not set(numbers) <= _meant(moment, frame):
        return None
    if period in {"month", "year"} and all(number > 999 for number in numbers):
        return _period(moment.date(), period, note) if numbers and clock is None else None
    if period == "time" and clock is None:
        return Point(moment.date(), moment.time()).noted(note)
    if period == "time":
        return None
    point = Point(moment.date()).noted(note)
    return point if clock is None else point.at(clock)


def _period(day: date, period: str, note: str) -> Span:
    if period == "month":
        first = day.replace(day=1)
        return days_span(first, month_end(first), f"{first:%B} {first.year}", note)
    return days_span(make_date(day.year, 1, 1), make_date(day.year, 12, 31), f"the year {day.year}", note)


def _read(text: str, frame: Frame) -> tuple[datetime, str, str] | None:
    # dateparser costs 130 ms and 25 MB to import, which only phrases in other languages should pay.
    from dateparser.date import DateDataParser  # noqa: PLC0415  # start-up cost

    settings: dict[str, Any] = {
        "RELATIVE_BASE": frame.now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "RETURN_AS_TIMEZONE_AWARE": False,
        "RETURN_TIME_AS_PERIOD": True,
        "TIMEZONE": "UTC",
        "DATE_ORDER": "MDY" if frame.order == "mdy" else "DMY",
        "PARSERS": ["relative-time", "absolute-time"],
    }
    try:
        data = DateDataParser(languages=list(LANGUAGES), settings=settings).get_date_data(text)
    except Exception:  # noqa: BLE001  # what it raises for odd text is not documented; to us it is a miss
        return None
    moment = data.date_obj
    if moment is None:
        return None
    return moment.replace(tzinfo=None), str(data.period), str(data.locale or "")


def _meant(moment: datetime, frame: Frame) -> set[int]:
    """The numbers that a phrase for this moment may hold; dateparser drops what it does not understand."""
    distance = abs(moment - frame.now.replace(tzinfo=None)) + timedelta(seconds=1)
    days, months = distance.days, abs((moment.year - frame.now.year) * 12 + moment.month - frame.now.month)
    seconds = int(distance.total_seconds())
    parts = {moment.year, moment.month, moment.day, moment.hour, moment.hour % 12 or 12, moment.minute}
    distances = {days, days // 7, months, months // 12, seconds // 60, seconds // 3600, seconds - 1}
    return parts | distances
