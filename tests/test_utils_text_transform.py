"""`text_transform` changes text exactly, and says what it lost."""
# ruff: noqa: RUF001  # letters that look like others are what is tested

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary_host import ToolError
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_utils.text import register_tools, text_transform
from sanctuary_utils.transforming import OPERATIONS

TOOL = describe(text_transform)
ENCODINGS = ["base64", "base64url", "base32", "hex", "url", "html", "quoted-printable", "rot13", "escapes"]
MILLION = 1_000_000


def turn(text, operation, **options):
    return text_transform(**TOOL.keywords({"text": text, "operation": operation, **options}))


def test_its_catalogue_entry_stays_within_its_budget():
    assert len(json.dumps(TOOL.wire(), separators=(",", ":"))) <= 1_600
    assert text_transform in register_tools()


def test_every_operation_of_the_schema_is_there():
    assert set(TOOL.arguments.schema["properties"]["operation"]["enum"]) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("operation", "text", "expected"),
    [
        ("lower", "ÀÉ Σ", "àé σ"),
        ("upper", "straße ﬁ", "STRASSE FI"),
        ("title", "it's don’t o'neil über-cool e\u0301cole", "It's Don’t O'neil Über-Cool E\u0301cole"),
        ("sentence", "HELLO there. HOW are you? FINE!\nok", "Hello there. How are you? Fine!\nOk"),
        ("camel", "parse HTTPServer response_v2", "parseHttpServerResponseV2"),
        ("pascal", "parse-http server", "ParseHttpServer"),
        ("snake", "userIDNumber\nXMLHttpRequest", "user_id_number\nxml_http_request"),
        ("kebab", "Hello, World! don't", "hello-world-dont"),
        ("constant", "maxRetryCount", "MAX_RETRY_COUNT"),
        ("snake", "नमस्ते दुनिया", "नमस्ते_दुनिया"),
        ("slug", "Crème Brûlée & Co. — it's ½", "creme-brulee-co-its-1-2"),
        ("slug", "Straße Øresund Łódź Æsir Þór İstanbul", "strasse-oresund-lodz-aesir-thor-istanbul"),
        ("slug", "Привет, мир! Ελλάδα Київ", "privet-mir-ellada-kiyiv"),
        ("trim", "  a  \n b\t\n\n", "a\n b"),
        ("dedent", "    a\n      b\n\n    c", "a\n  b\n\nc"),
        ("dedent", "\ta\n  b", "\ta\n  b"),
        ("sort_lines", "b\nA\na\nB\n", "A\na\nB\nb\n"),
        ("unique_lines", "a\nb\na\n", "a\nb\n"),
        ("reverse", "ab🇩🇪👨‍👩‍👧e\u0301", "e\u0301👨‍👩‍👧🇩🇪ba"),
        ("minify", '{ "a" : [ 1.0, 2 ] }', '{"a":[1.0,2]}'),
    ],
)
def test_it_turns_text_as_the_operation_says(operation, text, expected):
    assert turn(text, operation).text == expected


def test_wrapping_keeps_paragraphs_indentation_and_long_words_and_counts_wide_characters():
    assert turn("the quick brown fox\n\n  an indented line here", "wrap", width=12).text == (
        "the quick\nbrown fox\n\n  an\n  indented\n  line here"
    )
    assert turn("日本語 テキスト です", "wrap", width=10).text == "日本語\nテキスト\nです"
    wrapped = turn("x" * 30 + " y", "wrap", width=10)
    assert wrapped.text == "x" * 30 + "\ny"
    assert wrapped.notes == ["1 word(s) are longer than 10 columns and were kept whole"]


@pytest.mark.parametrize(
    ("to", "text", "expected"),
    [
        ("base64", "Aé", "QcOp"),
        ("base64url", "~~~??", "fn5-Pz8"),
        ("base32", "foo", "MZXW6==="),
        ("hex", "Aé", "41c3a9"),
        ("url", "a b/ü&", "a%20b%2F%C3%BC%26"),
        ("html", '<a href="x">\'&', "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"),
        ("quoted-printable", "é=", "=C3=A9=3D"),
        ("rot13", "Hello", "Uryyb"),
        ("escapes", 'é\n\\"😀', '\\u00e9\\n\\\\"\\ud83d\\ude00'),
    ],
)
def test_encodings_are_the_usual_ones_and_come_back(to, text, expected):
    assert turn(text, "encode", to=to).text == expected
    assert turn(expected, "decode", to=to).text == text


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(ENCODINGS))
def test_decoding_what_was_encoded_gives_the_same_text(text, to):
    assert text_transform(text_transform(text, "encode", to=to).text, "decode", to=to).text == text


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("Q", "base64"), ("!!!!", "base64"), ("é", "base64"), ("-_-_", "base64"), ("ab+/", "base64url"), ("1", "base32"),
        ("abc", "hex"), ("zz", "hex"), ("%zz", "url"), ("%", "url"), ("=ZZ", "quoted-printable"), ("\\q", "escapes"),
        ("\\", "escapes"), ("\\ud800", "escapes"), ("\\u{110000}", "escapes"), ("&#" + "1" * 5000 + ";", "html"),
    ],
)  # fmt: skip
def test_garbage_is_refused_and_not_guessed_at(text, to):
    with pytest.raises(ToolError) as refusal:
        turn(text, "decode", to=to)
    assert len(str(refusal.value)) < 200


def test_bytes_that_are_no_text_come_as_hexadecimal_digits_with_a_note():
    decoded = turn("/w==", "decode")
    assert decoded.text == "ff"
    assert "no UTF-8" in decoded.notes[0]


