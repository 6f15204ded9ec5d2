"""Checksums, hashes and message authentication codes."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from typing import Final, get_args

from sanctuary_host import ToolError
from sanctuary_utils.text_words import Hash

__all__ = ["HASHES", "digest", "keyed_digest"]

HASHES: Final[tuple[Hash, ...]] = get_args(Hash)
BROKEN: Final = {
    "md5": ["MD5 is broken: good against accidents, not against forgers"],
    "sha1": ["SHA-1 is broken: good against accidents, not against forgers"],
    "crc32": ["CRC-32 finds accidents, not forgeries"],
}


def digest(data: bytes, name: Hash) -> tuple[str, list[str]]:
    """The hash of some bytes in hexadecimal digits."""
    if name == "crc32":
        return f"{zlib.crc32(data):08x}", BROKEN[name]
    return hashlib.new(name, data, usedforsecurity=False).hexdigest(), BROKEN.get(name, [])


def keyed_digest(data: bytes, name: Hash, key: bytes) -> tuple[str, list[str]]:
    """The HMAC (RFC 2104) of some bytes in hexadecimal digits.

    Raises:
        ToolError: there is no key, or the hash is no cryptographic one.
    """
    if not key:
        raise ToolError("hmac needs a key")
    if name == "crc32":
        raise ToolError("hmac needs a cryptographic hash, such as sha256; crc32 is a checksum")
    return hmac.new(key, data, name).hexdigest(), []
