"""What a plugin may ask of the process it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from sanctuary_host import errands
from sanctuary_host.boundary import Boundary
from sanctuary_host.config import OWN_SECRETS
from sanctuary_host.folders import Folder, read_folders
from sanctuary_host.settings import SettingsError, read_secret, read_settings

M = TypeVar("M", bound=BaseModel)


def _nobody(*_news: object) -> None:
    """Hears of changes where nobody serves them."""


class _Remembered(Mapping[str, str]):
    """Variables that were asked for once, which a worker still knows when the rest of the environment is gone."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._asked: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        if name in OWN_SECRETS:
            raise SettingsError(f"{name} is the host's own secret; no plugin can read it")
        if name not in self._asked:
            self._asked[name] = self._environment.get(name)
        value = self._asked[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


class Host:
    """The plugin's view of the host: settings, declared secrets, an end of its own, what it offers now, workers.

    Args:
        cluster: the cluster's name, which stands before the names of its settings.
        environment: where settings and secrets are read from.
        boundary: which secrets are declared.
        offer: is told what is shown or hidden.
        touch: is told which resource changed.
        package: whose functions `run` may run; any, and in this process, for a host that a test made by hand.
    """

    def __init__(
        self,
        cluster: str,
        environment: Mapping[str, str],
        boundary: Boundary,
        offer: Callable[[str, bool], None] = _nobody,
        touch: Callable[[str], None] = _nobody,
        package: str = "",
    ) -> None:
        self.cluster = cluster
        self._environment = _Remembered(environment)
        self._secrets: dict[str, str | None] = {}
        self._boundary = boundary
        self._offer = offer
        self._touch = touch
        self._package = package
        self.endings: list[Callable[[], Any]] = []
        self.kept: list[int] = []

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
        if name not in self._secrets:
            self._secrets[name] = read_secret(name, self._environment)
        return self._secrets[name]

    def folders(self, setting: str) -> tuple[Folder, ...]:
        """The folders that the operator grants in a setting that the cluster's boundary declares as a mount.

        Returns:
            Each with its name, path, and whether it may be written; none where the setting is not set.

        Raises:
            SettingsError: the boundary declares no such mount, or the setting does not fit; see docs/settings.md.
        """
        for mount in self._boundary.mounts:
            if mount.setting == setting:
                return read_folders(mount, self._environment)
        raise SettingsError(f"{setting} is not among the mounts that the boundary of {self.cluster} declares")

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a worker process, for the coroutine of a tool that would otherwise hold the event loop.

        It ends with the call that it is run for, at that call's deadline at the latest, and may use as much memory as
        the tool. In a worker, where guests' coroutines run already, the function is run in place.

        Args:
            function: a plain function at the top of one of the plugin's own modules.
            arguments: JSON or bytes, each.

        Returns:
            What the function returned: bytes, or plain JSON data, which a dataclass and a pydantic model become.

        Raises:
            RunError: the function raised anything but a ToolError, crashed its process, or ran out of memory.
            RuntimeError: no call runs here.
            ToolError: the function raised it.
            TypeError: the function has no name by which a worker could find it.
        """
        name = errands.name_of(function, self._package)
        runner = errands.runner.get()
        if runner is not None:
            return await runner(name, arguments)
        if self._package:
            raise RuntimeError("host.run works inside a call only; before and after, call the function itself")
        return errands.copy(function(*arguments))

    def on_shutdown(self, callback: Callable[[], Any]) -> None:
        """Have `callback` called when the host stops; it may be a coroutine function."""
        self.endings.append(callback)

    def keep_open(self, descriptor: int) -> None:
        """Have workers inherit a file or folder that is open; all else is closed before their first call.

        Args:
            descriptor: from now on until the host ends, and the same number in every worker.
        """
        self.kept.append(descriptor)

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
