"""A typed function is a tool: its signature becomes the schema, its arguments keywords, its result JSON."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from sanctuary_host.content import Audio, Content, Embedded, Image, Link, Text, Verbatim

__all__ = ["ArgumentsError", "Marks", "Reply", "Tool", "ToolError", "Tools", "UnfitError", "describe", "tool"]

Runs = Literal["loop", "worker", "inline"]
Tools = Sequence[Callable[..., Any]]
"""What a plugin's `register_tools` returns: functions and bound methods marked with `@tool`."""

F = TypeVar("F", bound=Callable[..., Any])

MARKS: Final = "__sanctuary_tool__"
DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a call may take when its tool names no deadline of its own."""
SUMMARY_LIMIT: Final = 2_000
"""Characters of the readable summary that stands beside a structured result with no text of its own."""
BLOCKS: Final = (Text, Image, Audio, Embedded, Link)
SECTIONS_OF_SCHEMAS: Final = ("properties", "$defs", "patternProperties", "dependentSchemas")


class ToolError(Exception):
    """A failure that the caller can act on: its message reaches the caller as it stands.

    Write a sentence that names the thing and the remedy. Whatever else a tool raises is reported without its text.
    """


class ArgumentsError(ToolError):
    """The arguments do not fit the tool's schema; one sentence for each faulty field."""


class ResultError(Exception):
    """A tool returned something else than its signature promises."""


class UnfitError(Exception):
    """A function cannot be offered as a tool; the message says why and what to change."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What `@tool` noted about a function. `None` means that the host decides from what else it knows."""

    read_only: bool = False
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None
    timeout: float = DEFAULT_TIMEOUT
    memory: int | None = None
    runs: Runs | None = None
    name: str | None = None


def tool(
    *,
    read_only: bool = False,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    memory: int | None = None,
    runs: Runs | None = None,
    name: str | None = None,
) -> Callable[[F], F]:
    """Mark a function as a tool; the function itself is unchanged and stays callable as it is.

    Args:
        read_only: it changes nothing outside itself.
        destructive: it may overwrite or delete; by default what is not read-only is.
        idempotent: calling it twice changes no more than calling it once; by default what is read-only is.
        open_world: it deals with things outside the cluster's own boundary; by default as the boundary says.
        timeout: seconds until the call is given up, above 0.
        memory: MiB that the call may use in a worker process; by default the worker's own limit.
        runs: `"loop"` (the default of `async def`), `"worker"` (the default of `def`), or `"inline"` for pure
            work of constant size that is cheaper than handing it over.
        name: the tool's name, by default the function's.
    """
    marks = Marks(read_only, destructive, idempotent, open_world, timeout, memory, runs, name)

    def mark(function: F) -> F:
        setattr(function, MARKS, marks)
        return function

    return mark


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


