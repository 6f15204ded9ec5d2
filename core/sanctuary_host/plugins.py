"""Find a cluster's plugins, check each by itself, collect what they offer; a bad one never takes the others along."""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points, version
from types import ModuleType
from typing import Any, Final, TypeVar

import pluggy

from sanctuary_host import hookspecs
from sanctuary_host.boundary import Boundary
from sanctuary_host.config import OWN_SECRETS
from sanctuary_host.gateway.lint import collisions, faults_of
from sanctuary_host.host import Host
from sanctuary_host.prompts import Prompt, describe_prompt
from sanctuary_host.resources import Resource, describe_resource
from sanctuary_host.settings import SettingsError
from sanctuary_host.shapes import is_array
from sanctuary_host.tools import Tool, UnfitError, describe

logger = logging.getLogger(__name__)

DISTRIBUTION: Final = "sanctuary-host"
GROUP: Final = "sanctuary_host."
LEFT_OUT: Final = " was left out: "
CLOSED: Final = frozenset({"filesystem", "git"})
"""Clusters that only trusted distributions may join: their boundary is worth stealing into."""
HOOKS: Final = tuple(name for name, member in vars(hookspecs).items() if hasattr(member, f"{hookspecs.PROJECT}_spec"))
P = TypeVar("P")


class UnknownClusterError(Exception):
    """No installed distribution has plugins for the cluster; the message lists what is installed."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that was imported and whose hooks are sound."""

    name: str
    distribution: str
    trusted: bool
    hooks: Mapping[str, Callable[..., Any]]
    host: Host

    def call(self, hook: str) -> Any:
        """Call one of its hooks, handing over the host where the hook asks for it; `None` where it has no such hook."""
        function = self.hooks.get(hook)
        if function is None:
            return None
        return function(self.host) if inspect.signature(function).parameters else function()

    def __str__(self) -> str:
        """How reports name it."""
        return self.name if self.distribution == DISTRIBUTION else f"{self.name} (from {self.distribution})"


@dataclass
class Cluster:
    """What one process serves: everything that its plugins offer, and what is wrong with those left out."""

    name: str
    boundary: Boundary = field(default_factory=Boundary)
    tools: dict[str, Tool] = field(default_factory=dict[str, Tool])
    resources: list[Resource] = field(default_factory=list[Resource])
    prompts: dict[str, Prompt] = field(default_factory=dict[str, Prompt])
    plugins: list[Plugin] = field(default_factory=list[Plugin])
    faults: list[str] = field(default_factory=list[str])
    hidden: set[str] = field(default_factory=set[str])
    watchers: list[Callable[[str, str], None]] = field(default_factory=list[Callable[[str, str], None]])

    @cached_property
    def version(self) -> str:
        """The host's version."""
        return version(DISTRIBUTION)

    @property
    def kept(self) -> frozenset[int]:
        """The descriptors that workers inherit."""
        return frozenset(descriptor for plugin in self.plugins for descriptor in plugin.host.kept)

    def listed_tools(self) -> list[Tool]:
        """The tools on offer now."""
        return [tool for tool in self.tools.values() if tool.name not in self.hidden]

    def listed_prompts(self) -> list[Prompt]:
        """The prompts on offer now."""
        return [prompt for prompt in self.prompts.values() if prompt.name not in self.hidden]

    def watch(self, watcher: Callable[[str, str], None]) -> None:
        """Have `watcher` told of changes: `("tools" | "prompts", name)` or `("resource", uri)`."""
        self.watchers.append(watcher)

    def offer(self, name: str, offered: bool) -> None:  # noqa: FBT001  # the callback of Host.offer, which names it
        """Show or hide a tool or prompt; see `Host.offer`."""
        kind = "tools" if name in self.tools else "prompts"
        if kind == "prompts" and name not in self.prompts:
            raise KeyError(f"{name} is neither a tool nor a prompt of cluster {self.name}")
        if offered == (name not in self.hidden):
            return
        (self.hidden.discard if offered else self.hidden.add)(name)
        self._tell(kind, name)

    def resource_changed(self, uri: str) -> None:
        """Tell the watchers that a resource changed; see `Host.resource_changed`."""
        self._tell("resource", uri)

    def _tell(self, kind: str, name: str) -> None:
        for watcher in self.watchers:
            watcher(kind, name)


def installed() -> list[str]:
    """The clusters that have plugins installed, sorted."""
    names = {group.removeprefix(GROUP) for group in entry_points().groups if group.startswith(GROUP)}
    return sorted(name for name in names if name.isidentifier())


