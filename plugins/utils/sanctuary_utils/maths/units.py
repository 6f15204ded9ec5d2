"""The units that the calculator knows, with exact factors, in one table of our own.

A table rather than a units library: the usual one costs 0.4 s and 38 MB in a container of half a core and 256 MB,
evaluates the text that it is given, and rounds. Sources: the SI brochure (9th edition) for SI units, their prefixes and
the units accepted with them; NIST SP 811, appendix B, for customary units; IEC 80000-13 for binary prefixes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

Dimensions = tuple[int, ...]

BASES: Final = (
    *("length", "mass", "time", "current", "temperature"),
    *("amount of substance", "luminous intensity", "information", "angle"),
)
LETTERS: Final = "LMTIKNJDA"
PLAIN: Final[Dimensions] = (0,) * len(BASES)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: how many of the coherent SI unit it is (times pi to a power), and for temperature scales where 0 lies."""

    name: str
    factor: Fraction
    dimensions: Dimensions
    pi: int = 0
    zero: Fraction | None = None


# Each line: dimensions | factor to the coherent SI unit | names [| zero point] [| power of pi in the factor].
# "~" after a name: it takes SI prefixes; "+": it takes the prefixes of data.
# Dimensions: Length Mass Time (electric current) I, K temperature, N amount, J luminous intensity, D data, A angle.
TABLE: Final = """
L | 1 | m~ metre~ meter~
L | 0.0254 | in inch inches
L | 0.3048 | ft foot feet
L | 0.9144 | yd yard
L | 1609.344 | mi mile
L | 1852 | nmi nauticalmile nautical_mile
L | 0.0000254 | mil thou
L | 201.168 | furlong
L | 1.8288 | fathom
L | 1e-10 | Å angstrom
L | 149597870700 | au AU
L | 9460730472580800 | ly lightyear light_year
L | 1e-6 | micron
L2 | 10000 | ha hectare
L2 | 4046.8564224 | acre
L2 | 0.09290304 | sqft
L2 | 1e-28 | barn
L-2 | 1609344000000000/3785411784 | mpg
L3 | 0.001 | l~ L~ litre~ liter~
L3 | 0.000001 | cc
L3 | 0.003785411784 | gal gallon
L3 | 0.000946352946 | qt quart
L3 | 0.000473176473 | pt pint
L3 | 0.0002365882365 | cup
L3 | 0.0000295735295625 | floz fl_oz
L3 | 0.00001478676478125 | tbsp tablespoon
L3 | 0.00000492892159375 | tsp teaspoon
L3 | 0.00454609 | imp_gal imperial_gallon
L3 | 0.00056826125 | imp_pt imperial_pint
L3 | 0.0000284130625 | imp_floz
L3 | 0.158987294928 | bbl
M | 0.001 | g~ gram~ gramme~
M | 1000 | t~ tonne~
M | 0.45359237 | lb lbs pound
M | 0.028349523125 | oz ounce
M | 0.0311034768 | ozt troy_ounce
M | 6.35029318 | st stone
M | 907.18474 | short_ton
M | 1016.0469088 | long_ton
M | 0.00006479891 | gr grain
M | 0.0002 | ct carat
T | 1 | s~ sec second~
T | 60 | min minute
T | 3600 | h hr hrs hour
T | 86400 | d day
T | 604800 | wk week
T | 1209600 | fortnight
T | 2629800 | month
T | 31557600 | yr year
T | 315576000 | decade
T | 3155760000 | century centuries
T-1 | 1 | Hz~ hertz~
T-1 | 1 | Bq~ becquerel~
T-1 | 37000000000 | Ci~ curie~
L1T-1 | 1397/3125 | mph
L1T-1 | 5/18 | kph kmh kmph
L1T-1 | 463/900 | kn kt knot
L1T-1 | 0.3048 | fps
L1T-2 | 9.80665 | g0 gee standard_gravity
L1M1T-2 | 1 | N~ newton~
L1M1T-2 | 4.4482216152605 | lbf
L1M1T-2 | 9.80665 | kgf kp
L1M1T-2 | 0.00001 | dyn dyne
L-1M1T-2 | 1 | Pa~ pascal~
L-1M1T-2 | 100000 | bar~
L-1M1T-2 | 101325 | atm
L-1M1T-2 | 44482216152605/6451600000 | psi
L-1M1T-2 | 101325/760 | torr Torr
L-1M1T-2 | 133.322387415 | mmHg
L-1M1T-2 | 3386.388640341 | inHg
L2M1T-2 | 1 | J~ joule~
L2M1T-2 | 4.184 | cal~ calorie~
L2M1T-2 | 4184 | Cal
L2M1T-2 | 3600 | Wh~
L2M1T-2 | 1.602176634e-19 | eV~ electronvolt~
L2M1T-2 | 1055.05585262 | BTU Btu btu
L2M1T-2 | 105505585.262 | therm
L2M1T-2 | 1e-7 | erg
L2M1T-2 | 1.3558179483314004 | ftlb ft_lb
L2M1T-3 | 1 | W~ watt~
L2M1T-3 | 745.69987158227022 | hp horsepower
L2M1T-3 | 735.49875 | PS metric_horsepower
I | 1 | A~ amp~ ampere~
T1I1 | 1 | C~ coulomb~
T1I1 | 3600 | Ah~
L2M1T-3I-1 | 1 | V~ volt~
L2M1T-3I-2 | 1 | ohm~ Ω~
L-2M-1T3I2 | 1 | S~ siemens~
L-2M-1T4I2 | 1 | F~ farad~
L2M1T-2I-2 | 1 | H~ henry~
L2M1T-2I-1 | 1 | Wb~ weber~
M1T-2I-1 | 1 | T~ tesla~
M1T-2I-1 | 0.0001 | gauss
K | 1 | K~ kelvin~
K | 1 | delta_degC
K | 5/9 | delta_degF degR rankine
K | 1 | degC °C celsius Celsius centigrade | 273.15
K | 5/9 | degF °F fahrenheit Fahrenheit | 45967/180
N | 1 | mol~ mole~
J | 1 | cd~ candela~
J | 1 | lm~ lumen~
L-2J1 | 1 | lx~ lux
L2T-2 | 1 | Gy~ gray~
L2T-2 | 1 | Sv~ sievert~
D | 1 | bit+ b+
D | 8 | B+ byte+ octet+
D1T-1 | 1 | bps+
D1T-1 | 8 | Bps+
A | 1 | rad~ radian
A | 1/180 | deg ° degree | | 1
A | 1/10800 | arcmin | | 1
A | 1/648000 | arcsec | | 1
A | 1/200 | gon grad | | 1
A | 2 | turn rev revolution | | 1
A1T-1 | 1/30 | rpm | | 1
L | 96939420213600000 | pc~ parsec~ | | -1
"""

