"""`generate_id` makes what its kinds promise, and reads UUIDs and ULIDs."""

import itertools
import json
import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from sanctuary_host import ToolError
from sanctuary_host.tools import ArgumentsError, describe
from sanctuary_utils.identifiers import generate_id, register_tools

TOOL = describe(generate_id)


def call(**arguments):
    return generate_id(**TOOL.keywords(arguments))


def test_its_catalogue_entry_stays_within_its_budget():
    assert len(json.dumps(TOOL.wire(), separators=(",", ":"))) <= 1_400
    assert TOOL.annotations["readOnlyHint"]
    assert list(register_tools()) == [generate_id]


@pytest.mark.parametrize(("kind", "version"), [("uuid1", 1), ("uuid4", 4), ("uuid7", 7)])
def test_a_batch_holds_distinct_uuids_of_the_version_asked_for(kind, version):
    made = [uuid.UUID(one) for one in call(kind=kind, count=1000).ids]
    assert len(set(made)) == 1000
    assert {one.version for one in made} == {version}
    assert {one.variant for one in made} == {uuid.RFC_4122}


@pytest.mark.parametrize("kind", ["uuid7", "ulid"])
def test_time_ordered_identifiers_rise_within_a_batch(kind):
    made = call(kind=kind, count=1000).ids
    assert made == sorted(set(made))


def test_the_steps_within_a_batch_cannot_be_foreseen():
    numbers = [uuid.UUID(one).int for one in call(kind="uuid7", count=1000).ids]
    assert len({later - earlier for earlier, later in itertools.pairwise(numbers)}) > 900


@pytest.mark.parametrize("kind", ["uuid1", "uuid7", "ulid"])
def test_what_carries_a_time_carries_the_present(kind):
    made = call(kind=kind).ids[0]
    moment = datetime.fromisoformat(call(kind="inspect", value=made).facts["time"])
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_a_uuid1_never_shows_this_machines_address():
    made = [uuid.UUID(one) for one in (call(kind="uuid1").ids[0], call(kind="uuid1").ids[0])]
    assert all(one.node >> 40 & 1 for one in made)  # the multicast bit, which no network card has
    assert made[0].node != made[1].node
    assert call(kind="inspect", value=str(made[0])).facts["node_is"] == "random"


@pytest.mark.parametrize(
    ("kind", "namespace", "expected"),
    [
        ("uuid5", "dns", "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
        ("uuid3", "DNS", "6fa459ea-ee8a-3ca4-894e-db77e160355e"),
        ("uuid5", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
    ],
)
def test_uuids_of_names_are_the_ones_that_everybody_gets(kind, namespace, expected):
    assert call(kind=kind, namespace=namespace, value="python.org").ids == [expected]


def test_a_nanoid_has_21_url_safe_characters_and_says_its_entropy():
    made = call(kind="nanoid", count=50)
    assert {len(one) for one in made.ids} == {21}
    assert all(char.isascii() and (char.isalnum() or char in "_-") for one in made.ids for char in one)
    assert made.entropy_bits == 126


def test_a_nanoid_draws_evenly_from_an_alphabet_of_ones_own():
    text = "".join(call(kind="nanoid", alphabet="абв", size=128, count=300).ids)
    assert set(text) == set("абв")
    # 38,400 draws: a third each, within more than six standard deviations.
    assert all(abs(text.count(char) - 12_800) < 600 for char in "абв")


def test_a_password_has_a_character_of_every_class_wanted():
    for one in call(kind="password", size=8, count=200).ids:
        kinds = {"lower" if char.islower() else "upper" if char.isupper() else char.isdigit() for char in one}
        assert kinds == {"lower", "upper", True, False}
    digits = call(kind="password", size=6, classes=["digits"])
    assert digits.ids[0].isdigit()
    assert len(digits.ids[0]) == 6
    assert digits.entropy_bits == pytest.approx(6 * math.log2(10), abs=0.1)


def test_a_password_without_look_alikes_has_none():
    text = "".join(call(kind="password", look_alikes=False, count=300).ids)
    assert not set(text) & set("0O1lI|")


def test_the_entropy_counts_only_passwords_that_have_every_class():
    # Of 36**4 strings over small letters and digits, 26**4 have no digit and 10**4 no letter.
    made = call(kind="password", size=4, classes=["lower", "digits"])
    assert made.entropy_bits == pytest.approx(math.log2(36**4 - 26**4 - 10**4), abs=0.1)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            {"version": "1", "node": "00:c0:4f:d4:30:c8", "clock_sequence": "180"},
        ),
        ("C232AB00-9414-11EC-B3C8-9F6BDECED846", {"version": "1", "time": "2022-02-22T19:22:22Z"}),
        ("1EC9414C-232A-6B00-B3C8-9F6BDECED846", {"version": "6", "time": "2022-02-22T19:22:22Z"}),
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", {"version": "7", "time": "2022-02-22T19:22:22Z"}),
        ("{919108f7-52d1-4320-9bac-f847db4148a8}", {"version": "4", "meaning": "random"}),
        ("urn:uuid:2ed6657d-e927-568b-95e1-2665a8aea6a2", {"version": "5"}),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", {"kind": "ULID", "time": "2016-07-30T23:54:10.259000Z"}),
        ("00000000-0000-0000-c000-000000000046", {"variant": "Microsoft GUID (old)"}),
        ("00000000000000000000000000000000", {"note": "the nil UUID (RFC 9562)"}),
        ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", {"time": "after the year 9999"}),
    ],
)
def test_inspect_reads_what_an_identifier_says(text, facts):
    read = call(kind="inspect", value=text).facts
    assert {name: read.get(name) for name in facts} == facts


def test_a_ulid_and_a_uuid_of_the_same_bits_name_each_other():
    made = call(kind="uuid4").ids[0]
    ulid = call(kind="inspect", value=made).facts["ulid"]
    assert call(kind="inspect", value=ulid.lower()).facts["uuid"] == made


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "inspect"},
        {"kind": "inspect", "value": "nope"},
        {"kind": "inspect", "value": "01ARZ3NDEKTSV4RRFFQ69G5FAU"},
        {"kind": "inspect", "value": "81ARZ3NDEKTSV4RRFFQ69G5FAV"},
        {"kind": "inspect", "value": "\uff12ba7b8109dad11d180b400c04fd430c8"},
        {"kind": "inspect", "value": "6ba7b810-9dad11d1-80b4-00c04fd430c8"},
        {"kind": "uuid5", "value": "x"},
        {"kind": "uuid5", "value": "x", "namespace": "dns", "count": 2},
        {"kind": "nanoid", "alphabet": "aa"},
        {"kind": "nanoid", "alphabet": "a"},
        {"kind": "nanoid", "alphabet": "a\x00b"},
        {"kind": "nanoid", "alphabet": "".join(map(chr, range(0x4E00, 0x4F01)))},
        {"kind": "nanoid", "size": 129},
        {"kind": "password", "size": 7},
        {"kind": "password", "alphabet": "abc", "classes": ["digits"]},
        {"kind": "password", "alphabet": "O0", "look_alikes": False},
        {"kind": "password", "classes": ["greek"]},
        {"kind": "uuid4", "alphabet": "ab"},
        {"kind": "uuid4", "value": "name"},
        {"count": 0},
        {"count": 1001},
        {"kind": "uuid9"},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(arguments):
    with pytest.raises((ToolError, ArgumentsError)) as refusal:
        call(**arguments)
    assert len(str(refusal.value)) > 15


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(ToolError, match="surrogate"):
        generate_id("uuid5", namespace="dns", value="\ud800")
