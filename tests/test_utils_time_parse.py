"""English phrases for dates, ranges and distances, and some in other languages."""

import pytest

from sanctuary_host import ToolError
from sanctuary_host.tools import describe
from sanctuary_utils.time import time_parse

NOW = "2026-11-25T14:30:17"  # a Wednesday
ZONE = "Europe/Berlin"


def parse(text, **keywords):
    return time_parse(text, **({"zone": ZONE, "now": NOW} | keywords))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("today", "2026-11-25"),
        ("Tomorrow", "2026-11-26"),
        ("the day after tomorrow", "2026-11-27"),
        ("the day before yesterday", "2026-11-23"),
        ("tomorrow 5pm", "2026-11-26T17:00:00+01:00"),
        ("5 p.m. tomorrow", "2026-11-26T17:00:00+01:00"),
        ("tomorrow at 17:30", "2026-11-26T17:30:00+01:00"),
        ("tomorrow at noon", "2026-11-26T12:00:00+01:00"),
        ("half past 3 pm tomorrow", "2026-11-26T15:30:00+01:00"),
        ("next friday", "2026-11-27"),
        ("Friday", "2026-11-27"),
        ("last friday", "2026-11-20"),
        ("friday next week", "2026-12-04"),
        ("monday after next", "2026-12-07"),
        ("friday the 13th", "2027-08-13"),
        ("in 3 hours", "2026-11-25T17:30:17+01:00"),
        ("in 1h30m", "2026-11-25T16:00:17+01:00"),
        ("half an hour ago", "2026-11-25T14:00:17+01:00"),
        ("in twenty-one days", "2026-12-16"),
        ("in two and a half hours", "2026-11-25T17:00:17+01:00"),
        ("what day is it today?", "2026-11-25"),
        ("by friday", "2026-11-27"),
        ("2 weeks ago", "2026-11-11"),
        ("a week from tomorrow", "2026-12-03"),
        ("3 days after 2026-03-01", "2026-03-04"),
        ("2026-01-31 + 1 month", "2026-02-28"),
        ("2028-02-29 plus 1 year", "2029-02-28"),
        ("one month before 31 March 2027", "2027-02-28"),
        ("the day before christmas", "2026-12-24"),
        ("third thursday of next month", "2026-12-17"),
        ("second to last friday of december", "2026-12-18"),
        ("last monday in may 2027", "2027-05-31"),
        ("first monday after 2026-12-25", "2026-12-28"),
        ("end of month", "2026-11-30"),
        ("eom", "2026-11-30"),
        ("end of Q3 2026", "2026-09-30"),
        ("start of next year", "2027-01-01"),
        ("last day of february", "2027-02-28"),
        ("last day of february 2028", "2028-02-29"),
        ("the 15th of next month", "2026-12-15"),
        ("day 60 of 2027", "2027-03-01"),
        ("March 3, 2026", "2026-03-03"),
        ("3rd of March 2026", "2026-03-03"),
        ("3 Mar 2026", "2026-03-03"),
        ("Friday 27 November 2026", "2026-11-27"),
        ("2026-03-01", "2026-03-01"),
        ("2026-11-25T10:00Z", "2026-11-25T11:00:00+01:00"),
        ("1767225600", "2026-01-01T01:00:00+01:00"),
        ("in 2 business days", "2026-11-27"),
        ("in 3 working days", "2026-11-30"),
        ("next business day", "2026-11-26"),
        ("last business day of the month", "2026-11-30"),
        ("2 business days before 2026-11-30", "2026-11-26"),
        ("100 business days after 2026-01-01", "2026-05-21"),
        ("tomorrow 5pm in Tokyo", "2026-11-26T17:00:00+09:00"),
        ("friday noon PST", "2026-11-27T12:00:00-08:00"),
    ],
)
def test_a_phrase_names_a_point_in_time(text, start):
    parsed = parse(text)
    assert parsed.start == start
    assert parsed.kind == ("moment" if "T" in start else "date")
    assert parsed.end == ""
    assert start[:10] in parsed.meaning


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("next week", "2026-11-30", "2026-12-06"),
        ("this weekend", "2026-11-28", "2026-11-29"),
        ("March 2026", "2026-03-01", "2026-03-31"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("Q3 2026", "2026-07-01", "2026-09-30"),
        ("second quarter of next year", "2027-04-01", "2027-06-30"),
        ("H1 2027", "2027-01-01", "2027-06-30"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("week 53 of 2026", "2026-12-28", "2027-01-03"),
        ("2026-W10", "2026-03-02", "2026-03-08"),
        ("month after next", "2027-01-01", "2027-01-31"),
        ("next 7 days", "2026-11-26", "2026-12-02"),
        ("last 30 days", "2026-10-26", "2026-11-24"),
        ("from monday to friday", "2026-11-30", "2026-12-04"),
        ("between monday and friday", "2026-11-30", "2026-12-04"),
        ("2026-03-01 to 2026-03-07", "2026-03-01", "2026-03-07"),
        ("2026-03-01/2026-03-07", "2026-03-01", "2026-03-07"),
        ("March 3-5, 2026", "2026-03-03", "2026-03-05"),
        ("3 \N{EN DASH} 7 March 2026", "2026-03-03", "2026-03-07"),
        ("March to May 2026", "2026-03-01", "2026-05-31"),
        ("november to february 2027", "2026-11-01", "2027-02-28"),
        ("december 20 to january 5", "2026-12-20", "2027-01-05"),
        ("from 9am to 5pm tomorrow", "2026-11-26T09:00:00+01:00", "2026-11-26T17:00:00+01:00"),
        ("tomorrow 9-5pm", "2026-11-26T09:00:00+01:00", "2026-11-26T17:00:00+01:00"),
        ("between 9am and 5pm tomorrow", "2026-11-26T09:00:00+01:00", "2026-11-26T17:00:00+01:00"),
        ("10pm to 2am", "2026-11-25T22:00:00+01:00", "2026-11-26T02:00:00+01:00"),
        ("last 24 hours", "2026-11-24T14:30:17+01:00", "2026-11-25T14:30:17+01:00"),
        ("rest of the month", "2026-11-25", "2026-11-30"),
    ],
)
def test_a_phrase_names_a_range(text, start, end):
    parsed = parse(text)
    assert (parsed.kind, parsed.start, parsed.end) == ("range", start, end)