def load(name: str, environment: Mapping[str, str] | None = None, trust: frozenset[str] = frozenset()) -> Cluster:
    """Import the plugins of one cluster, and no other's, and collect what they offer.

    Args:
        name: the cluster, such as `utils`.
        environment: where plugins' settings are read from.
        trust: distributions whose plugins are treated like the host's own: they may join the closed clusters
            (filesystem, git), and their coroutines and inline functions run in the host's process.

    Raises:
        UnknownClusterError: nothing of that name is installed.
    """
    found = entry_points(group=GROUP + name)
    if not name or not found:
        close = difflib.get_close_matches(name.lower(), installed(), n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise UnknownClusterError(
            f"cluster {name[:64]!r} is not installed{hint}; installed: {', '.join(installed()) or 'none'}"
        )
    cluster = Cluster(name)
    trusted = frozenset(_canonical(distribution) for distribution in {DISTRIBUTION, *trust})
    modules: list[tuple[EntryPoint, str, dict[str, Callable[..., Any]]]] = []
    named = [(_distribution(entry), entry) for entry in found]
    for distribution, entry in sorted(named, key=lambda one: (one[0] != DISTRIBUTION, one[0], one[1].name)):
        if name in CLOSED and distribution not in trusted:
            cluster.faults.append(
                f"plugin {entry.name} (from {distribution}) was left out: only trusted distributions may join {name}; "
                f"add {distribution} to SANCTUARY_TRUST if you vouch for it"
            )
            continue
        hooks = _isolated(cluster, entry, partial(_hooks_of, entry))
        if hooks is not None:
            modules.append((entry, distribution, hooks))
    cluster.boundary = _boundary(cluster, modules, trusted)
    for entry, distribution, hooks in modules:
        package = entry.module.partition(".")[0]
        host = Host(name, environment or {}, cluster.boundary, cluster.offer, cluster.resource_changed, package)
        plugin = Plugin(entry.name, distribution, distribution in trusted, hooks, host)
        if _isolated(cluster, entry, partial(_collect, cluster, plugin)) is not None:
            cluster.plugins.append(plugin)
    cluster.faults = [*_told_once(cluster.faults), *collisions(cluster.tools)]
    for fault in cluster.faults:
        logger.error(fault)
    return cluster


def _distribution(entry: EntryPoint) -> str:
    return _canonical(entry.dist.name) if entry.dist is not None else "an unknown distribution"


def _canonical(distribution: str) -> str:
    """A distribution's name as the packaging standard compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _isolated(cluster: Cluster, entry: EntryPoint, step: Callable[[], P]) -> P | None:
    """Run one step of one plugin's loading; whatever it raises becomes a fault of that plugin alone."""
    try:
        return step()
    except (UnfitError, SettingsError) as error:
        reason = str(error)
    except ModuleNotFoundError as error:
        reason = f"{type(error).__name__}: {error}"
        if _distribution(entry) == DISTRIBUTION:
            reason += f"; pip install '{DISTRIBUTION}[{cluster.name}]'"
    except BaseException as error:  # SystemExit and its like must not end the host either
        logger.debug("plugin %s could not be loaded", entry.name, exc_info=True)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    cluster.faults.append(f"plugin {entry.name} (from {_distribution(entry)}){LEFT_OUT}{reason}")
    return None


def _told_once(faults: Sequence[str]) -> list[str]:
    """Faults, where what several plugins were left out for, such as a setting that they all read, is one of them."""
    alike: dict[str, list[str]] = {}
    for fault in faults:
        alike.setdefault(fault.partition(LEFT_OUT)[2] or fault, []).append(fault)
    told: list[str] = []
    for first, *others in alike.values():
        names = ", ".join(fault.split()[1] for fault in others)
        told.append(f"{first} (so were the plugins {names})" if names else first)
    return told


def _hooks_of(entry: EntryPoint) -> dict[str, Callable[..., Any]]:
    module = entry.load()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=entry.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise UnfitError(_plain(str(error), module)) from None
    hooks = {caller.name: caller.get_hookimpls()[0].function for caller in manager.get_hookcallers(module) or ()}
    for hook in HOOKS:
        if callable(getattr(module, hook, None)) and hook not in hooks:
            raise UnfitError(f"{hook} is not marked; put @hookimpl above it")
    if not hooks:
        raise UnfitError(f"it implements no hook; the hooks are {', '.join(HOOKS)}")
    return hooks


def _plain(message: str, module: ModuleType) -> str:
    """A sentence for pluggy's validation errors, with the hook that was probably meant."""
    for name in dir(module):
        if name not in HOOKS and f"{name!r}" in message and (close := difflib.get_close_matches(name, HOOKS, n=1)):
            return f"there is no hook {name}; did you mean {close[0]}?"
    return " ".join(message.split())


def _boundary(
    cluster: Cluster,
    modules: list[tuple[EntryPoint, str, dict[str, Callable[..., Any]]]],
    trusted: frozenset[str],
) -> Boundary:
    """What the cluster may touch; takes out of `modules` those whose declaration is broken."""
    declared: list[tuple[str, Boundary]] = []
    guests = any(distribution == DISTRIBUTION for _, distribution, _ in modules)
    for module in modules[:]:
        entry, distribution, hooks = module
        if "declare_boundary" not in hooks:
            continue
        if guests and distribution not in trusted:
            # Whoever joins a cluster of the host's own lives within its boundary and cannot widen it.
            cluster.faults.append(
                f"plugin {entry.name} (from {distribution}) declares a boundary, but {cluster.name} is the host's own "
                "cluster; offer the tools in a cluster of their own, or without declare_boundary"
            )
            continue
        boundary = _isolated(cluster, entry, partial(_declared, hooks["declare_boundary"]))
        if boundary is None:
            modules.remove(module)
        else:
            declared.append((f"{entry.name} (from {distribution})", boundary))
    if len(declared) > 1:
        names = " and ".join(name for name, _ in declared)
        cluster.faults.append(f"the plugins {names} both declare a boundary; one must, so the tightest is used")
        return Boundary()
    return declared[0][1] if declared else Boundary()


def _declared(hook: Callable[[], Any]) -> Boundary:
    boundary = hook()
    if not isinstance(boundary, Boundary):
        raise UnfitError(f"declare_boundary returned {type(boundary).__name__}; return a Boundary")
    if own := OWN_SECRETS.intersection(boundary.secrets):
        raise UnfitError(f"its boundary declares {min(own)}, which is the host's own secret; no tool may know it")
    return boundary


def _collect(cluster: Cluster, plugin: Plugin) -> bool:
    """Add what a plugin offers to the cluster: all of it, or, where anything is wrong, nothing.

    Raises:
        UnfitError: something that the plugin offers is unfit or already there.
    """
    tools = [_fit(describe(function), cluster, plugin) for function in _listed(plugin, "register_tools")]
    resources = [
        replace(describe_resource(function), trusted=plugin.trusted, distribution=plugin.distribution)
        for function in _listed(plugin, "register_resources")
    ]
    prompts = [
        replace(describe_prompt(function), trusted=plugin.trusted, distribution=plugin.distribution)
        for function in _listed(plugin, "register_prompts")
    ]
    taken: dict[str, str] = {name: tool.plugin for name, tool in cluster.tools.items()}
    for tool in tools:
        if tool.name in taken:
            raise UnfitError(f"tool {tool.name} is already offered by plugin {taken[tool.name]}; rename one of them")
        taken[tool.name] = plugin.name
    uris = {resource.uri for resource in cluster.resources}
    for resource in resources:
        if resource.uri in uris:
            raise UnfitError(f"resource {resource.uri} is already offered; rename one of them")
        uris.add(resource.uri)
    names = set(cluster.prompts)
    for prompt in prompts:
        if prompt.name in names:
            raise UnfitError(f"prompt {prompt.name} is already offered; rename one of them")
        names.add(prompt.name)
    cluster.tools.update({tool.name: tool for tool in tools})
    cluster.resources.extend(resources)
    cluster.prompts.update({prompt.name: prompt for prompt in prompts})
    return True


def _listed(plugin: Plugin, hook: str) -> Sequence[Callable[..., Any]]:
    offered = plugin.call(hook)
    if is_array(offered):
        return offered
    if offered is None and hook not in plugin.hooks:
        return ()
    raise UnfitError(f"{hook} returned {type(offered).__name__}; return a list of marked functions")


def _fit(tool: Tool, cluster: Cluster, plugin: Plugin) -> Tool:
    if faults := faults_of(tool.name, tool.description, tool.arguments.schema):
        raise UnfitError("; ".join(faults))
    changes: dict[str, Any] = {}
    if not plugin.trusted:
        changes["runs"] = "worker"
    if tool.marks.open_world is None:
        changes["open_world"] = cluster.boundary.network == "internet"
    return replace(tool.with_marks(**changes), plugin=plugin.name, distribution=plugin.distribution)


async def unready(plugin: Plugin, seconds: float) -> list[str]:
    """The sentences with which a plugin says why it cannot serve; a failing or slow check is one of them."""
    try:
        asked = plugin.call("check_ready")
        if asked is None:
            return []
        if inspect.isawaitable(asked):
            async with asyncio.timeout(seconds):
                asked = await asked
        return (
            [str(sentence) for sentence in asked] if is_array(asked) else [f"{plugin.name}: check_ready gave no list"]
        )
    except TimeoutError:
        return [f"plugin {plugin.name} did not say within {seconds:g} s whether it is ready"]
    except Exception as error:
        logger.exception("the readiness check of plugin %s failed", plugin.name)
        return [f"the readiness check of plugin {plugin.name} failed with {type(error).__name__}"]
