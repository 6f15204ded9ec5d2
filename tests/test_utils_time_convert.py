"""Date-times from one zone to others: every spelling, every edge."""

from datetime import datetime

import pytest

from sanctuary_host import ToolError
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_utils.time import time_convert


@pytest.mark.parametrize(
    ("time", "zone", "utc"),
    [
        ("2026-03-01 09:30", "UTC", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01 09:30", "Europe/Berlin", "2026-03-01T08:30:00+00:00"),
        ("2026-03-01T09:30:15.25", "UTC", "2026-03-01T09:30:15.250000+00:00"),
        ("2026-3-1 9:30", "UTC", "2026-03-01T09:30:00+00:00"),
        ("2026/03/01 09:30", "UTC", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01 9:30 pm", "UTC", "2026-03-01T21:30:00+00:00"),
        ("2026-03-01 at 12am", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 24:00", "UTC", "2026-03-02T00:00:00+00:00"),
        ("20260301T093000Z", "Europe/Berlin", "2026-03-01T09:30:00+00:00"),
        ("20260301093000", "UTC", "2026-03-01T09:30:00+00:00"),
        ("2026-W10-1", "UTC", "2026-03-02T00:00:00+00:00"),
        ("2026-060", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T09:30+05:30", "Europe/Berlin", "2026-03-01T04:00:00+00:00"),
        ("2026-03-01 09:30:00 -0800", "UTC", "2026-03-01T17:30:00+00:00"),
        ("2026-03-01 09:30 PST", "UTC", "2026-03-01T17:30:00+00:00"),
        ("2026-03-01 09:30 Tokyo", "UTC", "2026-03-01T00:30:00+00:00"),
        ("2026-03-01T09:30[Asia/Tokyo]", "UTC", "2026-03-01T00:30:00+00:00"),
        (1767225600, "Europe/Berlin", "2026-01-01T00:00:00+00:00"),
        ("1767225600", "UTC", "2026-01-01T00:00:00+00:00"),
        ("1767225600123", "UTC", "2026-01-01T00:00:00.123000+00:00"),
        ("1767225600123456", "UTC", "2026-01-01T00:00:00.123456+00:00"),
        ("1767225600123456789", "UTC", "2026-01-01T00:00:00.123456+00:00"),
        ("1767225600.5", "UTC", "2026-01-01T00:00:00.500000+00:00"),
        ("@60", "UTC", "1970-01-01T00:01:00+00:00"),
        (-1, "UTC", "1969-12-31T23:59:59+00:00"),
        ("0001-01-01", "UTC", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31 23:59:59", "UTC", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_a_date_time_is_read_in_every_usual_spelling(time, zone, utc):
    assert time_convert(time, zone).targets[0].iso == utc


def test_a_clock_time_alone_is_today_in_its_own_zone():
    conversion = time_convert("09:30", "Asia/Tokyo", ["Asia/Tokyo"])
    assert conversion.targets[0].iso.endswith("T09:30:00+09:00")
    assert any("no date given" in note for note in conversion.notes)


def test_one_call_converts_to_several_zones():
    conversion = time_convert("2026-07-01 12:00", "New York", ["London", "Tokyo", "IST"])
    assert [target.iso for target in conversion.targets] == [
        "2026-07-01T17:00:00+01:00",
        "2026-07-02T01:00:00+09:00",
        "2026-07-01T21:30:00+05:30",
    ]
    assert conversion.source.abbreviation == "EDT"
    assert conversion.source.dst
    assert conversion.source.next_change == "2026-11-01T06:00:00Z to -05:00"
    assert any("Israel" in note for note in conversion.notes)
    assert "Asia/Tokyo: Thursday 2026-07-02T01:00:00+09:00" in str(conversion)


def test_a_time_that_occurs_twice_has_both_answers():
    conversion = time_convert("2026-10-25 02:30", "Europe/Berlin", ["UTC"])
    assert (conversion.source.iso, conversion.source.other) == (
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    )
    assert (conversion.targets[0].iso, conversion.targets[0].other) == (
        "2026-10-25T00:30:00+00:00",
        "2026-10-25T01:30:00+00:00",
    )
    assert any("occurs twice" in note and "earlier" in note and "later" in note for note in conversion.notes)


def test_a_time_that_never_occurs_has_both_answers():
    conversion = time_convert("2026-03-29 02:30", "Europe/Berlin", ["UTC"])
    assert (conversion.source.iso, conversion.source.other) == (
        "2026-03-29T03:30:00+02:00",
        "2026-03-29T01:30:00+01:00",
    )
    assert any("never occurs" in note for note in conversion.notes)


@pytest.mark.parametrize(
    ("zone", "local", "case"),
    [
        ("America/New_York", "2026-03-08 02:30", "never occurs"),
        ("America/New_York", "2026-11-01 01:30", "occurs twice"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "occurs twice"),
        ("Pacific/Apia", "2011-12-30 12:00", "never occurs"),
    ],
)
def test_gaps_and_folds_are_found_in_odd_zones_too(zone, local, case):
    assert any(case in note for note in time_convert(local, zone).notes)


def test_a_stated_offset_decides_which_of_two_is_meant():
    conversion = time_convert("2026-10-25T02:30+01:00", "Europe/Berlin", ["UTC"])
    assert conversion.targets[0].iso == "2026-10-25T01:30:00+00:00"
    assert conversion.source.other == ""


def test_a_stated_offset_that_the_zone_does_not_have_is_remarked_on():
    conversion = time_convert("2026-07-01T12:00+05:00", "Europe/Berlin")
    assert conversion.unix == datetime.fromisoformat("2026-07-01T12:00+05:00").timestamp()
    assert any("+05:00 decides" in note for note in conversion.notes)


def test_what_the_tool_writes_it_reads_again():
    for zone, text in [("Europe/Amsterdam", "1900-01-01 12:00"), ("Asia/Kathmandu", "2026-01-01 12:00")]:
        written = time_convert(text, zone, [zone]).targets[0].iso
        assert time_convert(written, zone, [zone]).targets[0].iso == written


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("0000-01-01", "year 0 is outside"),
        ("10000-01-01", "year 10000 is outside"),
        ("-0001-01-01", "year -1 is outside"),
        ("9999-12-31T23:59-05:00", "outside the years"),
        ("0001-01-01T00:00+05:30", "outside the years"),
        ("2026-02-30", "that month has 28 days"),
        ("2026-13-01", "no month 13"),
        ("2026-W54", "no ISO week"),
        ("2026-366", "no day 366"),
        ("25:00", "no time 25:00"),
        ("12:60", "no time 12:60"),
        ("23:59:60", "leap second"),
        ("13pm", "no 13 pm"),
        ("2026-03-01T09:30+25:00", "out of range"),
        ("2026", "so short a number"),
        ("", "cannot be read"),
        ("next friday", "time_parse"),
        ("03/04/2026", "cannot be read"),
        ("2026-03-01 09:30 Nowhere", "no time zone"),
        ("1e5", "cannot be read"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (1e300, "out of range"),
        ("9" * 30, "out of range"),
        ("9" * 10_000_000, "at most 100 characters"),
    ],
)
def test_what_is_no_time_is_refused_in_a_sentence_that_helps(time, words):
    with pytest.raises(ToolError) as error:
        time_convert(time)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


def test_a_conversion_that_leaves_the_calendar_is_refused():
    with pytest.raises(ToolError, match="outside the years"):
        time_convert("9999-12-31 23:00", "UTC", ["Asia/Tokyo"])
    with pytest.raises(ToolError, match="outside the years"):
        time_convert("0001-01-01 01:00", "UTC", ["America/New_York"])


def test_numbers_and_strings_pass_the_schema_and_the_result_fits_its_own():
    described = describe(time_convert)
    for value in (1767225600, 1767225600.5, "2026-03-01 09:30"):
        reply = described.result(time_convert(**described.keywords({"time": value, "to": ["Tokyo"]})))
        assert reply.structured is not None
        assert reply.structured["targets"][0]["zone"] == "Asia/Tokyo"
    with pytest.raises(ArgumentsError, match="time"):
        described.keywords({"time": True})
