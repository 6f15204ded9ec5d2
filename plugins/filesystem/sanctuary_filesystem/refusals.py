"""What ripgrep says of a search that it does not begin, in a sentence with the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from sanctuary_host import ToolError
from sanctuary_host.doors import shown

REMEDIES: Final = (
    (
        "look-around",
        "the pattern has look-around, which this engine lacks; match more, and leave out what does not fit",
    ),
    ("backreferences", "the pattern has a back-reference, which this engine lacks; write the alternatives out"),
    (
        "exceeds size limit",
        "the pattern is too large once compiled; use smaller repetitions, or \\w* in place of \\w{1,500}",
    ),
    ('literal "\\n" is not allowed', "the pattern spans lines; set multiline to true, or leave \\n out"),
    ("literal '\"\\n\"' not allowed", "the pattern spans lines; set multiline to true, or leave \\n out"),
    ("memory allocation", "this search needs more memory than it may have; narrow it with path, globs or types"),
)
SAID: Final = re.compile(r"^error: (.{1,120})", re.MULTILINE)
NOTHING: Final = ("rg: No files were searched", "Running with --debug")
"""It warns where all files are filtered out."""
OF_FILE: Final = re.compile(r"rg: (?:\./|/proc/self/fd/)")
TYPE: Final = re.compile(r"unrecognized file type: (.*)")
GLOB: Final = re.compile(r"error parsing glob '.*': (.{1,80})")


def refusal(said: str) -> ToolError | None:
    """Why it did not search; `None` where it did, even if some files could not be read."""
    if all(not line or OF_FILE.match(line) or line.startswith(NOTHING) for line in said.splitlines()):
        return None
    for words, sentence in REMEDIES:
        if words in said:
            return ToolError(sentence)
    if (glob := GLOB.search(said)) is not None:
        return ToolError(f"one of the globs is none: {glob[1]}")
    if (error := SAID.search(said)) is not None:
        return ToolError(
            f"the pattern is no regular expression: {error[1]}; set literal to true to find it as it stands"
        )
    return ToolError("the search program refuses this search; simplify the pattern")


def unread(said: str) -> bool:
    """Whether some files could not be read."""
    return bool(said) and not said.startswith(NOTHING)


def unknown_type(said: str) -> str | None:
    """The file type that it does not know, if there is one."""
    found = TYPE.search(said)
    return None if found is None else found[1]


def no_such_type(name: str, known: Sequence[str]) -> ToolError:
    """A sentence with those that are alike."""
    close = difflib.get_close_matches(name.lower()[:40], known, 3, 0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "such as py, ts, rust, md; or use globs"
    return ToolError(f"there is no file type {shown(name[:40])}; {hint}")
