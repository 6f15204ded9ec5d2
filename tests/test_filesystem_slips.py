"""Slips that models and newcomers make are told with the remedy, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sanctuary_filesystem.editing import Editing
from sanctuary_filesystem.listing import Listing
from sanctuary_filesystem.moving import Moving
from sanctuary_filesystem.replacing import Edit
from sanctuary_filesystem.roots import open_roots
from sanctuary_host import Boundary, Host, Mount, ToolError
from sanctuary_host.doors import Trees
from sanctuary_host.testing import connected


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def trees(work: Path) -> Iterator[Trees]:
    host = Host(
        "filesystem", {"SANCTUARY_WORKSPACE": f"{work}:rw"}, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),))
    )
    yield open_roots(host)
    for ending in host.endings:
        ending()


def left(work: Path) -> list[str]:
    return sorted(path.name for path in work.iterdir() if path.name != ".sanctuary")


async def test_a_path_that_ends_in_a_slash_makes_an_empty_folder_once_and_no_file(work: Path) -> None:
    async with connected(
        "filesystem", SANCTUARY_WORKSPACE=f"{work}:rw", SANCTUARY_AUDIT=str(work.parent / "audit" / "trail")
    ) as client:
        made = await client.call_tool("write_file", {"path": "a/b/", "content": ""})
        again = await client.call_tool("write_file", {"path": "a/b/", "content": ""})
        full = await client.call_tool("write_file", {"path": "a/c/", "content": "text"})
    assert (made.content[0].text, made.structured_content["created"]) == ("a/b/: an empty folder", True)
    assert (again.content[0].text, again.structured_content["created"]) == (
        "a/b/: the folder was there already",
        False,
    )
    assert full.is_error
    assert "leave out the / at the end" in full.content[0].text
    assert [str(path.relative_to(work)) for path in sorted((work / "a").rglob("*"))] == ["a/b"]


@pytest.mark.parametrize("path", ["file/", "../away/", "/", "/away/", ".sanctuary/x/", "file/x/", "~/", "a\nb/"])
def test_a_folder_that_cannot_be_made_is_refused_and_nothing_is_left(work: Path, trees: Trees, path: str) -> None:
    (work / "file").write_text("as it was")
    with pytest.raises(ToolError):
        Editing(trees).write_file(path, "")
    assert left(work) == ["file"]
    assert left(work.parent) == ["work"]
    assert (work / "file").read_text() == "as it was"


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/", "paths start at its top"),
        ("/src/x.py", "paths start at its top"),
        ("~/x.py", "paths start at its top"),
        ("C:\\src\\x.py", "paths start at its top"),
        ("src\\x.py", "write / between names"),
        ("work/x.py", "paths start within work"),
        ("work", "paths start within work"),
    ],
)
def test_a_path_in_another_spelling_is_told_how_to_be_written(trees: Trees, path: str, remedy: str) -> None:
    for call in (Listing(trees).list_dir, lambda path: Listing(trees).find_files("*", path)):
        with pytest.raises(ToolError, match=r"^there is no .* in work; ") as refused:
            call(path)
        assert remedy in str(refused.value)


@pytest.mark.parametrize("path", ["src\\x.py", "C:\\x.py", "~/x.py", "a\\b/x.py", "../x.py", "none/../../x.py"])
def test_nothing_new_is_named_as_on_another_system_or_outside(work: Path, trees: Trees, path: str) -> None:
    (work / "old").write_text("old")
    calls: list[Callable[[], Any]] = [
        lambda: Editing(trees).write_file(path, "text"),
        lambda: Moving(trees).move_path("old", path),
    ]
    for call in calls:
        with pytest.raises(ToolError, match=r"write / between names|^there is no "):
            call()
    assert left(work) == ["old"]
    assert left(work.parent) == ["work"]


def test_files_that_have_such_names_already_are_edited_and_moved_to_better_ones(work: Path, trees: Trees) -> None:
    (work / "a\\b").write_text("old")
    Editing(trees).edit_file("a\\b", [Edit("old", "new")])
    Moving(trees).move_path("a\\b", "ab")
    assert (work / "ab").read_text() == "new"


def test_what_is_in_the_way_of_a_move_is_told_with_both_ways_out(work: Path, trees: Trees) -> None:
    (work / "file").write_text("1")
    (work / "other").write_text("2")
    (work / "folder").mkdir()
    with pytest.raises(ToolError, match=r"^there is a file at other already; to replace that one set overwrite$"):
        Moving(trees).move_path("file", "other")
    with pytest.raises(ToolError, match=r"already; to put it inside, write folder/NAME, to replace that one set"):
        Moving(trees).move_path("file", "folder")


def test_edits_that_would_take_many_copies_of_a_large_file_are_refused(work: Path, trees: Trees) -> None:
    (work / "wide").write_bytes(b"\xff\xfe" + "\N{CJK UNIFIED IDEOGRAPH-4E2D}\r\n".encode("utf-16-le") * (3 << 20))
    with pytest.raises(ToolError, match=r"^wide is in utf-16-le and has 18,874,370 bytes; of such files at most"):
        Editing(trees).edit_file("wide", [Edit("a", "b")])
    (work / "large").write_bytes(b"HERE" + b"a\n" * (11 << 20))
    with pytest.raises(ToolError, match=r"^large has 23,068,676 bytes; a file of more than 20,971,520 takes one edit"):
        Editing(trees).edit_file("large", [Edit("HERE", "THERE"), Edit("THERE", "HERE")])
    assert Editing(trees).edit_file("large", [Edit("HERE", "THERE")]).replaced == 1


def test_a_tree_that_does_not_show_all_of_a_folder_says_so_at_the_top(work: Path, trees: Trees) -> None:
    (work / "few").mkdir()
    (work / "few" / "one").touch()
    assert "truncated" not in Listing(trees).list_dir(depth=2)
    (work / "many").mkdir()
    for number in range(30):
        (work / "many" / f"{number:02}").touch()
    facts, *lines = Listing(trees).list_dir(depth=2).split("\n")
    assert "truncated" in facts
    assert lines[-1] == "  … 10 more"


async def test_a_workspace_that_is_not_there_is_one_fault_with_its_remedy(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    ran = await run("check", "--json", CLUSTER="filesystem", SANCTUARY_WORKSPACE=str(tmp_path / "none"))
    assert ran.status == 1
    (fault,) = ran.json["faults"]
    assert fault.startswith("plugin code (from sanctuary-host) was left out: SANCTUARY_WORKSPACE names ")
    assert "name a folder that is there" in fault
    assert "so were the plugins editing, information, listing" in fault


@pytest.mark.parametrize("mode", [":rx", ":w", ":RW", ":", ":rwx"])
async def test_a_mode_that_is_none_is_refused_with_those_that_there_are(
    work: Path, run: Callable[..., Any], mode: str
) -> None:
    ran = await run("check", "--json", CLUSTER="filesystem", SANCTUARY_WORKSPACE=f"{work}{mode}")
    assert ran.status != 0
    assert "SANCTUARY_WORKSPACE has a mode that is neither :ro nor :rw" in ran.out + ran.err
