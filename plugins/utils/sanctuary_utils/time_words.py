"""The English words of dates and times, and a phrase brought into one plain form before it is read."""

from __future__ import annotations

import re
import unicodedata
from datetime import time
from typing import Final

from sanctuary_utils.time_input import make_clock

LONGEST_TEXT: Final = 500
"""Characters of a phrase, so that reading one takes milliseconds whatever it holds."""
WEEKDAY_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTH_NAMES: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip  # two half-years
DAY: Final = f"(?:{'|'.join(WEEKDAY_NAMES)})"
MONTH: Final = f"(?:{'|'.join(MONTH_NAMES)})"
NTH: Final = r"(?:\d{1,2}(?:st|nd|rd|th))"
YEAR: Final = r"(?:[1-9]\d{3})"
UNITS: Final = {
    "second": "second", "seconds": "second", "sec": "second", "secs": "second", "s": "second",
    "minute": "minute", "minutes": "minute", "min": "minute", "mins": "minute", "m": "minute",
    "hour": "hour", "hours": "hour", "hr": "hour", "hrs": "hour", "h": "hour",
    "day": "day", "days": "day", "d": "day", "night": "day", "nights": "day",
    "week": "week", "weeks": "week", "wk": "week", "wks": "week", "w": "week",
    "fortnight": "fortnight", "fortnights": "fortnight",
    "month": "month", "months": "month", "mo": "month", "mos": "month",
    "quarter": "quarter", "quarters": "quarter",
    "year": "year", "years": "year", "yr": "year", "yrs": "year", "y": "year",
    "decade": "decade", "decades": "decade", "century": "century", "centuries": "century",
    "workday": "workday", "workdays": "workday",
}  # fmt: skip  # spellings of one unit side by side
UNIT: Final = f"(?:{'|'.join(sorted(UNITS, key=len, reverse=True))})"
NUMBER: Final = r"\d{1,10}(?:\.\d{1,3})?"
AMOUNT: Final = f"{NUMBER} {UNIT}"
AMOUNTS: Final = f"{AMOUNT}(?: (?:and )?{AMOUNT}){{0,5}}"
CLOCK: Final = (
    r"(?:(?:at |@ ?)?(?:\d{1,2}(?::\d{2}){0,2} ?[ap]m|\d{1,2}(?::\d{2}){1,2}|noon|midday|midnight"
    r"|(?:half|quarter|5|10|20|25|\d{1,2} minutes?) (?:past|to) \d{1,2}(?: ?[ap]m)?"
    r"|(?:in )?(?:early )?(?:morning|afternoon|evening|night))|at \d{1,2})"
)
PARTS_OF_DAY: Final = {"morning": 9, "afternoon": 15, "evening": 18, "night": 21}
"""Hours that stand for a part of the day; every use is remarked on."""

_NUMBERS: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40",
    "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100",
}  # fmt: skip  # a table, not a list
_ORDINALS: Final = {
    "first": "1st", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th",
    "eighth": "8th", "ninth": "9th", "tenth": "10th", "eleventh": "11th", "twelfth": "12th", "thirteenth": "13th",
    "fourteenth": "14th", "fifteenth": "15th", "sixteenth": "16th", "seventeenth": "17th", "eighteenth": "18th",
    "nineteenth": "19th", "twentieth": "20th", "thirtieth": "30th",
}  # fmt: skip  # a table, not a list
_TAILS: Final = {word: number for word, number in _NUMBERS.items() if len(number) == 1} | {
    word: nth for word, nth in _ORDINALS.items() if len(nth) == 3
} | {"one": "1", "second": "2nd"}  # fmt: skip  # one thought
_COMPOUNDS: Final = {
    f"{tens}-{word}": f"{digit}{tail}"
    for tens, digit in (("twenty", 2), ("thirty", 3), ("forty", 4), ("fifty", 5))
    for word, tail in _TAILS.items()
}
_SHORT_DAYS: Final = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "weds": "wednesday", "thu": "thursday",
    "thur": "thursday", "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip  # a table, not a list
