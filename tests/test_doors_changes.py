"""Several files change all together or not at all, whoever is killed at whatever point, and nothing of them changes beside."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sanctuary_host.doors import OWN, Changes, PathError, Tree, changing
from sanctuary_host.folders import Folder

OLD = {"a/one": "one", "a/two": "two\r\n", "b/three": "three", "folder/in": "in", "plain": "plain"}
NEW = {"a/one": "ONE!", "new/deep/four": "four", "b/three": "THREE", "moved/in": "in", "plain": "PLAIN"}

DRIVER = r"""
import json, os, signal, sys
from pathlib import Path
from sanctuary_host.doors import Tree, changing
from sanctuary_host.folders import Folder

top, how, old, stride = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])

def build():
    for path in sorted(top.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, content in old.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content.encode())
    if how == "refill":
        os.chown(top / "plain", 1234, 1234)

def change():
    tree = Tree(Folder("w", str(top), True))
    with changing(tree) as changes:
        if how == "one":
            changes.write("", b"PLAIN", changes.read("plain"))
            return
        changes.write("", b"ONE!", changes.read("a/one"))
        changes.delete("a/two", changes.read("a/two"))
        changes.write("new/deep/four", b"four")
        changes.move("folder", "moved")
        changes.write("", b"THREE", changes.read("b/three"))
        changes.write("", b"PLAIN", changes.read("plain"))

def settle():
    tree = Tree(Folder("w", str(top), True))
    tree.settle()

def state():
    return {str(p.relative_to(top)): p.read_bytes().decode() for p in top.rglob("*") if p.is_file() and ".sanctuary" not in p.parts}

def killed(step, at):
    '''Run a step in a child that kills itself before the at-th line of the doors; gives whether it came so far.'''
    child = os.fork()
    if child == 0:
        left = at
        def trace(frame, event, argument):
            nonlocal left
            if "/doors/" not in frame.f_code.co_filename:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        step()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

seen = []
at = 0
while True:
    build()
    if not killed(change, at):
        break
    before = state()
    if how == "twice":
        again = at * 7 % 400
        killed(settle, again)
    settle()
    tree = Tree(Folder("w", str(top), True))
    with changing(tree):
        pass
    seen.append([at, before, state(), sorted(os.listdir(top / ".sanctuary" / "work")) if (top / ".sanctuary").exists() else [], (top / "plain").stat().st_uid])
    at += stride
print(json.dumps(seen))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tmp_path.joinpath("work").mkdir()
    opened = Tree(Folder("work", str(tmp_path / "work"), writable=True))
    yield opened
    opened.close()


