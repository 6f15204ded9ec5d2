"""A typed function becomes a tool: schemas, arguments and results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from sanctuary_host import Audio, Content, Embedded, Image, Link, Text, Verbatim, tool
from sanctuary_host.results import ResultError
from sanctuary_host.tools import ArgumentsError, UnfitError, describe


@dataclass(frozen=True)
class Place:
    x: int
    y: int = 0


@dataclass(frozen=True)
class Found:
    """Where it was found."""

    places: tuple[Place, ...]
    total: Annotated[int, Field(description="how many")] = 0

    def __str__(self) -> str:
        return f"{self.total} places"


@tool(read_only=True)
def find(
    word: Annotated[str, Field(description="what to look for", max_length=8)],
    near: Place = Place(1),
    kinds: tuple[Literal["a", "b"], ...] = (),
    json: bool = False,
    day: date | None = None,
) -> Found:
    """Find places."""
    return Found((near,), 1)


def test_the_signature_is_the_schema_and_nothing_is_declared_twice() -> None:
    wire = describe(find).wire()
    schema = wire["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator.check_schema(wire["outputSchema"])
    assert schema["required"] == ["word"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["word", "near", "kinds", "json", "day"]
    assert schema["properties"]["near"]["default"] == {"x": 1, "y": 0}
    assert "title" not in str(schema)
    assert wire["description"] == "Find places."
    assert wire["annotations"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }


def test_arguments_become_keywords_with_defaults() -> None:
    keywords = describe(find).keywords({"word": "x", "near": {"x": 3}, "day": "2026-02-28"})
    assert keywords == {"word": "x", "near": Place(3), "kinds": (), "json": False, "day": date(2026, 2, 28)}


def test_a_whole_float_is_an_integer_as_json_schema_has_it() -> None:
    assert describe(find).keywords({"word": "x", "near": {"x": 3.0}})["near"] == Place(3)


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        ({}, ["argument 'word' is missing"]),
        ({"word": 5}, ["argument 'word' must be a valid string"]),
        ({"word": "123456789"}, ["argument 'word' must have at most 8 characters"]),
        ({"word": "x", "wrod": 1}, ["unknown argument 'wrod': did you mean 'word'?"]),
        ({"word": "x", "near": {"x": "3"}}, ["argument 'near.x' must be a valid integer"]),
        ({"word": "x", "near": {"x": 1, "z": 1}}, ["argument 'near.z' is not a known field"]),
        ({"word": "x", "near": {"x": 3.5}}, ["argument 'near.x' must be a valid integer"]),
        ({"word": "x", "kinds": ["a", "c"]}, ["argument 'kinds[1]' must be 'a' or 'b'"]),
        ({"word": "x", "json": "yes"}, ["argument 'json' must be a valid boolean"]),
        ({"word": "\ud800"}, ["the arguments hold half of a surrogate pair"]),
        ({"word": None, "json": 1}, ["argument 'word' must be", "argument 'json' must be"]),
    ],
)
def test_faulty_arguments_get_one_sentence_for_each_field(arguments: dict[str, Any], sentences: list[str]) -> None:
    with pytest.raises(ArgumentsError) as caught:
        describe(find).keywords(arguments)
    parts = str(caught.value).split("; ")
    assert len(parts) == len(sentences)
    for part, sentence in zip(parts, sentences, strict=True):
        assert part.startswith(sentence)


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists), max_size=4))
def test_what_the_schema_refuses_is_refused_and_never_echoed(arguments: dict[str, Any]) -> None:
    described = describe(find)
    valid = jsonschema.Draft202012Validator(described.arguments.schema).is_valid(arguments)
    if not valid:
        secret = {"word": ["correct horse battery staple"], **arguments}
        with pytest.raises(ArgumentsError) as caught:
            described.keywords(secret)
        assert "horse" not in str(caught.value)


def test_a_result_is_structured_content_with_its_own_summary_as_text() -> None:
    described = describe(find)
    wire = described.result(Found((Place(1, 2),), 1)).wire()
    assert wire["structuredContent"] == {"places": [{"x": 1, "y": 2}], "total": 1}
    assert wire["content"] == [{"type": "text", "text": "1 places"}]
    jsonschema.validate(wire["structuredContent"], described.output_schema)


def test_clients_without_structured_content_get_the_data_as_json_text() -> None:
    wire = describe(find).result(Found((Place(1, 2),), 1)).wire(structured=False)
    assert wire["content"] == [{"type": "text", "text": '{"places":[{"x":1,"y":2}],"total":1}'}]
    assert "structuredContent" not in wire


def test_a_result_without_a_summary_is_shown_in_lines_and_not_as_the_same_json() -> None:
    @tool()
    def places() -> list[Place]:
        """List places."""
        return []

    wire = describe(places).result([Place(1, 2), Place(3)]).wire()
    assert wire["structuredContent"] == {"result": [{"x": 1, "y": 2}, {"x": 3, "y": 0}]}
    assert wire["content"][0]["text"] == "result:\n  - x: 1 y: 2\n  - x: 3 y: 0"


def test_a_long_result_is_not_sent_twice() -> None:
    @tool()
    def words() -> list[str]:
        """List words."""
        return []

    wire = describe(words).result(["word" * 10] * 10_000).wire()
    assert len(wire["content"][0]["text"]) < 3_000


def test_content_blocks_go_out_as_the_protocol_writes_them() -> None:
    @tool()
    def show() -> list[Content]:
        """Show everything."""
        return []

    described = describe(show)
    assert described.output_schema is None
    blocks = [Text("t"), Image(b"\x00", "image/png"), Audio(b"\x01", "audio/wav"), Embedded("a:b", "c", "text/plain")]
    wire = described.result([*blocks, Embedded("a:b", b"\x02", "x/y"), Link("a:b", "n")]).wire()["content"]
    assert [block["type"] for block in wire] == ["text", "image", "audio", "resource", "resource", "resource_link"]
    assert wire[1]["data"] == "AA=="
    assert wire[4]["resource"]["blob"] == "Ag=="


class Model(BaseModel):
    """A pydantic model as a result."""

    word: str


@pytest.mark.parametrize(
    ("annotation", "wrong"),
    [
        (Found, {"places": []}),
        (int, "5"),
        (str, 5),
        (None, 1),
        (Image, "x"),
        (list[Content], ["x"]),
        (Model, Found(())),
    ],
)
def test_a_result_that_its_signature_does_not_promise_is_an_error(annotation: Any, wrong: Any) -> None:
    def promise() -> Any:
        """Promise something."""

    promise.__annotations__["return"] = annotation
    with pytest.raises(ResultError, match="its signature promises"):
        describe(tool()(promise)).result(wrong)


def test_a_verbatim_result_goes_out_untouched() -> None:
    @tool()
    def raw() -> Verbatim:
        """Answer raw."""
        return Verbatim({})

    assert describe(raw).result(Verbatim({"content": [], "x": 1})).wire() == {"content": [], "x": 1}


def test_a_bound_method_is_a_tool_and_self_is_no_parameter() -> None:
    class Store:
        def __init__(self, start: int) -> None:
            self.start = start

        @tool(read_only=True)
        def add(self, number: int) -> int:
            """Add a number."""
            return self.start + number

    described = describe(Store(2).add)
    assert list(described.arguments.schema["properties"]) == ["number"]
    assert described.function(**described.keywords({"number": 3})) == 5


def no_docstring(a: int) -> int:
    return a


def no_annotation(a) -> int:
    """No annotation."""
    return int(a)


def many(*a: int) -> int:
    """Takes many."""
    return len(a)


def unknown_type(a: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821  # the point of the test
    """Has a type that does not exist."""
    return 1


def odd_type(a: object, b: type[Any]) -> int:
    """Has a type without a schema."""
    return 1


async def quick() -> int:
    """Is a coroutine."""
    return 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: 1, "is not marked"),
        (tool()(no_docstring), "no docstring"),
        (tool()(no_annotation), "no annotation on parameter a"),
        (tool()(many), "named one by one"),
        (tool()(unknown_type), "cannot be read"),
        (tool()(odd_type), "no schema can state"),
        (tool(runs="inline")(quick), "inline is for def"),
    ],
)
def test_an_unfit_function_is_refused_with_the_remedy(function: Any, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        describe(function)


def test_a_deadline_must_be_above_zero() -> None:
    @tool(timeout=0)
    def never() -> int:
        """Never ends."""
        return 1

    with pytest.raises(UnfitError, match="above 0 seconds"):
        describe(never)