def test_a_week_starts_where_the_caller_says():
    assert parse("next week", week_start="sunday").start == "2026-11-29"
    assert parse("sunday of next week", week_start="sunday").start == "2026-11-29"
    assert parse("sunday of next week").start == "2026-12-06"


def test_a_difference_counts_days_weeks_business_days_and_calendar_units():
    parsed = parse("days between 2026-01-01 and 2026-03-01")
    assert parsed.kind == "difference"
    assert parsed.facts == {
        "days_between": 59,
        "days_counting_both": 60,
        "weeks_and_days": "8 weeks 3 days",
        "calendar": "0 years 2 months 0 days",
        "business_days_counting_both": 42,
        "business_days_after_first": 41,
        "iso_weeks": "2026-W01 to 2026-W09",
    }


@pytest.mark.parametrize(
    ("first", "last", "calendar"),
    [
        ("2024-02-29", "2025-02-28", "0 years 11 months 30 days"),
        ("2026-01-31", "2026-02-28", "0 years 0 months 28 days"),
        ("2026-01-15", "2028-03-14", "2 years 1 months 28 days"),
        ("2026-03-01", "2026-03-01", "0 years 0 months 0 days"),
        ("0001-01-01", "9999-12-31", "9998 years 11 months 30 days"),
    ],
)
def test_a_calendar_difference_counts_whole_months_first(first, last, calendar):
    assert parse(f"days between {first} and {last}").facts["calendar"] == calendar


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("days until christmas", 30),
        ("how many days since 2026-01-01", 328),
        ("how long ago was 2020-01-01", 2520),
        ("how many days before christmas", 30),
        ("2026-03-01 minus 2026-01-01", 59),
        ("days between 2026-03-01 and 2026-01-01", -59),
        ("difference between 2024-02-28 and 2024-03-01", 2),
    ],
)
def test_a_distance_is_counted_in_the_direction_asked_for(text, days):
    assert parse(text).facts["days_between"] == days


def test_elapsed_time_knows_of_changed_clocks():
    facts = parse("hours between 2026-03-28 12:00 and 2026-03-29 12:00").facts
    assert facts["elapsed_seconds"] == 23 * 3600
    assert parse("3 hours after 2026-03-29T00:30").start == "2026-03-29T04:30:00+02:00"


def test_holidays_count_only_if_given():
    assert parse("in 2 business days", holidays=["2026-11-26"]).start == "2026-11-30"
    facts = parse("2026-12-21 to 2026-12-31", holidays=["2026-12-25", "2026-12-26"]).facts
    assert facts["business_days_counting_both"] == 8


