"""The same trivial tool twice: in the host's process, and in a worker process."""

from sanctuary_host import Tools, hookimpl, tool


@tool(read_only=True, runs="inline")
def echo(text: str) -> str:
    """Give the text back."""
    return text


@tool(read_only=True, runs="worker")
def echo_in_worker(text: str) -> str:
    """Give the text back, from a worker process."""
    return text


@hookimpl
def register_tools() -> Tools:
    """The two tools."""
    return [echo, echo_in_worker]
