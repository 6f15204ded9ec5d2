"""Random strings: passwords whose classes of characters are assured, and nanoids, with their entropy in bits."""

from __future__ import annotations

import itertools
import math
import secrets
import string
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from sanctuary_host import ToolError

__all__ = ["CharacterClass", "make_nanoids", "make_passwords"]

CharacterClass: TypeAlias = Literal["lower", "upper", "digits", "symbols"]
CLASSES: Final[dict[CharacterClass, str]] = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
    "symbols": "!#$%&()*+,-./:;<=>?@[]^_{|}~",
}
ALIKE: Final = frozenset("Il1|!O0oS5Z2B8`'\",.;:")
URL_SAFE: Final = string.ascii_letters + string.digits + "_-"


def make_nanoids(count: int, size: int, alphabet: str) -> tuple[list[str], float]:
    """Random strings over an alphabet (64 URL-safe characters by default), and the bits of entropy in each.

    Raises:
        ToolError: the alphabet has under 2 or over 256 characters, one of them twice, or invisible ones.
    """
    alphabet = _checked(alphabet or URL_SAFE)
    return _draw(alphabet, size, count), round(size * math.log2(len(alphabet)), 1)


def make_passwords(
    count: int, size: int, alphabet: str, classes: Sequence[CharacterClass], *, look_alikes: bool
) -> tuple[list[str], float]:
    """Random passwords with at least one character of each class, and the bits of entropy in each.

    All passwords that fulfil this are equally likely. An alphabet of one's own takes the place of the classes.

    Raises:
        ToolError: the size is under twice the number of classes, or the alphabet does not do.
    """
    groups = [_checked(alphabet)] if alphabet else [CLASSES[name] for name in dict.fromkeys(classes or tuple(CLASSES))]
    if not look_alikes:
        groups = ["".join(char for char in group if char not in ALIKE) for group in groups]
        if len("".join(groups)) < 2:
            raise ToolError("alphabet has under 2 characters once those that look alike are left out; add others")
    if len(groups) > 1 and size < 2 * len(groups):
        raise ToolError(
            f"size {size} is too short for {len(groups)} classes of characters; "
            f"give size {2 * len(groups)} or more, or fewer classes"
        )
    every = "".join(groups)
    made: list[str] = []
    while len(made) < count:
        # Drawing again until every class is there keeps all such passwords equally likely.
        drawn = _draw(every, size, count - len(made))
        made += [text for text in drawn if len(groups) == 1 or all(not set(text).isdisjoint(group) for group in groups)]
    return made, round(_entropy([len(group) for group in groups], size), 1)


def _entropy(sizes: Sequence[int], length: int) -> float:
    """Bits of the number of strings with one character of each class at least, by inclusion and exclusion."""
    total = sum(sizes)
    if len(sizes) == 1:
        return length * math.log2(total)
    strings = 0
    for left_out in range(len(sizes) + 1):
        for classes in itertools.combinations(sizes, left_out):
            strings += (-1) ** left_out * (total - sum(classes)) ** length
    return math.log2(strings)


def _checked(alphabet: str) -> str:
    if not 2 <= len(alphabet) <= 256:
        raise ToolError(f"alphabet must have 2 to 256 characters; it has {len(alphabet)}")
    if len(set(alphabet)) != len(alphabet):
        raise ToolError("alphabet has a character twice, which would make it more likely; give each once")
    if not alphabet.isprintable():
        raise ToolError("alphabet has a control or other invisible character; give printable ones")
    return alphabet


def _draw(alphabet: str, size: int, count: int) -> list[str]:
    """Strings of characters drawn evenly: bytes past the last whole multiple of the alphabet are thrown away."""
    bound = 256 - 256 % len(alphabet)
    indices = bytes(byte % len(alphabet) for byte in range(256))
    wanted = size * count
    drawn = b""
    while len(drawn) < wanted:
        drawn += secrets.token_bytes(wanted - len(drawn) + 64).translate(indices, bytes(range(bound, 256)))
    text = drawn.decode("latin-1").translate(dict(enumerate(alphabet)))
    return [text[at : at + size] for at in range(0, wanted, size)]
