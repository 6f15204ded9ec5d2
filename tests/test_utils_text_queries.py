"""Regular expressions, JSONPath and JMESPath: right answers, and bounded work for hostile ones."""

import json

import pytest

from sanctuary_host import ToolError
from sanctuary_utils.text import text_analyze

STORE = json.dumps(
    {
        "store": {
            "book": [
                {"title": "A", "price": 8.95, "isbn": "x"},
                {"title": "B", "price": 12},
                {"title": "C's", "price": 8.99},
            ],
            "n": 3,
        }
    }
)
MANY = "[" + "1," * 400_000 + "1]"
ROWS = json.dumps([{"a": number, "b": "x"} for number in range(40_000)])
DEEP = "[1," * 190 + "1" + "]" * 190


def search(text, pattern, **options):
    return text_analyze(text, "regex", pattern=pattern, **options)


def select(text, query):
    return [item["value"] for item in text_analyze(text, "jsonpath", pattern=query).items]


def evaluate(text, expression):
    return text_analyze(text, "jmespath", pattern=expression).items


def test_matches_come_with_places_groups_and_names():
    assert search("Zoë 42, Mary 17", r"(?P<name>\pL+) (\d+)").items == [
        {"start": 0, "end": 6, "match": "Zoë 42", "groups": ["Zoë", "42"], "named": {"name": "Zoë"}},
        {"start": 8, "end": 15, "match": "Mary 17", "groups": ["Mary", "17"], "named": {"name": "Mary"}},
    ]


def test_a_group_that_did_not_match_is_null():
    assert [item["groups"] for item in search("ab", "(a)|(b)").items] == [["a", None], [None, "b"]]


@pytest.mark.parametrize(
    ("pattern", "total"), [("(a+)+$", 0), ("(a*)*b", 0), ("(a|a)*$", 1), ("(.*)(.*)(.*)[^a]", 1), ("(x+x+)+y", 0)]
)
def test_patterns_that_ruin_backtracking_engines_are_answered(pattern, total):
    assert search("a" * 999_999 + "!", pattern).total == (
        1 if pattern == "(.*)(.*)(.*)[^a]" else 1 if "*$" in pattern else 0
    )


def test_a_million_matches_are_cut_and_said_to_be():
    found = search("a" * 1_000_000, "a", limit=5)
    assert (len(found.items), found.truncated) == (5, True)
    assert found.total > 1_000


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        ("(?=a)", "look-ahead"), ("(?<!a)b", "look-ahead"), (r"(a)\1", "back-references"), ("a++", "possessive"),
        ("(?>a)", "atomic"), ("(?(1)a|b)", "conditions"), (r"x\Z", r"\z"), ("a{1000000}", "1,000"),
        ("((a{100}){100}){100}", "1,000"), (r"(\pL{1,500}){2}", "repeats too much"), ("(", "missing )"), ("[z-a]", "range"),
        ("", "needs a pattern"), ("(" * 900, "missing )"), (r"\pL{900}", "repeats too much"),
    ],
)  # fmt: skip
def test_what_re2_cannot_do_is_said_with_the_remedy(pattern, remedy):
    with pytest.raises(ToolError, match=remedy.replace("\\", r"\\").replace(")", r"\)")) as refusal:
        search("aaa", pattern)
    assert len(str(refusal.value)) < 250


def test_a_pattern_too_large_for_a_long_text_is_refused_before_it_runs():
    with pytest.raises(ToolError, match="too large for so long a text"):
        search("a" * 1_000_000, "(a?){500}(b?){500}c?$")


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("$.store.book[?@.price < 10].title", ["A", "C's"]),
        ("$..title", ["A", "B", "C's"]),
        ("$.store.book[-1].price", [8.99]),
        ("$.store.book[::2].title", ["A", "C's"]),
        ("$.store.book[::-1].title", ["C's", "B", "A"]),
        ("$.store.book[0, 1]['title']", ["A", "B"]),
        ("$.store.book[?@.isbn].title", ["A"]),
        ("$.store.book[?!@.isbn && @.price >= 12 || @.title == 'A'].title", ["A", "B"]),
        ("$.store.book[?@['title'] == 'C\\'s'].price", [8.99]),
        ("$.store.book[?match(@.title, '[A-B]')].title", ["A", "B"]),
        ('$.store.book[?search(@.title, "\'")].title', ["C's"]),
        ("$.store.book[?length(@.title) == $.store.n].title", ["C's"]),
        ("$[?count(@.book[*]) == 3].n", [3]),
        ("$.store.book[?value(@..price) == 12].title", ["B"]),
        ("$.store.book[?match(@.title, '(')].title", []),
        ("$.nothing", []),
        ("$ .store ['n']", [3]),
        ("$['store']['\\u006e']", [3]),
        ("$.store.book[?@.price == true]", []),
        ("$.store.book[?@.absent == @.gone].title", ["A", "B", "C's"]),
        ("$.store.book[1:10].title", ["B", "C's"]),
        ("$.store.book[::0]", []),
        ("$.store['n','n']", [3, 3]),
    ],
)
def test_jsonpath_selects_as_rfc_9535_has_it(query, values):
    assert select(STORE, query) == values


