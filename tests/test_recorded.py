"""What of arguments the audit trail keeps: what is marked, numbers and fixed words; of all else the size."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr
from pydantic_core import to_json

from sanctuary_host import Recorded, tool
from sanctuary_host.recorded import ELEMENTS, Reduction, TooManyError
from sanctuary_host.tools import describe

PathText = Annotated[str, Recorded()]
Ref = NewType("Ref", str)
SECRET = "canary-7f3a9c"


class Colour(enum.Enum):
    RED = "red"


class Edit(BaseModel):
    """One change."""

    path: PathText
    text: str
    line: int = 0
    shade: Annotated[str, Field(alias="colour")] = ""
    key: SecretStr | None = None


@dataclass
class Span:
    ref: Annotated[Ref, Recorded()]
    inner: Span | None = None


class Options(TypedDict):
    where: PathText
    what: str


async def anything(
    path: PathText,
    maybe: PathText | None,
    whole: Annotated[str | None, Recorded()],
    paths: list[PathText],
    marked: Annotated[Sequence[str], Recorded()],
    url: Annotated[str, Recorded("url")],
    urls: list[Annotated[str, Recorded("url")]],
    file: Annotated[Path, Recorded()],
    edit: Edit,
    edits: list[Edit],
    span: Span,
    options: Options,
    text: str,
    words: list[str],
    numbers: list[int],
    count: int,
    share: float | None,
    switch: bool,
    word: Literal["a", "b", 1],
    colour: Colour,
    either: Literal["a"] | str,  # noqa: PYI051  # the redundant word is what is kept
    free: Any,
    table: dict[str, str],
    secret: SecretStr,
    hidden: Annotated[SecretStr | None, Recorded()],
) -> None:
    """Take anything."""


REDUCTION = Reduction(anything)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("path", "/srv/a", "/srv/a"),
        ("path", 5, {"type": "number"}),
        ("path", [SECRET], {"items": 1}),
        ("path", {SECRET: 1}, {"keys": 1}),
        ("path", "\ud800", "\\ud800"),
        ("path", "x" * 5_000, {"chars": 5_000, "start": "x" * 4_096}),
        ("maybe", "/srv/a", "/srv/a"),
        ("maybe", None, None),
        ("maybe", 7, {"type": "number"}),
        ("whole", "/srv/a", "/srv/a"),
        ("paths", ["/a", 1, "/b"], ["/a", {"type": "number"}, "/b"]),
        ("paths", "/a", {"chars": 2}),
        ("marked", ["/a"], ["/a"]),
        ("file", "/a", "/a"),
        ("url", f"https://me:{SECRET}@Example.org:8443/a/b?q={SECRET}#{SECRET}", "https://example.org:8443/a/b"),
        ("url", f"http://{SECRET}@[::1]/", "http://[::1]/"),
        ("url", f"https://me:{SECRET}#@example.org/", {"chars": 38}),
        ("url", f"https://me:{SECRET}/x@example.org/", {"chars": 39}),
        ("url", f"me:{SECRET}@example.org:a/b", {"chars": 32}),
        ("url", f"javascript:{SECRET}", {"chars": 24}),
        ("url", f"//{SECRET}", {"chars": 15}),
        ("urls", ["ftp://a:b@c/d"], ["ftp://c/d"]),
        (
            "edit",
            {"path": "/a", "text": SECRET, "line": 3, "colour": SECRET, "key": SECRET, SECRET: 1},
            {
                "path": "/a",
                "text": {"chars": 13},
                "line": 3,
                "colour": {"chars": 13},
                "key": {"secret": True},
                "(unknown)": 1,
            },
        ),
        ("edits", [{"path": "/a", "text": SECRET}, SECRET], [{"path": "/a", "text": {"chars": 13}}, {"chars": 13}]),
        ("span", {"ref": "main", "inner": {"ref": "next"}}, {"ref": "main", "inner": {"ref": "next"}}),
        ("options", {"where": "/a", "what": SECRET}, {"where": "/a", "what": {"chars": 13}}),
        ("text", SECRET, {"chars": 13}),
        ("text", 1234, {"type": "number"}),
        ("text", None, {"type": "null"}),
        ("words", [SECRET], {"items": 1}),
        ("numbers", [1, 2], {"items": 2}),
        ("count", 5, 5),
        ("count", True, {"type": "boolean"}),
        ("count", SECRET, {"chars": 13}),
        ("count", 10**400, {"bits": 1329}),
        ("share", 0.5, 0.5),
        ("share", None, None),
        ("switch", False, False),
        ("switch", 1, {"type": "number"}),
        ("word", "a", "a"),
        ("word", 1, 1),
        ("word", True, {"type": "boolean"}),
        ("word", SECRET, {"chars": 13}),
        ("colour", "red", "red"),
        ("colour", SECRET, {"chars": 13}),
        ("either", "a", "a"),
        ("either", SECRET, {"chars": 13}),
        ("free", 5, 5),
        ("free", SECRET, {"chars": 13}),
        ("free", {"a": SECRET}, {"keys": 1}),
        ("table", {SECRET: SECRET}, {"keys": 1}),
        ("secret", SECRET, {"secret": True}),
        ("hidden", SECRET, {"secret": True}),
    ],
)
def test_what_is_kept_of_an_argument(name: str, value: Any, kept: Any) -> None:
    reduced = REDUCTION({name: value})
    assert reduced == {name: kept}
    assert SECRET not in str(reduced)
    to_json(reduced)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(SECRET) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.just(SECRET) | st.sampled_from(["text", "key"]), inner)
    ),
    max_leaves=8,
)
UNMARKED = [
    "edit",
    "edits",
    "options",
    "text",
    "words",
    "numbers",
    "count",
    "share",
    "switch",
    "word",
    "colour",
    "either",
    "free",
    "table",
    "secret",
    "hidden",
]


@given(st.dictionaries(st.sampled_from([*UNMARKED, SECRET]), json_values))
def test_no_text_that_is_not_marked_is_ever_kept(arguments: dict[str, Any]) -> None:
    assert SECRET.encode() not in to_json(REDUCTION(arguments), inf_nan_mode="strings")


def test_arguments_that_are_not_passed_are_not_mentioned_and_unknown_ones_are_counted() -> None:
    assert REDUCTION({"count": 1, SECRET: 2, f"{SECRET}2": 3}) == {"count": 1, "(unknown)": 2}


def test_lists_without_end_are_not_looked_into() -> None:
    with pytest.raises(TooManyError):
        REDUCTION({"paths": ["a"] * (ELEMENTS + 1)})
    with pytest.raises(TooManyError):
        REDUCTION({"paths": ["a"] * ELEMENTS, "marked": ["a"]})
    assert REDUCTION({"words": ["a"] * (ELEMENTS + 1)}) == {"words": {"items": ELEMENTS + 1}}


def test_a_mark_changes_nothing_of_what_a_tool_takes() -> None:
    @tool()
    def plain(path: str) -> None:
        """Take a path."""

    @tool(name="plain")
    def marked(path: Annotated[str, Recorded()]) -> None:
        """Take a path."""

    assert describe(marked).wire() == describe(plain).wire()
    assert describe(marked).keywords({"path": "/a"}) == {"path": "/a"}


def test_of_a_patch_the_names_of_its_files_are_kept_and_no_line_of_it() -> None:
    patch = (
        "diff --git a/old name.py b/new.py\nrename from old name.py\nrename to new.py\n--- a/old name.py\n+++ b/new.py\n"
        "@@ -1,2 +1,2 @@\n--- hunter2\n+hunter3\n"
        "diff --git a/mode.sh b/mode.sh\nold mode 100644\nnew mode 100755\n"
        "--- /dev/null\r\n+++ b/made.txt\t2026-11-23\r\n@@ -0,0 +1 @@\n+hunter4\n"
    )

    def apply(patch: Annotated[str, Recorded("diff")]) -> None: ...

    kept = Reduction(apply)({"patch": patch})["patch"]
    assert kept["chars"] == len(patch)
    assert set(kept["files"]) == {"old name.py", "new.py", "mode.sh", "made.txt"}
    assert "hunter" not in str(kept)
    assert Reduction(apply)({"patch": 5})["patch"] == {"type": "number"}


def test_a_mark_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="Recorded takes 'text', 'url' or 'diff'"):
        Recorded("secret")  # type: ignore[arg-type]  # as an untyped pack would