PREFIXES: Final = {
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "µ": -6,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
}
WORD_PREFIXES: Final = {
    "exa": 18,
    "peta": 15,
    "tera": 12,
    "giga": 9,
    "mega": 6,
    "kilo": 3,
    "hecto": 2,
    "deca": 1,
    "deci": -1,
    "centi": -2,
    "milli": -3,
    "micro": -6,
    "nano": -9,
    "pico": -12,
    "femto": -15,
    "atto": -18,
}
BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60, "Zi": 70, "Yi": 80}
BINARY_WORDS: Final = {"kibi": 10, "mebi": 20, "gibi": 30, "tebi": 40, "pebi": 50, "exbi": 60}

REMARKS: Final = {
    "gal": "gal is the US gallon (3.785411784 l); the imperial one is imp_gal",
    "mpg": "mpg is miles per US gallon",
    "pt": "pt is the US liquid pint; the imperial one is imp_pt",
    "month": "month is a twelfth of a year of 365.25 days",
    "year": "year is 365.25 days",
    "cal": "cal is the thermochemical calorie (4.184 J)",
    "KB": "KB is read as kB, 1000 bytes; KiB is 1024 bytes",
    "floz": "floz is the US fluid ounce; the imperial one is imp_floz",
    "oz": "oz is the ounce of mass; the fluid ounce is floz",
    "cup": "cup is the US cup (236.5882365 ml)",
    "hp": "hp is the mechanical horsepower (550 ft lbf/s); the metric one is PS",
    "BTU": "BTU is the International Table one (1055.05585262 J)",
}
TON: Final = "a ton can be three masses; write tonne (1000 kg), short_ton (907.18474 kg) or long_ton (1016.0469088 kg)"
AMBIGUOUS: Final = {
    "ton": TON,
    "tons": TON,
    "c": "'c' is not defined; the speed of light is 299792458 m/s",
}


@dataclass(frozen=True, slots=True)
class Table:
    """All units by name, and those names that take prefixes."""

    units: dict[str, Unit]
    metric: frozenset[str]
    data: frozenset[str]