def test_an_existence_test_holds_for_values_that_are_false():
    assert select('[0, false, null, ""]', "$[?@]") == [0, False, None, ""]
    assert select("[1, true, 1.0]", "$[?@ == 1]") == [1, 1.0]


def test_jsonpath_names_the_path_of_each_value():
    found = text_analyze('{"a\'b": [{"c": 1}]}', "jsonpath", pattern="$..c")
    assert found.items == [{"path": "$['a\\'b'][0]['c']", "value": 1}]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("store", 1), ("$.", 3), ("$[", 3), ("$.a.", 5), ("$[01]", 3), ("$[-0]", 5), ("$[?@.a ==]", 10), ("$[?@.* == 1]", 11),
        ("$[?1]", 5), ("$[?nope(@)]", 11), ("$[?length(@.a)]", 15), ("$[?count(1) == 1]", 12), ("$['\\ud800']", 11),
        ("$x", 2), ("$[?!@.a == 1]", 9), ("$[9007199254740992]", 19), ("$" + "[?@" * 60, 78),
    ],
)  # fmt: skip
def test_what_is_no_jsonpath_is_refused_at_its_place(query, place):
    with pytest.raises(ToolError, match=f"character {place}:"):
        select(STORE, query)


@pytest.mark.parametrize("document", [MANY, ROWS, DEEP], ids=["many", "rows", "deep"])
@pytest.mark.parametrize(
    "query",
    ["$..*..*..*", "$..[?count($..*) > 0]", "$[?$[*][?$[*]]][?$[*][?$[*][?$..*]]]", "$" + "..*" * 300, "$[" + "*," * 400 + "*]..*",
     "$..[?match('" + "a" * 400 + "', '(a?){400}a{400}')]"],
)  # fmt: skip
def test_jsonpath_queries_that_multiply_are_stopped_or_answered_short(document, query):
    try:
        found = text_analyze(document, "jsonpath", pattern=query)
    except ToolError as refusal:
        assert "steps" in str(refusal) or "nesting" in str(refusal)  # noqa: PT017  # either outcome is right
    else:
        assert len(found.items) <= 50


def test_numbers_that_no_float_holds_come_back_as_strings_with_a_note():
    found = text_analyze(
        '{"a": 0.1000000000000000055511151231257827, "b": 12345678901234567890}', "jsonpath", pattern="$.*"
    )
    assert [item["value"] for item in found.items] == ["0.1000000000000000055511151231257827", 12345678901234567890]
    assert "1 number(s)" in found.facts["notes"][0]


@pytest.mark.parametrize(
    ("expression", "items"),
    [
        ("store.book[?price < `10`].title", ["A", "C's"]),
        ("store.book[*].[title, price] | [0]", ["A", 8.95]),
        ("length(store.book)", [3]),
        ("max_by(store.book, &price).title", ["B"]),
        ("sort_by(store.book, &price)[].title", ["A", "C's", "B"]),
        ('join(`","`, store.book[].title)', ["A,B,C's"]),
        ("nothing", [None]),
    ],
)
def test_jmespath_evaluates(expression, items):
    assert evaluate(STORE, expression) == items


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("", "needs a pattern"), ("store.book[", "not JMESPath at character"), ("nope(@)", "does not have"),
        ("abs('x')", "'abs' takes number, but got string"), ("length()", "number of arguments"),
        ("(" * 900 + "@" + ")" * 90, "nested|not JMESPath"), ("!" * 999 + "@", "nested"),
    ],
)  # fmt: skip
def test_what_is_no_jmespath_is_refused_without_values(expression, cause):
    with pytest.raises(ToolError, match=cause) as refusal:
        evaluate(STORE, expression)
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize("document", [MANY, '"x"'], ids=["many", "one"])
@pytest.mark.parametrize(
    "expression",
    ["|".join(["[@,@]"] * 100), "|".join(["[@,@][]"] * 80), "|".join(["{a:@,b:@}"] * 60), "|".join(["[@,@]"] * 40) + "|to_string(@)",
     "|".join(["join('',[to_string(@),to_string(@)])"] * 25)],
)  # fmt: skip
def test_jmespath_expressions_that_double_are_stopped(document, expression):
    with pytest.raises(ToolError, match="too many values"):
        evaluate(document, expression)


def test_a_query_on_what_is_no_json_says_where():
    for operation in ("jsonpath", "jmespath"):
        with pytest.raises(ToolError, match="line 1, column 4"):
            text_analyze("[1 2]", operation, pattern="$" if operation == "jsonpath" else "@")
