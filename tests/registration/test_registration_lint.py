"""What a gateway would drop, alter or refuse is a fault before it does; what it keeps is none.

Both columns were seen on a running ContextForge 1.0.7.post20260921: what is refused here was dropped or altered there,
what passes here came back from its `tools/list` letter by letter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sanctuary_host.gateway.lint import collisions, faults_of, losses, slug_of

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}


def told(
    description: str = "A tool.", schema: dict[str, Any] | None = None, name: str = "count", server: str = "s"
) -> list[str]:
    """Everything that is said of one tool."""
    schema = NOTHING if schema is None else schema
    wire = {"name": name, "description": description, "inputSchema": schema}
    return [*faults_of(name, description, schema), *losses(server, [wire])]


DROPPED = [
    "a && b",
    "a || b",
    "$(date)",
    "a <script> b",
    "< script x",
    "<form",
    "</head>",
    "<//iframe>",
    "List<map>",
    "see javascript:x",
    '"vbscript:',
    "the data: a javascript thing",
    "the only = sign",
    "x onload=1",
    "%3Cscript%3E",
    "'; alert(1)",
    "--> <x>",
    "'see http://x//'",
    "<<EOF>>",
    "String.fromCharCode",
    "twice encoded: %2541",
]
ALTERED = [
    "an <iso date>",
    "<b>bold</b>",
    "dict[str, <T>]",
    "by me <a@b.c>",
    "at <https://x.org>",
    "<!-- c --> x",
    "<?xml?> y",
    "<images>",
    "x &lt; y",
    "AT&amp;T",
    "&copy x",
    "?a=1&lt=2",
    "&#39;",
    "ends with a space ",
]
KEPT = [
    "a & b, a | b, $ (x), `ls`; rm",
    "a < b, a <= b >= c, a <-> b, a -> b, <>, <1>, <é>",
    "an option = 2, on x=, and sets on=1",
    "xjavascript: is a word",
    "'a' // 'b', 'https://x' and 'y'",
    "100 %, 100%25, %41, 50%20",
    "AT&T, x&y=1",
    "lines\nand\ttabs, é 漢字 😀",
    "script, form and map",
]


@pytest.mark.parametrize("description", DROPPED)
def test_words_for_which_the_gateway_drops_a_tool_are_a_fault(description: str) -> None:
    (fault,) = told(description)[:1]
    assert fault.startswith("count: its description contains ")
    assert "gateways drop the tool" in fault


@pytest.mark.parametrize("description", ALTERED)
def test_words_that_the_gateway_alters_are_a_fault_but_do_not_keep_the_tool_from_serving(description: str) -> None:
    assert not faults_of("count", description, NOTHING)
    assert told(description)


@pytest.mark.parametrize("description", KEPT)
def test_words_that_the_gateway_keeps_are_none(description: str) -> None:
    assert told(description) == []


def test_a_description_is_cut_beyond_8192_characters() -> None:
    assert told("x" * 8_192) == []
    assert "8193 characters" in told("x" * 8_193)[0]


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


def test_an_input_schema_may_be_thirty_deep_and_an_output_schema_deeper() -> None:
    assert told(schema=nested(30)) == []
    assert "nested 31 deep" in told(schema=nested(31))[0]
    assert losses("s", [{"name": "x", "inputSchema": NOTHING, "outputSchema": nested(60)}]) == []


@pytest.mark.parametrize("name", [".x", "-x", "/x", "a b", "a:b", "é", "", " x", "a\n", "x" * 65])
def test_names_that_gateways_or_clients_drop_are_a_fault(name: str) -> None:
    assert faults_of(name, "A tool.")


@pytest.mark.parametrize("name", ["_x", "1x", "a.b", "x-", "UPPER", "a__b", "x" * 64])
def test_names_that_gateways_keep_are_none(name: str) -> None:
    assert told(name=name) == []


def test_a_tools_name_behind_the_servers_slug_is_at_most_128_characters() -> None:
    server = "A.B_C" + "d" * 59
    assert slug_of(server) == "a-b-c" + "d" * 59
    assert told(name="x" * 63, server=server) == []
    (fault,) = told(name="x" * 64, server=server)
    assert "129 characters" in fault
    assert "SANCTUARY_REGISTER_AS" in fault
    assert told(name="x" * 64, server="__" + server) == [fault]  # a slug begins and ends with a letter or digit


@pytest.mark.parametrize("names", [["get_time", "get.time"], ["x-", "x"], ["A", "a"], ["x_", "__x"], ["___", "_"]])
def test_names_of_one_slug_are_a_fault(names: list[str]) -> None:
    assert len(collisions([*names, "other"])) == 1


def test_names_of_different_slugs_are_none() -> None:
    assert collisions(["get_time", "gettime", "time", "it-s", "its"]) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string", "pattern": r"\p{L}+"},
        {"type": "string", "pattern": r"(?<year>\d+)"},
        {"type": "string", "pattern": r"a\z"},
        {"type": "string", "pattern": "("},
        {"patternProperties": {"(": {}}},
        {"type": "strin"},
        {"type": ["string", "nil"]},
        {"minLength": -1},
        {"maxItems": 1.5},
        {"minimum": "1"},
        {"multipleOf": 0},
        {"enum": "a"},
        {"required": True},
        {"required": ["a", "a"]},
        {"description": 1},
        {"$ref": 1},
        {"$id": "#a"},
        {"$anchor": "a b"},
        {"$vocabulary": {"a": 1}},
        {"type": []},
        {"items": [{}]},
        {"items": 5},
        {"prefixItems": []},
        {"anyOf": []},
        {"allOf": {}},
        {"not": None},
        {"additionalProperties": 5},
        {"properties": []},
        {"properties": {"a": None}},
        {"patternProperties": {"a": 1}},
        {"$defs": {"a": 5}},
        {"dependentSchemas": {"a": "b"}},
        {"dependentRequired": {"a": "b"}},
        {"minContains": -1},
        {"uniqueItems": "yes"},
        {"readOnly": 1},
        {"examples": "x"},
    ],
)
def test_a_schema_for_which_the_gateway_refuses_the_whole_server_is_a_fault(part: dict[str, Any]) -> None:
    for schema in (
        {"type": "object", "properties": {"x": part}},
        {"type": "object", "properties": {"x": {"anyOf": [{"items": part}, {"type": "null"}]}}},
        {"type": "object", "properties": {}, "$defs": {"X": part}},
    ):
        (fault,) = told(schema=schema)
        assert "the gateway refuses the whole server" in fault
        assert not Draft202012Validator(
            Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
        ).is_valid(schema)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string", "pattern": r"^[\w&&-]+$", "default": "("},
        {"type": "string", "pattern": "[[:alpha:]]"},
        {"enum": ["<b>", "&&", "$("], "description": "a <b>x</b> && || <script>", "title": "x" * 999},
        {"default": {"pattern": "(", "type": "strin"}, "examples": [{"type": "strin"}]},
        {"properties": {"pattern": {"type": "string"}, "type": {}, "required": True, "a b": {}, "": {}, "é": {}}},
        {"$ref": "#/$defs/X"},
        {"additionalProperties": False, "x-own": {"deep": 1}, "minLength": 0, "multipleOf": 0.5},
        {"x-own": {"type": "strin"}, "own": [{"pattern": "("}], "items": True, "prefixItems": [False]},
        {"definitions": {"type": {}, "required": {"type": "string"}}, "dependentSchemas": {"items": {}}},
    ],
)
def test_a_schema_that_the_gateway_keeps_is_none(part: dict[str, Any]) -> None:
    assert told(schema={"type": "object", "properties": {"x": part}, "$defs": {"X": {}}}) == []


def test_a_schema_of_another_version_is_not_held_to_the_rules_of_this_one() -> None:
    old = {"type": "object", "properties": {"x": {"minimum": 1, "exclusiveMinimum": True}}}
    assert len(told(schema=old)) == 1
    assert told(schema={"$schema": "http://json-schema.org/draft-04/schema#", **old}) == []
    assert len(told(schema={"$schema": "https://example.com/of-its-own", **old})) == 1
    assert len(told(schema={"$schema": 7, **old})) == 2


def resource(**changes: str) -> dict[str, str]:
    return {"uri": "note://a", "name": "note", "description": "A note.", "mimeType": "text/plain"} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "note://a..b"},
        {"uri": "note://a b"},
        {"uri": "note://é"},
        {"uri": "note://a#b"},
        {"uri": "note://a+b"},
        {"uri": "note://~a"},
        {"uri": "note://a@b"},
        {"uri": "note://a%2520b"},
        {"uri": "note://" + "x" * 249},
        {"uriTemplate": "note://{+path}", "uri": "note://{+path}"},
        {"name": "a/b"},
        {"name": "é"},
        {"name": "x" * 256},
        {"description": "<form>"},
        {"description": "a <b> c"},
        {"description": "see javascript:x"},
        {"description": "&amp;"},
        {"mimeType": "text/csv"},
        {"mimeType": "audio/wav"},
        {"mimeType": "application/yaml"},
        {"mimeType": "nonsense"},
    ],
)
def test_a_resource_that_the_gateway_drops_or_alters_is_a_fault(changes: dict[str, str]) -> None:
    assert len(losses("s", [], [resource(**changes)])) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"uri": "note://a%20b"},
        {"uri": "x:y"},
        {"uri": "note://" + "x" * 248},
        {"uri": "note://{a}/{b}"},
        {"name": "Read me.txt"},
        {"name": "x" * 255},
        {"description": "a && b, $(x)"},
        {"mimeType": "text/plain; charset=utf-8"},
        {"mimeType": "text/x-log"},
        {"mimeType": "application/x-foo"},
        {"mimeType": "image/svg+xml"},
        {"mimeType": "application/octet-stream"},
    ],
)
def test_a_resource_that_the_gateway_keeps_is_none(changes: dict[str, str]) -> None:
    assert losses("s", [], [resource(**changes)]) == []


def test_prompts_have_rules_of_their_own() -> None:
    def prompts(*names: str, description: str = "Says it.") -> list[str]:
        return losses("s", [], [], [{"name": name, "description": description, "arguments": []} for name in names])

    assert prompts("say_it", "Say that", description="a && b") == []
    for fault in (
        prompts("a/b"),
        prompts("é"),
        prompts("x" * 256),
        prompts("say_it", "say-it"),
        prompts("x", description="<form>"),
    ):
        assert len(fault) == 1


async def test_check_tells_of_losses_under_the_configured_name_while_the_cluster_serves(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = """
        from typing import Annotated
        from pydantic import Field
        from sanctuary_host import hookimpl, tool
        from sanctuary_host.resources import resource
        from sanctuary_host.prompts import prompt

        @tool(read_only=True)
        def spell_it_out(word: Annotated[str, Field(pattern=r"^\\p{L}+$")]) -> str:
            "Spell a <word> out."
            return word

        @resource("table://all", mime_type="text/csv")
        def all_rows() -> str:
            "All rows."
            return ""

        @prompt(name="ask/it")
        def ask() -> str:
            "Asks."
            return ""

        @hookimpl
        def register_tools():
            return [spell_it_out]

        @hookimpl
        def register_resources():
            return [all_rows]

        @hookimpl
        def register_prompts():
            return [ask]
    """
    site = str(distribution("acme", "acme", {"words": source}))
    ran = await run("check", "--json", CLUSTER="acme", PYTHONPATH=site)
    assert ran.status == 1
    said = "\n".join(ran.json["faults"])
    for part in ("'<word>'", r"'^\\p{L}+$'", "text/csv", "'ask/it'"):
        assert part in said
    assert len(ran.json["faults"]) == 4
    called = await run("call", "spell_it_out", "word=ab", CLUSTER="acme", PYTHONPATH=site)
    assert (called.status, called.err) == (0, "")
    named = await run("check", "--json", CLUSTER="acme", PYTHONPATH=site, SANCTUARY_REGISTER_AS="n" * 64)
    assert len(named.json["faults"]) == 4


async def test_check_measures_names_behind_the_configured_server_name(
    distribution: Callable[..., Path], run: Callable[..., Any]
) -> None:
    source = """
        from sanctuary_host import hookimpl, tool

        @tool(read_only=True, name="t" * 64)
        def long() -> int:
            "Long."
            return 1

        @hookimpl
        def register_tools():
            return [long]
    """
    site = str(distribution("acme", "acme", {"long": source}))
    assert (await run("check", CLUSTER="acme", PYTHONPATH=site)).status == 0
    ran = await run("check", CLUSTER="acme", PYTHONPATH=site, SANCTUARY_REGISTER_AS="n" * 64)
    assert (ran.status, "129 characters" in ran.err) == (1, True)
