"""Short forms are validated and taken apart: addresses, tokens, versions, colours, check digits."""

import base64
import json

import pytest

from sanctuary_host import ToolError
from sanctuary_utils.text import text_analyze


def analyze(text, operation, other=""):
    return text_analyze(text, operation, other=other)


@pytest.mark.parametrize(
    ("operation", "text", "facts"),
    [
        ("url", "https://user:pw@exämple.com:8443/p/a?q=1&r=a%20b#frag",
         {"scheme": "https", "host": "exämple.com", "domain_ascii": "xn--exmple-cua.com", "port": 8443, "path": "/p/a", "fragment": "frag", "has_password": True}),
        ("url", "http://[::1]/", {"host": "::1", "host_is": "loopback", "port": 80, "port_is_default": True}),
        ("url", "mailto:a@b.c", {"scheme": "mailto", "path": "a@b.c"}),
        ("email", "a.b+c@example.com", {"local": "a.b+c", "domain": "example.com"}),
        ("email", "x@xn--exmple-cua.com", {"domain_unicode": "exämple.com"}),
        ("ip", "192.168.1.77/24", {"network": "192.168.1.0/24", "usable_hosts": "254", "first_host": "192.168.1.1", "is_private": True}),
        ("ip", "10.0.0.0/31", {"usable_hosts": "2"}),
        ("ip", "2001:db8::/32", {"addresses": str(2**96), "last": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}),
        ("ip", "::ffff:127.0.0.1", {"kind": "IPv4-mapped, loopback", "ipv4_mapped": "127.0.0.1"}),
        ("ip", "169.254.169.254", {"kind": "link-local", "is_global": False}),
        ("ip", "8.8.8.8", {"kind": "public", "integer": "134744072", "reverse_name": "8.8.8.8.in-addr.arpa"}),
        ("ip", "fe80::1%eth0", {"kind": "link-local", "zone": "eth0"}),
        ("ip", "1.2.3.4 - 1.2.3.10", {"addresses": "7"}),
        ("semver", "1.2.3-beta.1+b5", {"major": "1", "prerelease": "beta.1", "build": "b5"}),
        ("color", "#336699cc", {"rgb": "rgb(51 102 153 / 0.8)", "hsl": "hsl(210 50% 40% / 0.8)", "contrast_with_white": 6.0}),
        ("color", "rgb(100% 50% 0%)", {"hex": "#ff8000", "hsv": "30 100% 100%"}),
        ("color", "hsl(210deg, 50%, 40%)", {"hex": "#336699"}),
        ("color", "RebeccaPurple", {"hex": "#663399", "names": ["rebeccapurple"]}),
        ("luhn", "4539 1488 0343 6467", {"digits": 16}),
        ("iban", "GB82 WEST 1234 5698 7654 32", {"country": "GB"}),
        ("uuid", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", {"version": "7", "time": "2022-02-22T19:22:22Z"}),
        ("csv", "a;b\n1;2\n", {"delimiter": "semicolon", "rows": 2, "columns": 2, "header": ["a", "b"]}),
        ("json", '{"a": [1]}', {"depth": 2, "type": "object", "names": ["a"]}),
        ("yaml", "a: 1\n---\nb", {"documents": 2}),
        ("toml", "a = 1", {"members": 1}),
    ],
)  # fmt: skip
def test_valid_forms_are_taken_apart(operation, text, facts):
    found = analyze(text, operation)
    assert found.valid is True
    assert {name: found.facts.get(name) for name in facts} == facts


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("url", "example.com"), ("url", "//x"), ("url", "http://a b"), ("url", "http://x:99999/"), ("url", "http://x:port/"),
        ("url", "https:///x"), ("url", "http://1.2.3.999/"), ("url", "http://127.1/"), ("url", "http://0x7f.1/"),
        ("url", "http://2130706433/"), ("url", "http://a..b/"), ("url", "https://x/%zz"), ("url", "http://[::1"), ("url", "http://a\\b"),
        ("email", "a@"), ("email", "@b.c"), ("email", "a..b@c.de"), ("email", "a@b"), ("email", "a b@c.de"),
        ("email", "a@-b.com"), ("email", "a@b_c.com"), ("email", "x" * 65 + "@b.co"), ("email", "a@[1.2.3]"),
        ("ip", "1.2.3"), ("ip", "01.2.3.4"), ("ip", "10.0.0.0/33"), ("ip", "2.2.2.2-1.1.1.1"), ("ip", "1.1.1.1-::1"),
        ("semver", "v1.2.3"), ("semver", "1.2"), ("semver", "01.2.3"), ("semver", "1.0.0-01"), ("semver", "1." + "9" * 900 + ".0"),
        ("color", "#12345"), ("color", "nope"), ("color", "hsl(1,2,3)"), ("color", "rgb(" + " " * 900_000 + ")"),
        ("luhn", "79927398710"), ("luhn", "0"), ("luhn", "x" * 70), ("luhn", "1" * 900_000),
        ("iban", "DE89370400440532013001"), ("iban", "DE8937040044053201300"), ("iban", "XX8937040044053201300"),
        ("uuid", "6ba7b810"), ("csv", ""), ("csv", "a,b\n1"), ("csv", "a,a\n1,2"), ("toml", "a = "), ("yaml", "a: ["),
        ("jwt", "a.b"), ("jwt", "a.b.c"), ("jwt", "a.b.c.d.e"), ("jwt", "eyJhbGciOiJub25lIn0.WzFd."),
    ],
)  # fmt: skip
def test_invalid_forms_are_named_with_a_cause_and_not_repeated(operation, text):
    found = analyze(text, operation)
    assert found.valid is False
    assert 10 < len(found.facts["cause"]) < 200


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("1.0.0-alpha", "1.0.0-alpha.1", -1), ("1.0.0-alpha.1", "1.0.0-alpha.beta", -1), ("1.0.0-beta.2", "1.0.0-beta.11", -1),
        ("1.0.0-rc.1", "1.0.0", -1), ("1.10.0", "1.9.0", 1), ("1.0.0+a", "1.0.0+b", 0), ("2.0.0", "2.0.0", 0),
        ("99999999999999999999999.0.0", "99999999999999999999998.0.0", 1),
    ],
)  # fmt: skip
def test_versions_are_ordered_as_the_specification_says(one, other, order):
    assert analyze(one, "semver", other).facts["compared_with_other"] == order
    assert analyze(other, "semver", one).facts["compared_with_other"] == -order


