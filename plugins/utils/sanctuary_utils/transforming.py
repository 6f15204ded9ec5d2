"""What `text_transform` can do, as one table: operation to function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar, get_args

from sanctuary_host import ToolError
from sanctuary_utils import cases, encodings, formats, hashing, lines, unicode_
from sanctuary_utils.documents import Document
from sanctuary_utils.text_words import Format, Source, Strip, Target, TransformOperation, UnicodeForm

__all__ = ["OPERATIONS", "Request"]

Turned: TypeAlias = tuple[str, list[str]]
T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of one call."""

    text: str
    to: Target
    source: Source
    key: str
    width: int
    delimiter: str


def _turn(request: Request) -> Turned:
    encoding = _one_of(request.to, encodings.ENCODINGS, "encode")
    return encodings.encode(_data(request), encoding)


def _turn_back(request: Request) -> Turned:
    return encodings.decode(request.text, _one_of(request.to, encodings.ENCODINGS, "decode"))


def _hash(request: Request) -> Turned:
    return hashing.digest(_data(request), _one_of(request.to, hashing.HASHES, "hash"))


def _hmac(request: Request) -> Turned:
    key = request.key.encode()
    for form in ("hex", "base64"):
        if request.key.startswith(f"{form}:"):
            key = encodings.raw_bytes(request.key.removeprefix(f"{form}:"), form)
    return hashing.keyed_digest(_data(request), _one_of(request.to, hashing.HASHES, "hmac"), key)


def _convert(request: Request) -> Turned:
    if not request.to:
        raise ToolError("convert needs to: json, yaml, toml or csv")
    target = _one_of(request.to, FORMATS, "convert")
    source = _one_of(request.source, FORMATS, "convert", "source")
    return _written(formats.convert(request.text, source, target, request.delimiter, request.width or 2))


def _normalize(request: Request) -> Turned:
    form = _one_of(request.to, FORMS, "normalize")
    lost = ["NFKC and NFKD replace look-alike forms, such as ﬁ and ², for good"] if "K" in form else []
    return unicode_.normal(form, request.text), lost


def _strip(request: Request) -> Turned:
    if not request.to:
        raise ToolError("strip needs to: accents, invisible or control")
    kind = _one_of(request.to, tuple(STRIPS), "strip")
    stripped = STRIPS[kind](request.text)
    removed = len(request.text) - len(stripped)
    return stripped, [f"{removed} character(s) removed"] if kind != "accents" else []


def _of_text(function: Callable[[str], Turned]) -> Callable[[Request], Turned]:
    return lambda request: function(request.text)


def _written(document: Document) -> Turned:
    return str(document.value), document.notes


def _data(request: Request) -> bytes:
    if request.source == "hex" or request.source == "base64":  # noqa: PLR1714  # type checkers narrow this form
        return encodings.raw_bytes(request.text, request.source)
    if request.source:
        raise ToolError(f"source {request.source} goes with convert; here it is hex or base64, or left out for text")
    return request.text.encode()


def _one_of(word: str, known: Sequence[T], operation: str, parameter: str = "to") -> T:
    """The word as one of the known ones, the first by default."""
    for one in known:
        if one == (word or known[0]):
            return one
    raise ToolError(f"{operation} takes {parameter}: {', '.join(known)}")


FORMATS: Final[tuple[Format, ...]] = get_args(Format)
FORMS: Final[tuple[UnicodeForm, ...]] = get_args(UnicodeForm)
STRIPS: Final[dict[Strip, Callable[[str], str]]] = {
    "accents": unicode_.strip_accents,
    "invisible": unicode_.strip_invisible,
    "control": unicode_.strip_controls,
}
OPERATIONS: Final[dict[TransformOperation, Callable[[Request], Turned]]] = {
    "lower": lambda request: (request.text.lower(), []),
    "upper": lambda request: (request.text.upper(), []),
    "title": _of_text(cases.title),
    "sentence": _of_text(cases.sentence),
    "camel": _of_text(cases.camel),
    "pascal": _of_text(cases.pascal),
    "snake": _of_text(cases.snake),
    "kebab": _of_text(cases.kebab),
    "constant": _of_text(cases.constant),
    "slug": _of_text(cases.slug),
    "trim": _of_text(lines.trim),
    "dedent": _of_text(lines.dedent),
    "wrap": lambda request: lines.wrap(request.text, request.width or 80),
    "sort_lines": _of_text(lines.sort_lines),
    "unique_lines": _of_text(lines.unique_lines),
    "reverse": _of_text(lines.reverse),
    "encode": _turn,
    "decode": _turn_back,
    "hash": _hash,
    "hmac": _hmac,
    "convert": _convert,
    "pretty": lambda request: _written(formats.pretty(request.text, request.width or 2)),
    "minify": lambda request: _written(formats.minify(request.text)),
    "normalize": _normalize,
    "strip": _strip,
}
