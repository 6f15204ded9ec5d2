"""Settings: the fields of a pydantic model, read from environment variables."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

M = TypeVar("M", bound=BaseModel)


SECRET_LIMIT: Final = 64 * 1024
"""Characters of a file that holds one secret. Whoever names a longer one named the wrong file."""
PIPE_SECONDS: Final = 10.0
"""How long a pipe that is named as a secret's file may stay silent."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable and what it should hold."""


def variable_of(field: str, info: FieldInfo, prefix: str) -> str:
    """The environment variable of a field: its `validation_alias`, or the prefix and its own name in capitals."""
    return info.validation_alias if isinstance(info.validation_alias, str) else f"{prefix}_{field}".upper()


def is_secret(info: FieldInfo) -> bool:
    """Whether a field holds a secret, which may come from a file."""
    return info.annotation is SecretStr or SecretStr in get_args(info.annotation)


def read_settings(
    model: type[M], environment: Mapping[str, str], prefix: str, secret: Callable[[str], str | None] | None = None
) -> M:
    """Fill a settings model from the environment. A variable that is empty counts as not set.

    Args:
        model: its fields are the settings; a list takes comma-separated words, a `SecretStr` has a `_FILE` twin.
        environment: the variables.
        prefix: what stands before the names of fields without an alias.
        secret: where secrets are read from, by default the environment and the files it names.

    Raises:
        SettingsError: one sentence for each variable that is missing or does not fit.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    ask = secret or partial(read_secret, environment=environment)
    for field, info in model.model_fields.items():
        name = variable_of(field, info, prefix)
        key = info.validation_alias if isinstance(info.validation_alias, str) else field
        names[key] = names[field] = name
        text = ask(name) if is_secret(info) else environment.get(name)
        if text:
            listed = get_origin(info.annotation) in {list, tuple, set, frozenset}
            values[key] = [word.strip() for word in text.split(",") if word.strip()] if listed else text
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        sentences = [_sentence(names, fault) for fault in faults]
        raise SettingsError("; ".join(sentences)) from None


def read_secret(name: str, environment: Mapping[str, str]) -> str | None:
    """A secret from the file that `name`_FILE names, without white space around it, or else from the variable `name`.

    Raises:
        SettingsError: the file cannot be read, is empty or too long. Whoever names a file means to have the secret in
            force.
    """
    if path := environment.get(f"{name}_FILE"):
        try:
            secret = _text_in(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingsError(f"{name}_FILE names a file that cannot be read: {reason}") from None
        if len(secret) > SECRET_LIMIT:
            raise SettingsError(f"{name}_FILE names a file of more than {SECRET_LIMIT:,} characters; name the secret's")
        if not secret.strip():
            raise SettingsError(f"{name}_FILE names a file that is empty; write the secret into it")
        return secret.strip()
    return environment.get(name)


def _text_in(path: str) -> str:
    """What is in a file, up to one character too many.

    Raises:
        OSError: it cannot be read, or is a pipe into which nobody writes.
        UnicodeDecodeError: it holds something else.
    """
    with open(path, encoding="utf-8", opener=_open_at_once) as file:  # Path.open takes no opener
        arrival = select.poll()
        arrival.register(file, select.POLLIN)
        if not arrival.poll(PIPE_SECONDS * 1000):
            raise TimeoutError(errno.ETIMEDOUT, f"it is a pipe into which nobody wrote within {PIPE_SECONDS:g} s")
        os.set_blocking(file.fileno(), True)
        return file.read(SECRET_LIMIT + 1)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe too, without waiting for whoever may write into it."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def unfit_as_token(text: str) -> str:
    """Why a text cannot be a bearer token, for a sentence about it; empty where it can be one."""
    if not text.isprintable():
        return "holds a line break or another control character; a token is one line"
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return "holds a character that no HTTP header can carry; copy the token again"
    return ""


PLAIN: Final = {
    "missing": "is not set",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be 1 or 0",
}
"""What pydantic says at length, in words that fit an environment variable."""


def _sentence(names: Mapping[str, str], fault: Any) -> str:
    text = PLAIN.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return str(text)
    name = names.get(str(fault["loc"][0]), str(fault["loc"][0]))
    return f"{name} {text[:1].lower()}{text[1:]}".replace(" input should be", " must be")
