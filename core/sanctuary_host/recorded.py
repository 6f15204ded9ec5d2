"""What of a call's arguments the audit trail keeps: sizes of contents, and the values that say what was touched."""

from __future__ import annotations

import enum
import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

from sanctuary_host.shapes import is_array, is_object

LENGTH: Final = 4096
"""Characters of a recorded value; no path is longer (PATH_MAX of linux/limits.h)."""
DEPTH: Final = 4
"""Models within models that are looked into."""
ELEMENTS: Final = 10_000
"""Elements of marked lists in one call; to look at more would hold up others."""
UNKNOWN: Final = "(unknown)"
"""Under which arguments are counted that the tool does not have: their names may be contents too."""

NAMES: Final = re.compile(
    r"^(?:--- (.*)\n\+\+\+ (.*)|(?:rename|copy) from (.*)\n(?:rename|copy) to (.*)|diff --git (.*))$", re.MULTILINE
)
"""Where a patch names files; a line that is taken out may look like one of the first kind, but not two in a row."""

Kind = Literal["text", "url", "diff"]
Rule = Callable[[Any], Any]
"""Gives what is kept of a value, or `_UNFIT` where the value is not what the type says."""
_UNFIT: Final = object()


@dataclass(frozen=True, slots=True)
class Recorded:
    """Marks text that the audit trail keeps, such as a path: `path: Annotated[str, Recorded()]`.

    Text that is not marked is kept as its length. In a list it is the elements that are kept.

    Attributes:
        kind: `text`; `url` to keep no more than scheme, host, port and path; or `diff` to keep the names of the files
            that a patch changes, and nothing of what it changes in them.
    """

    kind: Kind = "text"

    def __post_init__(self) -> None:
        """Refuse what would be taken for a mark and is none."""
        if self.kind not in get_args(Kind):
            raise ValueError("Recorded takes 'text', 'url' or 'diff'")


class TooManyError(Exception):
    """A call's arguments hold more recorded values than a record could."""


class Reduction:
    """What is kept of the arguments of one function, derived from its signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        target = inspect.unwrap(getattr(function, "__func__", function))
        hints = get_type_hints(target, include_extras=True)
        self._left = 0
        self._rules = {name: self._rule(hints.get(name, Any)) for name in inspect.signature(function).parameters}

    def __call__(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Reduce a call's arguments.

        Raises:
            TooManyError: they are too many.
        """
        self._left = ELEMENTS
        kept: dict[str, Any] = _model(self._rules, arguments)
        return kept

    def _rule(self, annotation: Any, mark: Recorded | None = None, depth: int = 0) -> Rule:
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            marks = [one for one in inner[1:] if isinstance(one, Recorded)]
            return self._rule(inner[0], marks[-1] if marks else mark, depth)
        if (alias := getattr(annotation, "__value__", None)) is not None and not inner:
            return self._rule(alias, mark, depth)  # type X = ...
        if (supertype := getattr(annotation, "__supertype__", None)) is not None:  # a NewType
            return self._rule(supertype, mark, depth)
        if origin in {Union, types.UnionType}:
            return partial(_first, [self._rule(one, mark, depth) for one in inner])
        if origin is Literal:
            return partial(_word, _words(one.value if isinstance(one, enum.Enum) else one for one in inner))
        if annotation is Any:
            return _number if mark is None else partial(_first, [KEEPS[mark.kind], _number])
        kind: Any = origin or annotation
        return self._rule_of(kind, inner, mark, depth) if isinstance(kind, type) else _size

    def _rule_of(self, kind: type[Any], inner: tuple[Any, ...], mark: Recorded | None, depth: int) -> Rule:
        if issubclass(kind, SecretStr | SecretBytes):
            return _hide
        if issubclass(kind, enum.Enum):
            return partial(_word, _words(one.value for one in kind))
        if kind in {bool, int, float, type(None)}:
            return partial(_number, kind=kind)
        if issubclass(kind, list | tuple | set | frozenset) or kind.__module__ == "collections.abc":
            elements = [one for one in inner if one is not Ellipsis]
            if len(elements) == 1 and (mark is not None or _marks(elements[0], set())):
                return partial(self._elements, self._rule(elements[0], mark, depth))
            return _size
        if depth < DEPTH and (fields := _fields(kind)):
            return partial(_model, {name: self._rule(field, None, depth + 1) for name, field in fields.items()})
        return KEEPS[mark.kind] if mark is not None else _size

    def _elements(self, rule: Rule, value: Any) -> Any:
        if not is_array(value):
            return _UNFIT
        self._left -= len(value)
        if self._left < 0:
            raise TooManyError
        return [_kept(rule, one) for one in value]


