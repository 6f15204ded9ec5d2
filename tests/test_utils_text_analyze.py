"""`text_analyze` counts, compares and looks for what deceives a reader."""
# ruff: noqa: RUF001  # letters that look like others are what is tested

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary_host import ToolError
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_utils.analyzing import OPERATIONS
from sanctuary_utils.counting import count
from sanctuary_utils.difference import difference
from sanctuary_utils.text import register_tools, text_analyze

TOOL = describe(text_analyze)
MILLION = 1_000_000


def analyze(text, operation, **options):
    """Call the tool through its schema, and see that the answer fits its own."""
    result = text_analyze(**TOOL.keywords({"text": text, "operation": operation, **options}))
    assert TOOL.result(result).structured["summary"] == result.summary
    return result


def test_its_catalogue_entry_stays_within_its_budget():
    assert len(json.dumps(TOOL.wire(), separators=(",", ":"))) <= 1_600
    assert text_analyze in register_tools()


def test_every_operation_of_the_schema_is_there():
    assert set(TOOL.arguments.schema["properties"]["operation"]["enum"]) == set(OPERATIONS)


# The breaks that UAX #29 gives for these in Unicode 17 and 18, ÷ for a break.
SEGMENTS = """
0061 0308 ÷ 0062
000D 000A ÷ 0061 ÷ 000A ÷ 0308
0020 200D ÷ 0646
1100 1160 11A8 ÷ 1100
AC00 11A8 ÷ 1100
AC01 11A8 ÷ 1100
1F1E6 1F1E7 ÷ 1F1E8 ÷ 0062
0061 ÷ 1F1E6 1F1E7 ÷ 1F1E8 1F1E9 ÷ 0062
1F1E6 1F1E7 200D ÷ 1F1E8
0061 0903 ÷ 0062
0061 ÷ 0600 0062
1F476 1F3FF ÷ 1F476
1F476 1F3FF 0308 200D 1F476 1F3FF
1F6D1 200D 1F6D1
0061 200D ÷ 1F6D1
2701 200D ÷ 2701
0915 ÷ 0924
0915 094D 0924
0915 094D 200D 0924
0915 093C 094D 200D 0924
0915 094D 0924 094D 092F
0915 094D ÷ 0061
0E01 0E33
0BA8 0BBF
1F468 200D 1F469 200D 1F467 200D 1F466
1F3F4 E0067 E0062 E0065 E006E E0067 E007F
0031 FE0F 20E3
"""


@pytest.mark.parametrize("line", SEGMENTS.strip().splitlines())
def test_graphemes_are_those_of_the_unicode_annex(line):
    text = "".join(chr(int(code, 16)) for code in line.split() if code != "÷")
    assert count(text)["graphemes"] == line.count("÷") + 1


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", {"bytes_utf8": 0, "graphemes": 0, "words": 0, "lines": 0, "tokens_estimate": 0}),
        ("a", {"lines": 1, "tokens_estimate": 1, "line_breaks": "none"}),
        ("a\nb\n", {"lines": 2, "line_breaks": "LF"}),
        ("a\r\nb\rc", {"lines": 3, "line_breaks": "CRLF and CR"}),
        ("It's 3.14! Don't - stop?", {"words": 4, "sentences_estimate": 2}),
        ('He said "Hi." Then left…', {"sentences_estimate": 2}),
        ("नमस्ते दुनिया", {"code_points": 13, "graphemes": 7, "words": 2}),
        ("我爱Python。", {"words": 3, "sentences_estimate": 1, "bytes_utf8": 15}),
    ],
)
def test_counts_are_what_they_are_called(text, counts):
    found = analyze(text, "count").facts
    assert {name: found[name] for name in counts} == counts


@pytest.mark.parametrize(
    ("text", "index", "reason"),
    [
        ("user\u202egnp.exe", 4, "bidirectional"),
        ("a\u200bb", 1, "invisible"),
        ("ok\U000e0068", 2, "hidden text"),
        ("x\ufe0f", 1, "selector"),
        ("\ufeffx", 0, "byte order mark"),
        ("a\x07", 1, "control"),
        ("a\ue000", 1, "private use"),
        ("p\u0430ypal", 1, "mixes Cyrillic and Latin"),
        ("Visit \u0430\u0440\u0440\u04cf\u0435.com", 6, "reads as Latin 'apple'"),
        ("\u03bfnly", 0, "mixes Greek and Latin"),
    ],
)
def test_deceptive_characters_are_found_where_they_stand(text, index, reason):
    (found,) = {
        json.dumps(one): one for one in analyze(text, "unicode").facts["suspicious"] if reason in one["reason"]
    }.values()
    assert found["index"] == index


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII\n\ttext", "Привет, мир, со сна", "日本語とEnglish 한국어混用", "👨‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ 👍🏽", "क्‍ष", "می‌خواهم", "naïve Straße Ångström",
        "5 µm, 20 Ω, x² ≤ π",
    ],
)  # fmt: skip
def test_honest_text_in_any_script_is_not_suspicious(text):
    assert analyze(text, "unicode").facts["suspicious"] == []