@dataclass(frozen=True, slots=True)
class Tool:
    """A function with everything that the protocol says of it, derived from it."""

    name: str
    description: str
    function: Callable[..., Any]
    marks: Marks
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    is_async: bool
    parameters: Mapping[str, str]
    """Parameter names by the arguments model's field names."""
    model: type[BaseModel]
    result: Callable[[Any], Reply]
    plugin: str = ""
    distribution: str = ""

    @property
    def annotations(self) -> dict[str, bool]:
        """The protocol's four hints, each stated."""
        marks = self.marks
        return {
            "readOnlyHint": marks.read_only,
            "destructiveHint": not marks.read_only if marks.destructive is None else marks.destructive,
            "idempotentHint": marks.read_only if marks.idempotent is None else marks.idempotent,
            "openWorldHint": bool(marks.open_world),
        }

    @property
    def runs(self) -> Runs:
        """Where the function runs."""
        if self.marks.runs is not None:
            return self.marks.runs
        return "loop" if self.is_async else "worker"

    def wire(self) -> dict[str, Any]:
        """The tool as `tools/list` shows it."""
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema,
            "annotations": self.annotations,
        }
        if self.output_schema is not None:
            entry["outputSchema"] = self.output_schema
        return entry

    def with_marks(self, **changes: Any) -> Tool:
        """The same tool with some marks decided."""
        return replace(self, marks=replace(self.marks, **changes))

    def keywords(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments against the schema and turn them into the function's keywords.

        Raises:
            ArgumentsError: one sentence for each faulty field, none of which repeats a value.
        """
        try:
            filled = self._validate(arguments)
        except ValidationError as error:
            raise ArgumentsError(_sentences(error, [*self.parameters.values()])) from None
        values = filled.__dict__
        return {parameter: values[field] for field, parameter in self.parameters.items()}

    def _validate(self, arguments: Mapping[str, Any]) -> BaseModel:
        # JSON in strict mode is the one input form in which pydantic accepts just what the schema does:
        # no "5" for 5, but a list for a tuple and a string for a date.
        try:
            return self.model.model_validate_json(to_json(arguments))
        except ValidationError as error:
            if not any(fault["type"] == "int_type" and isinstance(fault["input"], float) for fault in error.errors()):
                raise
            # JSON Schema's integers include 5.0.
            return self.model.model_validate_json(to_json(_with_integers(arguments)))


def describe(function: Callable[..., Any]) -> Tool:
    """Derive a tool from a marked function.

    Raises:
        UnfitError: the function is not marked, has no docstring, takes `*args` or `**kwargs`, lacks annotations, or
            has types that no schema can state.
    """
    marks = getattr(function, MARKS, None)
    label = getattr(function, "__name__", repr(function))
    if not isinstance(marks, Marks):
        raise UnfitError(f"{label} is not marked as a tool; put @tool(...) above it")
    name = marks.name or label
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise UnfitError(f"tool {name} has no docstring; its docstring is what a model reads, so write one")
    if not marks.timeout > 0:
        raise UnfitError(f"tool {name} has timeout={marks.timeout:g}; it must be above 0 seconds")
    is_async = inspect.iscoroutinefunction(function)
    if (is_async and marks.runs == "inline") or (not is_async and marks.runs == "loop"):
        kind = "async def" if is_async else "def"
        raise UnfitError(f"tool {name} is a {kind} with runs={marks.runs!r}; inline is for def, loop for async def")
    hints = _hints(function, name)
    model, parameters = _arguments_model(function, name, hints)
    output_schema, result = _result_of(hints.get("return", None), name)
    return Tool(
        name=name,
        description=description,
        function=function,
        marks=marks,
        input_schema=_input_schema(model, name),
        output_schema=output_schema,
        is_async=is_async,
        parameters=parameters,
        model=model,
        result=result,
    )


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target = inspect.unwrap(getattr(function, "__func__", function))
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise UnfitError(
            f"tool {name} has annotations that cannot be read ({error}); import their types at run time, "
            "not under TYPE_CHECKING"
        ) from None


def _arguments_model(
    function: Callable[..., Any], name: str, hints: Mapping[str, Any]
) -> tuple[type[BaseModel], dict[str, str]]:
    fields: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise UnfitError(f"tool {name} takes {parameter}; a tool's parameters must be named one by one")
        if parameter.name not in hints:
            raise UnfitError(f"tool {name} has no annotation on parameter {parameter.name}; add its type")
        # Names of our own keep clear of pydantic's, so that a parameter may be called `json` or `copy`.
        field = f"p{index}"
        parameters[field] = parameter.name
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[field] = (hints[parameter.name], Field(default, alias=parameter.name))
    config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=False)
    try:
        return create_model(f"{name}_arguments", __config__=config, **fields), parameters
    except PydanticUserError as error:
        raise UnfitError(f"tool {name} has a parameter type that no schema can state: {error.message}") from None


def _input_schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    try:
        schema = model.model_json_schema(by_alias=True)
    except PydanticUserError as error:
        raise UnfitError(f"tool {name} has a parameter type that no schema can state: {error.message}") from None
    return _tidy({"type": "object", "properties": {}, **schema})


def _result_of(annotation: Any, name: str) -> tuple[dict[str, Any] | None, Callable[[Any], Reply]]:
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
        schema = _lean(_tidy(adapter.json_schema(mode="serialization")))
    except PydanticUserError as error:
        raise UnfitError(f"tool {name} returns a type that no schema can state: {error.message}") from None
    # Structured content is an object; a bare list or number goes under one name, as in the SDKs.
    wrapped = schema.get("type") != "object" and "$ref" not in schema
    if wrapped:
        definitions = schema.pop("$defs", None)
        schema = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
        if definitions:
            schema["$defs"] = definitions
    elif "$ref" in schema:
        schema["type"] = "object"

    def convert(value: Any) -> Reply:
        try:
            data = adapter.dump_python(value, mode="json", by_alias=True, warnings="error")
        except PydanticSerializationError:
            raise ResultError(f"returned {type(value).__name__}, which is not what its signature promises") from None
        structured = {"result": data} if wrapped else data
        return Reply(content=({"type": "text", "text": _summary(value, structured)},), structured=structured)

    return schema, convert


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
    blocks = [value] if isinstance(value, BLOCKS) else value
    if not isinstance(blocks, (list, tuple)) or not all(isinstance(block, BLOCKS) for block in blocks):
        raise ResultError(f"returned {type(value).__name__}, but its signature promises content blocks")
    return Reply(content=tuple(block.wire() for block in blocks))


def _summary(value: Any, structured: Mapping[str, Any]) -> str:
    """What a reader sees beside the data: the result's own `__str__`, or its fields in lines."""
    if type(value).__str__ not in {object.__str__, BaseModel.__str__, dict.__str__, list.__str__, tuple.__str__}:
        return str(value)
    text = "\n".join(_lines(structured, ""))
    return text if len(text) <= SUMMARY_LIMIT else f"{text[:SUMMARY_LIMIT]} … (whole in the structured content)"


def _lines(value: Any, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, item in value.items():
            nested = _lines(item, indent + "  ")
            plain = len(nested) == 1 and not (isinstance(item, (Mapping, list)) and item)
            lines += [f"{indent}{key}: {nested[0].strip()}"] if plain else [f"{indent}{key}:", *nested]
        return lines
    if isinstance(value, list):
        return [f"{indent}- {' '.join(line.strip() for line in _lines(item, ''))}" for item in value] or [
            f"{indent}none"
        ]
    return [f"{indent}{'' if value is None else value}"]


def _tidy(schema: Any) -> Any:
    """A schema without the titles that pydantic derives from names: they say nothing and cost tokens."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in SECTIONS_OF_SCHEMAS and isinstance(value, dict):
            tidy[key] = {name: _tidy(item) for name, item in value.items()}
        elif key in {"default", "examples", "const", "enum"}:
            tidy[key] = value
        else:
            tidy[key] = _tidy(value)
    return tidy


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    """An output schema without its classes' descriptions and defaults: every field is there in every result."""
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("description", None)
        for field in part.get("properties", {}).values():
            field.pop("default", None)
    return schema


def _with_integers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sentences(error: ValidationError, known: list[str]) -> str:
    """One sentence for each faulty argument. Values are never repeated, names only where they look like names."""
    faults: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        location = fault["loc"]
        name = str(location[0]) if location else "arguments"
        if fault["type"] == "extra_forbidden" and len(location) == 1:
            shown = f"unknown argument {name!r}" if _is_name(name) else "an unknown argument"
            close = difflib.get_close_matches(name, known, n=1) if _is_name(name) else []
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"
            faults.setdefault(f"?{name}", []).append(f"{shown}: {hint}")
            continue
        where = name + "".join(_step(step) for step in location[1:])
        if fault["type"] == "missing":
            text = "is missing"
        elif fault["type"] == "extra_forbidden":
            text = "is not a known field"
        else:
            text = re.sub(r"^(Value error, |Assertion failed, )", "", fault["msg"])
            text = re.sub(r"^[A-Z]\w* should ", "must ", text)
        faults.setdefault(where.partition("[")[0].partition(".")[0], []).append(f"argument {where!r} {text}")
    return "; ".join(" or ".join(dict.fromkeys(texts)) for texts in faults.values())


def _step(step: int | str) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _is_name(step) else ""


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", text) is not None