@pytest.mark.parametrize(
    ("text", "keywords", "words"),
    [
        ("03/04/2026", {}, "2026-04-03"),
        ("next friday", {}, "2026-12-04"),
        ("next weekend", {}, "2026-11-28"),
        ("this monday", {}, "2026-11-23"),
        ("week of march 2", {}, "no year said"),
        ("wednesday", {}, "2026-12-02"),
        ("noon", {}, "has passed today"),
        ("tomorrow morning", {}, "09:00"),
        ("at 5 tomorrow", {}, "without am or pm"),
        ("2026-01-31 + 1 month", {}, "no day 31"),
        ("2026-03-29 02:30", {}, "never occurs"),
        ("tomorrow noon IST", {}, "Israel"),
    ],
)
def test_every_ambiguity_is_named_in_the_notes(text, keywords, words):
    assert any(words in note for note in parse(text, **keywords).notes)


def test_the_date_order_decides_where_it_is_given():
    assert parse("03/04/2026").start == "2026-03-04"
    assert parse("03/04/2026", date_order="dmy").start == "2026-04-03"
    assert parse("03/04/2026", date_order="dmy").notes == []
    assert parse("13/04/2026").start == "2026-04-13"
    assert parse("03.04.2026").start == "2026-04-03"


def test_the_reference_is_reported_and_the_day_is_that_of_the_zone():
    parsed = time_parse("today", zone="Asia/Tokyo", now="2026-11-25T23:00Z")
    assert parsed.start == "2026-11-26"
    assert parsed.reference == "2026-11-26T08:00:00+09:00 Asia/Tokyo"


@pytest.mark.parametrize(
    ("text", "start", "language"),
    [
        ("vor zwei Tagen", "2026-11-23", "German"),
        ("morgen um 17 Uhr", "2026-11-26T17:00:00+01:00", "German"),
        ("demain à 17h30", "2026-11-26T17:30:00+01:00", "French"),
        ("12 de mayo de 2027", "2027-05-12", "Spanish"),
        ("через 3 дня", "2026-11-28", "Russian"),
        ("明日", "2026-11-26", "Japanese"),
    ],
)
def test_other_languages_are_read_with_a_note(text, start, language):
    parsed = parse(text)
    assert parsed.start == start
    assert any(language in note for note in parsed.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("blah blah", "cannot be read"),
        ("february 30", "no day 30"),
        ("99th of march", "no day 99"),
        ("31/02/2026", "no 2026-02-31"),
        ("03/04/26", "two digits"),
        ("friday 28 november 2026", "is a Saturday"),
        ("fifth friday of february 2026", "not so many"),
        ("25:00 tomorrow", "no time 25:00"),
        ("13pm tomorrow", "no 13 pm"),
        ("week 54 of 2026", "no week 54"),
        ("Q5 2026", "4 quarters"),
        ("in 1.5 months", "no fixed length"),
        ("3 hours", "duration"),
        ("monday at 9pm and 10pm", "cannot be read"),
        ("2026-03-07 to 2026-03-01", "before it starts"),
        ("in 9999999 years", "outside the years"),
        ("day after 9999-12-31", "outside the years"),
        ("day before 0001-01-01", "outside the years"),
        ("9999999 business days after today", "at most"),
        ("3 days after " * 30 + "today", "nests"),
        ("morgen um 99 Uhr", "no time 99"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_helps(text, words):
    with pytest.raises(ToolError) as error:
        parse(text)
    assert words in str(error.value)


def test_a_foreign_phrase_of_which_a_part_was_overlooked_is_not_believed():
    with pytest.raises(ToolError, match="cannot be read"):
        parse("morgen 17 Uhr 45 Zug")


def test_the_result_fits_its_schema_and_reads_well():
    described = describe(time_parse)
    parsed = time_parse(**described.keywords({"text": "next friday 5pm", "zone": "Berlin", "now": NOW}))
    reply = described.result(parsed)
    assert reply.structured is not None
    assert reply.structured["facts"]["iso_week"] == "2026-W48"
    assert reply.structured["facts"]["utc"] == "2026-11-27T16:00:00Z"
    assert reply.content[0]["text"].startswith(
        "the first Friday after 2026-11-25: Friday 2026-11-27 17:00 in Europe/Berlin"
    )
