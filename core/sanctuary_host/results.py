"""What a tool returns becomes a reply: content for readers, structured content for programs, never one text twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from sanctuary_host.content import Audio, Content, Embedded, Image, Link, Text, Verbatim
from sanctuary_host.schemas import UnfitError, lean, tidy
from sanctuary_host.shapes import is_array, is_object

SUMMARY_LIMIT: Final = 2_000
"""Characters of the readable summary that stands beside a structured result with no text of its own."""
BLOCKS: Final = (Text, Image, Audio, Embedded, Link)
PLAIN: Final[tuple[Any, ...]] = (object.__str__, BaseModel.__str__)
"""The `__str__` of classes that have none of their own."""


class ResultError(Exception):
    """A tool returned something else than its signature promises."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A tool's answer, ready for JSON: content blocks for readers, structured content for programs."""

    content: Sequence[Mapping[str, Any]] = ()
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    verbatim: Mapping[str, Any] | None = None

    @classmethod
    def error(cls, text: str) -> Reply:
        """A tool error (`isError`) that says `text`."""
        return cls(content=({"type": "text", "text": text},), is_error=True)

    def wire(self, *, structured: bool = True) -> dict[str, Any]:
        """The reply as a `CallToolResult`.

        Args:
            structured: whether the client's protocol version has structured content (2025-06-18 and later);
                where it has not, the data goes as JSON text.
        """
        if self.verbatim is not None:
            return dict(self.verbatim)
        if self.structured is None:
            return {"content": list(self.content), "isError": self.is_error}
        if not structured:
            text = to_json(self.structured, inf_nan_mode="null").decode()
            return {"content": [{"type": "text", "text": text}], "isError": self.is_error}
        return {"content": list(self.content), "structuredContent": self.structured, "isError": self.is_error}


def describe_result(annotation: Any, name: str) -> tuple[dict[str, Any] | None, Callable[[Any], Reply]]:
    """The output schema of a return annotation, and the conversion of results to it."""
    if annotation is None or annotation is type(None):
        return None, _nothing
    if annotation is str:
        return None, _plain_text
    if annotation is Verbatim:
        return None, _verbatim
    if annotation in BLOCKS or annotation == Content or _is_block_list(annotation):
        return None, _blocks
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        schema = lean(tidy(adapter.json_schema(mode="serialization")))
    except PydanticUserError as error:
        raise UnfitError(
            f"tool {name} returns a type that no schema can state: {error.message.splitlines()[0]}"
        ) from None
    # Structured content is an object; a bare list or number goes under one name, as in the SDKs.
    wrapped = schema.get("type") != "object" and "$ref" not in schema
    if wrapped:
        definitions = schema.pop("$defs", None)
        schema = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        if definitions:
            schema["$defs"] = definitions
    elif "$ref" in schema:
        schema["type"] = "object"

    own = annotation if _is_record(annotation) else object

    def convert(value: Any) -> Reply:
        if not isinstance(value, own):
            raise ResultError(f"returned {type(value).__name__}, which is not what its signature promises")
        try:
            data = adapter.dump_python(value, mode="json", by_alias=True, warnings="error")
        except PydanticSerializationError:
            raise ResultError(f"returned {type(value).__name__}, which is not what its signature promises") from None
        structured = {"result": data} if wrapped else data
        return Reply(content=({"type": "text", "text": _summary(value, structured)},), structured=structured)

    return schema, convert


def _is_record(annotation: Any) -> bool:
    """Whether a type is a dataclass or model, of which pydantic would let another one pass for it."""
    return isinstance(annotation, type) and (is_dataclass(annotation) or issubclass(annotation, BaseModel))


def _is_block_list(annotation: Any) -> bool:
    if get_origin(annotation) not in {list, tuple, Sequence}:
        return False
    inner = get_args(annotation)
    members = {member for part in inner if part is not ... for member in (get_args(part) or (part,))}
    return bool(members) and members <= set(BLOCKS)


def _nothing(value: Any) -> Reply:
    if value is not None:
        raise ResultError(f"returned {type(value).__name__}, but its signature promises nothing")
    return Reply()


def _plain_text(value: Any) -> Reply:
    if not isinstance(value, str):
        raise ResultError(f"returned {type(value).__name__}, but its signature promises str")
    return Reply(content=({"type": "text", "text": value},))


def _verbatim(value: Any) -> Reply:
    if not isinstance(value, Verbatim):
        raise ResultError(f"returned {type(value).__name__}, but its signature promises Verbatim")
    return Reply(verbatim=value.result)


def _blocks(value: Any) -> Reply:
    offered: Sequence[Any] = value if is_array(value) else (value,)
    blocks = [block.wire() for block in offered if isinstance(block, BLOCKS)]
    if len(blocks) != len(offered):
        raise ResultError(f"returned {type(value).__name__}, but its signature promises content blocks")
    return Reply(content=blocks)


def _summary(value: Any, structured: Mapping[str, Any]) -> str:
    """What a reader sees beside the data: the result's own `__str__`, or its fields in lines."""
    own = value.__class__.__str__ not in PLAIN
    text = str(value) if own else "\n".join(_lines(structured, ""))
    if own and not isinstance(value, str):
        return text  # the author's words, which are not in the data
    return text if len(text) <= SUMMARY_LIMIT else f"{text[:SUMMARY_LIMIT]} … (whole in the structured content)"


def _lines(value: Any, indent: str) -> list[str]:
    if is_object(value):
        lines: list[str] = []
        for key, item in value.items():
            nested = _lines(item, indent + "  ")
            plain = len(nested) == 1 and not ((is_object(item) or is_array(item)) and item)
            lines += [f"{indent}{key}: {nested[0].strip()}"] if plain else [f"{indent}{key}:", *nested]
        return lines
    if is_array(value):
        rows = [" ".join(line.strip() for line in _lines(item, "")) for item in value]
        return [f"{indent}- {row}" for row in rows] or [f"{indent}none"]
    return [f"{indent}{'' if value is None else value}"]