def test_code_points_are_named_with_category_and_script():
    items = analyze("Aж\u0301文", "unicode").items
    assert items[1] == {
        "char": "ж", "code": "U+0436", "name": "CYRILLIC SMALL LETTER ZHE", "category": "Ll (lowercase letter)", "script": "Cyrillic",
    }  # fmt: skip
    assert [item["script"] for item in items] == ["Latin", "Cyrillic", "Common", "Han"]


def apply(old, diff):
    """A patch program of the simplest kind."""
    lines = [line + "\n" for line in old.split("\n")]
    lines[-1] = lines[-1][:-1]
    lines = lines if lines[-1] else lines[:-1]
    out, at = [], 0
    rows = re.sub(r"\n\\ No newline at end of file\n", "\x00", diff).split("\n")[2:]
    rows = [row + "\n" for row in rows[:-1]] + ([rows[-1]] if rows[-1] else [])
    for row in (piece for whole in rows for piece in re.findall(r"[^\x00]+\x00?", whole)):
        if header := re.match(r"@@ -(\d+)(?:,(\d+))? ", row):
            start = int(header[1]) - (header[2] != "0")
            out += lines[at:start]
            at = start
            continue
        line = row[1:].removesuffix("\x00")
        if row[0] != "+":
            assert lines[at] == line
            at += 1
        if row[0] != "-":
            out.append(line)
    return "".join(out + lines[at:])


SMALL = st.lists(st.sampled_from("abcd"), max_size=25).map("\n".join) | st.text("ab\n", max_size=20)


@given(SMALL, SMALL)
def test_a_diff_applied_to_the_old_text_gives_the_new_one(old, new):
    assert apply(old, difference(old, new).text) == new if old != new else difference(old, new).text == ""


def test_a_diff_shows_hunks_with_context_and_missing_line_ends():
    found = analyze("a\nb\nc\nd\ne\nf\ng\nh\ni\n", "diff", other="a\nb\nc\nd\nE\nf\ng\nh\ni").facts
    assert found["diff"] == (
        "--- text\n+++ other\n@@ -2,8 +2,8 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n-i\n+i\n\\ No newline at end of file\n"
    )
    assert (found["removed_lines"], found["added_lines"], found["hunks"], found["shortest"]) == (2, 2, 1, True)
    assert analyze("same", "diff", other="same").summary == "the texts are equal"


@pytest.mark.parametrize(
    ("old", "new", "cut"),
    [
        ("a" * MILLION, "b" * MILLION, True),
        ("a\n" * 500_000, "a\n" * 499_000, False),
        ("a\nb\n" * 250_000, "b\na\n" * 250_000, False),
        ("\n".join(map(str, range(140_000))), "\n".join(map(str, range(140_000, 0, -1))), True),
        ("\n" * MILLION, "x" + "\n" * (MILLION - 1), False),
    ],
)
def test_the_largest_texts_are_compared_with_a_bounded_answer(old, new, cut):
    found = analyze(old, "diff", other=new)
    assert found.facts["removed_lines"] + found.facts["added_lines"] > 0
    assert len(found.facts["diff"]) <= 110_000
    assert found.truncated == cut


def test_a_few_edits_in_a_long_text_are_found_exactly():
    old = "\n".join(map(str, range(100_000)))
    found = analyze(old, "diff", other=old.replace("\n5000\n", "\nfive\n").replace("\n77777\n", "\n")).facts
    assert (found["removed_lines"], found["added_lines"], found["hunks"], found["shortest"]) == (2, 1, 2, True)


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"regex", "jsonpath", "jmespath", "diff"}))
@pytest.mark.parametrize(
    "text",
    ["a" * MILLION, '"' * MILLION, "\\" * MILLION, "[" * MILLION, "\x00" * MILLION, "a." * 500_000, "1," * 500_000,
     "🇦" * MILLION, ":" * MILLION, "%" * MILLION, "a\u0301\u0316" * 300_000, ""],
    ids=lambda text: repr(text[:3]),
)  # fmt: skip
def test_any_text_is_answered_with_a_short_reply(operation, text):
    found = analyze(text, operation)
    assert len(str(found)) < 1_700
    if operation not in {"count", "unicode", "json", "yaml", "toml", "csv"}:
        assert found.valid is False


@pytest.mark.parametrize("parameter", ["text", "pattern", "other"])
def test_half_a_character_is_refused(parameter):
    arguments = {"text": "a", "pattern": "a", "other": "a", parameter: "\udc00"}
    with pytest.raises(ToolError, match=f"{parameter} has an unpaired surrogate"):
        text_analyze(arguments["text"], "regex", pattern=arguments["pattern"], other=arguments["other"])


@pytest.mark.parametrize(
    "arguments",
    [{"text": "a" * (MILLION + 1)}, {"pattern": "a" * 1_001}, {"limit": 0}, {"limit": 1_001}, {"operation": "guess"}],
)
def test_arguments_beyond_their_limits_are_refused(arguments):
    with pytest.raises((ToolError, ArgumentsError)) as refusal:
        analyze(**{"text": "a", "operation": "count", **arguments})
    assert len(str(refusal.value)) < 300
