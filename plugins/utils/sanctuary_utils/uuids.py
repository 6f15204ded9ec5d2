"""UUIDs (RFC 9562) and ULIDs: made from the system's randomness, and taken apart."""

from __future__ import annotations

import datetime as dt
import secrets
import time
import uuid
from typing import Final

from sanctuary_host import ToolError

__all__ = ["inspect_identifier", "make_ulids", "make_uuid1s", "make_uuid4s", "make_uuid7s", "name_uuid"]

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Crockford's Base32 reads letters that look like digits as those digits.
READ: Final = {char: value for value, char in enumerate(CROCKFORD)} | {"O": 0, "I": 1, "L": 1}
NAMESPACES: Final = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}
GREGORIAN: Final = dt.datetime(1582, 10, 15, tzinfo=dt.UTC)
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
STEP: Final = 1 << 32
"""Random distance at most between two identifiers of one batch, so that the next cannot be told from the last."""


def make_uuid1s(count: int) -> list[str]:
    """UUIDs of version 1 with a random node, never this machine's address."""
    # The multicast bit marks a node that is no network card's (RFC 9562, 6.10).
    node = secrets.randbits(48) | 1 << 40
    clock = secrets.randbits(14)
    now = (dt.datetime.now(dt.UTC) - GREGORIAN) // dt.timedelta(microseconds=1) * 10
    made: list[str] = []
    for ticks in range(now, now + count):
        low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
        made.append(str(uuid.UUID(fields=(low, middle, high | 1 << 12, clock >> 8 | 0x80, clock & 0xFF, node))))
    return made


def make_uuid4s(count: int) -> list[str]:
    """UUIDs of version 4: 122 random bits."""
    return [str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)) for _ in range(count)]


def make_uuid7s(count: int) -> list[str]:
    """UUIDs of version 7, each greater than the one before."""
    milliseconds = time.time_ns() // 1_000_000
    made: list[str] = []
    for tail in _rising(count, 74):
        number = milliseconds << 80 | 7 << 76 | tail >> 62 << 64 | 0b10 << 62 | tail & (1 << 62) - 1
        made.append(str(uuid.UUID(int=number)))
    return made


def make_ulids(count: int) -> list[str]:
    """ULIDs, each greater than the one before."""
    milliseconds = time.time_ns() // 1_000_000
    return [_as_ulid(milliseconds << 80 | tail) for tail in _rising(count, 80)]


def name_uuid(version: int, namespace: str, name: str) -> str:
    """The UUID of version 3 or 5 that belongs to a name in a namespace: always the same.

    Raises:
        ToolError: the namespace is neither known nor a UUID, or the name is no text.
    """
    space = NAMESPACES.get(namespace.lower())
    if space is None:
        try:
            space = uuid.UUID(namespace)
        except ValueError:
            raise ToolError(f"uuid{version} needs a namespace: dns, url, oid, x500 or a UUID") from None
    try:
        return str(uuid.uuid3(space, name) if version == 3 else uuid.uuid5(space, name))
    except UnicodeEncodeError:
        raise ToolError("value has an unpaired surrogate, which is no text") from None


def inspect_identifier(text: str) -> dict[str, str]:
    """What a UUID or ULID says: version, variant, time, node, and the same 128 bits in the other spelling.

    Raises:
        ToolError: it is neither.
    """
    compact = text.strip()
    if len(compact) == 26:
        return _inspect_ulid(compact)
    body = compact.lower().removeprefix("urn:uuid:").removeprefix("{").removesuffix("}")
    groups = [len(part) for part in body.split("-")]
    if groups not in ([8, 4, 4, 4, 12], [32]) or not all(char in "0123456789abcdef-" for char in body):
        raise ToolError(
            "neither a UUID (32 hexadecimal digits, grouped 8-4-4-4-12) nor a ULID (26 letters and digits without U)"
        )
    return _inspect_uuid(uuid.UUID(body))


def _inspect_uuid(value: uuid.UUID) -> dict[str, str]:
    facts: dict[str, str] = {"kind": "UUID", "canonical": str(value)}
    if value.int in {0, (1 << 128) - 1}:
        return facts | {
            "note": f"the {'nil' if value.int == 0 else 'max'} UUID (RFC 9562)",
            "ulid": _as_ulid(value.int),
        }
    facts["variant"] = {
        uuid.RFC_4122: "RFC 9562",
        uuid.RESERVED_NCS: "NCS (before 1990)",
        uuid.RESERVED_MICROSOFT: "Microsoft GUID (old)",
    }.get(value.variant, "reserved")
    if value.version is not None:
        facts["version"] = str(value.version)
        facts |= _parts(value, value.version)
    return facts | {"ulid": _as_ulid(value.int)}


def _parts(value: uuid.UUID, version: int) -> dict[str, str]:
    """What the bits of a version mean."""
    meaning = {
        1: "time and node", 2: "DCE security: local id, coarse time and node", 3: "MD5 of a name",
        4: "random", 5: "SHA-1 of a name", 6: "time and node, sortable", 7: "Unix time and random, sortable",
        8: "made by its owner's own rule",
    }.get(version, "not defined by RFC 9562")  # fmt: skip  # one glance
    facts: dict[str, str] = {"meaning": meaning}
    if version in {1, 6}:
        ticks = value.time if version == 1 else value.int >> 80 << 12 | value.int >> 64 & 0xFFF
        facts["time"] = _moment(GREGORIAN, ticks // 10)
    elif version == 7:
        facts["time"] = _moment(EPOCH, (value.int >> 80) * 1_000)
    if version in {1, 2, 6}:
        node = value.node
        facts["node"] = ":".join(f"{node >> shift & 0xFF:02x}" for shift in range(40, -8, -8))
        facts["node_is"] = "random" if node >> 40 & 1 else "a network card's address"
        facts["clock_sequence"] = str(value.clock_seq)
    return facts


def _inspect_ulid(text: str) -> dict[str, str]:
    values = [READ.get(char) for char in text.upper()]
    digits = [value for value in values if value is not None]
    if len(digits) != 26:
        raise ToolError("not a ULID: it takes the digits and the letters without I, L, O and U")
    if digits[0] > 7:
        raise ToolError("not a ULID: its first character must be 0 to 7, or it would have more than 128 bits")
    number = 0
    for digit in digits:
        number = number << 5 | digit
    facts: dict[str, str] = {"kind": "ULID", "canonical": _as_ulid(number)}
    return facts | {"time": _moment(EPOCH, (number >> 80) * 1_000), "uuid": str(uuid.UUID(int=number))}


def _as_ulid(number: int) -> str:
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def _rising(count: int, bits: int) -> list[int]:
    """Random numbers in rising order; where there are several, the first leaves room for the steps after it."""
    tail = secrets.randbits(bits if count == 1 else bits - 1)
    tails = [tail]
    while len(tails) < count:
        tail += secrets.randbelow(STEP) + 1
        tails.append(tail)
    return tails


def _moment(start: dt.datetime, microseconds: int) -> str:
    try:
        return (start + dt.timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return "after the year 9999"
