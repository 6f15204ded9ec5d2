"""Zones by every name people use, and the present in them."""

import importlib.metadata
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from sanctuary_host import ToolError
from sanctuary_utils.time import time_now
from sanctuary_utils.time_clock import is_summer_time, next_change
from sanctuary_utils.time_places import CITIES
from sanctuary_utils.time_zones import find_zone


def test_one_call_tells_the_same_moment_in_several_zones():
    now = time_now(["UTC", "Asia/Kolkata", "America/New_York"])
    moments = {datetime.fromisoformat(clock.iso).astimezone(UTC) for clock in now.clocks}
    assert len(moments) == 1
    assert moments.pop().timestamp() == now.unix
    assert now.clocks[1].offset == "+05:30"
    assert now.clocks[1].weekday == f"{datetime.fromisoformat(now.clocks[1].iso):%A}"
    assert str(now).count("\n") == 2


def test_the_default_zone_is_utc():
    (clock,) = time_now().clocks
    assert (clock.zone, clock.offset, clock.abbreviation, clock.dst, clock.note) == ("UTC", "+00:00", "UTC", False, "")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Warsaw", "Europe/Warsaw"),
        ("europe/warsaw", "Europe/Warsaw"),
        ("EUROPE/WARSAW", "Europe/Warsaw"),
        ("New York", "America/New_York"),
        ("new_york", "America/New_York"),
        ("Tokyo", "Asia/Tokyo"),
        ("  tokyo ", "Asia/Tokyo"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Zürich", "Europe/Zurich"),
        ("San Francisco", "America/Los_Angeles"),
        ("America/San_Francisco", "America/Los_Angeles"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("St. Louis", "America/Chicago"),
        ("Washington D.C.", "America/New_York"),
        ("Mumbai", "Asia/Kolkata"),
        ("Pacific Time", "America/Los_Angeles"),
        ("US Eastern", "America/New_York"),
        ("ET", "America/New_York"),
        ("India", "Asia/Kolkata"),
        ("UK", "Europe/London"),
        ("Germany", "Europe/Berlin"),
        ("Hawaii", "Pacific/Honolulu"),
        ("Paris, France", "Europe/Paris"),
        ("Paris, Texas", "America/Chicago"),
        ("London, Ontario", "America/Toronto"),
        ("Portland, ME", "America/New_York"),
        ("Portland, Oregon", "America/Los_Angeles"),
        ("Lyon, France", "Europe/Paris"),
        ("El Paso, TX", "America/Denver"),
        ("Z", "UTC"),
        ("+05:30", "+05:30"),
        ("+0530", "+05:30"),
        ("-8", "-08:00"),
        ("\N{MINUS SIGN}03:00", "-03:00"),
        ("UTC+5", "+05:00"),
        ("utc +5:45", "+05:45"),
    ],
)
def test_a_zone_is_found_by_the_name_that_people_use(name, zone):
    assert find_zone(name).name == zone


@pytest.mark.parametrize(
    ("name", "offset", "words"),
    [
        ("IST", "+05:30", ["India", "Israel", "Ireland", "ambiguous"]),
        ("CST", "-06:00", ["US Central", "China", "Cuba", "ambiguous"]),
        ("EST", "-05:00", ["Australia", "America/New_York", "ambiguous"]),
        ("PST", "-08:00", ["Pacific Standard", "America/Los_Angeles"]),
        ("BST", "+01:00", ["British", "Bangladesh"]),
        ("Springfield", None, ["Illinois", "Massachusetts", "ambiguous"]),
        ("Georgia", "+04:00", ["country", "USA"]),
        ("Etc/GMT+5", "-05:00", ["UTC-5", "inverted"]),
        ("GMT+5", "+05:00", ["+05:00", "inverted"]),
        ("CET", None, ["summer time", "+01:00"]),
        ("Texas", None, ["parts of Texas"]),
    ],
)
def test_an_ambiguous_name_is_explained_in_the_note(name, offset, words):
    (clock,) = time_now([name]).clocks
    assert all(word in clock.note for word in words), clock.note
    assert offset is None or clock.offset == offset


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Europe/Warsw", "Europe/Warsaw"),
        ("Nwe York", "America/New_York"),
        ("Tokio", "Asia/Tokyo"),
        ("Asia/Paris", "Europe/Paris"),
        ("San Fransisco", "San Francisco (America/Los_Angeles)"),
        ("Chicago, France", "America/Chicago"),
    ],
)
def test_an_unknown_zone_is_refused_with_suggestions(name, suggestion):
    with pytest.raises(ToolError) as error:
        time_now(["UTC", name])
    assert suggestion in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "unknown time zone"),
        ("local", "no place of its own"),
        ("USA", "spans"),
        ("+25:00", "out of range"),
        ("+05:75", "out of range"),
        ("../../etc/passwd", "unknown time zone"),
        ("America/../Europe/Rome", "unknown time zone"),
        ("Factory", "unknown time zone"),
        ("a\x00\x1b[31mb", "unknown time zone 'a[31mb'"),
        ("x" * 10_000_000, "at most 60"),
    ],
)
def test_what_is_no_zone_is_refused_in_a_short_sentence(name, words):
    with pytest.raises(ToolError) as error:
        find_zone(name)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("zones", [[], ["UTC"] * 21])
