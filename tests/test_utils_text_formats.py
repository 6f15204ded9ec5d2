"""JSON, YAML, TOML and CSV are read strictly, bounded before anything expands, and written so that they come back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary_host import ToolError
from sanctuary_utils.csv_text import read_table, table_to_value, write_csv
from sanctuary_utils.json_text import read_json, write_json
from sanctuary_utils.text import text_analyze, text_transform
from sanctuary_utils.toml_text import read_toml, write_toml
from sanctuary_utils.yaml_text import read_yaml, write_yaml

TRICKY = [
    "no", "1e3", "12:30", "0o17", "010", "0x1F", "", "~", "null", "y", "<<", "=", "- a", "a: b", "# c", " lead", "trail ",
    "\n", "\n\n a", "a\n", "a\n\n", " \n", "\t", "'", '"', "|", ">", "%", "@", "`", "!x", "&a", "*a", "{", "[", ",", "? x",
    "---", "...", "2020-01-01", ".5", "+1", "1_000", ".inf", ".nan", "\x85", "\u2028", "\x7f", "\x00", "a\r\nb", "\r", "😀",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=8) | st.sampled_from(TRICKY)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=10
)
TOML_VALUE = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def alike(one, other):
    """Equal with equal types: 1, 1.0 and True are three things, and so are 0.0 and -0.0."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def convert(text, source, to, **options):
    return text_transform(text, "convert", source=source, to=to, **options)


@given(VALUE)
def test_written_yaml_reads_back_as_it_was(value):
    (document,) = read_yaml(write_yaml(value))
    assert alike(document.value, value)


@given(VALUE)
def test_written_json_reads_back_as_it_was(value):
    assert alike(read_json(write_json(value, 2)).value, value)
    assert alike(read_json(write_json(value, None)).value, value)


@given(st.dictionaries(TEXT, TOML_VALUE, max_size=5))
def test_written_toml_reads_back_as_it_was(value):
    assert alike(read_toml(write_toml(value).value).value, value)


@given(st.lists(TEXT, min_size=2, max_size=4, unique=True), st.data())
def test_written_csv_reads_back_as_it_was(header, data):
    row = st.lists(TEXT, min_size=len(header), max_size=len(header))
    rows = [dict(zip(header, fields, strict=True)) for fields in data.draw(st.lists(row, min_size=1, max_size=4))]
    assert table_to_value(read_table(write_csv(rows, ",").value, ",")).value == rows


@pytest.mark.parametrize(
    "number",
    ["123456789012345678901234567890", "0.1000000000000000055511151231257827", "1E+400", "-0.0", "1" * 5_000, "1e-400"],
)
def test_no_number_changes_its_value_from_json_to_json(number):
    written = text_transform(f"[ {number} ]", "minify").text
    assert written.upper() in {f"[{number.upper()}]", f"[{number.upper()}]".replace("E-400", "E-400")}


def test_json_tells_repeated_names():
    assert "repeated" in text_transform('{"a":1,"a":2}', "minify").notes[0]
    assert text_analyze('{"a":1,"a":2}', "json").facts["notes"]


@pytest.mark.parametrize(
    ("text", "line", "column", "cause"),
    [
        ('{"a":1,}', 1, 8, "comma"),
        ("[1,\n  tru]", 2, 3, "Expecting value"),
        ("{'a':1}", 1, 2, "single"),
        ("// x\n[]", 1, 1, "comments"),
        ("[01]", 1, 3, "leading zero"),
        ("[1,2", 1, 5, "ends too early"),
        ('{"a":1} x', 1, 9, "one value"),
        ('"a\nb"', 1, 3, "escape"),
        ("[True]", 1, 2, "small letters"),
        ("", 1, 1, "empty"),
        ("[" * 100_000, 1, 201, "200 levels"),
    ],
)
def test_bad_json_is_placed_and_explained(text, line, column, cause):
    found = text_analyze(text, "json")
    assert found.valid is False
    assert (found.facts["line"], found.facts["column"]) == (line, column)
    assert cause in found.facts["cause"]


@pytest.mark.parametrize("text", ["[NaN]", "[-Infinity]", '"\\ud800"', "9" * 200_000, "1e" + "9" * 30])
def test_json_that_no_two_readers_agree_on_is_refused(text):
    assert text_analyze(text, "json").valid is False


def laughs(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (laughs(9), "aliases"),
        ('a: &a "' + "x" * 100_000 + '"\nb: [' + "*a, " * 1_000 + "]", "aliases"),
        ("a: &a {k: &b {l: *a}}", "inside what it names"),
        ("[*nowhere]", "no anchor"),
        ("[" * 100_000, "200 levels"),
        ("- " * 100_000, "200 levels"),
        ("0x" + "f" * 900_000, "digits"),
        ("1" * 900_000, "digits"),
        ("[" + "a," * 400_000 + "]", "values"),
        ("---\n" * 200_000, "documents"),
        ('!!python/object/apply:os.system ["id"]', "tags"),
        ("!!timestamp 2020-01-01", "tags"),
        ("a: 1\na: 2", "stands twice"),
        ("? [a]\n: b", "as a key"),
        ("a\x00b", "control"),
        ("a:\n\t- b", "cannot start"),
    ],
)
def test_yaml_bombs_and_traps_are_refused_before_they_expand(text, cause):
    found = text_analyze(text, "yaml")
    assert found.valid is False
    assert cause in found.facts["cause"]


