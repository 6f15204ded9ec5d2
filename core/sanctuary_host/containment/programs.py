"""What a program needs beside itself before the kernel runs it: its loader, or the interpreter of a script."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

PT_INTERP: Final = 3
"""elf(5), as the numbers below: the header that names a program's loader."""
DEPTH: Final = 4
"""How many interpreters the kernel follows, one from another."""


def needed_by(program: str, search: str, depth: int = DEPTH) -> Iterator[str]:
    """Paths of the files that must be executable too.

    Args:
        program: its path.
        search: the PATH in which `/usr/bin/env` looks.
        depth: how many further interpreters are looked at.
    """
    if not depth or not Path(program).is_file():
        return
    try:
        with Path(program).open("rb") as file:
            start = file.read(256)
            if start.startswith(b"\x7fELF"):
                loader = _loader(file, start)
                if loader:
                    yield loader
                return
    except (OSError, struct.error):
        return
    if not start.startswith(b"#!"):
        return
    words = os.fsdecode(start[2:].partition(b"\n")[0]).split()
    named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if words and Path(words[0]).name == "env" and named and (found := shutil.which(named[0], path=search)):
        interpreters = [words[0], found]
    else:
        interpreters = words[:1]
    for interpreter in interpreters:
        yield interpreter
        yield from needed_by(interpreter, search, depth - 1)


def _loader(file: BinaryIO, start: bytes) -> str:
    """The path in the header of that kind of a 64-bit program; empty for one that needs none."""
    (offset,) = struct.unpack_from("<Q", start, 32)
    size, count = struct.unpack_from("<HH", start, 54)
    file.seek(offset)
    headers = file.read(size * count)
    for place in range(0, size * count, size):
        if struct.unpack_from("<I", headers, place)[0] == PT_INTERP:
            where, _, _, length = struct.unpack_from("<QQQQ", headers, place + 8)
            file.seek(where)
            return os.fsdecode(file.read(min(length, 4096)).rstrip(b"\0"))
    return ""
