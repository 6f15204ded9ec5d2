"""What of the file system Python itself reads while it runs: its libraries, so that late imports work, and no more."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")
"""Where shared objects are loaded from."""
FILES: Final = (
    *("/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/mime.types"),
    *("/usr/share/zoneinfo", "/etc/localtime"),
)
"""What the standard library and the libraries beneath it read."""
DEVICES: Final = ("/dev/urandom", "/dev/random", "/dev/zero")


def paths(environment: Mapping[str, str]) -> list[str]:
    """What may be read for Python's sake. A home or the working folder is never among it as a whole."""
    kept_out = _kept_out(environment)
    found = [path for path in _own(environment) if os.path.realpath(path) not in kept_out]
    found += [path for path in _sites() if path not in kept_out]
    covered = {os.path.realpath(path) for path in found}
    for path in _loaded():
        if path not in kept_out and not _is_covered(path, covered):
            found.append(path)
            covered.add(path)
    return found


def _own(environment: Mapping[str, str]) -> Iterator[str]:
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        yield os.path.join(prefix, "lib")  # noqa: PTH118  # paths are strings here
    yield sys.executable
    yield from LIBRARIES
    yield from FILES
    if "TZDIR" in environment:
        yield environment["TZDIR"]


def _kept_out(environment: Mapping[str, str]) -> frozenset[str]:
    """The working folder and the user's home, with what they lie in."""
    kept: set[str] = {"/"}
    for place in (_working_folder(), environment.get("HOME", ""), os.path.expanduser("~")):  # noqa: PTH111  # as above
        if place:
            real = Path(os.path.realpath(place))
            kept |= {str(real), *map(str, real.parents)}
    return frozenset(kept)


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  # as above
    except OSError:  # it is gone
        return ""


def _sites() -> Iterator[str]:
    """Entries of sys.path that are archives, or folders into which distributions are installed."""
    for entry in sys.path:
        path = os.path.realpath(entry) if entry else ""
        if os.path.isfile(path) or (os.path.isdir(path) and _is_site(path)):  # noqa: PTH112, PTH113  # as above
            yield path


def _is_site(path: str) -> bool:
    if path in map(os.path.realpath, [*site.getsitepackages(), site.getusersitepackages()]):
        return True
    try:
        return any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(path))  # noqa: PTH208  # as above
    except OSError:
        return False


def _loaded() -> Iterator[str]:
    """Where packages and modules were loaded from: what is installed as a link to its source is in no such folder."""
    for name, module in [*sys.modules.items()]:
        if "." not in name and name != "__main__":
            # Its own fields alone: a module may make others up when it is asked. And anything may stand in for one.
            fields: Mapping[str, Any] = getattr(module, "__dict__", {})
            for place in fields.get("__path__") or [fields.get("__file__")]:
                if isinstance(place, str) and os.path.isabs(place):  # noqa: PTH117  # as above
                    yield os.path.realpath(place)


def _is_covered(path: str, folders: set[str]) -> bool:
    return path in folders or any(str(parent) in folders for parent in Path(path).parents)
