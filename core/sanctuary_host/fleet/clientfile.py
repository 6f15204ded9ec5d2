"""Servers put into a client's own file: everything else in it stays, the file as it was is kept."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sanctuary_host.fleet import jsontext, tomltext
from sanctuary_host.fleet.clients import Client, Object, render
from sanctuary_host.fleet.jsontext import BrokenError
from sanctuary_host.shapes import is_array, is_object

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; a file beyond it is no configuration."""
KINDS: Final = frozenset({"command", "args", "type", "url", "httpUrl", "serverUrl", "bearer_token_env_var"})
"""What says how an entry is reached: of an older entry none of it may linger."""


class InstallError(Exception):
    """A client's file cannot be changed; the message names it and the remedy."""


@dataclass(frozen=True)
class Change:
    """What is to be done to one file.

    Attributes:
        path: the file itself, links followed.
        before: its bytes; `None` where there is none.
        after: what they are to become.
    """

    path: Path
    before: bytes | None
    after: bytes

    @property
    def is_needed(self) -> bool:
        """Whether anything changes at all."""
        return self.before != self.after

    def diff(self) -> str:
        """The change as a unified diff."""
        old = (self.before or b"").decode().splitlines()
        source = "/dev/null" if self.before is None else str(self.path)
        lines = difflib.unified_diff(old, self.after.decode().splitlines(), source, str(self.path), lineterm="")
        return "\n".join(lines) + "\n"


def plan(client: Client, path: Path, content: Mapping[str, Any]) -> Change:
    """Work out how a client's file comes to hold `content` beside what it holds already.

    Raises:
        InstallError: the file cannot be read, is broken, or holds something else where the servers should be.
    """
    try:
        path = path.resolve()
        before = _bytes_of(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        reason = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise InstallError(f"{path} cannot be read: {reason}") from None
    try:
        text = (before or b"").decode()
    except UnicodeDecodeError:
        raise InstallError(f"{path} is not UTF-8 text; nothing was changed") from None
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    windows = 0 < text.count("\n") == text.count("\r\n")
    text = text.removeprefix(mark)
    try:
        after = _edited(client, text.replace("\r\n", "\n") if windows else text, content)
    except BrokenError as error:
        raise InstallError(f"{path} was left as it is: {error}") from None
    if after is None:
        return Change(path, before, before or b"")
    return Change(path, before, (mark + (after.replace("\n", "\r\n") if windows else after)).encode())


def write(change: Change) -> Path | None:
    """Carry a change out in one step; returns where the file as it was is kept.

    Raises:
        InstallError: the file may not be written, or has changed since it was read.
    """
    path = change.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = path.stat() if change.before is not None else None
        if known is not None and not (known.st_mode & stat.S_IWUSR and os.access(path, os.W_OK)):
            raise InstallError(f"{path} is read-only and was left as it is; chmod u+w it first")
        backup = _keep(path, change.before, known) if known is not None and change.before is not None else None
        _replace(change, known)
    except OSError as error:
        raise InstallError(f"{path} cannot be written: {error.strerror}") from None
    return backup


def _bytes_of(path: Path) -> bytes | None:
    try:
        known = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(known.st_mode):
        raise InstallError(f"{path} is no file; nothing was changed")
    if known.st_size > SIZE_LIMIT:
        raise InstallError(f"{path} is larger than any configuration; nothing was changed")
    return path.read_bytes()


def _read(client: Client, text: str) -> Any:
    return tomltext.read(text) if client.format == "toml" else jsontext.read(text, comments=client.format == "jsonc")


def _edited(client: Client, text: str, content: Mapping[str, Any]) -> str | None:
    """The text with the content in it; `None` where it holds it already."""
    toml = client.format == "toml"
    there = _read(client, text)
    if not is_object(there):
        raise BrokenError("it holds no object at its top")
    if not text.strip():
        return render(client, content)
    if not toml and jsontext.is_blank(text):
        return f"{text.rstrip()}\n{render(client, content)}"
    wanted: dict[str, Any] = dict(there)
    for key, part in content.items():
        if is_object(part):
            servers = there.get(key, {})
            if not is_object(servers):
                raise BrokenError(f"its {key!r} is no object")
            merged = {name: _merged(servers.get(name), entry) for name, entry in part.items()}
            wanted[key] = {**servers, **merged}
            for name, entry in merged.items():
                if servers.get(name) != entry:
                    text = tomltext.put(text, key, name, entry) if toml else jsontext.put(text, (key, name), entry)
        else:
            text, wanted[key] = _with_items(text, key, there.get(key), part)
    if wanted == there:
        return None
    with contextlib.suppress(BrokenError):
        if _read(client, text) == wanted:
            return text
    raise BrokenError(f"its {client.key} are written in a way that is not understood here; add the entry by hand")


def _with_items(text: str, key: str, there: Any, items: list[Any]) -> tuple[str, list[Any]]:
    """The text whose list `key` has an item of each id."""
    if there is None:
        return jsontext.put(text, (key,), items), items
    if not is_array(there):
        raise BrokenError(f"its {key!r} is no list")
    known = {item.get("id") for item in there if is_object(item)}
    missing = [item for item in items if item["id"] not in known]
    for item in missing:
        text = jsontext.append(text, key, item)
    return text, [*there, *missing]


def _merged(there: Any, entry: Object) -> dict[str, Any]:
    """Our entry with what the user added to the one that is there: further variables, headers, options."""
    if not is_object(there):
        return dict(entry)
    merged = {key: value for key, value in there.items() if key in entry or key not in KINDS}
    for key, value in entry.items():
        older = merged.get(key)
        merged[key] = {**older, **value} if is_object(older) and is_object(value) else value
    return merged


def _keep(path: Path, content: bytes, known: os.stat_result) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        backup = path.with_name(f"{path.name}.{stamp}{f'-{number}' if number > 1 else ''}.bak")
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
                file.write(content)
                os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
            return backup
    raise InstallError(f"{path} has too many backups beside it; remove some")


def _refuse_if_changed(change: Change) -> None:
    if _bytes_of(change.path) != change.before:
        raise InstallError(f"{change.path} has changed meanwhile and was left as it is; run the command again")


def _replace(change: Change, known: os.stat_result | None) -> None:
    path = change.path
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(change.after)
            file.flush()
            os.fsync(descriptor)
            if known is not None:
                os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
                if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):  # only root gives files away
                        os.fchown(descriptor, known.st_uid, known.st_gid)
        _refuse_if_changed(change)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
