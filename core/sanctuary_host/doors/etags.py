"""A word that changes when a file's contents do, by which a later write knows that it saw the newest ones."""

from __future__ import annotations

import hashlib
import os
from typing import Final

HASHED: Final = 1 << 20
"""Bytes up to which it is made of the contents; of a longer file, of its inode, size and times."""
LENGTH: Final = 8
"""Bytes of the digest: what it guards against is chance, and no forger."""


def etag_of(descriptor: int) -> str:
    """The etag of an open file, 16 hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    status = os.fstat(descriptor)
    if status.st_size <= HASHED:
        return etag_of_content(os.pread(descriptor, HASHED + 1, 0))
    return etag_of_status(status)


def etag_of_content(content: bytes) -> str:
    """The etag of contents of at most `HASHED` bytes."""
    return hashlib.blake2b(content, digest_size=LENGTH).hexdigest()


def etag_of_status(status: os.stat_result) -> str:
    """The etag of a file that is too long to be read for it."""
    said = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return hashlib.blake2b(said.encode(), digest_size=LENGTH).hexdigest()
