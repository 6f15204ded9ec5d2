"""Addresses in settings: names between containers, anything usable elsewhere, and a sentence for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sanctuary_host.addresses import FORMS
from sanctuary_host.config import read_config
from sanctuary_host.settings import SettingsError


def wide(text: str) -> str:
    """ASCII as full-width characters, which resolvers' libraries fold back."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


LOOPBACK_NAMES = [
    "localhost",
    "LOCALHOST.",
    "foo.localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
    "ⓛocalhost",
    "foo。localhost",
]
ADDRESSES = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0x7f.1",
    "0X7F000001",
    "2130706433",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "10.0.0.5",
    "93.184.216.34",
    wide("127.0.0.1").replace(wide("."), "."),
    "127。0｡0" + wide(".1"),
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1%eth0]",
    "[2001:db8::5]",
]
NAMES = [
    "sanctuary-gateway",
    "sanctuary_utils",
    "gateway.example.org",
    "bücher.example",
    "x",
    "localhost.example",
    "notlocalhost",
]


def faults(**environment: str) -> str:
    try:
        read_config({"CLUSTER": "utils", **environment})
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("variable", FORMS)
@pytest.mark.parametrize("host", LOOPBACK_NAMES)
def test_a_container_refuses_names_of_itself_and_shows_the_right_form(host: str, variable: str) -> None:
    url = {variable: f"http://{host}:8000"}
    said = faults(SANCTUARY_CONTAINER="1", **url)
    assert said.startswith(f"{variable} names ")
    assert "inside a container is the container itself" in said
    assert said.endswith(FORMS[variable])
    assert not faults(**url)


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_container_refuses_ip_addresses_in_every_spelling(host: str) -> None:
    url = {"GATEWAY_URL": f"https://{host}:4444/behind/a/proxy"}
    said = faults(SANCTUARY_CONTAINER="true", **url)
    assert said.startswith("GATEWAY_URL names the IP address ")
    assert "changes with every start" in said
    assert said.endswith("http://sanctuary-gateway:4444")
    assert not faults(**url)


@pytest.mark.parametrize("variable", FORMS)
@pytest.mark.parametrize("host", NAMES)
def test_a_name_is_welcome_everywhere(host: str, variable: str) -> None:
    for url in (f"http://{host}:8000", f"HTTPS://{host}/"):
        assert not faults(SANCTUARY_CONTAINER="1", **{variable: url})
        assert not faults(**{variable: url})


@pytest.mark.parametrize("container", ["", "1"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sanctuary-gateway:4444", "must be an http or https URL"),
        ("//sanctuary-gateway", "must be an http or https URL"),
        ("ftp://sanctuary-gateway", "must be an http or https URL"),
        ("http:sanctuary-gateway", "must be an http or https URL"),
        ("http://", "must be an http or https URL"),
        ("http:///path", "must be an http or https URL"),
        ("http://:4444", "must be an http or https URL"),
        ("http://gateway:", "must be an http or https URL"),
        ("http://gateway:0", "must be an http or https URL"),
        ("http://gateway:65536", "must be an http or https URL"),
        ("http://gateway:port", "must be an http or https URL"),
        ("http://gateway:-1", "must be an http or https URL"),
        ("http://gateway:" + wide("4444"), "must be an http or https URL"),
        ("http://a..b", "must be an http or https URL"),
        ("http://-gateway", "must be an http or https URL"),
        ("http://%6cocalhost", "must be an http or https URL"),
        ("http://256.1.1.1", "must be an http or https URL"),
        ("http://1.2.3.4.5", "must be an http or https URL"),
        ("http://[::1", "must be an http or https URL"),
        ("http://[gateway]", "must be an http or https URL"),
        (f"http://{'a' * 64}", "must be an http or https URL"),
        ("http://℀.example", "must be an http or https URL"),
        ("http://gate way", "space"),
        (" http://gateway", "space"),
        ("http://gateway\n", "control character"),
        ("http://gateway\x00", "control character"),
        ("http://gate\u200bway", "control character"),
        ("http://gateway\\@evil", "backslash"),
        ("http://gateway?team=1", "must not have a query or fragment"),
        ("http://gateway/#", "must not have a query or fragment"),
        ("http://someone:hunter2@gateway", "put the token into API_TOKEN"),
        ("http://hunter2@gateway:99999", "put the token into API_TOKEN"),
    ],
)
def test_what_is_no_usable_url_is_refused_without_repeating_it(url: str, said: str, container: str) -> None:
    found = faults(SANCTUARY_CONTAINER=container, GATEWAY_URL=url)
    assert found.startswith("GATEWAY_URL ")
    assert said in found
    assert "hunter2" not in found


def test_only_a_gateway_may_have_a_path() -> None:
    for variable, form in FORMS.items():
        found = faults(**{variable: f"{form}/behind/"})
        assert ("must not have a path" in found) is (variable != "GATEWAY_URL")


async def test_all_faults_are_told_in_one_go_and_the_status_is_2(run: Callable[..., Any]) -> None:
    wrong = dict.fromkeys(FORMS, "http://localhost:1")
    for words in ((), ("check",), ("tools",), ("call", "time_now")):
        ran = await run(
            *words, CLUSTER="utils", SANCTUARY_CONTAINER="1", PORT="no", SANCTUARY_REGISTER_AS="a b", **wrong
        )
        assert ran.status == 2
        for variable in (*FORMS, "PORT", "SANCTUARY_REGISTER_AS"):
            assert f"{variable} " in ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["a b", "", "é", "x/y", "---", "a" * 65, "a\n", "a;b"])
def test_a_server_name_that_no_gateway_keeps_apart_is_refused_with_its_rule(name: str) -> None:
    found = faults(SANCTUARY_REGISTER_AS=name)
    if name:
        assert found.startswith("SANCTUARY_REGISTER_AS must be a name of 1 to 64 letters, digits, _ . and -")
    else:
        assert not found


@pytest.mark.parametrize("name", ["sanctuary_utils", "x", "7", "a" * 64, "A.b-c_d"])
def test_a_plain_server_name_is_taken(name: str) -> None:
    assert read_config({"CLUSTER": "utils", "SANCTUARY_REGISTER_AS": name}).server_name == name
