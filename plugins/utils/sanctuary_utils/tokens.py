"""Short coded texts: JSON Web Tokens, semantic versions, card numbers, IBANs, UUIDs."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import Final

from pydantic import JsonValue

from sanctuary_host import ToolError
from sanctuary_utils.documents import Value
from sanctuary_utils.findings import Analysis, as_json, invalid, valid
from sanctuary_utils.json_text import read_json
from sanctuary_utils.uuids import inspect_identifier

__all__ = ["check_iban", "check_jwt", "check_luhn", "check_semver", "check_uuid"]

SEMVER: Final = re.compile(
    r"(0|[1-9][0-9]*+)\.(0|[1-9][0-9]*+)\.(0|[1-9][0-9]*+)"
    r"(?:-((?:0|[1-9][0-9]*+|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*+)(?:\.(?:0|[1-9][0-9]*+|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*+))*))?"
    r"(?:\+([0-9a-zA-Z-]++(?:\.[0-9a-zA-Z-]++)*))?\Z"
)
# Lengths from the IBAN registry (ISO 13616).
_IBANS: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 "
    "EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 "
    "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 "
    "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 "
    "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "
)
IBAN_LENGTHS: Final = {entry[:2]: int(entry[2:]) for entry in _IBANS.split()}
NOT_VERIFIED: Final = "decoded only: the signature was NOT verified, so nothing here can be trusted"


def check_jwt(text: str) -> Analysis:
    """Decode a JSON Web Token's header and claims. Its signature is never verified, and never shown."""
    token = text.strip().removeprefix("Bearer ").strip()
    parts = token.split(".", 6)
    if len(parts) == 5:
        return invalid("JWT", "it is an encrypted one (JWE), whose claims only its key opens")
    if len(parts) != 3:
        return invalid("JWT", f"it has {len(parts)} part(s) between dots; three are needed")
    facts: dict[str, JsonValue] = {"warning": NOT_VERIFIED}
    for name, part in (("header", parts[0]), ("claims", parts[1])):
        try:
            data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True).decode()
            value = read_json(data).value
        except (binascii.Error, ValueError):
            return invalid("JWT", f"the part with its {name} is not Base64url text")
        except ToolError:
            return invalid("JWT", f"the part with its {name} is not JSON")
        if not isinstance(value, dict):
            return invalid("JWT", f"the part with its {name} is not a JSON object")
        facts[name] = as_json(value, [])
        if name == "claims":
            facts |= _times(value)
        elif str(value.get("alg", "")).lower() == "none":
            facts["danger"] = "alg is none: the token is unsigned"
    return valid(f"a JWT; {NOT_VERIFIED}", facts)


def _times(claims: dict[str, Value]) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {}
    now = dt.datetime.now(dt.UTC)
    for claim, name in (("iat", "issued"), ("nbf", "not_before"), ("exp", "expires")):
        seconds = claims.get(claim)
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            continue
        try:
            moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
        except (ValueError, OverflowError, OSError):
            facts[name] = "out of the calendar; a time in a JWT counts seconds, not milliseconds"
            continue
        facts[name] = moment.isoformat().replace("+00:00", "Z")
        if claim == "exp":
            facts["expired_now"] = moment <= now
    return facts


def check_semver(text: str, other: str) -> Analysis:
    """Take a semantic version (2.0.0) apart, and compare it with another."""
    version = _version(text.strip())
    if version is None:
        hint = (
            "leave the v out"
            if re.match(r"[vV]\d", text.strip())
            else "it takes MAJOR.MINOR.PATCH without leading zeros"
        )
        return invalid("semantic version", hint)
    major, minor, patch, pre, build = version
    facts: dict[str, JsonValue] = {
        "major": major, "minor": minor, "patch": patch, "prerelease": pre or "", "build": build or "",
    }  # fmt: skip  # one glance
    summary = "a valid semantic version"
    if other:
        second = _version(other.strip())
        if second is None:
            raise ToolError("other is no semantic version (MAJOR.MINOR.PATCH)")
        order = _precedence(version, second)
        facts["compared_with_other"] = order
        summary += {-1: ", older than other", 0: ", of the same precedence as other", 1: ", newer than other"}[order]
    return valid(summary, facts)


Version = tuple[str, str, str, str | None, str | None]


def _version(text: str) -> Version | None:
    found = SEMVER.match(text) if len(text) <= 256 else None
    return (found[1], found[2], found[3], found[4], found[5]) if found else None


def _precedence(one: Version, other: Version) -> int:
    """Minus one, nought or one, by section 11 of the specification; the build does not count."""
    first, second = [_identifier(part) for part in one[:3]], [_identifier(part) for part in other[:3]]
    if first == second:
        if one[3] is None or other[3] is None:
            return (one[3] is None) - (other[3] is None)
        first = [_identifier(part) for part in one[3].split(".")]
        second = [_identifier(part) for part in other[3].split(".")]
    return (first > second) - (first < second)


def _identifier(part: str | None) -> tuple[int, int, str]:
    """Numbers before words, and numbers by their size, which their length and then their digits tell."""
    text = part or ""
    return (0, len(text), text) if text.isdigit() else (1, 0, text)


def check_luhn(text: str) -> Analysis:
    """Check a number's last digit by the Luhn rule; the number itself is not repeated."""
    digits = re.sub(r"[ -]", "", text.strip())
    if not re.fullmatch(r"[0-9]{2,64}", digits):
        return invalid("number", "it takes 2 to 64 digits, with spaces or hyphens at most")
    total = 0
    for place, digit in enumerate(reversed(digits[:-1])):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    wanted = str(-total % 10)
    if wanted != digits[-1]:
        return invalid("number by the Luhn rule", f"the check digit should be {wanted}", digits=len(digits))
    return valid("valid by the Luhn rule", {"digits": len(digits), "check_digit": wanted})


def check_iban(text: str) -> Analysis:
    """Check an IBAN's country, length and check digits; whether the account exists is not known."""
    iban = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}", iban):
        return invalid("IBAN", "it takes two letters, two check digits and up to 30 letters and digits")
    country = iban[:2]
    length = IBAN_LENGTHS.get(country)
    if length is None:
        return invalid("IBAN", f"{country} is no country of the IBAN registry")
    if len(iban) != length:
        return invalid("IBAN", f"one of {country} has {length} characters; this has {len(iban)}")
    turned = "".join(str(int(char, 36)) for char in iban[4:] + iban[:2])
    wanted = f"{98 - int(turned + '00') % 97:02d}"
    if wanted != iban[2:4]:
        return invalid("IBAN", "its check digits do not fit; a character is wrong or two are swapped")
    facts: dict[str, JsonValue] = {"country": country, "check_digits": wanted, "length": length}
    return valid("a valid IBAN by its check digits", facts)


def check_uuid(text: str) -> Analysis:
    """Take a UUID or ULID apart."""
    try:
        facts = inspect_identifier(text)
    except ToolError as error:
        return invalid("UUID or ULID", str(error))
    return valid(f"a valid {facts['kind']}", {**facts})
