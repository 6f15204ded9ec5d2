"""Other people's packages with only those parts loaded that a server uses, for start-up and memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

from pydantic import BaseModel


def defer(package: str, **known: Any) -> None:
    """Have a package's `__init__` run only when somebody asks for a name in it that is no module of its own.

    `import mcp.server.runner` alone runs `mcp/__init__.py`, which imports a client, a second server with a web
    framework, and an OAuth provider; `aiohttp/__init__.py` imports a client that reads all certificates of the machine.
    Once a package is deferred, importing a module of it by its full name loads that module and what it imports itself.
    Whoever asks for `mcp.Client` has the rest loaded then, and the package is as it would have been.

    Args:
        package: its name; where it was imported already, nothing happens.
        known: names in it, with their values, that its own modules ask for.
    """
    spec = None if package in sys.modules else find_spec(package)
    if spec is None or spec.loader is None:
        return
    loader, module, lock = spec.loader, module_from_spec(spec), threading.RLock()
    pending = True

    def find(name: str) -> Any:
        nonlocal pending
        if name.startswith("__") and name != "__all__":  # what tools ask every module for, such as __wrapped__
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if find_spec(f"{package}.{name}") is not None:
            return import_module(f"{package}.{name}")
        with lock:  # other threads wait for the whole; the package's own modules may ask for a name meanwhile
            if pending:
                pending = False
                loader.exec_module(module)
                if vars(module)["__getattr__"] is find:  # and not one of the package's own
                    del vars(module)["__getattr__"]
        if vars(module).get("__getattr__") is find and name not in vars(module):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(module, name)

    vars(module).update(known, __getattr__=find)
    sys.modules[package] = module
    parent, _, child = package.rpartition(".")
    if parent:
        setattr(import_module(parent), child, module)


@contextmanager
def built_when_used() -> Generator[None]:
    """Have pydantic build the validators of the models that are defined meanwhile when each is first used.

    The protocol's packages define hundreds of models, of which a server uses a few dozen.
    """
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]


@contextmanager
def without(package: str) -> Generator[None]:
    """Have a package that is not loaded yet pass for one that is not installed meanwhile."""
    absent = package not in sys.modules
    if absent:
        sys.modules[package] = None  # type: ignore[assignment]  # how the import system writes that there is none
    try:
        yield
    finally:
        if absent:
            del sys.modules[package]
