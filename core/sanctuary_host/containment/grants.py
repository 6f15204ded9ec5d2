"""What one process may touch in the kernel's terms, derived from a cluster's boundary."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from sanctuary_host.boundary import Boundary
from sanctuary_host.containment import python
from sanctuary_host.containment.programs import needed_by
from sanctuary_host.folders import read_folders
from sanctuary_host.settings import SettingsError

PORTS: Final = {"http": 80, "https": 443}
"""Where a URL leads that names no port."""
NAMES: Final = ("/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services")
"""Where the C library looks host names up before it asks anybody."""
RESOLVER: Final = ("/etc/resolv.conf", "/run/systemd/resolve", "/run/NetworkManager/resolv.conf", "/etc/protocols")
"""Whom it asks; services that write the file anew keep it in a folder of their own."""
CERTIFICATES: Final = (
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"),
    *("/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/ca-trust"),
)
"""Where distributions keep the certificates of authorities, and no private keys."""
COLLECTORS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
COLLECTOR_FILES: Final = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{file}"
    for signal in ("", "TRACES_")
    for file in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
)
OWN_PROCESS: Final = ("/proc/self", "/proc/stat")
"""What the host's metrics are read from."""


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
        serves: whether it may accept connections at sockets that it has, and set its own limits, as the host does.
        notes: a sentence for each thing that was declared and is not there, or is wider than it looks.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    execute: tuple[str, ...] = ()
    ports: frozenset[int] | None = frozenset()
    udp: bool = False
    signals: bool = False
    serves: bool = False
    notes: tuple[str, ...] = ()

    @property
    def readable(self) -> tuple[str, ...]:
        """All files and folders whose contents it may read, one way or another."""
        return (*self.read, *self.write, *self.execute)

    @property
    def changes(self) -> bool:
        """Whether there is a file that it may change, devices left out."""
        return any(not path.startswith("/dev/") for path in self.write)


def of_worker(boundary: Boundary, environment: Mapping[str, str]) -> Grants:
    """What a worker may touch.

    Raises:
        SettingsError: a mount's or server's setting does not fit.
    """
    notes: list[str] = []
    read, write = _folders(boundary, environment, notes)
    own = python.paths(environment)
    notes += [
        f"the code that runs here, in {path}, lies in {folder} and may be rewritten by tools; keep them apart"
        for folder in write
        for path in own
        if _is_below(path, folder)
    ]
    execute = _programs(boundary.programs, environment, notes)
    ports: frozenset[int] | None = frozenset()
    if boundary.network == "internet":
        ports = None
        read += [*NAMES, *RESOLVER, *_certificates(environment)]
    elif boundary.network != "none":
        servers = boundary.backends if boundary.network == "backends" else ("GATEWAY_URL",)
        ports = frozenset(address[1] for address in _addresses(servers, environment))
        read += [*NAMES, *_certificates(environment)] if ports else []
    return Grants(
        read=_once([*own, *python.DEVICES, *read]),
        write=_once([os.devnull, *write]),
        execute=_once(execute),
        ports=ports,
        udp=boundary.network == "internet",
        notes=tuple(notes),
    )


def of_host(boundary: Boundary, environment: Mapping[str, str], worker: Grants | None = None) -> Grants:
    """What the host's own process may touch: what its workers may, as coroutines of trusted packs run there, and what
    serving takes.

    Args:
        boundary: the cluster's.
        environment: where mounts' and servers' settings are read from.
        worker: what its workers may touch, where that is known already.

    Raises:
        SettingsError: a mount's or server's setting does not fit.
    """  # noqa: D205  # one sentence
    worker = worker or of_worker(boundary, environment)
    collectors = () if environment.get("OTEL_SDK_DISABLED") == "true" else COLLECTORS
    addresses = _addresses(("GATEWAY_URL", *collectors, *boundary.backends), environment)
    read = [*worker.read, *OWN_PROCESS]
    if addresses:
        read += [*NAMES, *_certificates(environment)]
        read += [environment[name] for name in COLLECTOR_FILES if name in environment]
    looks_up = any(_is_looked_up(host) for host, _ in addresses)
    if looks_up:
        read += RESOLVER
    return replace(
        worker,
        read=_once(read),
        ports=None if worker.ports is None else worker.ports | {port for _, port in addresses},
        udp=worker.udp or looks_up,
        signals=True,
        serves=True,
    )


def _folders(boundary: Boundary, environment: Mapping[str, str], notes: list[str]) -> tuple[list[str], list[str]]:
    read: list[str] = []
    write: list[str] = []
    for mount in boundary.mounts:
        for folder in read_folders(mount, environment):
            if os.path.exists(folder.path):  # noqa: PTH110  # paths are strings here
                (write if folder.writable else read).append(folder.path)
            else:
                notes.append(f"{mount.setting} names {folder.path}, which is not there; create it and start again")
    notes += [
        f"{inner} is to be read only, but lies in {outer}, which may be written, and so may be written too; move it"
        for outer in write
        for inner in read
        if _is_below(inner, outer)
    ]
    return read, write


def _programs(programs: Iterable[str], environment: Mapping[str, str], notes: list[str]) -> list[str]:
    found: list[str] = []
    for name in programs:
        path = shutil.which(name, path=environment.get("PATH", os.defpath))
        if path is None:
            notes.append(f"the program {name} is not there; install it or put it into PATH, and start again")
        else:
            found += [path, *needed_by(path, environment.get("PATH", os.defpath))]
    return found


def _certificates(environment: Mapping[str, str]) -> list[str]:
    return [*CERTIFICATES, *(environment[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in environment)]


def _addresses(settings: Iterable[str], environment: Mapping[str, str]) -> list[tuple[str, int]]:
    """Host names and ports of the URLs that these settings hold, those left out that are not set."""
    return [_address(name, environment[name]) for name in settings if environment.get(name)]


def _address(setting: str, url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if not host or not port:
        raise SettingsError(f"{setting} must be a URL with a host name, such as http://127.0.0.1:8000")
    return host, port


def _is_looked_up(host: str) -> bool:
    """Whether a name server has to be asked for it."""
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([path, folder]) == folder


def _once(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))
