"""The form of an audit trail: records of which each names the one before it by its hash, and the head beside them.

A line is a JSON object that ends in its own hash, which covers every byte before it: there is but one way to write a
record, so no edit leaves it as it was. The head, a small file of its own, says which record was written last: without
it nobody could tell a trail that was cut from one that ended there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pydantic_core import from_json, to_json

from sanctuary_host.shapes import is_object

START: Final = "0" * 64
"""What the first record of a trail names as the one before it."""
LINE_LIMIT: Final = 128 * 1024
"""Bytes of the longest line that a record takes."""
HEAD_SIZE: Final = 512
"""Bytes of a head, which is always rewritten in whole."""
HEAD_SUFFIX: Final = ".head"

_TAIL: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n\Z')


@dataclass(frozen=True, slots=True)
class Link:
    """A record as a part of the chain.

    Attributes:
        n: its number, from 0.
        previous: the hash of the record before it.
        hash: its own.
        sound: whether its hash fits what it says.
        fields: all that it says.
    """

    n: int
    previous: str
    hash: str
    sound: bool
    fields: Mapping[str, Any]


def forge(n: int, time: str, fields: Mapping[str, Any], previous: str) -> tuple[bytes, str]:
    """A record as the line that holds it, and its hash."""
    # What is no JSON number is written as a word.
    body = to_json({"n": n, "time": time, **fields, "previous": previous}, inf_nan_mode="strings")
    digest = sha256(body).hexdigest()
    return b'%b,"hash":"%b"}\n' % (body[:-1], digest.encode()), digest


def read_link(line: bytes) -> Link | None:
    """The record that a line holds, line break included, even one that was edited; `None` where it holds none."""
    tail = _TAIL.search(line[-80:]) if len(line) <= LINE_LIMIT else None
    if tail is None:
        return None
    body = line[: len(line) - len(tail[0])] + b"}"
    digest = tail[1].decode()
    try:
        fields = from_json(body, allow_inf_nan=False)
    except ValueError:  # no JSON, no UTF-8, or nested without end
        return None
    if not is_object(fields):
        return None
    n, previous = fields.get("n"), fields.get("previous")
    if type(n) is not int or n < 0 or not isinstance(previous, str) or not isinstance(fields.get("event"), str):
        return None
    return Link(n, previous, digest, sha256(body).hexdigest() == digest, fields)


@dataclass(frozen=True, slots=True)
class Head:
    """Which record of a trail was written last.

    Attributes:
        n: its number; -1 while there is none.
        hash: its hash.
        pending: the hash of the record that is written next, or was to be: a crash may leave it written or not.
        boot: the start of the machine at which it was written, as the kernel names it; empty where it does not.
    """

    n: int = -1
    hash: str = START
    pending: str = ""
    boot: str = ""

    def pack(self) -> bytes:
        """The head as the bytes of its file, which are always as many."""
        said = f"{self.n} {self.hash} {self.pending or '-'} {self.boot or '-'}"
        return f"{said} {sha256(said.encode()).hexdigest()}\n".encode().rjust(HEAD_SIZE)

    @classmethod
    def read(cls, data: bytes) -> Head | None:
        """The head that a file's bytes are; `None` where they are none, in the least of them."""
        try:
            number, digest, pending, boot, _ = data.decode("ascii").split()
            head = cls(int(number), digest, "" if pending == "-" else pending, "" if boot == "-" else boot)
        except ValueError:
            return None
        return head if head.pack() == data else None