def _marks(annotation: Any, seen: set[Any]) -> bool:
    """Whether there is anything of a type's values to keep because it is marked."""
    if isinstance(annotation, Recorded):
        return True
    inner = [*getattr(annotation, "__metadata__", ()), *get_args(annotation)]
    if isinstance(annotation, type):
        if annotation in seen:
            return False
        seen.add(annotation)
        inner += _fields(annotation).values()
    return any(_marks(one, seen) for one in inner)


def _fields(kind: type[Any]) -> Mapping[str, Any]:
    """The fields of a model, dataclass or TypedDict under the names that callers use; none of anything else."""
    if not (is_dataclass(kind) or is_typeddict(kind) or issubclass(kind, BaseModel)):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    if issubclass(kind, BaseModel):
        named = ((info.validation_alias or info.alias or name, name) for name, info in kind.model_fields.items())
        return {alias: hints.get(name, Any) for alias, name in named if isinstance(alias, str)}
    return hints


def _size(value: Any) -> Any:
    """How much there is of a value, and nothing of what it is."""
    if isinstance(value, str):
        return {"chars": len(value)}
    if is_array(value):
        return {"items": len(value)}
    if is_object(value):
        return {"keys": len(value)}
    return {"type": "null" if value is None else "boolean" if isinstance(value, bool) else "number"}


def _hide(_value: Any) -> Any:
    return {"secret": True}


def _number(value: Any, kind: type | None = None) -> Any:
    """A number, boolean or null, if the type allows for it; for floats integers will do."""
    fits = value is None or isinstance(value, int | float)
    if kind is not None:
        fits = type(value) is kind or (kind in {int, float} and type(value) in {int, float})
    if not fits:
        return _UNFIT
    # A number of any length could hold anything, and what reads the trail may know no more than 64 bits.
    return value if not isinstance(value, int) or abs(value) < 1 << 63 else {"bits": value.bit_length()}


def _words(values: Iterable[Any]) -> set[tuple[type, Any]]:
    """Words with their types, by which 1 and True are two."""
    return {(type(one), one) for one in values if isinstance(one, str | int | None)}


def _word(words: set[tuple[type, Any]], value: Any) -> Any:
    return value if isinstance(value, str | int | None) and (type(value), value) in words else _UNFIT


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        return _UNFIT
    # Half of a surrogate pair is nothing that a file of UTF-8 could hold.
    start = value[:LENGTH].encode("utf-8", "backslashreplace").decode()
    return start if len(value) <= LENGTH else {"chars": len(value), "start": start}


def _url(value: Any) -> Any:
    if not isinstance(value, str):
        return _UNFIT
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port  # a password that looks like a port ends here
    except ValueError:
        return _UNFIT
    if not parts.scheme or not host or not host.isprintable():
        return _UNFIT
    name = f"[{host}]" if ":" in host else host
    return _text(f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path}")


def _first(rules: list[Rule], value: Any) -> Any:
    """What the first rule keeps that fits; a measure is the last resort, a secret is none."""
    kept = [rule(value) for rule in rules]
    if _hide in rules and isinstance(value, str):
        return _hide(value)
    sized = _size(value)
    return next((one for one in kept if one is not _UNFIT and one != sized), _UNFIT)


def _model(rules: Mapping[str, Rule], value: Any) -> Any:
    if not is_object(value):
        return _UNFIT
    kept = {name: _kept(rule, value[name]) for name, rule in rules.items() if name in value}
    if len(kept) < len(value):
        kept[UNKNOWN] = len(value) - len(kept)
    return kept


def _kept(rule: Rule, value: Any) -> Any:
    kept = rule(value)
    return _size(value) if kept is _UNFIT else kept


def _diff(value: Any) -> Any:
    if not isinstance(value, str):
        return _UNFIT
    names = (name.partition("\t")[0].strip() for found in NAMES.findall(value) for name in found if name)
    files = dict.fromkeys(_plain(name) for name in names if name != "/dev/null")
    return {"chars": len(value), "files": [_text(name) for name in files if name]}


def _plain(name: str) -> str:
    """A name without what git puts before it; of two in one line nothing, unless they are the same."""
    half = len(name) // 2
    if name[:2] == "a/" and " b/" in name:
        return name[2:half] if name[2:half] == name[half + 3 :] else ""
    return name[2:] if name.startswith(("a/", "b/")) else name


KEEPS: Final[Mapping[Kind, Rule]] = {"text": _text, "url": _url, "diff": _diff}
"""What keeps the values of each kind of mark."""