def test_yaml_is_read_by_version_1_2_and_says_where_older_readers_differ():
    (document,) = read_yaml(
        "b: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\n5: no\nd: 010\ne: 2020-01-01\nf: 1e3\ng: 12:30\nh: !!str 5\n"
        "i: !!float 5\nj: ~\nk: .inf\nl: 0x1F\nm: 0o17\nn: 'true'\no: TRUE"
    )
    assert document.value == {
        "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}, "5": "no", "d": 10, "e": "2020-01-01", "f": 1000.0, "g": "12:30",
        "h": "5", "i": 5.0, "j": None, "k": math.inf, "l": 31, "m": 15, "n": "true", "o": True,
    }  # fmt: skip
    assert any("YAML 1.1" in note for note in document.notes)
    assert any("became strings" in note for note in document.notes)


def test_a_million_sexagesimal_digits_are_a_string():
    (document,) = read_yaml("1:" * 400_000 + "1")
    assert isinstance(document.value, str)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a." * 100_000 + "a = 1", "64 names"),
        ("[" + "a." * 100 + "a]", "64 names"),
        ("a = " + "[" * 100_000, "200 levels"),
        ("a = " + "[" * 250 + "]" * 250, "200 levels"),
        ("a = " + "1" * 90_000, "digits"),
        ("a = 1\n" * 100_000, "250,000"),
        ("a = \n", "Invalid value"),
        ("a = 1\na = 2", "overwrite"),
    ],
)
def test_toml_traps_are_refused(text, cause):
    found = text_analyze(text, "toml")
    assert found.valid is False
    assert cause in found.facts["cause"]


def test_toml_to_json_says_that_dates_became_strings():
    made = convert("a = 1979-05-27T07:32:00Z\nb = 07:32:00\n", "toml", "json")
    assert read_json(made.text).value == {"a": "1979-05-27T07:32:00+00:00", "b": "07:32:00"}
    assert made.notes == ["2 date(s) or time(s) became strings"]


def test_json_to_toml_says_what_toml_cannot_hold():
    made = convert('{"a": null, "n": 99999999999999999999, "b": [1, "x"], "t": {"u": 1}}', "json", "toml")
    assert read_toml(made.text).value == {"n": 99999999999999999999, "b": [1, "x"], "t": {"u": 1}}
    assert "no null: 1 member(s) left out: 'a'" in made.notes[0]
    assert "64 bits" in made.notes[1]


@pytest.mark.parametrize(
    ("text", "source", "to", "cause"),
    [
        ("[1]", "json", "toml", "table"),
        ('{"a":[null]}', "json", "toml", "null"),
        ("a: .nan", "yaml", "json", "undefined numbers"),
        ("a\n---\nb", "yaml", "json", "2 documents"),
        ("", "yaml", "json", "0 documents"),
        ("3", "json", "csv", "list"),
        ("[]", "json", "csv", "at least one row"),
        ('[{"a":1},[2]]', "json", "csv", "other things"),
        ("[" + ",".join(f'{{"k{n}":1}}' for n in range(20_000)) + "]", "json", "csv", "cells"),
        ("a,a\n1,2", "csv", "json", "stands twice"),
        ("a,b\n1,2\n3", "csv", "json", "line 3"),
        ('a,b\n"1,2\n3', "csv", "json", "never closed"),
        ('"a"x,b\n1,2', "csv", "json", "followed by the delimiter"),
        ("a\n" + "x" * 900_000, "csv", "json", "131,072"),
        ("not json", "json", "yaml", "line 1, column 1"),
    ],
)
def test_conversions_that_would_lose_or_guess_are_refused(text, source, to, cause):
    with pytest.raises(ToolError, match=cause):
        convert(text, source, to)


@pytest.mark.parametrize(
    ("text", "delimiter", "expected"),
    [
        ("a,b\n1,2\n", "", [{"a": "1", "b": "2"}]),
        ("a;b\n1,5;2\n", "", [{"a": "1,5", "b": "2"}]),
        ("a\tb\r\n1\t2\r\n", "", [{"a": "1", "b": "2"}]),
        ('a|b\n"x|y"|"q""q"\n', "", [{"a": "x|y", "b": 'q"q'}]),
        ("\ufeffa,b\n\n1,2", "", [{"a": "1", "b": "2"}]),
        ("a,b;c\n1,2;3\n", ";", [{"a,b": "1,2", "c": "3"}]),
    ],
)
def test_csv_is_parted_at_the_delimiter_given_or_recognised(text, delimiter, expected):
    made = convert(text, "csv", "json", delimiter=delimiter)
    assert read_json(made.text).value == expected
    assert "all values are strings" in made.notes


def test_json_to_csv_says_what_became_of_nested_and_missing_values():
    made = convert('[{"a":1,"b":null},{"a":"x,y","c":[1,true]}]', "json", "csv")
    assert made.text == 'a,b,c\n1,,\n"x,y",,"[1, true]"\n'
    assert len(made.notes) == 3


def test_json_to_yaml_quotes_what_any_yaml_reader_would_misread():
    made = convert('{"a":"no","b":"two\\nlines\\n","c":"1e3","n":true,"x":[],"y":{}}', "json", "yaml").text
    assert made == "a: 'no'\nb: |\n  two\n  lines\nc: '1e3'\n'n': true\nx: []\n'y': {}\n"
