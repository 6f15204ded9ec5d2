"""What hostile callers send, and what the tools cost in a catalogue."""

import json
import random

import pytest

from sanctuary_host import ToolError
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_utils.time import register_tools, time_convert, time_now, time_parse


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000,
        "every " * 10**5,
        "in 1 day and " * 10_000,
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 501,
    ],
)
def test_a_long_text_is_refused_by_the_schema_and_by_the_function(text):
    with pytest.raises(ArgumentsError, match="at most 500"):
        describe(time_parse).keywords({"text": text})
    with pytest.raises(ToolError, match="at most 500"):
        time_parse(text)


@pytest.mark.parametrize(
    "keywords",
    [
        {"now": "x" * 1_000_000},
        {"zone": "x" * 1_000_000},
        {"count": 10**9},
        {"count": 0},
        {"holidays": ["2026-12-25"] * 401},
        {"holidays": ["x" * 1_000_000]},
        {"holidays": ["2026-02-30"]},
    ],
)
def test_hostile_settings_are_refused_in_short_sentences(keywords):
    with pytest.raises(ToolError) as error:
        time_parse("today", **keywords)
    assert len(str(error.value)) < 400


def answered_or_refused(text, now):
    """Whether a text has an answer; a refusal must be a short sentence, and anything else is a crash."""
    try:
        return str(time_parse(text, zone="Europe/Berlin", now=now, count=3))
    except ToolError as error:
        return None if len(str(error)) < 400 else pytest.fail("a long refusal")


@pytest.mark.parametrize(
    "piece",
    ["9", "-", "at 5 ", "to ", "of the ", "every 1st and ", "9am to ", "1 d ", "(", "\x00", "\u200d", "0,", "* "],
)
def test_repeated_pieces_are_refused_and_never_crash(piece):
    assert answered_or_refused(piece * (500 // len(piece)), "2026-11-25") is None


WORDS = [
    "every",
    "next",
    "last",
    "this",
    "first",
    "second",
    "3rd",
    "31st",
    "day",
    "days",
    "weeks",
    "month",
    "quarter",
    "year",
    "monday",
    "fridays",
    "of",
    "in",
    "on",
    "at",
    "to",
    "from",
    "until",
    "between",
    "and",
    "after",
    "before",
    "5pm",
    "17:00",
    "noon",
    "midnight",
    "2026",
    "2026-03-01",
    "03/04/2026",
    "march",
    "february",
    "29",
    "2",
    "10",
    "99999",
    "hours",
    "business",
    "ago",
    "now",
    "today",
    "tomorrow",
    "+",
    "-",
    "/",
    "end",
    "start",
    "Q3",
    "weekend",
    "christmas",
    "for",
    "times",
    "starting",
    "week",
    "53",
    "half",
    "past",
    "1.5",
    "a",
    "UTC",
    "PST",
    "Tokyo",
    "how",
    "many",
    "since",
    "rest",
    "24:00",
    "0",
    "daily",
    "9999-12-31",
    "0001-01-01",
    "ytd",
    "FREQ=DAILY;",
    "*",
    "1-5",
]


@pytest.mark.parametrize("now", ["2026-03-29T01:59", "0001-01-01 12:00", "9999-12-31 12:00"])
def test_words_in_any_order_give_an_answer_or_a_refusal(now):
    chance = random.Random(now)
    # Texts of more than 60 characters are not handed to the slow reader of other languages.
    texts = (" ".join(chance.choices(WORDS, k=chance.randint(1, 7))) + " " * 60 for _ in range(1500))
    assert sum(answered_or_refused(text, now) is not None for text in texts) > 20


def test_the_catalogue_entries_stay_within_their_budgets():
    sizes = {tool.__name__: len(json.dumps(describe(tool).wire(), separators=(",", ":"))) for tool in register_tools()}
    assert sizes["time_now"] <= 1050
    assert sizes["time_convert"] <= 1350
    assert sizes["time_parse"] <= 1600


def test_the_tools_say_honestly_that_they_change_nothing():
    for tool, runs in ((time_now, "inline"), (time_convert, "inline"), (time_parse, "worker")):
        described = describe(tool)
        assert described.runs == runs
        assert described.annotations == {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        }