def test_base64_that_no_encoder_writes_is_decoded_with_a_note():
    assert turn("QR==", "decode").text == "A"
    assert turn("QR==", "decode").notes
    assert not turn("Q Q=\n=", "decode").notes


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sha3_256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        ("crc32", "352441c2"),
    ],
)
def test_hashes_match_their_published_examples(to, expected):
    assert turn("abc", "hash", to=to).text == expected
    assert turn("616263", "hash", to=to, source="hex").text == expected
    assert turn("YWJj", "hash", to=to, source="base64").text == expected


def test_broken_hashes_say_so():
    assert "broken" in turn("abc", "hash", to="md5").notes[0]
    assert not turn("abc", "hash").notes


def test_hmac_matches_rfc_4231_and_takes_keys_as_text_or_bytes():
    assert turn("what do ya want for nothing?", "hmac", key="Jefe").text == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
    assert turn("Hi There", "hmac", key="hex:" + "0b" * 20).text == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert (
        turn("Hi There", "hmac", key="hex:" + "0b" * 20).text
        == turn("Hi There", "hmac", key="base64:CwsLCwsLCwsLCwsLCwsLCwsLCws=").text
    )


@pytest.mark.parametrize(
    ("to", "text", "expected"),
    [
        ("NFC", "e\u0301", "é"),
        ("", "e\u0301", "é"),
        ("NFD", "é", "e\u0301"),
        ("NFKC", "ﬁ²", "fi2"),
        ("NFKD", "é²", "e\u03012"),
    ],
)
def test_unicode_forms_are_normalised(to, text, expected):
    assert turn(text, "normalize", to=to).text == expected


@pytest.mark.parametrize(
    ("to", "text", "expected"),
    [
        ("accents", "Crème Ángel ñ ø", "Creme Angel n ø"),
        ("invisible", "a\u200bb\u202ec\ufeff\u00add", "abcd"),
        ("invisible", "👨‍👩‍👧 ❤️ 1️⃣ क्‍ष می‌خواهم 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧 ❤️ 1️⃣ क्‍ष می‌خواهم 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("invisible", "hidden\U000e0068\U000e0069", "hidden"),
        ("control", "a\x00b\x1b[1m\tc\r\n", "ab[1m\tc\r\n"),
    ],
)
def test_stripping_takes_what_it_should_and_no_more(to, text, expected):
    assert turn(text, "strip", to=to).text == expected


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("convert", {}), ("convert", {"to": "md5"}), ("convert", {"to": "json", "source": "hex"}), ("strip", {}),
        ("strip", {"to": "json"}), ("hash", {"to": "json"}), ("hash", {"source": "json"}), ("hmac", {}), ("hmac", {"to": "crc32", "key": "k"}),
        ("encode", {"to": "sha256"}), ("normalize", {"to": "json"}), ("lower", {"to": "nonsense"}), ("nonsense", {}),
        ("wrap", {"width": 1001}), ("convert", {"to": "csv", "delimiter": "ab"}), ("lower", {"too": "x"}),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused_with_the_choice(operation, options):
    with pytest.raises((ToolError, ArgumentsError)) as refusal:
        turn('[["a"]]', operation, **options)
    assert len(str(refusal.value)) > 15


def test_a_slug_of_nothing_is_refused_and_lost_letters_are_counted():
    with pytest.raises(ToolError, match="Latin, Cyrillic and Greek"):
        turn("日本語", "slug")
    assert turn("a 日本語", "slug").notes == ["3 letter(s) with no ASCII spelling were left out"]


@pytest.mark.parametrize("parameter", ["text", "key"])
def test_half_a_character_is_refused(parameter):
    arguments = {"text": "a", "key": "a", parameter: "ab\ud800"}
    with pytest.raises(ToolError, match=r"U\+D800.*character 3"):
        text_transform(arguments["text"], "hmac", key=arguments["key"])


def test_more_than_a_million_characters_are_refused_without_repeating_them():
    with pytest.raises((ToolError, ArgumentsError)) as refusal:
        turn("a" * (MILLION + 1), "lower")
    assert "1000000" in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("text", "operation", "options"),
    [
        ("a" + "\u0301\u0316" * 400_000, "normalize", {}),
        ("a" + "\u0301\u0316" * 400_000, "slug", {}),
        ("\ufdfa" * MILLION, "normalize", {"to": "NFKD"}),
        ("é" * MILLION, "encode", {"to": "escapes"}),
        ("[" * 100_000, "pretty", {}),
        ("[" * 199 + "1," * 300_000 + "1" + "]" * 199, "pretty", {"width": 1000}),
    ],
)
def test_what_would_take_too_long_or_grow_too_large_is_refused(text, operation, options):
    with pytest.raises(ToolError) as refusal:
        turn(text, operation, **options)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("title", str.title),
        ("dedent", lambda text: text.lstrip(" ")),
        ("trim", str.strip),
        ("unique_lines", lambda text: "\n".join(dict.fromkeys(text.split("\n")))),
        ("reverse", lambda text: text[::-1]),
        ("wrap", lambda text: text.lstrip(" ")),
    ],
)
@pytest.mark.parametrize("text", ["a" * MILLION, " " * (MILLION - 1) + "x", "a-" * 500_000, "\n" * (MILLION - 1) + "x"])
def test_a_million_characters_of_one_kind_are_worked_through(operation, expected, text):
    assert turn(text, operation).text == expected(text)


def test_long_results_stand_in_one_place_only():
    result = turn("a" * 5_000, "upper")
    assert len(result.text) == 5_000
    assert len(str(result)) < 100
