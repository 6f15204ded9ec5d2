"""What a plugin may ask of the process it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from sanctuary_host.boundary import Boundary
from sanctuary_host.settings import SettingsError, read_secret, read_settings

M = TypeVar("M", bound=BaseModel)


def _nobody(*_news: object) -> None:
    """Hears of changes where nobody serves them."""


class Host:
    """The plugin's view of the host: settings, declared secrets, an end of its own, what it offers at the moment.

    Args:
        cluster: the cluster's name, which stands before the names of its settings.
        environment: where settings and secrets are read from.
        boundary: which secrets are declared.
        offer: is told what is shown or hidden.
        touch: is told which resource changed.
    """

    def __init__(
        self,
        cluster: str,
        environment: Mapping[str, str],
        boundary: Boundary,
        offer: Callable[[str, bool], None] = _nobody,
        touch: Callable[[str], None] = _nobody,
    ) -> None:
        self.cluster = cluster
        self._environment = environment
        self._boundary = boundary
        self._offer = offer
        self._touch = touch
        self.endings: list[Callable[[], Any]] = []

    def settings(self, model: type[M]) -> M:
        """The plugin's settings, read from the environment.

        A field `folder` of a plugin in the cluster `domain` is the variable `DOMAIN_FOLDER`; a field with a
        `validation_alias` is the variable of that name. Values are parsed as pydantic parses strings; a list takes
        comma-separated words; a `SecretStr` is a secret, which the boundary must declare.

        Raises:
            SettingsError: one sentence for each variable that is missing or does not fit.
        """
        return read_settings(model, self._environment, self.cluster, self.secret)

    def secret(self, name: str) -> str | None:
        """A secret that the cluster's boundary declares: the variable `name`, or the file that `name`_FILE names.

        Returns:
            The secret without surrounding white space, or `None` where neither is set.

        Raises:
            SettingsError: the boundary does not declare it, or its file cannot be read or is empty.
        """
        if name not in self._boundary.secrets:
            raise SettingsError(f"{name} is not among the secrets that the boundary of {self.cluster} declares")
        return read_secret(name, self._environment)

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
        self._offer(name, offered)

    def resource_changed(self, uri: str) -> None:
        """Tell the clients that subscribed to `uri` that reading it again gives something new."""
        self._touch(uri)
