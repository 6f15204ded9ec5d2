"""Landlock: which files a process may open, to which TCP ports it may connect, and whom it may signal."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import Final

from sanctuary_host.containment.grants import Grants
from sanctuary_host.containment.libc import call_kernel
from sanctuary_host.containment.syscalls import LANDLOCK_ADD_RULE, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF

VERSION: Final = 1
"""linux/landlock.h, as all numbers here: a flag that asks which version of Landlock there is."""
BENEATH: Final = 1
PORT: Final = 2

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
MAKE_SYM: Final = 1 << 12
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14

READ: Final = READ_FILE | READ_DIR
WRITE: Final = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
"""What may be done in a folder that may be written: no sockets, named pipes or devices."""
OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
"""The rights that a rule for a file, rather than a folder, may hold."""

CONNECT_TCP: Final = 1 << 1
BIND_TCP: Final = 1 << 0
ABSTRACT_SOCKETS: Final = 1 << 0
SIGNALS: Final = 1 << 1

TRUNCATES: Final = 3
"""The version from which on Landlock keeps files from being cut short."""
NETWORK: Final = 4
"""The version from which on it tells TCP ports apart."""
SCOPES: Final = 6
"""The version from which on it keeps signals and abstract sockets in."""


def version() -> int:
    """The version of Landlock's interface (its ABI) that this kernel has.

    Raises:
        OSError: it has none; the number says why: ENOSYS not built in, EOPNOTSUPP switched off, EPERM kept away.
    """
    return call_kernel(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))


def make_ruleset(grants: Grants, abi: int) -> int:
    """A ruleset that refuses whatever `grants` does not name, as far as version `abi` goes.

    Returns:
        Its descriptor, for `restrict`. What does not exist is left out.

    Raises:
        OSError: the kernel does not take it.
    """
    files = (1 << (13 + (abi >= 2) + (abi >= TRUNCATES) + (abi >= 5))) - 1  # 5: ioctl on devices
    network = scopes = 0
    if abi >= NETWORK:
        network = BIND_TCP if grants.ports is None else BIND_TCP | CONNECT_TCP
    if abi >= SCOPES:
        scopes = ABSTRACT_SOCKETS if grants.signals else ABSTRACT_SOCKETS | SIGNALS
    size = 8 if abi < NETWORK else 16 if abi < SCOPES else 24
    asked = struct.pack("=QQQ", files, network, scopes)[:size]
    ruleset = call_kernel(LANDLOCK_CREATE_RULESET, asked, ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for paths, rights in ((grants.read, READ), (grants.write, WRITE), (grants.execute, READ | EXECUTE)):
            for path in paths:
                _add_path(ruleset, path, rights & files)
        for port in grants.ports or () if network else ():
            rule = struct.pack("=QQ", CONNECT_TCP, port)
            call_kernel(LANDLOCK_ADD_RULE, ruleset, ctypes.c_int(PORT), rule, ctypes.c_uint32(0))
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def restrict(ruleset: int) -> None:
    """Put a ruleset on the calling thread and what it starts from now on. It must have given up new privileges before.

    Raises:
        OSError: the kernel refuses.
    """
    call_kernel(LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint32(0))


def _add_path(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what cannot be reached needs no leave
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, place)
        call_kernel(LANDLOCK_ADD_RULE, ruleset, ctypes.c_int(BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(place)
