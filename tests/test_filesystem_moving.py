"""Moving, copying and deleting: nothing is replaced unasked, nothing is lost, and what is deleted can be had back."""

import json
import os
import stat
import subprocess
import time

import pytest

from sanctuary_filesystem.moving import Moving
from sanctuary_filesystem.roots import open_roots
from sanctuary_host import Boundary, Host, Mount, ToolError
from sanctuary_host.testing import connected


@pytest.fixture
def top(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def other(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


@pytest.fixture
def tools(top, other):
    (top.parent / "kept").mkdir()
    (top.parent / "kept" / "file").write_text("kept")
    setting = f"{top}:rw,two={other}:rw,kept={top.parent / 'kept'}:ro"
    host = Host("filesystem", {"SANCTUARY_WORKSPACE": setting}, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),)))
    trees = open_roots(host)
    moving = Moving(trees)
    yield moving
    for ending in host.endings:
        ending()


def put(top, name, content="contents"):
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def served(top, setting=None):
    return connected(
        "filesystem", SANCTUARY_WORKSPACE=setting or f"{top}:rw", SANCTUARY_AUDIT=str(top.parent / "audit" / "trail")
    )


def tree_of(top):
    """What is in a folder: names, and contents, targets or nothing."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if name.partition("/")[0] != ".sanctuary":
            found[name] = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else None
    return found


def names(folder):
    return [entry.name for entry in folder.iterdir()]


def identity(deleted):
    [one] = deleted.items
    return one


def refused(call, *arguments, **more):
    with pytest.raises(ToolError) as error:
        call(*arguments, **more)
    return str(error.value)


async def test_a_client_moves_copies_deletes_and_after_a_restart_restores(top):
    put(top, "a/file")
    (top / "a/link").symlink_to("file")
    async with served(top) as client:
        await client.call_tool("move_path", {"source": "a", "target": "new/b"})
        copied = await client.call_tool("move_path", {"source": "new/b", "target": "c", "copy": True})
        deleted = await client.call_tool("delete_path", {"path": "new/b"})
    assert copied.structured_content["note"] == "copied 3 entries, 12 bytes"
    assert tree_of(top) == {"c": None, "c/file": "contents", "c/link": "file", "new": None}
    async with served(top) as client:
        listed = await client.call_tool("delete_path", {"path": ".", "action": "list"})
        [one] = deleted.structured_content["items"]
        restored = await client.call_tool("delete_path", {"path": one, "action": "restore"})
        tools = {tool.name for tool in (await client.list_tools()).tools}
    assert list(listed.structured_content["items"]) == [one]
    assert "new/b (a folder, 8 bytes" in listed.content[0].text
    assert not restored.is_error
    assert tree_of(top)["new/b/link"] == "file"
    trail = "".join(path.read_text() for path in (top.parent / "audit").iterdir())
    assert '"new/b"' in trail
    assert {"write_file", "edit_file", "move_path", "delete_path"} <= tools


async def test_where_nothing_may_be_written_there_is_no_tool_that_writes(top):
    async with served(top, f"{top}:ro") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert not names & {"write_file", "edit_file", "move_path", "delete_path"}


def test_nothing_is_replaced_unless_that_is_asked_for_and_then_it_is_in_the_trash(top, tools):
    put(top, "a", "A")
    put(top, "b", "B")
    (top / "folder").mkdir()
    (top / "dangling").symlink_to("nowhere")
    for target in ("b", "folder", "dangling"):
        for copy in (False, True):
            assert "already" in refused(tools.move_path, "a", target, copy=copy)
    assert "write work:folder/NAME" in refused(tools.move_path, "a", "folder")
    moved = tools.move_path("a", "b", overwrite=True)
    assert tree_of(top) == {"b": "A", "dangling": "nowhere", "folder": None}
    put(top, "a", "A")
    tools.move_path("b", "c")
    tools.delete_path(moved.trashed, "restore")
    assert (top / "b").read_text() == "B"
    tools.move_path("a", "folder", copy=True, overwrite=True)
    assert tree_of(top) == {"a": "A", "b": "B", "c": "A", "dangling": "nowhere", "folder": "A"}
    tools.delete_path("c")
    tools.move_path("folder", "c")
    tools.delete_path("c")
    assert len(tools.delete_path(".", "list").items) == 3


def test_links_are_moved_and_copied_as_links(top, other, tools):
    put(top, "file")
    (top / "out").symlink_to("/etc/passwd")
    (top / "dangling").symlink_to("nowhere")
    tools.move_path("out", "deep/out")
    tools.move_path("deep/out", "copied", copy=True)
    tools.move_path("dangling", "two:dangling")
    assert tree_of(top) == {"copied": "/etc/passwd", "deep": None, "deep/out": "/etc/passwd", "file": "contents"}
    assert tree_of(other) == {"dangling": "nowhere"}


@pytest.mark.parametrize("copy", [False, True])
def test_a_folder_does_not_go_into_itself_by_whichever_way(top, tools, copy):
    put(top, "a/b/file")
    (top / "link").symlink_to("a")
    before = tree_of(top)
    for target in ("a/x", "a/b/x", "link/x", "a/../a/x", "./a//x", "a/new/x"):
        assert "into itself" in refused(tools.move_path, "a", target, copy=copy), target
    assert "are the same" in refused(tools.move_path, "a", "a", copy=copy, overwrite=True)
    assert "are the same" in refused(tools.move_path, "a", "a/../a", copy=copy, overwrite=True)
    assert "cannot be replaced" in refused(tools.move_path, "a/b", "a", copy=copy, overwrite=True)
    assert tree_of(top) == before
    tools.move_path("a", "a/../b", copy=copy)
    assert (top / "b/b/file").exists()


@pytest.mark.parametrize(
    "path",
    [".", "", "work:", "/", "..", "../x", "a/..", "nothing", "out/file", "nul\0", "fifo/x", "n" * 300, ".sanctuary",
     ".sanctuary/trash", "own/trash", "a/../.sanctuary", "/etc/passwd", "kept:file"],
)  # fmt: skip
def test_what_cannot_be_moved_or_deleted_is_refused_and_stays(top, tools, path):
    outside = top.parent / "outside"
    put(outside, "file")
    put(top, "a/file")
    os.mkfifo(top / "fifo")
    (top / "out").symlink_to(outside)
    tools.delete_path("a/file")
    (top / "own").symlink_to(".sanctuary")
    before = tree_of(top)
    assert refused(tools.delete_path, path)
    assert refused(tools.move_path, path, "new")
    assert refused(tools.move_path, path, "two:new")
    assert tree_of(top) == before
    assert tree_of(outside) == {"file": "contents"}
    assert len(tools.delete_path(".", "list").items) == 1


@pytest.mark.parametrize(
    "target",
    ["out/new", "../new", "/new", "new\nline", "new\x1b[2J", ".", "", "kept:new", "file/x", ".sanctuary/x", "x" * 300],
)
def test_targets_that_are_none_are_refused(top, tools, target):
    outside = top.parent / "outside"
    outside.mkdir()
    put(top, "file")
    put(top, "a")
    (top / "out").symlink_to(outside)
    before = tree_of(top)
    for copy in (False, True):
        assert refused(tools.move_path, "a", target, copy=copy)
    assert tree_of(top) == before
    assert tree_of(outside) == {}


def test_what_is_outside_and_what_is_missing_are_told_alike(top, tools):
    put(top.parent / "outside", "file")
    (top / "out").symlink_to(top.parent / "outside")
    (top / "in").mkdir()
    for call in (tools.delete_path, lambda path: tools.move_path(path, "new")):
        told = {
            refused(call, path).replace(path, "X") for path in ("out/file", "out/none", "in/none", "none", "../work")
        }
        assert told == {"there is no X in work"}


def test_a_copy_has_the_mode_and_the_times_and_the_holes(top, tools):
    path = put(top, "folder/file", "x")
    with path.open("r+b") as file:
        file.truncate(1 << 30)
        file.seek(512 << 20)
        file.write(b"middle")
    path.chmod(0o750)
    os.utime(path, ns=(1_000_000_001, 2_000_000_002))
    (top / "folder").chmod(0o511)
    tools.move_path("folder", "copied", copy=True)
    copy = top / "copied/file"
    assert (stat.S_IMODE(copy.stat().st_mode), copy.stat().st_mtime_ns) == (0o750, 2_000_000_002)
    assert (copy.stat().st_size, copy.stat().st_blocks < 10_000) == (1 << 30, True)
    with copy.open("rb") as file:
        file.seek(512 << 20)
        assert file.read(7) == b"middle\0"
    (top / "folder").chmod(0o755)


def test_what_is_no_file_is_not_copied_but_moved(top, tools):
    put(top, "folder/file")
    os.mkfifo(top / "folder/fifo")
    assert "fifo is a named pipe" in refused(tools.move_path, "folder", "copied", copy=True)
    assert "fifo is a named pipe" in refused(tools.move_path, "folder", "two:copied")
    assert not (top / "copied").exists()
    assert names(top / ".sanctuary/work") == []
    tools.move_path("folder", "moved")
    assert stat.S_ISFIFO((top / "moved/fifo").stat().st_mode)


def test_between_folders_what_was_copied_is_removed(top, other, tools):
    put(top, "a/b/file")
    put(other, "a", "in the way")
    assert "already" in refused(tools.move_path, "a", "two:a")
    moved = tools.move_path("a", "two:a", overwrite=True)
    assert moved.path == "two:a"
    assert tree_of(top) == {}
    assert tree_of(other) == {"a": None, "a/b": None, "a/b/file": "contents"}
    assert tools.delete_path(".", "list").items == {}
    assert list(tools.delete_path("two:.", "list").items) == [moved.trashed]
    assert "read-only" in refused(tools.move_path, "kept:file", "file")
    tools.move_path("kept:file", "file", copy=True)
    assert tree_of(top) == {"file": "kept"}


def test_deep_and_wide_folders_are_moved_copied_deleted_and_removed(top, tools):
    at = os.open(top, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    (top / "wide").mkdir()
    for number in range(3_000):
        (top / "wide" / str(number)).touch()
    for name in ("d", "wide"):
        tools.move_path(name, f"new/{name}")
        copied = tools.move_path(f"new/{name}", f"two:{name}")
        assert copied.note.startswith("copied 3,001" if name == "wide" else "copied 601")
        tools.delete_path(f"two:{name}")
    assert tree_of(top) == {"new": None}
    tools.delete_path("two:.", "purge")
    assert tools.delete_path("two:.", "list").items == {}
    assert names(top.parent / "other/.sanctuary/trash") == []


def test_the_trash_gives_back_by_id_or_by_the_path_where_it_was(top, tools):
    for content in ("first", "second"):
        put(top, "a/file", content)
        tools.delete_path("a//./file")
    assert tree_of(top) == {"a": None}
    (top / "a").rmdir()
    listed = tools.delete_path(".", "list")
    assert [line.split(" (")[0] for line in listed.items.values()] == ["work:a/file"] * 2
    newest = identity(tools.delete_path("a/file", "restore"))
    assert (newest, (top / "a/file").read_text()) == (next(iter(listed.items)), "second")
    again = refused(tools.delete_path, "a/file", "restore")
    assert "there is something at a/file now" in again
    tools.move_path("a/file", "kept-file")
    tools.delete_path("a/file", "restore")
    assert {(top / "a/file").read_text(), (top / "kept-file").read_text()} == {"first", "second"}
    assert "there is no" in refused(tools.delete_path, newest, "restore")
    assert tools.delete_path(".", "list").items == {}


def test_an_id_is_enough_for_what_is_in_the_trash_of_another_folder(other, tools):
    put(other, "file")
    one = identity(tools.delete_path("two:file"))
    assert one in tools.delete_path("two:.", "list").items
    tools.delete_path(one, "restore")
    assert tree_of(other) == {"file": "contents"}


def test_one_thing_or_all_are_removed_for_good(top, tools):
    for name in ("one", "two", "three"):
        put(top, f"{name}/file")
        tools.delete_path(name)
    assert "work:two (" in str(tools.delete_path("two", "purge"))
    assert tools.delete_path(".", "list").done == "2 in the trash"
    assert "there is no two" in refused(tools.delete_path, "two", "purge")
    assert tools.delete_path(".", "purge").done == "2 deleted for good"
    assert tools.delete_path(".", "purge").done == "0 deleted for good"
    assert tree_of(top) == {}


@pytest.mark.parametrize("name", ["new\nline", "bell\x07", "-rf", " ", "…", "'; --"])
def test_files_with_odd_names_can_be_deleted_and_had_back(top, tools, name):
    put(top, name)
    listed = tools.delete_path(name)
    assert len(str(listed).splitlines()) == 2
    tools.delete_path(identity(listed), "restore")
    assert tree_of(top) == {name: "contents"}


def test_what_is_older_than_thirty_days_goes_with_the_next_deletion(top, tools):
    put(top, "old")
    put(top, "new")
    put(top, "last")
    old = identity(tools.delete_path("old"))
    tools.delete_path("new")
    trash = top / ".sanctuary/trash"
    earlier = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() - 31 * 24 * 3600)) + "-0000"
    record = json.loads((trash / old / "record").read_text())
    (trash / old / "record").write_text(json.dumps(record | {"id": earlier, "time": record["time"] - 31 * 24 * 3600}))
    (trash / old).rename(trash / earlier)
    assert earlier in tools.delete_path(".", "list").items
    tools.delete_path("last")
    kept = [line.split(" (")[0] for line in tools.delete_path(".", "list").items.values()]
    assert sorted(kept) == ["work:last", "work:new"]
    assert len(names(trash)) == 2


@pytest.mark.parametrize(
    "record",
    [
        "", "{}", "[]", "[" * 30_000, '{"id": 1}', "x" * 100_000,
        '{"id": "20260101-000000-0000", "path": 7, "kind": "", "size": 0, "time": 0}',
        '{"id": "another", "path": "x", "kind": "", "size": 0, "time": 0}',
        '{"id": "20260101-000000-0000", "path": "../../x", "kind": "", "size": 0, "time": 0}',
        '{"id": "20260101-000000-0000", "path": "/etc/x", "kind": "", "size": 0, "time": 0}',
        '{"id": "20260101-000000-0000", "path": "x", "kind": "\\u001b[2J", "size": 0, "time": 1e999}',
        '{"id": "20260101-000000-0000", "path": "x", "kind": "a", "size": 0, "time": 99999999999999999}',
    ],
)  # fmt: skip
def test_records_that_somebody_else_made_lead_nowhere(top, tools, record):
    put(top, "file")
    tools.delete_path("file")
    forged = top / ".sanctuary/trash/20260101-000000-0000"
    put(forged, "item", "forged")
    (forged / "record").write_text(record)
    listed = tools.delete_path(".", "list")
    assert listed.done.endswith("in the trash")
    assert "\x1b" not in str(listed)
    assert refused(tools.delete_path, "20260101-000000-0000", "restore")
    assert tree_of(top.parent / "other") == {}
    assert not (top.parent / "x").exists()


def test_a_trash_that_is_a_link_is_not_followed(top, tools):
    outside = top.parent / "outside"
    put(outside, "file")
    put(top, "a")
    (top / ".sanctuary").mkdir(mode=0o700)
    (top / ".sanctuary/trash").symlink_to(outside)
    assert refused(tools.delete_path, "a")
    assert tools.delete_path(".", "list").items == {}
    assert (tree_of(top), tree_of(outside)) == ({"a": "contents"}, {"file": "contents"})


def test_what_is_not_permitted_stays_and_is_told(top, tools):
    put(top, "locked/file")
    (top / "locked").chmod(0o555)
    try:
        if os.access(top / "locked", os.W_OK):
            pytest.skip("root may do all that is tried here")
        assert "not permitted" in refused(tools.delete_path, "locked/file")
        assert "not permitted" in refused(tools.move_path, "locked/file", "new")
        tools.move_path("locked", "copied", copy=True)
        assert tree_of(top)["copied/file"] == "contents"
    finally:
        (top / "locked").chmod(0o755)


@pytest.fixture
def mounted(top):
    inner = top / "inner"
    inner.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", inner]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a file system")
    yield inner
    subprocess.run(["umount", "-l", inner], check=True)


def test_a_mount_point_is_neither_deleted_moved_nor_emptied(top, tools, mounted):
    put(mounted, "file")
    assert "mount point" in refused(tools.delete_path, "inner")
    assert refused(tools.move_path, "inner", "new")
    assert "another file system" in refused(tools.delete_path, "inner/file")
    put(top, "around/file")
    subprocess.run(["mount", "--bind", top / "inner", top / "around"], check=True)
    try:
        assert refused(tools.delete_path, "around")
    finally:
        subprocess.run(["umount", top / "around"], check=True)
    assert tree_of(mounted) == {"file": "contents"}


async def test_a_full_disk_leaves_nothing_of_a_copy(top, mounted):
    put(top, "file", "x" * 3_000_000)
    put(mounted, "small", "y")
    async with served(top, f"{top}:rw,inner={mounted}:rw") as client:
        copied = await client.call_tool("move_path", {"source": "file", "target": "inner:file", "copy": True})
        moved = await client.call_tool("move_path", {"source": "file", "target": "inner:file"})
    assert [copied.is_error, moved.is_error] == [True, True]
    assert "full; nothing was changed" in copied.content[0].text
    assert tree_of(mounted) == {"small": "y"}
    assert names(mounted / ".sanctuary/work") == []
    assert (top / "file").stat().st_size == 3_000_000
