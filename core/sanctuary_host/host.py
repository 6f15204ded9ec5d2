"""What a plugin may ask of the process it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from sanctuary_host.boundary import Boundary

M = TypeVar("M", bound=BaseModel)


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable and what it should hold."""


class Host:
    """The plugin's view of the host: settings, declared secrets, an end of its own, what it offers at the moment."""

    def __init__(
        self,
        cluster: str,
        environment: Mapping[str, str],
        boundary: Boundary,
        change: Callable[[str, bool], None] = lambda _name, _offered: None,
        touch: Callable[[str], None] = lambda _uri: None,
    ) -> None:
        self.cluster = cluster
        self._environment = environment
        self._boundary = boundary
        self._change = change
        self._touch = touch
        self.endings: list[Callable[[], Any]] = []

    def settings(self, model: type[M]) -> M:
        """The plugin's settings, read from the environment.

        A field `folder` of a plugin in the cluster `domain` is the variable `DOMAIN_FOLDER`; a field with a
        `validation_alias` is the variable of that name. Values are parsed as pydantic parses strings; a list takes
        comma-separated words.

        Raises:
            SettingsError: one sentence for each variable that is missing or does not fit.
        """
        values: dict[str, Any] = {}
        names: dict[str, str] = {}
        for field, info in model.model_fields.items():
            variable = info.validation_alias if isinstance(info.validation_alias, str) else None
            key = variable or field
            names[key] = variable or f"{self.cluster}_{field}".upper()
            text = self._environment.get(names[key])
            if info.annotation is SecretStr or info.annotation == SecretStr | None:
                text = self.secret(names[key])
            if text is not None:
                listed = getattr(info.annotation, "__origin__", None) in {list, tuple, set, frozenset}
                values[key] = [word.strip() for word in text.split(",") if word.strip()] if listed else text
        try:
            return model.model_validate(values)
        except ValidationError as error:
            faults = [
                f"{names.get(str(fault['loc'][0]), fault['loc'][0])}: "
                + ("is not set" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, "))
                for fault in error.errors(include_url=False, include_input=False, include_context=False)
                if fault["loc"]
            ]
            raise SettingsError("; ".join(faults) or "the settings do not fit together") from None

    def secret(self, name: str) -> str | None:
        """A secret that the cluster's boundary declares: the variable `name`, or the file that `name`_FILE names.

        Returns:
            The secret without surrounding white space, or `None` where neither is set.

        Raises:
            SettingsError: the boundary does not declare it, or its file cannot be read.
        """
        if name not in self._boundary.secrets:
            raise SettingsError(f"{name} is not among the secrets that the boundary of {self.cluster} declares")
        if path := self._environment.get(f"{name}_FILE"):
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{name}_FILE cannot be read: {error.strerror}") from None
        return self._environment.get(name)

    def on_shutdown(self, callback: Callable[[], Any]) -> None:
        """Have `callback` called when the host stops; it may be a coroutine function."""
        self.endings.append(callback)

    def offer(self, name: str, *, offered: bool) -> None:
        """Show or hide one of the plugin's tools or prompts from now on; clients are told that the list changed.

        Args:
            name: the tool's or prompt's name; it must have been registered.
            offered: whether it is listed and can be called.

        Raises:
            KeyError: nothing of that name was registered.
        """
        self._change(name, offered)

    def resource_changed(self, uri: str) -> None:
        """Tell the clients that subscribed to `uri` that reading it again gives something new."""
        self._touch(uri)