_SHORT_MONTHS: Final = {name[:3]: name for name in MONTH_NAMES} | {"sept": "september"}
_OTHER: Final = {
    "tmrw": "tomorrow", "tmr": "tomorrow", "tomorow": "tomorrow", "tommorow": "tomorrow", "tommorrow": "tomorrow",
    "previous": "last", "upcoming": "coming", "each": "every", "til": "until", "till": "until",
    "thru": "through", "beginning": "start", "ending": "end", "eom": "end of month", "eoq": "end of quarter",
    "eoy": "end of year", "eow": "end of week", "eod": "end of day", "cob": "end of day",
}  # fmt: skip  # a table, not a list
_WORDS: Final = _NUMBERS | _ORDINALS | _COMPOUNDS | _SHORT_DAYS | _SHORT_MONTHS | _OTHER
_AFTER_ORDINALS: Final = "last|mon|tue|wed|thu|fri|sat|sun|day|week|work|month|quarter|half|of|year"
"""How words start that make "second" the one after the first, not a sixtieth of a minute."""
_REWRITES: Final = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        ("[\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}]", "'"),
        ("[\u2010-\u2015\N{MINUS SIGN}]", "-"),
        (r"\b([ap])\.m\.?(?=\W|$)", r"\1m"),
        (r"(?<=\d)(?=[ap]m\b)", ""),
        (r"\bo'?clock\b", ""),
        (r"[,;?!]|\.(?=\s|$)", " "),
        (r"\bthe\b", " "),
        (r"\b(?:business|working|work|week)[ -]?(days?)\b", r"work\1"),
        (
            r"(?:\b|(?<=\d[hmdw]))(\d{1,3})(h|hrs?|mins?|secs?|m|d|w|wks?|mo|yrs?|y|hours?|minutes?|days?|weeks?|months?|years?)(?=\d|\b)",
            r"\1 \2 ",
        ),
        (r"\btonight (?:at )?([1-9]|1[01])(:\d\d)?(?: ?pm)?\s*$", r"today at \1\2pm"),
        (r"^(?:at )?([1-9]|1[01])(:\d\d)?(?: ?pm)? tonight\s*$", r"today at \1\2pm"),
        (r"\btonight (?:at )?(?=(?:1[3-9]|2[0-3]):\d\d\s*$)", "today at "),
        (r"^how old (?:is|was|am|are|will) [^\d]{0,60}?born (?:on )?|^age of [^\d]{0,60}?born (?:on )?", "days since "),
        (r"^(?:what (?:workday|day of +week) (?:is|was|will be)|(?:workday|day of +week)(?: of| on)?) ", ""),
        (r"\bhalf an? hour\b", "30 minutes"),
        (r"\bhalf a year\b", "6 months"),
        (r"\bquarter of an hour\b", "15 minutes"),
        (r"\ban hour and a half\b", "90 minutes"),
        (r"\ban? (?:couple|pair) of\b", "2"),
        (rf"\b(twenty|thirty|forty|fifty)[ -]({'|'.join(_TAILS)})\b", r"\1-\2"),
        (rf"(?<!\d )\bsecond(?= (?:to )?(?:{_AFTER_ORDINALS}))", "2nd"),
        (rf"(?<![\w-])(?:one|an?)(?= {UNIT}\b)", "1"),
    )
)


def normalise(text: str) -> str:
    """A phrase in lower case, with plain numbers, full names and no articles or commas."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    for pattern, replacement in _REWRITES:
        plain = pattern.sub(replacement, plain)
    words = [_WORDS.get(word, word) for word in plain.split()]
    plain = re.sub(r"\b(\d+) and a half (?=hours?\b|days?\b|weeks?\b)", r"\1.5 ", " ".join(words))
    return re.sub(
        r"^(?:(?:when|what|what date|what day|which date|which day) (?:is|was|will be)(?: it)? |on |by )", "", plain
    )


def weekday_number(word: str) -> int:
    """0 for Monday to 6 for Sunday."""
    return WEEKDAY_NAMES.index(word.removesuffix("s"))


def month_number(word: str) -> int:
    """1 to 12."""
    return MONTH_NAMES.index(word) + 1


def unit_name(word: str) -> str:
    """The unit that a spelling of it means."""
    return UNITS[word]


def amounts(text: str) -> list[tuple[float, str]]:
    """The numbers and units of `AMOUNTS`."""
    if text in UNITS:
        return [(1.0, UNITS[text])]
    return [(float(number), unit_name(unit)) for number, unit in re.findall(rf"({NUMBER}) ({UNIT})\b", text)]


def read_clock(text: str) -> tuple[time, int, str]:
    """The time of day that `CLOCK` matched, 1 where it ends the day (24:00), and a remark on what was assumed.

    Raises:
        ToolError: there is no such time.
    """
    words = re.sub(r"^(?:at |@ ?|in )+|early ", "", text)
    if words in PARTS_OF_DAY:
        hour = PARTS_OF_DAY[words]
        return time(hour), 0, f"{words} is taken as {hour:02}:00; say the hour for another"
    if words in {"noon", "midday"}:
        return time(12), 0, ""
    if words == "midnight":
        return time(), 0, "midnight is taken as 00:00, the start of that day; 24:00 means its end"
    if (
        told := re.fullmatch(r"(half|quarter|\d{1,2})(?: minutes?)? (past|to) (\d{1,2})(?: ?([ap])m)?", words)
    ) is not None:
        return _told_clock(told)
    found = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?(?: ?([ap])m)?", words)
    assert found is not None  # CLOCK has no other form
    hour, minute, second = (int(found[group] or 0) for group in (1, 2, 3))
    clock, extra = make_clock(hour, minute, second, half=found[4] or "")
    bare = not found[4] and not found[2] and 1 <= hour <= 12
    return clock, extra, f"{hour} without am or pm is taken as {hour:02}:00" if bare else ""


def _told_clock(told: re.Match[str]) -> tuple[time, int, str]:
    size = {"half": 30, "quarter": 15}.get(told[1]) or int(told[1])
    hour = int(told[3])
    start, extra = make_clock(hour, 0, half=told[4] or "")
    minutes = (start.hour * 60 + (size if told[2] == "past" else -size)) % 1440
    note = "" if told[4] or hour > 12 else f"{told[0]} without am or pm is taken as the one before noon"
    clock = time(minutes // 60, minutes % 60)
    if told[1].isdigit() and told[2] == "to" and "minute" not in told[0]:
        note = f"{told[0]} is read as {clock:%H:%M}; for a range say 'from' with am or pm"
    return clock, extra, note