def _put(tree: Tree, path: str, content: bytes = b"old") -> Path:
    file = Path(tree.path, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _replace(tree: Tree, path: str, content: bytes = b"new", also: bytes | None = None) -> None:
    with changing(tree) as changes:
        changes.write("", content, changes.read(path))
        if also is not None:
            changes.write("also", also)


def _mount(folder: Path, size: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a file system")


def _files(tree: Tree) -> dict[str, str]:
    top = Path(tree.path)
    return {str(p.relative_to(top)): p.read_text() for p in top.rglob("*") if p.is_file() and OWN not in p.parts}


@pytest.mark.parametrize("how", ["one", "many", "twice", "refill"])
def test_a_process_killed_at_any_line_leaves_the_old_or_the_new_and_never_a_mix(how: str, tmp_path: Path) -> None:
    if how == "refill" and os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    stride = "1" if how == "one" else "5"  # each line, given time
    command = [sys.executable, "-c", DRIVER, str(tmp_path), how, json.dumps(OLD), stride]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen: list[Any] = json.loads(done.stdout)
    new = {**OLD, "plain": "PLAIN"} if how == "one" else NEW
    outcomes = [after for _, _, after, _, _ in seen]
    assert {json.dumps(after) for after in outcomes if after not in (OLD, new)} == set()
    assert OLD in outcomes
    assert new in outcomes
    assert all(work == [] for _, _, _, work, _ in seen)
    if how == "one":  # nobody has to look again for it to be whole
        assert all(before in (OLD, new) for _, before, _, _, _ in seen)
    if how == "refill":
        assert {owner for *_, owner in seen} == {1234}


def test_a_journal_that_was_not_written_here_changes_nothing(tree: Tree) -> None:
    _put(tree, "victim")
    _put(tree, "evil", b"evil")
    own = Path(tree.path, OWN)
    own.mkdir()
    steps = [{"kind": "rename", "source": {"path": "evil", "work": False}, "target": {"path": "x", "work": False}, "inode": Path(tree.path, "evil").stat().st_ino, "other": 0, "kept": ""}]  # fmt: skip
    for record in ({"format": 1, "inodes": [1, 2, 3], "steps": steps}, {"format": 1}, [], "\0", {"steps": 5}):
        (own / "journal").write_text(json.dumps(record))
        tree.settle()
        with changing(tree):
            pass
        assert not (own / "journal").exists()
        assert _files(tree) == {"victim": "old", "evil": "evil"}
    (own / "journal").mkdir()
    (own / "journal/x").write_text("")
    tree.settle()
    with changing(tree):
        pass
    (own / "journal").symlink_to("/etc/passwd")
    tree.settle()
    with changing(tree):
        pass
    assert sorted(name.name for name in own.iterdir()) == ["lock", "work"]


def test_what_was_changed_meanwhile_is_not_overwritten(tree: Tree) -> None:
    file = _put(tree, "shared")

    def change(meanwhile: Callable[[], object]) -> None:
        with changing(tree) as changes:
            changes.write("", b"mine", changes.read("shared"))
            changes.write("beside", b"")
            meanwhile()

    with pytest.raises(PathError, match="changed by somebody else"):
        change(lambda: file.write_bytes(b"its"))
    assert _files(tree) == {"shared": "its"}
    with pytest.raises(PathError, match="already"):
        change(lambda: _put(tree, "beside", b"first"))
    assert _files(tree) == {"shared": "its", "beside": "first"}


def test_an_error_in_the_block_changes_nothing(tree: Tree) -> None:
    _put(tree, "one")

    def fail() -> None:
        with changing(tree) as changes:
            changes.write("", b"new", changes.read("one"))
            changes.write("two/three", b"")
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert _files(tree) == {"one": "old"}
    assert list(Path(tree.path, OWN, "work").iterdir()) == []


def test_changes_of_two_at_once_are_made_one_after_the_other(tree: Tree) -> None:
    _put(tree, "number", b"0")

    def add() -> None:
        mine = Tree(Folder("work", tree.path, writable=True))
        for _ in range(20):
            with changing(mine) as changes:
                held = changes.read("number")
                changes.write("", str(int(held.content) + 1).encode(), held)
        mine.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _files(tree) == {"number": "80"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o664, 0o666, 0o1644])
def test_a_files_mode_stays(tree: Tree, mode: int) -> None:
    file = _put(tree, "file")
    file.chmod(mode)
    _replace(tree, "file")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", mode)


def test_attributes_owner_and_group_stay(tree: Tree) -> None:
    file = _put(tree, "file")
    try:
        os.setxattr(file, "user.origin", b"here")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    before = file.stat()
    _replace(tree, "file")
    after = file.stat()
    assert file.read_bytes() == b"new"
    assert os.getxattr(file, "user.origin") == b"here"
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_other_names_of_a_file_keep_the_old_contents(tree: Tree) -> None:
    file = _put(tree, "file")
    other = file.with_name("other")
    other.hardlink_to(file)
    _replace(tree, "file")
    assert (file.read_bytes(), other.read_bytes()) == (b"new", b"old")


def test_a_link_within_leads_to_the_file_and_stays_a_link(tree: Tree) -> None:
    file = _put(tree, "deep/file")
    link, chain = Path(tree.path, "link"), Path(tree.path, "other/chain")
    link.symlink_to("deep/file")
    chain.parent.mkdir()
    chain.symlink_to("../link")
    _replace(tree, "other/chain")
    assert file.read_bytes() == b"new"
    assert (str(link.readlink()), str(chain.readlink())) == ("deep/file", "../link")


@pytest.mark.parametrize("target", ["{out}/secret", "../../out/secret", "{out}/none", "nowhere", "/proc/self/environ", "loop"])  # fmt: skip
def test_through_a_link_that_leads_out_nothing_is_read_written_moved_or_told(
    tree: Tree, target: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "secret").write_text("secret")
    Path(tree.path, "loop").symlink_to(target.format(out=out))
    Path(tree.path, "way").symlink_to(out)
    told: set[str] = set()
    tries = [
        lambda changes: changes.read("loop"),
        lambda changes: changes.write("loop/new", b""),
        lambda changes: changes.move("loop/secret", "mine"),
        lambda changes: changes.read("way/secret"),
        lambda changes: changes.write("way/new", b""),
        lambda changes: changes.move("way/secret", "mine"),
    ]
    for attempt in tries:
        with pytest.raises(PathError) as caught, changing(tree) as changes:
            attempt(changes)
        told.add(str(caught.value).split("there is no ")[-1].split("/")[0].split(" ")[0])
    assert told == {"loop", "way"}
    assert sorted(path.name for path in out.iterdir()) == ["secret"]
    assert (out / "secret").read_text() == "secret"


def test_new_files_come_with_the_folders_they_lack_and_the_group_of_theirs(tree: Tree) -> None:
    shared = Path(tree.path, "shared")
    shared.mkdir()
    if os.geteuid() == 0:
        os.chown(shared, 0, 4321)
        shared.chmod(0o2775)
    with changing(tree) as changes:
        changes.write("shared/new", b"x")
        changes.write("shared/deep/er", b"y", executable=True)
    assert (shared / "new").stat().st_gid == shared.stat().st_gid
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((shared / "new").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((shared / "deep/er").stat().st_mode) == 0o777 & ~mask
    assert sorted(path.name for path in shared.rglob("*")) == ["deep", "er", "new"]


HOSTILE = ["", ".", "..", "a/..", "../x", "/x", "a\nb", "a\0b", "x" * 256, "x/" * 2_100 + "x", "a\x1b[2Jb", ".sanctuary/x", "./.sanctuary", "file/x"]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_for_new_files_that_are_none_are_refused(tree: Tree, path: str) -> None:
    _put(tree, "file")
    before = sorted(Path(tree.path).parent.rglob("*"))

    def make(changes: Changes) -> None:
        changes.write(path, b"x")

    def move(changes: Changes) -> None:
        changes.move("file", path)

    for attempt in (make, move):
        with pytest.raises(PathError), changing(tree) as changes:
            attempt(changes)
    assert [each for each in sorted(Path(tree.path).parent.rglob("*")) if OWN not in each.parts] == before


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    _mount(tmp_path, "256k")
    try:
        full = Tree(Folder("full", str(tmp_path), writable=True))
        for name in ("one", "two"):
            (tmp_path / name).write_bytes(b"old" * 1_000)
        os.chown(tmp_path / "two", 1234, 1234)
        os.setxattr(tmp_path / "two", "trusted.kept", b"yes")
        for name in ("one", "two"):
            with pytest.raises(PathError, match="the disk that full is on is full; nothing was changed"):
                _replace(full, name, b"n" * 300_000)
            assert (tmp_path / name).read_bytes() == b"old" * 1_000
        with pytest.raises(PathError, match="full"):
            _replace(full, "one", also=b"3" * 300_000)
        assert (tmp_path / "one").read_bytes() == b"old" * 1_000
        _replace(full, "one", b"new")
        assert (tmp_path / "one").read_bytes() == b"new"
        full.close()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_files_on_a_file_system_within_are_changed_too(tree: Tree) -> None:
    inner = Path(tree.path, "inner")
    inner.mkdir()
    _mount(inner, "1m")
    try:
        _put(tree, "inner/file")
        _put(tree, "file")
        with changing(tree) as changes:
            changes.write("", b"new", changes.read("inner/file"))
            changes.write("", b"new", changes.read("file"))
            changes.write("inner/more", b"more")
        assert _files(tree) == {"inner/file": "new", "file": "new", "inner/more": "more"}
        with pytest.raises(PathError, match="on another file system"), changing(tree) as changes:
            changes.move("file", "inner/moved")
        with changing(tree) as changes:
            changes.delete("inner/file", changes.read("inner/file"))
        assert _files(tree) == {"file": "new", "inner/more": "more"}
        assert sorted(path.name for path in inner.iterdir()) == ["more"]
    finally:
        subprocess.run(["umount", "-l", inner], check=True)


def test_what_may_not_be_written_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    reader = Tree(Folder("work", str(tmp_path), writable=False))
    with pytest.raises(PathError, match="work is read-only"):
        _replace(reader, "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    if os.geteuid() == 0:
        return  # root may write all else
    (tmp_path / "file").chmod(0o444)
    writer = Tree(Folder("work", str(tmp_path), writable=True))
    with pytest.raises(PathError, match="not permitted"):
        _replace(writer, "file")
    assert (tmp_path / "file").read_text() == "old"
