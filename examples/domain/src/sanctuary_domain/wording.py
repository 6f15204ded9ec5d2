"""What text a record may hold: one line for a title, Markdown for a body, a plain word for a tag."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from sanctuary_host import ToolError

TITLE_LENGTH: Final = 200
ASSIGNEE_LENGTH: Final = 80
NOTE_LENGTH: Final = 500
TAG_LENGTH: Final = 40
TAGS: Final = 10
SLUG_LENGTH: Final = 50

# Everything below a space but tab and line feed, delete, the C1 block, lone surrogates.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Marks that make one line display as another: direction overrides and isolates.
_OVERRIDES: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def one_line(text: str, what: str, most: int) -> str:
    """The text with all runs of white space as one space.

    Raises:
        ToolError: it is longer than `most` characters or holds control characters.
    """
    line = " ".join(text.split())
    if _CONTROLS.search(line) or _OVERRIDES.search(line):
        raise ToolError(f"the {what} holds control characters; send plain text")
    if len(line) > most:
        raise ToolError(f"the {what} has {len(line)} characters; {most} is the most")
    return line


def title_of(text: str) -> str:
    """The title as one line, not empty."""
    if not (title := one_line(text, "title", TITLE_LENGTH)):
        raise ToolError("the title is empty; say in a few words what the record is about")
    return title


def markdown(text: str, what: str) -> str:
    """The text with plain line ends and without blank lines around it.

    Raises:
        ToolError: it holds control characters.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROLS.search(plain):
        raise ToolError(f"the {what} holds control characters; send plain Markdown")
    return plain.strip("\n").rstrip()


def tags_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The tags in lower case, each once, in their order."""
    if len(texts) > TAGS:
        raise ToolError(f"there are {len(texts)} tags; {TAGS} is the most")
    return tuple(dict.fromkeys(tag_of(text) for text in texts))


def tag_of(text: str) -> str:
    """One tag in lower case, with hyphens for spaces."""
    tag = "-".join(one_line(text, "tag", TAG_LENGTH).casefold().split())
    if not re.fullmatch(r"\w[\w./+#-]*", tag):
        raise ToolError("a tag is empty or holds other characters than letters, digits and . / + # - _")
    return tag


def slug(title: str) -> str:
    """The title as part of a file name: ASCII letters, digits and hyphens, perhaps empty."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_LENGTH].strip("-")


def shown(name: str, most: int = 60) -> str:
    """A name from outside, fit to be shown: not more than `most` characters, none of them a control."""
    line = "".join(character if character.isprintable() else "?" for character in name)
    return line if len(line) <= most else f"{line[: most - 1]}…"
