"""Find the registrar that a distribution brings, and say what is wrong with one that cannot be used.

A registrar runs in the host's own process and holds the token for the gateway: whoever names it in SANCTUARY_REGISTRAR
vouches for its distribution. So only the one that is named is ever imported.
"""

from __future__ import annotations

import difflib
import inspect
import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import pluggy

from sanctuary_host.gateway.http import Gateway
from sanctuary_host.gateway.quoting import cleaned
from sanctuary_host.gateway.registrar import BUILT_IN, Registrar
from sanctuary_host.hookspecs import PROJECT, hookspec
from sanctuary_host.settings import SettingsError

logger = logging.getLogger(__name__)

GROUP: Final = "sanctuary_registrars"
HOOK: Final = "make_registrar"
ASKED: Final = ("register", "withdraw", "copy")
"""The coroutines of a registrar."""


class Specification:
    """The hook of a registrar."""

    @hookspec
    def make_registrar(self, gateway: Gateway) -> Registrar:  # type: ignore[empty-body]  # it has no body
        """Return the registrar for one make of gateway.

        Called once, before anything is served. It asks nobody anything.

        Args:
            gateway: the way to the gateway, with its URL and the token.
        """


class UnfitRegistrarError(Exception):
    """The registrar cannot be used; the message says why."""


def offered() -> dict[str, list[EntryPoint]]:
    """The registrars that installed distributions offer, by name; the host's own names cannot be taken."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        if entry.name not in BUILT_IN:
            found.setdefault(entry.name, []).append(entry)
    return found


def load_registrar(name: str, gateway: Gateway) -> Registrar:
    """Import the registrar that a distribution offers under `name`, and no other, and have it made.

    Raises:
        SettingsError: there is none of that name, or more than one, or it is broken.
    """
    if name in BUILT_IN:
        raise SettingsError(f"registrar {name} is the host's own; no distribution can replace it")
    found = offered()
    entries = found.get(name, [])
    if not entries:
        known = [*BUILT_IN, *sorted(found)]
        close = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise SettingsError(
            f"SANCTUARY_REGISTRAR names {name[:64]!r}, which is not installed{hint}; there are {', '.join(known)}"
        )
    if len(entries) > 1:
        names = " and ".join(sorted(_distribution(entry) for entry in entries))
        raise SettingsError(f"registrar {name} is offered by {names}; uninstall all but one")
    entry = entries[0]
    try:
        return _made(entry, gateway)
    except (UnfitRegistrarError, SettingsError) as error:
        reason = str(error)
    except BaseException as error:  # SystemExit and its like must not end the host without a sentence
        logger.debug("registrar %s could not be loaded", name, exc_info=True)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    raise SettingsError(f"registrar {name} (from {_distribution(entry)}) cannot be used: {cleaned(reason)}")


def _made(entry: EntryPoint, gateway: Gateway) -> Registrar:
    module = entry.load()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    try:
        manager.register(module, name=entry.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise UnfitRegistrarError(_plain(str(error), module)) from None
    if not manager.get_hookcallers(module):
        if callable(getattr(module, HOOK, None)):
            raise UnfitRegistrarError(f"{HOOK} is not marked; put @hookimpl above it")
        raise UnfitRegistrarError(f"it implements no hook; the hook is {HOOK}")
    made = manager.hook.make_registrar(gateway=gateway)
    return _fit(made[0] if made else None, entry.name)


def _fit(registrar: Any, name: str) -> Registrar:
    """The same, once it is seen to be a registrar."""
    if inspect.iscoroutine(registrar):
        registrar.close()
        raise UnfitRegistrarError(f"{HOOK} is an async def; make it a plain def")
    missing = [method for method in ("plan", *ASKED) if not callable(getattr(registrar, method, None))]
    if missing:
        raise UnfitRegistrarError(
            f"{HOOK} returned {type(registrar).__name__}, which has no {' and no '.join(missing)}; return a Registrar"
        )
    for method in ASKED:
        if not inspect.iscoroutinefunction(getattr(registrar, method)):
            raise UnfitRegistrarError(f"{method} would hold up the host; make it an async def")
    if getattr(registrar, "name", None) != name:
        raise UnfitRegistrarError(f"its name is not {name!r}, which its entry point says; have both say the same")
    fit: Registrar = registrar
    return fit


def _plain(message: str, module: Any) -> str:
    """A sentence for pluggy's validation errors, with the hook that was probably meant."""
    for name in dir(module):
        if name != HOOK and f"{name!r}" in message:
            close = difflib.get_close_matches(name, [HOOK], n=1)
            return f"there is no hook {name}; " + (f"did you mean {HOOK}?" if close else f"the hook is {HOOK}")
    return " ".join(message.split())


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"
