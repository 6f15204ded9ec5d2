"""From what people call a time zone to its rules: IANA names, cities, countries, abbreviations and fixed offsets.

The rules are always those of the installed `tzdata` package, never the system's: answers are the same on every
machine, and a sandbox without `/usr/share/zoneinfo` changes nothing. `ZoneInfo("Europe/Rome")` would look there first,
and fails where the folder exists but may not be read.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from sanctuary_host import ToolError
from sanctuary_utils.time_places import (
    ABBREVIATIONS,
    CITIES,
    COUNTRY_NAMES,
    MAIN_ZONES,
    QUIET,
    REGIONS,
    STATES,
    TWICE,
)

LONGEST_NAME: Final = 60
"""Characters of a zone name; the longest in the database has 32."""
LARGEST_OFFSET: Final = timedelta(hours=18)
"""No clock was ever further from UTC than 16 hours; ISO 8601-2 and `java.time` stop at 18."""
NOT_CITIES: Final = frozenset({"Etc", "US", "Brazil", "Canada", "Chile", "Mexico"})
"""Areas whose last parts are no place names by themselves, such as `Brazil/West`."""
OFFSET: Final = re.compile(r"(?:(?P<word>utc|gmt) ?)?(?P<sign>[+-]) ?(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone, and what there is to say about how its name was read."""

    name: str
    rules: tzinfo
    note: str = ""


def find_zone(text: str) -> Zone:
    """The zone that `text` names.

    Raises:
        ToolError: nothing is called so; the message lists what comes close. Or a country has several zones.
    """
    shown = quote(text)
    if len(text) > LONGEST_NAME:
        raise ToolError(f"a time zone name has at most {LONGEST_NAME} characters; {shown} is longer")
    zone = look_up(text)
    if zone is not None:
        return zone
    close = _close_names(_plain(text))
    if _plain(text) in {"local", "localtime", "system"}:
        raise ToolError(f"{shown} is no zone here: the server has no place of its own; name the caller's city or zone")
    hint = f"did you mean {', '.join(close)}? " if close else ""
    raise ToolError(f"unknown time zone {shown}: {hint}Give an IANA name (Europe/Berlin), a city or an offset (+05:30)")


def look_up(text: str) -> Zone | None:
    """The zone that `text` names, or `None` where nothing is called so.

    Raises:
        ToolError: a country has several zones, or an offset is out of range.
    """
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    plain = _plain(text)
    if not plain or len(plain) > LONGEST_NAME:
        return None
    return (
        _fixed(text)
        or _database_name(text.strip())
        or _abbreviation(plain.upper())
        or _place(plain)
        or _place_in_region(text)
        or _city_in_area(text)
    )


@functools.lru_cache(maxsize=64)
def load_zone(name: str) -> Zone:
    """A zone by the exact name of the database."""
    if name == "UTC":
        return Zone(name, UTC)
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name))


def quote(text: str) -> str:
    """A short name for use in a message: control characters removed, at most 60 characters."""
    shown = "".join(letter for letter in text[: LONGEST_NAME + 1] if letter.isprintable())
    return f"{shown[:LONGEST_NAME]!r}" + (" …" if len(text) > LONGEST_NAME else "")


def _plain(text: str) -> str:
    """A name in lower case without accents, dots, underscores and the word `time`."""
    bare = unicodedata.normalize("NFKD", text[: LONGEST_NAME + 20])
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter)).casefold()
    bare = " ".join(re.sub(r"[._-]", " ", bare).split())
    return re.sub(r" (standard |local )?time( zone)?$|^the ", "", bare)


@functools.lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """The database's names by their spelling in lower case."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return {name.lower(): name for name in listed if name != "Factory"}


def _table(name: str) -> Iterator[list[str]]:
    text = resources.files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))


@functools.lru_cache(maxsize=1)
def _country_zones() -> dict[str, list[str]]:
    zones: dict[str, list[str]] = {}
    for row in _table("zone.tab"):
        zones.setdefault(row[0], []).append(row[2])
    return zones


@functools.lru_cache(maxsize=1)
def _country_codes() -> dict[str, str]:
    codes = {_plain(re.sub(r" \(.*", "", row[1])): row[0] for row in _table("iso3166.tab")}
    return codes | {_plain(name): code for name, code in COUNTRY_NAMES.items()}


@functools.lru_cache(maxsize=1)
def _cities() -> dict[str, str]:
    """Zone names by city: the last part of the database's own names, and the table of others."""
    own = {name for zones in _country_zones().values() for name in zones}
    cities = {_plain(city): zone for zone, listed in CITIES.items() for city in listed.split(", ")}
    # Names of the country table come last, so that they win over the database's old spellings.
    for name in sorted(_names().values(), key=lambda name: name in own):
        area, _, city = name.rpartition("/")
        if area and area not in NOT_CITIES:
            cities[_plain(city)] = name
    return cities


def _fixed(text: str) -> Zone | None:
    bare = text.strip().casefold().replace("\N{MINUS SIGN}", "-")
    if bare in {"z", "zulu", "utc", "gmt"}:
        return load_zone("UTC") if bare != "gmt" else Zone("GMT", timezone(timedelta(0), "GMT"))
    found = OFFSET.fullmatch(bare)
    if found is None:
        return None
    size = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    if size > LARGEST_OFFSET or int(found["minutes"] or 0) > 59:
        raise ToolError(f"offset {quote(text)} is out of range: -18:00 to +18:00, minutes 00 to 59")
    name = f"{found['sign']}{found['hours']:0>2}:{found['minutes'] or '00'}"
    note = f"{text.strip()} read as {name} from UTC, not with the inverted sign of Etc/ names" if found["word"] else ""
    return Zone(name, timezone(-size if found["sign"] == "-" else size), note if found["word"] == "gmt" else "")