@pytest.mark.parametrize(
    ("text", "other", "fact", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", "in_other", True), ("11.1.2.3", "10.0.0.0/8", "in_other", False),
        ("10.0.0.0/8", "10.9.0.0/16", "contains_other", True), ("10.9.0.0/16", "10.0.0.0/8", "contains_other", False),
        ("10.0.0.0/8", "::1", "contains_other", False),
    ],
)  # fmt: skip
def test_addresses_are_placed_in_networks(text, other, fact, expected):
    assert analyze(text, "ip", other).facts[fact] is expected


@pytest.mark.parametrize(
    ("operation", "text"), [("ip", "10.0.0.1"), ("ip", "10.0.0.0/8"), ("semver", "1.0.0"), ("color", "red")]
)
def test_a_wrong_second_value_is_refused(operation, text):
    with pytest.raises(ToolError, match="other"):
        analyze(text, operation, "nonsense")


def test_contrast_is_that_of_wcag():
    assert analyze("#777777", "color", "white").facts["contrast_with_other"] == 4.48
    assert analyze("black", "color", "white").facts["contrast_with_other"] == 21


def token(header, claims):
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return ".".join([*parts, "c2lnbmF0dXJl"])


def test_a_jwt_is_decoded_and_said_to_be_unverified():
    found = analyze(token({"alg": "HS256"}, {"sub": "é", "iat": 1516239022, "exp": 1516239023}), "jwt")
    assert found.facts["claims"]["sub"] == "é"
    assert found.facts["expires"] == "2018-01-18T01:30:23Z"
    assert found.facts["expired_now"] is True
    assert "NOT verified" in found.summary
    assert "c2lnbmF0dXJl" not in str(found)


def test_an_unsigned_jwt_and_one_with_milliseconds_are_warned_of():
    assert "unsigned" in analyze(token({"alg": "None"}, {}), "jwt").facts["danger"]
    assert "milliseconds" in analyze(token({"alg": "HS256"}, {"exp": 10**18}), "jwt").facts["expires"]
    assert analyze(token({"alg": "HS256"}, {"exp": 4102444800}), "jwt").facts["expired_now"] is False


def test_secrets_are_not_repeated():
    assert "hunter2" not in str(analyze("https://me:hunter2@example.com/", "url"))
    assert "79927398713" not in str(analyze("79927398713", "luhn"))
    assert "37040044" not in str(analyze("DE89370400440532013000", "iban"))


def test_ragged_csv_lists_the_lines():
    found = analyze("a,b\n1,2\n3\n4,5,6\n", "csv")
    assert found.items == [{"line": 3, "fields": 1}, {"line": 4, "fields": 3}]
