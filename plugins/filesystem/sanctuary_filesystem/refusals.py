"""What ripgrep says of a search that it does not begin, in a sentence with the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from sanctuary_host import ToolError
from sanctuary_host.doors import shown

REMEDIES: Final = (
    ("backreferences are not", "the pattern has a back-reference, which this engine lacks; write the alternatives out"),
    (
        "look-around, including",
        "the pattern has look-around, which this engine lacks; match more, and leave out what does not fit",
    ),
    (
        "exceeds size limit",
        "the pattern is too large once compiled; use smaller repetitions, or \\w* in place of \\w{1,500}",
    ),
    ("is not allowed in a regex", "the pattern names a line end; give the option multiline, or leave it out"),
    ('contains "\\0"', "NUL is in no file that is searched as text; leave it out of the pattern"),
    ("memory allocation", "this search needs more memory than it may have; narrow it with path, globs or types"),
)
"""What stands in its words, and what is said instead."""
SAID: Final = re.compile(r"^error: (.{1,120})", re.MULTILINE)
OF_FILE: Final = ("rg: ./", "rg: /proc/self/fd/")
TYPE: Final = re.compile(r"unrecognized file type: (.*)")
GLOB: Final = re.compile(r"error parsing glob '.*': (.{1,80})")


def is_of_file(said: str) -> bool:
    """Whether what went wrong is that files could not be read: what is wrong with a search is said before all else."""
    return said.startswith(OF_FILE)


def refusal(said: str) -> ToolError:
    """Why it did not search."""
    for words, sentence in REMEDIES:
        if words in said:
            return ToolError(sentence)
    if (glob := GLOB.search(said)) is not None:
        return ToolError(f"one of the globs is none: {glob[1]}")
    if (error := SAID.search(said)) is not None:
        return ToolError(
            f"the pattern is no regular expression: {error[1]}; with the option literal it is taken as it stands"
        )
    return ToolError("the search program cannot take this pattern; simplify it")


def unknown_type(said: str) -> str | None:
    """The file type that it does not know, if there is one."""
    found = TYPE.search(said)
    return None if found is None else found[1]


def no_such_type(name: str, known: Sequence[str]) -> ToolError:
    """A sentence with those that are alike."""
    close = difflib.get_close_matches(name.lower()[:40], known, 3, 0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "such as py, ts, rust, md; or use globs"
    return ToolError(f"there is no file type {shown(name[:40])}; {hint}")