def _database_name(text: str) -> Zone | None:
    known = _names().get("_".join(text.lower().split()))
    if known is None:
        return None
    zone = load_zone(known)
    if re.fullmatch(r"Etc/GMT[+-]\d+", known) and not known.endswith("0"):
        real = known.removeprefix("Etc/GMT").translate(str.maketrans("+-", "-+"))
        return Zone(known, zone.rules, f"{known} is UTC{real}: the sign in Etc/ names is inverted")
    if (meanings := ABBREVIATIONS.get(known.upper())) is None:
        return zone
    offset, _meaning, place = meanings[0]
    if known in {"CET", "EET", "WET"}:
        how = f"with summer time, as in {place}; for UTC{offset} all year give {offset}"
    else:
        how = f"always UTC{offset}; {place} follows the clocks of the place"
    return Zone(known, zone.rules, f"{known} read as the IANA zone of that name, {how}{_others(known, meanings)}")


def _abbreviation(word: str) -> Zone | None:
    meanings = ABBREVIATIONS.get(word)
    if meanings is None:
        return None
    offset, meaning, name = meanings[0]
    sign = -1 if offset[0] == "-" else 1
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    note = f"{word} read as {meaning}, always UTC{offset}; {name} follows the clocks of the place"
    return Zone(word, timezone(sign * size, word), note + _others(word, meanings))


def _others(word: str, meanings: tuple[tuple[str, str, str], ...]) -> str:
    if len(meanings) == 1:
        return ""
    rest = " or ".join(f"{where} (UTC{offset}, {zone})" for offset, where, zone in meanings[1:])
    return f"; ambiguous: {word} may also mean {rest}"


@functools.lru_cache(maxsize=1)
def _shared() -> dict[str, tuple[str, tuple[tuple[str, str], ...]]]:
    return {_plain(name): (name, bearers) for name, bearers in TWICE.items()}


def _place(plain: str) -> Zone | None:
    if (shared := _shared().get(plain)) is not None:
        name, bearers = shared
        (where, zone), *others = bearers
        rest = ", ".join(f"{other} ({other_zone})" for other, other_zone in others)
        note = f"{name.title()} read as the one in {where}; ambiguous: there is also {rest}"
        return Zone(zone, load_zone(zone).rules, "" if name in QUIET else note.replace("the one in the", "the"))
    if (region := REGIONS.get(plain)) is not None:
        return load_zone(region)
    if (city := _cities().get(plain)) is not None:
        return load_zone(city)
    if (state := STATES.get(plain)) is not None:
        return _state(plain, state)
    return _country(plain)


def _state(name: str, state: tuple[str, str, bool]) -> Zone:
    _code, zone, split = state
    note = f"parts of {name.title()} keep another time than {zone}" if split else ""
    return Zone(zone, load_zone(zone).rules, note)


def _country(plain: str) -> Zone | None:
    code = _country_codes().get(plain)
    zones = _country_zones().get(code or "", [])
    if not zones:
        return None
    if len(zones) == 1:
        return load_zone(zones[0])
    if (main := MAIN_ZONES.get(code or "")) is not None:
        note = f"{plain.title()} read as {main}; small parts of it have zones of their own"
        return Zone(main, load_zone(main).rules, note)
    some = ", ".join(zones[:6])
    raise ToolError(f"{quote(plain)} spans {len(zones)} time zones: name a city, or one of {some}")


def _place_in_region(text: str) -> Zone | None:
    """`Springfield, MA` and `Lyon, France`: the place, if it may lie there; else the region's one zone."""
    head, comma, tail = text.partition(",")
    place, region = _plain(head), _plain(tail)
    if not comma or not place or not region:
        return None
    region = {code.lower(): name for name, (code, _zone, _split) in STATES.items()}.get(region, region)
    zones_there = _country_zones().get(_country_codes().get(region, ""), [])
    for where, zone in _shared().get(place, ("", ()))[1]:
        if _plain(where) == region or zone in zones_there:
            return load_zone(zone)
    known = _cities().get(place)
    if (state := STATES.get(region)) is not None:
        # A city known elsewhere in the country is only believed where the state has several times.
        american = known is not None and known.startswith("America/")
        return load_zone(known) if known is not None and american and state[2] else _state(region, state)
    if known is not None:
        return load_zone(known) if known in zones_there else None
    return _country(region)


def _city_in_area(text: str) -> Zone | None:
    """`America/San_Francisco`: no such name in the database, but a city that is known in that area."""
    area, slash, city = text.strip().rpartition("/")
    known = _cities().get(_plain(city)) if slash else None
    if known is None or known.partition("/")[0].lower() != area.lower():
        return None
    shown = quote(text.strip())
    return Zone(known, load_zone(known).rules, f"the database has no {shown}; that city's time is {known}")


def _close_names(plain: str) -> list[str]:
    labels = {name.lower().replace("_", " "): name for name in _names().values()}
    for city, zone in _cities().items():
        labels.setdefault(city, zone if _plain(zone.rpartition("/")[2]) == city else f"{city.title()} ({zone})")
    city = plain.rpartition("/")[2].partition(",")[0]
    found = [city] if city in labels else difflib.get_close_matches(plain, labels, n=8, cutoff=0.6)
    return list(dict.fromkeys(labels[label] for label in found))[:3]
