"""How a gateway's copy is compared with the tools: what is lost is a difference, what is only written otherwise is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sanctuary_host.gateway.drift import differences
from sanctuary_host.plugins import load

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"zone": {"type": "string", "default": "UTC"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["count"],
}
HINTS = {"readOnlyHint": True, "destructiveHint": False}


def tool(**parts: Any) -> dict[str, Any]:
    whole = {"name": "now", "description": "Tell the time.", "inputSchema": SCHEMA, "annotations": HINTS, **parts}
    return {key: value for key, value in whole.items() if value is not None}


def test_a_faithful_copy_of_a_real_cluster_shows_no_difference() -> None:
    tools = [tool.wire() for tool in load("utils").listed_tools()]

    assert differences(tools, list(reversed(tools))) == ()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"description": "  Tell\n\n  the time. \n"}, {"description": "Tell\n\n  the time."}),
        ({"description": "Tell the <b>time</b>, <br/>soon."}, {"description": "Tell the time, soon."}),
        ({"description": "a < b and c > d & e"}, {"description": "a < b and c > d & e"}),
        ({"description": None}, {"description": ""}),
        ({"annotations": None}, {"annotations": {}}),
        ({"annotations": {"readOnlyHint": True, "title": None}}, {"annotations": {"readOnlyHint": True}}),
        ({"annotations": {"a": 1, "b": 2}}, {"annotations": {"b": 2, "a": 1}}),
        ({"inputSchema": {"a": {"x": 1.0, "y": 2}}}, {"inputSchema": {"a": {"y": 2, "x": 1}}}),
        ({"outputSchema": None}, {"outputSchema": None}),
        ({"title": "Now", "_meta": {"a": 1}, "icons": []}, {"title": "now"}),
    ],
)
def test_what_a_gateway_rewrites_without_loss_is_no_difference(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert differences([tool(**ours)], [tool(**theirs)]) == ()


@pytest.mark.parametrize(
    ("theirs", "what"),
    [
        ({"description": "Tell the  time."}, "description"),
        ({"description": ""}, "description"),
        ({"description": None}, "description"),
        ({"inputSchema": {**SCHEMA, "required": []}}, "input schema"),
        ({"inputSchema": {"type": "object"}}, "input schema"),
        ({"inputSchema": None}, "input schema"),
        ({"outputSchema": {"type": "object"}}, "output schema"),
        ({"annotations": {**HINTS, "destructiveHint": True}}, "annotations"),
        ({"annotations": {**HINTS, "destructiveHint": 0}}, "annotations"),
        ({"annotations": {**HINTS, "title": "Now"}}, "annotations"),
        ({"annotations": None}, "annotations"),
        ({"annotations": "none"}, "annotations"),
    ],
)
def test_each_part_that_differs_is_named_alone(theirs: dict[str, Any], what: str) -> None:
    [difference] = differences([tool()], [tool(**theirs)])

    assert (difference.tool, difference.what, difference.lasting) == ("now", what, "")
    assert json.dumps(difference.ours) != json.dumps(difference.theirs)


def test_a_switch_is_not_a_number() -> None:
    [difference] = differences([tool(inputSchema={"enum": [1]})], [tool(inputSchema={"enum": [True]})])

    assert difference.what == "input schema"


def test_missing_and_extra_tools_are_named_and_nothing_else_of_them() -> None:
    found = differences([tool(name="a"), tool(name="b")], [tool(name="b"), tool(name="c", description="Other")])

    assert [(difference.tool, difference.what) for difference in found] == [("a", "missing"), ("c", "extra")]


def test_an_empty_copy_lacks_each_tool() -> None:
    assert [difference.what for difference in differences([tool(name="a"), tool(name="b")], [])] == ["missing"] * 2


@pytest.mark.parametrize(
    ("ours", "theirs", "remedy"),
    [
        ("Fill in <placeholder> first.", "Fill in  first.", "without <…>"),
        ("Turn & into &amp;", "Turn & into &", "without <…>"),
        ("<b>Turn</b> it into List<int> now", "Turn it into List now", "without <…>"),
        ("x" * 9_000, "x" * 8_192, "8,192 characters"),
        ("<b>x</b>" + "y" * 9_000, "x" + "y" * 8_184, "8,192 characters"),
    ],
)
def test_what_the_gateway_takes_away_for_good_is_said_with_its_remedy(ours: str, theirs: str, remedy: str) -> None:
    [difference] = differences([tool(description=ours)], [tool(description=theirs)])

    assert difference.what == "description"
    assert remedy in difference.lasting


def test_another_text_is_not_blamed_on_the_gateways_way_with_markup() -> None:
    [difference] = differences([tool(description="Fill in <placeholder>.")], [tool(description="Something else")])

    assert difference.lasting == ""
