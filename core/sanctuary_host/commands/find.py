"""The tool that a word on the command line names."""

from __future__ import annotations

import difflib

from sanctuary_host.plugins import Cluster
from sanctuary_host.tools import Tool


class UsageError(Exception):
    """The command line does not say what to do; the message says what is missing."""


def find_tool(cluster: Cluster, name: str) -> Tool:
    """The tool of that name.

    Raises:
        UsageError: the cluster has no such tool.
    """
    if name in cluster.tools:
        return cluster.tools[name]
    close = difflib.get_close_matches(name, cluster.tools, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it offers {', '.join(cluster.tools) or 'none'}"
    raise UsageError(f"cluster {cluster.name} has no tool {name}; {hint}")
