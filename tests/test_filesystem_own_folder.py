"""The folder `.sanctuary` may hold anything when it comes with a checkout or an archive: nothing is blocked or harmed."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from sanctuary_filesystem.editing import Edit, Editing
from sanctuary_filesystem.moving import Moving
from sanctuary_filesystem.reading import Reading
from sanctuary_filesystem.roots import open_roots
from sanctuary_host import Boundary, Host, Mount, ToolError
from sanctuary_host.doors import Tree, changing
from sanctuary_host.folders import Folder

INTERRUPTED = """
import os, signal, sys
from sanctuary_host.doors import Tree, changing
from sanctuary_host.folders import Folder

steps = 0

def trace(frame, event, argument):
    global steps
    if frame.f_code.co_name == "do" and frame.f_code.co_filename.endswith("journal.py"):
        steps += 1
        if steps > int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

tree = Tree(Folder("work", sys.argv[1], True))
with changing(tree) as changes:
    changes.delete("a/gone", changes.read("a/gone"))
    changes.write("", b"NEW", changes.read("a/one"))
    changes.write("", b"NEW", changes.read("b/two"))
    sys.settrace(trace)
"""

SHORT = """
import json, os, resource, shutil, sys
from pathlib import Path
from sanctuary_host.doors import PathError, Tree, changing
from sanctuary_host.folders import Folder

top = Path(sys.argv[1])
tree = Tree(Folder("work", str(top), True))

def change(room):
    with changing(tree) as changes:
        changes.write("", b"new", changes.read("b/two"))
        changes.move("a", "c/d/e")
        last = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + room, last + room))

seen = []
for room in range(20):
    (top / "b/two").write_text("old")
    child = os.fork()
    if child == 0:
        try:
            change(room)
        except PathError:
            os._exit(1)
        os._exit(0)
    failed = bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    left = (top / ".sanctuary/journal.undoing").exists()
    tree.settle()
    seen.append([failed, left, (top / "a").exists(), (top / "c").exists(), (top / "b/two").read_text()])
    if (top / "c/d/e").exists():
        (top / "c/d/e").rename(top / "a")
        shutil.rmtree(top / "c")
print(json.dumps(seen))
"""


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "file").write_text("old\n")
    (folder / "precious").write_text("precious")
    return folder


@pytest.fixture
def trees(work):
    setting = {"SANCTUARY_WORKSPACE": f"{work}:rw"}
    host = Host("filesystem", setting, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),)))
    yield open_roots(host)
    for ending in host.endings:
        ending()


def change_two(work):
    tree = Tree(Folder("work", str(work), writable=True))
    try:
        with changing(tree) as changes:
            changes.write("", b"new\n", changes.read("file"))
            changes.write("second", b"new\n")
    finally:
        tree.close()


@pytest.mark.parametrize("name", ["journal", "journal.begun", "elsewhere", "lock", "work/x", "trash"])
@pytest.mark.parametrize("kind", ["hard link", "pipe", "link", "link out", "folder", "huge file"])
def test_nothing_is_written_through_what_stands_where_ours_stands_and_nothing_waits_for_it(work, name, kind, tmp_path):
    spot = work / ".sanctuary" / name
    spot.parent.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("outside")
    match kind:
        case "hard link":
            spot.hardlink_to(work / "precious")
        case "pipe":
            os.mkfifo(spot)
        case "link":
            spot.symlink_to("../precious")
        case "link out":
            spot.symlink_to(outside)
        case "folder":
            (spot / "in").mkdir(parents=True)
        case _:
            spot.touch()
            os.truncate(spot, 10 << 30)
    if name == "lock" and kind in {"link", "link out", "folder"}:
        with pytest.raises(ToolError, match="move it away"):
            change_two(work)
        assert (work / "file").read_text() == "old\n"
        shutil.rmtree(work / ".sanctuary")
    change_two(work)
    assert ((work / "file").read_text(), (work / "second").read_text()) == ("new\n", "new\n")
    assert ((work / "precious").read_text(), outside.read_text()) == ("precious", "outside")


@pytest.mark.parametrize("junk", ["file", "link", "link out", "lock", "work"])
def test_with_a_journal_from_a_checkout_and_a_folder_that_cannot_be_used_files_are_still_read(
    work, trees, tmp_path, junk
):
    own = work / ".sanctuary"
    match junk:
        case "file":
            own.write_text("")
        case "link":
            (work / "other").mkdir()
            (work / "other/journal").write_text("{}")
            own.symlink_to("other")
        case "link out":
            (tmp_path / "journal").write_text("{}")
            own.symlink_to(tmp_path)
        case _:
            own.mkdir()
            (own / "journal").write_text('{"format": 1, "inodes": [1, 2, 3], "steps": []}')
            (own / "lock").mkdir() if junk == "lock" else (own / "work").write_text("")
    assert Reading(trees).read_file("file").endswith("old")
    for change in (
        lambda: Editing(trees).edit_file("file", [Edit("old", "new")]),
        lambda: Editing(trees).write_file("new", ""),
        lambda: Moving(trees).move_path("file", "moved"),
        lambda: Moving(trees).delete_path("file"),
    ):
        with pytest.raises(ToolError) as error:
            change()
        assert str(error.value).startswith(".sanctuary in work was not made by this server and its user")
    assert (work / "file").read_text() == "old\n"
    assert not (work / "new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_told_and_keeps_nobody_from_reading(work, trees):
    own = work / ".sanctuary"
    own.mkdir()
    (own / "journal").write_text("{}")
    os.chown(own, 1234, 1234)
    assert "old" in Reading(trees).read_file("file")
    with pytest.raises(ToolError, match="was not made by this server and its user"):
        Editing(trees).write_file("new", "")


@pytest.mark.parametrize("taken", ["away", "for a link", "for a link out", "for a file"])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_change_that_was_killed_and_whose_folder_is_gone_blocks_nobody_and_loses_nothing(
    work, tmp_path, taken, steps
):
    for name in ("a/gone", "a/one", "b/two"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(f"old {name}")
    killed = subprocess.run([sys.executable, "-c", INTERRUPTED, work, str(steps)], check=False)
    assert killed.returncode < 0
    (work / "a").rename(tmp_path / "a")
    match taken:
        case "for a link":
            (work / "a").symlink_to("b")
        case "for a link out":
            (work / "a").symlink_to(tmp_path / "a")
        case "for a file":
            (work / "a").write_text("")
    host = Host(
        "filesystem", {"SANCTUARY_WORKSPACE": f"{work}:rw"}, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),))
    )
    trees = open_roots(host)
    try:
        assert "old b/two" in Reading(trees).read_file("b/two")
        Editing(trees).write_file("b/new", "")
    finally:
        for ending in host.endings:
            ending()
    left = [path.read_text() for path in (*tmp_path.rglob("*"), *work.rglob("*")) if path.is_file()]
    assert {"old a/gone", "old a/one", "old b/two"} <= {*left}
    assert not (work / ".sanctuary/journal").exists()


def test_a_change_that_failed_and_could_not_be_undone_at_once_is_undone_later_and_never_finished(work):
    for name in ("a", "b"):
        (work / name).mkdir()
    done = subprocess.run([sys.executable, "-c", SHORT, work], capture_output=True, text=True, check=True)
    seen = {tuple(one) for one in json.loads(done.stdout)}
    assert {one for one in seen if one[2:] != ((True, False, "old") if one[0] else (False, True, "new"))} == set()
    assert {one[0] for one in seen} == {True, False}
    assert True in {one[1] for one in seen}
