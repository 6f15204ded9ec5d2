"""What one process may touch in the kernel's terms, derived from a cluster's boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sanctuary_host.boundary import Boundary


@dataclass(frozen=True, slots=True)
class Grants:
    """What one process may touch; what is not named here is refused.

    Attributes:
        read: files and folders that may be read.
        write: folders (and files) that may be read, written and changed.
        execute: programs that may be run; without any, no process may be started either.
        ports: TCP ports to which it may connect, 1 to 65535; `None` means all.
        udp: whether it may use UDP, without which host names outside of /etc/hosts cannot be looked up.
        signals: whether it may send signals to processes outside of its own confinement: the host ends workers so.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    execute: tuple[str, ...] = ()
    ports: frozenset[int] | None = frozenset()
    udp: bool = False
    signals: bool = False


def of_worker(boundary: Boundary, environment: Mapping[str, str]) -> Grants:
    """What a worker may touch."""
    raise NotImplementedError


def of_host(boundary: Boundary, environment: Mapping[str, str]) -> Grants:
    """What the host's own process may touch."""
    raise NotImplementedError