@lru_cache(maxsize=1)
def table() -> Table:
    """The units of `TABLE`, read once."""
    units: dict[str, Unit] = {}
    metric: set[str] = set()
    data: set[str] = set()
    for line in TABLE.strip().splitlines():
        code, factor, names, *rest = [part.strip() for part in line.split("|")]
        zero = Fraction(rest[0]) if rest and rest[0] else None
        pi = int(rest[1]) if len(rest) > 1 else 0
        first = names.split()[0].strip("~+")
        for marked in names.split():
            name = marked.strip("~+")
            metric |= {name} if marked.endswith("~") else set[str]()
            data |= {name} if marked.endswith("+") else set[str]()
            shown = name if len(name) <= 4 else first
            units[name] = Unit(shown, Fraction(factor), _dimensions(code), pi, zero)
    return Table(units, frozenset(metric), frozenset(data))


def _dimensions(code: str) -> Dimensions:
    powers = dict.fromkeys(LETTERS, 0)
    position = 0
    while position < len(code):
        letter = code[position]
        end = position + 1
        while end < len(code) and code[end] in "-0123456789":
            end += 1
        powers[letter] = int(code[position + 1 : end] or 1)
        position = end
    return tuple(powers.values())


@lru_cache(maxsize=1_024)
def find(name: str) -> Unit | None:
    """The unit of a name, with prefix and plural; `None` where there is none."""
    if name == "KB":
        return find("kB")
    units = table().units
    if name in units:
        return units[name]
    prefixed = _prefixed(name)
    if prefixed is None and len(name) > 3 and name.endswith("s"):
        singular = name[:-1]
        return units.get(singular) or _prefixed(singular)
    return prefixed


def _prefixed(name: str) -> Unit | None:
    known = table()
    for prefixes, ten in ((PREFIXES, True), (WORD_PREFIXES, True), (BINARY, False), (BINARY_WORDS, False)):
        for prefix, exponent in prefixes.items():
            rest = name[len(prefix) :]
            if not name.startswith(prefix) or rest not in (known.metric | known.data if ten else known.data):
                continue
            words = prefixes is WORD_PREFIXES or prefixes is BINARY_WORDS
            if words != (len(rest) > 3) and rest not in {"bit", "bar", "bps", "Bps", "amp", "ohm", "mol", "rad"}:
                continue
            if rest in known.data and ten and exponent < 3:
                continue
            unit = known.units[rest]
            scale = Fraction(10) ** exponent if ten else Fraction(2) ** exponent
            return Unit(name, unit.factor * scale, unit.dimensions, unit.pi)
    return None


def close_names(name: str) -> list[str]:
    """Units whose names look like `name`."""
    prefixed = ["km", "cm", "mm", "kg", "mg", "ms", "ml", "kB", "MB", "GB", "TB", "MiB", "GiB", "kWh", "kW", "MHz"]
    names = [*table().units, *prefixed]
    same = [known for known in names if known.lower() == name.lower()]
    return same or difflib.get_close_matches(name, names, n=2, cutoff=0.75)


FAMILIAR: Final = {
    "L2": "area",
    "L3": "volume",
    "L1T-1": "speed",
    "L1T-2": "acceleration",
    "L1M1T-2": "force",
    "T-1": "frequency",
    "L2M1T-2": "energy",
    "L2M1T-3": "power",
    "L-1M1T-2": "pressure",
    "D1T-1": "data rate",
    "L-3M1": "density",
    "T1I1": "electric charge",
    "L2M1T-3I-1": "voltage",
    "L2M1T-3I-2": "electric resistance",
    "L-2M-1T4I2": "capacitance",
    "A1T-1": "angular speed",
}


def describe_dimensions(dimensions: Dimensions) -> str:
    """Dimensions in words: `speed (length / time)`."""
    if dimensions == PLAIN:
        return "a plain number"
    over = [_powered(base, power) for base, power in zip(BASES, dimensions, strict=True) if power > 0]
    under = [_powered(base, -power) for base, power in zip(BASES, dimensions, strict=True) if power < 0]
    text = " * ".join(over) or "1"
    if under:
        text += " / " + (under[0] if len(under) == 1 else f"({' * '.join(under)})")
    for code, word in FAMILIAR.items():
        if _dimensions(code) == dimensions:
            return f"{word} ({text})"
    return text


def _powered(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"
