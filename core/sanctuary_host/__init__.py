"""One MCP host, one cluster of tools a process. These names are all that a tool pack needs."""

from sanctuary_host.boundary import Boundary, Caps, Mount
from sanctuary_host.calling import log, need_worker, progress
from sanctuary_host.content import Audio, Content, Embedded, Image, Link, Text, Verbatim
from sanctuary_host.errands import RunError
from sanctuary_host.folders import Folder
from sanctuary_host.hookspecs import hookimpl
from sanctuary_host.host import Host
from sanctuary_host.recorded import Recorded
from sanctuary_host.settings import SettingsError
from sanctuary_host.tools import ToolError, Tools, tool

__all__ = [
    "Audio",
    "Boundary",
    "Caps",
    "Content",
    "Embedded",
    "Folder",
    "Host",
    "Image",
    "Link",
    "Mount",
    "Recorded",
    "RunError",
    "SettingsError",
    "Text",
    "ToolError",
    "Tools",
    "Verbatim",
    "hookimpl",
    "log",
    "need_worker",
    "progress",
    "tool",
]
