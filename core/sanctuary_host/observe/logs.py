"""Logs on standard error: one JSON object a line, or lines for people where a terminal reads them."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from pydantic_core import to_json

from sanctuary_host.observe.lines import Lines
from sanctuary_host.shapes import is_object

COSTLY: Final = {
    "_srcfile": None,
    "logAsyncioTasks": False,
    "logMultiprocessing": False,
    "logProcesses": False,
    "logThreads": False,
}
"""Switches of the standard library for what it gathers for each record, as its "Optimization" chapter names them."""
CallWriter = Callable[[str, str, str, float, str], None]
"""Writes the record of a call from the tool's name, the outcome, the call's id, milliseconds and a correlation id."""
LEVEL_COLOURS: Final = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


def configure(
    *, level: str, cluster: str, stream: TextIO | None = None, pretty: bool | None = None, coloured: bool = True
) -> None:
    """Send every log record of the process to `stream`.

    Args:
        level: the least severe level that is written, such as `INFO`.
        cluster: the cluster's name, written with each record.
        stream: where to write, standard error by default.
        pretty: lines for people instead of JSON, by default where the stream is a terminal.
        coloured: whether the lines for people have colours.
    """
    for costly, off in COSTLY.items():
        setattr(logging, costly, off)
    target = stream or sys.stderr
    readable = target.isatty() if pretty is None else pretty
    handler = _Handler(target, _Pretty(coloured=coloured) if readable else _Json(cluster))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Neither says anything that an operator of this host could act on.
    logging.getLogger("aiohttp.server").addFilter(_without_malformed_requests)
    logging.getLogger("mcp").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("asyncio").setLevel(max(logging.WARNING, root.level))


def _without_malformed_requests(record: logging.LogRecord) -> bool:
    """Whether a record of aiohttp's is worth a line: not what strangers send that is no HTTP, traceback and all."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or type(error).__module__ != "aiohttp.http_exceptions"


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a record carries beside its sentence: `logger.info(..., extra={"fields": {...}})`."""
    fields = record.__dict__.get("fields")
    return fields if is_object(fields) else {}


def call_writer(cluster: str) -> CallWriter | None:
    """A quick way to write the record of a tool's call; `None` where records are for people, or not wanted.

    It writes what the ordinary way would write for `Tool NAME OUTCOME`, at a quarter of the cost: one such record is
    written for each call.
    """
    root = logging.getLogger()
    handler = next((handler for handler in root.handlers if isinstance(handler, _Handler)), None)
    if handler is None or not isinstance(handler.formatter, _Json) or not root.isEnabledFor(logging.INFO):
        return None
    head = f'","level":"info","cluster":{to_json(cluster).decode()},"logger":"sanctuary_host.calls","message":"Tool '
    write = handler.write

    def record(tool: str, outcome: str, call: str, milliseconds: float, correlation: str) -> None:
        # Nothing in it needs escaping: tools' names and correlation ids are letters, digits and a few signs.
        also = f',"correlation":"{correlation}"' if correlation else ""
        write(
            f'{{"time":"{timestamp(time.time())}{head}{tool} {outcome}","event":"call","call":"{call}",'
            f'"tool":"{tool}","outcome":"{outcome}","ms":{milliseconds:.3f}{also}}}\n'
        )

    return record


class _Handler(logging.Handler):
    """Writes records to a stream, without waiting where it has a descriptor."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._lines: Lines | None = None
        try:
            self._lines = Lines(stream.fileno())
        except (OSError, ValueError):  # a stream in memory
            self.write: Callable[[str], Any] = stream.write
        else:
            self.write = self._lines.write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001  # what is wrong with a record must not end what it tells of
            self.handleError(record)

    def close(self) -> None:
        """Write what is kept."""
        if self._lines is not None:
            self._lines.close()
        super().close()


class _Json(logging.Formatter):
    def __init__(self, cluster: str) -> None:
        super().__init__()
        self._cluster = cluster

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "cluster": self._cluster,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        try:
            return to_json(entry, fallback=str, inf_nan_mode="strings").decode()
        except ValueError:  # a path in some other encoding, which UTF-8 cannot state
            return json.dumps(entry, default=str)


class _Pretty(logging.Formatter):
    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        colour = LEVEL_COLOURS.get(record.levelname, "0")
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        # One record, one line: whatever a caller got into a message cannot forge another, nor command the terminal.
        sentence = _printable(record.getMessage())
        shown = {key: _printable(str(value)) for key, value in fields.items() if key not in {"traceback", "event"}}
        # What the sentence says already is not said again.
        detail = "".join(f"  {key}={value}" for key, value in shown.items() if value not in sentence.split())
        level = f"{record.levelname.lower():8}"
        if self._coloured:
            level, detail = f"\x1b[{colour}m{level}\x1b[0m", f"\x1b[2m{detail}\x1b[0m"
        line = f"{clock} {level} {sentence}{detail}"
        trace = self.formatException(record.exc_info) if record.exc_info else fields.get("traceback")
        return f"{line}\n{_indented(str(trace))}" if trace else line


def _indented(trace: str) -> str:
    """A traceback, whose lines cannot be taken for records."""
    return "\n".join(f"         {_printable(line)}" for line in trace.splitlines())


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def timestamp(seconds: float) -> str:
    """A moment, in seconds since 1970, as text in UTC to the millisecond."""
    whole = int(seconds)
    if whole != _second[0]:
        _second[0], _second[1] = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{_second[1]}.{int((seconds - whole) * 1000):03d}Z"


_second: list[Any] = [0, ""]  # the last second and its text: most records fall into the same one
