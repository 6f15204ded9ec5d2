"""Edits to a TOML file that leave everything else in it as it stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from sanctuary_host.fleet.jsontext import BrokenError


def read(text: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises:
        BrokenError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrokenError(str(error)) from None
    except RecursionError:
        raise BrokenError("it is nested too deep") from None


def put(text: str, key: str, name: str, value: Mapping[str, Any]) -> str:
    """The text with the table `[key.name]`: in the place of the one that is there, or at the end.

    Raises:
        BrokenError: the table that is there has comments, which would be lost.
    """
    table = tomli_w.dumps({key: {name: value}}).removeprefix(f"[{key}]\n").strip()
    lines = text.splitlines(keepends=True)
    spelt = "|".join(re.escape(form) for form in (name, json.dumps(name), f"'{name}'"))
    header = re.compile(rf"\s*\[\s*{re.escape(key)}\s*\.\s*({spelt})\s*(\.|\])")
    mine = [number for number, line in enumerate(lines) if header.match(line)]
    if not mine:
        gap = "" if not text.strip() else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}{table}\n"
    first = mine[0]
    last = next((n for n in range(mine[-1] + 1, len(lines)) if re.match(r"\s*\[", lines[n])), len(lines))
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1  # what stands right above the next table is about that one
    if any("#" in line for line in lines[first:last]):
        raise BrokenError(f"its table [{key}.{name}] has comments, which would be lost; change it by hand")
    return "".join(lines[:first]) + table + "\n" + "".join(lines[last:])