def test_no_zone_and_too_many_zones_are_refused(zones):
    with pytest.raises(ToolError, match="1 to 20"):
        time_now(zones)


def test_at_least_150_well_known_cities_have_an_alias_and_every_alias_resolves():
    cities = [(city, zone) for zone, listed in CITIES.items() for city in listed.split(", ")]
    assert len(cities) >= 150
    assert [city for city, zone in cities if find_zone(city).name not in {zone, "America/Rosario"}] == [
        "Saigon",
        "Canberra",
    ]


def test_dublin_keeps_summer_time_in_summer_although_its_law_says_otherwise():
    rules = find_zone("Europe/Dublin").rules
    assert is_summer_time(datetime(2026, 7, 1, tzinfo=rules))
    assert not is_summer_time(datetime(2026, 1, 1, tzinfo=rules))


@pytest.mark.parametrize(
    ("zone", "moment", "change"),
    [
        ("Europe/Berlin", "2026-01-01", "2026-03-29T01:00:00Z to +02:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-10-25T01:00:00Z to +01:00"),
        ("Australia/Lord_Howe", "2026-01-01", "2026-04-04T15:00:00Z to +10:30"),
        ("America/New_York", "2026-03-08T01:59:59", "2026-03-08T07:00:00Z to -04:00"),
        ("Asia/Tokyo", "2026-01-01", ""),
        ("Europe/Berlin", "9999-12-30", ""),
    ],
)
def test_the_next_change_of_offset_is_exact_to_the_second(zone, moment, change):
    assert next_change(datetime.fromisoformat(moment).replace(tzinfo=find_zone(zone).rules)) == change


def test_every_zone_of_the_database_loads_and_agrees_with_an_independent_reader():
    dateutil_tz = pytest.importorskip("dateutil.tz")
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for name in ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham", "Africa/Cairo"]:
        other = dateutil_tz.gettz(name)
        assert moment.astimezone(find_zone(name).rules).utcoffset() == moment.astimezone(other).utcoffset(), name


def test_zones_come_from_the_package_and_nothing_outside_python_is_opened():
    program = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from sanctuary_utils.time import time_convert, time_now, time_parse
opened.clear()
time_now(["Warsaw", "PST"])
time_convert("2026-03-29 02:30", "Berlin", ["Tokyo"])
time_parse("next friday 5pm", zone="New York")
time_parse("every 2 weeks on tuesday", zone="Berlin")
time_parse("0 9 * * 1-5", zone="Berlin")
time_parse("vor zwei Tagen", zone="Berlin")
print("\\n".join(name for name in opened if "zoneinfo" in name or name.startswith(("/etc", "/usr/share", "/proc"))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert any("tzdata/zoneinfo/Europe/Berlin" in name for name in names)
    assert [name for name in names if "tzdata/zoneinfo" not in name] == []


def test_the_database_is_the_installed_package():
    assert importlib.metadata.version("tzdata") >= "2025"
    july = datetime(2026, 7, 1, tzinfo=find_zone("Europe/Berlin").rules)
    assert july.utcoffset() == timedelta(hours=2)
