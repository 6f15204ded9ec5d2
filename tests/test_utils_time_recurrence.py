"""Recurrences in words, as rules (RFC 5545) and as cron expressions."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanctuary_host import ToolError
from sanctuary_utils.time import time_parse

NOW = "2026-11-25T14:30:17"  # a Wednesday


def parse(text, **keywords):
    return time_parse(text, **({"zone": "Europe/Berlin", "now": NOW, "count": 3} | keywords))


def days(parsed):
    return [text[5:16].replace("T", " ") for text in parsed.occurrences]


@pytest.mark.parametrize(
    ("text", "rule", "occurrences"),
    [
        ("every tuesday", "FREQ=WEEKLY;BYDAY=TU", ["12-01", "12-08", "12-15"]),
        (
            "every second tuesday until 2026-12-31",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20261231",
            ["12-01", "12-15", "12-29"],
        ),
        ("second tuesday of every month", "FREQ=MONTHLY;BYDAY=2TU", ["12-08", "01-12", "02-09"]),
        ("every last friday of the month", "FREQ=MONTHLY;BYDAY=-1FR", ["11-27", "12-25", "01-29"]),
        ("every day at 9am", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", ["11-26 09:00", "11-27 09:00", "11-28 09:00"]),
        ("at 15:00 every day", "FREQ=DAILY;BYHOUR=15;BYMINUTE=0", ["11-25 15:00", "11-26 15:00", "11-27 15:00"]),
        ("every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", ["11-25", "11-26", "11-27"]),
        ("mondays and thursdays", "FREQ=WEEKLY;BYDAY=MO,TH", ["11-26", "11-30", "12-03"]),
        ("every other monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", ["11-30", "12-14", "12-28"]),
        ("monthly on the 31st", "FREQ=MONTHLY;BYMONTHDAY=31", ["12-31", "01-31", "03-31"]),
        ("every month on the last day", "FREQ=MONTHLY;BYMONTHDAY=-1", ["11-30", "12-31", "01-31"]),
        (
            "last business day of every month",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            ["11-30", "12-31", "01-29"],
        ),
        ("every year on march 3", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=3", ["03-03", "03-03", "03-03"]),
        ("every 3 days for 5 times", "FREQ=DAILY;INTERVAL=3;COUNT=5", ["11-25", "11-28", "12-01"]),
        ("every day from tomorrow for 3 days", "FREQ=DAILY;UNTIL=20261128", ["11-26", "11-27", "11-28"]),
        (
            "every 2 weeks on tuesday starting 2026-12-08",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
            ["12-08", "12-22", "01-05"],
        ),
        ("every second monday of november", "FREQ=YEARLY;BYMONTH=11;BYDAY=2MO", ["11-08", "11-13", "11-12"]),
        ("every 15 minutes", "FREQ=MINUTELY;INTERVAL=15", ["11-25 14:30", "11-25 14:45", "11-25 15:00"]),
        ("every 1st and 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15", ["12-01", "12-15", "01-01"]),
        ("every friday the 13th", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["08-13", "10-13", "04-13"]),
        ("every night at 10pm", "FREQ=DAILY;BYHOUR=22;BYMINUTE=0", ["11-25 22:00", "11-26 22:00", "11-27 22:00"]),
        ("every morning", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", ["11-26 09:00", "11-27 09:00", "11-28 09:00"]),
        ("quarterly", "FREQ=MONTHLY;INTERVAL=3", ["11-25", "02-25", "05-25"]),
    ],
)
def test_words_become_a_rule_and_its_occurrences(text, rule, occurrences):
    parsed = parse(text)
    assert parsed.kind == "recurrence"
    assert parsed.facts["rrule"] == rule
    assert days(parsed) == occurrences


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every second tuesday", "ambiguous"),
        ("biweekly", "ambiguous"),
        ("every 31st", "left out"),
        ("every 2 weeks", "counted from 2026-11-25"),
    ],
)
def test_what_a_recurrence_leaves_open_is_named(text, words):
    assert any(words in note for note in parse(text).notes)


def test_holidays_are_left_out_of_business_days():
    assert days(parse("every weekday at 9am", holidays=["2026-11-26"])) == ["11-27 09:00", "11-30 09:00", "12-01 09:00"]
    with pytest.raises(ToolError, match="holidays"):
        parse("last business day of every month", holidays=["2026-12-31"])


@pytest.mark.parametrize(
    ("text", "occurrences"),
    [
        ("FREQ=MONTHLY;BYDAY=3TH;COUNT=5", ["12-17", "01-21", "02-18"]),
        ("rrule:freq=weekly;byday=mo,fr", ["11-27", "11-30", "12-04"]),
        ("FREQ=DAILY;BYHOUR=9", ["11-26 09:00", "11-27 09:00", "11-28 09:00"]),
        ("FREQ=MINUTELY;INTERVAL=15;BYHOUR=9", ["11-26 09:00", "11-26 09:15", "11-26 09:30"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["02-29", "02-29", "02-29"]),
        ("DTSTART:20260105\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE:20260112", ["01-05", "01-19", "01-26"]),
        (
            "DTSTART;TZID=America/New_York:20260101T093000\nRRULE:FREQ=DAILY",
            ["01-01 09:30", "01-02 09:30", "01-03 09:30"],
        ),
    ],
)
def test_a_rule_is_expanded(text, occurrences):
    assert days(parse(text)) == occurrences


def test_daily_occurrences_keep_the_clock_and_hourly_ones_the_distance():
    daily = parse("DTSTART:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3")
    assert daily.occurrences == ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert any("never" in note for note in daily.notes)
    hourly = parse("DTSTART:20260329T013000\nRRULE:FREQ=HOURLY;COUNT=3")
    assert hourly.occurrences == ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"]


def test_a_rule_that_starts_in_the_past_also_tells_what_comes_next():
    parsed = parse("DTSTART:20250106T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2")
    assert parsed.occurrences[0] == "2025-01-06T09:00:00+01:00"
    assert parsed.facts["next_from_reference"] == "2026-12-07T09:00:00+01:00"


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=7;BYHOUR=3;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=7",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=3",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1;INTERVAL=1000",
    ],
)
def test_a_rule_that_never_matches_is_answered_with_a_sentence(text):
    with pytest.raises(ToolError, match="never occurs between"):
        parse(text)


def test_an_endless_rule_gives_the_first_occurrences_and_says_that_there_are_more():
    parsed = parse("FREQ=SECONDLY", count=100)
    assert len(parsed.occurrences) == 100
    assert parsed.facts["more"] == "yes"
    assert parsed.end == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FREQ=DAILY;COUNT=1000000000", "COUNT must be"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be"),
        ("FREQ=DAILY;INTERVAL=99999999", "INTERVAL must be"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "not both"),
        ("FREQ=FORTNIGHTLY", "needs FREQ"),
        ("FREQ=DAILY;FREQ=WEEKLY", "twice"),
        ("FREQ=DAILY;BYEASTER=0", "unknown part"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR takes"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY takes"),
        ("FREQ=DAILY;BYHOUR=" + "1," * 100, "at most 62"),
        ("FREQ=WEEKLY;BYDAY=2MO", "number before a weekday"),
        ("FREQ=DAILY;BYDAY=XX", "BYDAY takes"),
        ("FREQ=DAILY;UNTIL=tomorrow", "dates in a rule"),
        ("FREQ=DAILY;UNTIL=20260101", "its UNTIL"),
        ("FREQ=DAILY;BYHOUR", "name=value"),
        ("DTSTART:20260230\nRRULE:FREQ=DAILY", "that month has 28 days"),
        ("RRULE:FREQ=DAILY\nRDATE:20260101", "RDATE"),
        ("every 3 business days", "business days"),
        ("every day at 9:00 and 17:30", "same minute"),
        ("every day until nevermore", "cannot be read"),
        ("every blue moon", "cannot be read"),
        ("every day 5 times until 2027-01-01", "not both"),
        ("every " * 80, "cannot be read"),
    ],
)
def test_a_faulty_recurrence_is_refused_in_a_sentence_that_helps(text, words):
    with pytest.raises(ToolError) as error:
        parse(text)
    assert words in str(error.value)


STARTS = st.integers(788_918_400, 2_051_222_400).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
)
PARTS = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"])},
    optional={
        "INTERVAL": st.integers(1, 12).map(str),
        "BYMONTH": st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(
            lambda n: ",".join(map(str, n))
        ),
        "BYMONTHDAY": st.sampled_from(["1", "15,-1", "31", "-2", "28,29,30"]),
        "BYDAY": st.sampled_from(["MO", "TU,TH", "MO,TU,WE,TH,FR", "SA,SU", "1MO", "-1FR", "2TU,-2SU"]),
        "BYHOUR": st.sampled_from(["0", "9,17", "23"]),
        "BYMINUTE": st.sampled_from(["0", "15,45"]),
        "BYSECOND": st.sampled_from(["0", "30"]),
        "BYSETPOS": st.sampled_from(["1", "-1", "2,-2"]),
        "COUNT": st.integers(1, 6).map(str),
    },
)


@given(PARTS, STARTS)
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_occurrences_equal_those_of_an_independent_implementation(parts, start):
    if parts["FREQ"] == "WEEKLY":
        parts = {key: value for key, value in parts.items() if key != "BYSETPOS"}  # it counts from the start's weekday
    rrulestr = pytest.importorskip("dateutil.rrule").rrulestr
    rule = ";".join(f"{key}={value}" for key, value in parts.items())
    try:
        parsed = time_parse(f"DTSTART:{start:%Y%m%dT%H%M%S}\nRRULE:{rule}", now="1990-01-01", count=6)
    except ToolError:
        return  # combinations that the standard forbids, or that never match
    mine = [datetime.fromisoformat(text).replace(tzinfo=None) for text in parsed.occurrences]
    # Its search is unbounded, so it is only asked for what is known to be there.
    bounded = rule if "COUNT" in parts else f"{rule};UNTIL={mine[-1]:%Y%m%dT%H%M%S}"
    assert mine == list(itertools.islice(rrulestr(bounded, dtstart=start), 6))


@pytest.mark.parametrize(
    ("text", "occurrences"),
    [
        ("0 9 * * 1-5", ["11-26 09:00", "11-27 09:00", "11-30 09:00"]),
        ("*/15 * * * *", ["11-25 14:45", "11-25 15:00", "11-25 15:15"]),
        ("@daily", ["11-26 00:00", "11-27 00:00", "11-28 00:00"]),
        ("cron: 0 12 * * mon", ["11-30 12:00", "12-07 12:00", "12-14 12:00"]),
        ("30 * * * * *", ["11-25 14:30", "11-25 14:31", "11-25 14:32"]),
        ("0 0 29 2 *", ["02-29 00:00", "02-29 00:00", "02-29 00:00"]),
        ("0 0 13 * 5", ["11-27 00:00", "12-04 00:00", "12-11 00:00"]),
    ],
)
def test_a_cron_expression_gives_its_next_times(text, occurrences):
    assert days(parse(text)) == occurrences


def test_a_cron_job_at_a_skipped_time_runs_after_the_gap():
    parsed = parse("30 2 * * *", now="2026-03-28T12:00:00")
    assert parsed.occurrences[:2] == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 30 2 *", "never occurs"),
        ("0 0 31 4,6,9,11 *", "never occurs"),
        ("60 * * * *", "Bad minute"),
        ("* * * *", "5 fields"),
        ("* * * * * * *", "5 fields"),
        ("@reboot", "@daily"),
        ("0 0 ? * 1", "Quartz"),
        ("9" * 100 + " * * * *", "Bad minute"),
    ],
)
def test_an_impossible_cron_expression_is_answered_with_a_sentence(text, words):
    with pytest.raises(ToolError) as error:
        parse(text)
    assert words in str(error.value)
